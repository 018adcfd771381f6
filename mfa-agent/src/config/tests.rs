use proptest::prelude::*;

use super::*;
use crate::policy::{Action, Mode, Prompting, Unenrolled};

const DEFAULT: &str = include_str!("../../../config/agent.toml");

fn parse(text: &str) -> Result<Settings, ConfigError> {
    Settings::parse(vec![("agent.toml".into(), text.to_owned())])
}

fn parse_all(texts: &[&str]) -> Result<Settings, ConfigError> {
    let files = texts.iter().enumerate();
    Settings::parse(
        files
            .map(|(i, text)| (format!("{i}.toml").into(), (*text).to_owned()))
            .collect(),
    )
}

/// Without what the files alone can give.
fn without_places(mut settings: Settings) -> Settings {
    settings.policy.mode_place = None;
    settings.policy.default_place = None;
    settings
}

#[test]
fn the_default_file_says_what_holds_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("agent.toml");
    fs::write(&file, DEFAULT).unwrap();
    assert_eq!(
        without_places(Settings::load(&file).unwrap()),
        Settings::default()
    );
    assert_eq!(parse("").unwrap(), Settings::default());
}

#[test]
fn the_examples_in_the_default_file_are_right() {
    let example = |line: &'static str| match line.strip_prefix('#') {
        Some(rest) if !rest.is_empty() && !rest.starts_with(' ') => rest,
        _ => line,
    };
    let text = DEFAULT.lines().map(example).collect::<Vec<_>>().join("\n");
    let settings = parse(&text).unwrap();
    let names: Vec<_> = settings
        .policy
        .rules
        .iter()
        .map(|rule| rule.name.as_str())
        .collect();
    assert_eq!(names, ["vpn", "console break-glass", "administrators"]);
    assert_eq!(settings.totp.issuer.as_deref(), Some("Example"));
    assert_eq!(settings.policy.groups(), ["sudo", "wheel"]);
}

#[test]
fn every_key_is_read() {
    let settings = parse(
        r#"
        [server]
        socket = "/s"
        trusted = ["freerad"]
        max_connections = 2
        max_connections_per_user = 1
        login_timeout = "30s"
        [store]
        path = "/p"
        key_file = "/k"
        [enforcement]
        mode = "local-users"
        unenrolled = "allow"
        [lockout]
        attempts = 3
        duration = "1d12h"
        max_consecutive = 0
        [policy]
        require = ["pin+totp", "questions"]
        session = "0s"
        prompting = "single"
        tries = 3
        [totp]
        issuer = "Example"
        algorithm = "SHA512"
        digits = 8
        period = 60
        skew = 0
        [prompts]
        totp = "Code: "
        pin = "Number: "
        [questions]
        catalogue = ["a?", "b?", "c?"]
        [audit]
        file = ""
        syslog = false
        [admin]
        groups = ["wheel"]
        "#,
    )
    .unwrap();
    assert_eq!(settings.server.socket, Path::new("/s"));
    assert_eq!(settings.server.trusted[0].as_str(), "freerad");
    assert_eq!(
        (
            settings.server.max_connections,
            settings.server.max_connections_per_user
        ),
        (2, 1)
    );
    assert_eq!(settings.server.login_timeout, Duration::from_secs(30));
    assert_eq!(
        settings.store,
        Store {
            path: "/p".into(),
            key_file: "/k".into()
        }
    );
    let duration = Duration::from_secs(36 * 60 * 60);
    assert_eq!(
        settings.lockout,
        Lockout {
            attempts: 3,
            duration,
            max_consecutive: None
        }
    );
    let ask = &settings.policy.default;
    assert_eq!(
        ask.ways.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["pin+totp", "questions"]
    );
    assert_eq!(
        (ask.prompting, ask.tries, ask.unenrolled),
        (Prompting::Single, 3, Unenrolled::Allow)
    );
    assert_eq!(settings.policy.mode, Mode::LocalUsers);
    let totp = Totp {
        issuer: Some("Example".into()),
        algorithm: Algorithm::Sha512,
        digits: 8u32.try_into().unwrap(),
        period: 60u64.try_into().unwrap(),
        skew: 0,
    };
    assert_eq!(settings.totp, totp);
    assert_eq!(
        settings.prompts,
        Prompts {
            totp: "Code: ".into(),
            pin: "Number: ".into()
        }
    );
    assert_eq!(settings.questions.catalogue, ["a?", "b?", "c?"]);
    assert_eq!(
        settings.audit,
        Audit {
            file: None,
            syslog: false
        }
    );
    assert_eq!(settings.admin.groups, ["wheel"]);
}

