//! The account: all that is known of one user, as one record.
//!
//! Pure. A change is a function of the record and an event (rule 2 of the architecture): `attempt`
//! judges answers, `enroll` adds and removes factors, `session`, `bypass` and `grace` are what lets a user
//! in otherwise, `settings` is what is set for one user. `repository` loads, changes and swaps records; there
//! is no counter or list beside them that could be raced.
//!
//! The record holds keys and hashes. It leaves the agent never, and the process only sealed.

mod attempt;
mod bypass;
mod contact;
mod device;
mod enroll;
mod grace;
mod holdings;
mod import;
mod knowledge;
mod label;
mod messages;
mod recovery;
mod remote;
mod resync;
mod session;
mod set_up;
mod settings;

use jiff::Timestamp;
use mfa_protocol::factor::Authenticator;
use serde::{Deserialize, Serialize};

use crate::factors::bypass::BYPASS_DIGITS;
use crate::factors::device::{DeviceKind, unspaced};
use crate::factors::recovery::{CodeDigest, Pepper};
use crate::factors::{Factor, FactorCombination, FactorRow};
use crate::lockout::Lockout;

pub use attempt::{
    Attempt, ConfirmedRecipient, Expended, FallbackCode, Passed, PreparedAnswer, Verdict,
};
use bypass::Bypass;
pub use contact::{Contact, ContactError, MAX_CONTACTS};
pub use device::{Device, Drift};
pub use enroll::{Added, EnrollError, Enrolled, MAX_DEVICES};
pub use import::{Import, Imported};
pub use knowledge::{Dates, PinRecord, Question, QuestionSet};
pub use label::{Label, LabelError};
pub use messages::{MessageLimits, Messages};
use recovery::Recovery;
pub use remote::{Remote, RemoteName, RemoteNameError};
pub use resync::{Resync, Resynced};
pub use session::{NewSession, Session, SessionQuery, SessionScope};
pub use set_up::SpentCodes;
pub use settings::{By, MAX_NETWORKS, SettingError, UserOverrides, UserSettings};

/// The format of the record. Older ones are read as they are and written as this one: 1 knew neither
/// settings nor sessions, bypass and recovery codes, and grace; 2 no devices that count or drift; 3 no addresses, and no accounts
/// at RADIUS servers.
const SCHEMA: u32 = 4;

/// One user's account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    schema: u32,
    /// Counts the changes of what the user can pass: a proof or a half-done enrolment from before one
    /// is worth nothing after it.
    #[serde(default)]
    generation: u64,
    /// Devices that show codes, in the order of their enrolment.
    #[serde(default)]
    devices: Vec<Device>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pin: Option<PinRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    questions: Option<QuestionSet>,
    /// Where codes are sent, in the order in which the addresses of a channel are tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    contacts: Vec<Contact>,
    #[serde(default, skip_serializing_if = "Messages::is_empty")]
    messages: Messages,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    remote: Option<Remote>,
    #[serde(default)]
    lockout: Lockout,
    #[serde(default, skip_serializing_if = "UserSettings::is_default")]
    settings: UserSettings,
    /// The oldest first. Some may have ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sessions: Vec<Session>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bypass: Option<Bypass>,
    /// The last one that was used, so that the audit log tells it from a guess.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    used_bypass: Option<CodeDigest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recovery: Option<Recovery>,
    /// When a login first met a rule with grace.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::timestamp::second::optional"
    )]
    grace_since: Option<Timestamp>,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            schema: SCHEMA,
            generation: 0,
            devices: Vec::new(),
            pin: None,
            questions: None,
            contacts: Vec::new(),
            messages: Messages::default(),
            remote: None,
            lockout: Lockout::default(),
            settings: UserSettings::default(),
            sessions: Vec::new(),
            bypass: None,
            used_bypass: None,
            recovery: None,
            grace_since: None,
        }
    }
}

impl Account {
    /// Counts the changes of what the user can pass.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The devices, in the order of their enrolment.
    #[must_use]
    pub fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// The PIN.
    #[must_use]
    pub fn pin(&self) -> Option<&PinRecord> {
        self.pin.as_ref()
    }

    /// The security questions.
    #[must_use]
    pub fn questions(&self) -> Option<&QuestionSet> {
        self.questions.as_ref()
    }

    /// What is counted.
    #[must_use]
    pub fn lockout(&self) -> &Lockout {
        &self.lockout
    }

    /// Whether the user can go `way` to its end. Bypass and recovery codes stand in for other codes; `beside`
    /// are factors that need nothing in the record.
    #[must_use]
    pub fn can(&self, way: &FactorCombination, beside: &[Factor], now: Timestamp) -> bool {
        let other_codes = self.other_codes(now) > 0;
        let can = |factor: &Factor| {
            self.has(*factor) || beside.contains(factor) || (factor.is_code() && other_codes)
        };
        way.factors().iter().all(can)
    }

    /// Whether `typed` is a bypass or recovery code. Only for an answer that is judged or counted then: asking
    /// is guessing.
    #[must_use]
    pub fn has_other_code(&self, typed: &str, now: Timestamp, pepper: &Pepper) -> bool {
        let typed = unspaced(typed);
        self.is_bypass(&typed, now) || self.find_recovery(&typed, pepper).is_some()
    }

