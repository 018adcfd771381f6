use super::super::samples::{at, device, full, pepper};
use super::super::{Attempt, By, FallbackCode, PreparedAnswer, Verdict};
use super::*;
use proptest::prelude::*;

fn here() -> SessionHost {
    SessionHost::alone("boot-1")
}

const QUARTER: Duration = Duration::from_secs(15 * 60);

fn sudo() -> SessionScope {
    SessionScope {
        service: "sudo".to_owned(),
        operation: None,
        address: None,
        ruser: Some("anna".to_owned()),
        tty: Some("pts/3".to_owned()),
    }
}

fn combinations(texts: &[&str]) -> Vec<FactorCombination> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// An account that passed a PIN with sudo at second 100.
fn in_session() -> Account {
    let mut account = full();
    pass(&mut account, sudo(), 100);
    account
}

fn pass(account: &mut Account, spot: SessionScope, second: i64) {
    let opening = NewSession {
        spot,
        duration: QUARTER,
        host: here(),
        by_answer: None,
    };
    let attempt = pin(account, true, second, Some(opening));
    assert!(matches!(account.attempt(&attempt), Verdict::Passed(_)));
}

fn pin(account: &Account, matches: bool, second: i64, opening: Option<NewSession>) -> Attempt {
    Attempt {
        epoch: account.lockout().epoch(),
        answers: vec![PreparedAnswer::Hashed {
            factor: Factor::Pin,
            phc: account.pin().unwrap().phc.clone(),
            matches,
        }],
        now: at(second),
        windows: Default::default(),
        renews: false,
        limits: Default::default(),
        opening,
        pepper: pepper(),
        rejected: None,
        is_password: false,
        is_key_counted: false,
    }
}

/// Whether a login at `spot` is let in by a rule with 15 minutes and a PIN.
fn lets_in(account: &Account, spot: &SessionScope, second: i64) -> bool {
    lets_in_by(account, spot, &[], &["pin"], QUARTER, here(), second)
}

fn lets_in_by(
    account: &Account,
    spot: &SessionScope,
    scope: &[&str],
    required: &[&str],
    duration: Duration,
    host: SessionHost,
    second: i64,
) -> bool {
    let scope: Vec<String> = scope.iter().map(|&name| name.to_owned()).collect();
    let combinations = combinations(required);
    let wanted = SessionQuery {
        spot,
        scope: &scope,
        combinations: &combinations,
        duration,
        host: &host,
        hosts: SessionHosts::This,
    };
    account.session(&wanted, at(second)).is_some()
}

#[test]
fn the_same_login_is_let_in_for_fifteen_minutes() {
    let account = in_session();
    for (second, in_time) in [(99, false), (100, true), (999, true), (1000, false)] {
        assert_eq!(lets_in(&account, &sudo(), second), in_time, "{second}");
    }
}

#[test]
fn another_origin_is_another_login() {
    let account = in_session();
    let other = [
        SessionScope {
            service: "su".to_owned(),
            ..sudo()
        },
        SessionScope {
            operation: Some("sudo".to_owned()),
            ..sudo()
        },
        SessionScope {
            address: "192.0.2.7".parse().ok(),
            ..sudo()
        },
        SessionScope {
            ruser: Some("bob".to_owned()),
            ..sudo()
        },
        SessionScope {
            ruser: None,
            ..sudo()
        },
        SessionScope {
            tty: Some("pts/4".to_owned()),
            ..sudo()
        },
    ];
    for spot in other {
        assert!(!lets_in(&account, &spot, 101), "{spot:?}");
    }
}

#[test]
fn services_of_the_scope_share_a_session_and_operations_do_not() {
    let account = in_session();
    let su = SessionScope {
        service: "su".to_owned(),
        ..sudo()
    };
    let shared = |spot: &SessionScope| {
        lets_in_by(
            &account,
            spot,
            &["sudo", "su"],
            &["pin"],
            QUARTER,
            here(),
            101,
        )
    };
    assert!(shared(&su));
    let operation = SessionScope {
        operation: Some("collect".to_owned()),
        ..su
    };
    assert!(!shared(&operation));
}