/// A file, and the beginning of what is said about it.
const WRONG: &[(&str, &str)] = &[
    ("x", "1: key with no value; expected `=`"),
    ("[lockout]\n[lockout]", "2: duplicate key"),
    (
        "[server]\n\nsockt = '/x'",
        "3: unknown field `sockt`; expected one of `socket`",
    ),
    (
        "[[rules]]\nname = 'x'",
        "1: unknown field `rules`; expected one of `server`",
    ),
    (
        "[[rule]]\nsession = '15m'",
        "2: unknown field `session`; expected one of `name`",
    ),
    (
        "[rule]\nname = 'x'",
        "1: invalid type: table; expected a list in [ ], or [[rule]] for a rule",
    ),
    (
        "[[rule]]\nusers = 'root'",
        "2: invalid type: string \"root\"; expected a list in [ ]",
    ),
    (
        "[server]\nsocket = 3",
        "2: invalid type: integer `3`; expected a full path",
    ),
    (
        "[server]\nsocket = 'agent.sock'",
        "2: \"agent.sock\" is no full path; expected one that begins with \"/\"",
    ),
    (
        "[server]\ntrusted = ['a', '']",
        "2: a user name can't be empty",
    ),
    (
        "[server]\nmax_connections = 0",
        "2: invalid value: integer `0`; expected a whole number from 1 to 65536",
    ),
    (
        "[server]\nlogin_timeout = '2h'",
        "2: \"2h\" is out of range; expected 1s to 1h",
    ),
    (
        "[enforcement]\nmode = 'some'",
        "2: \"some\" is not known here; expected one of \"none\", \"local-users\", \"all\"",
    ),
    (
        "[enforcement]\nmode = true",
        "2: invalid type: boolean `true`; expected \"none\", \"local-users\" or \"all\"",
    ),
    (
        "[enforcement]\nunenrolled = 'enroll'",
        "2: \"enroll\" (set-up inside the login) is not in this version; expected \"deny\" or \"allow\"",
    ),
    (
        "[lockout]\nattempts = 101",
        "2: invalid value: integer `101`; expected a whole number from 1 to 100",
    ),
    (
        "[lockout]\nattempts = 'five'",
        "2: invalid type: string \"five\"; expected a whole number",
    ),
    (
        "[lockout]\nduration = '1x'",
        "2: \"1x\" is no length of time; expected one such as \"90s\"",
    ),
    (
        "[lockout]\nduration = '0s'",
        "2: \"0s\" is out of range; expected 1s to 365d",
    ),
    ("[lockout]\nduration = '-1h'", "2: \"-1h\" is out of range"),
    (
        "[lockout]\nduration = '366d'",
        "2: \"366d\" is out of range",
    ),
    (
        "[lockout]\nduration = 3600",
        "2: invalid type: integer `3600`; expected a length of time",
    ),
    (
        "[lockout]\nmax_consecutive = 4",
        "2: max_consecutive = 4 is less than attempts = 5; expected at least 5, or 0",
    ),
    (
        "[policy]\nrequire = [\n'totp',\n'sms',\n]",
        "4: \"sms\" is not a factor; there are \"totp\", \"pin\" and \"questions\"",
    ),
    (
        "[policy]\nrequire = []",
        "2: the list is empty, so that nobody could pass",
    ),
    (
        "[policy]\nsession = '15m'",
        "2: sessions are not in this version; expected \"0s\"",
    ),
    (
        "[policy]\ntries = 6",
        "2: invalid value: integer `6`; expected a whole number from 1 to 5",
    ),
    ("[totp]\nissuer = 'a:b'", "2: \"a:b\" holds a colon"),
    (
        "[totp]\nalgorithm = 'MD5'",
        "2: \"MD5\" is not an algorithm; there are SHA1, SHA256 and SHA512",
    ),
    (
        "[totp]\ndigits = 10",
        "2: codes of 10 digits are not possible; 6 to 8 are",
    ),
    (
        "[totp]\nperiod = 0",
        "2: a period of 0 seconds is not possible; 5 to 300 are",
    ),
    (
        "[totp]\nskew = 11",
        "2: invalid value: integer `11`; expected a whole number from 0 to 10",
    ),
    (
        "[prompts]\npin = 'OTP code: '",
        "2: both prompts are \"OTP code: \"; expected a text of its own for each",
    ),
    ("[prompts]\ntotp = \"a\\nb\"", "2: the text holds U+000A"),
    ("[prompts]\ntotp = ''", "2: \"\" shows nothing"),
    (
        "[questions]\ncatalogue = [\n'a',\n'b', 'c',\n'a']",
        "5: the question \"a\" is there already",
    ),
    (
        "[questions]\ncatalogue = ['a', 'b']",
        "2: 2 questions to choose from; expected at least 3",
    ),
    (
        "[audit]\nfile = 'audit.jsonl'",
        "2: \"audit.jsonl\" is no full path",
    ),
    (
        "[admin]\ngroups = ['@wheel']",
        "2: \"@wheel\" is no group; expected just its name",
    ),
    (
        "[[rule]]\n[[rule]]\nusers = ['!*']",
        "3: \"!*\" takes everything out",
    ),
    (
        "[[rule]]\nusers = []",
        "2: the list is empty, so that the rule could never fit",
    ),
    (
        "[[rule]]\nservices = []",
        "2: the list is empty, so that the rule could never fit",
    ),
    (
        "[[rule]]\nfrom = []",
        "2: the list is empty, so that the rule could never fit",
    ),
    (
        "[[rule]]\nservices = ['@sudo']",
        "2: \"@sudo\" names a group of users",
    ),
    ("[[rule]]\nfrom = ['office']", "2: \"office\" is no address"),
    (
        "[[rule]]\nfrom = ['192.0.2.7/24']",
        "2: \"192.0.2.7/24\" has bits beyond its mask",
    ),
    (
        "[[rule]]\naction = 'permit'",
        "2: \"permit\" is not known here; expected one of \"ask\", \"skip\", \"deny\"",
    ),
    (
        "[[rule]]\naction = 'skip'\nrequire = ['totp']",
        "3: require has no meaning with action = \"skip\"",
    ),
    (
        "[[rule]]\ntries = 2\naction = 'deny'",
        "2: tries has no meaning with action = \"deny\"",
    ),
];

