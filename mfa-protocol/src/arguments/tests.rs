use super::*;
use proptest::prelude::*;

fn parse(line: &str) -> Result<Arguments, ArgumentError> {
    Arguments::parse(line.split_whitespace().map(str::as_bytes))
}

#[test]
fn without_arguments_the_defaults_hold() {
    let arguments = parse("").unwrap();
    assert_eq!(arguments, Arguments::default());
    assert_eq!(arguments.socket(), Path::new("/run/mfa/agent.sock"));
    assert_eq!(arguments.timeout(), Duration::from_secs(10));
    assert_eq!(arguments.on_unavailable(), OnUnavailable::Deny);
}

#[test]
fn every_argument_is_understood() {
    let arguments =
        parse("socket=/x/a=b timeout=600 try_first_pass on_unavailable=ignore ticket debug")
            .unwrap();
    assert_eq!(arguments.socket(), Path::new("/x/a=b"));
    assert_eq!(arguments.timeout(), Duration::from_secs(600));
    assert_eq!(arguments.authtok(), Authtok::Try);
    assert_eq!(arguments.on_unavailable(), OnUnavailable::Ignore);
    assert!(arguments.debug() && arguments.ticket() && !arguments.password_failed());
    assert!(parse("password_failed debug").unwrap().password_failed());
    assert!(parse("quiet").unwrap().quiet() && !parse("").unwrap().quiet());
    assert!(parse("echo_code").unwrap().echo_code() && !parse("").unwrap().echo_code());
    assert_eq!(parse("forward_pass").unwrap().authtok(), Authtok::Forward);
    assert_eq!(parse("use_first_pass").unwrap().authtok(), Authtok::Use);
}

#[test]
fn what_is_wrong_is_refused_and_named() {
    for wrong in [
        "nullok",
        "Debug",
        "debug=1",
        "ticket=1",
        "password_failed=1",
        "forward_pass=yes",
        "socket",
        "socket=",
        "socket=a.sock",
        "timeout=0",
        "timeout=601",
        "timeout=+5",
        "timeout=5s",
        "timeout=",
        "timeout",
        "timeout=99999999999999999999",
        "on_unavailable",
        "on_unavailable=Ignore",
        "on_unavailable=",
    ] {
        let message = parse(wrong).unwrap_err().to_string();
        assert!(message.contains(&format!("{wrong:?}")), "{message}");
    }
    assert!(parse(&format!("socket=/{}", "x".repeat(107))).is_err());
}

#[test]
fn contradictions_and_repetitions_are_refused() {
    let error = parse("forward_pass use_first_pass")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("use_first_pass") && error.contains("forward_pass"),
        "{error}"
    );
    for wrong in [
        "debug debug",
        "ticket ticket",
        "password_failed password_failed",
        "password_failed forward_pass",
        "ticket password_failed",
        "password_failed on_unavailable=ignore",
        "password_failed socket=/a",
        "timeout=3 password_failed",
        "timeout=3 timeout=3",
        "socket=/a socket=/b",
        "on_unavailable=deny on_unavailable=ignore",
        "try_first_pass try_first_pass",
        "echo_code echo_code",
        "echo_code forward_pass",
        "try_first_pass echo_code",
        "echo_code password_failed",
        "echo_code=yes",
        "quiet quiet",
        "quiet password_failed",
        "quiet=yes",
    ] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn an_account_line_takes_nothing_that_is_about_asking() {
    let parse = |line: &str| Arguments::parse_account(line.split_whitespace().map(str::as_bytes));
    assert!(parse("socket=/x timeout=3 on_unavailable=ignore quiet debug").is_ok());
    for wrong in [
        "ticket",
        "forward_pass",
        "use_first_pass",
        "try_first_pass",
        "password_failed",
        "echo_code",
    ] {
        let message = parse(wrong).unwrap_err().to_string();
        assert!(message.contains(&format!("{wrong:?}")), "{message}");
    }
    assert!(parse("tickets").is_err());
}

proptest! {
    #[test]
    fn any_bytes_give_arguments_in_bounds_or_an_error(
        all in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..4)
    ) {
        if let Ok(arguments) = Arguments::parse(all.iter().map(Vec::as_slice)) {
            prop_assert!(arguments.socket().is_absolute());
            prop_assert!((1..=600).contains(&arguments.timeout().as_secs()));
        }
    }

    #[test]
    fn timeouts_from_1_to_600_are_taken(seconds in 0u64..2000) {
        prop_assert_eq!(
            parse(&format!("timeout={seconds}")).is_ok(),
            (1..=600).contains(&seconds)
        );
    }
}
