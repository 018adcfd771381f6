//! What the command line takes, and what it says of mistakes.

use super::*;

#[test]
fn the_arguments_are_consistent() {
    Args::command().debug_assert();
}

#[test]
fn every_command_s_help_has_an_example() {
    fn check(command: &clap::Command) {
        let own: Vec<_> = command.get_subcommands().collect();
        own.iter().for_each(|sub| check(sub));
        let help = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        let shown = help.starts_with("Example: mfactl ") || help.starts_with("Examples:\n");
        assert!(shown, "{}: {help}", command.get_name());
        let wide = help.lines().find(|line| line.chars().count() > 80);
        assert_eq!(wide, None, "{}", command.get_name());
    }
    check(&Args::command());
}

#[test]
fn global_options_stand_before_or_after_the_command() {
    for line in [
        "mfactl --json --socket /s users",
        "mfactl users --json --socket /s",
    ] {
        let args = Args::try_parse_from(line.split(' ')).unwrap();
        assert!(args.json && args.socket.as_os_str() == "/s");
    }
}

#[test]
fn a_wrong_value_is_named_with_what_would_be_right() {
    let error = |line: &str| {
        Args::try_parse_from(line.split(' '))
            .unwrap_err()
            .to_string()
    };
    assert!(error("mfactl enroll totp --digits 9").contains("6..=8"));
    assert!(error("mfactl remove topt").contains("'totp'"));
    assert!(error("mfactl enroll totp --period 0").contains("'0'"));
    assert!(error("mfactl unlock \u{1b}x").contains("control character"));
    assert!(error("mfactl enroll totp --uri-stdin --digits 6").contains("cannot be used"));
    assert!(error("mfactl enforce alice always").contains("required, optional, default"));
}

#[test]
fn a_restore_has_a_file_and_an_end_of_one_has_none() {
    let is_taken = |line: &str| Args::try_parse_from(line.split(' ')).is_ok();
    for line in ["f", "f --replace", "f --merge --dry-run", "--abandon"] {
        assert!(is_taken(&format!("mfactl restore {line}")), "{line}");
    }
    assert!(!is_taken("mfactl restore"));
    for line in [
        "f --abandon",
        "--replace",
        "f --dry-run",
        "--abandon --merge",
    ] {
        assert!(!is_taken(&format!("mfactl restore {line}")), "{line}");
    }
}

#[test]
fn a_user_instead_of_a_factor_is_answered_with_the_command() {
    let error =
        |line: &str| with_tip(Args::try_parse_from(line.split(' ')).unwrap_err()).to_string();
    let tip = "tip: to enrol a device for alice: mfactl enroll totp alice";
    let said = error("mfactl enroll alice");
    assert!(said.contains(tip), "{said}");
    for other in ["mfactl alice", "mfactl import alice", "mfactl enroll topt"] {
        let said = error(other);
        assert!(!said.contains("to enrol a device"), "{said}");
    }
}

#[test]
fn an_export_is_of_one_user_or_names_its_users() {
    let parsed = |line: &str| {
        let args = Args::try_parse_from(line.split(' ')).unwrap();
        match args.command {
            Some(Command::Import(Import::Aegis(app))) => {
                (app.user, app.file, app.user_from.is_some())
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        parsed("mfactl import aegis alice vault.json"),
        (Some("alice".to_owned()), "vault.json".into(), false)
    );
    assert_eq!(
        parsed("mfactl import aegis --user-from label -"),
        (None, "-".into(), true)
    );
    for line in [
        "mfactl import aegis vault.json",
        "mfactl import aegis alice vault.json --user-from label",
        "mfactl import csv seeds.csv --hotp --period 60 --user-from 1",
    ] {
        assert!(Args::try_parse_from(line.split(' ')).is_err(), "{line}");
    }
}
