use proptest::prelude::*;

use super::*;
use crate::account::Kind;

// The key of RFC 4226 and 6238. Its codes: 755224 (0), 287082 (1), 359152 (2), 969429 (3).
const KEY: &str = "3132333435363738393031323334353637383930";
const BASE32: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn reading() -> Reading {
    Reading {
        zone: TimeZone::UTC,
        now: "2026-11-22T13:22:00Z".parse().unwrap(),
        without_pins: false,
    }
}

fn read_as(reading: Reading, text: &str) -> UsersFile {
    let mut reader = Reader::new(reading);
    for (number, line) in (1..).zip(text.lines()) {
        reader.take(number, line.as_bytes());
    }
    reader.finish()
}

fn read(text: &str) -> UsersFile {
    read_as(reading(), text)
}

fn used(line: &str) -> Option<u64> {
    used_as(reading(), line)
}

fn used_as(reading: Reading, line: &str) -> Option<u64> {
    let file = read_as(reading, line);
    assert!(file.refused.is_empty(), "{:?}", file.refused);
    file.accounts[0].account.devices[0].used
}

fn refusal(text: &str) -> (Option<String>, String) {
    let refused = read(text).refused.pop().unwrap();
    (refused.user, refused.reason)
}

#[test]
fn a_line_becomes_a_device_and_a_comment_nothing() {
    let file = read(&format!("# HOTP x\n\n  HOTP/T60/8\talice  -  {KEY}\n"));
    let alice = &file.accounts[0];
    assert_eq!((alice.user.as_str(), alice.line), ("alice", 3));
    let device = &alice.account.devices[0];
    assert_eq!(device.secret.expose(), BASE32);
    assert_eq!(
        device.kind,
        Kind::Time {
            period: 60,
            offset: 0
        }
    );
    assert_eq!((device.digits, device.used), (8, None));
    assert!(file.refused.is_empty() && alice.account.notes.is_empty());
}

#[test]
fn several_lines_of_a_user_are_devices_of_one_account() {
    let file = read(&format!(
        "HOTP a - {KEY}\nHOTP b - {KEY}\nHOTP/T30 a - {KEY}\n"
    ));
    let devices: Vec<_> = file
        .accounts
        .iter()
        .map(|a| a.account.devices.len())
        .collect();
    assert_eq!(devices, [2, 1]);
    assert_eq!(file.accounts[1].line, 2);
}

#[test]
fn the_counter_belongs_to_the_last_code_and_without_one_is_the_next() {
    assert_eq!(used(&format!("HOTP a - {KEY}")), None);
    assert_eq!(used(&format!("HOTP a - {KEY} 2")), Some(1));
    assert_eq!(
        used(&format!("HOTP a - {KEY} 2 359152 2026-11-22T13:00:00L")),
        Some(2)
    );
    // A counter that was set back by hand does not make the code valid again.
    assert_eq!(
        used(&format!("HOTP a - {KEY} 0 969429 2026-11-22T13:00:00L")),
        Some(3)
    );
    // If no counter in reach has the code, the counter stays as it is.
    assert_eq!(used(&format!("HOTP a - {KEY} 2 755224")), Some(1));
    assert_eq!(used(&format!("HOTP a - {KEY} 2 -")), Some(1));
}

#[test]
fn the_step_of_the_last_code_is_found_around_its_local_time() {
    // Step 3 began 90 seconds after 1970 began.
    assert_eq!(
        used(&format!("HOTP/T30 a - {KEY} 0 969429 1970-01-01T00:01:31L")),
        Some(3)
    );
    assert_eq!(
        used(&format!("HOTP/T30 a - {KEY} 0 969429 1970-01-01T00:04:00L")),
        Some(3)
    );
    let east = Reading {
        zone: TimeZone::fixed(jiff::tz::offset(2)),
        ..reading()
    };
    let line = format!("HOTP/T30 a - {KEY} 0 969429 1970-01-01T02:01:31L");
    assert_eq!(used_as(east, &line), Some(3));
    assert_eq!(used(&line), None);
}

#[test]
fn with_a_wrong_time_no_used_code_is_accepted_again() {
    let then = Reading {
        now: "1970-01-01T00:02:00Z".parse().unwrap(),
        ..reading()
    };
    for time in ["", "1970-01-01T02:01:31L"] {
        let line = format!("HOTP/T30 a - {KEY} 0 969429 {time}");
        assert_eq!(used_as(then.clone(), &line), Some(3), "{time}");
    }
}

