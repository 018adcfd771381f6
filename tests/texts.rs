//! Codes by text message: Vonage, a webhook and a command get what is documented, and the code logs
//! in.

use std::path::Path;
use std::process::Command;

use mfa_tests::{
    Agent, Answer, Authority, Files, Login, Machine, Provider, Request, Seen, Stack, another_than,
    code_in, eventually, hmac, is_root,
};

const ANNA: &str = "anna";
const EVA: &str = "mfat-eva";
/// A user of the host: only host users are asked for a number.
const NEW: &str = "daemon";
const NUMBER: &str = "+491701234567";
const MASKED: &str = "+49•••••67";
const PROMPT: &str = "Code from your text message: ";
const NUMBER_PROMPT: &str = "Mobile number, with its country code: ";
const NOT_SENT: &str = "The code could not be sent.";
const SECRET: &str = "hunter2-of-the-provider";
const PIN: &str = "4826";

/// A provider that the agent trusts, an agent that sends by it, and a stack that asks the agent.
struct Scene {
    provider: Provider,
    files: Files,
    agent: Agent,
    stack: Stack,
}

impl Scene {
    fn with(policy: &str, keys: impl Fn(&Provider, &Path) -> String) -> Self {
        let (authority, files) = (Authority::new(), Files::new());
        let provider = Provider::start(&authority.certificate("localhost"));
        let secret = files.secret("secret", SECRET);
        let keys = keys(&provider, &secret);
        let agent = Agent::with(&format!(
            "{policy}[delivery]\nchannel = \"sms\"\n[delivery.sms]\nca_file = {:?}\n{keys}\n",
            authority.file()
        ));
        Self {
            stack: Stack::asking(&agent),
            provider,
            files,
            agent,
        }
    }

    /// Text messages are the only way, and the user has a number.
    fn enrolled(keys: impl Fn(&Provider, &Path) -> String) -> Self {
        let scene = Self::with("[policy]\nrequire = [\"sms\"]\n", keys);
        scene.agent.admin().address(ANNA, "sms", NUMBER);
        scene
    }

    /// Logs in with the code in the request of that number.
    fn log_in_with_code_of(&self, user: &str, number: usize) -> (Seen, Request) {
        let mut login = Login::of(user).start(&self.stack);
        login.await_prompt();
        let request = self.provider.await_requests(number).remove(number - 1);
        login.answer(&code_of(&request));
        (login.finish(), request)
    }

    /// A login is told that no code could be sent, after a wrong answer; the log says why.
    fn assert_not_sent(&self, why: &str) {
        let seen = Login::of(ANNA).answer("000000").run(&self.stack);
        assert!(seen.text.contains(NOT_SENT), "{seen:?}");
        assert_eq!(self.agent.admin().status(ANNA).failures, 1);
        self.agent.await_log(why);
        let log = self.agent.log();
        for secret in [SECRET, NUMBER, "1701234567"] {
            assert!(!log.contains(secret), "{log}");
        }
    }
}

fn code_of(request: &Request) -> String {
    match request.header("content-type") {
        "application/json" => request.json()["code"].as_str().expect("a code").to_owned(),
        _ => code_in(&request.form()["text"]),
    }
}

fn vonage(provider: &Provider, secret: &Path) -> String {
    format!(
        "provider = \"vonage\"\nkey = \"abcd1234\"\nsecret_file = {secret:?}\nfrom = \"Example\"\n\
         endpoint = {:?}\n",
        provider.url("/sms/json")
    )
}

fn webhook(provider: &Provider, secret: &Path) -> String {
    let url = provider.url("/send");
    format!("provider = \"webhook\"\nurl = {url:?}\ntoken_file = {secret:?}\n")
}

fn signed_webhook(provider: &Provider, secret: &Path) -> String {
    webhook(provider, secret).replace("token_file", "hmac_key_file")
}

#[test]
fn vonage_gets_the_documented_form_and_its_code_logs_in() {
    let scene = Scene::enrolled(vonage);
    let (seen, request) = scene.log_in_with_code_of(ANNA, 1);
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert_eq!(seen.prompts(), [PROMPT]);
    assert!(
        seen.text.contains("A code is on its way to your phone"),
        "{seen:?}"
    );
    assert_eq!(request.line, "POST /sms/json HTTP/1.1");
    let form = request.form();
    for (field, value) in [
        ("api_key", "abcd1234"),
        ("api_secret", SECRET),
        ("from", "Example"),
        ("to", "491701234567"),
        ("type", "text"),
    ] {
        assert_eq!(form[field], value, "{field}");
    }
    let address = scene.agent.admin().status(ANNA).addresses.remove(0);
    assert!(address.confirmed_at.is_some(), "{address:?}");
}

