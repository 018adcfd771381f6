//! Screens of accounts in every state.

use super::*;
use mfa_protocol::admin::{Device, Drift, Knowledge, Rule, UserSettings};
use mfa_protocol::factor::{Authenticator, DeviceKind, Factor, HashAlgorithm};
use mfa_protocol::policy::{Action, Enforcement};

const ADMIN: Reader = Reader {
    named: true,
    own: false,
};
const OWN: Reader = Reader {
    named: false,
    own: true,
};

fn alice() -> Account {
    Account {
        user: "alice".to_owned(),
        enrolled: vec![Authenticator::Totp, Authenticator::Pin],
        devices: vec![
            Device {
                factor: DeviceKind::Totp,
                label: "phone".to_owned(),
                algorithm: HashAlgorithm::Sha1,
                digits: 6,
                period: Some(30),
                counter: None,
                clock_offset: 0,
                drift: None,
                credential_id: None,
                enabled: true,
                enrolled_at: "2026-11-20T13:02:00Z".to_owned(),
                last_used_at: Some("2026-11-22T13:19:30Z".to_owned()),
            },
            Device {
                factor: DeviceKind::Totp,
                label: "tok\u{7}en".to_owned(),
                algorithm: HashAlgorithm::Sha256,
                digits: 8,
                period: Some(60),
                counter: None,
                clock_offset: 0,
                drift: None,
                credential_id: Some("FT-1234".to_owned()),
                enabled: true,
                enrolled_at: "2026-11-20T13:02:00Z".to_owned(),
                last_used_at: None,
            },
        ],
        pin: Some(Knowledge {
            enrolled_at: "2026-01-02T03:04:05Z".to_owned(),
            last_used_at: None,
        }),
        failures: 5,
        consecutive_failures: 7,
        refused_while_locked: 3,
        locked_until: Some("2026-11-22T14:04:00Z".to_owned()),
        rules: rules(),
        ..Account::default()
    }
}

fn rules() -> Vec<Rule> {
    vec![
        Rule {
            name: "vpn".to_owned(),
            place: "/etc/mfa/agent.toml:31".to_owned(),
            action: Action::Ask,
            require: vec![Factor::Totp.into()],
            services: vec!["openvpn".to_owned()],
            from: vec!["10.0.0.0/8".to_owned()],
            conditions: vec!["hours: 08:00-18:00".to_owned(), "days: mon-fri".to_owned()],
        },
        Rule {
            name: "default".to_owned(),
            place: "/etc/mfa/agent.toml:12".to_owned(),
            action: Action::Ask,
            require: [Factor::Totp, Factor::Pin, Factor::Questions]
                .map(Into::into)
                .into(),
            ..Rule::default()
        },
    ]
}

#[test]
fn the_screen_of_a_locked_user() {
    let screen = screen(&alice(), None, ADMIN, &Clock::for_tests());
    assert_eq!(screen, LOCKED);
    assert!(screen.lines().all(|line| line.chars().count() <= 80));
}

#[test]
fn the_screen_of_a_user_with_nothing() {
    let account = Account {
        user: "bob".to_owned(),
        ..Account::default()
    };
    assert_eq!(screen(&account, None, ADMIN, &Clock::for_tests()), EMPTY);
}

#[test]
fn a_user_whose_only_device_is_disabled_has_none_in_use() {
    let mut account = alice();
    account.enrolled = Vec::new();
    account.devices.truncate(1);
    account.devices[0].enabled = false;
    let screen = screen(&account, None, ADMIN, &Clock::for_tests());
    assert!(
        screen.contains("Factors     none in use (1 disabled)\n"),
        "{screen}"
    );
}

#[test]
fn the_screen_of_a_user_for_whom_much_is_set() {
    let account = Account {
        user: "carol".to_owned(),
        enrolled: vec![Authenticator::Questions],
        bypass_until: Some("2026-11-22T13:52:00Z".to_owned()),
        grace_since: Some("2026-11-20T13:02:00Z".to_owned()),
        sessions: 2,
        settings: UserSettings {
            enforce: Enforcement::Optional,
            require: vec![Factor::Questions],
            own_allow_from: vec!["192.0.2.0/24".to_owned()],
            self_manage: true,
            ..UserSettings::default()
        },
        ..Account::default()
    };
    let screen = screen(&account, None, ADMIN, &Clock::for_tests());
    assert_eq!(screen, SET);
    assert!(screen.lines().all(|line| line.chars().count() <= 80));
}

#[test]
fn a_device_that_went_astray_is_shown_with_the_command_that_mends_it() {
    let mut account = alice();
    account.devices[0].drift = Some(Drift {
        seconds: Some(-150),
        seen_at: "2026-11-22T13:20:00Z".to_owned(),
        ..Drift::default()
    });
    account.devices[1] = Device {
        factor: DeviceKind::Hotp,
        algorithm: HashAlgorithm::Sha1,
        digits: 6,
        period: None,
        counter: Some(12),
        credential_id: None,
        enabled: true,
        ..account.devices[1].clone()
    };
    let own = screen(&account, None, OWN, &Clock::for_tests());
    let shown = own
        .split_once("never\n  tok")
        .map(|(_, rest)| rest.split_once("\nRules"));
    assert_eq!(
        shown.flatten().map(|(shown, _)| shown),
        Some(OUT_OF_SYNC),
        "{own}"
    );
    let of_another = screen(&account, None, ADMIN, &Clock::for_tests());
    assert!(
        of_another.contains("  resynchronise with two codes: mfactl verify alice --resync"),
        "{of_another}"
    );
}

