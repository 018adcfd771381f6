mod keys;
mod lists;
mod outside;
mod outside_refusals;
mod policy_needs;
mod policy_properties;
mod policy_table;
mod refusals;
mod shared_store;
mod terms;

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use mfa_core::factors::Factor;
use mfa_core::factors::address::Channel;
use mfa_core::factors::device::HashAlgorithm;
use mfa_core::factors::pin::BannedPin;
use mfa_core::lockout::Limits;
use mfa_core::policy::{Action, GracePeriod, Mode, Prompting, Unenrolled};
use mfa_core::texts::{Catalogue, Language, Text, Texts};

const DEFAULT: &str = include_str!("../../../../config/agent.toml");

impl Default for Settings {
    /// What holds where no file says anything.
    fn default() -> Self {
        Self::parse(Vec::new()).unwrap()
    }
}

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
    settings.name_places.clear();
    settings.policy.mode_place = None;
    settings.policy.default_place = None;
    settings
}

#[test]
fn lists_of_names_join_and_other_lists_are_told_with_both_places() {
    let told = |texts: &[&str]| {
        let settings = parse_all(texts).unwrap();
        let overridden = settings.overridden.iter();
        let told = overridden.map(|list| {
            let joins = if list.joins { " joins" } else { "" };
            format!("{} {} {}{joins}", list.key, list.earlier, list.place)
        });
        (told.collect::<Vec<_>>(), settings)
    };
    let (nothing, settings) = told(&[
        "[server]\ntrusted = ['postgres']\n[admin]\ngroups = ['a']\n[pin]\nbanned = ['4826']",
        "[server]\ntrusted = ['www-data', 'postgres']\n[admin]\ngroups = ['b']\n[pin]\nbanned = ['4827']",
    ]);
    assert_eq!(nothing, [] as [&str; 0]);
    let trusted: Vec<_> = settings
        .server
        .trusted
        .iter()
        .map(|user| user.as_str())
        .collect();
    assert_eq!(trusted, ["postgres", "www-data"]);
    assert_eq!(settings.admin.groups, ["a", "b"]);
    let built_in = Settings::default().pin.banned.len();
    assert_eq!(settings.pin.banned.len(), built_in + 2);
    let (in_vain, settings) = told(&["[server]\ntrusted = ['a']", "[server]\n\ntrusted = []"]);
    assert_eq!(in_vain, ["[server] trusted 0.toml:2 1.toml:3 joins"]);
    assert_eq!(settings.server.trusted.len(), 1);
    let (replaced, _) = told(&[
        "[policy]\nrequire = ['pin']",
        "[policy]\nrequire = ['totp']",
    ]);
    assert_eq!(replaced, ["[policy] require 0.toml:2 1.toml:2"]);
    let (shipped, _) = told(&[
        DEFAULT,
        "[policy]\nrequire = ['totp']\n[self_service]\nfactors = ['pin']",
    ]);
    assert_eq!(shipped, [] as [&str; 0], "what is built in nobody misses");
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

/// The default file with its examples.
pub(crate) fn examples() -> String {
    let example = |line: &'static str| match line.strip_prefix('#') {
        Some(rest) if !rest.is_empty() && !rest.starts_with(' ') => rest,
        _ => line,
    };
    DEFAULT.lines().map(example).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_examples_in_the_default_file_are_right() {
    let settings = parse(&examples()).unwrap();
    let names: Vec<_> = settings
        .policy
        .rules
        .iter()
        .map(|rule| rule.name.as_str())
        .collect();
    let expected = [
        "vpn",
        "console break-glass",
        "automation",
        "evidence",
        "contractors at work",
        "contractors otherwise",
        "administrators",
        "federated",
        "office",
        "web console",
        "ssh with a key",
        "ssh with a password",
    ];
    assert_eq!(names, expected);
    assert_eq!(settings.totp.issuer.as_deref(), Some("Example"));
    let delivery = &settings.delivery;
    assert!(
        Channel::ALL
            .iter()
            .all(|channel| delivery.is_configured(*channel))
    );
    let email = delivery.email.as_ref().unwrap();
    assert!(matches!(email.route, EmailRoute::Smtp { port: 587, .. }));
    assert_eq!(settings.radius.len(), 1);
    assert_eq!(settings.policy.groups(), ["contractors", "sudo", "wheel"]);
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
        stop_timeout = "0s"
        [store]
        path = "/p"
        key_file = "/k"
        [enforcement]
        mode = "local-users"
        unenrolled = "deny"
        grace = "14d"
        [lockout]
        attempts = 3
        duration = "1d12h"
        max_consecutive = 0
        [policy]
        require = ["pin+totp", "questions"]
        session = "15m"
        session_scope = ["sudo", "SU"]
        prompting = "single"
        tries = 3
        require_password_expiry = true
        [totp]
        issuer = "Example"
        algorithm = "SHA512"
        digits = 8
        period = 60
        skew = 0
        [prompts]
        language = "de"
        catalogue_file = ""
        totp = "Code: "
        pin = "Number: "
        email = "Mail: "
        sms = "Text: "
        radius = "Token: "
        number = "Telephone: "
        [pin]
        banned = ["4826"]
        banned_file = ""
        [questions]
        catalogue = ["a?", " b?", "c?"]
        catalogue_file = ""
        own = false
        [audit]
        file = ""
        syslog = false
        [admin]
        groups = ["wheel"]
        [self_service]
        enabled = false
        factors = ["pin"]
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
    assert_eq!(settings.server.stop_timeout, Duration::ZERO);
    assert_eq!(
        settings.store,
        Store {
            engine: Engine::Sled,
            path: "/p".into(),
            key_file: "/k".into()
        }
    );
    let duration = Duration::from_secs(36 * 60 * 60);
    assert_eq!(
        settings.lockout,
        Limits {
            attempts: 3,
            duration,
            max_consecutive: None
        }
    );
    let ask = &settings.policy.default;
    assert_eq!(
        ask.combinations
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["pin+totp", "questions"]
    );
    assert_eq!(
        (ask.prompting, ask.tries, ask.unenrolled),
        (Prompting::Single, 3, Unenrolled::Deny)
    );
    let session = ask.session.as_ref().unwrap();
    assert_eq!(session.duration, Duration::from_secs(15 * 60));
    assert_eq!(session.scope, ["sudo", "su"]);
    let fortnight = Duration::from_secs(14 * 24 * 60 * 60);
    assert_eq!(ask.grace, Some(GracePeriod::Lasting(fortnight)));
    assert_eq!(ask.lockout, settings.lockout);
    assert!(settings.require_password_expiry);
    let self_service = SelfService {
        enabled: false,
        factors: vec![Factor::Pin],
    };
    assert_eq!(settings.self_service, self_service);
    assert_eq!(settings.policy.mode, Mode::LocalUsers);
    let totp = Totp {
        issuer: Some("Example".into()),
        algorithm: HashAlgorithm::Sha512,
        digits: 8u32.try_into().unwrap(),
        period: 60u64.try_into().unwrap(),
        skew: 0,
    };
    assert_eq!(settings.totp, totp);
    let mut texts = Texts::of(Catalogue::of(Language::De));
    for (factor, wording) in [
        (Factor::Totp, "Code: "),
        (Factor::Pin, "Number: "),
        (Factor::Email, "Mail: "),
        (Factor::Sms, "Text: "),
        (Factor::Radius, "Token: "),
    ] {
        texts.replace(Text::prompt_for(factor).unwrap(), wording.into());
    }
    texts.replace(Text::PromptNumber, "Telephone: ".into());
    assert_eq!(*settings.prompts.texts, texts);
    assert_eq!(
        settings.pin.banned,
        ["4826"].into_iter().flat_map(BannedPin::new).collect()
    );
    assert_eq!(settings.questions.catalogue, ["a?", "b?", "c?"]);
    assert!(!settings.questions.own);
    assert_eq!(
        settings.audit,
        Audit {
            file: None,
            syslog: false
        }
    );
    assert_eq!(settings.admin.groups, ["wheel"]);
}

#[test]
fn a_path_too_long_for_a_socket_is_refused() {
    let path = |length: usize| format!("[server]\nsocket = '/{}'", "s".repeat(length - 1));
    assert!(parse(&path(107)).is_ok());
    assert!(
        parse(&path(108))
            .unwrap_err()
            .to_string()
            .contains("this path has 108")
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
    assert_eq!(ask.combinations[0].to_string(), "pin");
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
    assert!(told.contains("agent.toml: no such file"), "{told}");
    fs::write(&file, b"[server]\n# \xff").unwrap();
    let told = Settings::load(&file).unwrap_err().to_string();
    assert!(
        told.contains("agent.toml: contains bytes that are not text"),
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
        let end = (0..=cut.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
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
