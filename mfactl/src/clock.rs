//! Times for people: in their zone, and from now.
//!
//! The agent sends RFC 3339 in UTC. An administrator at 3 a.m. wants local time, and how long that is from now. A text
//! that is no time is shown as it is, cleaned.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};

use crate::output::clean;

const DATE: &str = "%Y-%m-%d %H:%M";
const TIME: &str = "%H:%M";

/// Now, and here.
pub(crate) struct Clock {
    now: Timestamp,
    zone: TimeZone,
}

impl Clock {
    /// The system's time, and the zone of the process (`TZ`, else the host's).
    pub(crate) fn system() -> Self {
        Self {
            now: Timestamp::now(),
            zone: TimeZone::system(),
        }
    }

    /// "2026-11-20 14:02"
    pub(crate) fn date(&self, time: &str) -> String {
        self.shown(time, |at| self.wall(at, DATE))
    }

    /// "2026-11-20 14:02 (2 days ago)"
    pub(crate) fn past(&self, time: &str) -> String {
        self.shown(time, |at| {
            format!("{} ({})", self.wall(at, DATE), self.distance(at))
        })
    }

    /// "15:04 (in 42 minutes)", with its date when that is not today's.
    pub(crate) fn future(&self, time: &str) -> String {
        self.shown(time, |at| {
            format!("{} ({})", self.wall(at, self.format(at)), self.distance(at))
        })
    }

    /// "15:04", with its date when that is not today's.
    pub(crate) fn brief(&self, time: &str) -> String {
        self.shown(time, |at| self.wall(at, self.format(at)))
    }

    /// "in 42 minutes", "2 minutes ago"
    pub(crate) fn wait(&self, time: &str) -> String {
        self.shown(time, |at| self.distance(at))
    }

    /// A text of the agent, with each time in it as [`Clock::brief`] shows it.
    pub(crate) fn localized(&self, text: &str) -> String {
        let words = text.split_inclusive(char::is_whitespace);
        words
            .map(|word| {
                let start = word.trim_end_matches(|c: char| c != 'Z');
                match start.trim_start_matches('(').parse::<Timestamp>() {
                    Ok(at) => word.replacen(
                        start.trim_start_matches('('),
                        &self.wall(at, self.format(at)),
                        1,
                    ),
                    Err(_) => word.to_owned(),
                }
            })
            .collect()
    }

    /// Whether `time` is longer ago than `age`.
    pub(crate) fn is_older(&self, time: &str, age: Duration) -> bool {
        let at = time.parse::<Timestamp>();
        at.is_ok_and(|at| self.now.duration_since(at).as_secs_f64() > age.as_secs_f64())
    }

    fn shown(&self, time: &str, show: impl FnOnce(Timestamp) -> String) -> String {
        time.parse().map_or_else(|_| clean(time).into_owned(), show)
    }

    /// The day only where it is not today.
    fn format(&self, at: Timestamp) -> &'static str {
        let day = |at: Timestamp| at.to_zoned(self.zone.clone()).date();
        if day(at) == day(self.now) { TIME } else { DATE }
    }

    fn wall(&self, at: Timestamp, format: &str) -> String {
        at.to_zoned(self.zone.clone()).strftime(format).to_string()
    }

    fn distance(&self, at: Timestamp) -> String {
        let seconds = self
            .now
            .until((Unit::Second, at))
            .map_or(i64::MAX, |span| span.get_seconds());
        match seconds {
            0 => "now".to_owned(),
            1.. => format!("in {}", words(seconds, true)),
            _ => format!("{} ago", words(seconds.saturating_neg(), false)),
        }
    }
}

/// A length of time in its largest fitting unit. A wait is rounded up, so that it is over when it
/// seems to be; an age is rounded down.
fn words(seconds: i64, up: bool) -> String {
    const UNITS: [(i64, i64, &str); 4] = [
        (1, 120, "second"),
        (60, 2 * 3600, "minute"),
        (3600, 2 * 86_400, "hour"),
        (86_400, i64::MAX, "day"),
    ];
    let fitting = UNITS.into_iter().find(|(_, below, _)| seconds < *below);
    let (length, _, unit) = fitting.unwrap_or((86_400, 0, "day"));
    let count = if up {
        seconds.saturating_add(length - 1) / length
    } else {
        seconds / length
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

#[cfg(test)]
impl Clock {
    /// 2026-11-22 14:22 in a zone an hour ahead of UTC.
    pub(crate) fn for_tests() -> Self {
        Self {
            now: "2026-11-22T13:22:00Z".parse().unwrap(),
            zone: TimeZone::fixed(jiff::tz::offset(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_ends_at_a_time_on_the_wall_and_in_some_minutes() {
        let clock = Clock::for_tests();
        assert_eq!(
            clock.future("2026-11-22T14:04:00Z"),
            "15:04 (in 42 minutes)"
        );
        assert_eq!(
            clock.future("2026-11-22T14:03:01Z"),
            "15:03 (in 42 minutes)"
        );
        assert_eq!(
            clock.future("2026-11-22T23:22:00Z"),
            "2026-11-23 00:22 (in 10 hours)"
        );
        assert_eq!(clock.future("2026-11-22T13:22:00Z"), "14:22 (now)");
        assert_eq!(clock.wait("2026-11-22T14:04:00Z"), "in 42 minutes");
        assert_eq!(clock.brief("2026-11-22T14:04:00Z"), "15:04");
        assert_eq!(clock.brief("2026-11-21T14:04:00Z"), "2026-11-21 15:04");
    }

    #[test]
    fn times_in_a_text_are_local() {
        let clock = Clock::for_tests();
        assert_eq!(
            clock.localized("since 2026-11-22T13:04:05.123Z; until (2026-11-22T23:22:00Z).\nAZ"),
            "since 14:04; until (2026-11-23 00:22).\nAZ"
        );
        assert_eq!(clock.localized("  no  time Z: "), "  no  time Z: ");
    }

    #[test]
    fn an_age_is_rounded_down() {
        let clock = Clock::for_tests();
        assert_eq!(
            clock.past("2026-11-20T13:02:00Z"),
            "2026-11-20 14:02 (2 days ago)"
        );
        assert_eq!(
            clock.past("2026-11-22T11:22:01Z"),
            "2026-11-22 12:22 (119 minutes ago)"
        );
        assert_eq!(
            clock.past("2026-11-22T13:21:59Z"),
            "2026-11-22 14:21 (1 second ago)"
        );
    }

    #[test]
    fn what_is_no_time_is_shown_without_its_control_characters() {
        assert_eq!(Clock::for_tests().past("soon\u{1b}[2J"), "soon\\u{1b}[2J");
    }
}
