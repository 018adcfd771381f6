//! What the audit log says of a login.

use mfa_protocol::login::Outcome;

use super::super::peer::Peer;
use super::login_context::LoginContext;
use crate::audit::Event;
use crate::hasher::Claim;
use mfa_core::account::{Passed, Verdict};
use mfa_core::factors::address::Recipient;
use mfa_core::factors::device::DeviceKind;
use mfa_core::factors::{Factor, FactorRow};
use mfa_core::lockout::Lock;
use mfa_core::login::entry::Hint;
use mfa_core::login::{EndReason, Screen};
use mfa_core::names::UserName;

/// All that is told about a login; no secret is among it.
#[derive(Clone)]
pub(in crate::server) struct Context {
    pub(in crate::server) session: String,
    pub(in crate::server) user: UserName,
    pub(super) rule: Option<String>,
    combination: Option<String>,
    /// Whether all devices of the user count: their codes are HOTP's.
    pub(super) is_by_counter: bool,
    pub(super) reason: Option<String>,
    /// Why an unenrolled user could not set up something.
    pub(super) hint: Option<Hint>,
    service: String,
    operation: Option<String>,
    rhost: Option<String>,
    tty: Option<String>,
    label: Option<String>,
    credential_id: Option<String>,
    fingerprint: Option<String>,
    failures: Option<u32>,
    pub(super) locked_until: Option<String>,
    pub(super) peer: Peer,
    /// What its end is called: `login`, or `account` in the account phase.
    name: &'static str,
}

