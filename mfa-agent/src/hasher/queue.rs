//! Decides whose turn it is to hash.
//!
//! The order is first come, first served, with a share for everybody: an account and an ordinary
//! user id hold a few places each, and all ordinary users together at most half of the running and
//! half of the waiting places. So a crowd of local users can block neither each other nor sshd and
//! the other programs of root.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Places for one account, over all callers: enough for a user with many windows, and more than the wrong answers that
/// lock it.
pub(super) const PER_ACCOUNT: usize = 12;

/// Places for one user id, unless it is privileged.
const PER_USER: usize = 4;

/// Who asks, and for which account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The user id of the calling process.
    pub uid: u32,
    /// Whether the caller is root, the agent's own user, or trusted: a program that checks logins.
    pub privileged: bool,
    /// The user whose secret is hashed, whether or not there is a record.
    pub account: String,
}

/// The callers that hash or wait.
pub(super) struct Queue {
    at_once: usize,
    places: usize,
    line: Mutex<Line>,
    changed: Condvar,
}

/// In the order of their tickets.
#[derive(Default)]
struct Line {
    next_ticket: u64,
    entries: Vec<Entry>,
    /// How many hashes fit into the memory, as of the last caller; none before the first.
    fitting: Option<usize>,
}

struct Entry {
    ticket: u64,
    claim: Claim,
    running: bool,
}

/// The right to hash; dropping it passes the turn on.
pub(super) struct Turn<'a> {
    queue: &'a Queue,
    ticket: u64,
}

