//! Rules for hours and days, by the host's wall clock.
//!
//! The clock can't be set here, but the time zone can: it is one in the afternoon somewhere.

use std::time::{SystemTime, UNIX_EPOCH};

use mfa_tests::{Agent, Login, Machine, Stack};

const USER: &str = "anna";
const PIN: &str = "4826";
const RULES: &str = "[policy]\nrequire = [\"pin\"]\n\
    [[rule]]\nname = \"by day\"\nhours = [\"08:00-18:00\"]\naction = \"skip\"\n";

/// The time zone in which it is past `hour`, and before the next hour.
fn zone_where_it_is(hour: i64) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let here = i64::try_from(now / 3600 % 24).unwrap();
    let ahead = (hour - here + 12).rem_euclid(24) - 12;
    // These names count westwards.
    match ahead {
        0 => "Etc/GMT".to_owned(),
        1.. => format!("Etc/GMT-{ahead}"),
        _ => format!("Etc/GMT+{}", -ahead),
    }
}

fn is_asked(agent: &Agent) -> bool {
    let login = Login::of(USER).answer(PIN);
    let seen = login.run(&Stack::guarded_by(agent));
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    !seen.prompts().is_empty()
}

#[test]
fn a_rule_applies_in_its_hours_by_the_time_of_the_host() {
    for (hour, asked) in [(13, false), (1, true), (22, true)] {
        Machine::run(move |machine| {
            machine.time_zone(&zone_where_it_is(hour));
            let agent = Agent::with(RULES);
            agent.admin().pin(USER, PIN);
            assert_eq!(is_asked(&agent), asked, "past {hour}");
        });
    }
}

#[test]
fn a_reload_follows_a_new_time_zone_of_the_host() {
    Machine::run(|machine| {
        machine.time_zone(&zone_where_it_is(1));
        let agent = Agent::with(RULES);
        agent.admin().pin(USER, PIN);
        assert!(is_asked(&agent));
        machine.time_zone(&zone_where_it_is(13));
        let _ = agent.reload_with(RULES);
        assert!(!is_asked(&agent));
    });
}

#[test]
fn explain_answers_for_any_hour_and_day() {
    let agent = Agent::with(
        "[[rule]]\nname = \"office\"\nhours = [\"08:00-18:00\"]\ndays = [\"mon-fri\"]\naction = \"skip\"\n\
         [[rule]]\nname = \"night\"\nhours = [\"22:00-06:00\"]\naction = \"deny\"\n",
    );
    for (at, rule, field) in [
        ("2026-11-23T08:00", Some("office"), None),
        ("2026-11-27T17:59", Some("office"), None),
        ("2026-11-27T18:00", None, Some("hours")),
        ("2026-11-28T09:30", None, Some("days")),
        ("2026-11-28T22:00", Some("night"), Some("hours")),
        ("2026-11-23T05:59", Some("night"), Some("hours")),
        ("2026-11-23T06:00", None, Some("hours")),
    ] {
        let arguments = ["explain", "--user", USER, "--service", "sshd", "--at", at];
        let explained = agent.ctl().json(&arguments, "");
        assert_eq!(explained["rule"].as_str(), rule, "{at}: {explained}");
        let office = &explained["considered"][0];
        assert_eq!(office["field"].as_str(), field, "{at}: {explained}");
    }
    let arguments = [
        "explain",
        "--user",
        USER,
        "--service",
        "sshd",
        "--at",
        "noon",
    ];
    assert_eq!(agent.ctl().run(&arguments, "").status, Some(1));
}
