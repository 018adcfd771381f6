//! The programs under test, built once.
//!
//! `MFA_TEST_BIN` names a folder with built programs (`make test` sets it to `target/release`);
//! without it they are built here, so that a plain `cargo test` never tests an old agent.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The paths of the programs under test.
#[derive(Debug)]
pub struct Built {
    /// The module.
    pub module: PathBuf,
    pub agent: PathBuf,
    /// The command line.
    pub mfactl: PathBuf,
    /// A PAM client that reads its answers from a pipe.
    pub pam_login: PathBuf,
    /// The root of the source tree.
    pub tree: PathBuf,
}

impl Built {
    /// Cargo's target folder, where tests also keep what takes long to make.
    #[must_use]
    pub fn target(&self) -> PathBuf {
        let folder = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
        self.tree.join(folder)
    }
}

/// The programs under test.
pub fn built() -> &'static Built {
    static BUILT: OnceLock<Built> = OnceLock::new();
    BUILT.get_or_init(|| {
        let tree = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .expect("a tree")
            .to_owned();
        let folder = match std::env::var_os("MFA_TEST_BIN") {
            Some(folder) => tree.join(folder),
            None => build(&tree),
        };
        let pam_login = compile_pam_login(&tree, &folder);
        Built {
            module: existing(folder.join("libpam_mfa.so")),
            agent: existing(folder.join("mfa-agent")),
            mfactl: existing(folder.join("mfactl")),
            pam_login,
            tree,
        }
    })
}

fn build(tree: &Path) -> PathBuf {
    // The whole workspace, like `make`: a selection of packages has other features, and would be
    // rebuilt.
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "--quiet", "--workspace"])
        .current_dir(tree);
    // Cargo sets these for a test of its package: ring is rebuilt whenever they change.
    let of_this_test = |name: &str| {
        ["CARGO_PKG_", "CARGO_MANIFEST_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
    };
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(of_this_test) {
            cargo.env_remove(name);
        }
    }
    let status = cargo.status().expect("cargo");
    assert!(status.success(), "the programs under test do not build");
    // target/debug/deps/a_test-0123 is next to the programs that cargo has just built.
    let this = std::env::current_exe().expect("the path of this test");
    this.parent()
        .and_then(Path::parent)
        .expect("a target folder")
        .to_owned()
}

/// Compiles under a name of this process and renames it, so that concurrent tests do not see half
/// of it.
fn compile_pam_login(tree: &Path, folder: &Path) -> PathBuf {
    let source = tree.join("tests/programs/pam_login.c");
    let program = folder.join("pam_login");
    if is_newer(&program, &source) {
        return program;
    }
    let draft = folder.join(format!("pam_login.{}", std::process::id()));
    let status = Command::new("cc")
        .args(["-O2", "-Wall", "-Wextra", "-o"])
        .args([&draft, &source])
        .args(["-lpam", "-lpam_misc", "-lpthread"])
        .status()
        .expect("cc");
    assert!(
        status.success(),
        "tests/programs/pam_login.c does not compile"
    );
    std::fs::rename(&draft, &program).expect("pam_login in its place");
    program
}

fn is_newer(made: &Path, source: &Path) -> bool {
    let time = |path: &Path| std::fs::metadata(path).and_then(|m| m.modified()).ok();
    time(made) > time(source)
}

fn existing(path: PathBuf) -> PathBuf {
    assert!(
        path.exists(),
        "{} is missing: `make system-test` builds it",
        path.display()
    );
    path
}
