//! A disk that fails under a running agent: it lives on, lets nobody in while nothing can be made durable, serves
//! again by itself, and has lost nothing.
//!
//! Calls on the files of the store fail, those of the table of recent changes (sled) among them. The tests take
//! a few of the faults; the ignored ones take all (`make torture`).

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use mfa_tests::{Acknowledged, Agent, Failing, Faults, Login, Stack, within};

const ERRORS: [&str; 4] = ["EIO", "ENOSPC", "EDQUOT", "EROFS"];

/// Calls that fail, and whether those on other files are spared.
const CALLS: [(&str, bool); 8] = [
    ("fdatasync", false),
    ("pwrite64", false),
    ("fsync", false),
    ("sync_file_range", false),
    ("rename,renameat,renameat2", false),
    ("openat", true),
    ("write", true),
    ("unlink,unlinkat,mkdir", true),
];

/// One call of a thread, every third one, all of them.
const WHEN: [&str; 3] = ["2", "1+3", "1+"];

/// How long calls fail.
const LASTS: Duration = Duration::from_millis(800);

/// The agent tries to open a broken store once a second, and may have to wait for its disk.
const PATIENCE: Duration = Duration::from_secs(60);

/// Lines of log for each fault; what repeats is written five times a minute.
const MOST_LINES: usize = 60;

/// All faults of a running agent.
fn all() -> Vec<Faults> {
    let mut all = Vec::new();
    for (calls, on_store_only) in CALLS {
        for error in ERRORS {
            all.extend(WHEN.map(|when| Faults {
                calls,
                error,
                when,
                on_store_only,
            }));
        }
    }
    all
}

/// Whoever logs in or enrols while calls fail, each with what was acknowledged to them.
struct Load {
    logging_in: [Acknowledged; 2],
    enrolling: Acknowledged,
    at_rest: Acknowledged,
}

const USERS: [&str; 2] = ["anna", "bea"];

impl Load {
    fn new(agent: &Agent) -> Self {
        let mut at_rest = Acknowledged::default();
        at_rest.lock(agent.socket(), "bert");
        at_rest.enroll(agent.socket(), "carl");
        at_rest.fail(agent.socket(), "carl");
        let logging_in = USERS.map(|user| {
            let mut known = Acknowledged::default();
            known.enroll(agent.socket(), user);
            assert!(known.pass(agent.socket(), user));
            known
        });
        Self {
            logging_in,
            enrolling: Acknowledged::default(),
            at_rest,
        }
    }

    /// Logs in and enrols until `is_over`; how many logins passed.
    fn run(&mut self, agent: &Agent, number: usize, is_over: &AtomicBool) -> usize {
        let passed = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for (known, user) in self.logging_in.iter_mut().zip(USERS) {
                let passed = &passed;
                scope.spawn(move || {
                    while !is_over.load(Ordering::SeqCst) {
                        let pass = usize::from(known.pass(agent.socket(), user));
                        passed.fetch_add(pass, Ordering::SeqCst);
                    }
                });
            }
            // A full journal becomes a sorted file: that can fail, too.
            let enrolling = &mut self.enrolling;
            scope.spawn(move || {
                for batch in 0.. {
                    if is_over.load(Ordering::SeqCst) {
                        return;
                    }
                    enrolling.import(agent.socket(), &format!("user{number}-{batch}-"), 300);
                }
            });
        });
        passed.into_inner()
    }

    fn is_held_by(&self, agent: &Agent) -> Result<(), String> {
        let mut all = self
            .logging_in
            .iter()
            .chain([&self.enrolling, &self.at_rest]);
        all.try_for_each(|known| known.is_held_by(agent.socket()))
    }

    fn can_log_in(&mut self, agent: &Agent) {
        for (known, user) in self.logging_in.iter_mut().zip(USERS) {
            within(PATIENCE, &format!("{user} to pass again"), || {
                known.pass(agent.socket(), user).then_some(())
            });
        }
    }
}

