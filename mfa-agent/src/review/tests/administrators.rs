//! Who could still log in.

use std::time::Duration;

use super::{Stub, finds, line, review};
use crate::repository::{AccountRepository, After, Key, RepositoryError};
use crate::review::administrators::NOT_ALL_TRIED;
use crate::store::MemoryStore;
use crate::store::memory::StoreFailure;
use crate::vault::{MasterKey, Vault};
use mfa_core::account::{Account, By, SecurityKey, samples};
use mfa_core::factors::Factor;
use mfa_core::lockout::Limits;
use mfa_core::policy::Network;
use mfa_protocol::admin::{Finding, Severity};

const NOBODY: &str = "no administrator of this host could log in";
const ROOT: &str = "root could not log in at the console";

/// Accounts of these users.
pub(super) fn repository(accounts: &[(&str, &Account)]) -> AccountRepository {
    let vault = Vault::new(&MasterKey::from_bytes([7; 32]));
    let repository = AccountRepository::new(Box::new(MemoryStore::new()), vault);
    for (user, account) in accounts {
        let key = Key::account(&user.parse().unwrap());
        let put = || Ok::<_, RepositoryError>((After::Put(Box::new((*account).clone())), ()));
        repository.change(&key, |_| put()).unwrap();
    }
    repository
}

pub(super) fn with_device() -> Account {
    let mut account = Account::default();
    account.add_device(samples::device("phone")).unwrap();
    account
}

/// Findings about who could log in, where these accounts are there.
fn lockout_risk(text: &str, accounts: &[(&str, &Account)]) -> Vec<Finding> {
    let findings = review(text, &Stub::new(), Some(&repository(accounts)));
    let about = |finding: &Finding| {
        finding.message.contains("could log in") || finding.message.contains(ROOT)
    };
    findings.into_iter().filter(about).collect()
}

#[track_caller]
fn is_error(findings: &[Finding], words: &[&str]) {
    let [finding] = findings else {
        panic!("{findings:#?}");
    };
    assert_eq!(finding.severity, Severity::Error, "{finding:?}");
    for word in [&[NOBODY], words].concat() {
        assert!(line(finding).contains(word), "{finding:?}\nhas no {word}");
    }
}

#[track_caller]
fn is_warning(findings: &[Finding]) {
    let [finding] = findings else {
        panic!("{findings:#?}");
    };
    assert_eq!(finding.severity, Severity::Warning, "{finding:?}");
    assert!(finding.message.contains(ROOT), "{finding:?}");
}

#[test]
fn a_host_where_no_administrator_has_set_up_anything_is_an_error() {
    let words = [
        "enrol one first (mfactl enroll totp root)",
        "action = \"skip\"",
        "for root",
    ];
    is_error(&lockout_risk("", &[]), &words);
    is_error(&lockout_risk("[admin]\ngroups = ['desk']", &[]), &words);
    assert_eq!(lockout_risk("", &[("root", &with_device())]), []);
}

#[test]
fn a_member_of_an_admin_group_who_can_log_in_is_enough_but_root_is_missed_at_the_console() {
    let text = "[admin]\ngroups = ['desk']";
    is_warning(&lockout_risk(text, &[("anna", &with_device())]));
    is_error(&lockout_risk("", &[("anna", &with_device())]), &[]);
}

#[test]
fn who_can_be_sent_a_code_without_an_enrolled_address_could_log_in() {
    let email = |rest: &str| {
        format!(
            "[policy]\nrequire = ['email']\n[delivery.email]\nfrom = 'a@example.org'\nsendmail = '/s'\n{rest}"
        )
    };
    assert_eq!(
        lockout_risk(&email("address = '{user}@example.org'"), &[]),
        []
    );
    is_error(&lockout_risk(&email(""), &[]), &[]);
    let sms = |rest: &str| {
        format!(
            "[policy]\nrequire = ['sms']\n[delivery]\nchannel = 'sms'\n[delivery.sms]\n\
             provider = 'command'\ncommand = '/s'\n{rest}"
        )
    };
    let enroll = "[enforcement]\nunenrolled = 'enroll'";
    assert_eq!(lockout_risk(&sms(enroll), &[]), []);
    is_error(&lockout_risk(&sms(""), &[]), &[]);
}