#[test]
fn a_session_is_enough_only_for_rules_whose_factors_were_passed() {
    let account = in_session();
    let enough =
        |required: &[&str]| lets_in_by(&account, &sudo(), &[], required, QUARTER, here(), 101);
    assert!(enough(&["totp", "pin"]));
    assert!(!enough(&["totp"]));
    assert!(!enough(&["totp+pin"]));
}

#[test]
fn a_stricter_rule_applies_to_older_sessions_too() {
    let account = in_session();
    let minute = Duration::from_secs(60);
    assert!(lets_in_by(
        &account,
        &sudo(),
        &[],
        &["pin"],
        minute,
        here(),
        159
    ));
    assert!(!lets_in_by(
        &account,
        &sudo(),
        &[],
        &["pin"],
        minute,
        here(),
        160
    ));
}

#[test]
fn a_reboot_ends_all_sessions() {
    let account = in_session();
    assert!(!lets_in_by(
        &account,
        &sudo(),
        &[],
        &["pin"],
        QUARTER,
        SessionHost::alone("boot-2"),
        101
    ));
    assert_eq!(
        account
            .sessions(&SessionHost::alone("boot-2"), at(101))
            .count(),
        0
    );
}

fn of_fleet(name: &str, boot: &str) -> SessionHost {
    SessionHost {
        name: Some(name.to_owned()),
        boot: boot.to_owned(),
    }
}

fn remote() -> SessionScope {
    SessionScope {
        service: "sshd".to_owned(),
        address: "192.0.2.7".parse().ok(),
        ruser: None,
        tty: Some("ssh".to_owned()),
        ..sudo()
    }
}

/// An account that passed a PIN on web-1, at `spot`.
fn in_session_on_web_1(spot: SessionScope) -> Account {
    let mut account = full();
    let opening = NewSession {
        spot,
        duration: QUARTER,
        host: of_fleet("web-1", "boot-1"),
        by_answer: None,
    };
    let attempt = pin(&account, true, 100, Some(opening));
    account.attempt(&attempt);
    account
}

#[test]
fn hosts_share_a_session_by_address_where_the_rule_says_so() {
    let account = in_session_on_web_1(remote());
    let combinations = combinations(&["pin"]);
    let lets_in = |spot: &SessionScope, host: SessionHost, hosts| {
        let wanted = SessionQuery {
            spot,
            scope: &[],
            combinations: &combinations,
            duration: QUARTER,
            host: &host,
            hosts,
        };
        account.session(&wanted, at(101)).is_some()
    };
    let (this, all) = (SessionHosts::This, SessionHosts::All);
    for (host, hosts, expected) in [
        (of_fleet("web-1", "boot-1"), this, true),
        (of_fleet("web-1", "boot-1"), all, true),
        (of_fleet("web-1", "boot-2"), all, false),
        (of_fleet("web-2", "boot-2"), this, false),
        // Containers on one machine have its boot ID.
        (of_fleet("web-2", "boot-1"), this, false),
        (of_fleet("web-2", "boot-2"), all, true),
        (SessionHost::alone("boot-1"), all, false),
    ] {
        let told = format!("{host:?} {hosts:?}");
        assert_eq!(lets_in(&remote(), host, hosts), expected, "{told}");
    }
}

#[test]
fn an_address_that_is_another_machine_on_each_host_shares_no_session() {
    let combinations = combinations(&["pin"]);
    let lets_in = |address: &str, name: &str| {
        let spot = SessionScope {
            address: address.parse().ok(),
            ..remote()
        };
        let account = in_session_on_web_1(spot.clone());
        let wanted = SessionQuery {
            spot: &spot,
            scope: &[],
            combinations: &combinations,
            duration: QUARTER,
            host: &of_fleet(name, "boot-1"),
            hosts: SessionHosts::All,
        };
        account.session(&wanted, at(101)).is_some()
    };
    for address in [
        "127.0.0.1",
        "127.8.9.10",
        "::1",
        "::ffff:127.0.0.1",
        "0.0.0.0",
        "0.0.0.7",
        "::",
        "169.254.7.8",
        "fe80::1",
        "febf::1",
    ] {
        assert!(lets_in(address, "web-1"), "{address} on its own host");
        assert!(!lets_in(address, "web-2"), "{address} on another host");
    }
    for address in ["192.0.2.7", "10.0.0.1", "fd00::1", "2001:db8::1", "fec0::1"] {
        assert!(lets_in(address, "web-2"), "{address} on another host");
    }
}

