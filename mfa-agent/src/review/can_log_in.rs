//! Whether a user could get through a login of which it is decided what is asked.
//!
//! Decided like a real login, except for its answers and for sessions, which end. A lock that ends by itself does not
//! count, a permanent lock does.

use jiff::Timestamp;

use super::person::Person;
use mfa_core::account::Account;
use mfa_core::lockout::Lock;
use mfa_core::login::entry::{Entry, EntryContext, EntryFacts, PolicyEnd, by_policy, foresee};
use mfa_core::login::{KeyReach, KeyService, has_key};
use mfa_core::policy::{Ask, Decision};

/// Whether `person` could log in through the program of `service`, which guards logins. A person with an unknown account is assumed to
/// have everything enrolled that is asked for.
pub(super) fn can_log_in(
    decision: &Decision,
    (person, service): (&Person, &str),
    facts: EntryFacts<'_>,
    now: Timestamp,
) -> bool {
    match by_policy(decision, None) {
        Err(end) => end == PolicyEnd::Skipped,
        Ok(ask) => can_answer(ask, (person, service), facts, now),
    }
}

fn can_answer(
    ask: &Ask,
    (person, service): (&Person, &str),
    facts: EntryFacts<'_>,
    now: Timestamp,
) -> bool {
    let unknown = Account::default();
    let account = person.account.as_ref().unwrap_or(&unknown);
    let (way, keys) = (facts.keys.at(service), account.keys_of_use());
    let context = EntryContext::foreseen(&person.name, KeyReach::at_best(way, &keys), now);
    let entry = foresee(ask, account, facts, context, &person.known);
    match entry {
        Entry::NoRoom => false,
        Entry::LetIn(_) => true,
        Entry::Enroll(_) | Entry::Ask(_) => match person.account.is_some() {
            true => entry.can_be_passed() && !is_locked_for_good(account, now),
            false => way != KeyService::Neither || !ask.combinations.iter().all(has_key),
        },
    }
}

/// Whether only an administrator ends the lock.
pub(super) fn is_locked_for_good(account: &Account, now: Timestamp) -> bool {
    account.lockout().lock(now) == Some(Lock::Administrator)
}
