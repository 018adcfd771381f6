//! How many connections there may be, and how fast an ordinary user may call (rule 7 of the
//! architecture).
//!
//! Stops a local user from using up the agent: they get a few connections each, all of them together
//! at most half, and a few calls a second, so that sshd and the other programs of root always find
//! room and the logs stay readable. Everything is decided by the user id, before anything is looked
//! up. Those that find no room are told so, a few at a time; of more of them nobody takes care.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::config::Settings;

/// Calls that an ordinary user may make at once.
const BURST: f64 = 60.0;

/// Calls a second that they may make for ever.
const RATE: f64 = 5.0;

/// Users whose calls are counted at a time. One who has not called for a while is forgotten.
const COUNTED: usize = 4096;

/// Connections that are being told that there is no room.
const TURNED_AWAY: u32 = 8;

/// What is used.
#[derive(Default)]
pub(super) struct Limits {
    counts: Mutex<Counts>,
    calls: Mutex<HashMap<u32, Allowance>>,
}

#[derive(Default)]
struct Counts {
    all: u32,
    unprivileged: u32,
    turned_away: u32,
    /// Only user ids that hold a connection are in here, so it can't outgrow `all`.
    by_uid: HashMap<u32, u32>,
}

/// The calls that a user has left (a token bucket).
struct Allowance {
    left: f64,
    as_of: Instant,
}

/// Whether a connection found room.
pub(super) enum Entry<'a> {
    /// It did.
    Served(Place<'a>),
    /// It did not, and can be told.
    TurnedAway(Place<'a>),
    /// It did not, and so many others are being told that it can't be.
    Dropped,
}

/// A place that is given back when dropped.
pub(super) struct Place<'a> {
    limits: &'a Limits,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Privileged(u32),
    Ordinary(u32),
    TurnedAway,
}

impl Limits {
    /// A place for a connection of `uid`. `privileged` are root, the agent's own user and the trusted
    /// ones.
    pub(super) fn enter(&self, uid: u32, privileged: bool, settings: &Settings) -> Entry<'_> {
        let mut counts = self.counts();
        let kind = match (counts.has_room(uid, privileged, settings), privileged) {
            (true, true) => Kind::Privileged(uid),
            (true, false) => Kind::Ordinary(uid),
            (false, _) if counts.turned_away < TURNED_AWAY => Kind::TurnedAway,
            (false, _) => return Entry::Dropped,
        };
        counts.add(kind);
        drop(counts);
        let place = Place { limits: self, kind };
        match kind {
            Kind::TurnedAway => Entry::TurnedAway(place),
            Kind::Privileged(_) | Kind::Ordinary(_) => Entry::Served(place),
        }
    }

    /// Whether an ordinary user may make a call at `now`; counts it if so.
    pub(super) fn may_call(&self, uid: u32, now: Instant) -> bool {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.len() >= COUNTED {
            calls.retain(|_, allowance| allowance.at(now) < BURST);
            if calls.len() >= COUNTED && !calls.contains_key(&uid) {
                return false;
            }
        }
        let fresh = Allowance {
            left: BURST,
            as_of: now,
        };
        let allowance = calls.entry(uid).or_insert(fresh);
        let left = allowance.at(now);
        if left < 1.0 {
            return false;
        }
        *allowance = Allowance {
            left: left - 1.0,
            as_of: now,
        };
        true
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn has_room(&self, uid: u32, privileged: bool, settings: &Settings) -> bool {
        let server = &settings.server;
        let of_uid = self.by_uid.get(&uid).copied().unwrap_or(0);
        self.all < server.max_connections
            && (privileged
                || (of_uid < server.max_connections_per_user
                    && self.unprivileged < server.max_connections / 2))
    }

    fn add(&mut self, kind: Kind) {
        match kind {
            Kind::TurnedAway => self.turned_away += 1,
            Kind::Privileged(uid) | Kind::Ordinary(uid) => {
                self.all += 1;
                *self.by_uid.entry(uid).or_default() += 1;
            }
        }
        self.unprivileged += u32::from(matches!(kind, Kind::Ordinary(_)));
    }

    fn remove(&mut self, kind: Kind) {
        self.unprivileged -= u32::from(matches!(kind, Kind::Ordinary(_)));
        let (Kind::Privileged(uid) | Kind::Ordinary(uid)) = kind else {
            self.turned_away -= 1;
            return;
        };
        self.all -= 1;
        if let Some(of_uid) = self.by_uid.get_mut(&uid) {
            *of_uid -= 1;
            if *of_uid == 0 {
                self.by_uid.remove(&uid);
            }
        }
    }
}

impl Allowance {
    fn at(&self, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.as_of).as_secs_f64();
        (self.left + passed * RATE).min(BURST)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.limits.counts().remove(self.kind);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn settings(all: u32, per_user: u32) -> Settings {
        let mut settings = Settings::default();
        settings.server.max_connections = all;
        settings.server.max_connections_per_user = per_user;
        settings
    }

    fn served<'a>(
        limits: &'a Limits,
        uid: u32,
        privileged: bool,
        settings: &Settings,
    ) -> Option<Place<'a>> {
        match limits.enter(uid, privileged, settings) {
            Entry::Served(place) => Some(place),
            Entry::TurnedAway(_) | Entry::Dropped => None,
        }
    }

    #[test]
    fn one_user_gets_a_few_places_and_all_users_together_half() {
        let (limits, settings) = (Limits::default(), settings(6, 2));
        let enter = |uid, privileged| served(&limits, uid, privileged, &settings);
        let held = [7, 7, 8].map(|uid| enter(uid, false).unwrap());
        assert!(enter(7, false).is_none(), "a third of the same user");
        assert!(enter(9, false).is_none(), "more than half of all");
        let roots = [0; 3].map(|uid| enter(uid, true).unwrap());
        assert!(enter(0, true).is_none(), "there are six");
        drop((held, roots));
        assert!(enter(7, false).is_some());
        assert!(limits.counts().by_uid.is_empty());
    }

    #[test]
    fn only_a_few_are_told_that_there_is_no_room() {
        let (limits, settings) = (Limits::default(), settings(0, 0));
        let told: Vec<_> = (0..TURNED_AWAY)
            .map(|_| limits.enter(7, false, &settings))
            .collect();
        assert!(
            told.iter()
                .all(|entry| matches!(entry, Entry::TurnedAway(_)))
        );
        assert!(matches!(limits.enter(7, false, &settings), Entry::Dropped));
        drop(told);
        assert!(matches!(
            limits.enter(7, false, &settings),
            Entry::TurnedAway(_)
        ));
    }

    #[test]
    fn an_ordinary_user_calls_in_bursts_and_not_for_ever() {
        let (limits, start) = (Limits::default(), Instant::now());
        let calls = (0..1000).filter(|_| limits.may_call(7, start)).count();
        assert_eq!(calls, 60);
        assert!(
            limits.may_call(8, start),
            "another user's calls are their own"
        );
        let later = start + Duration::from_secs(1);
        assert_eq!((0..1000).filter(|_| limits.may_call(7, later)).count(), 5);
    }

    #[test]
    fn the_table_of_callers_does_not_grow_without_end() {
        let (limits, start) = (Limits::default(), Instant::now());
        let counted = (0..10_000)
            .filter(|uid| limits.may_call(*uid, start))
            .count();
        assert_eq!(counted, COUNTED);
        let later = start + Duration::from_secs(60);
        assert!(
            limits.may_call(9_999, later),
            "those who are quiet make room"
        );
    }
}
