//! Imports a user's factors from another program, with their used codes.
//!
//! An import succeeds as a whole or not at all. Repeating it changes nothing, except for codes used
//! elsewhere since then: used codes stay used, and nothing used here becomes valid again. Scratch
//! codes and the PIN are imported only with a new device; a user who has the device already has
//! them, or has removed them since.

use jiff::Timestamp;

use super::{Account, Added, By, Device, EnrollError};
use crate::factors::Factor;
use crate::factors::device::{DeviceKind, Windows};
use crate::factors::recovery::CodeDigest;

/// A user's factors in another program.
#[derive(Clone, Debug, Default)]
pub struct Import {
    /// Devices with their used codes.
    pub devices: Vec<Device>,
    /// Unused scratch codes; `None` from a program without such codes.
    pub codes: Option<Vec<CodeDigest>>,
    /// Digits of a scratch code.
    pub code_digits: u32,
    /// Whether a PIN was required in addition to the code.
    pub asks_pin: bool,
    /// That PIN, hashed; `None` also if the user has one here.
    pub pin: Option<String>,
    /// Whether users who have or ever had factors here get no new device: it may have been removed
    /// here since, or an attacker may have put it into the other program.
    pub newcomers: bool,
}

/// The result of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Number of new devices.
    pub devices: u32,
    /// Number of new scratch codes.
    pub codes: u32,
    /// Whether the PIN is new.
    pub pin: bool,
    /// Whether a PIN is required now and was not before.
    pub requires_pin: bool,
    /// Number of scratch codes that were valid here and were used elsewhere.
    pub spent: u32,
    /// Whether more codes are used up now.
    pub updated: bool,
}

impl Imported {
    /// Whether anything changed.
    #[must_use]
    pub fn changed(&self) -> bool {
        *self != Self::default()
    }
}

impl Account {
    /// Imports the factors.
    ///
    /// # Errors
    ///
    /// An [`EnrollError`]; the account may be half changed and must be dropped then.
    pub fn import(
        &mut self,
        import: &Import,
        windows: &Windows,
        now: Timestamp,
    ) -> Result<Imported, EnrollError> {
        let mut imported = Imported::default();
        let known = self.generation > 0;
        for device in &import.devices {
            match self.import_device(device.clone(), windows, now)? {
                Added::Stored => imported.devices += 1,
                Added::Updated => imported.updated = true,
                Added::Unchanged => {}
            }
        }
        if imported.devices > 0 && known && import.newcomers {
            return Err(EnrollError::Known);
        }
        if imported.devices > 0 {
            imported.codes = self.import_codes(import, now);
            imported.pin = self.import_pin(import, now);
            imported.requires_pin = import.asks_pin && self.impose_pin();
        } else if let Some(left) = &import.codes {
            imported.spent = self.spend_all_but(left, import.code_digits);
            imported.updated |= imported.spent > 0;
        }
        Ok(imported)
    }

    /// Adds an imported device: under its existing label if the key is known, else under
    /// `device.label`, else under the first free one.
    ///
    /// # Errors
    ///
    /// [`EnrollError::Full`], or [`EnrollError::FarAhead`] for a known HOTP device; the account is
    /// unchanged.
    pub fn import_device(
        &mut self,
        mut device: Device,
        windows: &Windows,
        now: Timestamp,
    ) -> Result<Added, EnrollError> {
        device.forget_far_ahead(now);
        let mut known = self.devices.iter_mut();
        if let Some(same) = known.find(|d| d.generator == device.generator) {
            return same.move_on(device.last_step, windows);
        }
        if self.devices.iter().any(|d| d.label == device.label) {
            device.label = self.free_label();
        }
        self.add_device(device)
    }

    fn import_codes(&mut self, import: &Import, now: Timestamp) -> u32 {
        let codes = import.codes.as_ref().filter(|codes| !codes.is_empty());
        let Some(codes) = codes.filter(|_| self.recovery.is_none()) else {
            return 0;
        };
        self.import_recovery(codes.clone(), import.code_digits, now);
        self.recovery_left().unwrap_or(0)
    }

    fn import_pin(&mut self, import: &Import, now: Timestamp) -> bool {
        let Some(phc) = import.pin.clone().filter(|_| self.pin.is_none()) else {
            return false;
        };
        self.set_pin(phc, now);
        true
    }

    /// If a PIN was required in addition to the code, it is required here too: an import must not weaken a login.
    fn impose_pin(&mut self) -> bool {
        let admin_required = self.require("", Factor::Pin, true, By::Administrator);
        admin_required.unwrap_or(false)
    }
}

impl Device {
    /// Drops a used step that is farther ahead than any valid code: it would lock the user out
    /// until then.
    fn forget_far_ahead(&mut self, now: Timestamp) {
        if self.generator.is_void(now, self.position()) {
            self.last_step = None;
        }
    }