#[test]
fn what_is_wrong_is_told_with_its_line_and_what_was_expected() {
    for (text, message) in WRONG {
        let told = parse(text).unwrap_err().to_string();
        assert!(
            told.starts_with(&format!("agent.toml:{message}")),
            "{text}\n=> {told}"
        );
        assert_eq!(told.lines().count(), 1, "{told}");
    }
}

#[test]
fn a_path_too_long_for_a_socket_is_refused() {
    let path = |length: usize| format!("[server]\nsocket = '/{}'", "s".repeat(length - 1));
    assert!(parse(&path(107)).is_ok());
    assert!(
        parse(&path(108))
            .unwrap_err()
            .to_string()
            .contains("this one has 108")
    );
}

#[test]
fn later_files_override_key_by_key_and_add_their_rules() {
    let settings = parse_all(&[
        "[lockout]\nattempts = 3\nduration = '2h'\n[[rule]]\nname = 'first'",
        "[lockout]\nattempts = 4\n[policy]\nrequire = ['pin']\n\n[[rule]]\n[[rule]]\nname = 'third'",
    ])
    .unwrap();
    assert_eq!(settings.lockout.attempts, 4);
    assert_eq!(settings.lockout.duration, Duration::from_secs(2 * 60 * 60));
    let rules: Vec<_> = settings
        .policy
        .rules
        .iter()
        .map(|r| (r.name.clone(), r.place.to_string()))
        .collect();
    let expected = [
        ("first", "0.toml:4"),
        ("rule 2", "1.toml:6"),
        ("third", "1.toml:7"),
    ];
    assert_eq!(
        rules,
        expected.map(|(name, place)| (name.to_owned(), place.to_owned()))
    );
    assert_eq!(
        settings.policy.default_place.unwrap().to_string(),
        "1.toml:4"
    );
    // A rule asks for what holds in the end, not for what held where it stands.
    let Action::Ask(ask) = &settings.policy.rules[0].action else {
        panic!("the rule asks")
    };
    assert_eq!(ask.ways[0].to_string(), "pin");
}

