//! How the module is linked.
//!
//! - A program that has loaded it keeps it until it ends (decision 50): Rust's library does not
//!   support that it is unloaded, and the next login does not load it again.
//! - As shipped, it has its own unwinder. Otherwise each program would also load `libgcc_s.so.1`
//!   unless it uses that itself, which costs 0.1 ms, four times as much as the module alone. The
//!   module unwinds only its own frames, so its own copy is enough.

use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    if std::env::var("PROFILE").as_deref() != Ok("release") {
        return;
    }
    // If the compiler has none, libgcc_s works as well.
    if let Some(folder) = unwinder() {
        println!("cargo::rustc-link-search=native={}", folder.display());
        println!("cargo::rustc-link-lib=static:-bundle=gcc_eh");
    }
}

/// The folder of `libgcc_eh.a`.
fn unwinder() -> Option<PathBuf> {
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let output = Command::new(compiler)
        .arg("-print-file-name=libgcc_eh.a")
        .output()
        .ok()?;
    let path = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    // A compiler that does not have the file prints the bare name.
    path.is_absolute()
        .then(|| path.parent().map(PathBuf::from))
        .flatten()
}
