//! Whether it is this host's clock that is wrong, rather than the clocks of all phones.
//!
//! A wrong TOTP code is searched in a wide range, after it was refused and outside of any login, so that no answer
//! takes longer. If the codes of several users match at the same distance, and none at the right time, the host's clock
//! is probably wrong. The same if a record was last used in the future. None of this accepts a login, and only the
//! agent's log and administrators see it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use mfa_protocol::Secret;

use crate::log;
use mfa_core::account::Account;
use mfa_core::factors::device::{Generator, unspaced};

/// As many users with one distance make this host the suspect.
const SUSPICIOUS: usize = 3;
/// How far apart distances may be and yet be taken for one, in seconds.
const ALIKE: u64 = 60;
/// A code that is at most so old, in seconds, was typed late: that says nothing of a clock.
const TYPED_LATE: i64 = 180;
/// The most users that are remembered.
const MOST_USERS: usize = 64;
/// For so long.
const MEMORY: Duration = Duration::from_secs(24 * 60 * 60);
/// A last use that far ahead is no matter of a clock being set by a little, in seconds.
const AHEAD: i64 = 300;

/// What is remembered.
#[derive(Default)]
pub(super) struct ClockWatch {
    seen: Mutex<Seen>,
    is_busy: AtomicBool,
}

#[derive(Default)]
struct Seen {
    /// By user: by how many seconds the clock is ahead that showed the last wrong code, and when that was seen.
    distances: BTreeMap<String, (i64, Instant)>,
    /// The farthest last use ahead, in seconds, and whose.
    used_ahead: Option<(String, i64)>,
    is_told: bool,
}

impl ClockWatch {
    /// The code of a device with a clock was right: the host's clock and one phone's agree.
    pub(super) fn right(&self) {
        *self.seen() = Seen::default();
    }

    /// A code was wrong. It is examined by a thread of its own; one at a time is enough.
    pub(super) fn wrong(self: &Arc<Self>, user: &str, account: &Account, typed: &Secret) {
        if self.is_busy.swap(true, Ordering::AcqRel) {
            return;
        }
        let generators: Vec<Generator> = account
            .usable_devices()
            .map(|device| device.generator.clone())
            .collect();
        let (user, code) = (user.to_owned(), unspaced(typed.expose()));
        let now = Timestamp::now();
        let watch = Arc::clone(self);
        let started = thread::Builder::new()
            .name("clock".to_owned())
            .spawn(move || {
                let mut distances = generators.iter().filter_map(|g| g.distance(&code, now));
                if let Some(seconds) = distances.find(|seconds| tells_of_a_clock(*seconds)) {
                    watch.note(&user, seconds, Instant::now());
                }
                watch.is_busy.store(false, Ordering::Release);
            });
        if started.is_err() {
            self.is_busy.store(false, Ordering::Release);
        }
    }

    /// Looks whether the account was last used at a time to come.
    pub(super) fn look_at(&self, user: &str, account: &Account, now: Timestamp) {
        let uses = account
            .usable_devices()
            .filter_map(|device| device.dates.last_used_at);
        let ahead = uses.map(|used| used.as_second() - now.as_second()).max();
        let Some(ahead) = ahead.filter(|ahead| *ahead > AHEAD) else {
            return;
        };
        let mut seen = self.seen();
        if seen
            .used_ahead
            .as_ref()
            .is_none_or(|(_, most)| *most < ahead)
        {
            seen.used_ahead = Some((user.to_owned(), ahead));
        }
        tell(&mut seen);
    }

    /// Why the host's clock seems to be wrong; none if it does not.
    pub(super) fn suspicion(&self) -> Option<String> {
        let seen = self.seen();
        seen.suspicion()
    }

    fn note(&self, user: &str, seconds: i64, at: Instant) {
        let mut seen = self.seen();
        seen.distances
            .retain(|_, (_, then)| at.saturating_duration_since(*then) < MEMORY);
        if seen.distances.len() < MOST_USERS || seen.distances.contains_key(user) {
            seen.distances.insert(user.to_owned(), (seconds, at));
        }
        tell(&mut seen);
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a code that is so many seconds ahead was shown by a clock that differs from ours.
const fn tells_of_a_clock(seconds: i64) -> bool {
    seconds > 0 || seconds < -TYPED_LATE
}

/// Tells the log, once until a code is right again.
fn tell(seen: &mut Seen) {
    if seen.is_told {
        return;
    }
    if let Some(suspicion) = seen.suspicion() {
        log::error(format_args!("{suspicion}. Check the clock: timedatectl"));
        seen.is_told = true;
    }
}

impl Seen {
    fn suspicion(&self) -> Option<String> {
        let mut distances: Vec<i64> = self.distances.values().map(|(off, _)| *off).collect();
        distances.sort_unstable();
        let alike = |window: &&[i64]| match window {
            [first, .., last] => last.abs_diff(*first) <= ALIKE,
            _ => false,
        };
        let group = distances.windows(SUSPICIOUS).find(alike);
        if let Some(middle) = group.and_then(|group| group.get(SUSPICIOUS / 2)) {
            return Some(format!(
                "the clock of this host is probably {}: the codes of {} or more users are all off \
                 by this much and are refused",
                distance(middle.saturating_neg()),
                SUSPICIOUS
            ));
        }
        let (user, ahead) = self.used_ahead.as_ref()?;
        Some(format!(
            "the clock of this host was set back, or was wrong before: a code of {user} was last \
             used {}",
            distance(*ahead)
        ))
    }
}

/// "about 2 h behind", for a clock that is so many seconds ahead.
fn distance(ahead: i64) -> String {
    let direction = if ahead < 0 { "behind" } else { "ahead" };
    let seconds = ahead.unsigned_abs();
    let (hours, minutes) = (seconds / 3600, seconds % 3600 / 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds} s {direction}"),
        (0, minutes) => format!("about {minutes} min {direction}"),
        (hours, 0) => format!("about {hours} h {direction}"),
        (hours, minutes) => format!("about {hours} h {minutes} min {direction}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(distances: &[(&str, i64)]) -> Option<String> {
        let watch = ClockWatch::default();
        for (user, seconds) in distances {
            watch.note(user, *seconds, Instant::now());
        }
        watch.suspicion()
    }

    #[test]
    fn three_users_whose_codes_are_off_by_the_same_hour_make_the_host_the_suspect() {
        let said = after(&[("a", 3600), ("b", 3630), ("c", 3600), ("d", -400)]).unwrap();
        assert!(said.contains("probably about 1 h behind"), "{said}");
        let zone = after(&[("a", -19_800), ("b", -19_800), ("c", -19_770)]).unwrap();
        assert!(zone.contains("about 5 h 30 min ahead"), "{zone}");
    }

    #[test]
    fn one_user_many_times_or_three_by_different_amounts_do_not() {
        assert_eq!(after(&[("a", 3600), ("a", 3600), ("a", 3600)]), None);
        assert_eq!(after(&[("a", 3600), ("b", 7200), ("c", -3600)]), None);
    }

    #[test]
    fn a_code_that_was_typed_late_tells_nothing_of_a_clock() {
        assert!(!tells_of_a_clock(0) && !tells_of_a_clock(-90));
        assert!(tells_of_a_clock(90) && tells_of_a_clock(-3600));
    }

    #[test]
    fn a_right_code_clears_the_host() {
        let watch = ClockWatch::default();
        for user in ["a", "b", "c"] {
            watch.note(user, 3600, Instant::now());
        }
        assert!(watch.suspicion().is_some());
        watch.right();
        assert_eq!(watch.suspicion(), None);
    }
}
