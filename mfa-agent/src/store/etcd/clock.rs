//! How far this host's clock is from the clock of a server, from the times that its answers carry.
//!
//! HTTP's `Date` has whole seconds, so one answer tells the difference to a second. Many answers at different parts of a
//! second narrow it down: it is in all of their ranges. [`Clock::next_look`] says when an answer would halve what is left.
//!
//! Whoever sets this host's clock makes all of this void at once, also what was learned of servers that are seldom asked. It
//! shows in the clock that nobody sets ([`Instant`]): between two moments both go on by as much.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use crate::store::fleet::ClockDifference;

const SECOND: i64 = 1_000;

/// A difference is known well enough within this.
const NARROW: i64 = 150;

/// The host's clock was set if it differs by more from the clock that nobody sets. Less than that is the time between two
/// readings on a busy machine, or a clock that is slewed.
const SET: i64 = 500;

/// Clocks drift apart by at most a millisecond in this time (50 ppm).
const MILLISECOND_OF_DRIFT: i64 = 20_000;

/// What the answers of one server tell.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock(Option<(ClockDifference, ClockReading)>);

/// What both clocks of this host show at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClockReading {
    /// The one that nobody sets.
    pub(super) instant: Instant,
    /// The one that tells the time.
    pub(super) time: Timestamp,
}

impl ClockReading {
    pub(super) fn now() -> Self {
        Self {
            instant: Instant::now(),
            time: Timestamp::now(),
        }
    }

    /// Milliseconds since `earlier`.
    fn since(self, earlier: Self) -> i64 {
        let passed = self.instant.duration_since(earlier.instant).as_millis();
        i64::try_from(passed).unwrap_or(i64::MAX / 4)
    }

    /// By how much the time was set forward since `earlier`, in milliseconds.
    fn set_since(self, earlier: Self) -> i64 {
        let shown = self.time.as_millisecond() - earlier.time.as_millisecond();
        shown.saturating_sub(self.since(earlier))
    }
}

/// When a request was sent, and when its answer was there, by the clock of this host.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exchange {
    pub(super) sent: Timestamp,
    pub(super) answered: Timestamp,
}

impl Clock {
    /// An answer with this `Date`.
    pub(super) fn note(&mut self, date: &str, exchange: Exchange, now: ClockReading) {
        static PARSER: DateTimeParser = DateTimeParser::new();
        let Ok(date) = PARSER.parse_timestamp(date) else {
            return;
        };
        let date = date.as_millisecond();
        let seen = ClockDifference {
            least: exchange.sent.as_millisecond() - date - SECOND,
            most: exchange.answered.as_millisecond() - date,
        };
        if seen.least > seen.most {
            // This host's clock was set back meanwhile.
            return;
        }
        let both = self.at(now).map(|known| ClockDifference {
            least: known.least.max(seen.least),
            most: known.most.min(seen.most),
        });
        // The clock of the server was set if no difference fits both.
        let both = both.filter(|both| both.least <= both.most);
        self.0 = Some((both.unwrap_or(seen), now));
    }

    /// The difference, as far as it is known.
    pub(super) fn at(&self, now: ClockReading) -> Option<ClockDifference> {
        let (known, since) = self.0?;
        let drift = now.since(since) / MILLISECOND_OF_DRIFT;
        if now.set_since(since).abs() > SET + drift {
            return None;
        }
        Some(ClockDifference {
            least: known.least.saturating_sub(drift),
            most: known.most.saturating_add(drift),
        })
    }

    /// How long to wait for a moment at which an answer halves what is not known; none if enough is known.
    pub(super) fn next_look(&self, now: ClockReading) -> Option<Duration> {
        let known = self.at(now)?;
        if known.most - known.least <= NARROW {
            return None;
        }
        // Then the server's clock changes to the next second, if the middle is the difference.
        let since_change = (now.time.as_millisecond() - known.middle()).rem_euclid(SECOND);
        Duration::try_from_secs_f64((SECOND - since_change) as f64 / SECOND as f64).ok()
    }
}

