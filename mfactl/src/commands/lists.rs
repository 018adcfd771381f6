//! Lists, fetched a page at a time, and `mfactl lockouts`.
//!
//! A list is printed when it is complete: an agent that stops in the middle causes an error, not half a list.

use mfa_protocol::admin::{Lockout, Lockouts, PageParameters};
use mfa_protocol::message::Method;

use crate::clock::Clock;
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use crate::table::table;

/// At most so many pages are counted, which takes about two seconds: the names of some 50,000 users.
const MOST_PAGES: usize = 40;

pub(crate) fn lockouts(context: &mut Context) -> Result<Verdict, Failure> {
    let mut locked = all::<Lockouts, _>(context, page, |reply| (reply.lockouts, reply.next))?;
    // A store that many hosts share has no order of names.
    locked.sort_by(|one, other| one.user.cmp(&other.user));
    context
        .output
        .result(&locked, || screen(&locked, &Clock::system()))?;
    Ok(Verdict::Done)
}

pub(super) fn page(after: Option<String>) -> PageParameters {
    PageParameters { after }
}

/// All pages of a list: `ask` makes the parameters of the next page, `parts` splits a reply into its items and the key
/// of the next page.
pub(super) fn all<M: Method, T>(
    context: &mut Context,
    ask: impl Fn(Option<String>) -> M::Parameters,
    parts: impl Fn(M::Reply) -> (Vec<T>, Option<String>),
) -> Result<Vec<T>, Failure> {
    let mut items = Vec::new();
    let mut after = None;
    loop {
        let (more, next) = parts(context.call::<M>(&ask(after.clone()))?);
        items.extend(more);
        if next.is_none() {
            return Ok(items);
        }
        if next == after {
            return Err(Failure::Garbled(
                "a page of a list repeats itself".to_owned(),
            ));
        }
        after = next;
    }
}

/// "12", or "more than 50000" after so many pages: a first screen need not wait for a whole fleet.
pub(super) fn counted<M: Method<Parameters = PageParameters>>(
    context: &mut Context,
    parts: impl Fn(M::Reply) -> (usize, Option<String>),
) -> Result<String, Failure> {
    let (mut count, mut after) = (0, None);
    for _ in 0..MOST_PAGES {
        let (more, next) = parts(context.call::<M>(&page(after))?);
        count += more;
        if next.is_none() {
            return Ok(count.to_string());
        }
        after = next;
    }
    Ok(match count {
        0 => "an unknown number".to_owned(),
        count => format!("more than {count}"),
    })
}

fn screen(locked: &[Lockout], clock: &Clock) -> String {
    if locked.is_empty() {
        return "No user is locked.".to_owned();
    }
    let rows = locked.iter().map(|lockout| {
        [
            lockout.user.clone(),
            until(lockout, clock),
            lockout.failures.to_string(),
            lockout.consecutive_failures.to_string(),
        ]
    });
    table(["User", "Locked until", "Failures", "In a row"], rows)
        + "\nUnlock a user: mfactl unlock USER\n"
}

fn until(lockout: &Lockout, clock: &Clock) -> String {
    match &lockout.locked_until {
        _ if lockout.locked_by_limit => "until unlocked".to_owned(),
        Some(time) => clock.future(time),
        None => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_screen_says_until_when_each_is_locked() {
        let locked = [
            Lockout {
                user: "alice".to_owned(),
                failures: 5,
                consecutive_failures: 12,
                locked_until: Some("2026-11-22T14:04:00Z".to_owned()),
                locked_by_limit: false,
            },
            Lockout {
                user: "mallory\u{1b}[1A".to_owned(),
                failures: 0,
                consecutive_failures: 100,
                locked_until: None,
                locked_by_limit: true,
            },
        ];
        assert_eq!(screen(&locked, &Clock::for_tests()), LOCKOUTS);
        assert_eq!(screen(&[], &Clock::for_tests()), "No user is locked.");
    }

    const LOCKOUTS: &str = r"  User              Locked until           Failures  In a row
  alice             15:04 (in 42 minutes)  5         12
  mallory\u{1b}[1A  until unlocked         0         100

Unlock a user: mfactl unlock USER
";
}
