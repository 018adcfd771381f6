//! The account: everything known about one user, in one record.
//!
//! A change is a pure function of the record and an event (rule 2 of the architecture): `attempt` verifies answers,
//! `enroll` adds and removes factors, `session`, `bypass` and `grace` are other ways to log in, `settings` holds the
//! user's settings. The agent's repository loads, changes and swaps records; there is no separate counter or list, so
//! nothing can race them.
//!
//! The record holds keys and hashes. It never leaves the agent, and leaves the process only sealed.

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
mod merge;
mod messages;
mod networks;
mod notices;
mod recovery;
mod remote;
mod requests;
mod restore;
mod resync;
mod security_key;
mod session;
mod set_up;
mod settings;
mod suspension;

use jiff::Timestamp;
use mfa_protocol::factor::Authenticator;
use serde::{Deserialize, Serialize};

use crate::factors::bypass::BYPASS_DIGITS;
use crate::factors::device::{DeviceKind, unspaced};
use crate::factors::recovery::{CodeDigest, Pepper};
use crate::factors::{Factor, FactorCombination, FactorRow};
use crate::lockout::Lockout;

pub use attempt::{
    Attempt, ConfirmedRecipient, Counted, Expended, FallbackCode, KeyFault, KeyProof, Passed,
    PreparedAnswer, Refused, Verdict,
};
use bypass::Bypass;
pub use contact::{Contact, ContactError, MAX_CONTACTS};
pub use device::{Device, Drift, credential_ids};
pub use enroll::{Added, EnrollError, Enrolled, MAX_DEVICES, NewFactor};
pub use import::{Import, Imported};
pub use knowledge::{Dates, PinRecord, Question, QuestionSet};
pub use label::{Label, LabelError};
pub use merge::{Merged, MergedPart};
pub use messages::{MessageLimits, Messages};
pub use notices::{NoticeKind, Occurrence};
use recovery::Recovery;
pub use remote::{Remote, RemoteName, RemoteNameError};
pub use requests::RequestLimits;
use requests::Requests;
pub use restore::Restored;
pub use resync::{Resync, Resynced};
pub use security_key::{MAX_KEYS, SecurityKey, SecurityKeyError};
pub use session::{
    ByAnswer, NewSession, PassedAgain, Session, SessionHost, SessionQuery, SessionScope,
};
pub use set_up::SpentCodes;
pub use settings::{By, MAX_NETWORKS, SettingError, UserOverrides, UserSettings};
use suspension::Suspension;
pub use suspension::{LONGEST_SUSPENSION, SHORTEST_SUSPENSION};

/// The format of the record. Older ones are read and written as this one. 1 had no settings,
/// sessions, bypass and recovery codes, and no grace; 2 no HOTP devices and no drift; 3 no
/// addresses and no accounts at RADIUS servers; 4 no networks and no disabled devices; 5 no security
/// keys.
const SCHEMA: u32 = 6;

/// The format that is written if the record needs no later one, so that older hosts of a shared store read it, too.
const WRITTEN: u32 = 5;

/// The first format that has security keys.
const WITH_KEYS: u32 = 6;

/// One user's account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    schema: u32,
    /// Counts the changes of the user's factors: a proof or an unfinished enrolment from before a
    /// change is void.
    #[serde(default)]
    generation: u64,
    /// In the order of enrolment.
    #[serde(default)]
    devices: Vec<Device>,
    /// In the order of enrolment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    keys: Vec<SecurityKey>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pin: Option<PinRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    questions: Option<QuestionSet>,
    /// Within a channel in the order in which they are tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    contacts: Vec<Contact>,
    #[serde(default, skip_serializing_if = "Messages::is_empty")]
    messages: Messages,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    remote: Option<Remote>,
    #[serde(default, skip_serializing_if = "Requests::is_empty")]
    requests: Requests,
    #[serde(default)]
    lockout: Lockout,
    #[serde(default, skip_serializing_if = "UserSettings::is_default")]
    settings: UserSettings,
    /// Oldest first. Some may have ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sessions: Vec<Session>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bypass: Option<Bypass>,
    /// The last used one, so that the audit log distinguishes it from a guess.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    used_bypass: Option<CodeDigest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recovery: Option<Recovery>,
    /// Keyed hashes of the networks that the user has logged in from, the last one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    networks: Vec<CodeDigest>,
    /// When grace began.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::timestamp::second::optional"
    )]
    grace_since: Option<Timestamp>,
    /// It may be over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suspension: Option<Suspension>,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            schema: WRITTEN,
            generation: 0,
            devices: Vec::new(),
            keys: Vec::new(),
            pin: None,
            questions: None,
            contacts: Vec::new(),
            messages: Messages::default(),
            remote: None,
            requests: Requests::default(),
            lockout: Lockout::default(),
            settings: UserSettings::default(),
            sessions: Vec::new(),
            bypass: None,
            used_bypass: None,
            recovery: None,
            networks: Vec::new(),
            grace_since: None,
            suspension: None,
        }
    }
}

impl Account {
    /// The newest format of records that this version reads and writes.
    pub const FORMAT: u32 = SCHEMA;

    /// The format that the record is written in: the oldest one that holds all of it. Whoever adds to the record and
    /// raises [`Self::FORMAT`] says here which records need it; all others stay readable for older hosts.
    #[must_use]
    pub fn format(&self) -> u32 {
        // An older host would leave the keys out when it writes.
        let needed = match self.keys.is_empty() {
            true => WRITTEN,
            false => WITH_KEYS,
        };
        self.schema.max(needed)
    }

