//! The size of a store under endless logins.
//!
//! A store must not grow with the logins, only with the users. The test takes less than a minute;
//! the ignored one takes ten (`make torture`). Times depend on the machine, so they are shown and
//! not checked.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mfa_protocol::login::Outcome;
use mfa_tests::{Agent, Key, StoreSize, log_in};

const MIB: u64 = 1 << 20;
const THREADS: usize = 16;
const USERS_OF_A_THREAD: usize = 4;
/// Codes that are computed at a time.
const CODES: usize = 500;
/// One name in this number is unknown, and one code in this number is wrong.
const UNKNOWN: u64 = 20;
const WRONG: u64 = 10;
/// The agent's memory limit under this load.
const MOST_MEMORY: u64 = 128 * MIB;
/// The tolerated difference in the folder's size between two periods: files come and go.
const UP_AND_DOWN: u64 = 8 * MIB;

/// A user and their unused codes.
struct User {
    name: String,
    key: Key,
    next: u64,
    codes: Vec<String>,
}

impl User {
    fn new(agent: &Agent, name: String) -> Self {
        let key = agent.admin().counting_device(&name);
        Self {
            name,
            key,
            next: 1,
            codes: Vec::new(),
        }
    }

    fn code(&mut self) -> String {
        if self.codes.is_empty() {
            self.codes = self.key.counted_from(self.next, CODES);
            self.next += CODES as u64;
            self.codes.reverse();
        }
        self.codes.pop().expect("a code")
    }
}

/// What a thread that logs in has seen.
#[derive(Default)]
struct Seen {
    latencies: Vec<Duration>,
    passed: usize,
    wrong: usize,
    unknown: usize,
}

/// A client that logs in again and again, as other users and with unknown names.
struct Visitor<'a> {
    socket: &'a Path,
    users: Vec<User>,
    /// Number of unknown names.
    ghosts: u64,
    random: u64,
    seen: Seen,
}

impl Visitor<'_> {
    fn run(mut self, is_over: &AtomicBool) -> Seen {
        for turn in 0.. {
            if is_over.load(Ordering::SeqCst) {
                break;
            }
            match self.draw(UNKNOWN) {
                0 => self.unknown(),
                _ => self.known(turn % self.users.len()),
            }
        }
        self.seen
    }

    fn unknown(&mut self) {
        let name = format!("ghost{}", self.draw(self.ghosts));
        let outcome = self.log_in(&name, "123456");
        assert!(
            matches!(outcome, Outcome::Wrong | Outcome::Locked),
            "{outcome:?}"
        );
        self.seen.unknown += 1;
    }

    fn known(&mut self, user: usize) {
        let name = self.users[user].name.clone();
        // No code has seven digits here. The right one after it clears the failures.
        if self.draw(WRONG) == 0 {
            assert_eq!(self.log_in(&name, "1234567"), Outcome::Wrong);
            self.seen.wrong += 1;
        }
        let code = self.users[user].code();
        assert_eq!(self.log_in(&name, &code), Outcome::Passed, "{name}");
        self.seen.passed += 1;
    }

    fn log_in(&mut self, name: &str, answer: &str) -> Outcome {
        let begun = Instant::now();
        let outcome = log_in(self.socket, name, answer).expect("an answer");
        self.seen.latencies.push(begun.elapsed());
        outcome
    }

    fn draw(&mut self, below: u64) -> u64 {
        let next = self.random.wrapping_mul(6_364_136_223_846_793_005);
        self.random = next.wrapping_add(1);
        (self.random >> 33) % below
    }
}

/// The store and the memory of an agent at one moment.
struct Sample {
    store: StoreSize,
    memory: u64,
}

