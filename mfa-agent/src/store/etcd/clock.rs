//! How far this host's clock is from the clock of a server, from the times that its answers carry.
//!
//! HTTP's `Date` has whole seconds, so one answer tells the difference to a second. Many answers at different parts of a
//! second narrow it down: it is in all of their ranges. [`Clock::next_look`] says when an answer would halve what is left.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use crate::store::fleet::ClockDifference;

const SECOND: i64 = 1_000;

/// A difference is known well enough within this.
const NARROW: i64 = 150;

/// Clocks drift apart by at most a millisecond in this time (50 ppm).
const MILLISECOND_OF_DRIFT: u128 = 20_000;

/// What the answers of one server tell.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock(Option<(ClockDifference, Instant)>);

/// When a request was sent, and when its answer was there, by the clock of this host.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exchange {
    pub(super) sent: Timestamp,
    pub(super) answered: Timestamp,
}

impl Clock {
    /// An answer with this `Date`.
    pub(super) fn note(&mut self, date: &str, exchange: Exchange, now: Instant) {
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
        // A clock was set if no difference fits both.
        let both = both.filter(|both| both.least <= both.most);
        self.0 = Some((both.unwrap_or(seen), now));
    }

    /// The difference, as far as it is known.
    pub(super) fn at(&self, now: Instant) -> Option<ClockDifference> {
        let (known, since) = self.0?;
        let drift = now.duration_since(since).as_millis() / MILLISECOND_OF_DRIFT;
        let drift = i64::try_from(drift).unwrap_or(i64::MAX / 4);
        Some(ClockDifference {
            least: known.least.saturating_sub(drift),
            most: known.most.saturating_add(drift),
        })
    }

    /// How long to wait for a moment at which an answer halves what is not known; none if enough is known.
    pub(super) fn next_look(&self, now: Instant, time: Timestamp) -> Option<Duration> {
        let known = self.at(now)?;
        if known.most - known.least <= NARROW {
            return None;
        }
        // Then the server's clock changes to the next second, if the middle is the difference.
        let since_change = (time.as_millisecond() - known.middle()).rem_euclid(SECOND);
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

    /// What a server says whose clock is behind this one by `ahead` milliseconds.
    fn answer(clock: &mut Clock, at: i64, ahead: i64, now: Instant) {
        let time = |ms| Timestamp::from_millisecond(ms).unwrap();
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
            let (mut clock, now) = (Clock::default(), Instant::now());
            let mut at = 1_800_000_000_123;
            answer(&mut clock, at, ahead, now);
            let mut looks = 0;
            while let Some(wait) = clock.next_look(now, Timestamp::from_millisecond(at).unwrap()) {
                at += i64::try_from(wait.as_millis()).unwrap();
                answer(&mut clock, at, ahead, now);
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
    fn a_clock_that_was_set_is_measured_again() {
        let (mut clock, now) = (Clock::default(), Instant::now());
        answer(&mut clock, 1_800_000_000_000, 0, now);
        answer(&mut clock, 1_800_000_060_000, 30_000, now);
        let known = clock.at(now).unwrap();
        assert!(known.least <= 30_000 && 30_000 <= known.most, "{known:?}");
    }

    #[test]
    fn a_date_that_is_none_tells_nothing() {
        let (mut clock, now) = (Clock::default(), Instant::now());
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
