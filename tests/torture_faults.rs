//! A disk that fails under a running agent: the agent survives, lets nobody in while nothing can be
//! made durable, recovers by itself, and loses nothing.
//!
//! Calls on the files of the store fail, and separately those of the table of recent changes
//! (sled). The tests take a few of the faults; the ignored ones take all (`make torture`).

use std::time::Duration;

use mfa_tests::{Acknowledged, Agent, Failing, Faults, Load, Login, On, Stack, eventually};

const ERRORS: [&str; 4] = ["EIO", "ENOSPC", "EDQUOT", "EROFS"];

/// Calls that fail, and on which files.
const CALLS: [(&str, On); 8] = [
    ("fdatasync", On::AllFiles),
    ("pwrite64", On::AllFiles),
    ("fsync", On::AllFiles),
    ("sync_file_range", On::AllFiles),
    ("rename,renameat,renameat2", On::AllFiles),
    ("openat", On::Store),
    ("write", On::Store),
    ("unlink,unlinkat,mkdir", On::Store),
];

/// One call of a thread, every third one, all of them.
const WHEN: [&str; 3] = ["2", "1+3", "1+"];

/// How long calls fail.
const LASTS: Duration = Duration::from_millis(800);

/// Users who are imported at a time.
const BATCH: usize = 300;

/// Enough users for sled to write out its first half megabyte.
const A_FULL_TABLE: usize = 4_000;

/// Lines of log for each fault; repeated lines are written five times a minute.
const MOST_LINES: usize = 60;

/// All faults of a running agent.
fn all() -> Vec<Faults> {
    let mut all = Vec::new();
    for (calls, on) in CALLS {
        for error in ERRORS {
            all.extend(WHEN.map(|when| Faults {
                calls,
                error,
                when,
                on,
            }));
        }
    }
    all
}

fn calls_of_a_running_agent_fail(faults: &[Faults]) {
    let mut agent = Agent::start();
    let load = Load::new(agent.socket());
    let stack = Stack::asking(&agent);
    for faults in faults {
        load.during(agent.socket(), BATCH, || {
            let failing = Failing::start(&agent, faults);
            if faults.keep_all_from_being_durable() {
                let seen = Login::of("bert").answer("123456").run(&stack);
                assert_eq!(
                    seen.result(),
                    "PAM_AUTHINFO_UNAVAIL",
                    "{faults:?}: {seen:?}"
                );
            }
            std::thread::sleep(LASTS);
            drop(failing);
        });
        serves_and_holds(&mut agent, &load, faults);
    }
    is_well_behaved(&agent, faults.len());
    println!(
        "{} kinds of faults under load: the agent lived on, served again each time, and lost nothing; \
         {} logins passed meanwhile",
        faults.len(),
        load.passed()
    );
}

/// It serves by itself with everything acknowledged; so does the next one, after a kill.
fn serves_and_holds(agent: &mut Agent, load: &Load, faults: &Faults) {
    load.can_log_in(agent.socket());
    if let Err(lost) = load.is_held_by(agent.socket()) {
        panic!("{faults:?}: {lost}");
    }
    agent.kill_9();
    agent.launch();
    if let Err(lost) = load.is_held_by(agent.socket()) {
        panic!("{faults:?}, then a kill: {lost}");
    }
}

/// Failing calls must not flood the log.
fn is_well_behaved(agent: &Agent, rounds: usize) {
    let log = agent.log();
    // Each login and each enrolled user has a line; these are not counted here.
    let others: Vec<&str> = log
        .lines()
        .filter(|line| !line.contains(" by_uid="))
        .collect();
    let panics = others.iter().filter(|line| line.contains("panicked"));
    assert_eq!(panics.collect::<Vec<_>>(), [&""; 0]);
    let lines = others.len();
    assert!(lines <= rounds * MOST_LINES, "{lines} lines: {others:#?}");
}

/// Makes calls on the files of sled fail, until a full table is written out or broken.
fn calls_of_the_table_fail(errors: &[&'static str], whens: &[&'static str]) {
    let mut agent = Agent::start();
    let load = Load::new(agent.socket());
    let mut rounds = 0;
    for &error in errors {
        // Nothing of a table is synced.
        for calls in ["pwrite64", "pwrite64,sync_file_range,fsync,write"] {
            for &when in whens {
                let on = On::Tables;
                let faults = Faults {
                    calls,
                    error,
                    when,
                    on,
                };
                let before = agent.log().len();
                let failing = Failing::start(&agent, &faults);
                load.import(agent.socket(), A_FULL_TABLE);
                load.try_to_log_in(agent.socket());
                drop(failing);
                eventually("the fault in the log", || {
                    let log = agent.log();
                    let told = log[before..].contains("the table of recent changes");
                    told.then_some(())
                });
                serves_and_holds(&mut agent, &load, &faults);
                rounds += 1;
            }
        }
    }
    is_well_behaved(&agent, rounds);
    println!(
        "{rounds} kinds of faults of sled's files: the agent lived on, served again each time, and lost nothing"
    );
}

