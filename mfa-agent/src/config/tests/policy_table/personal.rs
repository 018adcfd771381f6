//! What is set for one user, on top of the rules.

use super::{Case, LOGIN, NOTHING, Set, ask, check};
use mfa_core::policy::{Enforcement, GracePeriod, Unenrolled};

const TEXT: &str = r#"
[enforcement]
grace = "14d"
[policy]
require = ["totp", "pin"]
[[rule]]
name = "closed"
services = ["telnet"]
action = "deny"
[[rule]]
name = "break-glass"
services = ["login"]
action = "skip"
[[rule]]
name = "sudo"
services = ["sudo"]
require = ["totp+pin", "questions"]
[[rule]]
name = "open"
services = ["ftp"]
unenrolled = "allow"
"#;

const OFFICE: Set = Set {
    allow_from: &[&["192.0.2.0/24", "2001:db8::/32"], &["0.0.0.0/0", "::/0"]],
    ..NOTHING
};

#[test]
fn required_factors_are_asked_for_on_top_and_named_in_the_reason() {
    let require = |require| Set { require, ..NOTHING };
    check(
        TEXT,
        &[
            Case {
                personal: require(&["totp"]),
                expected: (
                    "ask",
                    "agent.toml:5",
                    "[policy] asks for totp, with totp required of this user (mfactl require)",
                ),
                ..LOGIN
            },
            Case {
                personal: require(&["questions"]),
                expected: (
                    "ask",
                    "agent.toml:5",
                    "totp+questions or pin+questions, with",
                ),
                ..LOGIN
            },
            Case {
                service: "sudo",
                personal: require(&["pin"]),
                expected: (
                    "ask",
                    "sudo",
                    "rule \"sudo\" asks for totp+pin or questions+pin, with pin",
                ),
                ..LOGIN
            },
            Case {
                service: "sudo",
                personal: require(&["pin", "questions"]),
                expected: (
                    "ask",
                    "sudo",
                    "totp+pin+questions or questions+pin, with pin and questions required",
                ),
                ..LOGIN
            },
            Case {
                service: "login",
                personal: require(&["totp"]),
                expected: ("skip", "break-glass", "asks for nothing"),
                ..LOGIN
            },
            Case {
                service: "telnet",
                personal: require(&["totp"]),
                expected: ("deny", "closed", "denies"),
                ..LOGIN
            },
        ],
    );
}

#[test]
fn a_login_from_outside_of_what_is_allowed_for_the_user_is_denied() {
    let office = Case {
        personal: OFFICE,
        ..LOGIN
    };
    let outside = (
        "deny",
        "",
        "198.51.100.7 is not in 192.0.2.0/24, 2001:db8::/32, and this user may log in only from \
         networks set with \"mfactl allow-from\"",
    );
    let unknown = (
        "deny",
        "",
        "the remote address is not known, and this user may log in only from networks set with \"mfactl allow-from\"",
    );
    check(
        TEXT,
        &[
            Case {
                expected: outside,
                ..office
            },
            Case {
                rhost: "192.0.2.7",
                expected: ("ask", "agent.toml:5", ""),
                ..office
            },
            Case {
                rhost: "::ffff:192.0.2.7",
                expected: ("ask", "agent.toml:5", ""),
                ..office
            },
            Case {
                rhost: "gate.example.org",
                expected: unknown,
                ..office
            },
            Case {
                rhost: "",
                expected: unknown,
                ..office
            },
            Case {
                service: "su",
                rhost: "",
                tty: "/dev/pts/1",
                expected: ("ask", "agent.toml:5", ""),
                ..office
            },
            Case {
                service: "sudo",
                rhost: "thishost",
                expected: ("ask", "sudo", ""),
                ..office
            },
        ],
    );
}

#[test]
fn every_one_of_the_lists_must_contain_the_address() {
    let both = |rhost, expected| Case {
        rhost,
        expected,
        personal: Set {
            allow_from: &[&["192.0.2.0/24"], &["192.0.2.128/25"]],
            ..NOTHING
        },
        ..LOGIN
    };
    check(
        TEXT,
        &[
            both("192.0.2.200", ("ask", "agent.toml:5", "")),
            both("192.0.2.7", ("deny", "", "not in 192.0.2.128/25")),
            both("192.0.3.7", ("deny", "", "not in 192.0.2.0/24")),
        ],
    );
}

#[test]
fn the_address_counts_before_the_mode_and_after_a_rule_that_skips_or_denies() {
    let office = Case {
        personal: OFFICE,
        ..LOGIN
    };
    check(
        &TEXT.replace("grace =", "mode = 'none'\ngrace ="),
        &[
            Case {
                expected: ("deny", "", "mfactl allow-from"),
                ..office
            },
            Case {
                rhost: "192.0.2.7",
                expected: ("skip", "agent.toml:3", "asks no user"),
                ..office
            },
            Case {
                service: "login",
                expected: ("skip", "break-glass", "asks for nothing"),
                ..office
            },
            Case {
                service: "telnet",
                expected: ("deny", "closed", "denies"),
                ..office
            },
        ],
    );
}

#[test]
fn whether_a_user_must_have_set_up_something_can_be_set_for_them() {
    let at = |service, enforce| Case {
        service,
        personal: Set { enforce, ..NOTHING },
        ..LOGIN
    };
    let days = GracePeriod::Lasting(std::time::Duration::from_secs(14 * 24 * 60 * 60));
    for (service, enforce, unenrolled, grace) in [
        ("sshd", Enforcement::Default, Unenrolled::Deny, Some(days)),
        ("sshd", Enforcement::Required, Unenrolled::Deny, None),
        ("sshd", Enforcement::Optional, Unenrolled::Allow, None),
        ("ftp", Enforcement::Default, Unenrolled::Allow, None),
        ("ftp", Enforcement::Required, Unenrolled::Deny, None),
    ] {
        let ask = ask(TEXT, &at(service, enforce));
        assert_eq!(
            (ask.unenrolled, ask.grace),
            (unenrolled, grace),
            "{service} {enforce:?}"
        );
    }
    check(
        TEXT,
        &[
            Case {
                expected: (
                    "ask",
                    "agent.toml:5",
                    "asks for totp or pin, without grace for this user (mfactl enforce)",
                ),
                ..at("sshd", Enforcement::Required)
            },
            Case {
                expected: ("ask", "agent.toml:5", "which is optional for this user"),
                ..at("sshd", Enforcement::Optional)
            },
            Case {
                expected: ("skip", "break-glass", "asks for nothing"),
                ..at("login", Enforcement::Required)
            },
        ],
    );
}
