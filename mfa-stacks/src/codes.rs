//! PAM's return codes by number, in the words of the bracketed form.

/// The name of each code; its index is its number in Linux-PAM.
pub const CODES: [&str; 32] = [
    "success",
    "open_err",
    "symbol_err",
    "service_err",
    "system_err",
    "buf_err",
    "perm_denied",
    "auth_err",
    "cred_insufficient",
    "authinfo_unavail",
    "user_unknown",
    "maxtries",
    "new_authtok_reqd",
    "acct_expired",
    "session_err",
    "cred_unavail",
    "cred_expired",
    "cred_err",
    "no_module_data",
    "conv_err",
    "authtok_err",
    "authtok_recover_err",
    "authtok_lock_busy",
    "authtok_disable_aging",
    "try_again",
    "ignore",
    "abort",
    "authtok_expired",
    "module_unknown",
    "bad_item",
    "conv_again",
    "incomplete",
];

/// `PAM_SUCCESS`
pub const SUCCESS: usize = 0;
/// `PAM_PERM_DENIED`, which libpam returns when it has no other code for a failure.
pub const PERM_DENIED: usize = 6;
/// `PAM_AUTH_ERR`
pub const AUTH_ERR: usize = 7;
/// `PAM_IGNORE`
pub const IGNORE: usize = 25;
/// `PAM_NEW_AUTHTOK_REQD`: the program asks for a new password and continues.
pub const NEW_AUTHTOK_REQD: usize = 12;
/// `PAM_ABORT`
pub const ABORT: usize = 26;
/// `PAM_INCOMPLETE`, which ends the stack at once: the program must call again.
pub const INCOMPLETE: usize = 31;
