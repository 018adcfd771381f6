//! Who administers the host, as root has seen it: who is refused, and whether the caller stays an administrator.

use mfa_protocol::admin::{Administrator, Finding, HostFacts, Refused, Severity};

use super::administrators::{repository, with_device};
use super::{Stub, settings};
use crate::review::Review;
use jiff::Timestamp;
use mfa_core::account::Account;

/// A host whose root has a password, and where `anna` typed the command.
fn host() -> HostFacts {
    HostFacts {
        caller: Some("anna".to_owned()),
        root_password: true,
        administrators: vec![sudoer("anna")],
        users: vec!["bob".to_owned()],
        ..HostFacts::default()
    }
}

/// One whose root has none, as Ubuntu makes it.
fn without_root() -> HostFacts {
    HostFacts {
        root_password: false,
        ..host()
    }
}

fn sudoer(user: &str) -> Administrator {
    Administrator {
        user: user.to_owned(),
        password: true,
        unasked: false,
    }
}

/// The errors, and who is refused.
fn looked_at(
    text: &str,
    host: &HostFacts,
    accounts: &[(&str, &Account)],
) -> (Vec<String>, Vec<Refused>) {
    let settings = settings(text);
    let repository = repository(accounts);
    let review = Review {
        settings: &settings,
        names: &Stub::new(),
        repository: Some(&repository),
        host: Some(host),
    };
    let now = Timestamp::from_second(1_000_000).unwrap();
    let errors = review.findings(now).into_iter();
    let errors = errors.filter(|finding| finding.severity == Severity::Error);
    let errors = errors.map(|finding: Finding| finding.message).collect();
    (errors, review.refused(now).0)
}

#[test]
fn the_caller_who_could_not_become_root_again_is_an_error_though_root_could() {
    let root = ("root", &with_device());
    let (errors, _) = looked_at("", &without_root(), &[root]);
    assert!(
        errors.iter().any(|e| e.starts_with("no administrator")),
        "{errors:?}"
    );
    let typed = "anna, who ran this command, could not become root again";
    assert!(errors.iter().any(|e| e.starts_with(typed)), "{errors:?}");
    assert!(errors.iter().any(|e| e.contains("mfactl enroll totp anna")));
    let (errors, _) = looked_at("", &without_root(), &[("anna", &with_device())]);
    assert_eq!(errors, [""; 0]);
}

#[test]
fn a_caller_that_sudo_would_refuse_is_an_error_though_root_gets_in_at_the_console() {
    let root = ("root", &with_device());
    let (errors, _) = looked_at("", &host(), &[root]);
    let expected = "anna, you have no device: sudo would refuse you, and only root at the console could become root. \
                    Enrol first: mfactl enroll totp anna";
    assert_eq!(errors, [expected]);
    let mut unasked = host();
    unasked.administrators[0].unasked = true;
    assert_eq!(looked_at("", &unasked, &[root]).0, [""; 0]);
    let both = [("anna", &with_device()), root];
    assert_eq!(looked_at("", &host(), &both).0, [""; 0]);
    let closed = "[[rule]]\nservices = ['sudo']\naction = 'deny'\n";
    assert_eq!(looked_at(closed, &host(), &both).0, [""; 0]);
}

#[test]
fn a_root_without_a_password_is_told_to_set_one_and_not_to_enrol_again() {
    let (errors, _) = looked_at("", &without_root(), &[("root", &with_device())]);
    let remedy = "; set a password for root (passwd root), or enrol anna (mfactl enroll totp anna)";
    assert!(errors[0].ends_with(remedy), "{errors:?}");
    let (errors, _) = looked_at("", &without_root(), &[]);
    let remedy = "; enrol root (mfactl enroll totp root) and set a password for it (passwd root), or enrol anna (";
    assert!(errors[0].contains(remedy), "{errors:?}");
}

