//! Devices that are out of sync: their codes are refused until two consecutive codes resynchronise them.
//!
//! If several clocks are off by about the same, this host's clock is wrong. A resynchronisation would tie each device
//! to the wrong clock, so no command is shown for these devices.

use mfa_protocol::admin::{Drift, Drifts, PageParameters};
use mfa_protocol::client::ClientError;
use mfa_protocol::message::ErrorKind;

use super::Check;
use crate::clock::Clock;
use crate::commands::{drift, lists};
use crate::context::Context;
use crate::failure::Failure;

const NAME: &str = "devices";

/// How many are shown one by one.
const SHOWN: usize = 10;

/// So many clocks with the same error mean that this host's clock is wrong.
const SUSPICIOUS: usize = 3;

/// How far apart errors may be and still count as the same, in seconds: a code tells the time to half a minute, and
/// the clocks of phones differ a little.
const ALIKE: u64 = 60;

/// The agent's list of devices; nothing for callers who may not ask. `clock_error` is what codes told the agent of this
/// host's clock.
pub(super) fn checks(
    context: &mut Context,
    clock: &Clock,
    clock_error: Option<&str>,
) -> Result<Vec<Check>, Failure> {
    let page = |after| PageParameters { after };
    match lists::all::<Drifts, _>(context, page, |reply| (reply.drifts, reply.next)) {
        Ok(drifts) => Ok(found(drifts, clock, clock_error)),
        Err(Failure::Agent(ClientError::Refused {
            kind: Some(ErrorKind::NotAllowed),
            ..
        })) => Ok(Vec::new()),
        Err(failure) if failure.exit_status() == 3 => Err(failure),
        Err(failure) => Ok(vec![Check::problem(
            NAME,
            format!("can't list devices that are out of sync: {failure}"),
            "see the log: journalctl -u mfa-agent",
        )]),
    }
}

fn found(drifts: Vec<Drift>, clock: &Clock, clock_error: Option<&str>) -> Vec<Check> {
    if drifts.is_empty() && clock_error.is_none() {
        return vec![Check::ok(NAME, "all in sync")];
    }
    let (early, drifts) = used_ahead(drifts);
    let (alike, others) = divided(drifts);
    // The devices tell the same as the agent, and more exactly.
    let host = host_is_wrong(&alike).or_else(|| clock_error.map(told_by_codes));
    let is_host_wrong = host.is_some();
    let mut checks: Vec<_> = early.into_iter().chain(host).collect();
    let left = others.len().saturating_sub(SHOWN);
    let shown = others.iter().take(SHOWN);
    checks.extend(shown.map(|drift| out_of_sync(drift, is_host_wrong, clock)));
    if left > 0 {
        checks.push(Check::problem(
            NAME,
            format!("{left} more are out of sync"),
            "fix the devices above, then run mfactl doctor again",
        ));
    }
    checks
}

/// `host_first`: this host's clock must be corrected before a device is measured by it.
fn out_of_sync(drift: &Drift, host_first: bool, clock: &Clock) -> Check {
    let Drift { user, label, .. } = drift;
    let words = drift::words(drift);
    let seen = clock.wait(&drift.seen_at);
    let before = match drift.seconds {
        Some(_) if host_first => "first correct this host's clock; then ",
        _ => "",
    };
    Check::problem(
        NAME,
        format!("{label} of {user}: {words}, seen {seen}; its codes are refused"),
        format!(
            "{before}resynchronise with two codes: {}",
            drift::command(Some(user))
        ),
    )
}

/// One problem for all devices whose last use is in the future, and the other devices.
fn used_ahead(drifts: Vec<Drift>) -> (Option<Check>, Vec<Drift>) {
    let farthest = drifts
        .iter()
        .filter_map(|drift| Some((drift.used_ahead?, drift)));
    let problem = farthest
        .max_by_key(|(ahead, _)| *ahead)
        .map(|(ahead, drift)| {
            let message = format!(
                "this host's clock was set back, or was wrong before: {} of {} was last used {}",
                drift.label,
                drift.user,
                drift::seconds(ahead)
            );
            Check::problem("clock", message, "check the clock: timedatectl")
        });
    let is_off = |drift: &Drift| drift.seconds.is_some() || drift.codes.is_some();
    (problem, drifts.into_iter().filter(is_off).collect())
}

/// What the agent learnt from codes.
fn told_by_codes(error: &str) -> Check {
    Check::problem(
        "clock",
        error,
        "check and correct the clock first (timedatectl); change no device before",
    )
}

/// One problem for all devices with the same error.
fn host_is_wrong(alike: &[Drift]) -> Option<Check> {
    let middle = alike.get(alike.len() / 2)?.seconds?;
    let names: Vec<_> = alike
        .iter()
        .take(SHOWN)
        .map(|drift| format!("{} of {}", drift.label, drift.user))
        .collect();
    let more = match alike.len().saturating_sub(SHOWN) {
        0 => String::new(),
        left => format!(" and {left} more"),
    };
    let host = drift::seconds(middle.saturating_neg());
    Some(Check::problem(
        NAME,
        format!(
            "the clock of this host is probably about {host}: {} devices are off by about the \
             same ({}{more})",
            alike.len(),
            names.join(", ")
        ),
        "correct the clock of this host before you resynchronise any of them:\n  \
         timedatectl\n  chronyc tracking",
    ))
}