    /// Used codes stay used, here and elsewhere.
    fn move_on(&mut self, used: Option<u64>, windows: &Windows) -> Result<Added, EnrollError> {
        let (Some(used), next) = (used, self.next()) else {
            return Ok(Added::Unchanged);
        };
        if used < next {
            return Ok(Added::Unchanged);
        }
        let ahead = used - next;
        if self.kind() == DeviceKind::Hotp && ahead >= windows.resync.into() {
            return Err(EnrollError::FarAhead(self.label.to_string(), ahead));
        }
        self.last_step = Some(used);
        Ok(Added::Updated)
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
            asks_pin: true,
            pin: Some("phc-pin".to_owned()),
            newcomers: false,
        }
    }

    #[test]
    fn everything_is_imported_and_importing_again_changes_nothing() {
        let mut account = Account::default();
        let first = account
            .import(&import(), &Windows::default(), at(5))
            .unwrap();
        let expected = Imported {
            devices: 1,
            codes: 2,
            pin: true,
            requires_pin: true,
            spent: 0,
            updated: false,
        };
        assert_eq!(first, expected);
        assert_eq!(account.devices()[0].last_step, Some(7));
        assert!(account.admin_required(Factor::Pin));
        let before = account.clone();
        assert!(
            !account
                .import(&import(), &Windows::default(), at(9))
                .unwrap()
                .changed()
        );
        assert_eq!(account, before);
    }

    #[test]
    fn codes_used_elsewhere_since_are_used_here_and_nothing_becomes_valid_again() {
        let mut account = Account::default();
        account
            .import(&import(), &Windows::default(), at(5))
            .unwrap();
        account.devices[0].last_step = Some(20);
        account.use_recovery(pepper().digest("12345678"));
        assert!(
            !account
                .import(&import(), &Windows::default(), at(900))
                .unwrap()
                .changed()
        );
        assert_eq!(account.devices()[0].last_step, Some(20));
        assert_eq!(account.recovery_left(), Some(1));
        let mut later = import();
        later.devices[0].last_step = Some(30);
        later.codes = Some(Vec::new());
        assert!(
            account
                .import(&later, &Windows::default(), at(900))
                .unwrap()
                .updated
        );
        assert_eq!(account.devices()[0].last_step, Some(30));
        assert_eq!(account.recovery_left(), Some(0));
    }

    #[test]
    fn a_counter_advances_only_as_far_as_resynchronising_could_and_a_clock_ten_minutes() {
        let windows = Windows::default();
        let mut account = Account::default();
        let mut token = counter("token");
        account.add_device(token.clone()).unwrap();
        token.last_step = Some(99);
        assert_eq!(
            account.import_device(token.clone(), &windows, at(0)),
            Ok(Added::Updated)
        );
        token.last_step = Some(200);
        let far = account.import_device(token, &windows, at(0));
        assert_eq!(far, Err(EnrollError::FarAhead("token".to_owned(), 100)));

        let mut account = Account::default();
        let mut phone = device("phone");
        account.add_device(phone.clone()).unwrap();
        phone.last_step = Some(21);
        assert_eq!(
            account.import_device(phone.clone(), &windows, at(0)),
            Ok(Added::Unchanged)
        );
        phone.last_step = Some(20);
        assert_eq!(
            account.import_device(phone, &windows, at(0)),
            Ok(Added::Updated)
        );
    }

    #[test]
    fn a_removed_device_does_not_come_back_for_a_user_who_is_no_newcomer() {
        let import = Import {
            newcomers: true,
            ..import()
        };
        let mut account = Account::default();
        let windows = Windows::default();
        account.import(&import, &windows, at(5)).unwrap();
        assert!(!account.import(&import, &windows, at(5)).unwrap().changed());
        account.remove(Factor::Totp);
        account.remove(Factor::Pin);
        let again = account.import(&import, &windows, at(9));
        assert_eq!(again, Err(EnrollError::Known));
    }

    #[test]
    fn an_optional_pin_is_required_if_it_was_required_before() {
        let mut account = Account::default();
        account.set_pin("own".to_owned(), at(1));
        let imported = account
            .import(&import(), &Windows::default(), at(5))
            .unwrap();
        assert!(imported.requires_pin && !imported.pin);
        assert!(account.admin_required(Factor::Pin));
        assert_eq!(account.pin().unwrap().phc, "own");
    }

    #[test]
    fn the_users_own_codes_and_pin_stay() {
        let mut account = Account::default();
        let mut token = counter("token");
        token.generator.key = crate::factors::key::Key::fresh([9; 20]);
        account.add_device(token).unwrap();
        account.set_pin("own".to_owned(), at(1));
        account.set_recovery(vec![pepper().digest("0123456789")], at(1));
        let imported = account
            .import(&import(), &Windows::default(), at(5))
            .unwrap();
        assert_eq!(
            (imported.devices, imported.codes, imported.pin),
            (1, 0, false)
        );
        assert_eq!(account.pin().unwrap().phc, "own");
        assert_eq!(account.recovery_left(), Some(1));
    }
}
