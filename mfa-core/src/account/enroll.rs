//! Adding and removing factors.
//!
//! What comes in is checked already (`factors`); here stands what depends on the rest of the account:
//! how many devices there may be, which labels are free. Doing the same twice changes nothing.

use jiff::Timestamp;

use super::{Account, Dates, Device, Label, NewSession, PinRecord, QuestionSet};
use crate::factors::device::DeviceKind;
use crate::factors::recovery::CodeDigest;
use crate::factors::{Factor, FactorCombination};

/// How many devices a user may have.
pub const MAX_DEVICES: usize = 5;

/// What adding a device did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It is a device of the user's now.
    Stored,
    /// It was one already; what came with it as used up is used up now.
    Updated,
    /// It was one already.
    Unchanged,
}

/// Why a device can't be added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnrollError {
    /// The label is another device's.
    #[error("there is a device {0:?} already; choose another label, or remove that one first")]
    LabelTaken(String),
    /// The key is another device's.
    #[error("this key is enrolled already, as device {0:?}")]
    KeyTaken(String),
    /// No device is called that.
    #[error("there is no device {0:?}; to list them: mfactl status USER")]
    NoDevice(String),
    /// There is none.
    #[error("there is no device yet; to set one up: mfactl enroll totp USER")]
    NoDevices,
    /// There are several.
    #[error("there are several devices; say which one: --label LABEL")]
    WhichDevice,
    /// What is imported is for newcomers only.
    #[error(
        "has been set up here, and not with this device: it may have been removed here since, or put there \
         by whoever had hold of the file. If it is right, import this user by name"
    )]
    Known,
    /// What is imported says that far more codes were used than are known of.
    #[error(
        "device {0:?} is here already, and by this {1} codes behind; if that is so, remove it first: mfactl \
         remove hotp USER --label {0:?}"
    )]
    FarAhead(String, u64),
    /// There are as many as there may be.
    #[error(
        "there are {MAX_DEVICES} devices already; remove one first; to list them: mfactl status USER"
    )]
    Full,
}

/// What setting up a device inside a login came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enrolled {
    /// It is stored, and the login has passed.
    Stored,
    /// The account is locked; nothing was stored.
    Locked,
    /// The user can pass something else by now; nothing was stored.
    Otherwise,
}

impl Account {
    /// Stores what was set up inside a login, which has passed by that. Only for a user who has still never set up
    /// anything: who has must pass it first.
    pub fn enroll_in_login(
        &mut self,
        device: Device,
        codes: Vec<CodeDigest>,
        opening: Option<&NewSession>,
        now: Timestamp,
    ) -> Enrolled {
        if self.lockout.lock(now).is_some() {
            return Enrolled::Locked;
        }
        if !self.has_never_enrolled() || self.add_device(device).is_err() {
            return Enrolled::Otherwise;
        }
        self.set_recovery(codes, now);
        self.lockout.passed(self.lockout.epoch(), now);
        if let Some(opening) = opening {
            self.begin_session(opening, FactorCombination::from(Factor::Totp), now);
        }
        Enrolled::Stored
    }

    /// Stores what was set up after a login with a recovery code: the new device takes the place of those
    /// that are lost. Only as long as the user can pass what they could then.
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
        self.devices = vec![device];
        self.generation += 1;
        self.set_recovery(codes, now);
        self.lockout.passed(self.lockout.epoch(), now);
        if let Some(opening) = opening {
            self.begin_session(opening, FactorCombination::from(Factor::Totp), now);
        }
        Enrolled::Stored
    }

    /// Adds a device.
    ///
    /// # Errors
    ///
    /// An [`EnrollError`]; the account is as it was.
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

    /// Gives a device another name; without `label`, the only one. Returns what it was before; none if
    /// it has that name already.
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
                // Done already.
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

    /// Sets the PIN, by its argon2id hash.
    pub fn set_pin(&mut self, phc: String, now: Timestamp) {
        self.pin = Some(PinRecord {
            phc,
            dates: Dates::enrolled(now),
        });
        self.generation += 1;
    }

    /// Sets the questions.
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
