//! Adding and removing factors.
//!
//! What comes in is checked already (`factors`); here stands what depends on the rest of the account:
//! how many devices there may be, which labels are free. Doing the same twice changes nothing.

use jiff::Timestamp;

use super::{Account, Dates, Device, Label, Opening, PinRecord, QuestionSet};
use crate::factors::recovery::CodeDigest;
use crate::factors::{Factor, Way};

/// How many devices a user may have.
pub const MAX_DEVICES: usize = 5;

/// What adding a device did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It is a device of the user's now.
    Stored,
    /// It was one already.
    Unchanged,
}

/// Why a device can't be added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnrolError {
    /// The label is another device's.
    #[error("there is a device {0:?} already; choose another label, or remove that one first")]
    LabelTaken(String),
    /// The key is another device's.
    #[error("this key is enrolled already, as device {0:?}")]
    KeyTaken(String),
    /// There are as many as there may be.
    #[error("there are {MAX_DEVICES} devices already; remove one first")]
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
    /// Stores what was set up inside a login, which has passed by that. Only for a user who still has
    /// nothing: who has something must pass it first.
    pub fn enrol_in_login(
        &mut self,
        device: Device,
        codes: Vec<CodeDigest>,
        opening: Option<&Opening>,
        now: Timestamp,
    ) -> Enrolled {
        if self.lockout.lock(now).is_some() {
            return Enrolled::Locked;
        }
        if !self.is_bare() || self.add_device(device).is_err() {
            return Enrolled::Otherwise;
        }
        self.set_recovery(codes, now);
        self.lockout.passed(self.lockout.era(), now);
        if let Some(opening) = opening {
            self.begin_session(opening, Way::from(Factor::Totp), now);
        }
        Enrolled::Stored
    }

    /// Adds a device.
    ///
    /// # Errors
    ///
    /// An [`EnrolError`]; the account is as it was.
    pub fn add_device(&mut self, device: Device) -> Result<Added, EnrolError> {
        if let Some(same) = self
            .devices
            .iter()
            .find(|d| d.generator.key == device.generator.key)
        {
            return match same.label == device.label && same.generator == device.generator {
                true => Ok(Added::Unchanged),
                false => Err(EnrolError::KeyTaken(same.label.to_string())),
            };
        }
        if self.devices.iter().any(|d| d.label == device.label) {
            return Err(EnrolError::LabelTaken(device.label.to_string()));
        }
        if self.devices.len() >= MAX_DEVICES {
            return Err(EnrolError::Full);
        }
        self.devices.push(device);
        self.generation += 1;
        Ok(Added::Stored)
    }

    /// Adds a device as it was imported: under the label it has if its key is known, else under
    /// `device.label`, else under the first free one.
    ///
    /// # Errors
    ///
    /// [`EnrolError::Full`]; the account is as it was.
    pub fn import_device(&mut self, mut device: Device) -> Result<Added, EnrolError> {
        if self.devices.iter().any(|d| d.generator == device.generator) {
            return Ok(Added::Unchanged);
        }
        if self.devices.iter().any(|d| d.label == device.label) {
            device.label = self.free_label();
        }
        self.add_device(device)
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

    /// Removes a factor, or one device of it. Returns how many were there.
    pub fn remove(&mut self, factor: Factor, label: Option<&Label>) -> u32 {
        let before = self.devices.len();
        let removed = match factor {
            Factor::Totp => {
                self.devices
                    .retain(|d| label.is_some_and(|label| d.label != *label));
                before - self.devices.len()
            }
            Factor::Pin => usize::from(self.pin.take().is_some()),
            Factor::Questions => usize::from(self.questions.take().is_some()),
        };
        self.generation += u64::from(removed > 0);
        u32::try_from(removed).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{device, full};
    use super::*;
    use crate::factors::key::Key;

    fn other(label: &str, fill: u8) -> Device {
        let mut device = device(label);
        device.generator.key = Key::fresh([fill; 20]);
        device
    }

    #[test]
    fn adding_the_same_device_twice_changes_nothing() {
        let mut account = full();
        let before = account.clone();
        assert_eq!(account.add_device(device("phone")), Ok(Added::Unchanged));
        assert_eq!(account, before);
    }

    #[test]
    fn a_label_or_a_key_that_is_taken_is_refused() {
        let mut account = full();
        assert_eq!(
            account.add_device(other("phone", 1)),
            Err(EnrolError::LabelTaken("phone".to_owned()))
        );
        assert_eq!(
            account.add_device(device("tablet")),
            Err(EnrolError::KeyTaken("phone".to_owned()))
        );
    }

    #[test]
    fn a_sixth_device_is_refused() {
        let mut account = full();
        for n in 1..5 {
            let label = account.free_label().to_string();
            assert_eq!(account.add_device(other(&label, n)), Ok(Added::Stored));
        }
        assert_eq!(
            account.add_device(other("one more", 9)),
            Err(EnrolError::Full)
        );
        assert_eq!(account.devices().len(), MAX_DEVICES);
    }

    #[test]
    fn importing_again_changes_nothing_and_a_taken_label_is_replaced() {
        let mut account = full();
        assert_eq!(account.import_device(other("phone", 1)), Ok(Added::Stored));
        assert_eq!(account.devices()[1].label.as_str(), "device-1");
        assert_eq!(
            account.import_device(other("phone", 1)),
            Ok(Added::Unchanged)
        );
    }

    #[test]
    fn removing_takes_one_device_or_all_and_may_be_repeated() {
        let mut account = full();
        account.add_device(other("tablet", 1)).unwrap();
        let tablet: Label = "tablet".parse().unwrap();
        assert_eq!(account.remove(Factor::Totp, Some(&tablet)), 1);
        assert_eq!(account.remove(Factor::Totp, Some(&tablet)), 0);
        assert_eq!(account.remove(Factor::Totp, None), 1);
        assert_eq!(account.remove(Factor::Pin, None), 1);
        assert_eq!(account.remove(Factor::Questions, None), 1);
        assert!(account.enrolled().is_empty());
    }
}
