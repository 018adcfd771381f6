//! When a rule applies: hours of the day and days of the week, by the host's wall clock.
//!
//! The current day counts. So a night from Friday to Saturday needs both days: with `hours =
//! ["22:00-06:00"]` and `days = ["fri"]` the rule matches on Friday before six and from ten on, but
//! not on Saturday morning.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Time, Weekday};

/// Hours of a day, as ranges. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours(Vec<HourRange>);

/// Days of a week, as ranges. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Days(Vec<DayRange>);

impl Hours {
    /// A list; `None` when it is empty, because it could never match.
    #[must_use]
    pub fn new(ranges: Vec<HourRange>) -> Option<Self> {
        (!ranges.is_empty()).then_some(Self(ranges))
    }

    /// Whether one of them contains `time`.
    #[must_use]
    pub fn contain(&self, time: Time) -> bool {
        self.0.iter().any(|range| range.contains(time))
    }
}

impl Days {
    /// A list; `None` when it is empty, because it could never match.
    #[must_use]
    pub fn new(ranges: Vec<DayRange>) -> Option<Self> {
        (!ranges.is_empty()).then_some(Self(ranges))
    }

    /// Whether one of them contains `day`.
    #[must_use]
    pub fn contain(&self, day: Weekday) -> bool {
        self.0.iter().any(|range| range.contains(day))
    }
}

/// A range such as `08:00-18:00`, without its end. If the end is before the beginning, it runs over
/// midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HourRange {
    start: Minute,
    end: Minute,
}

impl HourRange {
    /// Whether it contains `time`.
    #[must_use]
    pub fn contains(&self, time: Time) -> bool {
        let now = Minute::of(time);
        match self.start < self.end {
            true => self.start <= now && now < self.end,
            false => self.start <= now || now < self.end,
        }
    }
}

/// A day such as `sun`, or several such as `mon-fri`; `fri-mon` runs over the end of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayRange {
    first: Weekday,
    last: Weekday,
}

impl DayRange {
    /// Whether it contains `day`.
    #[must_use]
    pub fn contains(&self, day: Weekday) -> bool {
        let [first, last, day] = [self.first, self.last, day].map(Weekday::to_monday_zero_offset);
        match first <= last {
            true => first <= day && day <= last,
            false => first <= day || day <= last,
        }
    }
}

/// A minute of the day, 0 to 1440; the last is the end of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Minute(u16);

impl Minute {
    const MIDNIGHT: Self = Self(24 * 60);

    fn of(time: Time) -> Self {
        let part = |number: i8| u16::from(number.unsigned_abs());
        Self(part(time.hour()) * 60 + part(time.minute()))
    }

    fn parse(text: &str) -> Option<Self> {
        let (hour, minute) = text.split_once(':')?;
        let [hour, minute] = [two_digits(hour)?, two_digits(minute)?];
        let parsed = Self(hour * 60 + minute);
        (minute < 60 && parsed <= Self::MIDNIGHT).then_some(parsed)
    }
}

fn two_digits(text: &str) -> Option<u16> {
    let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// Why a text is not a range of hours or days.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClockError {
    /// Not a range of hours.
    #[error(
        "{0:?} is not a range of hours; expected a range such as \"08:00-18:00\", or \
         \"22:00-06:00\" over midnight"
    )]
    Hours(String),
    /// A range that begins at the end of the day.
    #[error("{0:?} begins at the end of a day; expected \"00:00\" for the beginning of a day")]
    Late(String),
    /// It may mean nothing or the whole day.
    #[error("{0:?} begins where it ends; expected \"00:00-24:00\" for the whole day, or no hours")]
    Moment(String),
    /// Not a day or a range of days.
    #[error("{0:?} is not a day; expected a day such as \"sun\" or several such as \"mon-fri\"")]
    Days(String),
    /// It may mean one day or the whole week.
    #[error(
        "{0:?} begins where it ends; expected \"{1}\" for the day, or no days for the whole week"
    )]
    Week(String, &'static str),
}

impl FromStr for HourRange {
    type Err = ClockError;

    fn from_str(text: &str) -> Result<Self, ClockError> {
        let ends = text
            .split_once('-')
            .and_then(|(start, end)| Some((Minute::parse(start)?, Minute::parse(end)?)));
        match ends {
            None => Err(ClockError::Hours(text.to_owned())),
            Some((start, end)) if start == end => Err(ClockError::Moment(text.to_owned())),
            Some((Minute::MIDNIGHT, _)) => Err(ClockError::Late(text.to_owned())),
            Some((start, end)) => Ok(Self { start, end }),
        }
    }
}

impl FromStr for DayRange {
    type Err = ClockError;

    fn from_str(text: &str) -> Result<Self, ClockError> {
        let unknown = || ClockError::Days(text.to_owned());
        let Some((first, last)) = text.split_once('-') else {
            let day = day_of(text).ok_or_else(unknown)?;
            return Ok(Self {
                first: day,
                last: day,
            });
        };
        let first = day_of(first).ok_or_else(unknown)?;
        let last = day_of(last).ok_or_else(unknown)?;
        if first == last {
            return Err(ClockError::Week(text.to_owned(), day_name(first)));
        }
        Ok(Self { first, last })
    }
}

/// The names of days in settings.
const NAMES: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

fn day_of(text: &str) -> Option<Weekday> {
    let named = NAMES
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text))?;
    Some(named.1)
}

/// The name of a day in settings.
pub(super) fn day_name(day: Weekday) -> &'static str {
    let named = NAMES.iter().find(|(_, known)| *known == day);
    named.map_or("", |(name, _)| name)
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, &self.0)
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, &self.0)
    }
}

fn list(f: &mut fmt::Formatter<'_>, ranges: &[impl fmt::Display]) -> fmt::Result {
    for (i, range) in ranges.iter().enumerate() {
        write!(f, "{}{range}", if i == 0 { "" } else { ", " })?;
    }
    Ok(())
}

impl fmt::Display for HourRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.start, self.end)
    }
}

impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl fmt::Display for DayRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(day_name(self.first))?;
        if self.first == self.last {
            return Ok(());
        }
        write!(f, "-{}", day_name(self.last))
    }
}

#[cfg(test)]
mod tests;
