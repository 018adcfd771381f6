use std::time::Duration;

use proptest::prelude::*;

use super::super::samples::{CODES, at, counter, device, full, pepper};
use super::super::{Contact, Dates, Label, NewSession, Remote, SessionScope};
use super::*;
use crate::account::SessionHost;
use crate::factors::address::{Channel, Recipient};
use crate::factors::device::{Match, Windows};
use crate::factors::key::Key;
use crate::factors::security_key::samples::SoftKey;
use crate::lockout::Limits;

fn scope() -> SessionScope {
    SessionScope {
        service: "sshd".to_owned(),
        operation: None,
        address: None,
        ruser: None,
        tty: None,
    }
}

fn other(label: &str, key: u8) -> Device {
    let mut other = device(label);
    other.generator.key = Key::fresh([key; 20]);
    other
}

#[test]
fn a_step_used_since_the_backup_stays_used() {
    let backup = full();
    let mut live = full();
    live.devices[0].last_step = Some(5);
    let restored = backup.restored(Some(&live), at(5 * 30));
    assert_eq!(restored.account.devices[0].last_step, Some(5));
    assert_eq!((restored.assumed, restored.unknown_counters), (0, 0));
}

#[test]
fn what_was_removed_since_the_backup_is_counted() {
    let backup = full();
    assert_eq!(backup.removed_since(&full()), 0);
    let mut live = full();
    live.devices[0].generator.key = Key::fresh([9; 20]);
    live.generation += 1;
    assert_eq!(backup.removed_since(&live), 1);
    live.pin = None;
    live.recovery = None;
    let more = u32::from(backup.pin.is_some()) + u32::from(backup.recovery.is_some());
    assert_eq!(backup.removed_since(&live), 1 + more);
    // A record of failures alone, on a host where the user was never enrolled.
    assert_eq!(backup.removed_since(&Account::default()), 0);
}

/// A user with a security key that has counted this far.
fn with_key(counter: u32) -> Account {
    let mut account = full();
    let key = SoftKey::ed25519(7).public();
    let key = SecurityKey::new("blue".parse().unwrap(), key, at(0)).counted(counter);
    account.add_key(key).unwrap();
    account
}

#[test]
fn a_security_key_comes_back_with_the_later_counter_and_stays_disabled() {
    let mut live = with_key(9);
    live.enable_key(None, false).unwrap();
    live.keys[0].went_back_at = Some(at(3));
    let restored = with_key(4).restored(Some(&live), at(9)).account;
    assert_eq!(restored.keys(), live.keys());
    let fresh = with_key(4).restored(None, at(9));
    assert_eq!(fresh.account.keys(), with_key(4).keys());
    assert_eq!(
        fresh.unknown_counters,
        full().restored(None, at(9)).unknown_counters
    );
}

#[test]
fn a_security_key_that_was_removed_since_the_backup_is_counted() {
    let backup = with_key(4);
    let mut live = backup.clone();
    assert_eq!(backup.removed_since(&live), 0);
    assert_eq!(live.remove_keys(None), 1);
    assert_eq!(backup.removed_since(&live), 1);
    assert_eq!(live.restored(Some(&backup), at(9)).account.keys(), []);
}

#[test]
fn on_a_fresh_host_no_code_up_to_now_passes_and_the_next_one_does() {
    let now = at(3 * 30);
    let restored = full().restored(None, now);
    assert_eq!(restored.assumed, 1);
    let device = &restored.account.devices[0];
    let windows = Windows::default();
    for code in &CODES[2..=3] {
        assert_eq!(device.check(code, now, &windows), Match::Used);
    }
    assert_eq!(
        device.check(CODES[4], now, &windows),
        Match::Unused { step: 4 }
    );
}

#[test]
fn a_device_that_is_known_to_be_ahead_is_taken_for_used_up_to_what_it_shows() {
    let mut backup = full();
    backup.devices[0].offset = 2;
    let restored = backup.restored(None, at(3 * 30));
    assert_eq!(restored.account.devices[0].last_step, Some(5));
}