impl Context {
    pub(super) fn new(
        session: String,
        user: &UserName,
        login_context: &LoginContext,
        (peer, name): (Peer, &'static str),
    ) -> Self {
        Self {
            name,
            session,
            user: user.clone(),
            rule: None,
            combination: None,
            is_by_counter: false,
            reason: None,
            hint: None,
            service: login_context.service.clone(),
            operation: login_context.operation.clone(),
            rhost: login_context.rhost.clone(),
            tty: login_context.tty.clone(),
            label: None,
            credential_id: None,
            fingerprint: None,
            failures: None,
            locked_until: None,
            peer,
        }
    }

    /// What the user is asked for, by the names that people know.
    pub(super) fn set_combination(&mut self, combination: Option<String>) {
        let kind = match self.is_by_counter {
            true => DeviceKind::Hotp,
            false => DeviceKind::Totp,
        };
        self.combination = combination.map(|combination| of_kind(&combination, kind));
    }

    /// Where the user reads what is shown.
    pub(super) fn screen(&self) -> Screen {
        Screen::of(&self.service)
    }

    /// What the user logs in to, for the text of a message: the operation, or the service. An ordinary process can name
    /// anything, so its name is not sent to a telephone that it chose itself.
    pub(super) fn place(&self) -> &str {
        match self.peer.privileged {
            true => self.operation.as_deref().unwrap_or(&self.service),
            false => "a program",
        }
    }

    /// Where the user comes from, if the service has said so.
    pub(super) fn rhost(&self) -> Option<&str> {
        self.rhost.as_deref()
    }

    /// The event for an address that is the user's from now on, by the code that has just passed.
    pub(super) fn address_enrolled(&self, to: &Recipient) -> Event {
        Event {
            event: "enroll",
            result: "done",
            factor: Some(to.channel().name().to_owned()),
            credential_id: None,
            fingerprint: None,
            ..self.event(
                Outcome::Passed,
                Some("in a login, confirmed by a code sent there"),
            )
        }
    }

    /// The event for a message with a code.
    pub(super) fn message(&self, result: &'static str, reason: &str) -> Event {
        Event {
            event: "message",
            result,
            ..self.event(Outcome::Passed, Some(reason))
        }
    }

    /// In whose name answers of this login are hashed.
    pub(super) fn claim(&self) -> Claim {
        self.peer.claim(&self.user)
    }

    /// Keeps what a verdict says.
    pub(super) fn note(&mut self, verdict: &Verdict, unenrolled: bool) {
        self.failures = None;
        self.reason = match verdict {
            Verdict::Passed(passed) => self.note_pass(passed),
            Verdict::Wrong { failures, lock, .. } => {
                self.failures = Some(*failures);
                self.note_lock(*lock);
                self.why_wrong(verdict, unenrolled)
            }
            Verdict::Insufficient { key, fault } => {
                let words = fault.words(key).replace("USER", self.user.as_str());
                Some(format!("{words}; not counted"))
            }
            Verdict::Replayed => Some("a code that was already used".to_owned()),
            Verdict::Locked(lock) => {
                self.note_lock(Some(*lock));
                Some("the account is locked; the answer was not verified".to_owned())
            }
            Verdict::BudgetExhausted => {
                Some("too many guesses at once; the answer was not verified".to_owned())
            }
            Verdict::Password => Some(EndReason::Password.words().to_owned()),
            Verdict::Stale => Some(
                "the account was changed during the login; the answer was not verified".to_owned(),
            ),
        };
    }

    /// With what the user passed. Returns what an administrator should know of it besides.
    fn note_pass(&mut self, passed: &Passed) -> Option<String> {
        self.label.clone_from(&passed.device);
        self.credential_id.clone_from(&passed.credential_id);
        self.fingerprint.clone_from(&passed.fingerprint);
        let mut reason = None;
        if let Some(kind) = passed.kind {
            let combination = self.combination.take();
            self.combination = combination.map(|combination| of_kind(&combination, kind));
        }
        if let Some(again) = &passed.again {
            self.combination = Some("session".to_owned());
            reason = Some(format!(
                "the same code again in a session, started {} with {} by {}",
                again.begun, again.passed, again.service
            ));
        }
        if let Some(instead) = passed.instead {
            let (name, combination) = (instead.name(), self.combination.take());
            self.combination = combination.map(|combination| in_place_of_code(&combination, name));
            reason = Some(format!("a {name} code, which is now used up"));
        }
        reason
    }

    /// What was wrong with an answer, and what follows.
    fn why_wrong(&self, verdict: &Verdict, unenrolled: bool) -> Option<String> {
        let Verdict::Wrong {
            lock,
            out_of_sync,
            expended,
            key,
            ..
        } = verdict
        else {
            return None;
        };
        let key = key.as_ref().map(|(label, fault)| fault.words(label));
        let of_user = |words: &str| words.replace("USER", self.user.as_str());
        let why = match (key, expended, self.hint, unenrolled) {
            (Some(key), ..) => of_user(&key),
            (None, Some(expended), ..) => expended.words().to_owned(),
            (None, None, Some(hint), _) => of_user(hint.words()),
            (None, None, None, true) => "none of the required factors is enrolled".to_owned(),
            (None, None, None, false) => "wrong answer".to_owned(),
        };
        let drift = out_of_sync.as_ref().map(|(label, drift)| {
            let user = &self.user;
            format!(
                "; a code of {label:?}, but {drift}; resynchronise it: mfactl verify {user} --resync"
            )
        });
        let locks = match lock {
            Some(_) => "; the account is locked now",
            None => "",
        };
        Some(format!("{why}{}{locks}", drift.unwrap_or_default()))
    }

    /// What was counted in this login is over.
    pub(super) fn forget_failures(&mut self) {
        self.failures = None;
        self.reason = None;
    }

    /// The login ends because its tries are used up; the account is not locked.
    pub(super) fn out_of_tries(&mut self) {
        let why = self.reason.take().unwrap_or_default();
        self.reason = Some(format!("{why}; out of tries in this login"));
    }

    /// The event for a recovery code that is followed by setting up a new device.
    pub(super) fn recovered(&self) -> Event {
        let reason = "a recovery code, which is now used up; a new device must be enrolled";
        Event {
            event: "attempt",
            ..self.event(Outcome::Passed, Some(reason))
        }
    }

    fn note_lock(&mut self, lock: Option<Lock>) {
        self.locked_until = match lock {
            None => None,
            Some(Lock::Until(until)) => Some(until.to_string()),
            Some(Lock::Administrator) => Some("an administrator unlocks".to_owned()),
        };
    }

    /// The event for the end of the login.
    pub(super) fn event(&self, outcome: Outcome, reason: Option<&str>) -> Event {
        Event {
            event: self.name,
            result: outcome.as_str(),
            reason: reason.map(str::to_owned).or_else(|| self.reason.clone()),
            session: Some(self.session.clone()),
            user: Some(self.user.to_string()),
            service: Some(self.service.clone()),
            operation: self.operation.clone(),
            rhost: self.rhost.clone(),
            tty: self.tty.clone(),
            factor: self.combination.clone(),
            label: self.label.clone(),
            credential_id: self.credential_id.clone(),
            fingerprint: self.fingerprint.clone(),
            rule: self.rule.clone(),
            failures: self.failures,
            locked_until: self.locked_until.clone(),
            by_uid: Some(self.peer.uid),
            by_pid: Some(self.peer.pid),
            unprivileged: (!self.peer.privileged).then_some(true),
            ..Event::default()
        }
    }

    /// The event for an answer that did not pass, in a login that goes on.
    pub(super) fn attempt(&self) -> Event {
        Event {
            event: "attempt",
            ..self.event(Outcome::Wrong, None)
        }
    }
}

/// The combination, with the name of the code that was typed instead of its own.
fn in_place_of_code(combination: &str, name: &str) -> String {
    let is_hotp = |factor: &str| factor == DeviceKind::Hotp.name();
    let is_code = |factor: &str| {
        is_hotp(factor) || factor.parse().is_ok_and(|factor: Factor| factor.is_code())
    };
    let named = |factor| if is_code(factor) { name } else { factor };
    combination
        .split('+')
        .map(named)
        .collect::<Vec<_>>()
        .join("+")
}

/// The combination, with the kind of the device whose code was typed.
fn of_kind(combination: &str, kind: DeviceKind) -> String {
    let is_device = |factor: &str| DeviceKind::ALL.iter().any(|kind| kind.name() == factor);
    let named = |factor| {
        if is_device(factor) {
            kind.name()
        } else {
            factor
        }
    };
    combination
        .split('+')
        .map(named)
        .collect::<Vec<_>>()
        .join("+")
}
