//! Adds and removes factors.
//!
//! The values are already validated (`factors`); this module checks what depends on the account,
//! such as the number of devices and free labels. Doing the same twice changes nothing.

use jiff::Timestamp;

use super::{Account, Dates, Device, Label, NewSession, PinRecord, QuestionSet, SecurityKey};
use crate::factors::address::Recipient;
use crate::factors::device::DeviceKind;
use crate::factors::recovery::CodeDigest;
use crate::factors::{Factor, FactorCombination};
pub use mfa_protocol::factor::MAX_DEVICES;

/// The result of adding a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It is a new device.
    Stored,
    /// It existed already; more of its codes are used up now.
    Updated,
    /// It existed already.
    Unchanged,
}

/// Why a device can't be added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnrollError {
    /// Another device has the label.
    #[error("there is already a device {0:?}; choose another label, or remove that device first")]
    LabelTaken(String),
    /// Another device has the key.
    #[error("this key is already enrolled, as device {0:?}")]
    KeyTaken(String),
    /// No device has this label.
    #[error("there is no device {0:?}; to list them: mfactl status USER")]
    NoDevice(String),
    /// The user has no device.
    #[error("there is no device yet; to enrol one: mfactl enroll totp USER")]
    NoDevices,
    /// The user has several devices.
    #[error("there are several devices; name one: --label LABEL")]
    WhichDevice,
    /// Imported devices are for newcomers only.
    #[error(
        "is enrolled here, but not with this device: it may have been removed here since, or an \
         attacker may have written the file. If the device is right, import this user by name"
    )]
    Known,
    /// The import claims that far more codes were used than are known here.
    #[error(
        "device {0:?} already exists here, and the import is {1} codes ahead of it; if the import \
         is right, remove the device first: mfactl remove hotp USER --label {0:?}"
    )]
    FarAhead(String, u64),
    /// The user has the most devices already.
    #[error(
        "there are already {MAX_DEVICES} devices; remove one first. To list them: mfactl status \
         USER"
    )]
    Full,
}

/// The result of enrolling inside a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enrolled {
    /// It is stored, and the login has passed.
    Stored,
    /// The account is locked; nothing was stored.
    Locked,
    /// The user's factors have changed meanwhile; nothing was stored.
    Otherwise,
}

/// A factor that was enrolled inside a login, as the record keeps it.
#[derive(Clone, Debug)]
pub enum NewFactor {
    /// A device, whose first code was right.
    Device(Device),
    /// The argon2id hash of a PIN.
    Pin(String),
    /// Three questions.
    Questions(QuestionSet),
    /// An address, whose code came back.
    Address(Recipient),
    /// A security key, which sshd has verified.
    Key(SecurityKey),
}

impl NewFactor {
    /// Which one it is.
    #[must_use]
    pub fn factor(&self) -> Factor {
        match self {
            Self::Device(device) => device.kind().factor(),
            Self::Pin(_) => Factor::Pin,
            Self::Questions(_) => Factor::Questions,
            Self::Address(to) => to.channel().factor(),
            Self::Key(_) => Factor::Key,
        }
    }
}

impl Account {
    /// Stores what was enrolled inside a login, all of it or nothing; the login passes by that. Only for a user who
    /// still has never enrolled anything: others must pass with what they have.
    pub fn enroll_in_login(
        &mut self,
        factors: Vec<NewFactor>,
        codes: Vec<CodeDigest>,
        opening: Option<&NewSession>,
        now: Timestamp,
    ) -> Enrolled {
        if self.lockout.lock(now).is_some() {
            return Enrolled::Locked;
        }
        let passed = FactorCombination::new(factors.iter().map(NewFactor::factor).collect());
        let Some(passed) = passed.filter(|_| self.has_never_enrolled()) else {
            return Enrolled::Otherwise;
        };
        let mut account = self.clone();
        if factors
            .into_iter()
            .any(|factor| !account.add_factor(factor, now))
        {
            return Enrolled::Otherwise;
        }
        if !codes.is_empty() {
            account.set_recovery(codes, now);
        }
        account.lockout.passed(account.lockout.epoch(), now);
        if let Some(opening) = opening {
            account.begin_session(opening, passed, None, now);
        }
        *self = account;
        Enrolled::Stored
    }

    /// Returns whether it was added.
    fn add_factor(&mut self, factor: NewFactor, now: Timestamp) -> bool {
        match factor {
            NewFactor::Device(device) => self.add_device(device) == Ok(Added::Stored),
            NewFactor::Pin(phc) => {
                self.set_pin(phc, now);
                true
            }
            NewFactor::Questions(set) => {
                self.set_questions(set);
                true
            }
            NewFactor::Address(to) => self.code_came_back(&to, now),
            NewFactor::Key(mut key) => {
                key.dates.last_used_at = Some(now);
                self.add_key(key) == Ok(true)
            }
        }
    }

