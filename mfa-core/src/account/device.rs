//! A device that shows codes: its key, its used codes, and how far it is out of sync.
//!
//! A code too far from the expected one is refused and recorded, so that an administrator sees the
//! drift. An HOTP device is resynchronised by the very next code, because an attacker would have to
//! guess two in a row (RFC 4226 §7.4); a TOTP device is resynchronised only by `resync`.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::contact::{is_yes, yes};
use super::{Dates, Label};
use crate::clock::{has_begun, is_within};
use crate::factors::device::{DeviceKind, Generator, Match, ReplayState, Windows};

/// How long a code out of sync waits for the next one.
const NEXT_WITHIN: Duration = Duration::from_secs(600);

/// A device that shows codes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its name among the user's devices.
    pub label: Label,
    /// Its key and parameters.
    pub generator: Generator,
    /// The maker's ID, for display and audit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_id: Option<Label>,
    /// Whether its codes are accepted.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub enabled: bool,
    /// When it was enrolled, and last used.
    #[serde(flatten)]
    pub dates: Dates,
    /// The last used step or counter; it and all before it are used up (RFC 6238 §5.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_step: Option<u64>,
    /// Steps that its clock is ahead of ours.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub offset: i64,
    /// The last code that was refused because it was out of sync.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) out_of_sync: Option<OutOfSync>,
    /// The step of that code, kept after resynchronisation: the drift was shown, so the code must
    /// not be accepted when its time comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) told_step: Option<u64>,
}

impl super::Account {
    /// The maker's IDs of the devices that are meant, for the audit log.
    #[must_use]
    pub fn credential_ids(&self, is_meant: impl Fn(&Device) -> bool) -> Option<String> {
        credential_ids(self.devices.iter().filter(|device| is_meant(device)))
    }
}

/// The maker's IDs of these devices, for the audit log.
#[must_use]
pub fn credential_ids<'a>(devices: impl Iterator<Item = &'a Device>) -> Option<String> {
    let ids = devices.filter_map(|device| device.credential_id.as_ref());
    let ids: Vec<&str> = ids.map(Label::as_str).collect();
    (!ids.is_empty()).then(|| ids.join(", "))
}

/// A code that was out of sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OutOfSync {
    step: u64,
    #[serde(with = "jiff::fmt::serde::timestamp::second::required")]
    seen_at: Timestamp,
}

/// How far a device is out of sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drift {
    /// Seconds that its clock is ahead of the expected time; negative if behind.
    Clock(i64),
    /// Number of codes that it is ahead.
    Counter(u64),
}

impl Device {
    /// A new device.
    #[must_use]
    pub fn new(label: Label, generator: Generator, now: Timestamp) -> Self {
        Self {
            label,
            generator,
            credential_id: None,
            enabled: true,
            dates: Dates::enrolled(now),
            last_step: None,
            offset: 0,
            out_of_sync: None,
            told_step: None,
        }
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> DeviceKind {
        self.generator.moves.kind()
    }

    /// Checks a code.
    #[must_use]
    pub fn check(&self, code: &str, now: Timestamp, windows: &Windows) -> Match {
        self.generator.check(code, now, windows, self.position())
    }

    /// The counter of the next code.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.position().next()
    }

    /// Uses up a step and all before it.
    pub fn use_up(&mut self, step: u64, now: Timestamp) {
        self.last_step = Some(step);
        self.dates.last_used_at = Some(now);
        self.out_of_sync = None;
        self.told_step = self.told_step.filter(|told| *told > step);
    }

    /// Replaces a last step that was used while our clock was wrong: every code that may be shown
    /// at `now` is used up, since each may have been used before. The old step itself stays used.
    pub(super) fn catch_up(&mut self, now: Timestamp, windows: &Windows) {
        let position = self.position();
        if self.generator.is_void(now, position) {
            self.told_step = self.last_step;
            self.last_step = self.generator.latest(now, windows, position);
        }
    }

    /// How far it was out of sync when that was last noticed, and when; `None` after a right code.
    /// If it was noticed after `now`, our own clock was wrong then.
    #[must_use]
    pub fn drift(&self, now: Timestamp) -> Option<(Drift, Timestamp)> {
        let OutOfSync { step, seen_at } = self.out_of_sync.filter(|a| has_begun(a.seen_at, now))?;
        let drift = match self.generator.ahead(step, seen_at) {
            Some(ahead) => {
                let period = self.generator.moves.period().unwrap_or_default();
                let period = i64::try_from(u64::from(period)).unwrap_or(i64::MAX);
                Drift::Clock(ahead.saturating_sub(self.offset).saturating_mul(period))
            }
            None => Drift::Counter(step.saturating_sub(self.next())),
        };
        Some((drift, seen_at))
    }

    pub(super) fn position(&self) -> ReplayState {
        ReplayState {
            last: self.last_step,
            offset: self.offset,
            told: self.told_step,
        }
    }

    /// The step of a code that is out of sync.
    pub(super) fn find_out_of_sync(
        &self,
        code: &str,
        now: Timestamp,
        windows: &Windows,
    ) -> Option<u64> {
        self.generator
            .find_out_of_sync(code, now, windows, self.position())
    }

    /// Whether a code out of sync follows an earlier one, on an HOTP device.
    pub(super) fn follows(&self, step: u64, now: Timestamp) -> bool {
        let Some(before) = self.out_of_sync.filter(|_| self.kind() == DeviceKind::Hotp) else {
            return false;
        };
        before.step.checked_add(1) == Some(step) && is_within(before.seen_at, now, NEXT_WITHIN)
    }

    /// Records a code that was out of sync.
    pub(super) fn lose_sync(&mut self, step: u64, now: Timestamp) {
        self.out_of_sync = Some(OutOfSync { step, seen_at: now });
        self.told_step = Some(step);
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clock(seconds @ 0..) => write!(f, "its clock is {seconds} seconds ahead"),
            Self::Clock(seconds) => {
                write!(f, "its clock is {} seconds behind", seconds.unsigned_abs())
            }
            Self::Counter(codes) => write!(f, "it is {codes} codes ahead"),
        }
    }
}

fn is_zero(offset: &i64) -> bool {
    *offset == 0
}