#[test]
fn a_throttled_account_and_a_busy_server_are_tried_again() {
    let scene = Scene::enrolled(vonage);
    scene.provider.answer_next(&[
        Answer::Vonage(
            1,
            "Throughput Rate Exceeded - please wait [ 250 ] and retry",
        ),
        Answer::Http(429),
        Answer::Http(503),
    ]);
    let mut login = Login::of(ANNA).start(&scene.stack);
    login.await_prompt();
    let requests = scene.provider.await_requests(4);
    let codes: Vec<String> = requests.iter().map(code_of).collect();
    assert!(codes.iter().all(|code| *code == codes[0]), "{codes:?}");
    login.answer(&codes[0]);
    assert_eq!(login.finish().result(), "PAM_SUCCESS");
}

#[test]
fn wrong_credentials_are_reported_and_not_tried_again() {
    let scene = Scene::enrolled(vonage);
    scene
        .provider
        .answer_next(&[Answer::Vonage(4, "Bad Credentials")]);
    scene.assert_not_sent("key or secret is wrong");
    assert_eq!(scene.provider.requests().len(), 1);

    let scene = Scene::enrolled(webhook);
    scene.provider.answer_next(&[Answer::Http(401)]);
    scene.assert_not_sent("refuses the credentials");
    assert_eq!(scene.provider.requests().len(), 1);
}

#[test]
fn a_webhook_gets_json_and_a_bearer_token() {
    let scene = Scene::enrolled(webhook);
    let (seen, request) = scene.log_in_with_code_of(ANNA, 1);
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert_eq!(request.line, "POST /send HTTP/1.1");
    assert_eq!(request.header("content-type"), "application/json");
    assert_eq!(request.header("authorization"), format!("Bearer {SECRET}"));
    let json = request.json();
    assert_eq!(json["to"], NUMBER);
    assert_eq!(json["service"], "mfa-test");
    let text = json["text"].as_str().expect("a text");
    assert_eq!(code_in(text), json["code"].as_str().expect("a code"));
}

#[test]
fn a_webhook_can_get_a_signed_body_instead() {
    let scene = Scene::enrolled(signed_webhook);
    let (seen, request) = scene.log_in_with_code_of(ANNA, 1);
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert_eq!(request.header("authorization"), "");
    let signature = hmac(SECRET, request.body.as_bytes(), scene.files.folder());
    assert_eq!(request.header("x-signature"), format!("sha256={signature}"));
}

#[test]
fn an_invalid_certificate_is_refused() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    for certificate in [
        authority.certificate("other.example"),
        stranger.certificate("localhost"),
    ] {
        let impostor = Provider::start(&certificate);
        let scene = Scene::with("[policy]\nrequire = [\"sms\"]\n", |_, secret| {
            webhook(&impostor, secret)
        });
        scene.agent.admin().address(ANNA, "sms", NUMBER);
        scene.assert_not_sent("is not valid");
        assert!(impostor.requests().is_empty());
    }
}

#[test]
fn a_command_gets_json_on_its_standard_input_and_a_minimal_environment() {
    let files = Files::new();
    let here = files.folder().display().to_string();
    let command = files.program(
        "send",
        &format!(
            "tr '\\0' '\\n' < /proc/$$/environ > {here}/environment\necho $# > {here}/arguments\n\
             cat > {here}/draft && mv {here}/draft {here}/message"
        ),
    );
    let agent = Agent::with(&format!(
        "[policy]\nrequire = [\"sms\"]\n[delivery]\nchannel = \"sms\"\n\
         [delivery.sms]\nprovider = \"command\"\ncommand = {command:?}\n"
    ));
    agent.admin().address(ANNA, "sms", NUMBER);
    let stack = Stack::asking(&agent);
    let mut login = Login::of(ANNA).start(&stack);
    login.await_prompt();
    let message = eventually("a message", || {
        Some(files.text("message")).filter(|text| !text.is_empty())
    });
    let json: serde_json::Value = serde_json::from_str(&message).expect("JSON");
    assert_eq!(json["to"], NUMBER);
    login.answer(json["code"].as_str().expect("a code"));
    assert_eq!(login.finish().result(), "PAM_SUCCESS");
    let environment = files.text("environment");
    assert!(environment.starts_with("PATH="), "{environment}");
    assert_eq!(environment.lines().count(), 1, "{environment}");
    assert_eq!(files.text("arguments"), "0\n");
}