#[test]
fn of_a_counter_nothing_is_known_without_the_replaced_record() {
    let mut backup = Account::default();
    let mut token = counter("token");
    token.last_step = Some(3);
    backup.add_device(token.clone()).unwrap();
    let fresh = backup.clone().restored(None, at(0));
    assert_eq!((fresh.assumed, fresh.unknown_counters), (0, 1));
    assert_eq!(fresh.account.devices[0].last_step, Some(3));
    let mut live = backup.clone();
    live.devices[0].last_step = Some(9);
    let restored = backup.restored(Some(&live), at(0));
    assert_eq!(restored.unknown_counters, 0);
    assert_eq!(restored.account.devices[0].last_step, Some(9));
}

#[test]
fn a_recovery_code_used_since_stays_used_and_a_later_list_replaces_an_earlier_one() {
    let codes = ["0123456789", "1234567890", "2345678901"].map(|code| pepper().digest(code));
    let mut backup = full();
    backup.set_recovery(codes.to_vec(), at(1));
    let mut live = backup.clone();
    live.use_recovery(codes[1]);
    let restored = backup.clone().restored(Some(&live), at(9)).account;
    assert_eq!(restored.recovery_left(), Some(2));
    assert!(restored.is_used_recovery("1234567890", &pepper()));

    live.set_recovery(vec![pepper().digest("9999999999")], at(2));
    let restored = backup.clone().restored(Some(&live), at(9)).account;
    assert!(restored.find_recovery("9999999999", &pepper()).is_some());
    assert!(restored.find_recovery("0123456789", &pepper()).is_none());

    let fresh = backup.restored(None, at(9));
    assert_eq!(fresh.unknown_codes, 3);
}

#[test]
fn a_bypass_code_is_good_only_if_the_replaced_record_has_it_unused() {
    let minute = Duration::from_secs(60);
    let mut backup = Account::default();
    backup.issue_bypass("111111111".into(), minute, at(0));
    let kept = backup.clone().restored(Some(&backup), at(1)).account;
    assert!(kept.is_bypass("111111111", at(1)));
    for live in [None, Some(Account::default())] {
        let restored = backup.clone().restored(live.as_ref(), at(1)).account;
        assert!(!restored.is_bypass("111111111", at(1)));
        // Nobody becomes a newcomer by that.
        assert!(!restored.has_never_enrolled());
    }
}

#[test]
fn a_suspension_lasts_only_if_the_replaced_record_has_it() {
    let mut backup = Account::default();
    backup.suspend(Duration::from_secs(60), at(0));
    let kept = backup.clone().restored(Some(&backup), at(1)).account;
    assert!(kept.suspended_until(at(1)).is_some());
    for live in [None, Some(Account::default())] {
        let restored = backup.clone().restored(live.as_ref(), at(1)).account;
        assert_eq!(restored.suspended_until(at(1)), None);
    }
}

#[test]
fn what_was_disabled_since_the_backup_stays_disabled() {
    let email = |text| Recipient::read(Channel::Email, text, None).unwrap();
    let (known, only_in_backup) = (email("anna@example.org"), email("b@example.org"));
    let mut live = full();
    live.add_contact(Contact::new(known.clone(), at(0)))
        .unwrap();
    live.set_remote(remote("vip"));
    let mut backup = live.clone();
    backup
        .add_contact(Contact::new(only_in_backup, at(0)))
        .unwrap();
    let enabled = |account: &Account| {
        let contacts = account.contacts.iter().map(|contact| contact.enabled);
        let remote = account.remote().map(|remote| remote.enabled);
        (
            account.devices[0].enabled,
            contacts.collect::<Vec<_>>(),
            remote,
        )
    };
    let as_before = backup.clone().restored(Some(&live), at(9)).account;
    assert_eq!(enabled(&as_before), (true, vec![true, true], Some(true)));
    live.devices[0].enabled = false;
    live.enable_contact(&known, false).unwrap();
    live.enable_remote(false);
    let restored = backup.clone().restored(Some(&live), at(9)).account;
    assert_eq!(enabled(&restored), (false, vec![false, true], Some(false)));
    live.set_remote(remote("other"));
    live.enable_remote(false);
    let restored = backup.clone().restored(Some(&live), at(9)).account;
    assert_eq!(enabled(&restored).2, Some(true), "another account");
    // What the backup has disabled stays so too.
    let swapped = live.restored(Some(&backup), at(9)).account;
    assert_eq!(enabled(&swapped), (false, vec![false], Some(false)));
}

