//! Lengths of time.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo};

use mfa_core::policy::length_of_time;

/// A length of time such as `90s`, `1h30m` or `14d`, within limits.
pub(super) fn length(text: &str, limits: [Duration; 2]) -> Result<Duration, String> {
    let unknown = |_| {
        format!(
            "{text:?} is not a duration; expected a duration such as \"90s\", \"1h30m\" or \
                 \"14d\""
        )
    };
    let span: Span = text.parse().map_err(unknown)?;
    let days = SpanRelativeTo::days_are_24_hours();
    let time = Duration::try_from(span.to_duration(days).map_err(unknown)?).ok();
    let [min, max] = limits;
    time.filter(|time| (min..=max).contains(time))
        .ok_or_else(|| format!("{text:?} is out of range; expected {}", range(limits)))
}

/// The limits in words.
pub(super) fn range(limits: [Duration; 2]) -> String {
    limits.map(length_of_time).join(" to ")
}
