//! `mfa-manual FOLDER`: man pages below `FOLDER/man`, completions below `FOLDER/completions`.
//!
//! `make man` runs it. The pages of `mfactl` come from its arguments, `agent.toml(5)` from the table of keys; the other
//! pages are in `packaging/man`.

#![forbid(unsafe_code)]

use std::io;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        return told("usage: mfa-manual FOLDER");
    };
    match write(Path::new(&folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => told(&format!("can't write the manual: {e}")),
    }
}

fn write(folder: &Path) -> io::Result<()> {
    mfa_manual::pages(&folder.join("man"))?;
    mfa_manual::completions(&folder.join("completions"))
}

/// Messages for the person who builds.
fn told(text: &str) -> ExitCode {
    use io::Write;
    let _ = writeln!(io::stderr(), "{text}");
    ExitCode::FAILURE
}
