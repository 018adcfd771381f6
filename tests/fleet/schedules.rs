//! Random faults while all hosts log users in: nothing acknowledged is lost, no code passes twice.
//!
//! `MFA_FLEET_SEED` is the first seed, `MFA_FLEET_SCHEDULES` how many there are. A failing test names its seed. The tests
//! take a few of the schedules; the ignored ones more, and all 200 (`make torture`).

use std::time::Duration;

use mfa_tests::{Etcd, Fleet, within};

use super::administrator::take_up;
use super::load::Load;
use super::schedule::{Fault, Schedule};
use super::set_back::set_back;
use super::with_lan;

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
    with_lan(move |lan| {
        let etcd = Etcd::start(&lan, 3);
        let mut fleet = Fleet::with_clocks(lan, etcd, 3, "");
        let mut commands = (0, 0);
        for seed in first..first.saturating_add(count) {
            let (begun, done) = run_schedule(&mut fleet, seed);
            commands = (commands.0 + begun, commands.1 + done);
        }
        let (begun, done) = commands;
        eprintln!("{done} of {begun} commands of administrators succeeded during faults");
        // A command that is alone in its round has nothing in its way.
        assert!(begun < 4 || done > 0, "none of {begun} commands succeeded");
    });
}

/// Returns how many commands for the whole fleet were begun, and how many succeeded.
fn run_schedule(fleet: &mut Fleet, seed: u64) -> (usize, usize) {
    let schedule = Schedule::of(seed);
    eprintln!("MFA_FLEET_SEED={seed}: {schedule:?}");
    let load = Load::new(fleet, &format!("-{seed}"));
    let mut begun = 0;
    for fault in schedule.faults() {
        if let Fault::Work(host, work) = fault {
            work.prepare(fleet, host);
            begun += 1;
        }
    }
    let then = schedule.sets_back.then(|| fleet.etcd.snapshot());
    let done = load.during(|| {
        within(PATIENCE, "a login to pass", || {
            (load.passed() > 0).then_some(())
        });
        schedule.happen(fleet)
    });
    serve_again(fleet, &load, seed);
    // Whoever began it may be gone.
    take_up(fleet, usize::try_from(seed % 3).expect("a host"));
    serve_again(fleet, &load, seed);
    load.guesses_lock_on_all_hosts();
    load.check(fleet, &format!("MFA_FLEET_SEED={seed}"));
    if let Some(then) = then {
        set_back(fleet, &load, &then);
        let load = Load::new(fleet, &format!("-{seed}-later"));
        serve_again(fleet, &load, seed);
        load.check(fleet, &format!("MFA_FLEET_SEED={seed}, accepted"));
    }
    (begun, done)
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