#[test]
fn limits_that_only_together_make_no_sense_are_told_where_the_last_of_them_stands() {
    let told = parse_all(&[
        "[lockout]\nmax_consecutive = 10",
        "\n[lockout]\nattempts = 20",
    ])
    .unwrap_err();
    assert!(
        told.to_string()
            .starts_with("1.toml:3: max_consecutive = 10 is less than attempts = 20"),
        "{told}"
    );
}

#[test]
fn mistakes_in_several_files_are_told_together() {
    let told = parse_all(&["[totp]\nskew = 99", "[audit]\nsyslog = 1"])
        .unwrap_err()
        .to_string();
    let places: Vec<_> = told.lines().map(|line| &line[..8]).collect();
    assert_eq!(places, ["0.toml:2", "1.toml:2"]);
}

#[test]
fn drop_ins_are_read_in_the_order_of_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("main.toml");
    let drop_ins = folder.path().join("agent.d");
    fs::write(&file, "[lockout]\nattempts = 2").unwrap();
    assert_eq!(Settings::load(&file).unwrap().lockout.attempts, 2);
    fs::create_dir(&drop_ins).unwrap();
    for (name, attempts) in [
        ("20-b.toml", 4),
        ("10-a.toml", 3),
        (".hidden.toml", 9),
        ("30.toml.bak", 9),
    ] {
        fs::write(
            drop_ins.join(name),
            format!("[lockout]\nattempts = {attempts}"),
        )
        .unwrap();
    }
    assert_eq!(Settings::load(&file).unwrap().lockout.attempts, 4);
}

#[test]
fn a_file_that_can_not_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("agent.toml");
    let told = Settings::load(&file).unwrap_err().to_string();
    assert!(told.contains("agent.toml: there is no such file"), "{told}");
    fs::write(&file, b"[server]\n# \xff").unwrap();
    let told = Settings::load(&file).unwrap_err().to_string();
    assert!(
        told.contains("agent.toml: holds bytes that are no text"),
        "{told}"
    );
    fs::write(&file, "").unwrap();
    fs::create_dir_all(folder.path().join("agent.d/folder.toml")).unwrap();
    let told = Settings::load(&file).unwrap_err().to_string();
    assert!(told.contains("folder.toml: can't be read"), "{told}");
}

proptest! {
    #[test]
    fn any_text_gives_settings_or_a_place_in_it(text in any::<String>()) {
        check_any(&text)?;
    }

    #[test]
    fn any_mixture_of_lines_gives_settings_or_a_place_in_it(
        lines in prop::collection::vec(prop::sample::select(DEFAULT.lines().collect::<Vec<_>>()), 0..30),
        cut in 0_usize..200,
    ) {
        let text: String = lines.join("\n").replace("\n#", "\n");
        let end = text.floor_char_boundary(cut);
        check_any(&text[..end])?;
    }
}

fn check_any(text: &str) -> Result<(), TestCaseError> {
    if let Err(ConfigError::Bad(problems)) = parse(text) {
        prop_assert!(!problems.is_empty());
        for problem in problems {
            prop_assert!((1..=1 + text.matches('\n').count()).contains(&problem.place.line));
            prop_assert!(!problem.message.contains('\n'));
        }
    }
    Ok(())
}

#[test]
fn a_file_that_anybody_may_change_is_not_believed() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("agent.toml");
    std::fs::write(&file, "").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o646)).unwrap();
    let told = Settings::load(&file).unwrap_err().to_string();
    assert!(told.contains("chmod o-w"), "{told}");
}
