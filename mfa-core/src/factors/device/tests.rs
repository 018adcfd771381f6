use super::*;

fn generator(algorithm: HashAlgorithm, digits: u32) -> Generator {
    // RFC 6238 appendix B: the ASCII digits, repeated to the length of the hash.
    let length = match algorithm {
        HashAlgorithm::Sha1 => 20,
        HashAlgorithm::Sha256 => 32,
        HashAlgorithm::Sha512 => 64,
    };
    let key: Vec<u8> = b"1234567890".iter().copied().cycle().take(length).collect();
    Generator {
        key: Key::from_bytes(zeroize::Zeroizing::new(key)).unwrap(),
        algorithm,
        digits: digits.try_into().unwrap(),
        moves: MovingFactor::Time(Period::default()),
    }
}

fn skew(skew: u32) -> Windows {
    Windows {
        skew,
        ..Windows::default()
    }
}

fn last(last: Option<u64>) -> ReplayState {
    ReplayState {
        last,
        ..ReplayState::default()
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn the_vectors_of_rfc_6238_appendix_b_are_accepted() {
    use HashAlgorithm::{Sha1, Sha256, Sha512};
    let vectors = [
        (59, Sha1, "94287082"),
        (59, Sha256, "46119246"),
        (59, Sha512, "90693936"),
        (1_111_111_109, Sha1, "07081804"),
        (1_111_111_109, Sha256, "68084774"),
        (1_111_111_109, Sha512, "25091201"),
        (1_111_111_111, Sha1, "14050471"),
        (1_111_111_111, Sha256, "67062674"),
        (1_111_111_111, Sha512, "99943326"),
        (1_234_567_890, Sha1, "89005924"),
        (1_234_567_890, Sha256, "91819424"),
        (1_234_567_890, Sha512, "93441116"),
        (2_000_000_000, Sha1, "69279037"),
        (2_000_000_000, Sha256, "90698825"),
        (2_000_000_000, Sha512, "38618901"),
        (20_000_000_000, Sha1, "65353130"),
        (20_000_000_000, Sha256, "77737706"),
        (20_000_000_000, Sha512, "47863826"),
    ];
    for (time, algorithm, code) in vectors {
        let found = generator(algorithm, 8).check(code, at(time), &skew(0), last(None));
        let step = u64::try_from(time).unwrap() / 30;
        assert_eq!(found, Match::Unused { step }, "{algorithm} at {time}");
    }
}

#[test]
fn the_vectors_of_rfc_4226_appendix_d_are_accepted() {
    let codes = [
        "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
        "520489",
    ];
    let generator = generator(HashAlgorithm::Sha1, 6);
    for (counter, code) in (0..).zip(codes) {
        let found = generator.check(code, at(counter * 30), &skew(0), last(None));
        assert_eq!(
            found,
            Match::Unused {
                step: counter.unsigned_abs()
            }
        );
    }
}

#[test]
fn a_step_is_good_once_and_none_before_it_is() {
    let generator = generator(HashAlgorithm::Sha1, 6);
    // RFC 4226: 287082 is step 1, 755224 is step 0.
    assert_eq!(
        generator.check("287082", at(59), &skew(1), last(None)),
        Match::Unused { step: 1 }
    );
    assert_eq!(
        generator.check("287082", at(59), &skew(1), last(Some(1))),
        Match::Used
    );
    assert_eq!(
        generator.check("755224", at(59), &skew(1), last(Some(1))),
        Match::Used
    );
    assert_eq!(
        generator.check("359152", at(59), &skew(1), last(Some(1))),
        Match::Unused { step: 2 }
    );
}

#[test]
fn a_code_outside_the_window_is_no_code() {
    let generator = generator(HashAlgorithm::Sha1, 6);
    assert_eq!(
        generator.check("755224", at(60), &skew(1), last(None)),
        Match::None
    );
    assert_eq!(
        generator.check("755224", at(60), &skew(2), last(None)),
        Match::Unused { step: 0 }
    );
    assert_eq!(
        generator.check("755224", at(29), &skew(0), last(None)),
        Match::Unused { step: 0 }
    );
    assert_eq!(
        generator.check("755224", at(30), &skew(0), last(None)),
        Match::None
    );
}

#[test]
fn what_is_not_made_of_digits_is_no_code() {
    let generator = generator(HashAlgorithm::Sha1, 6);
    for junk in [
        "", "75522", "7552244", "75522a", "+55224", "７55224", " 755224",
    ] {
        assert_eq!(
            generator.check(junk, at(0), &skew(1), last(None)),
            Match::None,
            "{junk:?}"
        );
    }
}

/// Codes of steps 0 to 9 (RFC 4226 appendix D).
const CODES: [&str; 10] = [
    "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
    "520489",
];

fn counter() -> Generator {
    Generator {
        moves: MovingFactor::Counter,
        ..generator(HashAlgorithm::Sha1, 6)
    }
}

fn windows(look_ahead: u32, resync: u32) -> Windows {
    Windows {
        skew: 1,
        look_ahead,
        resync,
    }
}

#[test]
fn a_counter_accepts_the_next_codes_and_no_others() {
    let check = |code: &str, used| counter().check(code, at(0), &windows(3, 5), last(used));
    assert_eq!(check(CODES[0], None), Match::Unused { step: 0 });
    assert_eq!(check(CODES[2], None), Match::Unused { step: 2 });
    assert_eq!(check(CODES[3], None), Match::None);
    assert_eq!(check(CODES[2], Some(2)), Match::Used);
    assert_eq!(check(CODES[1], Some(2)), Match::None);
    assert_eq!(check(CODES[5], Some(2)), Match::Unused { step: 5 });
}

#[test]
fn a_code_further_on_is_a_counter_out_of_sync_and_one_far_on_is_not() {
    let find =
        |code: &str, used| counter().find_out_of_sync(code, at(0), &windows(3, 5), last(used));
    assert_eq!(find(CODES[4], None), Some(4));
    assert_eq!(find(CODES[5], None), None);
    assert_eq!(find(CODES[5], Some(2)), Some(5));
    assert_eq!(find(CODES[1], Some(2)), None);
}

#[test]
fn a_counter_does_not_care_what_time_it_is() {
    for second in [-1, 0, 1 << 35] {
        let found = counter().check(CODES[4], at(second), &windows(1, 1), last(Some(3)));
        assert_eq!(found, Match::Unused { step: 4 });
    }
}

#[test]
fn a_counter_at_its_end_is_no_overflow() {
    let end = last(Some(u64::MAX));
    assert_eq!(
        counter().check("000000", at(0), &windows(10, 100), end),
        Match::None
    );
    assert_eq!(
        counter().find_pair(("000000", "000000"), at(0), &windows(10, 100), end),
        None
    );
}

#[test]
fn a_code_of_another_time_zone_tells_how_far_off_the_clock_is() {
    let generator = generator(HashAlgorithm::Sha1, 6);
    // A code of RFC 6238 appendix B, which the host meets so many hours too early or too late.
    let met = |hours: i64| generator.distance("081804", at(1_111_111_109 - hours * 3600));
    for hours in [0, 1, -5, 14, -14] {
        assert_eq!(met(hours), Some(hours * 3600), "{hours} h");
    }
    assert_eq!(met(15), None);
    assert_eq!(generator.distance("81804", at(1_111_111_109)), None);
    assert_eq!(counter().distance("755224", at(0)), None);
}

#[test]
fn a_code_of_ten_minutes_ago_is_out_of_sync_and_an_earlier_one_is_none() {
    let generator = generator(HashAlgorithm::Sha1, 6);
    let find = |code: &str, second, used| {
        generator.find_out_of_sync(code, at(second), &skew(1), last(used))
    };
    assert_eq!(find(CODES[2], 60 + 600, None), Some(2));
    assert_eq!(find(CODES[2], 60 + 630, None), None);
    assert_eq!(find(CODES[9], 0, None), Some(9));
    assert_eq!(
        find(CODES[2], 60 + 600, Some(2)),
        None,
        "an old code is no drift"
    );
    assert_eq!(find("35915", 60 + 600, None), None);
}

#[test]
fn a_clock_that_is_known_to_be_off_is_reckoned_with() {
    let generator = generator(HashAlgorithm::Sha1, 6);
    let behind = ReplayState {
        offset: -5,
        ..ReplayState::default()
    };
    let check = |code: &str| generator.check(code, at(7 * 30), &skew(1), behind);
    assert_eq!(check(CODES[2]), Match::Unused { step: 2 });
    assert_eq!(
        check(CODES[7]),
        Match::None,
        "the right time is the wrong one then"
    );
    assert_eq!(generator.ahead(2, at(7 * 30)), Some(-5));
    assert_eq!(counter().ahead(2, at(7 * 30)), None);
}

#[test]
fn two_codes_in_a_row_tell_where_a_device_is() {
    let pair = |generator: &Generator, codes, second, used| {
        generator.find_pair(codes, at(second), &windows(3, 8), last(used))
    };
    let clock = generator(HashAlgorithm::Sha1, 6);
    assert_eq!(pair(&clock, (CODES[2], CODES[3]), 600, None), Some(2));
    assert_eq!(pair(&clock, (CODES[2], CODES[4]), 600, None), None);
    assert_eq!(pair(&clock, (CODES[3], CODES[2]), 600, None), None);
    assert_eq!(pair(&clock, (CODES[2], CODES[3]), 600, Some(2)), None);
    assert_eq!(pair(&clock, (CODES[2], CODES[3]), 1200, None), None);
    assert_eq!(pair(&counter(), (CODES[6], CODES[7]), 0, None), Some(6));
    assert_eq!(pair(&counter(), (CODES[8], CODES[9]), 0, None), None);
}
