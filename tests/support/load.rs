//! Users who log in and users who are enrolled, while a test disturbs the agent.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::{Acknowledged, within};

/// The users who log in again and again.
const USERS: [&str; 2] = ["anna", "bea"];

/// The agent tries to open a broken store once a second, and may have to wait for its disk.
const PATIENCE: Duration = Duration::from_secs(60);

/// The users of an agent, and what was acknowledged to them.
pub struct Load {
    logging_in: [Mutex<Acknowledged>; 2],
    enrolling: Mutex<Acknowledged>,
    at_rest: Acknowledged,
    batches: AtomicUsize,
    passed: AtomicUsize,
}

impl Load {
    /// Enrols users at `socket`; one of them is locked and one has failed.
    #[must_use]
    pub fn new(socket: &Path) -> Self {
        let mut at_rest = Acknowledged::default();
        at_rest.lock(socket, "bert");
        at_rest.enroll(socket, "carl");
        at_rest.fail(socket, "carl");
        let logging_in = USERS.map(|user| {
            let mut known = Acknowledged::default();
            known.enroll(socket, user);
            assert!(known.pass(socket, user));
            Mutex::new(known)
        });
        Self {
            logging_in,
            enrolling: Mutex::default(),
            at_rest,
            batches: AtomicUsize::new(0),
            passed: AtomicUsize::new(0),
        }
    }

    /// Does `work` while users log in and others are imported, `batch` at a time.
    ///
    /// # Panics
    ///
    /// When something is acknowledged that can't be true.
    pub fn during<T>(&self, socket: &Path, batch: usize, work: impl FnOnce() -> T) -> T {
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let is_over = &is_over;
            for (known, user) in self.logging_in.iter().zip(USERS) {
                scope.spawn(move || {
                    while !is_over.load(Ordering::SeqCst) {
                        let pass = changed(known, |known| known.pass(socket, user));
                        self.passed.fetch_add(usize::from(pass), Ordering::SeqCst);
                    }
                });
            }
            scope.spawn(move || {
                while !is_over.load(Ordering::SeqCst) {
                    self.import(socket, batch);
                }
            });
            let _over = Over(is_over);
            work()
        })
    }

    /// The same without imports.
    pub fn logging_in<T>(&self, socket: &Path, work: impl FnOnce() -> T) -> T {
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let is_over = &is_over;
            for (known, user) in self.logging_in.iter().zip(USERS) {
                scope.spawn(move || {
                    while !is_over.load(Ordering::SeqCst) {
                        let pass = changed(known, |known| known.pass(socket, user));
                        self.passed.fetch_add(usize::from(pass), Ordering::SeqCst);
                    }
                });
            }
            let _over = Over(is_over);
            work()
        })
    }

    /// Imports this number of users. Returns whether that was acknowledged.
    pub fn import(&self, socket: &Path, count: usize) -> bool {
        let number = self.batches.fetch_add(1, Ordering::SeqCst);
        let prefix = format!("user{number}-");
        changed(&self.enrolling, |known| {
            known.import(socket, &prefix, count)
        })
    }

    /// Number of logins that passed.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.passed.load(Ordering::SeqCst)
    }

    /// Each user tries to log in, once.
    pub fn try_to_log_in(&self, socket: &Path) {
        for (known, user) in self.logging_in.iter().zip(USERS) {
            changed(known, |known| known.pass(socket, user));
        }
    }

    /// Waits until each of them has passed.
    pub fn can_log_in(&self, socket: &Path) {
        for (known, user) in self.logging_in.iter().zip(USERS) {
            within(PATIENCE, &format!("{user} to pass again"), || {
                changed(known, |known| known.pass(socket, user)).then_some(())
            });
        }
    }

    /// Everything acknowledged so far, to compare with later.
    #[must_use]
    pub fn now(&self) -> Self {
        let now = |known: &Mutex<Acknowledged>| Mutex::new(known.lock().expect("no panic").clone());
        Self {
            logging_in: [now(&self.logging_in[0]), now(&self.logging_in[1])],
            enrolling: now(&self.enrolling),
            at_rest: self.at_rest.clone(),
            batches: AtomicUsize::new(0),
            passed: AtomicUsize::new(0),
        }
    }

    /// Whether the agent at `socket` knows everything that was acknowledged.
    ///
    /// # Errors
    ///
    /// What is lost.
    pub fn is_held_by(&self, socket: &Path) -> Result<(), String> {
        for known in self.logging_in.iter().chain([&self.enrolling]) {
            known.lock().expect("no panic").is_held_by(socket)?;
        }
        self.at_rest.is_held_by(socket)
    }
}

/// Changes a copy, so that readers do not wait for a login to end.
fn changed(known: &Mutex<Acknowledged>, change: impl FnOnce(&mut Acknowledged) -> bool) -> bool {
    let mut now = known.lock().expect("no panic").clone();
    let is_done = change(&mut now);
    *known.lock().expect("no panic") = now;
    is_done
}

/// Ends the load when dropped, also in a failing test.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