#[test]
fn a_terminal_of_one_host_is_none_of_another() {
    let account = in_session_on_web_1(sudo());
    let combinations = combinations(&["pin"]);
    for (name, expected) in [("web-1", true), ("web-2", false)] {
        let wanted = SessionQuery {
            spot: &sudo(),
            scope: &[],
            combinations: &combinations,
            duration: QUARTER,
            host: &of_fleet(name, "boot-1"),
            hosts: SessionHosts::All,
        };
        assert_eq!(account.session(&wanted, at(101)).is_some(), expected);
    }
}

#[test]
fn a_pass_on_one_host_ends_no_session_of_another() {
    let mut account = in_session_on_web_1(sudo());
    let opening = NewSession {
        spot: sudo(),
        duration: QUARTER,
        host: of_fleet("web-2", "boot-9"),
        by_answer: None,
    };
    let attempt = pin(&account, true, 102, Some(opening));
    account.attempt(&attempt);
    let web_1 = of_fleet("web-1", "boot-1");
    let hosts = account.sessions(&web_1, at(103)).map(Session::host);
    assert_eq!(hosts.collect::<Vec<_>>(), [Some("web-1"), Some("web-2")]);
    assert_eq!(account.revoke(&web_1, at(103)), 2, "on all hosts");
}

#[test]
fn every_change_of_factors_ends_all_sessions() {
    let changes: [fn(&mut Account); 4] = [
        |account| account.set_pin("another".to_owned(), at(101)),
        |account| assert_eq!(account.remove(Factor::Questions), 1),
        |account| assert_eq!(account.remove(Factor::Totp), 1),
        |account| {
            let mut tablet = device("tablet");
            tablet.generator.key = crate::factors::key::Key::fresh([9; 20]);
            account.add_device(tablet).unwrap();
        },
    ];
    for change in changes {
        let mut account = in_session();
        change(&mut account);
        assert!(!lets_in(&account, &sudo(), 101));
    }
}

#[test]
fn a_lock_ends_all_sessions_for_good() {
    let mut account = in_session();
    for _ in 0..5 {
        let wrong = pin(&account, false, 110, None);
        account.attempt(&wrong);
    }
    assert!(!lets_in(&account, &sudo(), 111));
    account.unlock();
    assert!(!lets_in(&account, &sudo(), 112));
}

#[test]
fn revoking_ends_all_and_counts_the_active_ones() {
    let mut account = in_session();
    let su = SessionScope {
        service: "su".to_owned(),
        ..sudo()
    };
    pass(&mut account, su, 500);
    assert_eq!(
        account.revoke(&here(), at(1000)),
        1,
        "sudo's is over by then"
    );
    assert_eq!(account.revoke(&here(), at(1000)), 0);
    assert!(!lets_in(&account, &sudo(), 501));
}

#[test]
fn settings_of_the_user_do_not_end_sessions_by_themselves() {
    let mut account = in_session();
    account
        .require("anna", Factor::Pin, true, By::User)
        .unwrap();
    assert!(lets_in(&account, &sudo(), 101));
}

#[test]
fn a_pass_without_a_session_rule_begins_none() {
    let mut account = full();
    let right = pin(&account, true, 100, None);
    account.attempt(&right);
    assert_eq!(account.sessions(&here(), at(100)).count(), 0);
}

