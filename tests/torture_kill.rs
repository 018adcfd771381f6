//! `kill -9` at each system call of a first start, of a restart and of a stop: the next start
//! serves, with everything acknowledged.
//!
//! The tests take a few of the calls; the ignored ones take each (`make torture`).

use std::path::Path;

use mfa_tests::{Acknowledged, Agent, Ending, Traced};

/// The user who logs in while the agent is killed.
const ANNA: &str = "anna";

/// The first system call, and the stride to the next.
const FEW: (usize, usize) = (41, 131);
const EACH: (usize, usize) = (1, 1);

/// Enough users for some sorted files.
const MANY: usize = 9_000;

/// How the agent before a restart ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    CleanStop,
    Kill,
}

/// Kills at every call that `(first, stride)` selects until the program ends by itself; returns the
/// number of kills.
fn at_calls((first, stride): (usize, usize), mut kill_at: impl FnMut(usize) -> Ending) -> usize {
    let mut kills = 0;
    for call in (first..).step_by(stride) {
        match kill_at(call) {
            Ending::Killed => kills += 1,
            Ending::Ended(status) => {
                assert!(status.success(), "call {call}: {status}");
                break;
            }
        }
    }
    assert!(kills > 0, "it was never killed");
    kills
}

fn an_init_is_killed(calls: (usize, usize)) {
    let kills = at_calls(calls, |call| {
        let mut agent = Agent::unmade("");
        let ending = agent.killed_after(call, &["--init"], |_| {});
        let again = agent.init();
        assert!(again.is_success(), "call {call}: {again:?}");
        agent.launch();
        serves_a_new_user(&agent, call);
        ending
    });
    println!(
        "mfa-agent --init: killed at {kills} system calls, each time the next one made a store that serves"
    );
}

fn a_first_start_is_killed(calls: (usize, usize)) {
    let kills = at_calls(calls, |call| {
        let mut agent = Agent::unmade("");
        assert!(agent.init().is_success());
        let ending = agent.killed_after(call, &[], |traced| {
            until_it_listens(traced, agent.socket());
            traced.terminate();
        });
        agent.launch();
        serves_a_new_user(&agent, call);
        ending
    });
    println!(
        "first start and stop: killed at {kills} system calls, the next start served each time"
    );
}

fn serves_a_new_user(agent: &Agent, call: usize) {
    let mut known = Acknowledged::default();
    known.enroll(agent.socket(), ANNA);
    assert!(known.pass(agent.socket(), ANNA), "call {call}");
}

fn a_restart_is_killed(users: usize, before: Before, calls: (usize, usize)) {
    let mut agent = Agent::start();
    let mut known = Acknowledged::default();
    known.enroll(agent.socket(), ANNA);
    assert!(known.pass(agent.socket(), ANNA));
    known.lock(agent.socket(), "bert");
    known.enroll(agent.socket(), "carl");
    known.fail(agent.socket(), "carl");
    assert!(known.import(agent.socket(), "user", users));
    let kills = at_calls(calls, |call| {
        end(&mut agent, before);
        let ending = agent.killed_after(call, &[], |traced| {
            until_it_listens(traced, agent.socket());
            // Changes that are acknowledged now must be there, too.
            known.pass(agent.socket(), ANNA);
            traced.terminate();
        });
        agent.launch();
        if let Err(lost) = known.is_held_by(agent.socket()) {
            panic!("killed at call {call}: {lost}");
        }
        assert!(known.pass(agent.socket(), ANNA), "call {call}");
        ending
    });
    assert!(!agent.log().contains("panicked"), "{}", agent.log());
    println!(
        "restart and stop with {} users, after {before:?}: killed at {kills} system calls, nothing lost",
        users + 3
    );
}

fn end(agent: &mut Agent, before: Before) {
    match before {
        Before::CleanStop => assert!(agent.terminate().success()),
        Before::Kill => agent.kill_9(),
    }
}

/// Waits until the agent listens, or is killed first.
fn until_it_listens(traced: &Traced, socket: &Path) {
    while !traced.has_ended() && std::os::unix::net::UnixStream::connect(socket).is_err() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

#[test]
fn an_init_killed_at_any_system_call_is_completed_by_the_next() {
    an_init_is_killed(FEW);
}

#[test]
fn after_a_kill_at_any_system_call_of_a_first_start_the_next_one_serves() {
    a_first_start_is_killed(FEW);
}

#[test]
fn after_a_kill_at_any_system_call_of_a_restart_or_a_stop_nothing_is_lost() {
    a_restart_is_killed(0, Before::CleanStop, FEW);
    a_restart_is_killed(0, Before::Kill, FEW);
    a_restart_is_killed(MANY, Before::Kill, FEW);
}

/// `make torture` selects these by the module's name.
mod torture {
    use super::*;

    #[test]
    #[ignore = "takes minutes: make torture"]
    fn each_system_call_of_an_init_and_of_a_first_start_is_the_last_one() {
        an_init_is_killed(EACH);
        a_first_start_is_killed(EACH);
    }

    #[test]
    #[ignore = "takes minutes: make torture"]
    fn each_system_call_of_a_restart_and_of_a_stop_is_the_last_one() {
        for users in [0, MANY] {
            for before in [Before::CleanStop, Before::Kill] {
                a_restart_is_killed(users, before, EACH);
            }
        }
    }
}
