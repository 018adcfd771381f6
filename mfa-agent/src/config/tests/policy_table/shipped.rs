//! The complete settings in `config/examples`, decided as docs/policies.md says.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::time::Duration;

use mfa_core::policy::{GracePeriod, Prompting, SessionHosts, Unenrolled};

use super::{Case, LOGIN, ask, check};

const SMALL_COMPANY: &str = include_str!("../../../../../config/examples/small-company.toml");
const SERVERS: &str = include_str!("../../../../../config/examples/servers.toml");
const VPN: &str = include_str!("../../../../../config/examples/vpn.toml");
const CONTRACTORS: &str = include_str!("../../../../../config/examples/contractors.toml");
const BREAK_GLASS: &str = include_str!("../../../../../config/examples/break-glass.toml");
const FLEET: &str = include_str!("../../../../../config/examples/fleet.toml");
const OFFICE: &str = include_str!("../../../../../config/examples/office.toml");

const SATURDAY: &str = "2026-06-13T12:00";
const EVENING: &str = "2026-06-10T18:00";

/// From an address that no example names.
const ELSEWHERE: Case = Case {
    rhost: "192.0.2.7",
    ..LOGIN
};
const KEY: Case = Case {
    after: &["publickey"],
    ..ELSEWHERE
};
const CONSOLE: Case = Case {
    user: "root",
    service: "login",
    rhost: "",
    tty: "tty1",
    ..LOGIN
};
const SUDO: Case = Case {
    service: "sudo",
    rhost: "thishost",
    tty: "pts/3",
    ..LOGIN
};
/// A VPN server that gives no address.
const VPN_LOGIN: Case = Case {
    service: "radiusd",
    rhost: "",
    tty: "",
    ..LOGIN
};

#[test]
fn every_example_is_loaded_and_lets_root_in_at_the_console() {
    let known = [
        (
            "break-glass.toml",
            BREAK_GLASS,
            "break-glass at the console",
        ),
        ("contractors.toml", CONTRACTORS, "break-glass"),
        ("fleet.toml", FLEET, "break-glass"),
        ("office.toml", OFFICE, "break-glass"),
        ("servers.toml", SERVERS, "break-glass"),
        ("small-company.toml", SMALL_COMPANY, "break-glass"),
        ("vpn.toml", VPN, "break-glass"),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/examples");
    let mut shipped: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension() == Some(OsStr::new("toml")))
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    shipped.sort();
    assert_eq!(shipped, known.map(|(name, ..)| name));
    for (_, text, rule) in known {
        let console = Case {
            expected: ("skip", rule, ""),
            ..CONSOLE
        };
        let another = Case {
            tty: "tty2",
            expected: ("ask", default_of(text), "asks for totp"),
            ..CONSOLE
        };
        check(text, &[console, another]);
    }
}

/// What decides where no rule fits, as `check` names it.
fn default_of(text: &str) -> &'static str {
    let header = text.lines().position(|line| line == "[policy]").unwrap();
    // "require" is on the line below, and lines count from 1.
    format!("agent.toml:{}", header + 2).leak()
}

#[test]
fn the_fleet_asks_at_the_bastion_and_lets_nobody_past_it() {
    let bastion = Case {
        host: "bastion-1.example.org",
        ..ELSEWHERE
    };
    let behind = Case {
        host: "web-3",
        rhost: "192.0.2.21",
        ..LOGIN
    };
    let database = Case {
        host: "db-1.example.org",
        ..SUDO
    };
    check(
        FLEET,
        &[
            Case {
                expected: ("ask", "bastion", "asks for totp"),
                ..bastion
            },
            Case {
                rhost: "192.0.2.21",
                expected: ("ask", "bastion", "asks for totp"),
                ..bastion
            },
            Case {
                expected: ("skip", "behind the bastion", ""),
                ..behind
            },
            Case {
                rhost: "192.0.2.7",
                expected: ("deny", "not past the bastion", ""),
                ..behind
            },
            Case {
                expected: ("ask", "root on databases", "asks for totp+pin"),
                ..database
            },
            Case {
                host: "web-3",
                expected: ("ask", "root", "asks for totp"),
                ..SUDO
            },
        ],
    );
    let session = ask(FLEET, &bastion).session.clone().unwrap();
    assert_eq!(session.hosts, SessionHosts::All);
}

#[test]
fn the_small_company_asks_for_a_code_except_in_the_office_after_a_key() {
    let default = default_of(SMALL_COMPANY);
    let backup = Case {
        user: "backup",
        rhost: "198.51.100.10",
        ..KEY
    };
    check(
        SMALL_COMPANY,
        &[
            Case {
                expected: ("ask", default, "asks for totp"),
                ..KEY
            },
            Case {
                expected: ("skip", "office with a key", ""),
                rhost: "198.51.100.20",
                ..KEY
            },
            Case {
                expected: ("ask", default, "asks for totp"),
                rhost: "198.51.100.20",
                ..ELSEWHERE
            },
            Case {
                user: "root",
                expected: ("deny", "no root over ssh", ""),
                ..KEY
            },
            Case {
                expected: ("skip", "backup", ""),
                ..backup
            },
            Case {
                rhost: "192.0.2.7",
                expected: ("deny", "backup from elsewhere", ""),
                ..backup
            },
        ],
    );
    let sudo = ask(SMALL_COMPANY, &SUDO).session.clone().unwrap();
    assert_eq!(sudo.duration.as_secs(), 15 * 60);
    assert_eq!(
        ask(SMALL_COMPANY, &KEY).grace,
        Some(GracePeriod::Lasting(Duration::from_secs(14 * 86400)))
    );
}

