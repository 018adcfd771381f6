//! The Debian package, and a user of a booted machine with it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use crate::booted::Booted;
use crate::{Pty, built, run};

const PASSWORD: &str = "correct horse";

/// Concurrent tests make packages in the same folder.
static BUILDING: Mutex<()> = Mutex::new(());

/// Makes a package of this version; returns its bytes and its file.
#[must_use]
pub fn made(version: &str) -> (Vec<u8>, PathBuf) {
    let _one_at_a_time = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    let tree = &built().tree;
    let made = run(Command::new(tree.join("packaging/deb"))
        .env("MFA_DEB_VERSION", version)
        .current_dir(tree));
    assert!(made.is_success(), "{made:?}");
    let file = tree.join(made.stdout.lines().last().expect("a name"));
    (fs::read(&file).expect("a package"), file)
}

/// Gives the machine a user with a password, and root one.
pub fn add_anna(machine: &Booted) {
    add_user(machine, "anna");
}

/// The same, with another name.
pub fn add_user(machine: &Booted, user: &str) {
    machine.must(&format!(
        "useradd --create-home --shell /bin/sh {user} && echo '{user}:{PASSWORD}' | chpasswd && echo 'root:{PASSWORD}' | chpasswd"
    ));
}

/// A client that logs anna in, with her password given.
#[must_use]
pub fn ssh(machine: &Booted) -> Pty {
    ssh_as(machine, "anna")
}

fn ssh_as(machine: &Booted, user: &str) -> Pty {
    let mut client = machine.terminal(&[
        "ssh",
        "-o",
        "StrictHostKeyChecking=no",
        "-o",
        "UserKnownHostsFile=/dev/null",
        "-o",
        "NumberOfPasswordPrompts=1",
        &format!("{user}@127.0.0.1"),
        "echo you are in",
    ]);
    // sshd's own prompt has the name before it.
    client.answer("assword: ", PASSWORD);
    client
}

/// A login with the password alone.
///
/// # Panics
///
/// When she is not let in.
pub fn by_password(machine: &Booted) {
    let mut client = ssh(machine);
    client.expect("you are in");
    assert_eq!(client.finish().1, Some(0));
}

/// Whether a login with password and code lets her in.
#[must_use]
pub fn by_code(machine: &Booted, code: &str) -> bool {
    log_in(machine, "anna", code)
}

/// The same, for another user.
#[must_use]
pub fn log_in(machine: &Booted, user: &str, code: &str) -> bool {
    let mut client = ssh_as(machine, user);
    client.answer("OTP code: ", code);
    client.finish().1 == Some(0)
}
