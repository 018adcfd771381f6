//! Sessions: after a pass, the same login is not asked again for a while.
//!
//! A session is part of the user's record, so it is durable together with the login that started it. A lock, a change
//! of factors (by the generation), `revoke` and a reboot end it. [`SessionScope`] decides whether a login belongs to
//! it; the current rule, not the rule at its start, decides whether the session is enough.
//!
//! Where one answer holds password and code, programs send the same answer again and again (a mail client, a browser).
//! A session holds for this code only then, kept as a keyed hash.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Account;
use crate::clock::{Deadline, is_within};
use crate::factors::recovery::{CodeDigest, Pepper};
use crate::factors::{Factor, FactorCombination};
use crate::policy::SessionHosts;

/// The most sessions of a user, which bounds the record; another one replaces the oldest.
const MAX_SESSIONS: usize = 12;

/// How many of them can hold for a code that is typed again.
const MAX_BY_ANSWER: usize = 6;

/// The version of factors of a session that was ended. No record gets there.
const ENDED: u64 = u64::MAX;

/// What identifies a login of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionScope {
    /// The PAM service.
    pub service: String,
    /// The operation, if the login names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The remote address; `None` for a terminal of this host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The user on the remote host, or the caller of sudo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruser: Option<String>,
    /// The terminal, without `/dev/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tty: Option<String>,
}

/// The host of a login, as far as its sessions depend on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionHost {
    /// Its name, where hosts share a store; `None` for a store of one host.
    pub name: Option<String>,
    /// Its boot: a new one ends all sessions of the host.
    pub boot: String,
}

impl SessionHost {
    /// A host that shares its store with no other.
    #[must_use]
    pub fn alone(boot: impl Into<String>) -> Self {
        Self {
            name: None,
            boot: boot.into(),
        }
    }
}

/// A login after which the same is not asked again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The login.
    #[serde(flatten)]
    pub spot: SessionScope,
    /// The factors that were passed.
    pub passed: FactorCombination,
    /// When it began.
    #[serde(with = "jiff::fmt::serde::timestamp::second::required")]
    pub begun: Timestamp,
    /// Its end, by the rule that it began under.
    ends: Deadline,
    /// The host that it began on, where hosts share a store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    /// The boot of the host that it belongs to.
    boot: String,
    /// The version of the user's factors then.
    generation: u64,
    /// The code that must be typed again, where one answer holds password and code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<CodeAgain>,
}

/// A code that passes again in its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct CodeAgain {
    /// Its keyed hash.
    digest: CodeDigest,
    /// Its digits.
    length: u32,
}

impl CodeAgain {
    /// The code of so many digits at the end of an answer.
    fn of(typed: &str, length: u32, pepper: &Pepper) -> Option<Self> {
        let start = typed.len().checked_sub(length as usize)?;
        // No recovery or bypass code has this form, so no hash of one is worth anything here.
        let code = Zeroizing::new(format!("session {}", typed.get(start..)?));
        let digest = pepper.digest(&code);
        Some(Self { digest, length })
    }

    fn is_in(&self, typed: &str, pepper: &Pepper) -> bool {
        Self::of(typed, self.length, pepper).is_some_and(|it| it == *self)
    }
}

/// The session that a pass is to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSession {
    /// The login.
    pub spot: SessionScope,
    /// How long it lasts.
    pub duration: Duration,
    /// The host.
    pub host: SessionHost,
    /// Set if one answer holds password and code: the same code must be typed again.
    pub by_answer: Option<ByAnswer>,
}

/// What the present rule says of sessions that hold for the same answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByAnswer {
    /// The services whose sessions count besides the login's own.
    pub scope: Vec<String>,
    /// The hosts whose sessions count.
    pub hosts: SessionHosts,
    /// The ways of the rule; one of them must have been passed.
    pub combinations: Vec<FactorCombination>,
}

