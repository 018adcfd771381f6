use proptest::prelude::*;

use super::*;

fn time(minute: u16) -> Time {
    let [hour, minute] = [minute / 60, minute % 60].map(|part| i8::try_from(part).unwrap());
    Time::constant(hour, minute, 59, 999_999_999)
}

#[test]
fn a_range_of_hours_contains_its_first_minute_and_not_its_end() {
    for (range, at, inside) in [
        ("08:00-18:00", "08:00", true),
        ("08:00-18:00", "07:59", false),
        ("08:00-18:00", "17:59", true),
        ("08:00-18:00", "18:00", false),
        ("22:00-06:00", "22:00", true),
        ("22:00-06:00", "23:59", true),
        ("22:00-06:00", "00:00", true),
        ("22:00-06:00", "05:59", true),
        ("22:00-06:00", "06:00", false),
        ("22:00-06:00", "21:59", false),
        ("22:00-24:00", "23:59", true),
        ("22:00-24:00", "00:00", false),
        ("22:00-00:00", "23:59", true),
        ("22:00-00:00", "00:00", false),
        ("00:00-24:00", "00:00", true),
        ("00:00-24:00", "23:59", true),
        ("00:00-00:01", "00:00", true),
    ] {
        let parsed: HourRange = range.parse().unwrap();
        let at = time(Minute::parse(at).unwrap().0);
        assert_eq!(parsed.contains(at), inside, "{range} {at}");
    }
}

#[test]
fn a_range_of_days_contains_both_ends_and_may_run_over_the_end_of_the_week() {
    use Weekday::{Friday, Monday, Saturday, Sunday, Thursday, Tuesday};
    for (range, day, inside) in [
        ("mon-fri", Monday, true),
        ("mon-fri", Friday, true),
        ("mon-fri", Saturday, false),
        ("fri-mon", Sunday, true),
        ("fri-mon", Monday, true),
        ("fri-mon", Tuesday, false),
        ("fri-mon", Thursday, false),
        ("sun", Sunday, true),
        ("sun", Monday, false),
        ("SUN-Mon", Monday, true),
        ("mon-sun", Thursday, true),
    ] {
        let parsed: DayRange = range.parse().unwrap();
        assert_eq!(parsed.contains(day), inside, "{range} {day:?}");
    }
}

#[test]
fn invalid_ranges_are_refused_with_what_was_expected() {
    for (text, message) in [
        ("", "is not a range of hours"),
        ("8:00-18:00", "is not a range of hours"),
        ("08:00", "is not a range of hours"),
        ("08:00-18:00-19:00", "is not a range of hours"),
        ("08:00 - 18:00", "is not a range of hours"),
        ("08:60-18:00", "is not a range of hours"),
        ("08:00-24:01", "is not a range of hours"),
        ("+8:00-18:00", "is not a range of hours"),
        ("24:00-06:00", "begins at the end of a day"),
        ("08:00-08:00", "begins where it ends"),
        ("24:00-24:00", "begins where it ends"),
    ] {
        let told = text.parse::<HourRange>().unwrap_err().to_string();
        assert!(told.contains(message), "{text:?}: {told}");
    }
    for (text, message) in [
        ("", "is not a day"),
        ("monday", "is not a day"),
        ("mon-", "is not a day"),
        ("mon - fri", "is not a day"),
        ("mon-wed-fri", "is not a day"),
        ("mon-MON", "expected \"mon\" for the day"),
    ] {
        let told = text.parse::<DayRange>().unwrap_err().to_string();
        assert!(told.contains(message), "{text:?}: {told}");
    }
}

proptest! {
    #[test]
    fn a_range_turned_around_holds_exactly_the_other_hours(
        start in 0_u16..1440, end in 0_u16..1440, now in 0_u16..1440
    ) {
        prop_assume!(start != end);
        let range = HourRange { start: Minute(start), end: Minute(end) };
        let other = HourRange { start: Minute(end), end: Minute(start) };
        prop_assert_ne!(range.contains(time(now)), other.contains(time(now)));
    }

    #[test]
    fn a_night_is_its_evening_and_its_morning(
        (end, start) in (1_u16..1439).prop_flat_map(|end| (Just(end), end + 1..1440)), now in 0_u16..1440
    ) {
        let night = HourRange { start: Minute(start), end: Minute(end) };
        let evening = HourRange { start: Minute(start), end: Minute::MIDNIGHT };
        let morning = HourRange { start: Minute(0), end: Minute(end) };
        let now = time(now);
        prop_assert_eq!(night.contains(now), evening.contains(now) || morning.contains(now));
    }

    #[test]
    fn a_range_reads_back_as_it_is_shown(start in 0_u16..1440, end in 0_u16..=1440, first in 0_usize..7, last in 0_usize..7) {
        prop_assume!(start != end);
        let hours = HourRange { start: Minute(start), end: Minute(end) };
        prop_assert_eq!(hours.to_string().parse(), Ok(hours));
        let days = DayRange { first: NAMES[first].1, last: NAMES[last].1 };
        prop_assert_eq!(days.to_string().parse(), Ok(days));
    }

    #[test]
    fn any_text_is_refused_or_taken(text in "[0-9:-]{0,12}|[a-z-]{0,8}|.{0,20}") {
        let _ = text.parse::<HourRange>();
        let _ = text.parse::<DayRange>();
    }
}
