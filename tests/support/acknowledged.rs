//! Everything that an agent has acknowledged, to compare with its state after a crash.
//!
//! Users have HOTP devices, so that no clock decides whether a code was used. A change is recorded
//! once the agent has acknowledged it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use mfa_protocol::Secret;
use mfa_protocol::admin::{Status, UserParameters};
use mfa_protocol::client::{Client, ClientError};
use mfa_protocol::login::{Answer, AnswerParameters, Begin, BeginParameters, Outcome};
use serde_json::Value;

use crate::{Admin, Ctl, Key};

const TIMEOUT: Duration = Duration::from_secs(30);

/// Wrong codes until a user is locked.
const ATTEMPTS: u32 = 5;

/// The key of all imported users.
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/// Codes this near to the next one are not used as wrong codes.
const NEAR: u64 = 500;

/// Acknowledged changes.
#[derive(Clone, Debug, Default)]
pub struct Acknowledged {
    users: BTreeMap<String, Known>,
    imported: BTreeSet<String>,
}

/// The known state of a user.
#[derive(Clone, Debug)]
struct Known {
    key: Key,
    /// All codes before this one are used.
    next: u64,
    failures: u32,
}

impl Acknowledged {
    /// Enrols a user with an HOTP device.
    pub fn enroll(&mut self, socket: &Path, user: &str) {
        let known = Known {
            key: Admin::at(socket).counting_device(user),
            next: 1,
            failures: 0,
        };
        self.users.insert(user.to_owned(), known);
    }

    /// Enrols a user and locks them.
    pub fn lock(&mut self, socket: &Path, user: &str) {
        self.enroll(socket, user);
        for _ in 0..ATTEMPTS {
            self.fail(socket, user);
        }
    }

    /// Imports users called `prefix` and a number. Returns whether all were imported.
    pub fn import(&mut self, socket: &Path, prefix: &str, count: usize) -> bool {
        let names: Vec<String> = (0..count).map(|n| format!("{prefix}{n}")).collect();
        let mut lines = String::new();
        for name in &names {
            let uri = format!("otpauth://totp/test:{name}?secret={SECRET}");
            writeln!(lines, "{name}\t{uri}").expect("a string takes all");
        }
        let output = Ctl::at(socket).run(&["import", "uris", "-"], &lines);
        if output.is_success() {
            self.imported.extend(names);
        }
        output.is_success()
    }

    /// Sends a wrong code.
    pub fn fail(&mut self, socket: &Path, user: &str) {
        let known = self.users.get_mut(user).expect("a user who is enrolled");
        let wrong = wrong_code(&known.key, known.next);
        assert_eq!(log_in(socket, user, &wrong).ok(), Some(Outcome::Wrong));
        known.failures += 1;
    }

    /// Logs in with the next code. Returns whether the agent acknowledged the pass.
    ///
    /// # Panics
    ///
    /// When it says that the code is wrong.
    pub fn pass(&mut self, socket: &Path, user: &str) -> bool {
        let known = self.users.get_mut(user).expect("a user who is enrolled");
        let Ok(counter) = counter_of(socket, user) else {
            return false;
        };
        assert!(counter >= known.next, "{user}: a used code came back");
        match log_in(socket, user, &known.key.counted(counter)) {
            Ok(Outcome::Passed) => known.next = counter + 1,
            Ok(Outcome::Unavailable) | Err(_) => return false,
            Ok(other) => panic!("{user}, code {counter}: {other:?}"),
        }
        known.failures = 0;
        true
    }

    /// Compares with the agent at `socket`, by its reports and its behaviour.
    ///
    /// # Errors
    ///
    /// The acknowledged changes that are lost.
    pub fn is_held_by(&self, socket: &Path) -> Result<(), String> {
        self.all_are_enrolled(socket)?;
        for (user, known) in &self.users {
            let account = Admin::at(socket).status(user);
            let counter = account.devices.first().and_then(|device| device.counter);
            if counter.is_none_or(|counter| counter < known.next) {
                return Err(format!("{user}: {counter:?} is before {}", known.next));
            }
            let is_locked = account.locked_until.is_some();
            if account.failures < known.failures || (known.is_locked() && !is_locked) {
                return Err(format!("{user}: failures are forgotten: {account:?}"));
            }
            let used = log_in(socket, user, &known.key.counted(known.next - 1));
            let used = used.map_err(|e| format!("{user}: {e}"))?;
            let refused = match known.is_locked() {
                true => Outcome::Locked,
                false => Outcome::Wrong,
            };
            if used != refused {
                return Err(format!("{user}: a used code: {used:?}"));
            }
        }
        Ok(())
    }
}

