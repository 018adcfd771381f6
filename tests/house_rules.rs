//! The ten rules of the house, as far as the source tells whether they are kept.
//!
//! Others are proved at run time: rule 1 and 2 by `durable`, `crowd` and `lockout`, rule 5 by
//! `closed_on_error`, rule 6 by `peers`, rule 7 by `limits`, rule 8 by `no_telling`, rule 9 by
//! `lockout`, `sshd` and `terminal`.

use std::path::Path;
use std::process::Command;

use mfa_tests::{Source, built, run, sources};

/// The crates that `name` is built of, itself among them, each with its features.
fn crates_of(name: &str) -> Vec<(String, String)> {
    let mut tree = Command::new(env!("CARGO"));
    tree.args([
        "tree",
        "-p",
        name,
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{p} {f}",
        "--offline",
    ]);
    let output = run(tree.current_dir(&built().tree));
    assert!(output.is_success(), "{output:?}");
    let lines = output.stdout.lines();
    let named = |line: &str| {
        let (name, rest) = line.split_once(' ')?;
        let features = rest.rsplit(' ').next().unwrap_or_default();
        Some((name.to_owned(), features.to_owned()))
    };
    lines.filter_map(named).collect()
}

/// Fails when `name` is built of one of these crates.
fn is_built_without(name: &str, others: &[&str]) {
    for (found, _) in crates_of(name) {
        assert!(
            !others.contains(&found.as_str()),
            "{name} depends on {found}"
        );
    }
}

/// Fails when one of these crates is built into `name` with a feature that reads the host.
fn is_built_without_features(name: &str, others: &[(&str, &str)]) {
    for (found, features) in crates_of(name) {
        let has = |(other, feature): &&(&str, &str)| {
            found == *other && features.split(',').any(|has| has == *feature)
        };
        let feature = others.iter().find(has);
        assert_eq!(feature, None, "{name} depends on {found} with {features}");
    }
}

/// Fails when a source contains one of `words`, and says which and where.
fn hold_none_of(sources: &[Source], words: &[&str]) {
    let found: Vec<String> = sources
        .iter()
        .flat_map(|source| {
            let lines = source
                .code
                .lines()
                .filter(|line| words.iter().any(|w| line.contains(w)));
            lines.map(|line| format!("{}: {}", source.path.display(), line.trim()))
        })
        .collect();
    assert!(found.is_empty(), "not allowed here:\n{}", found.join("\n"));
}

fn hold(sources: &[Source], word: &str) -> bool {
    sources.iter().any(|source| source.code.contains(word))
}

#[test]
fn rule_2_the_store_is_changed_by_compare_and_swap_only() {
    let edge = sources("mfa-agent/src");
    let outside: Vec<Source> = edge
        .into_iter()
        .filter(|source| !source.path.starts_with("mfa-agent/src/store"))
        .collect();
    hold_none_of(
        &outside,
        &[
            "sled::",
            "fetch_and_update",
            "update_and_fetch",
            ".insert(&key",
        ],
    );
    let store = sources("mfa-agent/src/store");
    hold_none_of(
        &store,
        &["fetch_and_update", "update_and_fetch", ".apply_batch("],
    );
}

#[test]
fn rule_3_the_core_reads_no_clock_and_does_no_io() {
    let forbidden = [
        "SystemTime",
        "Instant::now",
        "Timestamp::now",
        "Zoned::now",
        "std::fs",
        "TcpStream",
        "UdpSocket",
        "UnixStream",
        "ToSocketAddrs",
        "std::os",
        // An error of the host may come in.
        "use std::io",
        "io::Read",
        "io::Write",
        "io::std",
        "std::env",
        "std::process",
        "std::thread",
        "thread::",
        "getrandom",
        "Mutex",
        "RwLock",
        "Atomic",
        "static mut",
        "\nstatic ",
        "OnceLock",
        "File::",
        "nix::",
        "libc::",
        "sled",
        "argon2",
        "println!",
        "eprintln!",
    ];
    hold_none_of(&sources("mfa-import/src"), &forbidden);
    // mfa-core/clippy.toml forbids the functions of the standard library.
    let outside = [
        "nix",
        "libc",
        "getrandom",
        "rand",
        "fastrand",
        "sled",
        "argon2",
        "clap",
        "toml",
        "ureq",
        "rustls",
        "syslog",
        "socket2",
        "tokio",
        "mfa-agent",
        "mfa-radius",
    ];
    is_built_without("mfa-core", &outside);
    // Time zones of the host, and a clock.
    let outside = [
        ("jiff", "tz-system"),
        ("jiff", "tzdb-zoneinfo"),
        ("totp-rs", "std"),
    ];
    is_built_without_features("mfa-core", &outside);
}

#[test]
fn rule_4_the_module_starts_no_thread_and_changes_no_state_of_its_host() {
    let mut all = sources("pam_mfa/src");
    all.extend(sources("mfa-protocol/src"));
    let forbidden = [
        "thread::spawn",
        "thread::Builder",
        "thread::scope",
        "thread::sleep",
        "spawn(",
        "sigaction",
        "signal(",
        "set_var",
        "remove_var",
        "set_current_dir",
        "umask",
        "fork(",
        "Command::",
        "process::exit",
        "process::abort",
        "println!",
        "eprintln!",
        "setuid",
        "seteuid",
        "chdir",
        "tokio",
        "async ",
        "static mut",
    ];
    hold_none_of(&all, &forbidden);
}

