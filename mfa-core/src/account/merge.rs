//! Two records of one user, of two fleets or hosts that become one.
//!
//! No factor is lost without being named. Of what can be there only once, this record's stays. Of locks, used codes and
//! settings the stricter state holds. Doing it twice changes nothing.

use jiff::Timestamp;

use super::{Account, Added, Contact, Device, SecurityKey, SecurityKeyError};

/// A merged record, and what became of its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The record.
    pub account: Account,
    /// What the other record brought.
    pub added: Vec<MergedPart>,
    /// What both have and differs; the one of this record stays, and the other one is lost.
    pub kept: Vec<MergedPart>,
    /// What only the other record has, and can't be used here.
    pub lost: Vec<MergedPart>,
}

/// A part of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MergedPart {
    /// A device whose codes depend on the time.
    Totp,
    /// A device that counts.
    Hotp,
    /// A security key.
    Key,
    /// The PIN.
    Pin,
    /// The security questions.
    Questions,
    /// An e-mail address.
    Email,
    /// A number for text messages.
    Sms,
    /// The account at a RADIUS server.
    Radius,
    /// Recovery codes.
    Recovery,
    /// The settings of the user and of administrators.
    Settings,
}

impl MergedPart {
    /// Its name, as in commands where it is a factor.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Hotp => "hotp",
            Self::Key => "key",
            Self::Pin => "pin",
            Self::Questions => "questions",
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Radius => "radius",
            Self::Recovery => "recovery",
            Self::Settings => "settings",
        }
    }

    fn of_device(device: &Device) -> Self {
        use crate::factors::device::DeviceKind;
        match device.kind() {
            DeviceKind::Totp => Self::Totp,
            DeviceKind::Hotp => Self::Hotp,
        }
    }

    fn of_contact(contact: &Contact) -> Self {
        use crate::factors::address::Channel;
        match contact.to.channel() {
            Channel::Email => Self::Email,
            Channel::Sms => Self::Sms,
        }
    }
}

impl Account {
    /// This record together with `other`. `is_same_lineage`: hashes of recovery codes were made with the same key.
    #[must_use]
    pub fn merged(self, other: &Self, is_same_lineage: bool, now: Timestamp) -> Merged {
        let before = self.clone();
        let mut merged = Merged {
            account: self,
            added: Vec::new(),
            kept: Vec::new(),
            lost: Vec::new(),
        };
        for device in &other.devices {
            merged.device(device, now);
        }
        for key in &other.keys {
            merged.key(key);
        }
        for contact in &other.contacts {
            merged.contact(contact);
        }
        merged.single(other);
        merged.recovery(other, is_same_lineage);
        merged.limits(other, is_same_lineage, now);
        merged.account.generation = before.generation;
        let factors = Self {
            lockout: before.lockout.clone(),
            grace_since: before.grace_since,
            ..merged.account.clone()
        };
        // A proof from before a change of the factors is void, and so is an unfinished enrolment.
        merged.account.generation += u64::from(factors != before);
        for parts in [&mut merged.added, &mut merged.kept, &mut merged.lost] {
            parts.sort();
            parts.dedup();
        }
        merged
    }
}

impl Merged {
    fn device(&mut self, device: &Device, now: Timestamp) {
        let part = MergedPart::of_device(device);
        let account = &mut self.account;
        let same = |known: &&mut Device| known.generator == device.generator;
        if let Some(known) = account.devices.iter_mut().find(same) {
            known.last_step = known.last_step.max(device.last_step);
            known.told_step = known.told_step.max(device.told_step);
            known.enabled &= device.enabled;
            known.dates.last_used_at = known.dates.last_used_at.max(device.dates.last_used_at);
            return;
        }
        let mut new = device.clone();
        // Codes may have been used there since.
        new.assume_used(now);
        if account.devices.iter().any(|known| known.label == new.label) {
            new.label = account.free_label();
        }
        match account.add_device(new) {
            Ok(Added::Stored) => self.added.push(part),
            Ok(_) => {}
            Err(super::EnrollError::Full) => self.lost.push(part),
            Err(_) => self.kept.push(part),
        }
    }

