//! Words for a device that is out of sync: its clock is wrong, or its counter is ahead.
//!
//! Its codes are refused then. Two consecutive codes resynchronise it.

use mfa_protocol::admin::Drift;

/// "its clock is 150 seconds behind", "it is 23 codes ahead"
pub(super) fn words(drift: &Drift) -> String {
    match (drift.seconds, drift.codes) {
        (Some(off), _) => format!("its clock is {}", seconds(off)),
        (None, Some(1)) => "it is 1 code ahead".to_owned(),
        (None, Some(codes)) => format!("it is {codes} codes ahead"),
        (None, None) => "it is out of sync".to_owned(),
    }
}

/// "150 seconds behind", for a clock that is so many seconds ahead.
pub(super) fn seconds(ahead: i64) -> String {
    let direction = if ahead < 0 { "behind" } else { "ahead" };
    match ahead.unsigned_abs() {
        1 => format!("1 second {direction}"),
        off => format!("{off} seconds {direction}"),
    }
}

/// The command that resynchronises it; for the caller's own device without `user`.
pub(super) fn command(user: Option<&str>) -> String {
    match user {
        Some(user) => format!("mfactl verify {user} --resync"),
        None => "mfactl verify --resync".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_ahead_or_behind_and_a_counter_so_many_codes_ahead() {
        let clock = |seconds| Drift {
            seconds: Some(seconds),
            ..Drift::default()
        };
        assert_eq!(words(&clock(-150)), "its clock is 150 seconds behind");
        assert_eq!(words(&clock(1)), "its clock is 1 second ahead");
        let counter = Drift {
            codes: Some(23),
            ..Drift::default()
        };
        assert_eq!(words(&counter), "it is 23 codes ahead");
        assert_eq!(seconds(i64::MIN), "9223372036854775808 seconds behind");
    }
}
