//! Known modules by name, and which of their arguments may be shown.
//!
//! An argument of another module may be a password (`pam_mysql passwd=…`), so only arguments of
//! `pam_mfa` that are known to hold no secret are shown.

use std::ffi::OsStr;
use std::path::Path;

use crate::parse::Call;

/// Modules that check a password or a key. `pam_faillock`, `pam_deny` and the like only count or
/// decide; `pam_u2f` and `pam_fprintd` are as often a second factor.
const FIRST_FACTORS: [&str; 20] = [
    "pam_unix",
    "pam_unix2",
    "pam_tcb",
    "pam_sss",
    "pam_sss_gss",
    "pam_ldap",
    "pam_krb5",
    "pam_heimdal",
    "pam_winbind",
    "pam_systemd_home",
    "pam_userdb",
    "pam_pwdfile",
    "pam_mysql",
    "pam_pgsql",
    "pam_radius_auth",
    "pam_himmelblau",
    "pam_kanidm",
    "pam_authd",
    "pam_pkcs11",
    "pam_ssh_agent_auth",
];

/// Other modules that check a second factor.
const OTHER_FACTORS: [&str; 7] = [
    "pam_u2f",
    "pam_google_authenticator",
    "pam_oath",
    "pam_yubico",
    "pam_duo",
    "pam_fprintd",
    "pam_privacyidea",
];

/// Arguments of `pam_mfa` that hold no secret, up to the equals sign.
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

/// With this argument `pam_mfa` does not ask: it flags a wrong password for the line that asks.
const PASSWORD_FAILED: &str = "password_failed";

/// Shown for hidden arguments.
pub const HIDDEN: &str = "…";

/// Whether a module checks a password or a key.
pub fn is_password(module: &str) -> bool {
    FIRST_FACTORS.contains(&stem(module))
}

/// Whether a module checks a second factor other than `pam_mfa`.
pub fn is_other_factor(module: &str) -> bool {
    OTHER_FACTORS.contains(&stem(module))
}

/// Whether it is `pam_mfa`.
pub fn is_ours(module: &str) -> bool {
    matches!(stem(module), "pam_mfa" | "libpam_mfa")
}

/// Whether it is a line of `pam_mfa` that asks.
pub fn asks(call: &Call) -> bool {
    is_ours(&call.module) && !marks(call)
}

/// Whether it is the line of `pam_mfa` at the end of a substack that only a wrong password reaches;
/// no later line asks.
pub fn marks(call: &Call) -> bool {
    is_ours(&call.module) && call.arguments.iter().any(|word| word == PASSWORD_FAILED)
}

/// `pam_unix` of `/lib/security/pam_unix.so`.
pub fn stem(module: &str) -> &str {
    let name = Path::new(module).file_name().and_then(OsStr::to_str);
    let name = name.unwrap_or(module);
    name.strip_suffix(".so").unwrap_or(name)
}

/// A module with the arguments that may be shown.
pub fn shown(module: &str, arguments: &[String]) -> String {
    // In brackets even the module may contain blanks, and the rest may be anything.
    let (name, more) = module
        .split_once(char::is_whitespace)
        .unwrap_or((module, ""));
    let is_known = |word: &String| {
        let word = word.split('=').next().unwrap_or_default();
        OWN_ARGUMENTS.contains(&word)
    };
    let are_ours = is_ours(name) && more.is_empty();
    let known = arguments.iter().filter(|word| are_ours && is_known(word));
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
    fn known_arguments_of_ours_are_shown() {
        let line = "/lib/pam_mfa.so socket=/run/a timeout=5 use_first_pass";
        assert_eq!(of(line), line);
        assert_eq!(of("pam_mfa.so passwd=Secret1 debug"), "pam_mfa.so debug …");
    }
}
