//! Lines as libpam reads them.

use super::*;
use proptest::prelude::*;

fn call(text: &str) -> Call {
    match lines(text).pop().map(|line| line.does) {
        Some(Does::Call(call)) => call,
        other => panic!("{other:?}"),
    }
}

#[test]
fn comments_and_blank_lines_are_left_out_and_faulty_lines_keep_their_position() {
    let text = "# a comment \\\n\n  \nauth\nfoo required pam_x.so\n-auth optional pam_y.so # z\n";
    let lines = lines(text);
    let faults: Vec<_> = lines.iter().map(|line| (line.number, line.fault)).collect();
    let expected = [
        (4, Some(Fault::NoControl)),
        (5, Some(Fault::Phase)),
        (6, None),
    ];
    assert_eq!(faults, expected, "{lines:?}");
    assert_eq!(lines[2].text, "-auth optional pam_y.so");
    assert_eq!(lines[2].phase, Some(Phase::Auth));
}

#[test]
fn each_fault_is_reported() {
    let fault = |text: &str| lines(text)[0].fault;
    let long = format!("auth required pam_x.so {}\n", "a".repeat(1000));
    let comment = format!("#{}\n", "a".repeat(1100));
    for (text, expected) in [
        ("auth required pam_x.so\r\n", Fault::CarriageReturn),
        ("\r\n", Fault::CarriageReturn),
        ("auth must pam_x.so\n", Fault::Control),
        ("auth [SUCCESS=ok] pam_x.so\n", Fault::Control),
        ("auth [success=0] pam_x.so\n", Fault::Control),
        ("auth required\n", Fault::NoModule),
        ("auth include\n", Fault::NoModule),
        ("@include\n", Fault::NoModule),
        (&long, Fault::TooLong),
        (&comment, Fault::TooLong),
        ("auth required pam_x.so \\\n", Fault::Unfinished),
    ] {
        assert_eq!(fault(text), Some(expected), "{text}");
    }
    assert_eq!(lines("#\r\n"), [], "in a comment it does not matter");
}

#[test]
fn a_backslash_continues_a_line_but_not_a_comment() {
    let text =
        "auth \\\n  required\\\n pam_x.so a\nauth required pam_y.so # \\\nauth required pam_z.so\n";
    let lines = lines(text);
    let numbers: Vec<_> = lines.iter().map(|line| line.number).collect();
    assert_eq!(numbers, [1, 4, 5]);
    let ends: Vec<_> = lines.iter().map(|line| line.last).collect();
    assert_eq!(ends, [3, 4, 5]);
    assert_eq!(lines[0].text, "auth required pam_x.so …");
    let over_a_comment = super::lines("auth required \\\n# why\n\n pam_x.so\n");
    assert_eq!(over_a_comment[0].text, "auth required pam_x.so");
    assert_eq!(over_a_comment[0].last, 4);
}

#[test]
fn a_bracketed_control_and_a_bracketed_argument_are_one_word_each() {
    let call = call("AUTH [success=2  default=ignore] /lib/pam_x.so [query=a \\] b] c");
    assert_eq!(call.control.on("success"), "2");
    assert_eq!(call.module, "/lib/pam_x.so");
    assert_eq!(call.arguments, ["query=a ] b", "c"]);
}

#[test]
fn a_control_says_what_a_success_and_a_failure_do() {
    let both = |control: &str| {
        let call = call(&format!("auth {control} pam_x.so"));
        ["success", "auth_err"].map(|result| call.control.on(result).to_owned())
    };
    assert_eq!(both("SUFFICIENT"), ["done", "ignore"]);
    assert_eq!(both("required"), ["ok", "bad"]);
    assert_eq!(both("requisite"), ["ok", "die"]);
    assert_eq!(both("[default=done]"), ["done", "done"]);
    assert_eq!(both("[success=1 default=ignore]"), ["1", "ignore"]);
    assert_eq!(both("[user_unknown=ignore]"), ["bad", "bad"]);
    assert_eq!(both("[ success = 1auth_err= ok ]"), ["1", "ok"]);
    assert_eq!(both("success=ok"), ["ok", "bad"]);
    assert_eq!(both("[required]"), ["ok", "bad"]);
    assert_eq!(both("[success=okay default=ignore]"), ["bad", "bad"]);
    let any = call("auth [success=1 user_unknown=ignore] pam_x.so").control;
    assert_eq!(any.any(), ["1", "ignore", "bad"]);
}

#[test]
fn all_three_ways_to_include_a_file_are_known() {
    let include = |text: &str| {
        let line = lines(text).pop().unwrap();
        let Does::Include { file, substack } = line.does else {
            panic!("{line:?}")
        };
        (line.phase, file, substack)
    };
    let file = || "common-auth".to_owned();
    assert_eq!(include("@include common-auth"), (None, file(), false));
    assert_eq!(
        include("auth include common-auth"),
        (Some(Phase::Auth), file(), false)
    );
    assert_eq!(
        include("auth substack common-auth"),
        (Some(Phase::Auth), file(), true)
    );
}

proptest! {
    #[test]
    fn no_text_is_too_strange(text in "(?s).{0,200}") {
        lines(&text);
    }

    #[test]
    fn lines_are_numbered_upwards_and_within_the_file(
        text in "(auth |required |pam_x.so|\r|\\[a=b\\] |#|\\\\|\n|[ \\[\\]]){0,60}",
    ) {
        let lines = lines(&text);
        prop_assert!(lines.windows(2).all(|two| two[0].number < two[1].number));
        prop_assert!(lines.iter().all(|l| (1..=text.lines().count()).contains(&l.number)));
    }

    #[test]
    fn where_a_line_is_broken_does_not_matter(
        words in prop::collection::vec("[a-z_.=]{1,8}", 1..6), breaks in any::<u8>(),
    ) {
        let whole = format!("auth required {}", words.join(" "));
        let mut broken = String::from("auth required");
        for (i, word) in words.iter().enumerate() {
            broken += if breaks >> i & 1 == 1 { " \\\n" } else { " " };
            broken += word;
        }
        let mut read = lines(&broken);
        for line in &mut read {
            line.last = line.number;
        }
        prop_assert_eq!(read, lines(&whole));
    }
}
