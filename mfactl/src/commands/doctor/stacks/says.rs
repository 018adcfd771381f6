//! The possible results of modules.

use mfa_stacks::chain::{BROKEN, Entry, Kind, Step};
use mfa_stacks::codes::{
    AUTH_ERR, CODES, IGNORE, INCOMPLETE, NEW_AUTHTOK_REQD, PERM_DENIED, SUCCESS,
};
use mfa_stacks::modules::{is_ours, is_password, marks, stem};

/// Whether the module of an entry can return this code.
pub(crate) fn may(entry: &Entry, code: usize) -> bool {
    module(entry).is_none_or(|step| can(step, code))
}

/// The step of an entry that calls a module.
pub(crate) fn module(entry: &Entry) -> Option<&Step> {
    match &entry.kind {
        Kind::Module(step) => Some(step),
        Kind::Substack | Kind::Broken(_) | Kind::Stopped(_) => None,
    }
}

fn can(step: &Step, code: usize) -> bool {
    match stem(&step.call.module) {
        _ if marks(&step.call) => code == IGNORE,
        _ if is_ours(&step.call.module) => code != NEW_AUTHTOK_REQD,
        "pam_permit" => code == SUCCESS,
        "pam_deny" => code == AUTH_ERR,
        BROKEN => code == PERM_DENIED,
        "pam_faillock" if is_tally(step) => code == AUTH_ERR,
        module if is_password(module) => code != IGNORE || ignores(step),
        _ => true,
    }
}

/// All results of a module that does not accept the login, in words. A password that must be changed was right.
pub(super) fn failures(step: &Step) -> impl Iterator<Item = &'static str> {
    let is_failure = |code: &usize| ![SUCCESS, NEW_AUTHTOK_REQD, INCOMPLETE].contains(code);
    let codes = (0..CODES.len()).filter(is_failure);
    let codes = codes.filter(|code| can(step, *code) && (*code != IGNORE || ignores(step)));
    codes.filter_map(|code| CODES.get(code).copied())
}

fn is_tally(step: &Step) -> bool {
    step.call.arguments.iter().any(|word| word == "authfail")
}

/// A module that checks passwords never returns `ignore` without an argument for it (`ignore_unknown_user` etc.).
fn ignores(step: &Step) -> bool {
    let mut arguments = step.call.arguments.iter();
    arguments.any(|word| word.starts_with("ignore"))
}
