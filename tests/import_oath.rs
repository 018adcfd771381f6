//! Imports from pam_oath: a users file that its own module wrote; afterwards that module and ours
//! verify the same codes.

use std::fs;

use mfa_tests::{Agent, BothModules, Device, Key, Machine, this_step};
use serde_json::Value;

const ANNA: &str = "mfat-anna";
const BERT: &str = "mfat-bert";
const CARL: &str = "mfat-carl";
const PIN: &str = "4826";

/// Enough wrong codes for a test.
const PATIENT: &str = "[lockout]\nattempts = 50\n";
const FILE: &str = "/etc/users.oath";
const MODULE: &str = "pam_oath.so usersfile=/etc/users.oath window=10 digits=6";

/// A device, and its line for pam_oath.
fn line(kind: &str, user: &str, pin: &str) -> (Device, String) {
    let key = Key::new();
    let line = format!("{kind}\t{user}\t{pin}\t{}\n", key.hex);
    (Device(key.base32()), line)
}

/// Users and their file, on a host whose time zone is hours from UTC.
fn host(machine: &Machine, users: &[&str], lines: &str) {
    users.iter().for_each(|user| machine.user(user, "x"));
    machine.time_zone("Asia/Tokyo");
    fs::write(FILE, lines).expect("a users file");
}

fn import(agent: &Agent, stored: u64) -> Value {
    let report = agent.ctl().json(&["import", "oath", FILE], "");
    assert_eq!(report["stored"], stored, "{report}");
    report
}

#[test]
fn hotp_and_totp_codes_get_the_same_verdict_from_both_modules() {
    Machine::run(|machine| {
        let (anna, counter) = line("HOTP/E/6", ANNA, "-");
        let (bert, time) = line("HOTP/T60", BERT, "-");
        host(machine, &[ANNA, BERT], &(counter + &time));
        let agent = Agent::with(PATIENT);
        let modules = BothModules::of(MODULE, &agent);
        let step = this_step();
        assert!(modules.other(ANNA, &anna.counted(0)));
        assert!(modules.other(ANNA, &anna.counted(2)));
        assert!(modules.other(BERT, &bert.timed(step)));

        import(&agent, 2);
        for spent in [0, 1, 2] {
            assert!(!modules.both(ANNA, &anna.counted(spent)), "{spent}");
        }
        assert!(modules.both(ANNA, &anna.counted(3)));
        assert!(!modules.both(ANNA, &anna.counted(3)));
        assert!(modules.both(ANNA, &anna.counted(5)));
        assert!(!modules.both(BERT, &bert.timed(step)));
        assert!(modules.both(BERT, &bert.timed(step + 1)));
        assert!(!modules.both(BERT, &bert.timed(step + 1)));
        assert!(!modules.both(BERT, &bert.timed(step)));
    });
}

#[test]
fn codes_used_there_since_are_used_here_after_the_next_import() {
    Machine::run(|machine| {
        let (anna, text) = line("HOTP", ANNA, "-");
        host(machine, &[ANNA], &text);
        let agent = Agent::with(PATIENT);
        let modules = BothModules::of(MODULE, &agent);
        import(&agent, 1);
        assert!(modules.other(ANNA, &anna.counted(1)));
        assert_eq!(import(&agent, 0)["updated"], 1);
        let before = agent.ctl().run(&["status", ANNA], "").stdout;
        assert_eq!(import(&agent, 0)["unchanged"], 1);
        assert_eq!(agent.ctl().run(&["status", ANNA], "").stdout, before);
        assert!(!modules.both(ANNA, &anna.counted(1)));
        assert!(modules.both(ANNA, &anna.counted(2)));
    });
}

#[test]
fn a_pin_is_asked_for_here_as_well() {
    Machine::run(|machine| {
        let (carl, text) = line("HOTP", CARL, PIN);
        host(machine, &[CARL], &text);
        let agent = Agent::with(PATIENT);
        let modules = BothModules::of(MODULE, &agent);
        let there =
            |counter, pin: &str| modules.other(CARL, &(pin.to_owned() + &carl.counted(counter)));
        let here = |counter, pin: &str| modules.ours(CARL, &[&carl.counted(counter), pin]);
        assert!(there(0, PIN));

        let report = import(&agent, 1);
        assert_eq!(report["accounts"][0]["pin"], true, "{report}");
        assert!(!report.to_string().contains(PIN));
        assert!(!there(0, PIN) && !here(0, PIN), "a used code");
        assert!(
            !there(1, "") && !modules.ours(CARL, &[&carl.counted(1)]),
            "no PIN"
        );
        assert!(!there(2, "9999") && !here(2, "9999"), "another PIN");
        assert!(there(3, PIN) && here(3, PIN));
    });
}

#[test]
fn a_pin_that_cannot_be_kept_is_refused_or_left_out() {
    Machine::run(|machine| {
        let (anna, text) = line("HOTP", ANNA, "secret-word");
        host(machine, &[ANNA], &text);
        let agent = Agent::with(PATIENT);
        let refused = agent.ctl().run(&["import", "oath", FILE], "");
        assert_eq!(refused.status, Some(1), "{refused:?}");
        assert!(!refused.stdout.contains("secret-word"), "{refused:?}");
        let modules = BothModules::of(MODULE, &agent);
        assert!(!modules.ours(ANNA, &[&anna.counted(0)]));
        let line = ["import", "oath", FILE, "--without-pins"];
        assert_eq!(agent.ctl().json(&line, "")["stored"], 1);
        assert!(modules.ours(ANNA, &[&anna.counted(0)]));
    });
}