#[test]
fn sudo_has_to_be_passed_as_well_as_the_login() {
    let closed = "[[rule]]\nservices = ['sudo']\naction = 'deny'\n";
    let enrolled = [("anna", &with_device())];
    let (errors, _) = looked_at(closed, &without_root(), &enrolled);
    assert_eq!(errors.len(), 2, "{errors:?}");
    let mut unasked = without_root();
    unasked.administrators[0].unasked = true;
    assert_eq!(looked_at(closed, &unasked, &enrolled).0, [""; 0]);
    let mut powerless = without_root();
    powerless.administrators[0].password = false;
    let (errors, _) = looked_at("", &powerless, &enrolled);
    assert!(
        errors.iter().any(|e| e.contains("no password")),
        "{errors:?}"
    );
}

#[test]
fn a_caller_who_is_no_administrator_needs_root_s_password_and_factor() {
    let mut by_su = host();
    by_su.administrators.clear();
    let both = [("anna", &with_device()), ("root", &with_device())];
    assert_eq!(looked_at("", &by_su, &both).0, [""; 0]);
    let (errors, _) = looked_at("", &by_su, &both[..1]);
    assert!(
        errors.iter().any(|e| e.contains("who ran this command")),
        "{errors:?}"
    );
}

#[test]
fn who_is_let_in_nowhere_is_listed_administrators_first() {
    let refused = |accounts: &[(&str, &Account)]| {
        let (_, refused) = looked_at("", &host(), accounts);
        let told = |one: Refused| (one.user, one.administers);
        refused.into_iter().map(told).collect::<Vec<_>>()
    };
    let name = |user: &str, administers| (user.to_owned(), administers);
    let all = [name("root", true), name("anna", true), name("bob", false)];
    assert_eq!(refused(&[]), all);
    assert_eq!(refused(&[("bob", &with_device())]), all[..2]);
    assert_eq!(
        looked_at("[enforcement]\nmode = 'none'", &host(), &[]).1,
        []
    );
}

/// More cases than may be tried, none of which lets in.
fn too_many_cases() -> String {
    let mut text = String::new();
    for n in 0..100 {
        let (from, until) = (n / 10, n % 10);
        text += &format!(
            "[[rule]]\nfrom = ['10.{n}.0.0/16']\nhours = ['{from:02}:0{until}-{from:02}:1{until}']\naction = 'deny'\n"
        );
    }
    text + "[[rule]]\naction = 'deny'"
}

#[test]
fn a_login_that_was_not_tried_lets_nobody_in() {
    let text = too_many_cases();
    let mut host = host();
    host.administrators[0].unasked = true;
    let (errors, refused) = looked_at(&text, &host, &[("anna", &with_device())]);
    let too_many = |error: &&String| error.contains("too many logins to try all");
    assert_eq!(errors.iter().filter(too_many).count(), 2, "{errors:?}");
    assert!(
        errors[1].contains("anna, who ran this command"),
        "{errors:?}"
    );
    let refused = refused.iter().map(|one| one.user.as_str());
    assert!(refused.eq(["root"]), "of the others it is not certain");
    let settings = settings(&text);
    let nobody = repository(&[]);
    let review = Review {
        settings: &settings,
        names: &Stub::new(),
        repository: Some(&nobody),
        host: Some(&host),
    };
    let (_, warning) = review.refused(Timestamp::UNIX_EPOCH);
    let warning = warning.unwrap().message;
    assert!(warning.contains("anna, bob"), "{warning}");
}

#[test]
fn whoever_gets_in_by_the_first_cases_is_found_beside_those_who_do_not() {
    let text = format!(
        "[[rule]]\nusers = ['bob']\naction = 'skip'\n{}",
        too_many_cases()
    );
    let mut by_bob = host();
    by_bob.administrators.push(sudoer("bob"));
    by_bob.caller = None;
    assert_eq!(looked_at(&text, &by_bob, &[]).0, [""; 0]);
}