/// The middle one of the differences to some servers, if there is any.
pub(super) fn median(mut differences: Vec<ClockDifference>) -> Option<ClockDifference> {
    differences.sort_by_key(|difference| difference.middle());
    differences.get(differences.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: i64 = 1_800_000_000_123;

    fn time(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).unwrap()
    }

    /// A host whose clock says `at` at first.
    fn reading(at: i64) -> ClockReading {
        ClockReading {
            instant: Instant::now(),
            time: time(at),
        }
    }

    /// The same host after so many milliseconds.
    fn later(reading: ClockReading, ms: i64) -> ClockReading {
        ClockReading {
            instant: reading.instant + Duration::from_millis(ms.unsigned_abs()),
            time: time(reading.time.as_millisecond() + ms),
        }
    }

    /// What a server says whose clock is behind this one by `ahead` milliseconds.
    fn answer(clock: &mut Clock, ahead: i64, now: ClockReading) {
        let at = now.time.as_millisecond();
        let date = time((at - ahead).div_euclid(SECOND) * SECOND);
        let date = date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let exchange = Exchange {
            sent: time(at - 1),
            answered: time(at + 1),
        };
        clock.note(&date, exchange, now);
    }

    #[test]
    fn a_few_answers_tell_the_difference_to_a_fraction_of_a_second() {
        for ahead in [0, 1, -1, 499, 1500, -2750, 86_400_000] {
            let (mut clock, mut now) = (Clock::default(), reading(BEGIN));
            answer(&mut clock, ahead, now);
            let mut looks = 0;
            while let Some(wait) = clock.next_look(now) {
                now = later(now, i64::try_from(wait.as_millis()).unwrap());
                answer(&mut clock, ahead, now);
                looks += 1;
                assert!(looks < 8, "{ahead}: {clock:?}");
            }
            let known = clock.at(now).unwrap();
            assert!(
                known.least <= ahead && ahead <= known.most,
                "{ahead}: {known:?}"
            );
            assert!(known.most - known.least <= NARROW, "{known:?}");
        }
    }

    #[test]
    fn the_clock_of_a_server_that_was_set_is_measured_again() {
        let (mut clock, now) = (Clock::default(), reading(BEGIN));
        answer(&mut clock, 0, now);
        let now = later(now, 60_000);
        answer(&mut clock, 30_000, now);
        let known = clock.at(now).unwrap();
        assert!(known.least <= 30_000 && 30_000 <= known.most, "{known:?}");
    }

    #[test]
    fn what_was_measured_before_this_hosts_clock_was_set_counts_no_more() {
        for set in [-3_600_000, -1000, 1000, 3_600_000] {
            let (mut clock, now) = (Clock::default(), reading(BEGIN));
            answer(&mut clock, 0, now);
            let now = later(now, 60_000);
            assert!(clock.at(now).is_some());
            let now = ClockReading {
                time: time(now.time.as_millisecond() + set),
                ..now
            };
            assert_eq!(clock.at(now), None, "{set}");
            assert_eq!(clock.next_look(now), None);
            answer(&mut clock, set, now);
            let known = clock.at(now).unwrap();
            assert!(known.least <= set && set <= known.most, "{known:?}");
        }
    }

    #[test]
    fn a_clock_that_drifts_or_is_slewed_a_little_was_not_set() {
        let (mut clock, now) = (Clock::default(), reading(BEGIN));
        answer(&mut clock, 0, now);
        // Ten minutes at 200 ppm.
        let moved = ClockReading {
            time: time(now.time.as_millisecond() + 600_120),
            ..later(now, 600_000)
        };
        assert!(clock.at(moved).is_some());
    }

    #[test]
    fn a_date_that_is_none_tells_nothing() {
        let (mut clock, now) = (Clock::default(), reading(BEGIN));
        let exchange = Exchange {
            sent: Timestamp::UNIX_EPOCH,
            answered: Timestamp::UNIX_EPOCH,
        };
        for date in ["", "soon", "Mon, 99 Nov 2026 18:51:54 GMT", "\u{0}"] {
            clock.note(date, exchange, now);
        }
        assert_eq!(clock.at(now), None);
    }

    #[test]
    fn of_several_servers_the_middle_one_counts() {
        let difference = |at| ClockDifference {
            least: at,
            most: at,
        };
        assert_eq!(median(vec![]), None);
        let of = [90_000, 3, 1].map(difference).to_vec();
        assert_eq!(median(of), Some(difference(3)));
    }
}