const ENROLL: &str = "[policy]\nrequire = [\"sms\"]\n[enforcement]\nunenrolled = \"enroll\"\n";

fn german(provider: &Provider, secret: &Path) -> String {
    webhook(provider, secret) + "region = \"DE\"\n"
}

#[test]
fn a_user_without_a_number_is_asked_for_it_in_the_login_and_a_right_code_stores_it() {
    let scene = Scene::with(ENROLL, german);
    let mut login = Login::of(NEW).start(&scene.stack);
    login.await_prompt();
    login.answer("0170 1234567");
    login.await_prompt();
    let request = scene.provider.await_requests(1).remove(0);
    assert_eq!(request.json()["to"], NUMBER);
    login.answer(&code_of(&request));
    login.await_prompt();
    assert!(scene.agent.admin().status(NEW).addresses.is_empty());
    login.answer("yes");
    let seen = login.finish();
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert_eq!(seen.prompts()[..2], [NUMBER_PROMPT, PROMPT]);
    let addresses = scene.agent.admin().status(NEW).addresses;
    assert_eq!(addresses.len(), 1, "{addresses:?}");
    // Only root sees the full number.
    let shown = if is_root() { NUMBER } else { MASKED };
    assert_eq!(addresses[0].address, shown);
    assert!(addresses[0].confirmed_at.is_some());

    let (seen, request) = scene.log_in_with_code_of(NEW, 2);
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert_eq!(seen.prompts(), [PROMPT]);
    assert_eq!(request.json()["to"], NUMBER);
}

#[test]
fn an_enrolment_that_is_broken_off_or_answered_wrongly_stores_nothing() {
    let scene = Scene::with(ENROLL, german);
    let mut aborted = Login::of(NEW).start(&scene.stack);
    aborted.await_prompt();
    aborted.answer("0170 1234567");
    aborted.await_prompt();
    let code = code_of(&scene.provider.await_requests(1)[0]);
    aborted.kill();
    let _ = scene.agent.logins_of(NEW, 1);
    assert!(scene.agent.admin().status(NEW).addresses.is_empty());

    let mut wrong = Login::of(NEW).start(&scene.stack);
    wrong.await_prompt();
    wrong.answer("0170 1234567");
    wrong.await_prompt();
    let own = code_of(&scene.provider.await_requests(2)[1]);
    wrong.answer(&another_than(&own));
    // The code of the broken login stays invalid, however often another is requested.
    wrong.answer(&code);
    let seen = wrong.finish();
    assert_ne!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert!(scene.agent.admin().status(NEW).addresses.is_empty());
}

#[test]
fn a_malformed_number_gets_no_message() {
    let scene = Scene::with(ENROLL, webhook);
    let seen = Login::of(NEW)
        .answer("call me maybe")
        .answer("0170 1234567")
        .run(&scene.stack);
    assert_ne!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert!(scene.provider.requests().is_empty(), "no region was set");
    assert!(scene.agent.admin().status(NEW).addresses.is_empty());
}

/// A code and a PIN are required, and both are enrolled.
/// The number from this key, and what `config check` says of it.
fn by_profile(key: &str) -> (Scene, String) {
    let scene = Scene::with("[policy]\nrequire = [\"sms\"]\n", |provider, secret| {
        format!("{}region = \"DE\"\n{key}", webhook(provider, secret))
    });
    let output = scene.agent.ctl().run(&["config", "check"], "");
    let told = output.stdout + &output.stderr;
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    (scene, told)
}

