//! `mfa-manual FOLDER`: man pages below `FOLDER/man`, completions below `FOLDER/completions`.
//!
//! Run by `make man`. The pages of `mfactl` come from its own arguments, `agent.toml(5)` from the
//! table of keys; those that are written by hand stand in `packaging/man`.

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
        Err(e) => told(&format!("the manual can't be written: {e}")),
    }
}

fn write(folder: &Path) -> io::Result<()> {
    mfa_manual::pages(&folder.join("man"))?;
    mfa_manual::completions(&folder.join("completions"))
}

/// It speaks to whoever builds, and nothing else goes there.
fn told(text: &str) -> ExitCode {
    use io::Write;
    let _ = writeln!(io::stderr(), "{text}");
    ExitCode::FAILURE
}
