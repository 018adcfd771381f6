//! Finds the time step or counter of the last used code.
//!
//! pam_oath keeps the last code itself and refuses it when it comes again. For HOTP, the counter on
//! the line belongs to that code. For TOTP, the line has only the code and a local time, so the
//! steps around that time are tried; of several matches the last counts, so that the code is
//! certainly used. If the time does not help (it may be from another zone), the steps around the
//! present are tried, because only their codes can still be valid.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::Reading;
use super::line::{Entry, Last};
use crate::code::Codes;

/// How far a code may be from where the line says, in steps or counters. pam_oath's default window
/// is 5.
const REACH: u64 = 100;

/// The last step or counter that was used.
pub(super) fn used(entry: &Entry, reading: &Reading) -> Option<u64> {
    let Some(period) = entry.kind.period else {
        // Without a used code, the counter is the next one.
        let spent = entry.last.as_ref().and_then(|last| counter(entry, last));
        return spent.or(entry.counter.checked_sub(1));
    };
    let last = entry.last.as_ref()?;
    let codes = codes(entry, last)?;
    let around = |time| fitting(&codes, last, step(time, period));
    let then = last.time.map(|time| both(time, &reading.zone));
    let found = then.into_iter().flatten().filter_map(around).max();
    found.or_else(|| around(reading.now))
}

fn counter(entry: &Entry, last: &Last) -> Option<u64> {
    let codes = codes(entry, last)?;
    let mut ahead = entry.counter..=entry.counter.saturating_add(REACH);
    ahead.find(|counter| codes.matches(last.code.expose(), *counter))
}

/// pam_oath goes by the length of the code itself, not by the type of the line.
fn codes(entry: &Entry, last: &Last) -> Option<Codes> {
    Codes::new(&entry.key, last.code.expose().len())
}

fn fitting(codes: &Codes, last: &Last, middle: u64) -> Option<u64> {
    let mut around = middle.saturating_sub(REACH)..=middle.saturating_add(REACH);
    around.rfind(|step| codes.matches(last.code.expose(), *step))
}

/// A local time occurs twice when clocks are set back.
fn both(time: DateTime, zone: &TimeZone) -> impl Iterator<Item = Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(time);
    [ambiguous.earlier(), ambiguous.later()]
        .into_iter()
        .filter_map(Result::ok)
}

fn step(time: Timestamp, period: u64) -> u64 {
    u64::try_from(time.as_second()).unwrap_or(0) / period
}
