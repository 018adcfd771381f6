//! A new key, a restore and a merge for the whole fleet while something is broken and users log in: what was acknowledged
//! stays, no code passes twice, and what a dead host had begun is taken up by another.

use std::time::{Duration, Instant};

use mfa_tests::{Fleet, within};

use super::administrator::{Work, succeed, take_up};
use super::load::Load;
use super::schedule::{Fault, Schedule, Step};
use super::with_fleet;

/// A cluster elects a leader, and a host tries to reach it again.
const PATIENCE: Duration = Duration::from_secs(120);

/// Users who take a restore and a change of the key some time.
const MANY: usize = 1500;

/// Users who came after the backup.
const LATER: usize = 20;

/// Kills of an agent at moments of its work.
const KILLS: u32 = 5;

fn await_passes(fleet: &Fleet, load: &Load) {
    for host in 0..fleet.hosts().len() {
        let what = format!("host {host} to let a user in");
        within(PATIENCE, &what, || {
            load.log_in_with_next(host).then_some(())
        });
    }
}

/// Each work on host 0 while `fault` lasts. A majority of the nodes is there all the time, so it succeeds.
fn works_during(fault: Fault) {
    with_fleet("", move |fleet| {
        for (number, work) in Work::ALL.into_iter().enumerate() {
            let load = Load::new(fleet, &format!("-{number}"));
            work.prepare(fleet, 0);
            let step = |fault| Step {
                fault,
                after: Duration::ZERO,
                lasts: Duration::from_secs(4),
                then: Duration::from_millis(200),
            };
            let schedule = Schedule {
                rounds: vec![vec![step(fault), step(Fault::Work(0, work))]],
                sets_back: false,
            };
            let done = load.during(|| {
                within(PATIENCE, "a login", || (load.passed() > 0).then_some(()));
                schedule.happen(fleet)
            });
            fleet.etcd.await_quorum();
            // While a leader is elected a command may have been refused.
            let may_fail = fault == Fault::KillLeader;
            assert!(done == 1 || may_fail, "{work:?} during {fault:?}");
            take_up(fleet, 1);
            await_passes(fleet, &load);
            load.guesses_lock_on_all_hosts();
            load.check(fleet, &format!("{work:?} during {fault:?}"));
        }
    });
}

#[test]
#[ignore = "takes a minute: make test-all runs it"]
fn a_new_key_a_restore_and_a_merge_while_a_node_is_stopped_lose_nothing() {
    works_during(Fault::KillNode(1));
}

#[test]
#[ignore = "takes a minute: make test-all runs it"]
fn a_new_key_a_restore_and_a_merge_while_the_leader_is_stopped_lose_nothing() {
    works_during(Fault::KillLeader);
}

#[test]
fn a_new_key_a_restore_and_a_merge_while_a_host_is_cut_off_lose_nothing_and_it_serves_after_that() {
    works_during(Fault::CutHost(2));
}

/// The names of users who come between a backup and its restore begin with this.
fn later(kill: u32) -> String {
    format!("later{kill}-")
}

/// How many users a host lists whose names begin with `name`.
fn listed(fleet: &Fleet, host: usize, name: &str) -> usize {
    let users = succeed(fleet, host, &["users"]).to_string();
    users.matches(&format!("\"{name}")).count()
}

fn import(fleet: &Fleet, name: &str, count: usize) {
    let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let users: String = (0..count)
        .map(|n| format!("{name}{n}\totpauth://totp/t:{name}{n}?secret={secret}\n"))
        .collect();
    let imported = fleet.agent(0).ctl().run(&["import", "uris", "-"], &users);
    assert!(imported.is_success(), "{imported:?}");
}

/// Kills the agent of host 0 in the middle of what it does for the fleet; `after` looks at what is left.
fn is_killed_in(fleet: &mut Fleet, work: Work, after: impl Fn(&Fleet, u32)) {
    // How long it takes.
    work.prepare(fleet, 0);
    let begun = Instant::now();
    let undisturbed = work.begin(fleet, 0).join().expect("a command");
    assert!(undisturbed.is_success(), "{undisturbed:?}");
    let takes = begun.elapsed();
    after(fleet, 0);
    let mut failed = 0;
    for kill in 1..=KILLS {
        let load = Load::new(fleet, &format!("-{work:?}-{kill}").to_lowercase());
        work.prepare(fleet, 0);
        if work == Work::Restore {
            import(fleet, &later(kill), LATER);
        }
        await_passes(fleet, &load);
        let command = work.begin(fleet, 0);
        std::thread::sleep(takes * kill / (KILLS + 1));
        fleet.host_mut(0).agent.kill_9();
        failed += usize::from(!command.join().expect("a command").is_success());
        // Another host takes it up while the first one is still away.
        take_up(fleet, 1);
        for host in [1, 2] {
            let what = format!("host {host} to let a user in");
            within(PATIENCE, &what, || {
                load.log_in_with_next(host).then_some(())
            });
        }
        after(fleet, kill);
        fleet.host_mut(0).agent.launch();
        await_passes(fleet, &load);
        load.guesses_lock_on_all_hosts();
        load.check(fleet, &format!("{work:?}, killed after {kill}/{KILLS}"));
    }
    assert!(failed > 0, "{work:?} was never killed in its middle");
}

#[test]
#[ignore = "takes minutes: make test-all runs it"]
fn a_change_of_the_key_whose_agent_is_killed_is_taken_up_by_another_host() {
    with_fleet("", |fleet| {
        import(fleet, "user", MANY);
        is_killed_in(fleet, Work::RotateKey, |fleet, _| {
            let status = succeed(fleet, 2, &["rotate-key", "--status"]);
            assert_eq!(status["sealed_with_earlier_keys"], 0, "{status}");
        });
    });
}

#[test]
#[ignore = "takes minutes: make test-all runs it"]
fn a_restore_whose_agent_is_killed_is_all_or_nothing_and_another_host_ends_it() {
    with_fleet("", |fleet| {
        import(fleet, "user", MANY);
        is_killed_in(fleet, Work::Restore, |fleet, kill| {
            // The same on each host: the records of before, or those of the backup.
            let on = |host| listed(fleet, host, &later(kill));
            let (one, two) = (on(1), on(2));
            assert!(one == two && [0, LATER].contains(&one), "{one}, {two}");
            assert_eq!(listed(fleet, 1, "user"), MANY);
        });
    });
}
