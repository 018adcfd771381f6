//! What libpam does with faulty files.

use super::*;
use crate::codes::{ABORT, PERM_DENIED, SUCCESS};
use crate::dispatch::verdict;

/// libpam's verdict on `service` when every module succeeds.
fn verdict_on(service: &str) -> usize {
    let text = |name: &str| match name {
        "x" => Some(service),
        "common" => Some("auth required pam_yes.so\n"),
        "unfinished" => Some("auth required pam_yes.so\nauth required \\\n"),
        "odd" => Some("foo required pam_yes.so\n"),
        _ => None,
    };
    verdict(&entries("x", &text), |_| SUCCESS)
}

#[test]
fn lines_that_libpam_does_not_understand_fail_where_they_are() {
    for (service, expected) in [
        ("@include common\n", SUCCESS),
        ("@include common\nauth include missing\n", PERM_DENIED),
        ("@include common\nauth required\n", PERM_DENIED),
        ("@include common\nauth\n", PERM_DENIED),
        ("@include common\nfoo optional pam_yes.so\n", SUCCESS),
        ("@include common\nfoo required pam_yes.so\n", PERM_DENIED),
        ("@include common\naccount include missing\n", SUCCESS),
        ("@include common\n@include odd\n", PERM_DENIED),
        ("@include common\naccount include odd\n", SUCCESS),
        ("@include common\n@include missing\n", ABORT),
        ("@include common\n@include unfinished\n", ABORT),
        ("@include common\nauth include unfinished\n", PERM_DENIED),
        ("auth include common\r\n", PERM_DENIED),
        (
            "auth sufficient \\\n# why\n\n pam_yes.so\nauth required pam_no\\\n",
            ABORT,
        ),
    ] {
        assert_eq!(verdict_on(service), expected, "{service:?}");
    }
}

#[test]
fn missing_files_are_reported_with_their_lines() {
    let text = |name: &str| match name {
        "x" => Some("@include inner\nsession include gone\n"),
        "inner" => Some("auth include nowhere\naccount required pam_yes.so\n"),
        _ => None,
    };
    let places = missing("x", &text).into_iter();
    let lines: Vec<_> = places.map(|place| (place.file, place.number)).collect();
    assert_eq!(lines, [("inner".to_owned(), 1), ("x".to_owned(), 2)]);
}

#[test]
fn where_reading_ends_before_the_file_does_is_told() {
    let long = "auth optional pam_x.so\n".repeat(MAX_STEPS + 2);
    let text = |name: &str| match name {
        "long" => Some(long.as_str()),
        "short" => Some("auth required pam_x.so\n"),
        "endless" => Some("auth include endless\nauth include endless\n"),
        _ => None,
    };
    assert_eq!(cut("long", &text).map(|at| at.number), Some(MAX_STEPS + 1));
    assert!(cut("endless", &text).is_some());
    assert_eq!(cut("short", &text), None);
}
