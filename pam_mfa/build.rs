//! Links the shipped module so that a login loads little.
//!
//! It has its own unwinder. Otherwise each login would also load `libgcc_s.so.1` wherever the program does not use it
//! itself, which costs 0.1 ms, four times as much as the module alone. The module unwinds only its own frames, so its
//! own copy is enough. And what only a fault runs lies apart from the rest (`rare.ld`).

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("PROFILE").as_deref() != Ok("release") {
        return;
    }
    println!("cargo::rerun-if-changed=rare.ld");
    let script = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("rare.ld");
    if is_laid_out_so() && is_understood(&script) {
        println!("cargo::rustc-link-arg-cdylib=-Wl,-T,{}", script.display());
    }
    // If the compiler has none, libgcc_s works as well.
    if let Some(folder) = unwinder() {
        println!("cargo::rustc-link-search=native={}", folder.display());
        println!("cargo::rustc-link-lib=static:-bundle=gcc_eh");
    }
}

/// Whether the script is for this machine. On others `.plt` is no code.
fn is_laid_out_so() -> bool {
    let machine = variable("CARGO_CFG_TARGET_ARCH");
    ["x86_64", "aarch64"].contains(&machine.as_str())
}

/// Whether the linker adds the script to its own: somebody may have chosen one that does not.
fn is_understood(script: &Path) -> bool {
    println!("cargo::rerun-if-env-changed=CARGO_ENCODED_RUSTFLAGS");
    let folder = PathBuf::from(variable("OUT_DIR"));
    let (source, made) = (folder.join("probe.rs"), folder.join("probe.so"));
    let written = std::fs::write(
        &source,
        "#[unsafe(no_mangle)] pub extern \"C\" fn probe() {}\n",
    );
    let mut compiler = Command::new(variable("RUSTC"));
    compiler.args(["--edition=2024", "--crate-type=cdylib", "--target"]);
    compiler
        .arg(variable("TARGET"))
        .arg("-o")
        .args([&made, &source]);
    compiler.arg(format!("-Clink-arg=-Wl,-T,{}", script.display()));
    let flags = variable("CARGO_ENCODED_RUSTFLAGS");
    compiler.args(flags.split('\u{1f}').filter(|flag| !flag.is_empty()));
    if let Ok(linker) = std::env::var("RUSTC_LINKER") {
        compiler.arg(format!("-Clinker={linker}"));
    }
    written.is_ok()
        && compiler
            .output()
            .is_ok_and(|output| output.status.success())
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
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