/// A pass by a code that was typed again in its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedAgain {
    /// When the session began.
    pub begun: Timestamp,
    /// What was passed then.
    pub passed: FactorCombination,
    /// In which service.
    pub service: String,
    /// How many characters of the answer are the code.
    pub code_length: u32,
}

/// The requirements on a session.
#[derive(Clone, Copy, Debug)]
pub struct SessionQuery<'a> {
    /// The login.
    pub spot: &'a SessionScope,
    /// The services whose sessions count besides its own.
    pub scope: &'a [String],
    /// The combinations of the rule; one of them must have been passed.
    pub combinations: &'a [FactorCombination],
    /// The maximum age.
    pub duration: Duration,
    /// The host.
    pub host: &'a SessionHost,
    /// The hosts whose sessions count.
    pub hosts: SessionHosts,
}

impl Session {
    /// The host that it began on, where hosts share a store.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// Its end, by the rule that it began under.
    #[must_use]
    pub fn ends(&self) -> Timestamp {
        self.ends.shown()
    }

    /// Whether it has begun at `now`, and has not ended.
    fn lasts(&self, now: Timestamp) -> bool {
        let length = self.ends().duration_since(self.begun);
        let length = Duration::try_from(length).unwrap_or_default();
        self.ends.in_force(now, length).is_some()
    }

    fn is_enough(&self, wanted: &SessionQuery<'_>, now: Timestamp) -> bool {
        let has = |factor: &Factor| self.passed.factors().contains(factor);
        let passed = |combination: &FactorCombination| combination.factors().iter().all(has);
        self.is_at(wanted.spot, wanted.scope)
            && self.holds_on(wanted.host, wanted.hosts)
            && wanted.combinations.iter().any(passed)
            && is_within(self.begun, now, wanted.duration)
    }

    /// Whether it holds on the host of a login. A terminal of one host is not the terminal of the same name on another,
    /// and 127.0.0.1 is another machine on each.
    fn holds_on(&self, host: &SessionHost, hosts: SessionHosts) -> bool {
        let is_known = self.spot.address.is_some_and(means_the_same_everywhere);
        self.host == host.name || hosts == SessionHosts::All && is_known
    }

    /// Whether the host that it began on may still know it. Whether another host has been restarted can't be known here.
    fn outlives_boot(&self, host: &SessionHost) -> bool {
        match (&self.host, &host.name) {
            (Some(its), Some(own)) if its != own => true,
            (its, own) => its == own && self.boot == host.boot,
        }
    }

    /// Whether it is for the same login; the service may be another of the scope. Operations share
    /// no sessions: each is asked separately.
    fn is_at(&self, spot: &SessionScope, scope: &[String]) -> bool {
        let own = &self.spot;
        let same_name = |name: &String| name.eq_ignore_ascii_case(&own.service);
        let shared = spot.operation.is_none() && scope.iter().any(same_name);
        (same_name(&spot.service) || shared)
            && own.operation == spot.operation
            && own.address == spot.address
            && own.ruser == spot.ruser
            && own.tty == spot.tty
    }
}

/// Whether an address can be the same machine for two hosts: this machine and the machines of one link can't.
fn means_the_same_everywhere(address: IpAddr) -> bool {
    let is_of_a_place = match address.to_canonical() {
        IpAddr::V4(address) => {
            address.is_loopback() || address.is_link_local() || address.octets()[0] == 0
        }
        IpAddr::V6(address) => address.is_loopback() || address.is_unicast_link_local(),
    };
    !is_of_a_place && !address.is_unspecified()
}

impl Account {
    /// The active sessions at `now`, as `host` knows of them, oldest first.
    pub fn sessions(&self, host: &SessionHost, now: Timestamp) -> impl Iterator<Item = &Session> {
        let locked = self.lockout.lock(now).is_some();
        self.sessions.iter().filter(move |session| {
            !locked
                && session.outlives_boot(host)
                && session.generation == self.generation
                && session.lasts(now)
        })
    }

