//! Replays what the hosts of a fleet logged, and what programs were told, against the rules:
//!
//! - No code passes twice, on whichever hosts.
//! - Of the wrong answers between two passes at most five are verified.
//! - What a program was told is in the log of its host: nothing acknowledged is lost.
//! - Once a code has passed, no earlier code of the device passes.
//!
//! Logins are found in the logs by their session IDs. A program that was told nothing may have passed or failed; its host
//! may know.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mfa_tests::Event;

/// Wrong answers until a user is locked.
pub(crate) const ATTEMPTS: u64 = 5;

/// A login that a test made.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// The number of the host.
    pub(crate) host: usize,
    pub(crate) user: String,
    /// Its session ID; none if the host did not begin it.
    pub(crate) session: Option<String>,
    /// The counter of the code; none for a wrong one.
    pub(crate) code: Option<u64>,
    /// The outcome in the word of the protocol; none if there was no answer.
    pub(crate) outcome: Option<String>,
    /// When it began and ended, since the start of the test.
    pub(crate) began: Duration,
    pub(crate) ended: Duration,
    /// How long its host took at most to answer one call.
    pub(crate) longest_call: Duration,
}

impl Attempt {
    /// Whether the program was told that an answer was right or wrong.
    pub(crate) fn is_definite(&self) -> bool {
        matches!(
            self.outcome.as_deref(),
            Some("passed" | "wrong" | "locked" | "denied" | "skipped")
        )
    }

    pub(crate) fn is(&self, outcome: &str) -> bool {
        self.outcome.as_deref() == Some(outcome)
    }
}

/// A decision in the log of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Logged {
    pub(crate) host: usize,
    pub(crate) user: String,
    pub(crate) session: String,
    pub(crate) result: String,
    /// The failures after a wrong answer that was verified.
    pub(crate) failures: Option<u64>,
}

impl Logged {
    /// The logins in the audit log of a host.
    pub(crate) fn of_host(host: usize, events: &[Event]) -> Vec<Self> {
        let logins = events.iter().filter(|event| event.text("event") == "login");
        let logged = |event: &Event| Self {
            host,
            user: event.text("user").to_owned(),
            session: event.text("session").to_owned(),
            result: event.text("result").to_owned(),
            failures: event.number("failures"),
        };
        logins.map(logged).collect()
    }
}

/// Everything that breaks a rule, as text. `logged` may have logins of other users.
pub(crate) fn broken_rules(attempts: &[Attempt], logged: &[Logged]) -> Vec<String> {
    let mut broken = Vec::new();
    let by_session: BTreeMap<&str, &Attempt> = attempts
        .iter()
        .filter_map(|attempt| Some((attempt.session.as_deref()?, attempt)))
        .collect();
    broken.extend(lost(attempts, logged));
    let users: BTreeSet<&str> = attempts.iter().map(|attempt| &*attempt.user).collect();
    for user in users {
        let of_user: Vec<&Logged> = logged.iter().filter(|one| one.user == user).collect();
        broken.extend(passed_twice(&of_user, &by_session));
        broken.extend(too_many_verified(user, attempts, &of_user));
        broken.extend(passed_too_late(user, attempts));
    }
    broken
}

fn lost(attempts: &[Attempt], logged: &[Logged]) -> Vec<String> {
    let lines: BTreeSet<(usize, &str, &str)> = logged
        .iter()
        .map(|one| (one.host, &*one.session, &*one.result))
        .collect();
    let is_logged = |attempt: &Attempt| {
        let (Some(session), Some(outcome)) = (&attempt.session, &attempt.outcome) else {
            return true;
        };
        lines.contains(&(attempt.host, &**session, &**outcome))
    };
    let told = attempts.iter().filter(|attempt| attempt.is_definite());
    told.filter(|attempt| !is_logged(attempt))
        .map(|attempt| format!("not in the log of its host: {attempt:?}"))
        .collect()
}

fn passed_twice(logged: &[&Logged], by_session: &BTreeMap<&str, &Attempt>) -> Vec<String> {
    let mut broken = Vec::new();
    let mut passed: BTreeMap<u64, &Attempt> = BTreeMap::new();
    for one in logged.iter().filter(|one| one.result == "passed") {
        let Some(attempt) = by_session.get(&*one.session) else {
            broken.push(format!("nobody made this login, but it passed: {one:?}"));
            continue;
        };
        let Some(code) = attempt.code else {
            broken.push(format!("a wrong code passed: {one:?}"));
            continue;
        };
        if let Some(other) = passed.insert(code, attempt) {
            broken.push(format!("code {code} passed twice: {other:?}, {attempt:?}"));
        }
    }
    broken
}

/// Each number of failures is reached once, and once more after each pass. Of a login with a right code that nobody was
/// told about it is not known whether it passed.
fn too_many_verified(user: &str, attempts: &[Attempt], logged: &[&Logged]) -> Vec<String> {
    let passed = logged.iter().filter(|one| one.result == "passed").count();
    let of_user = attempts.iter().filter(|attempt| attempt.user == user);
    let unknown = of_user.filter(|attempt| attempt.code.is_some() && !attempt.is_definite());
    let resets = passed + unknown.count();
    let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
    for failures in logged.iter().filter_map(|one| one.failures) {
        *counts.entry(failures).or_default() += 1;
    }
    let is_broken =
        |(failures, count): &(&u64, &usize)| **failures > ATTEMPTS || **count > 1 + resets;
    let broken = counts.iter().filter(is_broken);
    broken
        .map(|(failures, count)| {
            format!(
                "{user}: {count} answers were verified as failure {failures}, with {resets} passes"
            )
        })
        .collect()
}

