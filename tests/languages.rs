//! Logins in other languages, and with the administrator's own texts.

use std::fs;

use mfa_tests::{Agent, Login, Machine, Pty, Sshd, Stack, Transcript, code_of};

const PASSWORD: &str = "correct horse";
const USER: &str = "mfat-anna";
const BY_CONVERSATION: &str =
    "PasswordAuthentication no\nAuthenticationMethods keyboard-interactive";
/// ssh's default verbosity.
const TALKATIVE: [&str; 2] = ["-o", "LogLevel=INFO"];

fn client(machine: &Machine, settings: &str) -> (Agent, Sshd, Pty) {
    machine.user(USER, PASSWORD);
    machine.shipped_stack("sshd");
    let agent = Agent::at_default_socket(settings);
    let sshd = Sshd::start(machine, BY_CONVERSATION);
    let client = sshd.client(USER, &TALKATIVE);
    (agent, sshd, client)
}

fn keep(name: &str, shown: &str, sshd: &Sshd) {
    Transcript::of(shown)
        .masking(&sshd.port().to_string(), "PORT")
        .assert(name);
}

#[test]
fn a_german_login_over_ssh_asks_and_refuses_in_german() {
    Machine::run(|machine| {
        let (agent, sshd, mut client) = client(machine, "[prompts]\nlanguage = \"de\"\n");
        let key = agent.admin().device(USER);
        client.answer("Password: ", PASSWORD);
        client.answer("Einmalcode: ", &key.wrong_code());
        let (shown, status) = client.finish();
        assert_ne!(status, Some(0));
        keep("languages-de-wrong-code", &shown, &sshd);
    });
}

/// Enrols a device in a login over ssh; `words` are typed at the question whether the codes are
/// stored, and the last of them is accepted.
fn set_up_in_french(words: &'static [&str]) {
    Machine::run(move |machine| {
        let settings = "[enforcement]\nunenrolled = \"enroll\"\n[prompts]\nlanguage = \"fr\"\n";
        let (agent, _sshd, mut client) = client(machine, settings);
        client.answer("Password: ", PASSWORD);
        client.expect("Code affiché maintenant par l'application : ");
        let key = key_after(client.shown(), "Clé : ");
        client.send(&code_of(&key, 0));
        for word in words {
            client.answer("Tapez oui quand ils sont en lieu sûr : ", word);
        }
        client.expect("you are in");
        let (shown, status) = client.finish();
        assert_eq!(status, Some(0), "{shown}");
        let (_, codes) = shown.split_once("plus affichés.").expect("recovery codes");
        let codes: Vec<&str> = codes
            .split_whitespace()
            .filter(|word| word.len() == 5)
            .collect();
        assert!(codes.len() >= 20, "ten, in halves: {shown}");
        let lines = shown.lines().filter(|line| !line.starts_with("Warning: "));
        for line in lines {
            assert!(line.trim_end().chars().count() <= 80, "{line}");
        }
        assert_eq!(agent.admin().status(USER).devices.len(), 1);
    });
}

fn key_after(shown: &str, name: &str) -> String {
    let line = shown.lines().find_map(|line| line.split_once(name));
    let (_, key) = line.unwrap_or_else(|| panic!("no key: {shown}"));
    key.replace(' ', "").trim().to_owned()
}

#[test]
fn enrollment_in_french_accepts_the_french_word() {
    set_up_in_french(&["ja", "non", "oui"]);
}

#[test]
fn enrollment_in_french_accepts_the_english_word_too() {
    set_up_in_french(&["yes"]);
}