const OUT_OF_SYNC: &str = r"\u{7}en: counter-based, next code is number 12

Out of sync (codes are refused)
  phone: its clock is 150 seconds behind, seen 2 minutes ago
  resynchronise with two codes: mfactl verify --resync
";

#[test]
fn a_lock_that_only_an_administrator_ends_says_so() {
    let account = Account {
        locked_by_limit: true,
        ..alice()
    };
    let screen = screen(&account, None, ADMIN, &Clock::for_tests());
    assert!(
        screen.contains("LOCKED until an administrator unlocks"),
        "{screen}"
    );
}

#[test]
fn a_locked_user_is_told_who_can_unlock_them() {
    let own = screen(&alice(), None, OWN, &Clock::for_tests());
    assert!(
        own.contains("An administrator can unlock it:\n            mfactl unlock alice\n"),
        "{own}"
    );
}

#[test]
fn a_key_alone_lets_in_a_user_with_nothing() {
    let newcomer = Newcomer {
        login: Explanation {
            action: Action::Ask,
            not_enrolled: Some(true),
            ..Explanation::default()
        },
        asking: Asking::Asks,
        alone: Some("a key alone".to_owned()),
    };
    assert_eq!(
        grace(&Account::default(), Some(&newcomer), &Clock::for_tests()),
        "Logins      ssh logins with a password are refused until a factor is enrolled; a\n            \
         key alone still lets the user in\n"
    );
}

#[test]
fn grace_is_for_users_without_a_factor() {
    let mut account = Account {
        grace_since: Some("2026-11-20T13:02:00Z".to_owned()),
        ..Account::default()
    };
    assert!(grace(&account, None, &Clock::for_tests()).contains("let in without a factor since"));
    account.enrolled = vec![Authenticator::Totp];
    assert_eq!(grace(&account, None, &Clock::for_tests()), "");
}

#[test]
fn a_user_with_nothing_is_told_until_when_they_get_in() {
    let account = Account {
        user: "bob".to_owned(),
        ..Account::default()
    };
    let at = |login: Explanation, asking| {
        let newcomer = Newcomer {
            login,
            asking,
            alone: None,
        };
        grace(&account, Some(&newcomer), &Clock::for_tests())
    };
    let told = |login: Explanation| at(login, Asking::Asks);
    let refused = Explanation {
        action: Action::Ask,
        not_enrolled: Some(true),
        ..Explanation::default()
    };
    assert_eq!(
        told(refused.clone()),
        "Logins      ssh logins are refused until a factor is enrolled\n"
    );
    assert_eq!(
        at(refused.clone(), Asking::Nowhere),
        "Logins      ssh logins without a factor are refused once pam_mfa is in a PAM\n            \
         stack (now it is in none)\n"
    );
    let days = Explanation {
        action: Action::Skip,
        grace_days_left: Some(14),
        ..refused
    };
    assert_eq!(
        told(days.clone()),
        "Grace       let in without a factor for 14 days from the first login; then logins are refused\n"
    );
    let until = Explanation {
        grace_until: Some("2027-01-31T23:00:00Z".to_owned()),
        ..days
    };
    assert_eq!(
        told(until.clone()),
        "Grace       let in without a factor until 2027-02-01 00:00 (in 71 days); then logins are refused\n"
    );
    let asked_to_enrol = Explanation {
        not_enrolled: Some(false),
        ..until
    };
    assert!(told(asked_to_enrol).ends_with("(in 71 days)\n"));
}

const LOCKED: &str = r"User        alice
State       LOCKED until 15:04 (in 42 minutes)
            unlock: mfactl unlock alice
Failures    5 counted, 7 in a row, 3 refused while locked
Factors     totp, pin

Devices and other factors
  Factor  Label       Enrolled          Last used
  totp    phone       2026-11-20 14:02  2026-11-22 14:19 (2 minutes ago)
  totp    tok\u{7}en  2026-11-20 14:02  never
  pin                 2026-01-02 04:04  never
  tok\u{7}en: SHA256, 8 digits, every 60 s, credential FT-1234

Rules (the first that matches decides)
  Rule      Action                            Services  From        Where
  vpn       ask for totp                      openvpn   10.0.0.0/8  line 31
  [policy]  ask for totp or pin or questions  all       anywhere    line 12
  lines of /etc/mfa/agent.toml
  vpn only with hours: 08:00-18:00; days: mon-fri
";

const SET: &str = "\
User        carol
State       not locked
Failures    0 counted, 0 in a row
Factors     questions
Bypass      a bypass code is valid until 14:52 (in 30 minutes)
            take it back: mfactl bypass carol --off
Sessions    2
            end them: mfactl revoke carol

Settings of this user
Enforce     a factor is optional: a user who has enrolled nothing is let in
Required    questions (set by an administrator)
Login from  192.0.2.0/24 (set by the user)
May set     require and allow-from for themselves
";

const EMPTY: &str = r"User        bob
State       not locked
Failures    0 counted, 0 in a row
Factors     none yet
            enrol one: mfactl enroll totp bob
";
