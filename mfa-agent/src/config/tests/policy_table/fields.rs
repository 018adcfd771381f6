//! Where users come from, operations, what sshd has verified before, hours and days: each decides, and is
//! named with its reason where it does not fit.

use super::{Case, LOGIN, check, misfit};

const DEFAULT: (&str, &str, &str) = ("ask", "", "no rule matches");

#[test]
fn source_tells_local_users_from_federated_ones() {
    let text = "[[rule]]\nname = 'fed'\nsource = 'federated'\naction = 'skip'\n\
                [[rule]]\nname = 'loc'\nsource = 'local'\nservices = ['login']\naction = 'deny'";
    let federated = Case {
        federated: true,
        ..LOGIN
    };
    check(
        text,
        &[
            Case {
                expected: ("skip", "fed", "asks for nothing"),
                ..federated
            },
            Case {
                expected: DEFAULT,
                ..LOGIN
            },
            Case {
                service: "login",
                expected: ("deny", "loc", ""),
                ..LOGIN
            },
            Case {
                service: "login",
                expected: ("skip", "fed", ""),
                ..federated
            },
        ],
    );
    let local = "the user is local, but the rule is for federated users";
    assert_eq!(misfit(text, 0, &LOGIN), ("source", local.to_owned()));
    let other = "the user is federated, but the rule is for local users";
    assert_eq!(misfit(text, 1, &federated), ("source", other.to_owned()));
}

#[test]
fn hosts_fit_by_the_whole_name_or_its_first_part() {
    let text = "[[rule]]\nname = 'web'\nhosts = ['web-*', '!web-canary']\naction = 'skip'\n\
                [[rule]]\nname = 'org'\nhosts = ['*.example.org', '!db-9']\naction = 'deny'";
    let (web, org) = (("skip", "web", ""), ("deny", "org", ""));
    let cases = [
        ("web-1", web),
        ("WEB-1.example.org", web),
        ("web-canary", DEFAULT),
        ("web-canary.example.org", org),
        ("db-1.example.org", org),
        ("db-9.example.org", DEFAULT),
        ("db-1", DEFAULT),
        ("", DEFAULT),
    ]
    .map(|(host, expected)| Case {
        host,
        expected,
        ..LOGIN
    });
    check(text, &cases);
    let on = |host| Case { host, ..LOGIN };
    for (host, reason) in [
        ("web-canary", "\"!web-canary\" excludes \"web-canary\""),
        ("db-1", "\"db-1\" is not among \"web-*\", \"!web-canary\""),
        ("", "the name of the host is not known"),
    ] {
        assert_eq!(misfit(text, 0, &on(host)), ("hosts", reason.to_owned()));
    }
    let only_out = "[[rule]]\nhosts = ['!web-canary']\naction = 'skip'";
    let cases = [("db-1", ("skip", "rule 1", "")), ("", DEFAULT)];
    check(
        only_out,
        &cases.map(|(host, expected)| Case {
            host,
            expected,
            ..LOGIN
        }),
    );
}

#[test]
fn operations_fit_only_logins_that_name_one() {
    let text = "[[rule]]\nname = 'guard'\noperations = ['*', '!list']\nrequire = ['pin']";
    let guarded = ("ask", "guard", "asks for pin");
    check(
        text,
        &[
            Case {
                operation: Some("collect-evidence"),
                expected: guarded,
                ..LOGIN
            },
            Case {
                operation: Some("List"),
                expected: guarded,
                ..LOGIN
            },
            Case {
                operation: Some("list"),
                expected: DEFAULT,
                ..LOGIN
            },
            Case {
                expected: DEFAULT,
                ..LOGIN
            },
        ],
    );
    let reason = "the login names no operation";
    assert_eq!(misfit(text, 0, &LOGIN), ("operations", reason.to_owned()));
    let taken_out = Case {
        operation: Some("list"),
        ..LOGIN
    };
    let reason = "\"!list\" excludes \"list\"";
    assert_eq!(
        misfit(text, 0, &taken_out),
        ("operations", reason.to_owned())
    );
    let only_out = "[[rule]]\noperations = ['!list']\naction = 'skip'";
    check(
        only_out,
        &[
            Case {
                operation: Some("restart"),
                expected: ("skip", "rule 1", ""),
                ..LOGIN
            },
            Case {
                expected: DEFAULT,
                ..LOGIN
            },
        ],
    );
}

