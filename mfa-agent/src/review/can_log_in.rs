//! Whether a user could get through a login of which it is decided what is asked.
//!
//! The same conditions as in a real login, but for its answers and for sessions, which end. A lock that ends
//! by itself does not count, a lock for good does.

use jiff::Timestamp;

use mfa_core::account::Account;
use mfa_core::factors::{Factor, FactorCombination};
use mfa_core::lockout::Lock;
use mfa_core::policy::{Ask, Decision, Prompting, Unenrolled, Verdict};

/// Whether somebody with that account could get through, who can be sent `beside` without an address in it.
/// Without an account it is supposed that they have set up whatever is asked for.
pub(super) fn can_log_in(
    decision: &Decision,
    account: Option<&Account>,
    beside: &[Factor],
    now: Timestamp,
) -> bool {
    match &decision.verdict {
        Verdict::Skip => true,
        Verdict::Deny => false,
        Verdict::Ask(ask) => can_answer(ask, account, beside, now),
    }
}

fn can_answer(ask: &Ask, account: Option<&Account>, beside: &[Factor], now: Timestamp) -> bool {
    let fits = |way: &&FactorCombination| {
        ask.prompting != Prompting::Single || way.factors() == [Factor::Totp]
    };
    let mut ways = ask.ways.iter().filter(fits).peekable();
    if ways.peek().is_none() {
        return false;
    }
    let Some(account) = account else {
        return true;
    };
    let enrolls = ask.unenrolled == Unenrolled::Enroll && ask.prompting == Prompting::Dialogue;
    if account.has_never_enrolled() {
        let in_grace = |grace| account.grace_days_left(grace, now).is_some();
        let sets_up = enrolls && ask.ways.contains(&FactorCombination::from(Factor::Totp));
        if ask.unenrolled == Unenrolled::Allow || sets_up || ask.grace.is_some_and(in_grace) {
            return true;
        }
    }
    // A number is asked for only where users may set up something in the login.
    let beside = beside.iter().copied();
    let beside: Vec<Factor> = beside
        .filter(|factor| *factor != Factor::Sms || enrolls)
        .collect();
    !is_locked_for_good(account, now) && ways.any(|way| account.can(way, &beside, now))
}

/// Whether only an administrator ends the lock.
pub(super) fn is_locked_for_good(account: &Account, now: Timestamp) -> bool {
    account.lockout().lock(now) == Some(Lock::Administrator)
}