/// A code that passed although a later one had passed before it was sent.
fn passed_too_late(user: &str, attempts: &[Attempt]) -> Vec<String> {
    let passed: Vec<&Attempt> = attempts
        .iter()
        .filter(|attempt| attempt.user == user && attempt.is("passed"))
        .collect();
    let mut broken = Vec::new();
    for late in &passed {
        let earlier = passed
            .iter()
            .find(|other| other.code >= late.code && other.ended < late.began);
        if let Some(earlier) = earlier {
            broken.push(format!("{late:?} passed after {earlier:?}"));
        }
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(host: usize, session: &str, code: Option<u64>, outcome: &str, at: u64) -> Attempt {
        Attempt {
            host,
            user: "anna".to_owned(),
            session: Some(session.to_owned()),
            code,
            outcome: (!outcome.is_empty()).then(|| outcome.to_owned()),
            began: Duration::from_millis(at),
            ended: Duration::from_millis(at + 5),
            longest_call: Duration::from_millis(5),
        }
    }

    fn logged(host: usize, session: &str, result: &str, failures: Option<u64>) -> Logged {
        Logged {
            host,
            user: "anna".to_owned(),
            session: session.to_owned(),
            result: result.to_owned(),
            failures,
        }
    }

    fn assert_broken(attempts: &[Attempt], logs: &[Logged], by: &str) {
        let broken = broken_rules(attempts, logs);
        assert_eq!(broken.len(), 1, "{broken:#?}");
        assert!(broken[0].contains(by), "{broken:#?}");
    }

    #[test]
    fn a_history_by_the_rules_breaks_none() {
        let attempts = [
            attempt(0, "a", Some(1), "passed", 0),
            attempt(1, "b", Some(1), "wrong", 1),
            attempt(1, "c", None, "wrong", 20),
            attempt(2, "d", Some(2), "", 30),
            attempt(2, "e", None, "wrong", 40),
            attempt(0, "f", Some(3), "unavailable", 50),
            attempt(0, "g", Some(3), "passed", 60),
        ];
        let logs = [
            logged(0, "a", "passed", None),
            logged(1, "b", "wrong", None),
            logged(1, "c", "wrong", Some(1)),
            logged(2, "e", "wrong", Some(1)),
            logged(0, "f", "unavailable", None),
            logged(0, "g", "passed", None),
        ];
        assert_eq!(broken_rules(&attempts, &logs), Vec::<String>::new());
    }

    #[test]
    fn a_code_that_passes_on_two_hosts_is_found_even_if_one_program_was_told_nothing() {
        let attempts = [
            attempt(0, "a", Some(1), "passed", 0),
            attempt(1, "b", Some(1), "", 1),
        ];
        let logs = [
            logged(0, "a", "passed", None),
            logged(1, "b", "passed", None),
        ];
        assert_broken(&attempts, &logs, "code 1 passed twice");
    }

    #[test]
    fn a_sixth_guess_and_a_second_fifth_are_found() {
        let guesses: Vec<Attempt> = (0..6)
            .map(|n| attempt(n % 3, &format!("s{n}"), None, "wrong", n as u64))
            .collect();
        let logs = |numbers: [u64; 6]| -> Vec<Logged> {
            let log = |(n, failures): (usize, u64)| {
                logged(n % 3, &format!("s{n}"), "wrong", Some(failures))
            };
            numbers.into_iter().enumerate().map(log).collect()
        };
        assert_broken(&guesses, &logs([1, 2, 3, 4, 5, 6]), "as failure 6");
        assert_broken(
            &guesses,
            &logs([1, 2, 3, 4, 5, 5]),
            "2 answers were verified as failure 5",
        );
    }

    #[test]
    fn what_a_host_said_and_did_not_log_is_found() {
        let attempts = [attempt(0, "a", Some(1), "passed", 0)];
        assert_broken(&attempts, &[], "not in the log of its host");
        let of_another = [logged(1, "a", "passed", None)];
        assert_broken(&attempts, &of_another, "not in the log of its host");
    }

    #[test]
    fn an_earlier_code_and_a_pass_that_nobody_made_are_found() {
        let attempts = [
            attempt(0, "a", Some(2), "passed", 0),
            attempt(1, "b", Some(1), "passed", 10),
        ];
        let logs = [
            logged(0, "a", "passed", None),
            logged(1, "b", "passed", None),
        ];
        assert_broken(&attempts, &logs, "passed after");
        let logs = [
            logged(0, "a", "passed", None),
            logged(2, "x", "passed", None),
        ];
        assert_broken(&attempts[..1], &logs, "nobody made this login");
        let guess = [attempt(0, "a", None, "passed", 0)];
        assert_broken(&guess, &logs[..1], "a wrong code passed");
    }
}
