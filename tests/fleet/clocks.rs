//! Hosts whose clocks are set while users log in. No code passes twice, no lock ends, and the host is named on all hosts.

use std::time::Duration;

use mfa_tests::{Etcd, Fleet, Seen, within};

use super::load::Load;
use super::logins::pass;
use super::with_lan;

/// A host gives notice once a minute, and compares its clock before that.
const PATIENCE: Duration = Duration::from_secs(180);

/// Wrong answers until a user is locked.
const ATTEMPTS: usize = 5;

/// Runs `test` with a fleet of three hosts whose clocks it sets.
fn with_clocks(test: impl FnOnce(&mut Fleet) + Send + 'static) {
    with_lan(|lan| {
        let etcd = Etcd::start(&lan, 3);
        test(&mut Fleet::with_clocks(lan, etcd, 3, ""));
    });
}

fn assert_result(seen: &Seen, result: &str, what: &str) {
    assert_eq!(seen.result(), result, "{what}: {seen:?}");
}

/// A code of the host's own time passes there, once; so does one of the right time elsewhere.
fn a_code_passes_once(fleet: &Fleet, ahead: i64) {
    for (user, at, steps) in [("here", 0, 0), ("there", 2, ahead / 30)] {
        let user = format!("{user}{ahead}");
        let key = fleet.agent(1).admin().device(&user);
        let code = key.code(steps);
        let what = format!("{user} on host {at}");
        assert_result(&pass(fleet, at, &user, &code), "PAM_SUCCESS", &what);
        for host in [0, 1, 2, at] {
            let seen = pass(fleet, host, &user, &code);
            // On a busy machine it may be refused without an answer of etcd.
            assert_ne!(seen.result(), "PAM_SUCCESS", "{user}, again on {host}");
        }
    }
}

/// Five wrong answers on one host lock on all, and the lock outlasts a correction of the clock.
fn a_lock_binds_all_hosts(fleet: &Fleet, ahead: i64) {
    for at in [0, 2] {
        let user = format!("locked{at}{ahead}");
        let key = fleet.agent(1).admin().counting_device(&user);
        let codes = key.counted_from(1, 4);
        let right = key.counted_from(0, 200);
        let mut all = (0..).map(|n| format!("{n:06}"));
        let wrong = all.find(|code| !right.contains(code)).expect("a code");
        for _ in 0..ATTEMPTS {
            assert_result(&pass(fleet, at, &user, &wrong), "PAM_AUTH_ERR", &user);
        }
        for clock in [ahead, 0, ahead] {
            fleet.set_clock(2, clock);
            for host in 0..3 {
                let what = format!("{user} on host {host}, ahead by {clock}");
                assert_result(&pass(fleet, host, &user, &codes[0]), "PAM_MAXTRIES", &what);
            }
        }
    }
}

#[test]
fn a_host_whose_clock_differs_by_seconds_or_minutes_holds_all_locks_and_lets_no_code_in_twice() {
    with_clocks(|fleet| {
        for ahead in [20, -180] {
            fleet.set_clock(2, ahead);
            a_code_passes_once(fleet, ahead);
            a_lock_binds_all_hosts(fleet, ahead);
        }
    });
}

#[test]
#[ignore = "takes minutes: make test-all runs it"]
fn clocks_that_jump_while_users_log_in_break_no_rule() {
    with_clocks(|fleet| {
        for ahead in [20, -20, 180, -180] {
            let load = Load::new(fleet, &format!("{ahead}"));
            load.during(|| {
                for host in 0..3 {
                    for clock in [ahead, -ahead, 0] {
                        fleet.set_clock(host, clock);
                        let before = load.passed();
                        within(PATIENCE, "logins", || {
                            (load.passed() > before + 2).then_some(())
                        });
                    }
                }
            });
            fleet.set_clock(2, ahead);
            load.guesses_lock_on_all_hosts();
            load.check(fleet, &format!("a clock ahead by {ahead} s"));
            a_code_passes_once(fleet, ahead);
            fleet.set_clock(2, 0);
            load.guesses_lock_on_all_hosts();
        }
    });
}

#[test]
#[ignore = "takes minutes: make test-all runs it"]
fn clocks_that_are_wrong_by_seconds_minutes_or_an_hour_are_named_on_all_hosts() {
    with_clocks(|fleet| {
        for wrong in [[20, -180], [-3600, 3600]] {
            for (host, ahead) in [1, 2].into_iter().zip(wrong) {
                fleet.set_clock(host, ahead);
            }
            for on in 0..3 {
                for (host, ahead) in [1, 2].into_iter().zip(wrong) {
                    let name = fleet.host(host).name;
                    is_named(fleet, on, name, ahead);
                }
            }
            // Whatever the clocks say, a code that has passed does not pass again.
            let key = fleet
                .agent(0)
                .admin()
                .counting_device(&format!("anna{}", wrong[0]));
            let codes = key.counted_from(1, 3);
            for (host, code) in codes.iter().enumerate() {
                let user = format!("anna{}", wrong[0]);
                assert_result(&pass(fleet, host, &user, code), "PAM_SUCCESS", code);
                for other in 0..3 {
                    let seen = pass(fleet, other, &user, code);
                    assert_ne!(seen.result(), "PAM_SUCCESS", "again on {other}");
                }
            }
        }
    });
}

/// Waits until a host says in `mfactl hosts` and `mfactl doctor` how wrong the clock of another is.
fn is_named(fleet: &Fleet, on: usize, name: &str, ahead: i64) {
    let what = format!("host {on} to say that the clock of {name} is ahead by {ahead}");
    within(PATIENCE, &what, || {
        let hosts = fleet.agent(on).ctl().json(&["hosts"], "");
        let mut all = hosts["hosts"].as_array()?.iter();
        let host = all.find(|host| host["name"] == name)?;
        let said = host["clock_ahead_milliseconds"].as_i64()?;
        // A notice that was written before the host has measured its clock again is of another time.
        let is_live = host["live"] == true;
        (is_live && (said - ahead * 1000).abs() < 2000).then_some(())
    });
    let doctor = fleet.agent(on).ctl().run(&["doctor"], "");
    let named = |line: &str| line.contains(name) && line.contains("clock");
    assert!(doctor.stdout.lines().any(named), "{doctor:?}");
}