/// The rest of [`Acknowledged::is_held_by`].
impl Acknowledged {
    fn all_are_enrolled(&self, socket: &Path) -> Result<(), String> {
        if self.imported.is_empty() {
            return Ok(());
        }
        let listed = Ctl::at(socket).json(&["users"], "");
        let names = listed.as_array().map(Vec::as_slice).unwrap_or_default();
        let names: BTreeSet<&str> = names.iter().filter_map(Value::as_str).collect();
        match self
            .imported
            .iter()
            .find(|name| !names.contains(name.as_str()))
        {
            Some(lost) => Err(format!("{lost} is not enrolled any more")),
            None => Ok(()),
        }
    }
}

impl Known {
    fn is_locked(&self) -> bool {
        self.failures >= ATTEMPTS
    }
}

fn counter_of(socket: &Path, user: &str) -> Result<u64, ClientError> {
    let mut client = Client::connect(socket, TIMEOUT)?;
    let user = Some(user.to_owned());
    let reply = client.call::<Status>(&UserParameters { user })?;
    let device = reply.account.devices.first();
    Ok(device.and_then(|device| device.counter).unwrap_or_default())
}

/// A code that the device can't show.
fn wrong_code(key: &Key, next: u64) -> String {
    let right = key.counted_from(next.saturating_sub(NEAR / 2), NEAR as usize);
    let mut codes = (0..1_000_000).map(|code| format!("{code:06}"));
    codes
        .find(|code| !right.contains(code))
        .expect("a code of a million that none is")
}

/// One login on the socket, as the module does it: its outcome.
///
/// # Errors
///
/// When the agent does not answer, or refuses the call.
pub fn log_in(socket: &Path, user: &str, answer: &str) -> Result<Outcome, ClientError> {
    let mut client = Client::connect(socket, TIMEOUT)?;
    let begin = BeginParameters {
        user: user.to_owned(),
        service: "sshd".to_owned(),
        ..Default::default()
    };
    let begun = client.call::<Begin>(&begin)?;
    if let Some(outcome) = begun.step.outcome {
        return Ok(outcome);
    }
    let parameters = AnswerParameters {
        session: begun.session,
        answer: Secret::from(answer),
        ..AnswerParameters::default()
    };
    let ended = client.call::<Answer>(&parameters)?;
    // The agent asks again: the login would continue, and ends with the connection.
    Ok(ended.step.outcome.unwrap_or(Outcome::Wrong))
}

/// As lines of text, for a machine that is reset.
impl Acknowledged {
    /// What is known of `user`, as a line.
    #[must_use]
    pub fn line_of(&self, user: &str) -> String {
        let known = &self.users[user];
        let Known { next, failures, .. } = known;
        format!("user {user} {} {next} {failures}", known.key.hex)
    }

    /// The line of users called `prefix` and a number.
    #[must_use]
    pub fn line_of_import(prefix: &str, count: usize) -> String {
        format!("imported {prefix} {count}")
    }

    /// What such lines say. A later line of a user replaces an earlier one, and other lines say nothing.
    #[must_use]
    pub fn from_lines(lines: &str) -> Self {
        let mut known = Self::default();
        for line in lines.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["user", name, hex, next, failures] => {
                    let user = Known {
                        key: Key::from_hex(hex),
                        next: next.parse().expect("a counter"),
                        failures: failures.parse().expect("a number of failures"),
                    };
                    known.users.insert(name.to_owned(), user);
                }
                ["imported", prefix, count] => {
                    let count: usize = count.parse().expect("a number of users");
                    let names = (0..count).map(|n| format!("{prefix}{n}"));
                    known.imported.extend(names);
                }
                _ => {}
            }
        }
        known
    }
}
