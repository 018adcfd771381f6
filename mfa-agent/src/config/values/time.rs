//! Lengths of time.

use std::str::FromStr;
use std::time::Duration;

use jiff::{Span, SpanRelativeTo};

use mfa_core::policy::length_of_time;

/// A length of time such as `90s`, `1h30m` or `14d`, within limits in seconds.
#[derive(Debug)]
pub(in crate::config) struct Lasting<const MIN: u64, const MAX: u64>(pub Duration);

impl<const MIN: u64, const MAX: u64> FromStr for Lasting<MIN, MAX> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = |_| {
            format!(
                "{text:?} is no length of time; expected one such as \"90s\", \"1h30m\" or \"14d\""
            )
        };
        let span: Span = text.parse().map_err(unknown)?;
        let signed = span
            .to_duration(SpanRelativeTo::days_are_24_hours())
            .map_err(unknown)?;
        Duration::try_from(signed)
            .ok()
            .filter(|time| (Duration::from_secs(MIN)..=Duration::from_secs(MAX)).contains(time))
            .map(Self)
            .ok_or_else(|| {
                let [min, max] = [MIN, MAX].map(|end| length_of_time(Duration::from_secs(end)));
                format!("{text:?} is out of range; expected {min} to {max}")
            })
    }
}
