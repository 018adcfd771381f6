//! The names of modules, and what may be shown of the words after them.
//!
//! An argument of a third-party module may be a password (`pam_mysql passwd=…`), so only arguments of gates, such as
//! `pam_succeed_if`, and known arguments of this project without secrets are shown.

use std::ffi::OsStr;
use std::path::Path;

/// Modules that tell who is asked and who is not: a line with one is an administrator's wish.
const GATES: [&str; 7] = [
    "pam_rootok",
    "pam_succeed_if",
    "pam_access",
    "pam_listfile",
    "pam_localuser",
    "pam_wheel",
    "pam_time",
];

/// Arguments of ours, up to an equals sign; none holds a secret.
const OWN_ARGUMENTS: [&str; 9] = [
    "socket",
    "timeout",
    "forward_pass",
    "use_first_pass",
    "try_first_pass",
    "on_unavailable",
    "ticket",
    PASSWORD_FAILED,
    "debug",
];

/// The argument of a line of ours that asks nobody: it marks a wrong password for the line that would ask.
pub(crate) const PASSWORD_FAILED: &str = "password_failed";

/// The replacement for arguments that are not shown.
pub const HIDDEN: &str = "…";

/// Whether it only tells who a user is, or where they come from.
pub fn is_gate(module: &str) -> bool {
    GATES.contains(&stem(module))
}

/// Whether it is `pam_mfa`.
pub fn is_ours(module: &str) -> bool {
    matches!(stem(module), "pam_mfa" | "libpam_mfa")
}

/// `pam_unix` of `/lib/security/pam_unix.so`.
pub fn stem(module: &str) -> &str {
    let name = Path::new(module).file_name().and_then(OsStr::to_str);
    let name = name.unwrap_or(module);
    name.strip_suffix(".so").unwrap_or(name)
}

/// A module with as much of its arguments as may be shown.
pub fn shown(module: &str, arguments: &[String]) -> String {
    // In brackets even a module may hold blanks, and what follows the first may be anything.
    let (name, more) = module
        .split_once(char::is_whitespace)
        .unwrap_or((module, ""));
    let is_known = |word: &String| {
        let word = word.split('=').next().unwrap_or_default();
        OWN_ARGUMENTS.contains(&word)
    };
    let are_ours = is_ours(name) && more.is_empty();
    let are_of_a_gate = is_gate(name) && more.is_empty();
    let is_shown = |word: &&String| are_of_a_gate || are_ours && is_known(word);
    let known = arguments.iter().filter(is_shown);
    let mut words: Vec<_> = [name].into_iter().map(str::to_owned).collect();
    words.extend(known.cloned());
    if words.len() <= arguments.len() || !more.is_empty() {
        words.push(HIDDEN.to_owned());
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> String {
        let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
        shown(&words[0], &words[1..])
    }

    #[test]
    fn no_argument_of_another_module_is_shown() {
        assert_eq!(of("pam_unix.so"), "pam_unix.so");
        assert_eq!(of("pam_mysql.so user=pam passwd=Secret1"), "pam_mysql.so …");
        assert_eq!(
            shown("pam_mysql.so passwd=/pam_mfa.so", &["debug".to_owned()]),
            "pam_mysql.so …"
        );
    }

    #[test]
    fn of_ours_the_known_ones_are_shown() {
        let line = "/lib/pam_mfa.so socket=/run/a timeout=5 use_first_pass";
        assert_eq!(of(line), line);
        assert_eq!(of("pam_mfa.so passwd=Secret1 debug"), "pam_mfa.so debug …");
        assert_eq!(
            of("pam_succeed_if.so uid >= 0"),
            "pam_succeed_if.so uid >= 0"
        );
    }
}