fn remote(server: &str) -> Remote {
    Remote {
        server: server.parse().unwrap(),
        user: None,
        enabled: true,
        dates: Dates::enrolled(at(0)),
    }
}

#[test]
fn sessions_end_and_proofs_from_before_are_void() {
    let mut backup = full();
    let session = NewSession {
        spot: scope(),
        duration: Duration::from_secs(600),
        host: SessionHost::alone("boot"),
        by_answer: None,
    };
    backup.begin_session(&session, "totp".parse().unwrap(), None, at(0));
    assert_eq!(backup.sessions.len(), 1);
    let mut live = backup.clone();
    live.set_pin("later".to_owned(), at(3));
    let restored = backup.restored(Some(&live), at(5)).account;
    assert!(restored.sessions.is_empty());
    assert!(restored.generation() > live.generation());
}

#[test]
fn of_an_account_that_the_backup_does_not_have_only_locks_and_limits_stay() {
    assert_eq!(full().left_over(), None);
    let mut locked = full();
    let limits = Limits {
        attempts: 1,
        ..Limits::default()
    };
    let epoch = locked.lockout.epoch();
    locked.lockout.failed(epoch, at(0), &limits);
    let left = locked.left_over().unwrap();
    assert!(left.has_never_enrolled() && left.lockout.lock(at(1)).is_some());
    // A restore that is repeated keeps it.
    assert_eq!(left.left_over().unwrap().lockout, left.lockout);
}

/// What may happen to an account between the backup and the restore.
fn lived(account: &mut Account, events: &[(u8, u64)]) {
    let codes = ["0123456789", "1234567890"].map(|code| pepper().digest(code));
    let limits = Limits::default();
    for (event, number) in events {
        match event % 6 {
            0 => {
                for device in &mut account.devices {
                    device.last_step = device.last_step.max(Some(*number));
                }
            }
            1 => account.use_recovery(codes[(*number % 2) as usize]),
            2 => {
                let epoch = account.lockout.epoch();
                account.lockout.failed(epoch, at(50), &limits);
            }
            3 => {
                let epoch = account.lockout.epoch();
                account.lockout.passed(epoch, at(50));
            }
            4 => {
                let label: Label = "later".parse().unwrap();
                account.devices.retain(|device| device.label != label);
                account.devices.push(other("later", 7));
            }
            _ => {
                account.devices.truncate(1);
            }
        }
    }
}

proptest! {
    #[test]
    fn nothing_that_was_used_or_locked_goes_back(
        events in proptest::collection::vec((any::<u8>(), 0..20u64), 0..12),
        later in proptest::collection::vec((any::<u8>(), 0..40u64), 0..12),
    ) {
        let codes = ["0123456789", "1234567890"].map(|code| pepper().digest(code));
        let mut backup = full();
        backup.add_device(other("token", 3)).unwrap();
        backup.set_recovery(codes.to_vec(), at(1));
        lived(&mut backup, &events);
        let mut live = backup.clone();
        lived(&mut live, &later);

        let now = at(600);
        let restored = backup.clone().restored(Some(&live), now).account;
        for device in &restored.devices {
            let used = live.devices.iter().find(|known| known.generator == device.generator);
            let used = used.map_or(Some(20), |known| known.last_step);
            prop_assert!(device.last_step >= used);
        }
        for code in ["0123456789", "1234567890"] {
            if live.is_used_recovery(code, &pepper()) {
                prop_assert!(restored.find_recovery(code, &pepper()).is_none());
            }
        }
        prop_assert!(restored.lockout.failures(now) >= live.lockout.failures(now));
        // What the backup says is the user's again.
        let generators = |account: &Account| -> Vec<_> {
            account.devices.iter().map(|device| device.generator.clone()).collect()
        };
        prop_assert_eq!(generators(&restored), generators(&backup));

        // A second look at a record that went on meanwhile comes to the same as a first one at it.
        let mut latest = live.clone();
        lived(&mut latest, &later);
        let mut twice = restored.restored(Some(&latest), now).account;
        let once = backup.restored(Some(&latest), now).account;
        twice.generation = once.generation;
        for (device, other) in twice.devices.iter().zip(&once.devices) {
            prop_assert!(device.last_step >= other.last_step);
        }
        prop_assert_eq!(&twice.lockout, &once.lockout);
        prop_assert_eq!(&twice.recovery, &once.recovery);
    }
}
