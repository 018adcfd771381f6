//! The arguments of `mfactl bypass` and `suspend`.

use jiff::SignedDuration;

use super::name;

pub(super) const BYPASS: &str = "\
Example: mfactl bypass alice --for 1h30m
The code works once, wherever alice is asked for a code. An earlier bypass code
no longer works.
To take a code back: mfactl bypass alice --off";

pub(super) const SUSPEND: &str = "\
Example: mfactl suspend alice --for 3d
Until then alice logs in with her password only, even if she is locked. Nothing
is deleted, and it ends by itself. Rules that deny and mfactl allow-from still
hold. To end it earlier: mfactl resume alice
For a lost device use mfactl bypass; for good use a rule with action = \"skip\".";

/// How long a bypass code may be valid, in seconds: 1 minute to 3 hours.
const LIFETIME: std::ops::RangeInclusive<u32> = 60..=3 * 3600;

/// A bypass code to make.
#[derive(Debug, clap::Args)]
pub(crate) struct Bypass {
    /// The user
    #[arg(value_name = "USER", value_parser = name)]
    pub(crate) user: String,
    /// How long the code is valid, 1m to 3h
    #[arg(long = "for", value_name = "TIME", value_parser = lifetime, default_value = "30m")]
    pub(crate) seconds: u32,
    /// Take back a code that is still valid
    #[arg(long, conflicts_with = "seconds")]
    pub(crate) off: bool,
}

/// How long a suspension may last, in seconds: 1 minute to 30 days.
const SUSPENSION: std::ops::RangeInclusive<u32> = 60..=30 * DAY;

const DAY: u32 = 24 * 3600;

/// A user to stop asking.
#[derive(Debug, clap::Args)]
pub(crate) struct Suspend {
    /// The user
    #[arg(value_name = "USER", value_parser = name)]
    pub(crate) user: String,
    /// For how long, 1m to 30d
    #[arg(long = "for", value_name = "TIME", value_parser = suspension, default_value = "7d")]
    pub(crate) seconds: u32,
}

/// "30m", "1h30m", "90s", as seconds.
fn lifetime(text: &str) -> Result<u32, String> {
    seconds(text)
        .filter(|seconds| LIFETIME.contains(seconds))
        .ok_or_else(|| "expected 1m to 3h, such as 30m, 90s or 1h30m".to_owned())
}

/// "7d", "12h", "30m", as seconds.
fn suspension(text: &str) -> Result<u32, String> {
    let days = || {
        let days: u32 = text.strip_suffix('d')?.parse().ok()?;
        days.checked_mul(DAY)
    };
    days()
        .or_else(|| seconds(text))
        .filter(|seconds| SUSPENSION.contains(seconds))
        .ok_or_else(|| "expected 1m to 30d, such as 7d, 12h or 30m".to_owned())
}

fn seconds(text: &str) -> Option<u32> {
    let whole = text
        .parse()
        .ok()
        .filter(|t: &SignedDuration| t.subsec_nanos() == 0);
    whole.and_then(|length| u32::try_from(length.as_secs()).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_code_is_good_for_a_minute_to_three_hours() {
        for (text, seconds) in [
            ("30m", 1800),
            ("1h30m", 5400),
            ("90s", 90),
            ("1m", 60),
            ("3h", 10_800),
        ] {
            assert_eq!(lifetime(text), Ok(seconds), "{text}");
        }
        for text in [
            "",
            "30",
            "59s",
            "3h1s",
            "-30m",
            "1d",
            "30m ago",
            "90.5s",
            "soon",
            "99999999999h",
        ] {
            assert!(lifetime(text).unwrap_err().contains("1m to 3h"), "{text}");
        }
    }

    #[test]
    fn a_suspension_lasts_for_a_minute_to_thirty_days() {
        for (text, seconds) in [
            ("7d", 604_800),
            ("30d", 2_592_000),
            ("12h", 43_200),
            ("1m", 60),
            ("720h", 2_592_000),
        ] {
            assert_eq!(suspension(text), Ok(seconds), "{text}");
        }
        for text in [
            "",
            "7",
            "31d",
            "59s",
            "-1d",
            "+7d ",
            "0d",
            "99999999d",
            "1w",
        ] {
            assert!(
                suspension(text).unwrap_err().contains("1m to 30d"),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn whatever_is_taken_is_in_range(text in "[-+0-9a-z .]{0,12}") {
            prop_assert!(lifetime(&text).is_ok_and(|s| LIFETIME.contains(&s)) || lifetime(&text).is_err());
        }

        #[test]
        fn minutes_and_seconds_add_up(minutes in 1u32..180, seconds in 0u32..60) {
            prop_assert_eq!(lifetime(&format!("{minutes}m{seconds}s")), Ok(minutes * 60 + seconds));
        }
    }
}