/// Lets many clients log in for `lasting`; all `ghosts` have come by the end of the first third.
fn a_load_keeps_the_store_small(lasting: Duration, ghosts: u64) {
    let agent = Agent::start();
    let is_over = AtomicBool::new(false);
    let (samples, seen) = std::thread::scope(|scope| {
        let visitors: Vec<_> = (0..THREADS)
            .map(|thread| {
                let name = |n| format!("user{thread}-{n}");
                let visitor = Visitor {
                    socket: agent.socket(),
                    users: (0..USERS_OF_A_THREAD)
                        .map(|n| User::new(&agent, name(n)))
                        .collect(),
                    ghosts,
                    random: thread as u64 * 7919 + 1,
                    seen: Seen::default(),
                };
                let is_over = &is_over;
                scope.spawn(move || visitor.run(is_over))
            })
            .collect();
        let over = Over(&is_over);
        let samples = sampled(&agent, lasting);
        drop(over);
        let seen = visitors
            .into_iter()
            .map(|visitor| visitor.join().expect("a visitor"));
        (samples, Seen::of_all(seen))
    });
    stays_small(&samples);
    let user = agent.admin().status("user0-0");
    assert!(user.devices[0].counter > Some(1), "{user:?}");
    report(lasting, &samples, &seen);
}

/// Ends the logins when dropped, also in a failing test.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn sampled(agent: &Agent, lasting: Duration) -> Vec<Sample> {
    let end = Instant::now() + lasting;
    let mut samples = Vec::new();
    while Instant::now() < end {
        std::thread::sleep(Duration::from_millis(500));
        samples.extend(StoreSize::of(&agent.store()).map(|store| Sample {
            store,
            memory: agent.memory(),
        }));
    }
    samples
}

fn stays_small(samples: &[Sample]) {
    for Sample { store, memory } in samples {
        assert!(store.folder <= 3 * store.live + 16 * MIB, "{store:?}");
        assert!(*memory <= MOST_MEMORY, "{memory} bytes of memory");
    }
    let thirds: Vec<u64> = samples
        .chunks(samples.len().div_ceil(3))
        .map(|third| {
            third
                .iter()
                .map(|sample| sample.store.folder)
                .max()
                .unwrap_or_default()
        })
        .collect();
    let [_, second, third] = thirds[..] else {
        panic!("{} samples are too few", samples.len());
    };
    assert!(third <= second + UP_AND_DOWN, "it grows: {thirds:?}");
}

fn report(lasting: Duration, samples: &[Sample], seen: &Seen) {
    let folder = || samples.iter().map(|sample| sample.store.folder);
    let memory = samples.iter().map(|sample| sample.memory).max();
    let last = samples.last().expect("a sample").store;
    let mut latencies = seen.latencies.clone();
    latencies.sort();
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
    println!(
        "{} s of logins: {} passed, {} wrong, {} with unknown names\n\
         store folder: {} to {} KiB, at the end {} KiB; {} live records of {} KiB in all\n\
         memory of the agent: at most {} KiB\n\
         a login: median {:?}, 99 of 100 within {:?}, longest {:?}",
        lasting.as_secs(),
        seen.passed,
        seen.wrong,
        seen.unknown,
        folder().min().unwrap_or_default() >> 10,
        folder().max().unwrap_or_default() >> 10,
        last.folder >> 10,
        last.records,
        last.live >> 10,
        memory.unwrap_or_default() >> 10,
        at(0.5),
        at(0.99),
        at(1.0),
    );
}

impl Seen {
    fn of_all(all: impl Iterator<Item = Self>) -> Self {
        all.fold(Self::default(), |mut sum, seen| {
            sum.latencies.extend(seen.latencies);
            sum.passed += seen.passed;
            sum.wrong += seen.wrong;
            sum.unknown += seen.unknown;
            sum
        })
    }
}

#[test]
fn the_store_does_not_grow_with_the_logins() {
    a_load_keeps_the_store_small(Duration::from_secs(20), 100);
}

/// `make torture` selects these by the module's name.
mod torture {
    use super::*;

    #[test]
    #[ignore = "takes minutes: make torture"]
    fn the_store_does_not_grow_in_ten_minutes_of_logins() {
        a_load_keeps_the_store_small(Duration::from_secs(600), 3_000);
    }
}
