//! Users, services, addresses and terminals, and the enforcement mode.

use super::{Case, LOGIN, check};

#[test]
fn without_rules_everyone_is_asked_for_what_the_policy_says() {
    check(
        "",
        &[Case {
            expected: ("ask", "", "[policy] asks for totp or pin or questions"),
            ..LOGIN
        }],
    );
    check(
        "[policy]\nrequire = ['totp+pin']",
        &[
            Case {
                expected: ("ask", "agent.toml:2", "asks for totp+pin"),
                ..LOGIN
            },
            Case {
                federated: true,
                rhost: "",
                expected: ("ask", "agent.toml:2", "no rule matches"),
                ..LOGIN
            },
        ],
    );
}

const CONTRACT: &str = r#"
[[rule]]
name = "vpn"
users = ["*", "!contractor"]
services = ["openvpn"]
from = ["0.0.0.0/0"]
require = ["totp"]
prompting = "single"

[[rule]]
name = "console break-glass"
users = ["root"]
services = ["login"]
action = "skip"

[[rule]]
name = "contractors"
users = ["@contractors", "!boss"]
from = ["192.0.2.0/24", "2001:db8::/32"]
action = "deny"

[[rule]]
users = ["!anna"]
tty = ["tty1", "pts/0"]
require = ["pin"]
"#;

#[test]
fn the_first_rule_whose_every_field_fits_decides() {
    let vpn = Case {
        service: "openvpn",
        ..LOGIN
    };
    let outsider = Case {
        groups: &["contractors"],
        rhost: "192.0.2.9",
        ..LOGIN
    };
    let default = ("ask", "", "no rule matches");
    let denied = ("deny", "contractors", "rule \"contractors\" denies");
    check(
        CONTRACT,
        &[
            Case {
                expected: ("ask", "vpn", "rule \"vpn\" asks for totp"),
                ..vpn
            },
            Case {
                service: "OpenVPN",
                expected: ("ask", "vpn", ""),
                ..vpn
            },
            Case {
                rhost: "::ffff:198.51.100.7",
                expected: ("ask", "vpn", ""),
                ..vpn
            },
            Case {
                user: "contractor",
                expected: default,
                ..vpn
            },
            Case {
                rhost: "",
                expected: default,
                ..vpn
            },
            Case {
                rhost: "gate.example.org",
                expected: default,
                ..vpn
            },
            Case {
                rhost: "2001:db8::7",
                expected: default,
                ..vpn
            },
            Case {
                user: "root",
                service: "login",
                rhost: "",
                expected: ("skip", "console break-glass", "asks for nothing"),
                ..LOGIN
            },
            Case {
                user: "root",
                expected: default,
                ..LOGIN
            },
            Case {
                user: "ROOT",
                service: "login",
                expected: default,
                ..LOGIN
            },
            Case {
                expected: denied,
                ..outsider
            },
            Case {
                rhost: "2001:db8:1::9",
                expected: denied,
                ..outsider
            },
            Case {
                rhost: "192.0.3.9",
                expected: default,
                ..outsider
            },
            Case {
                user: "boss",
                expected: default,
                ..outsider
            },
            Case {
                groups: &["other"],
                expected: default,
                ..outsider
            },
            Case {
                user: "bob",
                tty: "tty1",
                expected: ("ask", "rule 4", "asks for pin"),
                ..LOGIN
            },
            Case {
                user: "bob",
                tty: "/dev/pts/0",
                expected: ("ask", "rule 4", ""),
                ..LOGIN
            },
            Case {
                user: "bob",
                tty: "",
                expected: default,
                ..LOGIN
            },
            Case {
                user: "anna",
                tty: "tty1",
                expected: default,
                ..LOGIN
            },
        ],
    );
}

#[test]
fn a_rule_that_takes_out_terminals_does_not_fit_an_unknown_one() {
    check(
        "[[rule]]\nname = 'r'\ntty = ['!tty1']\naction = 'skip'",
        &[
            Case {
                tty: "tty2",
                expected: ("skip", "r", ""),
                ..LOGIN
            },
            Case {
                tty: "tty1",
                expected: ("ask", "", ""),
                ..LOGIN
            },
            Case {
                tty: "",
                expected: ("ask", "", ""),
                ..LOGIN
            },
            Case {
                tty: "/dev/",
                expected: ("ask", "", ""),
                ..LOGIN
            },
        ],
    );
}

const MODED: &str = r#"
[[rule]]
name = "closed"
users = ["bob"]
action = "deny"
[[rule]]
name = "open"
users = ["robot"]
action = "skip"
[[rule]]
name = "strict"
users = ["root"]
require = ["totp"]
"#;

#[test]
fn mode_none_asks_nobody_and_still_denies() {
    let nobody = ("skip", "agent.toml:2", "mode = \"none\" asks no user");
    check(
        &format!("[enforcement]\nmode = 'none'{MODED}"),
        &[
            Case {
                expected: nobody,
                ..LOGIN
            },
            Case {
                user: "root",
                expected: nobody,
                ..LOGIN
            },
            Case {
                user: "bob",
                expected: ("deny", "closed", ""),
                ..LOGIN
            },
            Case {
                user: "robot",
                expected: ("skip", "open", ""),
                ..LOGIN
            },
        ],
    );
}

#[test]
fn mode_local_users_passes_over_federated_users_and_still_denies_them() {
    let over = ("skip", "agent.toml:2", "skips federated users");
    check(
        &format!("[enforcement]\nmode = 'local-users'{MODED}"),
        &[
            Case {
                federated: true,
                expected: over,
                ..LOGIN
            },
            Case {
                federated: true,
                user: "root",
                expected: over,
                ..LOGIN
            },
            Case {
                federated: true,
                user: "bob",
                expected: ("deny", "closed", ""),
                ..LOGIN
            },
            Case {
                expected: ("ask", "", "no rule matches"),
                ..LOGIN
            },
            Case {
                user: "root",
                expected: ("ask", "strict", ""),
                ..LOGIN
            },
        ],
    );
}
