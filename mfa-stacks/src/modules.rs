//! The modules that are known by their names.

use crate::names::PASSWORD_FAILED;
pub use crate::names::{HIDDEN, is_gate, is_ours, shown, stem};
use crate::parse::Call;

/// Modules that check a password or a key. `pam_faillock`, `pam_deny` and the like only count or
/// decide; `pam_u2f` and `pam_fprintd` are as often a second factor.
const FIRST_FACTORS: [&str; 24] = [
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
    "pam_vas3",
    "pam_lsass",
    "pam_centrifydc",
    "pam_aad",
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

/// Whether it checks a password or a key.
pub fn is_password(module: &str) -> bool {
    FIRST_FACTORS.contains(&stem(module))
}

/// Whether a module checks a second factor other than `pam_mfa`.
pub fn is_other_factor(module: &str) -> bool {
    OTHER_FACTORS.contains(&stem(module))
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
