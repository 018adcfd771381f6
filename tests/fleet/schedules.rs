//! Random faults while all hosts log users in: nothing acknowledged is lost, no code passes twice.
//!
//! `MFA_FLEET_SEED` is the first seed, `MFA_FLEET_SCHEDULES` how many there are. A failing test names its seed. The tests
//! take a few of the schedules; the ignored ones more, and all 200 (`make torture`).

use std::time::Duration;

use mfa_tests::{Fleet, within};

use super::load::Load;
use super::schedule::Schedule;
use super::with_fleet;

/// A cluster that was cut apart elects a leader, and agents try to reach it again.
const PATIENCE: Duration = Duration::from_secs(120);

fn number(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    let number = text.map(|text| text.parse().unwrap_or_else(|e| panic!("{name}: {e}")));
    number.unwrap_or(default)
}

fn run_schedules(first: u64, count: u64) {
    let first = number("MFA_FLEET_SEED", first);
    let count = number("MFA_FLEET_SCHEDULES", count);
    with_fleet("", move |fleet| {
        for seed in first..first.saturating_add(count) {
            run_schedule(fleet, seed);
        }
    });
}

fn run_schedule(fleet: &mut Fleet, seed: u64) {
    let schedule = Schedule::of(seed);
    eprintln!("MFA_FLEET_SEED={seed}: {schedule:?}");
    let load = Load::new(fleet, &format!("-{seed}"));
    load.during(|| {
        within(PATIENCE, "a login to pass", || {
            (load.passed() > 0).then_some(())
        });
        schedule.happen(fleet);
    });
    serve_again(fleet, &load, seed);
    load.guesses_lock_on_all_hosts();
    load.check(fleet, &format!("MFA_FLEET_SEED={seed}"));
}

/// Each host lets a user in again, without help.
fn serve_again(fleet: &mut Fleet, load: &Load, seed: u64) {
    fleet.etcd.await_quorum();
    for host in 0..fleet.hosts().len() {
        fleet.host_mut(host).agent.await_readiness();
        let what = format!("host {host} to serve again, MFA_FLEET_SEED={seed}");
        within(PATIENCE, &what, || {
            load.log_in_with_next(host).then_some(())
        });
    }
}

#[test]
fn two_random_schedules_of_faults_break_no_rule() {
    run_schedules(1, 2);
}

#[test]
#[ignore = "takes minutes: make test-all runs it"]
fn ten_more_random_schedules_of_faults_break_no_rule() {
    run_schedules(3, 10);
}

mod torture {
    use super::*;

    #[test]
    #[ignore = "takes an hour: make torture"]
    fn two_hundred_random_schedules_of_faults_break_no_rule() {
        run_schedules(1, 200);
    }
}
