//! An agent under endless logins: its store, memory, threads and descriptors.
//!
//! None of them may grow with the logins, only the store with the users. The test takes half a minute;
//! the ignored one takes an hour (`make torture`), or the number of minutes in `MFA_TORTURE_MINUTES`.
//! Times depend on the machine, so they are shown and not checked.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mfa_protocol::login::Outcome;
use mfa_tests::{Acknowledged, Agent, Key, StoreSize, log_in};

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
/// The same for the agent's memory, and for its descriptors and threads: connections come and go.
const MORE_MEMORY: u64 = 4 * MIB;
const MORE_OPEN: u64 = THREADS as u64;
/// How often the store is examined, and how often it is asked whether it is making a sorted file.
const SAMPLING: Duration = Duration::from_millis(500);
const LOOKING: Duration = Duration::from_millis(10);

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
    /// When each login began, and how long it took.
    latencies: Vec<(Instant, Duration)>,
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
        self.seen.latencies.push((begun, begun.elapsed()));
        outcome
    }

    fn draw(&mut self, below: u64) -> u64 {
        let next = self.random.wrapping_mul(6_364_136_223_846_793_005);
        self.random = next.wrapping_add(1);
        (self.random >> 33) % below
    }
}

/// What an agent uses at one moment.
struct Sample {
    store: StoreSize,
    memory: u64,
    descriptors: u64,
    threads: u64,
}

/// What was seen of an agent while it served.
#[derive(Default)]
struct Watched {
    samples: Vec<Sample>,
    /// When it was making a sorted file, from a journal or from other sorted files.
    folding: Vec<(Instant, Instant)>,
}

impl Sample {
    fn of(agent: &Agent) -> Option<Self> {
        let count = |folder: &str| {
            let path = format!("/proc/{}/{folder}", agent.pid());
            fs::read_dir(path)
                .map(|entries| entries.count() as u64)
                .ok()
        };
        Some(Self {
            store: StoreSize::of(&agent.store())?,
            memory: agent.memory(),
            descriptors: count("fd")?,
            threads: count("task")?,
        })
    }
}

/// Lets many clients log in for `lasting`, beside `others` who don't; all `ghosts` have come by the
/// end of the first third.
fn a_load_keeps_the_agent_small(lasting: Duration, ghosts: u64, others: usize) {
    let agent = Agent::start();
    let mut at_rest = Acknowledged::default();
    assert!(others == 0 || at_rest.import(agent.socket(), "other", others));
    let is_over = AtomicBool::new(false);
    let (watched, seen) = std::thread::scope(|scope| {
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
        let watched = watch(&agent, lasting);
        drop(over);
        let seen = visitors
            .into_iter()
            .map(|visitor| visitor.join().expect("a visitor"));
        (watched, Seen::of_all(seen))
    });
    let user = agent.admin().status("user0-0");
    assert!(user.devices[0].counter > Some(1), "{user:?}");
    report(lasting, &watched, &seen);
    stays_small(&watched.samples);
}

/// Ends the logins when dropped, also in a failing test.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn watch(agent: &Agent, lasting: Duration) -> Watched {
    let begun = Instant::now();
    let mut watched = Watched::default();
    let mut folding_since = None;
    let mut sampled = begun;
    while begun.elapsed() < lasting {
        std::thread::sleep(LOOKING);
        match (is_folding(&agent.store()), folding_since) {
            (true, None) => folding_since = Some(Instant::now() - LOOKING),
            (false, Some(since)) => {
                watched.folding.push((since, Instant::now()));
                folding_since = None;
            }
            _ => {}
        }
        if sampled.elapsed() >= SAMPLING {
            watched.samples.extend(Sample::of(agent));
            agent.empty_logs();
            sampled = Instant::now();
        }
    }
    watched
}

fn is_folding(store: &Path) -> bool {
    let names = fs::read_dir(store).into_iter().flatten().flatten();
    names
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .any(|name| name.starts_with("sorted.") && name.ends_with(".new"))
}

fn stays_small(samples: &[Sample]) {
    for Sample { store, memory, .. } in samples {
        assert!(store.folder <= 3 * store.live + 16 * MIB, "{store:?}");
        assert!(*memory <= MOST_MEMORY, "{memory} bytes of memory");
    }
    stays("the folder", samples, UP_AND_DOWN, |at| at.store.folder);
    stays("memory", samples, MORE_MEMORY, |at| at.memory);
    stays("descriptors", samples, MORE_OPEN, |at| at.descriptors);
    stays("threads", samples, MORE_OPEN, |at| at.threads);
}

/// The largest value of the last third is at most that of the second third and `more`.
fn stays(what: &str, samples: &[Sample], more: u64, of: impl Fn(&Sample) -> u64) {
    let largest = |third: &[Sample]| third.iter().map(&of).max().unwrap_or_default();
    let thirds: Vec<u64> = samples
        .chunks(samples.len().div_ceil(3))
        .map(largest)
        .collect();
    let [first, second, third] = thirds[..] else {
        panic!("{} samples are too few", samples.len());
    };
    println!("{what}: at most {first}, {second}, {third} in each third");
    assert!(third <= second + more, "{what} grows: {thirds:?}");
}

fn report(lasting: Duration, watched: &Watched, seen: &Seen) {
    let samples = &watched.samples;
    let folder = || samples.iter().map(|sample| sample.store.folder);
    let memory = samples.iter().map(|sample| sample.memory).max();
    let last = samples.last().expect("a sample").store;
    println!(
        "{} s of logins: {} passed, {} wrong, {} with unknown names\n\
         store folder: {} to {} KiB, at the end {} KiB; {} live records of {} KiB in all\n\
         memory of the agent: at most {} KiB",
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
    );
    let (folding, others): (Vec<_>, Vec<_>) = seen
        .latencies
        .iter()
        .partition(|(begun, took)| watched.is_folding_during(*begun, *begun + *took));
    println!("sorted files seen in the making: {}", watched.folding.len());
    report_times("a login while one is made", folding);
    report_times("another login", others);
}

fn report_times(what: &str, logins: Vec<(Instant, Duration)>) {
    let mut times: Vec<Duration> = logins.into_iter().map(|(_, took)| took).collect();
    times.sort();
    let at = |share: f64| {
        let time = times.get((times.len().saturating_sub(1) as f64 * share) as usize);
        time.copied().unwrap_or_default()
    };
    println!(
        "{what}: {} of them, median {:?}, 99 of 100 within {:?}, longest {:?}",
        times.len(),
        at(0.5),
        at(0.99),
        at(1.0),
    );
}

impl Watched {
    fn is_folding_during(&self, from: Instant, to: Instant) -> bool {
        let next = self.folding.partition_point(|(_, end)| *end < from);
        self.folding
            .get(next)
            .is_some_and(|(begin, _)| *begin <= to)
    }
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
fn neither_store_nor_memory_threads_or_descriptors_grow_with_the_logins() {
    a_load_keeps_the_agent_small(Duration::from_secs(30), 100, 0);
}

/// `make torture` selects these by the module's name.
mod torture {
    use super::*;

    #[test]
    #[ignore = "takes an hour: make torture"]
    fn nothing_grows_in_an_hour_of_logins() {
        let minutes = std::env::var("MFA_TORTURE_MINUTES").ok();
        let minutes = minutes.map_or(60, |text| text.parse().expect("a number of minutes"));
        a_load_keeps_the_agent_small(Duration::from_secs(minutes * 60), 3_000, 10_000);
    }
}