#[test]
fn an_hour_that_occurs_twice_is_tried_twice() {
    let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
    let steps = [1_792_888_200u64 / 30, 1_792_891_800 / 30];
    for step in steps {
        let codes = crate::code::Codes::new(b"12345678901234567890", 6).unwrap();
        let code = (0..1_000_000)
            .map(|c| format!("{c:06}"))
            .find(|c| codes.matches(c, step));
        // 02:30 on the night in October 2026 when clocks are set back.
        let line = format!(
            "HOTP/T30 a - {KEY} 0 {} 2026-10-25T02:30:00L",
            code.unwrap()
        );
        let reading = Reading {
            zone: berlin.clone(),
            ..reading()
        };
        assert_eq!(used_as(reading, &line), Some(step));
    }
}

#[test]
fn a_pin_is_kept_once_for_all_lines() {
    let file = read(&format!(
        "HOTP a 1234 {KEY}\nHOTP b - {KEY}\nHOTP a - {KEY}\nHOTP c + {KEY}\n"
    ));
    let [a, b, c] = &file.accounts[..] else {
        panic!("{file:?}")
    };
    assert_eq!(a.account.pin.as_ref().unwrap().expose(), "1234");
    assert!(a.account.notes[0].contains("all devices"));
    assert!(b.account.pin.is_none() && b.account.notes.is_empty());
    assert!(c.account.pin.is_none() && c.account.notes[0].contains("forward_pass"));
}

#[test]
fn different_pins_of_one_user_are_refused_and_can_be_left_out() {
    let text = format!("HOTP a 1234 {KEY}\nHOTP a - {KEY}\nHOTP a 4321 {KEY}\nHOTP b 1234 {KEY}\n");
    let file = read(&text);
    assert_eq!(file.accounts.len(), 1);
    let (user, reason) = refusal(&text);
    assert_eq!(user.as_deref(), Some("a"));
    assert!(
        reason.contains("--without-pins") && !reason.contains("1234"),
        "{reason}"
    );
    let without = Reading {
        without_pins: true,
        ..reading()
    };
    let file = read_as(without, &text);
    assert!(file.accounts.iter().all(|a| a.account.pin.is_none()));
    assert!(file.accounts[1].account.notes[0].contains("skipped"));
}

#[test]
fn a_malformed_line_says_what_was_expected() {
    for (line, expected) in [
        ("TOTP a - 00".to_owned(), "unknown type"),
        ("HOTP".to_owned(), "user is missing"),
        ("HOTP al\u{1b}ice - 00".to_owned(), "control character"),
        (format!("HOTP a {KEY}"), "key is missing"),
        ("HOTP a - GEZDGNBV".to_owned(), "hexadecimal"),
        ("HOTP a - 313".to_owned(), "hexadecimal"),
        (format!("HOTP a - {KEY} -1"), "counter"),
        (
            format!("HOTP a - {KEY} 1 755224 yesterday"),
            "2026-01-31T23:59:59L",
        ),
    ] {
        let (_, reason) = refusal(&line);
        assert!(reason.contains(expected), "{line}: {reason}");
        assert!(!reason.contains(KEY) && !reason.contains("GEZ"), "{reason}");
    }
    let mut reader = Reader::new(reading());
    reader.take(1, b"HOTP \xff - 00");
    assert!(reader.finish().refused[0].reason.contains("UTF-8"));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut reader = Reader::new(reading());
        reader.take(1, &bytes);
        let file = reader.finish();
        prop_assert!(file.accounts.len() + file.refused.len() <= 1);
    }

    #[test]
    fn anything_like_a_line_is_read_or_refused(
        line in "HOTP(/E|/T30|/T60|/T[0-9]{1,20})?(/[5-9])? [a-z]{1,2} [-+1-9]{1,4} [0-9a-f]{18,22}( [0-9]{1,20}( [0-9]{5,9}( [0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]L)?)?)?",
    ) {
        let mut reader = Reader::new(reading());
        reader.take(1, line.as_bytes());
        let file = reader.finish();
        prop_assert_eq!(file.accounts.len() + file.refused.len(), 1);
    }
}
