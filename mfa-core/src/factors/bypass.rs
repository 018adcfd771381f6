//! Bypass codes: one code, good once and for a limited time, for a user whose device is lost.
//!
//! An administrator issues it, the user types it where a code of a device is asked for. It has nine
//! digits, which no device's code has, so that the two can't be mistaken for one another.

use std::time::Duration;

/// The digits of a bypass code; one more than the longest code of a device has.
pub const BYPASS_DIGITS: u32 = 9;

/// The longest that a code may be good for.
pub const LONGEST_BYPASS: Duration = Duration::from_secs(3 * 60 * 60);