/// The devices with the same error, sorted by it, if they are enough to suspect this host's clock; and the others.
fn divided(drifts: Vec<Drift>) -> (Vec<Drift>, Vec<Drift>) {
    let (mut clocks, mut others): (Vec<_>, Vec<_>) = drifts
        .into_iter()
        .partition(|drift| drift.seconds.is_some_and(|off| off != 0));
    clocks.sort_by_key(|drift| drift.seconds);
    let alike = |first: &Drift, last: &Drift| match (first.seconds, last.seconds) {
        (Some(first), Some(last)) => (first < 0) == (last < 0) && first.abs_diff(last) <= ALIKE,
        _ => false,
    };
    let groups = (0..clocks.len()).map(|start| {
        let end = clocks[start..].partition_point(|last| alike(&clocks[start], last));
        start..start + end
    });
    let largest = groups.max_by_key(ExactSizeIterator::len).unwrap_or(0..0);
    if largest.len() < SUSPICIOUS {
        others.splice(0..0, clocks);
        return (Vec::new(), others);
    }
    let group: Vec<_> = clocks.drain(largest).collect();
    others.splice(0..0, clocks);
    (group, others)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn clock_off(user: &str, seconds: i64) -> Drift {
        Drift {
            user: user.to_owned(),
            label: "phone".to_owned(),
            seconds: Some(seconds),
            seen_at: "2026-11-22T13:20:00Z".to_owned(),
            ..Drift::default()
        }
    }

    fn users(drifts: &[Drift]) -> Vec<&str> {
        drifts.iter().map(|drift| &*drift.user).collect()
    }

    #[test]
    fn a_device_astray_is_a_problem_with_its_command() {
        let checks = found(vec![clock_off("alice", -150)], &Clock::for_tests(), None);
        assert_eq!(
            checks[0].message,
            "phone of alice: its clock is 150 seconds behind, seen 2 minutes ago; its codes are refused"
        );
        let remedy = checks[0].remedy.as_deref().unwrap();
        assert!(remedy.ends_with("mfactl verify alice --resync"), "{remedy}");
        assert!(found(Vec::new(), &Clock::for_tests(), None)[0].ok);
    }

    #[test]
    fn three_clocks_with_one_error_make_this_host_the_suspect() {
        let drifts = vec![
            clock_off("a", 150),
            clock_off("b", 600),
            clock_off("c", 180),
            clock_off("d", 120),
            clock_off("e", -150),
        ];
        let (alike, others) = divided(drifts.clone());
        assert_eq!(
            (users(&alike), users(&others)),
            (vec!["d", "a", "c"], vec!["e", "b"])
        );
        let checks = found(drifts.clone(), &Clock::for_tests(), None);
        assert_eq!(checks.len(), 3);
        let told_twice = found(drifts, &Clock::for_tests(), Some("5 minutes behind"));
        assert_eq!(told_twice.len(), 3, "the host's clock is one problem");
        assert!(
            checks[0]
                .message
                .starts_with("the clock of this host is probably about 150 seconds behind"),
            "{}",
            checks[0].message
        );
        assert!(!checks[0].remedy.as_deref().unwrap().contains("mfactl"));
        let other = checks[1].remedy.as_deref().unwrap();
        assert!(
            other.starts_with("first correct this host's clock; "),
            "{other}"
        );
    }

    #[test]
    fn what_codes_told_of_the_clock_is_a_problem_without_a_device_that_is_off() {
        let checks = found(Vec::new(), &Clock::for_tests(), Some("an hour behind"));
        assert_eq!(checks.len(), 1);
        assert_eq!((checks[0].name, checks[0].ok), ("clock", false));
    }

    #[test]
    fn two_clocks_or_those_off_both_ways_leave_this_host_unsuspected() {
        let (alike, others) = divided(vec![
            clock_off("a", 150),
            clock_off("b", 150),
            clock_off("c", -30),
            clock_off("d", 20),
        ]);
        assert_eq!((alike.len(), others.len()), (0, 4));
    }

    #[test]
    fn a_last_use_to_come_is_a_problem_of_the_host_s_clock() {
        let early = Drift {
            seconds: None,
            used_ahead: Some(7200),
            ..clock_off("a", 0)
        };
        let checks = found(vec![early], &Clock::for_tests(), None);
        assert_eq!(checks.len(), 1, "{checks:?}");
        assert!(!checks[0].ok && checks[0].name == "clock", "{checks:?}");
        assert!(
            checks[0]
                .message
                .contains("phone of a was last used 7200 seconds ahead")
        );
    }

    #[test]
    fn of_many_ten_are_shown_and_the_rest_counted() {
        let drifts = (0..15).map(|n| clock_off("u", 1000 * n + 60)).collect();
        let checks = found(drifts, &Clock::for_tests(), None);
        assert_eq!(checks.len(), 11);
        assert_eq!(checks[10].message, "5 more are out of sync");
    }

    proptest! {
        #[test]
        fn no_device_is_lost_and_a_group_is_alike(errors in prop::collection::vec(-700i64..700, 0..30)) {
            let drifts: Vec<_> = errors.iter().map(|off| clock_off("u", *off)).collect();
            let (alike, others) = divided(drifts);
            prop_assert_eq!(alike.len() + others.len(), errors.len());
            if let (Some(first), Some(last)) = (alike.first(), alike.last()) {
                let (first, last) = (first.seconds.unwrap(), last.seconds.unwrap());
                prop_assert!(alike.len() >= SUSPICIOUS && first * last > 0);
                prop_assert!(last.abs_diff(first) <= ALIKE);
            }
        }
    }
}
