//! The rules that `agent.toml` brings as examples, decided as their comments say.

use super::super::examples;
use super::{Case, LOGIN, ask, check};

#[test]
fn the_examples_in_the_default_file_decide_as_they_say() {
    let key = Case {
        after: &["publickey"],
        ..LOGIN
    };
    let contractor = Case {
        groups: &["contractors"],
        ..LOGIN
    };
    let cases = [
        Case {
            service: "openvpn",
            expected: ("ask", "vpn", "asks for totp"),
            ..LOGIN
        },
        Case {
            user: "root",
            service: "login",
            rhost: "",
            tty: "tty1",
            expected: ("skip", "console break-glass", ""),
            ..LOGIN
        },
        Case {
            user: "backup",
            rhost: "192.0.2.10",
            expected: ("skip", "automation", ""),
            ..key
        },
        Case {
            user: "backup",
            rhost: "192.0.2.11",
            expected: ("ask", "ssh with a key", ""),
            ..key
        },
        Case {
            service: "mfactl",
            operation: Some("collect-evidence"),
            expected: ("ask", "evidence", "asks for totp+pin"),
            ..LOGIN
        },
        Case {
            expected: ("ask", "contractors at work", ""),
            ..contractor
        },
        Case {
            now: "2026-06-13T12:00",
            expected: ("deny", "contractors otherwise", ""),
            ..contractor
        },
        Case {
            groups: &["sudo"],
            service: "sudo",
            rhost: "thishost",
            expected: ("ask", "administrators", ""),
            ..LOGIN
        },
        Case {
            federated: true,
            expected: ("skip", "federated", ""),
            ..LOGIN
        },
        Case {
            rhost: "198.51.100.7",
            expected: ("skip", "office", ""),
            ..LOGIN
        },
    ];
    check(&examples(), &cases);
}

#[test]
fn from_elsewhere_the_examples_ask_for_a_code_after_a_key_and_for_a_pin_too_after_a_password() {
    let elsewhere = Case {
        rhost: "203.0.113.7",
        ..LOGIN
    };
    let with_pin = ("ask", "ssh with a password", "asks for totp+pin");
    check(
        &examples(),
        &[
            Case {
                after: &["publickey"],
                expected: ("ask", "ssh with a key", "asks for totp"),
                ..elsewhere
            },
            Case {
                after: &["password"],
                expected: with_pin,
                ..elsewhere
            },
            Case {
                expected: with_pin,
                ..elsewhere
            },
        ],
    );
}

#[test]
fn the_examples_remember_administrators_and_lock_sooner_where_evidence_is_collected() {
    let sudo = Case {
        groups: &["wheel"],
        service: "su",
        ..LOGIN
    };
    let session = ask(&examples(), &sudo).session.clone().unwrap();
    assert_eq!(session.duration.as_secs(), 15 * 60);
    assert_eq!(session.scope, ["sudo", "sudo-i", "su", "su-l"]);
    let evidence = Case {
        operation: Some("collect-evidence"),
        ..sudo
    };
    let ask = ask(&examples(), &evidence);
    assert_eq!(ask.session, None);
    assert_eq!(ask.lockout.attempts, 3);
}