/// Makes single calls of a start and of a stop fail, the first `calls` of each kind.
fn calls_of_a_start_and_a_stop_fail(calls: usize, stride: usize) {
    let mut agent = Agent::start();
    let load = Load::new(agent.socket());
    assert!(load.import(agent.socket(), 9_000));
    let (mut rounds, mut refused) = (0, 0);
    let all = (1..=calls).flat_map(|when| CALLS.map(|kind| (when, kind)));
    for (number, (when, (calls, on))) in all.enumerate().step_by(stride) {
        let when: &'static str = when.to_string().leak();
        let error = ERRORS[number % ERRORS.len()];
        let faults = Faults {
            calls,
            error,
            when,
            on,
        };
        assert!(agent.terminate().success());
        refused += usize::from(!is_started_and_stopped(&mut agent, &load, &faults));
        agent.launch();
        if let Err(lost) = load.is_held_by(agent.socket()) {
            panic!("{faults:?}: {lost}");
        }
        load.can_log_in(agent.socket());
        rounds += 1;
    }
    is_well_behaved(&agent, rounds);
    println!(
        "{rounds} starts and stops with a call that fails: {refused} refused, all served after that, \
         nothing lost"
    );
}

/// Whether it served in between; if it did not, it says why, and exits by itself.
fn is_started_and_stopped(agent: &mut Agent, load: &Load, faults: &Faults) -> bool {
    let wrapper = faults.wrapper(agent);
    let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
    agent.spawn_under(&wrapper);
    if let Err(status) = agent.await_readiness_or_end() {
        assert_eq!(status.code(), Some(1), "{faults:?}: {status}");
        return false;
    }
    load.try_to_log_in(agent.socket());
    let status = agent.terminate();
    assert!(status.success(), "{faults:?}: {status}");
    true
}

/// Users who come after the backup.
const LATER: usize = 20;

/// The system calls of a restore, a backup or a new key fail, under logins.
fn calls_of_maintenance_fail(faults: &[Faults]) {
    let mut agent = Agent::start();
    let load = Load::new(agent.socket());
    assert!(load.import(agent.socket(), BATCH));
    let backup = agent.folder().join("backup").display().to_string();
    let another = format!("{backup}-with-later-users");
    let must = |agent: &Agent, arguments: &[&str]| {
        let output = agent.ctl().run(arguments, "");
        assert!(output.is_success(), "{arguments:?}: {output:?}");
    };
    must(&agent, &["backup", &backup]);
    let (mut tried, mut done) = (0, 0);
    for faults in faults {
        for work in [
            &["restore", "--replace", &backup][..],
            &["rotate-key"],
            &["backup", &another],
        ] {
            let mut later = Acknowledged::default();
            if later_users(&agent) == 0 {
                assert!(later.import(agent.socket(), "later", LATER));
            }
            let before = later_users(&agent);
            let is_done = load.logging_in(agent.socket(), || {
                let failing = Failing::start(&agent, faults);
                let is_done = agent.ctl().run(work, "").is_success();
                drop(failing);
                is_done
            });
            serves_and_holds(&mut agent, &load, faults);
            let after = later_users(&agent);
            match (work[0], is_done) {
                ("restore", true) => assert_eq!(after, 0, "{faults:?}: the old records came back"),
                ("restore", false) => assert!([0, before].contains(&after), "{faults:?}: {after}"),
                _ => assert_eq!(after, before, "{faults:?}, {work:?}"),
            }
            // The next one succeeds, once the disk works.
            must(&agent, &["backup", &another]);
            must(&agent, &["rotate-key"]);
            must(&agent, &["restore", "--replace", &backup]);
            // The agent reads a limited number of earlier keys.
            must(&agent, &["backup", &backup]);
            tried += 1;
            done += usize::from(is_done);
        }
    }
    is_well_behaved(&agent, tried);
    println!(
        "{tried} restores, new keys and backups with calls that fail: {done} were done, nothing lost"
    );
}

fn later_users(agent: &Agent) -> usize {
    let users = agent.ctl().json(&["users"], "").to_string();
    users.matches("\"later").count()
}

#[test]
fn disk_faults_in_restores_new_keys_and_backups_lose_nothing() {
    let few: Vec<Faults> = all().into_iter().step_by(29).collect();
    calls_of_maintenance_fail(&few);
}

#[test]
fn disk_faults_keep_logins_out_while_they_last_and_lose_nothing() {
    let few: Vec<Faults> = all().into_iter().step_by(17).collect();
    calls_of_a_running_agent_fail(&few);
}

#[test]
fn faults_of_the_table_of_recent_changes_lose_nothing() {
    calls_of_the_table_fail(&ERRORS[..1], &["1+"]);
}

#[test]
fn a_failing_call_during_a_start_or_stop_loses_nothing() {
    calls_of_a_start_and_a_stop_fail(3, 5);
}

/// `make torture` selects these by the module's name.
mod torture {
    use super::*;

    #[test]
    #[ignore = "takes minutes: make torture"]
    fn every_kind_of_fault_under_load_loses_nothing() {
        calls_of_a_running_agent_fail(&all());
    }

    #[test]
    #[ignore = "takes minutes: make torture"]
    fn every_kind_of_fault_in_restores_new_keys_and_backups_loses_nothing() {
        calls_of_maintenance_fail(&all());
    }

    #[test]
    #[ignore = "takes minutes: make torture"]
    fn every_kind_of_fault_of_the_table_of_recent_changes_loses_nothing() {
        calls_of_the_table_fail(&ERRORS, &["1", "1+"]);
    }

    #[test]
    #[ignore = "takes minutes: make torture"]
    fn every_call_of_a_start_and_of_a_stop_fails_and_nothing_is_lost() {
        calls_of_a_start_and_a_stop_fail(20, 1);
    }
}