    /// Counts the changes of the user's factors.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The devices, in the order of enrolment.
    #[must_use]
    pub fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// The devices whose codes are accepted.
    pub fn usable_devices(&self) -> impl Iterator<Item = &Device> {
        self.devices_in_use().map(|(_, device)| device)
    }

    /// The same with their positions.
    fn devices_in_use(&self) -> impl Iterator<Item = (usize, &Device)> {
        let devices = self.devices.iter().enumerate();
        devices.filter(|(_, device)| device.enabled)
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

    /// The counters of the lockout.
    #[must_use]
    pub fn lockout(&self) -> &Lockout {
        &self.lockout
    }

    /// Whether the user can satisfy `way`. Bypass and recovery codes replace other codes; `beside` are factors that
    /// need nothing in the record.
    #[must_use]
    pub fn can(&self, combination: &FactorCombination, beside: &[Factor], now: Timestamp) -> bool {
        let other_codes = self.other_codes(now) > 0;
        let can = |factor: &Factor| {
            self.has(*factor) || beside.contains(factor) || (factor.is_code() && other_codes)
        };
        combination.factors().iter().all(can)
    }

    /// Whether `typed` is a bypass or recovery code. Call it only for an answer that is then
    /// verified or counted, because every call is a guess.
    #[must_use]
    pub fn has_other_code(&self, typed: &str, now: Timestamp, pepper: &Pepper) -> bool {
        let typed = unspaced(typed);
        self.is_bypass(&typed, now) || self.find_recovery(&typed, pepper).is_some()
    }

    /// The same for a code that is no longer valid, so that the audit log can tell it from a guess, also with a PIN
    /// after it.
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

    /// Digits of the devices' codes, if all have the same; `None` without a device.
    #[must_use]
    pub fn device_digits(&self) -> Option<u32> {
        let mut digits = self.usable_devices().map(|d| u32::from(d.generator.digits));
        let first = digits.next()?;
        digits.all(|other| other == first).then_some(first)
    }

    /// Digits of the longest code that the user may type.
    #[must_use]
    pub fn code_digits(&self, now: Timestamp) -> u32 {
        let devices = self.usable_devices().map(|d| u32::from(d.generator.digits));
        match devices.max().unwrap_or(0).max(self.other_codes(now)) {
            0 => 6,
            digits => digits,
        }
    }

    /// Digits of the longest valid code that is not from a device; 0 if there is none.
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

    /// The same by their names for people: a device is `totp` or `hotp`.
    #[must_use]
    pub fn authenticators(&self) -> Vec<Authenticator> {
        let is_there = |kind: &DeviceKind| self.usable_devices().any(|d| d.kind() == *kind);
        let kinds = DeviceKind::ALL.into_iter().filter(is_there);
        let others = Authenticator::ALL.into_iter().filter(|other| {
            other.device_kind().is_none() && other.factor().is_some_and(|it| self.has(it))
        });
        kinds.map(Authenticator::from).chain(others).collect()
    }

    /// Unlocks the account. Returns whether there was anything to clear.
    pub fn unlock(&mut self) -> bool {
        self.lockout.unlock()
    }

    /// Encodes the record for sealing.
    ///
    /// # Errors
    ///
    /// Never for a record that was read or made here; the encoder's own error otherwise.
    pub fn encode(&self) -> Result<zeroize::Zeroizing<Vec<u8>>, RecordError> {
        // Large enough, so that growing leaves no unwiped copy behind; and no larger, because all
        // of it is wiped.
        let mut bytes = zeroize::Zeroizing::new(Vec::with_capacity(self.room()));
        let written = match self.format() {
            format if format == self.schema => serde_json::to_writer(&mut *bytes, self),
            schema => serde_json::to_writer(
                &mut *bytes,
                &Self {
                    schema,
                    ..self.clone()
                },
            ),
        };
        written.map_err(|e| RecordError(e.to_string()))?;
        Ok(bytes)
    }

    /// An upper bound on the record's bytes.
    fn room(&self) -> usize {
        let settings = [&self.settings.administrator, &self.settings.own];
        let networks: usize = settings.iter().map(|side| side.allow_from.len()).sum();
        let codes = self.recovery.as_ref().map_or(0, Recovery::all);
        let questions = usize::from(self.questions.is_some());
        1024 + 768 * (self.devices.len() + self.keys.len() + self.sessions.len())
            + 64 * (networks + codes + self.networks.len())
            + 2048 * questions
            + 512 * (self.contacts.len() + usize::from(self.remote.is_some()))
            + self.messages.room()
            + self.requests.room()
    }

    /// Decodes an unsealed record.
    ///
    /// # Errors
    ///
    /// [`RecordError`] when it is invalid, or of a later format.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let decoded = serde_json::from_slice::<Self>(bytes);
        let schema = match &decoded {
            Ok(account) => account.schema,
            // What a later version writes may have another form.
            Err(_) => serde_json::from_slice(bytes).map_or(0, |Later { schema }| schema),
        };
        if schema > SCHEMA {
            return Err(RecordError(format!(
                "it has format {schema}, but this version knows only formats up to {SCHEMA}; upgrade mfa-agent"
            )));
        }
        // The error contains only the column: serde's own text may quote the record.
        let mut account = decoded
            .map_err(|e| RecordError(format!("it can't be read at column {}", e.column())))?;
        account.schema = account.format();
        Ok(account)
    }
}

/// What is known of the record of a later version.
#[derive(Deserialize)]
struct Later {
    schema: u32,
}

/// Why a record can't be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stored record is damaged: {0}")]
pub struct RecordError(String);

#[cfg(test)]
mod clock_tests;
#[cfg(test)]
mod guessing_tests;
#[cfg(any(test, feature = "samples"))]
pub mod samples;
#[cfg(test)]
mod tests;
