//! Adding, renaming and removing.

use super::super::samples::{at, device, full, pepper, questions};
use super::*;
use crate::factors::address::Channel;
use crate::factors::key::Key;
use crate::lockout::Limits;

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
fn a_taken_label_or_key_is_refused() {
    let mut account = full();
    assert_eq!(
        account.add_device(other("phone", 1)),
        Err(EnrollError::LabelTaken("phone".to_owned()))
    );
    assert_eq!(
        account.add_device(device("tablet")),
        Err(EnrollError::KeyTaken("phone".to_owned()))
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
        Err(EnrollError::Full)
    );
    assert_eq!(account.devices().len(), MAX_DEVICES);
}

#[test]
fn importing_again_changes_nothing_and_a_taken_label_is_replaced() {
    let mut account = full();
    assert_eq!(
        account.import_device(other("phone", 1), &Default::default(), at(0)),
        Ok(Added::Stored)
    );
    assert_eq!(account.devices()[1].label.as_str(), "device-1");
    assert_eq!(
        account.import_device(other("phone", 1), &Default::default(), at(0)),
        Ok(Added::Unchanged)
    );
}

#[test]
fn removing_affects_one_device_or_all_and_may_be_repeated() {
    let mut account = full();
    account.add_device(other("tablet", 1)).unwrap();
    let tablet: Label = "tablet".parse().unwrap();
    assert_eq!(account.remove_devices(DeviceKind::Totp, Some(&tablet)), 1);
    assert_eq!(account.remove_devices(DeviceKind::Totp, Some(&tablet)), 0);
    assert_eq!(account.remove_devices(DeviceKind::Hotp, None), 0);
    assert_eq!(account.remove_devices(DeviceKind::Totp, None), 1);
    assert_eq!(account.remove(Factor::Pin), 1);
    assert_eq!(account.remove(Factor::Questions), 1);
    assert!(account.enrolled().is_empty());
}

#[test]
fn a_device_can_be_renamed_and_renaming_it_again_changes_nothing() {
    let label = |text: &str| -> Label { text.parse().unwrap() };
    let mut account = Account::default();
    assert_eq!(
        account.rename(None, &label("x")),
        Err(EnrollError::NoDevices)
    );
    account.add_device(device("phone")).unwrap();
    let was = |name: &str| Ok(Some((DeviceKind::Totp, label(name))));
    assert_eq!(account.rename(None, &label("old phone")), was("phone"));
    assert_eq!(account.rename(None, &label("old phone")), Ok(None));
    account.add_device(other("tablet", 1)).unwrap();
    assert_eq!(
        account.rename(None, &label("x")),
        Err(EnrollError::WhichDevice)
    );
    let rename = |account: &mut Account, from: &str, to: &str| {
        account.rename(Some(&label(from)), &label(to))
    };
    assert_eq!(rename(&mut account, "tablet", "slate"), was("tablet"));
    assert_eq!(
        rename(&mut account, "tablet", "slate"),
        Ok(None),
        "repeated"
    );
    assert!(matches!(
        rename(&mut account, "x", "y"),
        Err(EnrollError::NoDevice(_))
    ));
    let taken = rename(&mut account, "slate", "old phone");
    assert!(matches!(taken, Err(EnrollError::LabelTaken(_))));
}

#[test]
fn a_new_device_replaces_lost_ones_if_nothing_else_changed_meanwhile() {
    let mut account = full();
    account.set_recovery(vec![pepper().digest("0123456789")], at(1));
    let generation = account.generation();
    let codes = vec![pepper().digest("9876543210")];
    let renew = |account: &mut Account, generation| {
        account.renew_in_login(other("new", 1), codes.clone(), generation, None, at(9))
    };
    let before = account.clone();
    assert_eq!(renew(&mut account, generation - 1), Enrolled::Otherwise);
    assert_eq!(account, before);
    assert_eq!(renew(&mut account, generation), Enrolled::Stored);
    let labels: Vec<_> = account.devices().iter().map(|d| d.label.as_str()).collect();
    assert_eq!(labels, ["new"]);
    assert_eq!(account.recovery_left(), Some(1));
    assert!(account.pin().is_some());
}

fn to(address: &str) -> Recipient {
    Recipient::read(Channel::Email, address, None).unwrap()
}

#[test]
fn all_factors_of_a_set_up_are_stored_with_one_pass_or_none() {
    let set_up = || {
        vec![
            NewFactor::Address(to("anna@example.org")),
            NewFactor::Pin("phc-pin".to_owned()),
            NewFactor::Questions(questions()),
            NewFactor::Device(device("phone")),
        ]
    };
    let codes = vec![pepper().digest("0123456789")];
    let mut account = Account::default();
    let stored = account.enroll_in_login(set_up(), codes.clone(), None, at(9));
    assert_eq!(stored, Enrolled::Stored);
    for factor in [Factor::Email, Factor::Pin, Factor::Questions, Factor::Totp] {
        assert!(account.has(factor), "{factor}");
    }
    assert!(account.contacts()[0].confirmed_at.is_some());
    assert_eq!(account.recovery_left(), Some(1));

    for factors in [set_up(), Vec::new()] {
        let before = account.clone();
        let again = account.enroll_in_login(factors, codes.clone(), None, at(10));
        assert_eq!((again, &account), (Enrolled::Otherwise, &before));
    }
    // The second of the same kind can't be stored, so the first is not either.
    let mut account = Account::default();
    let twice = vec![
        NewFactor::Device(device("phone")),
        NewFactor::Device(device("phone")),
    ];
    let stored = account.enroll_in_login(twice, Vec::new(), None, at(9));
    assert_eq!((stored, account), (Enrolled::Otherwise, Account::default()));
}

#[test]
fn a_locked_account_stores_nothing_that_was_set_up() {
    let mut account = Account::default();
    let epoch = account.lockout().epoch();
    for _ in 0..5 {
        account.wrong_first_code(epoch, at(0), &Limits::default());
    }
    let before = account.clone();
    let pin = vec![NewFactor::Pin("phc-pin".to_owned())];
    let stored = account.enroll_in_login(pin, Vec::new(), None, at(1));
    assert_eq!((stored, &account), (Enrolled::Locked, &before));
}