    /// The session that lets a login in, if there is one.
    #[must_use]
    pub fn session(&self, wanted: &SessionQuery<'_>, now: Timestamp) -> Option<&Session> {
        self.sessions(wanted.host, now)
            .find(|session| session.answer.is_none() && session.is_enough(wanted, now))
    }

    /// The session that an answer with password and code belongs to: the code is the one that began it.
    #[must_use]
    pub(super) fn session_by_answer(
        &self,
        opening: &NewSession,
        typed: &str,
        pepper: &Pepper,
        now: Timestamp,
    ) -> Option<PassedAgain> {
        let by_answer = opening.by_answer.as_ref()?;
        let wanted = SessionQuery {
            spot: &opening.spot,
            scope: &by_answer.scope,
            combinations: &by_answer.combinations,
            duration: opening.duration,
            host: &opening.host,
            hosts: by_answer.hosts,
        };
        let has_code = |session: &&Session| {
            session.answer.is_some_and(|code| code.is_in(typed, pepper))
                && session.is_enough(&wanted, now)
        };
        let session = self.sessions(&opening.host, now).find(has_code)?;
        Some(PassedAgain {
            begun: session.begun,
            passed: session.passed.clone(),
            service: session.spot.service.clone(),
            code_length: session.answer?.length,
        })
    }

    /// Ends all sessions. Returns how many were active.
    pub fn revoke(&mut self, host: &SessionHost, now: Timestamp) -> u32 {
        let ended = self.sessions(host, now).count();
        self.end_sessions();
        u32::try_from(ended).unwrap_or(u32::MAX)
    }

    /// Ends all sessions. The codes that began some stay: a program that types one again is not guessing.
    pub(super) fn end_sessions(&mut self) {
        self.sessions.retain(|session| session.answer.is_some());
        for session in &mut self.sessions {
            session.generation = ENDED;
        }
    }

    /// Whether the code began a session by answer, of any login; it may have ended since. Programs repeat what they
    /// know, so this is a used code and not a guess.
    pub(super) fn began_a_session(&self, typed: &str, pepper: &Pepper) -> bool {
        let mut answers = self.sessions.iter().filter_map(|session| session.answer);
        answers.any(|code| code.is_in(typed, pepper))
    }

    /// Begins a session after a pass, or renews the one of the same login. `code`: the answer that holds it, its digits
    /// and the key of its hash, where it must be typed again; programs at one address have sessions of their own then.
    pub(super) fn begin_session(
        &mut self,
        opening: &NewSession,
        passed: FactorCombination,
        code: Option<(&str, u32, &Pepper)>,
        now: Timestamp,
    ) {
        let answer = code.and_then(|(typed, length, pepper)| CodeAgain::of(typed, length, pepper));
        if opening.by_answer.is_some() && answer.is_none() {
            return;
        }
        let live: Vec<Session> = self.sessions(&opening.host, now).cloned().collect();
        self.sessions
            .retain(|session| session.answer.is_some() || live.contains(session));
        let is_here =
            |session: &Session| session.spot == opening.spot && session.host == opening.host.name;
        match answer {
            Some(_) => {
                let is_other = |session: &Session| !is_here(session) || session.answer != answer;
                self.sessions.retain(is_other);
            }
            None => self.sessions.retain(|session| !is_here(session)),
        }
        let by_answer = |session: &Session| session.answer.is_some();
        let full = self.sessions.iter().filter(|it| by_answer(it)).count() >= MAX_BY_ANSWER;
        if let Some(oldest) = self.sessions.iter().position(by_answer)
            && full
            && answer.is_some()
        {
            self.sessions.remove(oldest);
        }
        if self.sessions.len() >= MAX_SESSIONS {
            self.sessions.remove(0);
        }
        self.sessions.push(Session {
            spot: opening.spot.clone(),
            passed,
            begun: now,
            ends: Deadline::after(now, opening.duration),
            host: opening.host.name.clone(),
            boot: opening.host.boot.clone(),
            generation: self.generation,
            answer,
        });
    }
}

#[cfg(test)]
mod tests;
