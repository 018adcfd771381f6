//! Runs the commands of the documents that lead to a first login, from their text, on a booted
//! machine. Without this, nobody would notice a command that no longer works.
//!
//! The documents use alice, a user with a password; root has a password too. Commands run as root,
//! at a terminal. What `make` builds is there already.

use std::fs;
use std::path::Path;
use std::time::Duration;

use mfa_tests::booted::Booted;
use mfa_tests::deb::{add_user, log_in, made};
use mfa_tests::document::{blocks, follow, last_key};
use mfa_tests::{built, code_of, within};

/// If a document has used the next code already, the one after it comes in this time.
const NEXT_CODE: Duration = Duration::from_secs(90);

fn machine() -> Booted {
    let machine = Booted::of("sudo", "sudo,procps", |_| ());
    add_user(&machine, "alice");
    machine
}

fn copy(from: &Path, machine: &Booted, to: &str) {
    let to = machine.at(&format!("root/{to}"));
    fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
    fs::copy(from, to).expect("a copy");
}

/// Follows these parts of a document; returns what was shown.
fn read(machine: &Booted, document: &str, headings: &[&str]) -> String {
    let blocks = headings.iter().flat_map(|it| blocks(document, it, "sh"));
    blocks.map(|block| follow(machine, &block)).collect()
}

/// Alice gets in with the password and a code of the device that was set up, and not without.
fn alice_needs_a_code(machine: &Booted, shown: &str) {
    let key = last_key(shown, ":alice").expect("a device of alice");
    assert!(!log_in(machine, "alice", "000000"));
    within(NEXT_CODE, "alice to get in", || {
        log_in(machine, "alice", &code_of(&key, 1)).then_some(())
    });
}

fn a_package_is_installed_and_enabled_by(document: &str, heading: &str) {
    let machine = machine();
    let (_, package) = made("0.1.0-1");
    let name = package.file_name().and_then(|name| name.to_str());
    let place = format!("target/debian/{}", name.expect("a name"));
    copy(&package, &machine, &place);
    let shown = read(&machine, document, &[heading]);
    machine.must("mfa-pam status");
    alice_needs_a_code(&machine, &shown);
}

#[test]
#[ignore = "boots a machine: make test-all runs it"]
fn the_commands_of_the_readme_install_and_enable_it() {
    a_package_is_installed_and_enabled_by("README.md", "Install");
}

#[test]
#[ignore = "boots a machine: make test-all runs it"]
fn the_commands_of_the_quick_start_install_and_enable_it() {
    a_package_is_installed_and_enabled_by("docs/quick-start.md", "Debian");
}

#[test]
#[ignore = "boots a machine: make test-all runs it"]
fn the_commands_and_lines_of_the_manual_installation_install_and_enable_it() {
    const DOCUMENT: &str = "docs/installation.md";
    let machine = machine();
    for program in [&built().agent, &built().mfactl, &built().module] {
        let name = program.file_name().and_then(|name| name.to_str());
        let place = format!("target/release/{}", name.expect("a name"));
        copy(program, &machine, &place);
    }
    let settings = built().tree.join("config/agent.toml");
    copy(&settings, &machine, "config/agent.toml");
    let before = ["Build and install", "Create key and store"];
    let _ = read(&machine, DOCUMENT, &before);
    let run = blocks(DOCUMENT, "Run the agent", "sh");
    let _agent = machine.terminal(&["sh", "-c", &run[0]]);
    within(NEXT_CODE, "the agent", || {
        let listens = machine.sh("test -S /run/mfa/agent.sock");
        listens.is_success().then_some(())
    });
    let shown = read(&machine, DOCUMENT, &["Enrol users"]);

    let lines = blocks(DOCUMENT, "Change the stacks", "");
    let [stack, sshd] = &lines[..] else {
        panic!("two blocks of lines: {lines:?}");
    };
    let first = stack.lines().next().expect("a line");
    for (file, from, to) in [
        ("etc/pam.d/sshd", first, stack.as_str()),
        ("etc/ssh/sshd_config", "", sshd.as_str()),
    ] {
        let file = machine.at(file);
        let text = fs::read_to_string(&file).expect("a file");
        fs::write(&file, text.replacen(from, to, 1)).expect("a file");
    }
    let _ = read(&machine, DOCUMENT, &["Change the stacks"]);
    alice_needs_a_code(&machine, &shown);
}