#[test]
fn what_is_named_as_the_remedy_is_something_that_root_can_use_there() {
    let key_first = "[policy]\nrequire = ['key', 'totp']";
    let words = [
        "which root does not have, or can't use there",
        "enrol one first (mfactl enroll totp root)",
    ];
    is_error(&lockout_risk(key_first, &[]), &words);
    let with_key = {
        let mut account = Account::default();
        let key = mfa_core::factors::security_key::samples::SoftKey::ed25519(1);
        let label = "blue".parse().unwrap();
        let key = SecurityKey::new(label, key.public(), samples::at(0));
        account.add_key(key).unwrap();
        account
    };
    // With a key root gets in through sshd, and not at the console.
    let shut = lockout_risk(key_first, &[("root", &with_key)]);
    is_warning(&shut);
    let remedy = "enrol root (mfactl enroll totp root)";
    assert!(shut[0].message.contains(remedy), "{shut:?}");
    assert_eq!(lockout_risk(key_first, &[("root", &with_device())]), []);
    for require in ["'key'", "'key+pin', 'key'"] {
        let alone = lockout_risk(&format!("[policy]\nrequire = [{require}]"), &[]);
        let remedy = ["add \"totp\" to require, or add a rule such as"];
        is_error(&alone, &remedy);
        assert!(!alone[0].message.contains("enroll key"), "{alone:?}");
    }
}

#[test]
fn where_the_console_is_closed_and_sshd_asks_enrolling_helps() {
    let closed = "[[rule]]\nname = 'closed'\nservices = ['login']\naction = 'deny'\n";
    let words = ["(for root: rule \"closed\" denies)", "enrol one first"];
    is_error(&lockout_risk(closed, &[]), &words);
    let shut = lockout_risk(closed, &[("root", &with_device())]);
    is_warning(&shut);
    assert!(!shut[0].message.contains("enrol"), "{shut:?}");
}

#[test]
fn rules_that_deny_everybody_are_an_error_without_any_account() {
    let closed = "[[rule]]\nname = 'closed'\nusers = ['*']\naction = 'deny'\n";
    finds(
        closed,
        "agent.toml:1: ",
        &[NOBODY, "(for root: rule \"closed\" denies)", "; add a rule"],
    );
    let unanswerable =
        "[[rule]]\nprompting = 'single'\nrequire = ['pin']\nservices = ['sshd', 'login']";
    is_error(
        &review(unanswerable, &Stub::new(), None)[..1],
        &["which root does not have"],
    );
}

#[test]
fn one_way_in_is_enough_wherever_it_is_and_whenever() {
    for way in [
        "services = ['login']\ntty = ['tty3']",
        "services = ['sshd']\nfrom = ['10.1.2.3']",
        "services = ['sshd']\nfrom = ['2001:db8::/32']\nhours = ['03:10-03:20']\ndays = ['sun']",
        "services = ['sshd']\nafter = ['hostbased']",
        "users = ['root']\nhours = ['22:00-06:00']",
    ] {
        let text = format!("[[rule]]\naction = 'skip'\n{way}\n[[rule]]\naction = 'deny'");
        let findings = review(&text, &Stub::new(), None);
        let errors = findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error);
        assert_eq!(errors.count(), 0, "{text}\n{findings:#?}");
    }
    finds(
        "[[rule]]\naction = 'skip'\nusers = ['bob']\n[[rule]]\naction = 'deny'",
        "agent.toml:4: ",
        &[NOBODY],
    );
}

#[test]
fn a_network_that_is_open_around_closed_ones_is_found() {
    let text = "[[rule]]\nservices = ['sshd']\nfrom = ['10.0.0.0/9', '10.128.0.0/10']\naction = 'deny'\n\
         [[rule]]\nfrom = ['10.0.0.0/8']\naction = 'skip'\n[[rule]]\naction = 'deny'\n";
    let shut: Vec<_> = review(text, &Stub::new(), None);
    assert!(
        shut.iter()
            .all(|finding| finding.severity == Severity::Warning),
        "{shut:#?}"
    );
    let closed = text.replace("'10.128.0.0/10'", "'10.128.0.0/9'");
    let shut: Vec<_> = review(&closed, &Stub::new(), None);
    assert!(
        shut.iter()
            .any(|finding| finding.severity == Severity::Error),
        "{shut:#?}"
    );
}

#[test]
fn what_lets_in_without_a_factor_counts() {
    for text in [
        "[enforcement]\nunenrolled = 'allow'",
        "[enforcement]\ngrace = '14d'",
        "[enforcement]\nmode = 'none'",
        "[[rule]]\nusers = ['root']\nservices = ['login']\naction = 'skip'",
    ] {
        assert_eq!(lockout_risk(text, &[]), [], "{text}");
    }
    let mut late = Account::default();
    late.begin_grace(samples::at(0));
    let grace = |days: u32| format!("[enforcement]\ngrace = '{days}d'");
    assert_eq!(lockout_risk(&grace(14), &[("root", &late)]), []);
    is_error(&lockout_risk(&grace(11), &[("root", &late)]), &[]);
    let mut helped = Account::default();
    helped.issue_bypass(
        "111111111".into(),
        Duration::from_secs(60),
        samples::at(1_000_000),
    );
    assert_eq!(lockout_risk("", &[("root", &helped)]), []);
}