    /// Stores a device that was enrolled after a login with a recovery code: it replaces the lost
    /// ones, unless the user's factors have changed meanwhile.
    pub fn renew_in_login(
        &mut self,
        device: Device,
        codes: Vec<CodeDigest>,
        generation: u64,
        opening: Option<&NewSession>,
        now: Timestamp,
    ) -> Enrolled {
        if self.lockout.lock(now).is_some() {
            return Enrolled::Locked;
        }
        if self.generation != generation {
            return Enrolled::Otherwise;
        }
        let passed = FactorCombination::from(device.kind().factor());
        self.devices = vec![device];
        self.generation += 1;
        self.set_recovery(codes, now);
        self.lockout.passed(self.lockout.epoch(), now);
        if let Some(opening) = opening {
            self.begin_session(opening, passed, None, now);
        }
        Enrolled::Stored
    }

    /// Adds a device.
    ///
    /// # Errors
    ///
    /// An [`EnrollError`]; the account is unchanged.
    pub fn add_device(&mut self, device: Device) -> Result<Added, EnrollError> {
        if let Some(same) = self
            .devices
            .iter()
            .find(|d| d.generator.key == device.generator.key)
        {
            return match same.label == device.label && same.generator == device.generator {
                true => Ok(Added::Unchanged),
                false => Err(EnrollError::KeyTaken(same.label.to_string())),
            };
        }
        if self.devices.iter().any(|d| d.label == device.label) {
            return Err(EnrollError::LabelTaken(device.label.to_string()));
        }
        if self.devices.len() >= MAX_DEVICES {
            return Err(EnrollError::Full);
        }
        self.devices.push(device);
        self.generation += 1;
        Ok(Added::Stored)
    }

    /// Renames a device, or the only one without `label`. Returns the old name; `None` if it has
    /// the new name already.
    ///
    /// # Errors
    ///
    /// [`EnrollError::LabelTaken`], [`EnrollError::NoDevice`] or [`EnrollError::WhichDevice`].
    pub fn rename(
        &mut self,
        label: Option<&Label>,
        to: &Label,
    ) -> Result<Option<(DeviceKind, Label)>, EnrollError> {
        let at = |label: &Label| self.devices.iter().position(|d| d.label == *label);
        let index = match (label, self.devices.len()) {
            (Some(label), _) => match (at(label), at(to)) {
                // It has the new name already.
                (None, Some(_)) => return Ok(None),
                (found, _) => found.ok_or_else(|| EnrollError::NoDevice(label.to_string()))?,
            },
            (None, 1) => 0,
            (None, 0) => return Err(EnrollError::NoDevices),
            (None, _) => return Err(EnrollError::WhichDevice),
        };
        match at(to) {
            Some(other) if other == index => Ok(None),
            Some(_) => Err(EnrollError::LabelTaken(to.to_string())),
            None => {
                let device = &mut self.devices[index];
                let was = std::mem::replace(&mut device.label, to.clone());
                Ok(Some((device.kind(), was)))
            }
        }
    }

    /// Enables or disables a device of a kind, or the only one without `label`. Returns its name, and whether that changed.
    ///
    /// # Errors
    ///
    /// [`EnrollError::NoDevice`], [`EnrollError::NoDevices`] or [`EnrollError::WhichDevice`].
    pub fn enable_device(
        &mut self,
        kind: DeviceKind,
        label: Option<&Label>,
        enabled: bool,
    ) -> Result<(Label, bool), EnrollError> {
        let is_meant = |device: &&mut Device| {
            device.kind() == kind && label.is_none_or(|it| *it == device.label)
        };
        let mut meant = self.devices.iter_mut().filter(is_meant);
        let device = match (meant.next(), meant.next(), label) {
            (Some(device), None, _) => device,
            (Some(_), Some(_), _) => return Err(EnrollError::WhichDevice),
            (None, _, Some(label)) => return Err(EnrollError::NoDevice(label.to_string())),
            (None, _, None) => return Err(EnrollError::NoDevices),
        };
        let changed = device.enabled != enabled;
        device.enabled = enabled;
        let label = device.label.clone();
        self.generation += u64::from(changed);
        Ok((label, changed))
    }

    /// The first of `device-1`, `device-2`, … that no device has.
    #[must_use]
    pub fn free_label(&self) -> Label {
        let taken = |label: &Label| self.devices.iter().any(|d| d.label == *label);
        let mut number = 1;
        while taken(&Label::numbered(number)) {
            number += 1;
        }
        Label::numbered(number)
    }

    /// Sets the PIN by its argon2id hash.
    pub fn set_pin(&mut self, phc: String, now: Timestamp) {
        self.pin = Some(PinRecord {
            phc,
            dates: Dates::enrolled(now),
        });
        self.generation += 1;
    }

    /// Sets the security questions.
    pub fn set_questions(&mut self, set: QuestionSet) {
        self.questions = Some(set);
        self.generation += 1;
    }

    /// Removes the devices of a kind, or one of them. Returns how many were there.
    pub fn remove_devices(&mut self, kind: DeviceKind, label: Option<&Label>) -> u32 {
        let before = self.devices.len();
        let stays = |d: &Device| d.kind() != kind || label.is_some_and(|label| d.label != *label);
        self.devices.retain(stays);
        self.removed(before - self.devices.len())
    }

    pub(super) fn removed(&mut self, number: usize) -> u32 {
        self.generation += u64::from(number > 0);
        u32::try_from(number).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests;
