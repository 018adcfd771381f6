//! The cost of a start with many users, and the size of their store.
//!
//! Times and memory depend on the machine, so they are shown and not checked. The ignored test
//! takes a million users (`make torture`).

use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use mfa_tests::{Acknowledged, Agent, StoreSize, within};

const MIB: u64 = 1 << 20;

/// Imports users, and shows the cost of a start after a stop and after a kill.
fn starts_with(users: usize, rounds: usize) {
    let mut agent = Agent::start();
    let begun = Instant::now();
    assert!(Acknowledged::default().import(agent.socket(), "user", users));
    println!(
        "{users} users: imported in {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    for way in ["a stop", "kill -9"] {
        for _ in 0..rounds {
            match way {
                "a stop" => assert!(agent.terminate().success()),
                _ => agent.kill_9(),
            }
            let begun = Instant::now();
            agent.spawn();
            while UnixStream::connect(agent.socket()).is_err() {
                std::thread::sleep(Duration::from_millis(1));
            }
            let (started, busy) = (begun.elapsed(), agent.busy());
            agent.await_readiness();
            std::thread::sleep(Duration::from_secs(2));
            println!(
                "{users} users: start after {way}: {started:?}, {busy:?} of them busy, then at rest {} KiB",
                agent.memory() >> 10
            );
        }
    }
    let store = within(Duration::from_secs(60), "files that stay", || {
        StoreSize::of(&agent.store())
    });
    println!(
        "{users} users: {} KiB of live records, {} KiB in the folder",
        store.live >> 10,
        store.folder >> 10
    );
    assert!(store.folder <= 3 * store.live + 16 * MIB, "{store:?}");
    assert!(store.records >= users, "{store:?}");
}

#[test]
fn a_store_with_ten_thousand_users_is_no_larger_than_they_need() {
    starts_with(10_000, 1);
}

/// `make torture` selects these by the module's name.
mod torture {
    use super::*;

    #[test]
    #[ignore = "takes minutes: make torture"]
    fn a_store_with_ten_thousand_users_starts_again_and_again() {
        starts_with(10_000, 3);
    }

    #[test]
    #[ignore = "takes minutes: make torture"]
    fn a_store_with_a_million_users_is_no_larger_than_they_need() {
        starts_with(1_000_000, 3);
    }
}
