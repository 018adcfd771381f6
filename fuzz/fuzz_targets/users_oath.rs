//! Lines of pam_oath's users file.
#![no_main]

use jiff::Timestamp;
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;
use mfa_import::oath::{Reader, Reading};

fuzz_target!(|bytes: &[u8]| {
    let mut reader = Reader::new(Reading {
        zone: TimeZone::UTC,
        now: Timestamp::UNIX_EPOCH,
        without_pins: bytes.first() == Some(&b'#'),
    });
    let mut lines = 0;
    for (number, line) in (1..).zip(bytes.split(|&b| b == b'\n')) {
        reader.take(number, line);
        lines = number;
    }
    let file = reader.finish();
    assert!((file.accounts.len() + file.refused.len()) as u64 <= lines);
});