#[test]
fn the_servers_ask_for_key_and_code_and_let_a_device_be_set_up_after_the_key_only() {
    check(
        SERVERS,
        &[
            Case {
                expected: ("ask", "ssh with a key", "asks for totp"),
                ..KEY
            },
            Case {
                expected: ("deny", "ssh without a key", ""),
                ..ELSEWHERE
            },
            Case {
                user: "deploy",
                rhost: "198.51.100.10",
                expected: ("skip", "deployment", ""),
                ..KEY
            },
            Case {
                user: "deploy",
                expected: ("deny", "deployment from elsewhere", ""),
                ..KEY
            },
            Case {
                expected: ("ask", "sudo", "asks for totp"),
                ..SUDO
            },
        ],
    );
    assert_eq!(ask(SERVERS, &KEY).unenrolled, Unenrolled::Enroll);
    assert_eq!(ask(SERVERS, &SUDO).unenrolled, Unenrolled::Deny);
}

#[test]
fn the_vpn_asks_in_one_field_or_two_forms_and_sshd_from_inside_only() {
    let contractor = Case {
        groups: &["contractors"],
        ..VPN_LOGIN
    };
    let ocserv = Case {
        service: "ocserv",
        expected: ("ask", "vpn with two forms", "asks for totp"),
        ..ELSEWHERE
    };
    check(
        VPN,
        &[
            Case {
                expected: ("ask", "vpn with one field", "asks for totp"),
                ..VPN_LOGIN
            },
            ocserv,
            Case {
                expected: ("ask", "vpn with one field", ""),
                ..contractor
            },
            Case {
                now: EVENING,
                expected: ("deny", "contractors at night", ""),
                ..contractor
            },
            Case {
                now: SATURDAY,
                expected: ("deny", "contractors on weekends", ""),
                ..contractor
            },
            Case {
                expected: ("ask", "administration from inside", ""),
                ..LOGIN
            },
            Case {
                expected: ("deny", "administration from elsewhere", ""),
                ..KEY
            },
        ],
    );
    let one_field = ask(VPN, &VPN_LOGIN);
    assert_eq!(one_field.prompting, Prompting::Single);
    assert_eq!(one_field.lockout.attempts, 10);
    assert_eq!(ask(VPN, &ocserv).prompting, Prompting::Dialogue);
}

#[test]
fn contractors_come_by_ssh_from_their_network_in_office_hours_only() {
    let contractor = Case {
        groups: &["contractors"],
        rhost: "203.0.113.7",
        ..LOGIN
    };
    let otherwise = ("deny", "contractors otherwise", "");
    check(
        CONTRACTORS,
        &[
            Case {
                expected: ("ask", "contractors at work", "asks for totp"),
                ..contractor
            },
            Case {
                now: EVENING,
                expected: otherwise,
                ..contractor
            },
            Case {
                now: SATURDAY,
                expected: otherwise,
                ..contractor
            },
            Case {
                rhost: "192.0.2.7",
                expected: otherwise,
                ..contractor
            },
            Case {
                groups: &["contractors"],
                expected: otherwise,
                ..SUDO
            },
            Case {
                groups: &["staff"],
                now: SATURDAY,
                expected: ("ask", "employees", "asks for totp"),
                ..ELSEWHERE
            },
        ],
    );
    assert_eq!(ask(CONTRACTORS, &contractor).lockout.attempts, 3);
    assert_eq!(ask(CONTRACTORS, &contractor).grace, None);
}

#[test]
fn break_glass_asks_for_code_and_pin_except_on_the_two_prepared_ways() {
    let emergency = Case {
        user: "emergency",
        ..LOGIN
    };
    let default = default_of(BREAK_GLASS);
    check(
        BREAK_GLASS,
        &[
            Case {
                expected: ("ask", default, "asks for totp+pin"),
                ..KEY
            },
            Case {
                user: "root",
                expected: ("deny", "no root over ssh", ""),
                ..LOGIN
            },
            Case {
                expected: ("ask", "emergency account", "asks for totp"),
                ..emergency
            },
            Case {
                rhost: "192.0.2.7",
                expected: ("deny", "emergency account otherwise", ""),
                ..emergency
            },
            Case {
                user: "emergency",
                expected: ("ask", "emergency account with sudo", ""),
                ..SUDO
            },
        ],
    );
    assert_eq!(ask(BREAK_GLASS, &emergency).lockout.attempts, 3);
}

#[test]
fn the_office_tells_departments_the_vpn_and_places_apart() {
    let staff = Case {
        groups: &["staff"],
        ..VPN_LOGIN
    };
    check(
        OFFICE,
        &[
            Case {
                expected: ("skip", "office with a key", ""),
                rhost: "198.51.100.20",
                ..KEY
            },
            Case {
                expected: ("ask", "ssh with a key", "asks for totp"),
                ..KEY
            },
            Case {
                expected: ("ask", "ssh with a password", "asks for totp+pin"),
                ..ELSEWHERE
            },
            Case {
                expected: ("ask", "vpn", ""),
                ..staff
            },
            Case {
                expected: ("deny", "vpn for nobody else", ""),
                ..VPN_LOGIN
            },
            Case {
                groups: &["finance"],
                expected: ("ask", "finance", "asks for totp+pin"),
                ..LOGIN
            },
            Case {
                groups: &["contractors"],
                now: SATURDAY,
                expected: ("deny", "contractors otherwise", ""),
                ..LOGIN
            },
            Case {
                service: "mfactl",
                operation: Some("collect-evidence"),
                expected: ("ask", "evidence", "asks for totp+pin"),
                ..LOGIN
            },
        ],
    );
    assert_eq!(ask(OFFICE, &staff).prompting, Prompting::Single);
}
