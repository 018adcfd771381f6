use proptest::prelude::*;

use super::*;

const KEY: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const NOW: u64 = 1_800_000_000;
const STEP: u64 = NOW / 30;

fn account(rest: &str) -> Account {
    read(format!("{KEY}\n{rest}").as_bytes(), NOW).unwrap()
}

fn device(rest: &str) -> (Kind, Option<u64>) {
    let account = account(rest);
    let device = &account.devices[0];
    assert_eq!(device.secret.expose(), KEY);
    (device.kind, device.used)
}

fn refusal(rest: &str) -> String {
    read(format!("{KEY}\n{rest}").as_bytes(), NOW)
        .unwrap_err()
        .to_string()
}

fn time(period: u64, offset: i64) -> Kind {
    Kind::Time { period, offset }
}

#[test]
fn the_default_file_becomes_a_device_and_five_codes() {
    let account = account(&format!(
        "\" RATE_LIMIT 3 30 1799999990\n\" WINDOW_SIZE 3\n\" DISALLOW_REUSE {} {STEP}\n\
         \" TOTP_AUTH\n11111111\n22222222\n33333333\n44444444\n55555555\n",
        STEP - 1
    ));
    assert_eq!(account.devices[0].kind, time(30, 0));
    assert_eq!(account.devices[0].used, Some(STEP));
    assert_eq!(account.scratch_codes.unwrap().len(), 5);
    assert_eq!(
        account.notes,
        ["RATE_LIMIT 3 30 is not imported: here [lockout] limits wrong codes, for all users"]
    );
}

#[test]
fn the_largest_used_step_counts_in_any_order() {
    let used = format!(
        "\" TOTP_AUTH\n\" DISALLOW_REUSE {} {}\t{}\n",
        STEP,
        STEP + 1,
        STEP - 1
    );
    assert_eq!(device(&used), (time(30, 0), Some(STEP + 1)));
    assert_eq!(device("\" TOTP_AUTH\n\" DISALLOW_REUSE\n").1, None);
}

#[test]
fn steps_of_another_length_that_lie_far_ahead_lock_nobody_out() {
    let used = format!("\" TOTP_AUTH\n\" DISALLOW_REUSE {STEP} {}\n", NOW / 10);
    assert_eq!(device(&used).1, Some(STEP));
    // With a skew, the device's own steps are ahead of the host's.
    let ahead = format!(
        "\" TOTP_AUTH\n\" TIME_SKEW 40\n\" DISALLOW_REUSE {}\n",
        STEP + 40
    );
    assert_eq!(device(&ahead), (time(30, 40), Some(STEP + 40)));
}

#[test]
fn a_counter_is_the_next_one_and_takes_precedence_over_time() {
    assert_eq!(device("\" HOTP_COUNTER 7\n"), (Kind::Counter, Some(6)));
    assert_eq!(
        device("\" HOTP_COUNTER 1\n\" TOTP_AUTH\n"),
        (Kind::Counter, Some(0))
    );
    assert_eq!(device("\" HOTP_COUNTER 0\n\" TOTP_AUTH\n").0, time(30, 0));
}

#[test]
fn step_size_and_skew_are_kept() {
    assert_eq!(
        device("\" TOTP_AUTH\r\n\" STEP_SIZE 10\r\n\" TIME_SKEW -3\r\n").0,
        time(10, -3)
    );
}

#[test]
fn of_two_options_with_one_name_the_first_counts() {
    assert_eq!(
        device("\" TOTP_AUTH\n\" STEP_SIZE 20\n\" STEP_SIZE 60\n").0,
        time(20, 0)
    );
}

#[test]
fn a_device_that_is_neither_totp_nor_hotp_is_refused() {
    for rest in [
        "",
        "11111111\n",
        "\" HOTP_COUNTER 0\n",
        "\" DISALLOW_REUSE\n",
    ] {
        assert!(refusal(rest).contains("neither TOTP_AUTH nor"), "{rest}");
    }
}

#[test]
fn what_makes_the_module_refuse_logins_refuses_the_import_with_its_line() {
    for (bad, expected) in [
        ("STEP_SIZE 0", "1 to 60"),
        ("STEP_SIZE 61", "1 to 60"),
        ("WINDOW_SIZE", "1 to 100"),
        ("WINDOW_SIZE x", "1 to 100"),
        ("RATE_LIMIT 3", "1 to 3600"),
        ("RATE_LIMIT 3 30 x", "seconds since 1970"),
        ("DISALLOW_REUSE x", "expected the used steps"),
        ("TIME_SKEW x", "ahead"),
        ("HOTP_COUNTER 99999999999999999999", "next counter"),
    ] {
        let refusal = refusal(&format!("\" TOTP_AUTH\n\" {bad}\n"));
        assert!(refusal.starts_with("line 3: "), "{refusal}");
        assert!(refusal.contains(expected), "{refusal}");
    }
}

#[test]
fn options_that_cannot_be_imported_are_named_and_never_repeated() {
    let notes = account(
        "\" TOTP_AUTH\n\" WINDOW_SIZE 17\n\" RESETTING_TIME_SKEW 60000000+3\n\
         \" LAST0 198.51.100.7 1799999000\n\" MFRGGZDFMZTWQ2LK\n",
    )
    .notes;
    let said = notes.join("\n");
    for part in [
        "skew = 8 would cover it",
        "accepted once",
        "--resync",
        "1 address was not asked",
        "line 6",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("MFRGGZDF"), "{said}");
    assert_eq!(notes.len(), 5);
}

#[test]
fn thousands_of_odd_lines_make_one_note_for_each_kind() {
    let mut text = "\" TOTP_AUTH\n\" DISALLOW_REUSE\n".to_owned();
    for n in 0..3000 {
        text += &format!("\" x{n}\n\" LAST{n}\n");
    }
    let notes = account(&text).notes;
    assert_eq!(
        notes,
        [
            "3000 addresses were not asked for a code for a while. This is not imported: here [policy] session does it",
            "line 4: the first of 3000 unknown options, which are not imported",
        ]
    );
}

#[test]
fn files_that_are_not_text_are_refused() {
    assert!(read(b"", NOW).unwrap_err().to_string().contains("empty"));
    let large = vec![b'A'; MAX_FILE + 1];
    assert!(
        read(&large, NOW)
            .unwrap_err()
            .to_string()
            .contains("larger")
    );
    assert!(
        read(b"AAAAAAAA\n\0", NOW)
            .unwrap_err()
            .to_string()
            .contains("line 2: a NUL")
    );
    assert!(
        read(b"AAAAAAAA\n\n\xff", NOW)
            .unwrap_err()
            .to_string()
            .contains("line 3: not UTF-8")
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), now: u64) {
        let _ = read(&bytes, now);
    }

    #[test]
    fn anything_like_a_file_is_read_or_refused(
        rest in "(\" (TOTP_AUTH|HOTP_COUNTER|DISALLOW_REUSE|WINDOW_SIZE|RATE_LIMIT|TIME_SKEW|STEP_SIZE|LAST0)?[ -]?[0-9 +-]{0,22}\r?\n|[0-9]{7,9}\n){0,8}",
        now: u64,
    ) {
        if let Ok(account) = read(format!("{KEY}\n{rest}").as_bytes(), now) {
            prop_assert_eq!(account.devices.len(), 1);
            prop_assert!(account.scratch_codes.iter().flatten().all(|code| code.expose().len() == 8));
        }
    }
}