    fn key(&mut self, key: &SecurityKey) {
        let account = &mut self.account;
        if let Some(known) = account.keys.iter_mut().find(|known| known.key == key.key) {
            known.join(key);
            return;
        }
        let mut new = key.clone();
        if account.keys.iter().any(|known| known.label == new.label) {
            new.label = account.free_key_label();
        }
        match account.add_key(new) {
            Ok(true) => self.added.push(MergedPart::Key),
            Ok(false) => {}
            Err(SecurityKeyError::Full) => self.lost.push(MergedPart::Key),
            Err(_) => self.kept.push(MergedPart::Key),
        }
    }

    fn contact(&mut self, contact: &Contact) {
        let part = MergedPart::of_contact(contact);
        let mut known = self.account.contacts.iter_mut();
        if let Some(known) = known.find(|known| known.to == contact.to) {
            known.enabled &= contact.enabled;
        }
        match self.account.add_contact(contact.clone()) {
            Ok(true) => self.added.push(part),
            Ok(false) => {}
            Err(_) => self.lost.push(part),
        }
    }

    /// What can be there only once.
    fn single(&mut self, other: &Account) {
        let account = &mut self.account;
        match (&account.pin, &other.pin) {
            (None, Some(pin)) => {
                account.pin = Some(pin.clone());
                self.added.push(MergedPart::Pin);
            }
            (Some(one), Some(two)) if one.phc != two.phc => self.kept.push(MergedPart::Pin),
            _ => {}
        }
        match (&account.questions, &other.questions) {
            (None, Some(questions)) => {
                account.questions = Some(questions.clone());
                self.added.push(MergedPart::Questions);
            }
            (Some(one), Some(two)) if one != two => self.kept.push(MergedPart::Questions),
            _ => {}
        }
        match (&mut account.remote, &other.remote) {
            (None, Some(remote)) => {
                account.remote = Some(remote.clone());
                self.added.push(MergedPart::Radius);
            }
            (Some(one), Some(two)) if (&one.server, &one.user) == (&two.server, &two.user) => {
                one.enabled &= two.enabled;
            }
            (Some(_), Some(_)) => self.kept.push(MergedPart::Radius),
            _ => {}
        }
        let joined = account.settings.joined(&other.settings);
        if joined != account.settings {
            self.added.push(MergedPart::Settings);
        }
        if joined.lacks(&other.settings) {
            self.kept.push(MergedPart::Settings);
        }
        account.settings = joined;
    }

    fn recovery(&mut self, other: &Account, is_same_lineage: bool) {
        let Some(codes) = &other.recovery else {
            return;
        };
        match &self.account.recovery {
            _ if !is_same_lineage => {
                if codes.left() > 0 {
                    self.lost.push(MergedPart::Recovery);
                }
            }
            None => {
                self.account.recovery = Some(codes.clone());
                self.added.push(MergedPart::Recovery);
            }
            Some(known) if known.is_same_list(codes) => {
                self.account.recovery = Some(codes.clone().restored(known));
            }
            Some(_) => self.kept.push(MergedPart::Recovery),
        }
    }

