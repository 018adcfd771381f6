//! Lines that let chosen users skip the code, and the users that they match.

use mfa_stacks::chain::Step;
use mfa_stacks::modules::stem;

/// Words of `pam_succeed_if` that are no condition.
const OPTIONS: [&str; 6] = [
    "audit",
    "debug",
    "quiet",
    "quiet_fail",
    "quiet_success",
    "use_uid",
];
/// The first user id of a person (login.defs(5), `UID_MIN`).
const FIRST_PERSON: u64 = 1000;
/// Ids from here on are not of people.
const PAST_PEOPLE: u64 = 60_000;

/// Whether the line lets nearly everybody skip: the users that its conditions match (`fits`), or the others.
pub(super) fn is_for_everybody(step: &Step, fits: bool) -> bool {
    if stem(&step.call.module) != "pam_succeed_if" {
        return false;
    }
    let words = step.call.arguments.iter().map(String::as_str);
    let words: Vec<_> = words.filter(|word| !OPTIONS.contains(word)).collect();
    let conditions = words.chunks(3);
    match fits {
        true => !words.is_empty() && conditions.clone().all(fits_all),
        false => conditions.clone().any(fits_few),
    }
}

fn fits_all(condition: &[&str]) -> bool {
    match *condition {
        ["user" | "uid" | "gid" | "shell" | "home", "!=" | "ne", _] => true,
        ["uid" | "gid", ">=" | "ge" | ">" | "gt", bound] => number(bound, |n| n <= FIRST_PERSON),
        ["uid" | "gid", "<=" | "le" | "<" | "lt", bound] => number(bound, |n| n >= PAST_PEOPLE),
        _ => false,
    }
}

fn fits_few(condition: &[&str]) -> bool {
    match *condition {
        ["user" | "uid", "=" | "eq", _] => true,
        ["uid" | "gid", "<=" | "le" | "<" | "lt", bound] => number(bound, |n| n <= FIRST_PERSON),
        ["uid" | "gid", ">=" | "ge" | ">" | "gt", bound] => number(bound, |n| n >= PAST_PEOPLE),
        _ => false,
    }
}

fn number(word: &str, is: impl Fn(u64) -> bool) -> bool {
    word.parse().is_ok_and(is)
}
