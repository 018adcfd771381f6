//! Services that check a password and ask for no second factor, while other services of this host do.

use std::collections::BTreeSet;

use mfa_stacks::chain::{Step, steps};
use mfa_stacks::modules::{asks, is_other_factor, is_password};

use super::files::{Files, included};

/// Services without logins: they run jobs, change passwords, or replace missing files.
const NO_LOGINS: [&str; 13] = [
    "atd",
    "chfn",
    "chpasswd",
    "chsh",
    "cron",
    "crond",
    "newusers",
    "other",
    "passwd",
    "runuser",
    "runuser-l",
    "systemd-user",
    "useradd",
];

/// The names of backup copies. No program uses such a service.
const COPIES: [&str; 3] = ["~", ".bak", ".orig"];

/// The services, in the order of their names.
pub(super) fn services(files: &Files) -> Vec<&str> {
    let texts = files.names().filter_map(|name| files.text(name));
    // By its path, or by its name.
    let name = |file: String| file.rsplit('/').next().unwrap_or_default().to_owned();
    let taken_in: BTreeSet<String> = texts.flat_map(included).map(name).collect();
    let is_copy = |name: &str| COPIES.iter().any(|end| name.ends_with(end));
    let is_service =
        |name: &&str| !taken_in.contains(*name) && !NO_LOGINS.contains(name) && !is_copy(name);
    let is_without = |name: &&str| asks_for_a_password_only(&steps(name, &|file| files.text(file)));
    files
        .names()
        .filter(is_service)
        .filter(is_without)
        .collect()
}

fn asks_for_a_password_only(steps: &[Step]) -> bool {
    let any = |is: fn(&str) -> bool| steps.iter().any(|step| is(&step.call.module));
    any(is_password) && !steps.iter().any(|step| asks(&step.call)) && !any(is_other_factor)
}
