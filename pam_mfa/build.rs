//! How the shipped module is linked.
//!
//! With the unwinder inside: each login loads the module anew, and a module that needs `libgcc_s.so.1` has
//! that loaded with it wherever the program does not use it itself. That costs 0.1 ms, four times what
//! the module alone costs. The module unwinds its own frames only, so that a copy of its own is enough.

use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("PROFILE").as_deref() != Ok("release") {
        return;
    }
    // Where the compiler has none, libgcc_s does as well.
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
    // A compiler that does not know the file prints its bare name.
    path.is_absolute()
        .then(|| path.parent().map(PathBuf::from))
        .flatten()
}