#[test]
fn a_bypass_code_passes_once_and_begins_no_session() {
    let mut account = Account::default();
    account.issue_bypass("483920137".into(), Duration::from_secs(100), at(100));
    let attempt = |typed: &str, tail| Attempt {
        answers: vec![PreparedAnswer::Code {
            factor: Factor::Totp,
            typed: typed.into(),
            tail,
        }],
        ..pin(&full(), true, 100, None)
    };
    let mut again = account.clone();
    let opening = NewSession {
        spot: sudo(),
        duration: QUARTER,
        host: here(),
        by_answer: None,
    };
    let first = Attempt {
        opening: Some(opening),
        ..attempt("483 920 137", false)
    };
    let verdict = account.attempt(&first);
    assert_eq!(
        account.sessions(&here(), at(100)).count(),
        0,
        "it passes once"
    );
    assert!(
        matches!(verdict, Verdict::Passed(passed) if passed.instead == Some(FallbackCode::Bypass))
    );
    let verdict = account.attempt(&attempt("483920137", false));
    assert!(matches!(verdict, Verdict::Wrong { .. }));
    let verdict = again.attempt(&attempt("passw0rd483920137", true));
    assert!(matches!(verdict, Verdict::Passed(passed) if passed.code_length == Some(9)));
}

proptest! {
    #[test]
    fn there_are_never_more_than_there_is_room_for(terminals in prop::collection::vec(0_u8..40, 0..60)) {
        let mut account = full();
        for tty in &terminals {
            let spot = SessionScope { tty: Some(format!("pts/{tty}")), ..sudo() };
            pass(&mut account, spot, 100);
        }
        let live: Vec<&Session> = account.sessions(&here(), at(100)).collect();
        prop_assert!(live.len() <= MAX_SESSIONS);
        if let Some(last) = terminals.last() {
            let newest = live.last().unwrap().spot.tty.clone();
            prop_assert_eq!(newest, Some(format!("pts/{last}")));
        }
    }
}

fn by_answer() -> NewSession {
    NewSession {
        spot: SessionScope {
            service: "dovecot".to_owned(),
            ruser: None,
            tty: None,
            address: Some("192.0.2.7".parse().unwrap()),
            ..sudo()
        },
        duration: QUARTER,
        host: here(),
        by_answer: Some(ByAnswer {
            scope: Vec::new(),
            hosts: SessionHosts::This,
            combinations: combinations(&["totp"]),
        }),
    }
}

/// Types a password and this code behind it.
fn type_behind_a_password(account: &mut Account, code: &str, now: Timestamp) -> Verdict {
    let answer = PreparedAnswer::Code {
        factor: Factor::Totp,
        typed: format!("secret{code}").as_str().into(),
        tail: true,
    };
    let attempt = Attempt {
        answers: vec![answer],
        now,
        ..pin(account, true, 0, Some(by_answer()))
    };
    account.attempt(&attempt)
}

#[test]
fn a_code_that_began_a_session_is_a_used_one_once_that_has_ended() {
    let mut account = full();
    let first = type_behind_a_password(&mut account, "287082", at(59));
    assert!(matches!(first, Verdict::Passed(_)), "{first:?}");
    let again = type_behind_a_password(&mut account, "287082", at(400));
    assert!(matches!(again, Verdict::Passed(_)), "{again:?}");
    let mut revoked = account.clone();
    revoked.revoke(&here(), at(400));
    assert_eq!(revoked.sessions(&here(), at(400)).count(), 0);
    for (account, second) in [(&mut account, 59 + 7200), (&mut revoked, 400)] {
        for _ in 0..6 {
            let verdict = type_behind_a_password(account, "287082", at(second));
            assert!(matches!(verdict, Verdict::Replayed), "{verdict:?}");
        }
        assert_eq!(account.lockout().failures(at(second)), 0);
    }
    assert!(type_behind_a_password(&mut account, "287083", at(7300)).is_wrong());
}

#[test]
fn a_recovery_code_behind_a_password_begins_no_session() {
    let mut account = full();
    account.set_recovery(vec![pepper().digest("0123456789")], at(1));
    let first = type_behind_a_password(&mut account, "0123456789", at(100_000));
    assert!(matches!(first, Verdict::Passed(_)), "{first:?}");
    let again = type_behind_a_password(&mut account, "0123456789", at(100_001));
    assert!(!matches!(again, Verdict::Passed(_)), "{again:?}");
}
