//! Whether a user could get through a login of which it is decided what is asked.
//!
//! Decided like a real login, except for its answers and for sessions, which end. A lock that ends by itself does not
//! count, a permanent lock does.

use std::convert::Infallible;

use jiff::Timestamp;
use mfa_protocol::login::Authtok;

use super::person::Person;
use mfa_core::account::Account;
use mfa_core::lockout::Lock;
use mfa_core::login::entry::{Entry, EntryContext, EntryFacts, PolicyEnd, by_policy, entry};
use mfa_core::policy::{Ask, Decision};

/// Whether `person` could log in through a program that guards logins. A person with an unknown account is assumed to
/// have everything enrolled that is asked for.
pub(super) fn can_log_in(
    decision: &Decision,
    person: &Person,
    facts: EntryFacts<'_>,
    now: Timestamp,
) -> bool {
    match by_policy(decision, None) {
        Err(end) => end == PolicyEnd::Skipped,
        Ok(ask) => can_answer(ask, person, facts, now),
    }
}

fn can_answer(ask: &Ask, person: &Person, facts: EntryFacts<'_>, now: Timestamp) -> bool {
    let unknown = Account::default();
    let account = person.account.as_ref().unwrap_or(&unknown);
    let context = EntryContext {
        user: &person.name,
        authtok: Authtok::None,
        is_operation: false,
        is_proof: false,
        is_guarded: true,
        is_own_record: true,
        scope: None,
        boot: "",
        now,
    };
    let is_known = || Ok::<_, Infallible>(person.is_known);
    let Ok(entry) = entry(ask, account, facts, context).decide(is_known);
    let has_what_is_asked = match entry {
        Entry::NoRoom => return false,
        Entry::LetIn(_) => return true,
        Entry::Enroll(_) | Entry::AskNumber(_) => true,
        Entry::Ask(asked) => !asked.is_unenrolled,
    };
    person.account.is_none() || has_what_is_asked && !is_locked_for_good(account, now)
}

/// Whether only an administrator ends the lock.
pub(super) fn is_locked_for_good(account: &Account, now: Timestamp) -> bool {
    account.lockout().lock(now) == Some(Lock::Administrator)
}