#[test]
fn a_factor_that_is_not_asked_for_does_not_count() {
    let root = with_device();
    is_error(
        &lockout_risk(
            "[policy]\nrequire = ['pin', 'totp+questions']",
            &[("root", &root)],
        ),
        &[],
    );
    assert_eq!(
        lockout_risk("[policy]\nrequire = ['pin', 'totp']", &[("root", &root)]),
        []
    );
}

#[test]
fn a_lock_for_good_counts_and_one_that_ends_does_not() {
    let locked = |max_consecutive| {
        let mut account = samples::full();
        let limits = Limits {
            attempts: 1,
            max_consecutive,
            ..Limits::default()
        };
        let attempt = mfa_core::account::Attempt {
            epoch: account.lockout().epoch(),
            answers: vec![mfa_core::account::PreparedAnswer::Impossible],
            now: samples::at(999_999),
            windows: Default::default(),
            renews: false,
            limits,
            opening: None,
            rejected: None,
            is_password: false,
            is_key_counted: false,
            pepper: mfa_core::account::samples::pepper(),
        };
        account.attempt(&attempt);
        account
    };
    let unlock = "root is locked (mfactl unlock root)";
    is_error(&lockout_risk("", &[("root", &locked(Some(1)))]), &[unlock]);
    assert_eq!(lockout_risk("", &[("root", &locked(None))]), []);
    let open = "[[rule]]\nusers = ['root']\naction = 'skip'";
    assert_eq!(lockout_risk(open, &[("root", &locked(Some(1)))]), []);
}

#[test]
fn what_is_set_for_an_administrator_counts() {
    let office: [Network; 1] = ["198.51.100.0/24".parse().unwrap()];
    let mut root = with_device();
    root.allow_from(&office, By::Administrator).unwrap();
    let remote_only = "[[rule]]\nservices = ['login']\naction = 'deny'\n";
    is_warning(&lockout_risk(remote_only, &[("root", &root)]));
    let elsewhere = format!("{remote_only}[[rule]]\nfrom = ['198.51.100.0/24']\naction = 'deny'");
    is_error(&lockout_risk(&elsewhere, &[("root", &root)]), &[]);
    let mut strict = samples::full();
    strict
        .require("root", Factor::Pin, true, By::Administrator)
        .unwrap();
    assert_eq!(lockout_risk("", &[("root", &strict)]), []);
    is_error(
        &lockout_risk(
            "[policy]\nrequire = ['totp']\nprompting = 'single'",
            &[("root", &strict)],
        ),
        &[],
    );
}

#[test]
fn federated_administrators_are_passed_over_as_they_are_at_logins() {
    let mut host = Stub::new();
    host.federated.insert("anna");
    let text = "[admin]\ngroups = ['staff']\n[enforcement]\nmode = 'local-users'";
    is_warning(&review(text, &host, Some(&repository(&[]))));
}

#[test]
fn a_store_that_can_t_be_read_is_one_finding_and_no_error() {
    let store = MemoryStore::new();
    store.fail(StoreFailure::Everything);
    let vault = Vault::new(&MasterKey::from_bytes([7; 32]));
    let repository = AccountRepository::new(Box::new(store), vault);
    let findings = review("", &Stub::new(), Some(&repository));
    let [finding] = &findings[..] else {
        panic!("{findings:#?}");
    };
    assert!(
        finding.message.starts_with("not all could be checked"),
        "{finding:?}"
    );
}

#[test]
fn a_policy_with_more_cases_than_may_be_tried_is_an_error_that_says_so() {
    let mut text = String::new();
    for n in 0..100 {
        let (from, until) = (n / 10, n % 10);
        text += &format!(
            "[[rule]]\nfrom = ['10.{n}.0.0/16']\nhours = ['{from:02}:0{until}-{from:02}:1{until}']\naction = 'deny'\n"
        );
    }
    text += "[[rule]]\naction = 'deny'";
    let [finding] = &review(&text, &Stub::new(), None)[..] else {
        panic!("one finding");
    };
    assert_eq!(finding.severity, Severity::Error, "{finding:?}");
    assert!(finding.message.starts_with(NOT_ALL_TRIED), "{finding:?}");
}