#[test]
fn after_asks_what_sshd_has_verified_before() {
    let text = "[[rule]]\nname = 'key'\nafter = ['publickey']\nrequire = ['totp']\n\
                [[rule]]\nname = 'nokey'\nafter = ['!publickey', '!hostbased']\nrequire = ['totp+pin']";
    let key = ("ask", "key", "asks for totp");
    let no_key = ("ask", "nokey", "asks for totp+pin");
    check(
        text,
        &[
            Case {
                after: &["publickey"],
                expected: key,
                ..LOGIN
            },
            Case {
                after: &["password", "publickey"],
                expected: key,
                ..LOGIN
            },
            Case {
                after: &["password"],
                expected: no_key,
                ..LOGIN
            },
            Case {
                expected: no_key,
                ..LOGIN
            },
            Case {
                after: &["hostbased"],
                expected: DEFAULT,
                ..LOGIN
            },
            Case {
                after: &["PublicKey"],
                expected: no_key,
                ..LOGIN
            },
        ],
    );
    let reason = "sshd has verified nothing before, but the rule needs one of \"publickey\"";
    assert_eq!(misfit(text, 0, &LOGIN), ("after", reason.to_owned()));
    let hostbased = Case {
        after: &["password", "hostbased"],
        ..LOGIN
    };
    let reason =
        "sshd has verified [\"password\", \"hostbased\"], but the rule needs one of \"publickey\"";
    assert_eq!(misfit(text, 0, &hostbased), ("after", reason.to_owned()));
    let reason = "\"!hostbased\" excludes \"hostbased\"";
    assert_eq!(misfit(text, 1, &hostbased), ("after", reason.to_owned()));
}

#[test]
fn hours_and_days_go_by_the_wall_clock_and_the_day_of_the_moment() {
    let text = "[[rule]]\nname = 'work'\nhours = ['08:00-12:00', '13:00-18:00']\ndays = ['mon-fri']\naction = 'skip'\n\
                [[rule]]\nname = 'night'\nhours = ['22:00-06:00']\ndays = ['fri']\naction = 'deny'";
    let work = ("skip", "work", "");
    let night = ("deny", "night", "");
    // The tenth of June 2026 is a Wednesday.
    let cases = [
        ("2026-06-10T08:00", work),
        ("2026-06-10T11:59:59", work),
        ("2026-06-10T12:00", DEFAULT),
        ("2026-06-10T17:59", work),
        ("2026-06-10T18:00", DEFAULT),
        ("2026-06-13T09:00", DEFAULT),
        ("2026-06-12T22:00", night),
        ("2026-06-12T05:59", night),
        ("2026-06-13T05:59", DEFAULT),
        ("2026-06-11T22:00", DEFAULT),
    ]
    .map(|(now, expected)| Case {
        now,
        expected,
        ..LOGIN
    });
    check(text, &cases);
    let at = |now| Case { now, ..LOGIN };
    let reason = "it is 18:05, not in 08:00-12:00, 13:00-18:00";
    let late = at("2026-06-13T18:05:30");
    assert_eq!(misfit(text, 0, &late), ("hours", reason.to_owned()));
    let reason = "it is sat, not in mon-fri";
    let weekend = at("2026-06-13T09:00");
    assert_eq!(misfit(text, 0, &weekend), ("days", reason.to_owned()));
}

#[test]
fn the_first_field_that_does_not_fit_is_told_in_the_order_of_the_list() {
    let fields = [
        ("users", "users = ['bob']"),
        ("source", "source = 'federated'"),
        ("services", "services = ['login']"),
        ("hosts", "hosts = ['db-*']"),
        ("operations", "operations = ['restart']"),
        ("from", "from = ['192.0.2.0/24']"),
        ("tty", "tty = ['tty1']"),
        ("after", "after = ['publickey']"),
        ("hours", "hours = ['00:00-01:00']"),
        ("days", "days = ['sun']"),
    ];
    for first in 0..fields.len() {
        // Written the wrong way round, which is of no account.
        let lines: Vec<_> = fields[first..]
            .iter()
            .rev()
            .map(|(_, line)| *line)
            .collect();
        let text = format!("[[rule]]\n{}", lines.join("\n"));
        assert_eq!(misfit(&text, 0, &LOGIN).0, fields[first].0);
    }
}

#[test]
fn a_rule_that_denies_by_address_denies_a_host_that_is_only_known_by_name() {
    let text = "[[rule]]\nname = 'trusted'\nfrom = ['0.0.0.0/0']\nservices = ['sshd']\naction = 'skip'\n\
                [[rule]]\nname = 'blocked'\nfrom = ['192.0.2.0/24']\naction = 'deny'";
    let named = Case {
        rhost: "client.evil.example",
        ..LOGIN
    };
    check(
        text,
        &[
            Case {
                expected: ("deny", "blocked", "known only by name"),
                ..named
            },
            // The name of this host.
            Case {
                service: "sudo",
                expected: DEFAULT,
                ..named
            },
            Case {
                service: "vsftpd",
                rhost: "",
                tty: "ftp",
                expected: DEFAULT,
                ..LOGIN
            },
            Case {
                service: "vsftpd",
                rhost: "192.0.2.9",
                expected: ("deny", "blocked", "denies"),
                ..LOGIN
            },
        ],
    );
    let (field, why) = misfit(text, 0, &named);
    assert!(field == "from" && why.contains("UseDNS yes"), "{why}");
}