impl Queue {
    /// Lets `at_once` run (at least one) and `waiting` wait.
    pub(super) fn new(at_once: usize, waiting: usize) -> Self {
        let at_once = at_once.max(1);
        Self {
            at_once,
            places: at_once + waiting,
            line: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Waits for the caller's turn, with at most `fitting` running. `None` at once if there is no place.
    pub(super) fn turn_within(&self, claim: &Claim, fitting: usize) -> Option<Turn<'_>> {
        let mut line = self.lock();
        line.fitting = Some(fitting.max(1));
        if !self.has_room(&line.entries, claim) {
            return None;
        }
        let ticket = line.next_ticket;
        line.next_ticket += 1;
        line.entries.push(Entry {
            ticket,
            claim: claim.clone(),
            running: false,
        });
        self.start_next(&mut line);
        drop(
            self.changed
                .wait_while(line, |line| !line.runs(ticket))
                .unwrap_or_else(PoisonError::into_inner),
        );
        Some(Turn {
            queue: self,
            ticket,
        })
    }

    fn has_room(&self, entries: &[Entry], claim: &Claim) -> bool {
        let count =
            |fits: &dyn Fn(&Claim) -> bool| entries.iter().filter(|e| fits(&e.claim)).count();
        if entries.len() >= self.places || count(&|c| c.account == claim.account) >= PER_ACCOUNT {
            return false;
        }
        claim.privileged
            || (count(&|c| !c.privileged && c.uid == claim.uid) < PER_USER
                && count(&|c| !c.privileged) < half(self.places))
    }

    /// Starts the next callers, as many as may run.
    fn start_next(&self, line: &mut Line) {
        let running = || line.entries.iter().filter(|e| e.running);
        let at_once = self.at_once.min(line.fitting.unwrap_or(self.at_once));
        // The memory may have room for fewer than run already.
        let mut free = at_once.saturating_sub(running().count());
        let ordinary = running().filter(|e| !e.claim.privileged).count();
        let mut free_for_ordinary = half(at_once).saturating_sub(ordinary);
        for entry in line.entries.iter_mut().filter(|e| !e.running) {
            if free == 0 {
                return;
            }
            if !entry.claim.privileged {
                if free_for_ordinary == 0 {
                    continue;
                }
                free_for_ordinary -= 1;
            }
            free -= 1;
            entry.running = true;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the caller's turn where memory is plenty.
    #[cfg(test)]
    pub(super) fn turn(&self, claim: &Claim) -> Option<Turn<'_>> {
        self.turn_within(claim, usize::MAX)
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.lock().entries.iter().filter(|e| !e.running).count()
    }
}

impl Line {
    fn runs(&self, ticket: u64) -> bool {
        self.entries.iter().any(|e| e.ticket == ticket && e.running)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut line = self.queue.lock();
        line.entries.retain(|entry| entry.ticket != self.ticket);
        self.queue.start_next(&mut line);
        drop(line);
        // Wakes all, because a condition variable can't pick one; there are few.
        self.queue.changed.notify_all();
    }
}

/// The share of ordinary users; of a single place, that one.
fn half(places: usize) -> usize {
    (places / 2).max(1)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread::{self, Scope};

    use super::*;

    fn root(account: &str) -> Claim {
        Claim {
            uid: 0,
            privileged: true,
            account: account.to_owned(),
        }
    }

    fn user(uid: u32, account: &str) -> Claim {
        Claim {
            uid,
            privileged: false,
            account: account.to_owned(),
        }
    }

    /// Waits for the turn of `claim` in a thread, and then sends its account.
    fn wait_behind<'s>(
        scope: &'s Scope<'s, '_>,
        queue: &'s Queue,
        claim: Claim,
        said: &mpsc::Sender<String>,
    ) {
        let (before, said) = (queue.waiting(), said.clone());
        scope.spawn(move || {
            let turn = queue.turn(&claim).unwrap();
            said.send(claim.account).unwrap();
            drop(turn);
        });
        while queue.waiting() == before {
            thread::yield_now();
        }
    }

    #[test]
    fn waiting_callers_are_served_in_order_of_arrival() {
        let queue = Queue::new(1, 20);
        let running = queue.turn(&root("first")).unwrap();
        let (said, heard) = mpsc::channel();
        let names: Vec<String> = (0..20).map(|n| format!("user{n}")).collect();
        thread::scope(|scope| {
            for name in &names {
                wait_behind(scope, &queue, root(name), &said);
            }
            drop(running);
        });
        assert_eq!(heard.try_iter().collect::<Vec<_>>(), names);
    }

    #[test]
    fn nobody_overtakes_waiting_callers_when_a_place_becomes_free() {
        let queue = Queue::new(1, 4);
        let running = queue.turn(&root("first")).unwrap();
        let (said, heard) = mpsc::channel();
        thread::scope(|scope| {
            wait_behind(scope, &queue, root("second"), &said);
            drop(running);
            // The second one comes first, whether or not it is awake by now.
            let turn = queue.turn(&root("third")).unwrap();
            assert_eq!(heard.try_recv().as_deref(), Ok("second"));
            drop(turn);
        });
    }

    #[test]
    fn an_account_holds_a_few_places_whoever_asks() {
        let queue = Queue::new(PER_ACCOUNT + 1, 64);
        let held: Vec<_> = (0..PER_ACCOUNT)
            .map(|_| queue.turn(&root("anna")).unwrap())
            .collect();
        assert!(queue.turn(&root("anna")).is_none());
        assert!(queue.turn(&user(7, "anna")).is_none());
        assert!(queue.turn(&root("bert")).is_some());
        drop(held);
        assert!(queue.turn(&root("anna")).is_some());
    }

    #[test]
    fn an_ordinary_user_holds_four_places_and_root_as_many_as_there_are() {
        let queue = Queue::new(16, 0);
        let held: Vec<_> = (0..4)
            .map(|n| queue.turn(&user(7, &format!("a{n}"))).unwrap())
            .collect();
        assert!(queue.turn(&user(7, "another")).is_none());
        assert!(queue.turn(&user(8, "another")).is_some());
        let roots: Vec<_> = (0..12)
            .map(|n| queue.turn(&root(&format!("b{n}"))).unwrap())
            .collect();
        assert!(queue.turn(&root("one too many")).is_none());
        drop((held, roots));
    }

    #[test]
    fn a_crowd_of_ordinary_users_leaves_half_of_the_places_to_root() {
        let queue = Queue::new(2, 6);
        let (said, heard) = mpsc::channel();
        thread::scope(|scope| {
            let running = queue.turn(&user(1, "a1")).unwrap();
            // Ordinary users may not take the second running place.
            for uid in 2..5 {
                wait_behind(scope, &queue, user(uid, &format!("a{uid}")), &said);
            }
            assert!(queue.turn(&user(5, "a5")).is_none(), "four of eight places");
            // Root overtakes them in the half that they may not use.
            let first = queue.turn(&root("b1")).unwrap();
            for n in 2..5 {
                wait_behind(scope, &queue, root(&format!("b{n}")), &said);
            }
            assert!(queue.turn(&root("b5")).is_none(), "all eight are taken");
            drop((first, running));
        });
        let (ordinary, mut roots): (Vec<String>, Vec<String>) =
            heard.try_iter().partition(|name| name.starts_with('a'));
        assert_eq!(ordinary, ["a2", "a3", "a4"], "one after the other");
        // Two of these may run at once, so either may report first.
        roots.sort();
        assert_eq!(roots, ["b2", "b3", "b4"]);
    }
}