#[test]
fn rule_4_the_module_knows_nothing_of_policy() {
    let agents = [
        "mfa-agent",
        "mfa-core",
        "toml",
        "tokio",
        "sled",
        "argon2",
        "tracing",
        "log",
        "clap",
    ];
    is_built_without("pam_mfa", &agents);
}

#[test]
fn rule_4_a_panic_unwinds_and_is_caught() {
    let manifest = std::fs::read_to_string(built().tree.join("Cargo.toml")).unwrap();
    assert!(
        !manifest.contains("panic = \"abort\""),
        "abort kills the host program"
    );
    assert!(manifest.contains("panic = \"unwind\""));
    assert!(
        hold(&sources("pam_mfa/src"), "pam_hooks!"),
        "its hooks catch panics"
    );
}

#[test]
fn rule_7_queues_are_bounded() {
    let edge = sources("mfa-agent/src");
    // An unbounded channel or table grows as long as input comes.
    hold_none_of(&edge, &["mpsc::channel(", "mpsc::channel::<", "unbounded"]);
    let mut readers = edge;
    readers.extend(sources("pam_mfa/src"));
    readers.extend(sources("mfa-protocol/src"));
    hold_none_of(&readers, &["read_until(0"]);
}

#[test]
fn rule_8_no_secret_is_exposed_to_a_log() {
    let mut all = sources("pam_mfa/src");
    for folder in ["mfa-protocol/src", "mfa-core/src", "mfa-agent/src"] {
        all.extend(sources(folder));
    }
    let speakers = [
        "format!", "log(", "info(", "warn(", "error(", "debug(", "write!", "writeln!",
    ];
    let telling: Vec<String> = all
        .iter()
        .flat_map(|source| {
            let lines = source.code.lines().filter(|line| {
                line.contains("expose()") && speakers.iter().any(|speaker| line.contains(speaker))
            });
            lines.map(|line| format!("{}: {}", source.path.display(), line.trim()))
        })
        .collect();
    assert!(telling.is_empty(), "{}", telling.join("\n"));
    let secret = sources("mfa-protocol/src/secret");
    hold_none_of(&secret, &["Display for Secret"]);
    assert!(hold(&secret, "ZeroizeOnDrop"));
}

#[test]
fn unsafe_code_is_only_where_it_is_allowed() {
    let allowed = [
        "pam_mfa/src/libpam",
        "pam_mfa/src/lib.rs",
        "mfa-agent/src/sys.rs",
    ];
    for folder in [
        "pam_mfa/src",
        "mfa-protocol/src",
        "mfa-agent/src",
        "mfactl/src",
    ] {
        for source in sources(folder) {
            if allowed
                .iter()
                .any(|place| source.path.to_string_lossy().starts_with(place))
            {
                continue;
            }
            for word in [
                "unsafe {",
                "unsafe fn",
                "unsafe impl",
                "unsafe extern",
                "allow(unsafe_code",
            ] {
                assert!(
                    !source.code.contains(word),
                    "{}: {word}",
                    source.path.display()
                );
            }
        }
    }
}

#[test]
fn the_command_line_speaks_to_the_agent_and_never_to_the_store() {
    let manifest = std::fs::read_to_string(built().tree.join("mfactl/Cargo.toml")).unwrap();
    for name in ["sled", "mfa-agent", "chacha20poly1305"] {
        assert!(!manifest.contains(name), "mfactl depends on {name}");
    }
}

#[test]
fn no_two_modules_know_each_other() {
    let circles = |folders: &[&Path]| {
        run(Command::new(built().tree.join("tests/circles"))
            .args(folders)
            .current_dir(&built().tree))
    };
    let output = circles(&[]);
    assert!(output.is_success(), "{output:?}");

    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        std::fs::create_dir_all(folder.path().join("src")).unwrap();
        std::fs::write(folder.path().join("src").join(name), text).unwrap();
    };
    write("lib.rs", "mod a;\nmod b;\nmod c;\n");
    write("a.rs", "use crate::b::{self, B};\n");
    // Neither a comment nor a test makes a circle.
    let below = "pub(crate) struct B;\n// crate::a\n#[cfg(test)]\nmod tests { use crate::a; }\n";
    write("b.rs", &format!("{below}pub(crate) use super::c::C;\n"));
    write("c.rs", "pub(crate) struct C;\n");
    let output = circles(&[folder.path()]);
    assert!(output.is_success(), "{output:?}");
    write("c.rs", "pub(crate) struct C(super::a::A);\n");
    let output = circles(&[folder.path()]);
    assert!(!output.is_success(), "{output:?}");
    assert!(
        output.stdout.contains("a, b, c know each other"),
        "{output:?}"
    );
}

#[test]
fn no_source_file_or_function_has_outgrown_its_reader() {
    for folder in [
        "pam_mfa/src",
        "mfa-protocol/src",
        "mfa-agent/src",
        "mfactl/src",
        "mfa-core/src",
    ] {
        for source in sources(folder) {
            let lines = source
                .code
                .lines()
                .filter(|line| !line.trim().is_empty())
                .count();
            assert!(
                lines <= 400,
                "{}: {lines} lines of code",
                source.path.display()
            );
        }
    }
}