#[test]
fn a_japanese_login_through_a_stack_offers_its_ways() {
    let settings =
        "[policy]\nrequire = [\"totp\", \"pin\"]\ntries = 3\n[prompts]\nlanguage = \"ja\"\n";
    let agent = Agent::with(settings);
    let key = agent.admin().device("anna");
    agent.admin().pin("anna", "4826");
    let seen = Login::of("anna")
        .answer(&key.wrong_code())
        .answer("?")
        .answer("9")
        .answer("2")
        .answer("4826")
        .run(&Stack::guarded_by(&agent));
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert_eq!(seen.prompts()[0], "ワンタイムコード: ", "{seen:?}");
    assert_eq!(*seen.prompts().last().expect("a prompt"), "PIN: ");
    let shown = format!("{seen:?}");
    for words in [
        "認証できませんでした",
        "1  デバイスのコード",
        "番号のどれか",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
}

#[test]
fn an_ascii_only_page_gets_no_accents_and_english_for_japanese() {
    for (language, prompt) in [("ja", "OTP code: "), ("es", "Codigo de un solo uso: ")] {
        let agent = Agent::with(&format!("[prompts]\nlanguage = {language:?}\n"));
        let key = agent.admin().device("anna");
        let seen = Login::of("anna")
            .service("cockpit")
            .answer(&key.code(0))
            .run(&Stack::guarded_by(&agent));
        assert_eq!(seen.prompts(), [prompt], "{seen:?}");
    }
}

#[test]
fn an_own_catalogue_stays_active_until_a_valid_one_replaces_it() {
    let agent = Agent::with("");
    let key = agent.admin().device("anna");
    let file = agent.folder().join("texts.ftl");
    let settings = format!("[prompts]\ncatalogue_file = {file:?}\n");
    let shown = || {
        let login = Login::of("anna").answer(&key.wrong_code());
        format!("{:?}", login.run(&Stack::guarded_by(&agent)))
    };
    fs::write(
        &file,
        "not-accepted = Refused. Ask the desk.\nprompt-totp = Token:\n",
    )
    .unwrap();
    assert_eq!(agent.reload_with(&settings).text("result"), "done");
    let first = shown();
    assert!(
        first.contains("Refused. Ask the desk.") && first.contains("Token: "),
        "{first}"
    );

    fs::write(&file, "prompt-totp = Code:\nnot-acepted = No.\n").unwrap();
    let event = agent.reload_with(&settings);
    assert_eq!(event.text("result"), "refused");
    let reason = event.text("reason");
    assert!(
        reason.contains("texts.ftl:2: not-acepted: there is no such text"),
        "{reason}"
    );
    let second = shown();
    assert!(
        second.contains("Refused. Ask the desk.") && second.contains("Token: "),
        "{second}"
    );
    let checked = agent.ctl().run(&["config", "check"], "");
    assert_eq!(checked.status, Some(1), "{checked:?}");
    assert!(checked.stdout.contains("not-acepted"), "{checked:?}");

    fs::write(&file, "not-accepted = No.\n").unwrap();
    assert_eq!(agent.reload_with(&settings).text("result"), "done");
    assert!(shown().contains("No."), "{}", shown());
}

#[test]
fn without_an_agent_the_module_speaks_the_language_of_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let stack = Stack::at(&folder.path().join("agent.sock"), "timeout=2");
    for (locale, service, told) in [
        (
            "LC_ALL=de_DE.UTF-8",
            "mfa-test",
            "Der zweite Faktor kann zurzeit nicht geprüft werden. Wenden Sie sich an Ihre Administration.",
        ),
        (
            "LC_ALL=de_DE.UTF-8",
            "sshd",
            "Der zweite Faktor kann zurzeit nicht geprueft werden. Wenden Sie sich an Ihre Administration.",
        ),
        (
            "LC_ALL=ja_JP.UTF-8",
            "mfa-test",
            "現在、二要素認証を確認できません。管理者にお問い合わせください。",
        ),
    ] {
        let login = Login::of("anna").service(service);
        let seen = login.under(&["env", locale]).run(&stack);
        assert_eq!(seen.result(), "PAM_AUTHINFO_UNAVAIL", "{seen:?}");
        assert_eq!(seen.lines("error: "), [told]);
    }
}
