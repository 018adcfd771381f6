//! Taking over what a user had elsewhere, with what of it is used up.
//!
//! As a whole or not at all. Doing it again changes nothing, but for what was used elsewhere since then: a
//! used code stays used, and nothing that is used up here comes back. Scratch codes and the PIN are part of
//! what comes with a new device; who has it already has them, or has given them up since.

use jiff::Timestamp;

use super::{Account, By, Device, EnrolError};
use crate::factors::Factor;
use crate::factors::recovery::CodeDigest;

/// What a user had elsewhere.
#[derive(Clone, Debug, Default)]
pub struct Import {
    /// Devices, and what of their codes is used up.
    pub devices: Vec<Device>,
    /// Scratch codes that are still good; none at all from a program that knows no such codes.
    pub codes: Option<Vec<CodeDigest>>,
    /// How many digits these have.
    pub code_digits: u32,
    /// The PIN that was asked for beside the code, hashed; none also where the user has one here.
    pub pin: Option<String>,
}

/// What it did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Devices that are new.
    pub devices: u32,
    /// Scratch codes that are new.
    pub codes: u32,
    /// Whether the PIN is new.
    pub pin: bool,
    /// Whether more is used up now.
    pub updated: bool,
}

impl Imported {
    /// Whether it did anything.
    #[must_use]
    pub fn changed(&self) -> bool {
        *self != Self::default()
    }
}

impl Account {
    /// Takes it over.
    ///
    /// # Errors
    ///
    /// An [`EnrolError`]; the account may have been changed and is to be dropped then.
    pub fn import(&mut self, import: &Import, now: Timestamp) -> Result<Imported, EnrolError> {
        let mut imported = Imported::default();
        for device in &import.devices {
            match self.import_device(device.clone())? {
                super::Added::Stored => imported.devices += 1,
                super::Added::Updated => imported.updated = true,
                super::Added::Unchanged => {}
            }
        }
        if imported.devices > 0 {
            imported.codes = self.import_codes(import, now);
            imported.pin = self.import_pin(import, now);
        } else if let Some(left) = &import.codes {
            imported.updated |= self.spend_all_but(left, import.code_digits);
        }
        Ok(imported)
    }

    fn import_codes(&mut self, import: &Import, now: Timestamp) -> u32 {
        let codes = import.codes.as_ref().filter(|codes| !codes.is_empty());
        let Some(codes) = codes.filter(|_| self.recovery.is_none()) else {
            return 0;
        };
        self.import_recovery(codes.clone(), import.code_digits, now);
        self.recovery_left().unwrap_or(0)
    }

    /// Where the PIN was asked for beside the code it is asked for here too: taking over makes nothing
    /// weaker.
    fn import_pin(&mut self, import: &Import, now: Timestamp) -> bool {
        let Some(phc) = import.pin.clone().filter(|_| self.pin.is_none()) else {
            return false;
        };
        self.set_pin(phc, now);
        // Only questions can't be required of somebody who has none.
        let _ = self.require("", Factor::Pin, true, By::Administrator);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{at, counter, device, pepper};
    use super::*;

    fn import() -> Import {
        let mut device = device("phone");
        device.last_step = Some(7);
        Import {
            devices: vec![device],
            codes: Some(
                ["12345678", "23456789"]
                    .map(|code| pepper().digest(code))
                    .into(),
            ),
            code_digits: 8,
            pin: Some("phc-pin".to_owned()),
        }
    }

    #[test]
    fn all_of_it_is_taken_and_taking_it_again_changes_nothing() {
        let mut account = Account::default();
        let first = account.import(&import(), at(5)).unwrap();
        let expected = Imported {
            devices: 1,
            codes: 2,
            pin: true,
            updated: false,
        };
        assert_eq!(first, expected);
        assert_eq!(account.devices()[0].last_step, Some(7));
        assert!(account.is_imposed(Factor::Pin));
        let before = account.clone();
        assert!(!account.import(&import(), at(9)).unwrap().changed());
        assert_eq!(account, before);
    }

    #[test]
    fn what_was_used_elsewhere_since_is_used_here_and_nothing_comes_back() {
        let mut account = Account::default();
        account.import(&import(), at(5)).unwrap();
        account.devices[0].last_step = Some(20);
        account.use_recovery(pepper().digest("12345678"));
        assert!(!account.import(&import(), at(9)).unwrap().changed());
        assert_eq!(account.devices()[0].last_step, Some(20));
        assert_eq!(account.recovery_left(), Some(1));
        let mut later = import();
        later.devices[0].last_step = Some(30);
        later.codes = Some(Vec::new());
        assert!(account.import(&later, at(9)).unwrap().updated);
        assert_eq!(account.devices()[0].last_step, Some(30));
        assert_eq!(account.recovery_left(), Some(0));
    }

    #[test]
    fn codes_and_a_pin_of_the_user_s_own_stay() {
        let mut account = Account::default();
        let mut token = counter("token");
        token.generator.key = crate::factors::key::Key::fresh([9; 20]);
        account.add_device(token).unwrap();
        account.set_pin("own".to_owned(), at(1));
        account.set_recovery(vec![pepper().digest("0123456789")], at(1));
        let imported = account.import(&import(), at(5)).unwrap();
        assert_eq!(
            (imported.devices, imported.codes, imported.pin),
            (1, 0, false)
        );
        assert_eq!(account.pin().unwrap().phc, "own");
        assert_eq!(account.recovery_left(), Some(1));
    }
}