/// Ends the load when dropped, in a test that fails, too.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn calls_of_a_running_agent_fail(faults: &[Faults]) {
    let mut agent = Agent::start();
    let mut load = Load::new(&agent);
    let stack = Stack::asking(&agent);
    let mut passed = 0;
    for (number, faults) in faults.iter().enumerate() {
        let is_over = AtomicBool::new(false);
        passed += std::thread::scope(|scope| {
            let (agent, load, is_over) = (&agent, &mut load, &is_over);
            let running = scope.spawn(move || load.run(agent, number, is_over));
            let over = Over(is_over);
            let failing = Failing::start(agent, faults);
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
            drop(over);
            running.join().expect("a load that goes on")
        });
        load.can_log_in(&agent);
        if let Err(lost) = load.is_held_by(&agent) {
            panic!("{faults:?}: {lost}");
        }
        agent.kill_9();
        agent.launch();
        if let Err(lost) = load.is_held_by(&agent) {
            panic!("{faults:?}, then a kill: {lost}");
        }
    }
    is_well_behaved(&agent, faults.len());
    println!(
        "{} kinds of faults under load: the agent lived on, served again each time, and lost nothing; \
         {passed} logins passed while calls failed",
        faults.len()
    );
}

/// What failing calls must not do to the log.
fn is_well_behaved(agent: &Agent, rounds: usize) {
    let log = agent.log();
    // Each login and each user who is enrolled has a line; these are not what is counted here.
    let others: Vec<&str> = log
        .lines()
        .filter(|line| !line.contains(" by_uid="))
        .collect();
    let panics = others.iter().filter(|line| line.contains("panicked"));
    assert_eq!(panics.collect::<Vec<_>>(), [&""; 0]);
    let lines = others.len();
    assert!(lines <= rounds * MOST_LINES, "{lines} lines: {others:#?}");
}

/// Has single calls of a start and of a stop fail, the first `calls` of each kind.
fn calls_of_a_start_and_a_stop_fail(calls: usize, stride: usize) {
    let mut agent = Agent::start();
    let mut load = Load::new(&agent);
    assert!(load.enrolling.import(agent.socket(), "user", 9_000));
    let mut rounds = 0;
    let mut refused = 0;
    let all = (1..=calls).flat_map(|when| CALLS.map(|kind| (when, kind)));
    for (number, (when, (calls, on_store_only))) in all.enumerate().step_by(stride) {
        let when: &'static str = when.to_string().leak();
        let faults = Faults {
            calls,
            error: ERRORS[number % ERRORS.len()],
            when,
            on_store_only,
        };
        assert!(agent.terminate().success());
        let wrapper = faults.wrapper(&agent);
        let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
        agent.spawn_under(&wrapper);
        match agent.await_readiness_or_end() {
            Ok(()) => {
                for (known, user) in load.logging_in.iter_mut().zip(USERS) {
                    known.pass(agent.socket(), user);
                }
                let status = agent.terminate();
                assert!(status.success(), "{faults:?}: {status}");
            }
            // It says why, and ends with a status of its own.
            Err(status) => {
                assert_eq!(status.code(), Some(1), "{faults:?}: {status}");
                refused += 1;
            }
        }
        agent.launch();
        if let Err(lost) = load.is_held_by(&agent) {
            panic!("{faults:?}: {lost}");
        }
        load.can_log_in(&agent);
        rounds += 1;
    }
    is_well_behaved(&agent, rounds);
    println!(
        "{rounds} starts and stops with a call that fails: {refused} refused, all served after that, nothing lost"
    );
}

#[test]
fn faults_of_the_disk_keep_logins_out_for_as_long_as_they_last_and_lose_nothing() {
    let few: Vec<Faults> = all().into_iter().step_by(17).collect();
    calls_of_a_running_agent_fail(&few);
}

#[test]
fn a_start_or_a_stop_in_which_a_call_fails_loses_nothing() {
    calls_of_a_start_and_a_stop_fail(3, 5);
}

/// What `make torture` runs, by this name.
mod torture {
    use super::*;

    #[test]
    #[ignore = "takes minutes: make torture"]
    fn every_kind_of_fault_under_load_loses_nothing() {
        calls_of_a_running_agent_fail(&all());
    }

    #[test]
    #[ignore = "takes minutes: make torture"]
    fn every_call_of_a_start_and_of_a_stop_fails_and_nothing_is_lost() {
        calls_of_a_start_and_a_stop_fail(20, 1);
    }
}
