//! A clock that was wrong for a while does no harm once it is right.
//!
//! libfaketime gives the agent another time; the clock of the machine stays as it is.

use mfa_protocol::login::Outcome;
use mfa_tests::{Agent, faketime_library, log_in};

/// The days that the clock is ahead, about eighty years; and steps of thirty seconds.
const DAYS: i64 = 29_000;
const STEPS: i64 = DAYS * 24 * 60 * 2;

#[test]
fn a_lock_made_by_a_clock_eighty_years_ahead_is_void_once_the_clock_is_right() {
    let mut agent = Agent::start();
    let anna = agent.admin().device("anna");
    assert!(agent.terminate().success());
    let preload = format!("LD_PRELOAD={}", faketime_library().display());
    let time = format!("FAKETIME=+{DAYS}d");
    agent.launch_under(&["env", &preload, &time, "FAKETIME_DONT_FAKE_MONOTONIC=1"]);
    let log_in = |agent: &Agent, code: &str| log_in(agent.socket(), "anna", code).ok();
    for _ in 0..5 {
        assert_eq!(log_in(&agent, "1234567"), Some(Outcome::Wrong));
    }
    assert_eq!(log_in(&agent, &anna.code(STEPS)), Some(Outcome::Locked));
    assert!(agent.admin().status("anna").locked_until.is_some());

    agent.restart();
    assert_eq!(agent.admin().status("anna").locked_until, None);
    assert_eq!(log_in(&agent, &anna.code(0)), Some(Outcome::Passed));
}