    /// The same of a code that is good no more, so that the audit log can tell it from a guess with a PIN behind it, too.
    #[must_use]
    pub fn has_or_had_other_code(&self, typed: &str, now: Timestamp, pepper: &Pepper) -> bool {
        self.has_other_code(typed, now, pepper)
            || self.had_other_code(&unspaced(typed), now, pepper).is_some()
    }

    /// Whether `typed` has the form of a bypass or recovery code that the user has.
    #[must_use]
    pub fn may_be_other_code(&self, typed: &str, now: Timestamp) -> bool {
        let typed = unspaced(typed);
        let bypass = self.bypass_until(now).map(|_| BYPASS_DIGITS);
        let recovery = self.recovery.as_ref().filter(|codes| codes.left() > 0);
        let lengths = [bypass, recovery.map(Recovery::digits)];
        let fits = |digits: u32| typed.len() == digits as usize;
        typed.bytes().all(|b| b.is_ascii_digit()) && lengths.into_iter().flatten().any(fits)
    }

    /// How many digits the codes of the devices have, if all have as many; none without a device.
    #[must_use]
    pub fn device_digits(&self) -> Option<u32> {
        let mut digits = self.devices.iter().map(|d| u32::from(d.generator.digits));
        let first = digits.next()?;
        digits.all(|other| other == first).then_some(first)
    }

    /// The longest code that the user may type, in digits.
    #[must_use]
    pub fn code_digits(&self, now: Timestamp) -> u32 {
        let devices = self.devices.iter().map(|d| u32::from(d.generator.digits));
        match devices.max().unwrap_or(0).max(self.other_codes(now)) {
            0 => 6,
            digits => digits,
        }
    }

    /// The digits of the longest code that is good without a device; 0 if there is none.
    pub(in crate::account) fn other_codes(&self, now: Timestamp) -> u32 {
        let bypass = self.bypass_until(now).map(|_| BYPASS_DIGITS);
        let recovery = self.recovery.as_ref().filter(|codes| codes.left() > 0);
        bypass.max(recovery.map(Recovery::digits)).unwrap_or(0)
    }

    /// The factors that the user can use.
    #[must_use]
    pub fn enrolled(&self) -> Vec<Factor> {
        Factor::ALL
            .into_iter()
            .filter(|factor| self.has(*factor))
            .collect()
    }

    /// The same by the names that people know: a device is `totp` or `hotp`.
    #[must_use]
    pub fn authenticators(&self) -> Vec<Authenticator> {
        let is_there = |kind: &DeviceKind| self.devices.iter().any(|d| d.kind() == *kind);
        let kinds = DeviceKind::ALL.into_iter().filter(is_there);
        let others = Authenticator::ALL.into_iter().filter(|other| {
            other.device_kind().is_none() && other.factor().is_some_and(|it| self.has(it))
        });
        kinds.map(Authenticator::from).chain(others).collect()
    }

    /// An administrator unlocks. Returns whether there was anything to clear.
    pub fn unlock(&mut self) -> bool {
        self.lockout.unlock()
    }

    /// The record as it is sealed.
    ///
    /// # Errors
    ///
    /// Never for a record that was read or made here; the encoder's own error otherwise.
    pub fn encode(&self) -> Result<zeroize::Zeroizing<Vec<u8>>, RecordError> {
        // Large enough, so that no unwiped copy is left behind by growing; and no larger, because all of it
        // is wiped.
        let mut bytes = zeroize::Zeroizing::new(Vec::with_capacity(self.room()));
        serde_json::to_writer(&mut *bytes, self).map_err(|e| RecordError(e.to_string()))?;
        Ok(bytes)
    }

    /// More bytes than the record takes.
    fn room(&self) -> usize {
        let settings = [&self.settings.administrator, &self.settings.own];
        let networks: usize = settings.iter().map(|side| side.allow_from.len()).sum();
        let codes = self.recovery.as_ref().map_or(0, Recovery::all);
        let questions = usize::from(self.questions.is_some());
        1024 + 768 * (self.devices.len() + self.sessions.len())
            + 64 * (networks + codes)
            + 2048 * questions
            + 512 * (self.contacts.len() + usize::from(self.remote.is_some()))
            + self.messages.room()
    }

    /// A record as it was sealed.
    ///
    /// # Errors
    ///
    /// [`RecordError`] when it is not one, or of a version that is not known yet.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        // Only the place goes into the error: serde's own text may quote what stands there.
        let mut account: Self = serde_json::from_slice(bytes)
            .map_err(|e| RecordError(format!("it can't be read at column {}", e.column())))?;
        if account.schema > SCHEMA {
            return Err(RecordError(format!(
                "it has format {}, this version knows up to {SCHEMA}; upgrade mfa-agent",
                account.schema
            )));
        }
        account.schema = SCHEMA;
        Ok(account)
    }
}

/// A record that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stored record is damaged: {0}")]
pub struct RecordError(String);

#[cfg(test)]
mod clock_tests;
#[cfg(any(test, feature = "samples"))]
pub mod samples;
#[cfg(test)]
mod tests;
