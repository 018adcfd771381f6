//! Keys of an account.

use super::super::samples::at;
use super::*;
use crate::factors::Factor;
use crate::factors::security_key::samples::SoftKey;

fn label(text: &str) -> Label {
    text.parse().unwrap()
}

fn key(name: &str, seed: u8) -> SecurityKey {
    SecurityKey::new(label(name), SoftKey::ed25519(seed).public(), at(1))
}

fn with(names: &[&str]) -> Account {
    let mut account = Account::default();
    for (seed, name) in (1..).zip(names) {
        assert_eq!(account.add_key(key(name, seed)), Ok(true));
    }
    account
}

fn labels(account: &Account) -> Vec<&str> {
    account
        .keys()
        .iter()
        .map(|key| key.label.as_str())
        .collect()
}

#[test]
fn a_key_is_added_once_and_five_are_the_most() {
    let mut account = with(&["blue", "red"]);
    let before = account.clone();
    assert_eq!(account.add_key(key("blue", 1)), Ok(false));
    let taken = account.add_key(key("green", 1));
    assert_eq!(taken, Err(SecurityKeyError::KeyTaken("blue".to_owned())));
    let taken = account.add_key(key("blue", 9));
    assert_eq!(taken, Err(SecurityKeyError::LabelTaken("blue".to_owned())));
    assert_eq!(account, before, "nothing changed");
    for seed in 3..=5 {
        let name = account.free_key_label();
        assert_eq!(account.add_key(key(name.as_str(), seed)), Ok(true));
    }
    assert_eq!(labels(&account), ["blue", "red", "key-1", "key-2", "key-3"]);
    assert_eq!(account.add_key(key("six", 6)), Err(SecurityKeyError::Full));
    assert!(account.has(Factor::Key));
}

#[test]
fn a_label_that_is_the_fingerprint_of_another_key_is_not_taken_for_it() {
    let fingerprint = SoftKey::ed25519(2).public().fingerprint();
    let mut account = with(&[&fingerprint, "red"]);
    let found = account.find_key(Some(&fingerprint)).unwrap();
    assert_eq!(found.label, label("red"));
    let disabled = account.enable_key(Some(&fingerprint), false);
    assert_eq!(disabled, Ok((label("red"), true)));
    assert_eq!(account.remove_keys(Some(&fingerprint)), 1);
    assert_eq!(labels(&account), [fingerprint.as_str()]);
    assert_eq!(
        account.remove_keys(Some(&fingerprint)),
        1,
        "by its label now"
    );
}

#[test]
fn a_key_is_found_by_label_or_fingerprint_or_if_it_is_the_only_one() {
    let account = with(&["blue", "red"]);
    let red = &account.keys()[1];
    assert_eq!(account.find_key(Some("red")), Ok(red));
    assert_eq!(account.find_key(Some(&red.key.fingerprint())), Ok(red));
    assert_eq!(account.find_key(None), Err(SecurityKeyError::Which));
    let unknown = account.find_key(Some("green"));
    assert_eq!(unknown, Err(SecurityKeyError::Unknown("green".to_owned())));
    assert_eq!(with(&["blue"]).find_key(None).unwrap().label, label("blue"));
    assert_eq!(with(&[]).find_key(None), Err(SecurityKeyError::None));
}

#[test]
fn a_key_is_renamed_once() {
    let mut account = with(&["blue", "red"]);
    let before = account.generation();
    let renamed = account.rename_key(Some("blue"), &label("old"));
    assert_eq!(renamed, Ok(Some(label("blue"))));
    assert_eq!(account.rename_key(Some("blue"), &label("old")), Ok(None));
    assert_eq!(account.rename_key(Some("old"), &label("old")), Ok(None));
    let taken = account.rename_key(Some("old"), &label("red"));
    assert_eq!(taken, Err(SecurityKeyError::LabelTaken("red".to_owned())));
    let unknown = account.rename_key(Some("green"), &label("new"));
    assert_eq!(unknown, Err(SecurityKeyError::Unknown("green".to_owned())));
    assert_eq!(
        account.rename_key(None, &label("new")),
        Err(SecurityKeyError::Which)
    );
    assert_eq!(account.generation(), before, "the same can be passed");
}

#[test]
fn a_disabled_key_is_none_that_can_be_used_and_was_enrolled_all_the_same() {
    let mut account = with(&["blue"]);
    let before = account.generation();
    assert_eq!(account.enable_key(None, false), Ok((label("blue"), true)));
    assert_eq!(
        account.enable_key(Some("blue"), false),
        Ok((label("blue"), false))
    );
    assert!(!account.has(Factor::Key) && !account.has_never_enrolled());
    assert_eq!(account.enable_key(None, true), Ok((label("blue"), true)));
    assert!(account.has(Factor::Key));
    assert_eq!(account.generation(), before + 2);
}

#[test]
fn keys_are_removed_one_by_one_or_all() {
    let mut account = with(&["blue", "red", "green"]);
    let fingerprint = account.keys()[1].key.fingerprint();
    assert_eq!(account.remove_keys(Some("none")), 0);
    assert_eq!(account.remove_keys(Some("blue")), 1);
    assert_eq!(account.remove_keys(Some(&fingerprint)), 1);
    assert_eq!(labels(&account), ["green"]);
    assert_eq!(account.remove_keys(None), 1);
    assert!(account.has_never_enrolled());
}

#[test]
fn keys_survive_storage_and_a_line_that_is_none_is_refused() {
    let mut account = with(&["blue"]);
    account.keys[0].counter = 7;
    account.keys[0].went_back_at = Some(at(9));
    account.keys[0].enabled = false;
    let bytes = account.encode().unwrap();
    let read = Account::decode(&bytes).unwrap();
    assert_eq!(read.schema, account.format(), "older formats hold no keys");
    assert_eq!(
        Account {
            schema: read.schema,
            ..account
        },
        read
    );
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    assert!(Account::decode(text.replace("AAAAGnNr", "AAAAGnNs").as_bytes()).is_err());
}

#[test]
fn a_key_that_was_reset_counts_from_the_beginning_once_it_is_enabled() {
    let mut account = with(&["blue"]);
    account.keys[0].counter = 9;
    assert_eq!(account.enable_key(None, true), Ok((label("blue"), false)));
    assert_eq!(account.keys()[0].counter(), 9, "nothing to forget");
    account.keys[0].went_back_at = Some(at(3));
    assert_eq!(account.enable_key(None, true), Ok((label("blue"), true)));
    assert_eq!(
        (
            account.keys()[0].counter(),
            account.keys()[0].went_back_at()
        ),
        (0, None)
    );
}