    fn limits(&mut self, other: &Account, is_same_lineage: bool, now: Timestamp) {
        let account = &mut self.account;
        account.lockout = std::mem::take(&mut account.lockout).merged(&other.lockout, now);
        account.grace_since = match (account.grace_since, other.grace_since) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        if is_same_lineage {
            account.used_bypass = account.used_bypass.or(other.used_bypass);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{at, counter, device, full, pepper};
    use super::*;
    use crate::factors::address::{Channel, Recipient};
    use crate::factors::key::Key;
    use crate::factors::security_key::samples::SoftKey;
    use crate::lockout::Limits;
    use proptest::prelude::*;

    fn other(label: &str, key: u8) -> Device {
        let mut other = device(label);
        other.generator.key = Key::fresh([key; 20]);
        other
    }

    fn with(devices: &[Device]) -> Account {
        let mut account = Account::default();
        for device in devices {
            account.add_device(device.clone()).unwrap();
        }
        account
    }

    #[test]
    fn the_same_record_merged_changes_nothing() {
        let merged = full().merged(&full(), true, at(60));
        assert_eq!(merged.account, full());
        assert!(merged.added.is_empty() && merged.kept.is_empty() && merged.lost.is_empty());
    }

    #[test]
    fn devices_of_both_stay_and_codes_used_at_either_are_used() {
        let mut one = with(&[device("phone")]);
        one.devices[0].last_step = Some(5);
        let mut two = with(&[device("mobile"), other("phone", 7)]);
        two.devices[0].last_step = Some(9);
        two.devices[0].enabled = false;
        let merged = one.merged(&two, false, at(30 * 20));
        assert_eq!(merged.added, [MergedPart::Totp]);
        let devices = &merged.account.devices;
        assert_eq!(devices.len(), 2);
        assert_eq!((devices[0].last_step, devices[0].enabled), (Some(9), false));
        assert_eq!(devices[0].label.as_str(), "phone");
        // The label was taken, and its code of now may have been used at the other place.
        assert_eq!(devices[1].label.as_str(), "device-1");
        assert_eq!(devices[1].last_step, Some(20));
    }

    #[test]
    fn keys_of_both_stay_and_the_higher_count_and_the_doubt_of_either() {
        let key = |label: &str, soft: &SoftKey| {
            let label = label.parse().unwrap();
            SecurityKey::new(label, soft.public(), at(0))
        };
        let (blue, red) = (SoftKey::ed25519(1), SoftKey::ed25519(2));
        let mut one = with(&[]);
        one.add_key(key("blue", &blue).counted(7)).unwrap();
        let mut two = with(&[]);
        two.add_key(key("mine", &blue).counted(9)).unwrap();
        two.add_key(key("blue", &red)).unwrap();
        two.keys[0].enabled = false;
        two.keys[0].went_back_at = Some(at(3));
        let merged = one.merged(&two, true, at(60));
        assert_eq!(merged.added, [MergedPart::Key]);
        let [known, new] = merged.account.keys() else {
            panic!("two keys")
        };
        assert_eq!((known.counter(), known.went_back_at()), (9, Some(at(3))));
        assert!(!known.enabled);
        assert_eq!(
            (known.label.as_str(), new.label.as_str()),
            ("blue", "key-1")
        );
        assert_eq!(merged.account.format(), 6);
    }

    #[test]
    fn of_settings_the_stricter_hold_and_what_is_left_out_is_named() {
        use crate::account::UserSettings;
        use crate::factors::Factor;
        use crate::policy::Enforcement;
        let of = |settings: UserSettings| Account {
            settings,
            ..Account::default()
        };
        let strict = {
            let mut settings = UserSettings {
                enforce: Enforcement::Required,
                ..UserSettings::default()
            };
            settings.administrator.require = vec![Factor::Totp];
            settings.administrator.allow_from = vec!["192.0.2.0/24".parse().unwrap()];
            settings
        };
        let loose = UserSettings {
            enforce: Enforcement::Optional,
            self_manage: true,
            preferred: Some(Factor::Pin),
            ..UserSettings::default()
        };
        let here = of(loose.clone()).merged(&of(strict.clone()), true, at(0));
        let there = of(strict.clone()).merged(&of(loose.clone()), true, at(0));
        for merged in [&here, &there] {
            let settings = &merged.account.settings;
            assert_eq!(settings.enforce, Enforcement::Required);
            assert_eq!(settings.administrator, strict.administrator);
            assert_eq!(
                (settings.self_manage, settings.preferred),
                (false, Some(Factor::Pin))
            );
            assert_eq!(merged.added, [MergedPart::Settings]);
        }
        assert_eq!(
            (here.kept, there.kept),
            (Vec::new(), vec![MergedPart::Settings])
        );
        // A user without a record here is not let in more easily than other users.
        let fresh = of(UserSettings::default()).merged(&of(loose), true, at(0));
        assert_eq!(fresh.account.settings.enforce, Enforcement::Default);
        assert!(!fresh.account.settings.self_manage);
        assert_eq!(fresh.kept, [MergedPart::Settings]);
    }

    #[test]
    fn what_can_be_there_only_once_stays_and_the_other_is_named() {
        let mut two = full();
        two.set_pin("phc-other".to_owned(), at(5));
        let merged = full().merged(&two, true, at(60));
        assert_eq!(merged.kept, [MergedPart::Pin]);
        assert_eq!(merged.account.pin, full().pin);
        let merged = with(&[]).merged(&full(), true, at(60));
        let added = [MergedPart::Totp, MergedPart::Pin, MergedPart::Questions];
        assert_eq!(merged.added, added);
        assert_eq!(merged.account.pin, full().pin);
    }

    #[test]
    fn what_has_no_room_is_named() {
        let mine: Vec<_> = (0..super::super::MAX_DEVICES as u8)
            .map(|n| other(&format!("d{n}"), n))
            .collect();
        let to = Recipient::read(Channel::Email, "a@example.org", None).unwrap();
        let mut two = with(&[counter("token")]);
        two.add_contact(Contact::new(to, at(0))).unwrap();
        let merged = with(&mine).merged(&two, true, at(60));
        assert_eq!(merged.lost, [MergedPart::Hotp]);
        assert_eq!(merged.added, [MergedPart::Email]);
    }

    #[test]
    fn recovery_codes_of_another_key_are_lost_and_of_one_list_only_unused_ones_are_left() {
        let codes = || ["1", "2", "3"].map(|code| pepper().digest(code)).to_vec();
        let mut one = full();
        one.set_recovery(codes(), at(0));
        let merged = full().merged(&one, false, at(60));
        assert_eq!(merged.lost, [MergedPart::Recovery]);
        assert!(merged.account.recovery.is_none());
        let merged = full().merged(&one, true, at(60));
        assert_eq!(
            (merged.added, merged.account.recovery_left()),
            (vec![MergedPart::Recovery], Some(3))
        );
        let mut used = one.clone();
        used.set_recovery(codes()[1..].to_vec(), at(0));
        for (one, two) in [(&one, &used), (&used, &one)] {
            let merged = one.clone().merged(two, true, at(60));
            assert_eq!(merged.account.recovery_left(), Some(2));
        }
    }

    #[test]
    fn a_lock_at_either_place_holds_and_a_suspension_at_the_other_does_not() {
        let limits = Limits {
            attempts: 1,
            ..Limits::default()
        };
        let mut locked = full();
        let epoch = locked.lockout.epoch();
        locked.lockout.failed(epoch, at(0), &limits);
        let mut passed = full();
        for _ in 0..9 {
            let epoch = passed.lockout.epoch();
            passed.lockout.passed(epoch, at(0));
        }
        // More passes at one place say nothing about the lock at the other.
        for (one, two) in [(&locked, &passed), (&passed, &locked)] {
            let merged = one.clone().merged(two, true, at(1));
            assert!(merged.account.lockout.lock(at(1)).is_some());
            // Logins that are going on here are counted on.
            assert_eq!(merged.account.lockout.epoch(), one.lockout.epoch());
        }
        let mut suspended = full();
        suspended.suspend(std::time::Duration::from_secs(7200), at(0));
        assert!(
            full()
                .merged(&suspended, true, at(1))
                .account
                .suspended_until(at(1))
                .is_none()
        );
    }

    proptest! {
        #[test]
        fn no_device_is_lost_unnamed_and_a_second_merge_changes_nothing(
            mine in proptest::collection::btree_set(0..8u8, 0..6),
            theirs in proptest::collection::btree_set(0..8u8, 0..6),
            steps in proptest::collection::vec(0..99u64, 16),
            same: bool,
        ) {
            let make = |keys: &std::collections::BTreeSet<u8>, from: usize| {
                let mut account = with(&keys.iter().map(|key| other(&format!("d{key}"), *key)).collect::<Vec<_>>());
                for (device, step) in account.devices.iter_mut().zip(&steps[from..]) {
                    device.last_step = Some(*step);
                }
                account
            };
            let (one, two) = (make(&mine, 0), make(&theirs, 8));
            let merged = one.clone().merged(&two, same, at(0));
            for device in one.devices.iter().chain(&two.devices) {
                let found = merged.account.devices.iter().find(|it| it.generator == device.generator);
                match found {
                    Some(found) => prop_assert!(found.last_step >= device.last_step),
                    None => prop_assert!(merged.lost.contains(&MergedPart::Totp)),
                }
            }
            let again = merged.account.clone().merged(&two, same, at(0));
            prop_assert_eq!(&again.account, &merged.account);
            prop_assert!(again.added.is_empty());
        }
    }
}
