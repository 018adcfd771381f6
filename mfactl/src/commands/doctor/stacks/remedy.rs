//! The lines that ask for the code only after a password or a key.

use mfa_stacks::chain::Place;
use mfa_stacks::modules;

use super::files::Files;
use super::order::{self, Order};

/// Two lines in the other order.
pub(super) fn swapped([first, second]: &[Place; 2], files: &Files) -> String {
    let file = files.path(&first.file);
    let (first, second) = (&first.text, &second.text);
    explained(format!("correct order in {file}:\n  {first}\n  {second}"))
}

/// What to check before the code of services that ask for nothing else. Only sshd can check a key itself.
pub(super) fn before_the_code(services: &[&str], files: &Files) -> String {
    let is_sshd = |service: &&str| service.starts_with("sshd");
    let password = || match by_common_auth(files) {
        Some(lines) => order_of(&lines),
        None => PASSWORD_FIRST.to_owned(),
    };
    match (services.iter().any(is_sshd), services.iter().all(is_sshd)) {
        (true, true) => AFTER_A_KEY.to_owned(),
        (true, false) => format!("sshd: {AFTER_A_KEY}\nothers: {}", password()),
        (false, _) => password(),
    }
}

/// Lines that ask for the code only after a correct password: those of the host, or all.
pub(super) fn right(passwords: &[String], files: &Files) -> String {
    let lines = by_common_auth(files).unwrap_or_else(|| whole(passwords));
    explained(order_of(&lines))
}

fn order_of(lines: &[String]) -> String {
    format!("correct order:\n  {}", lines.join("\n  "))
}

/// The lines with the host's own check of the password, if it has one that ends a login after a wrong password.
fn by_common_auth(files: &Files) -> Option<Vec<String>> {
    let common = format!("auth include common-auth\n{} pam_mfa.so", order::CONTROL);
    let text = |name: &str| match name {
        "" => Some(common.as_str()),
        name => files.text(name),
    };
    let is_sound = order::of("", &text) == Some(Order::Sound);
    is_sound.then(|| common.lines().map(str::to_owned).collect())
}

/// Arguments may be passwords, so they are not shown.
pub(super) fn explained(remedy: String) -> String {
    match remedy.contains(modules::HIDDEN) {
        true => remedy + "\n" + AS_THEY_ARE,
        false => remedy,
    }
}

const AS_THEY_ARE: &str = "keep the present arguments of the lines instead of …";

/// The first correct password leads to the code. Without one, the stack ends.
pub(super) fn whole(passwords: &[String]) -> Vec<String> {
    let jumps = (1..=passwords.len()).rev().zip(passwords);
    let mut lines: Vec<_> = jumps
        .map(|(jump, password)| format!("auth [success={jump} default=ignore] {password}"))
        .collect();
    lines.push("auth requisite pam_deny.so".to_owned());
    lines.push("auth required pam_permit.so".to_owned());
    lines.push(format!("{} pam_mfa.so", order::CONTROL));
    lines
}

pub(super) const AFTER_A_KEY: &str = "require a key before it: mfa-pam sshd key+code";
pub(super) const PASSWORD_FIRST: &str =
    "ask for the password before it, as the stacks in /usr/share/doc/pam-mfa/examples/pam.d do";