#[test]
fn a_number_of_the_user_database_gets_the_first_code_and_is_enrolled_by_it() {
    Machine::run(|machine| {
        machine.user(EVA, "a password");
        let gecos = |fields: &str| {
            let mut usermod = Command::new("usermod");
            let status = usermod.args(["--comment", fields, EVA]).status();
            assert!(status.expect("usermod").success());
        };
        gecos("Eva,,0170 1234567,,");
        let (scene, told) = by_profile("number_from = \"work-phone\"");
        assert!(
            told.contains(
                "but users can change this field by themselves with chfn (CHFN_RESTRICT "
            ),
            "{told}"
        );
        // A wrong code does not make the number the user's own.
        let seen = Login::of(EVA).answer("000000").run(&scene.stack);
        assert_eq!(seen.result(), "PAM_AUTH_ERR", "{seen:?}");
        assert!(scene.agent.admin().status(EVA).addresses.is_empty());
        let (seen, request) = scene.log_in_with_code_of(EVA, 2);
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
        assert_eq!(request.json()["to"], NUMBER);
        let event = &scene.agent.events_of("enroll", EVA, 1)[0];
        assert_eq!((event.text("factor"), event.text("label")), ("sms", MASKED));
        // The enrolled number wins over what the user database has from now on.
        gecos("Eva,,+43 664 1234567,,");
        let (seen, request) = scene.log_in_with_code_of(EVA, 3);
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
        assert_eq!(request.json()["to"], NUMBER);
    });
}

#[test]
fn a_field_that_is_no_number_and_an_unknown_name_get_no_message() {
    Machine::run(|machine| {
        machine.user(EVA, "a password");
        let (scene, told) = by_profile("number_from = \"other\"");
        assert!(!told.contains("number_from"), "{told}");
        for user in [EVA, "mfat-nobody"] {
            let seen = Login::of(user).answer("000000").run(&scene.stack);
            assert_eq!(seen.result(), "PAM_AUTH_ERR", "{seen:?}");
            assert_eq!(seen.prompts(), [PROMPT]);
        }
        assert!(scene.provider.requests().is_empty());
    });
}

#[test]
fn a_number_that_a_template_makes_gets_the_first_code_and_is_enrolled_by_it() {
    Machine::run(|_| {
        let extension = "1701234567";
        let mut passwd = std::fs::read_to_string("/etc/passwd").expect("users");
        passwd += &format!("{extension}:x:61234:61234::/:/bin/sh\n");
        std::fs::write("/etc/passwd", passwd).expect("a user");
        let (scene, _) = by_profile("template = \"+49{user}\"");
        let (seen, request) = scene.log_in_with_code_of(extension, 1);
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
        assert_eq!(request.json()["to"], NUMBER);
        let address = scene.agent.admin().status(extension).addresses.remove(0);
        assert!(address.confirmed_at.is_some(), "{address:?}");
        let seen = Login::of("1701234568").answer("000000").run(&scene.stack);
        assert_eq!(seen.result(), "PAM_AUTH_ERR", "{seen:?}");
        assert_eq!(
            scene.provider.requests().len(),
            1,
            "no such user of the host"
        );
    });
}

fn with_pin() -> Scene {
    let scene = Scene::with("[policy]\nrequire = [\"sms+pin\"]\n", webhook);
    scene.agent.admin().address(ANNA, "sms", NUMBER);
    scene.agent.admin().pin(ANNA, PIN);
    scene
}

#[test]
fn code_and_pin_are_one_answer_or_two() {
    let scene = with_pin();
    for (number, in_one) in [(1, true), (2, false)] {
        let mut login = Login::of(ANNA).start(&scene.stack);
        login.await_prompt();
        let code = code_of(&scene.provider.await_requests(number)[number - 1]);
        if in_one {
            login.answer(&format!("{code}{PIN}"));
        } else {
            login.answer(&code);
            login.await_prompt();
            login.answer(PIN);
        }
        let seen = login.finish();
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
        let prompts: &[&str] = if in_one {
            &[PROMPT]
        } else {
            &[PROMPT, "PIN: "]
        };
        assert_eq!(seen.prompts(), prompts);
    }
    assert_eq!(scene.agent.admin().status(ANNA).failures, 0);
}

#[test]
fn half_of_code_and_pin_is_not_enough() {
    let scene = with_pin();
    for number in 1..=4 {
        let mut login = Login::of(ANNA).start(&scene.stack);
        login.await_prompt();
        let code = code_of(&scene.provider.await_requests(number)[number - 1]);
        let answers = match number {
            1 => vec![format!("{code}0000")],
            2 => vec![format!("{}{PIN}", another_than(&code))],
            3 => vec![code, "0000".to_owned()],
            _ => vec![another_than(&code), PIN.to_owned()],
        };
        answers.iter().for_each(|answer| login.answer(answer));
        let seen = login.finish();
        assert_eq!(seen.result(), "PAM_AUTH_ERR", "{number}: {seen:?}");
    }
    assert_eq!(scene.agent.admin().status(ANNA).failures, 4);
}
