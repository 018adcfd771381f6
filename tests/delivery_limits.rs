//! Sent codes when something fails: a provider that hangs or fails, a restart, a secret that others
//! can read; and what nobody may learn from it.

use std::process::Command;
use std::time::Duration;

use mfa_tests::{
    Agent, Answer, Authority, Files, Login, Provider, Seen, Stack, another_than, built, run,
};
use serde_json::Value;

const ANNA: &str = "anna";
const BOB: &str = "bob";
const NUMBER: &str = "+491701234567";
const NOT_SENT: &str = "The code could not be sent.";
const TEXTS: &str = "[policy]\nrequire = [\"sms\"]\n";
const TEXTS_OR_TOTP: &str = "[policy]\nrequire = [\"sms\", \"totp\"]\n";

/// A webhook, an agent that sends by it, and a stack that asks the agent.
struct Scene {
    _authority: Authority,
    provider: Provider,
    settings: String,
    files: Files,
    agent: Agent,
    stack: Stack,
}

impl Scene {
    fn with(policy: &str) -> Self {
        let (authority, files) = (Authority::new(), Files::new());
        let provider = Provider::start(&authority.certificate("localhost"));
        let settings = format!(
            "{policy}[delivery]\nchannel = \"sms\"\n[delivery.sms]\nprovider = \"webhook\"\n\
             url = {:?}\ntoken_file = {:?}\nca_file = {:?}\n",
            provider.url("/send"),
            files.secret("token", "hunter2"),
            authority.file()
        );
        let agent = Agent::with(&settings);
        Self {
            stack: Stack::asking(&agent),
            _authority: authority,
            provider,
            settings,
            files,
            agent,
        }
    }

    fn code(&self, number: usize) -> String {
        let request = &self.provider.await_requests(number)[number - 1];
        request.json()["code"].as_str().expect("a code").to_owned()
    }
}

#[test]
fn a_hanging_provider_delays_nobody_else() {
    let scene = Scene::with(TEXTS_OR_TOTP);
    let key = scene.agent.admin().device(BOB);
    // More than the sending threads.
    let users: Vec<String> = (0..8).map(|number| format!("user-{number}")).collect();
    scene
        .provider
        .answer_next(&vec![Answer::Silence; users.len()]);
    for user in &users {
        scene.agent.admin().address(user, "sms", NUMBER);
    }
    let waiting: Vec<_> = users
        .iter()
        .map(|user| Login::of(user).start(&scene.stack))
        .collect();
    let _ = scene.provider.await_requests(4);
    let seen = Login::of(BOB).answer(&key.code(0)).run(&scene.stack);
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert!(scene.agent.admin().status(ANNA).addresses.is_empty());
    for mut login in waiting {
        // That user's own login continues, too, and offers another way.
        login.await_prompt();
        login.kill();
    }
}

#[test]
fn a_restart_invalidates_sent_codes() {
    let mut scene = Scene::with(TEXTS);
    // It would wait for the answer otherwise.
    scene.agent.restart_with_server("stop_timeout = \"1s\"");
    scene.agent.admin().address(ANNA, "sms", NUMBER);
    let mut login = Login::of(ANNA).start(&scene.stack);
    login.await_prompt();
    let code = scene.code(1);
    scene.agent.restart();
    login.answer(&code);
    let seen = login.finish();
    assert_eq!(seen.result(), "PAM_AUTHINFO_UNAVAIL", "{seen:?}");
    let mut login = Login::of(ANNA).start(&scene.stack);
    login.await_prompt();
    assert_ne!(scene.code(2), code);
    login.answer(&code);
    assert_eq!(login.finish().result(), "PAM_AUTH_ERR");
    let account = scene.agent.admin().status(ANNA);
    assert_eq!((account.failures, account.messages.sent), (1, 2));
}

/// Waits for the shortest validity that the settings allow.
#[test]
fn a_code_expires_on_time_and_costs_no_attempt() {
    let scene = Scene::with(TEXTS);
    let short = scene.settings.replace(
        "channel = \"sms\"\n",
        "channel = \"sms\"\nlifetime = \"1m\"\n",
    );
    assert_eq!(scene.agent.reload_with(&short).text("result"), "done");
    scene.agent.admin().address(ANNA, "sms", NUMBER);
    let mut login = Login::of(ANNA).start(&scene.stack);
    login.await_prompt();
    let code = scene.code(1);
    std::thread::sleep(Duration::from_secs(61));
    login.answer(&code);
    let seen = login.finish();
    assert_eq!(seen.result(), "PAM_CONV_ERR", "{seen:?}");
    assert!(seen.text.contains("has expired"), "{seen:?}");
    assert_eq!(scene.agent.admin().status(ANNA).failures, 0);
}

#[test]
fn a_world_readable_secret_fails_config_check_and_a_reload() {
    let scene = Scene::with(TEXTS);
    scene.agent.admin().address(ANNA, "sms", NUMBER);
    let exposed = scene.files.write("exposed", "hunter2", 0o644);
    let safe = scene.files.path("token");
    let settings = scene
        .settings
        .replace(&format!("{safe:?}"), &format!("{exposed:?}"));
    let remedy = format!("chmod 0600 {}", exposed.display());
    scene.agent.configure(&settings);

    let output = scene.agent.ctl().run(&["config", "check"], "");
    assert_eq!(output.status, Some(1), "{output:?}");
    let reply: Value = serde_json::from_str(&output.stdout).expect("JSON");
    assert_eq!(reply["valid"], false, "{reply}");
    let findings = reply["findings"].as_array().expect("findings");
    let finding = findings
        .iter()
        .find(|finding| finding.to_string().contains(&remedy));
    let finding = finding.unwrap_or_else(|| panic!("{reply}"));
    assert_eq!(finding["severity"], "error", "{reply}");
    let output = run(Command::new(&built().agent)
        .arg("--config")
        .arg(scene.agent.config())
        .arg("--check"));
    assert!(!output.is_success(), "{output:?}");
    assert!(
        (output.stdout + &output.stderr).contains(&remedy),
        "no {remedy}"
    );

    let event = scene.agent.reload_with(&settings);
    assert_eq!(event.text("result"), "refused");
    assert!(event.text("reason").contains(&remedy), "{event:?}");
    let mut login = Login::of(ANNA).start(&scene.stack);
    login.await_prompt();
    login.answer(&scene.code(1));
    assert_eq!(login.finish().result(), "PAM_SUCCESS", "the old ones hold");

    let event = scene.agent.reload_with(&scene.settings);
    assert_eq!(event.text("result"), "done");
}

/// The shown text without the verdict.
fn screen(seen: &Seen) -> String {
    let lines = seen.text.lines().filter(|line| !line.starts_with("result"));
    lines.collect::<Vec<_>>().join("\n")
}

/// What each of these users sees after these answers.
fn screens(scene: &Scene, answers: &[&str]) -> Vec<(&'static str, String)> {
    let seen_by = |user: &'static str| {
        let mut login = Login::of(user);
        for answer in answers {
            login = login.answer(answer);
        }
        let seen = login.run(&scene.stack);
        assert_ne!(seen.result(), "PAM_SUCCESS", "{user}: {seen:?}");
        (user, screen(&seen))
    };
    [ANNA, "no-such-user", "root"].map(seen_by).to_vec()
}

fn assert_alike(screens: &[(&str, String)]) {
    for (user, text) in &screens[1..] {
        assert_eq!(text, &screens[0].1, "{user}");
    }
}

#[test]
fn users_without_an_address_see_the_same_prompts() {
    let scene = Scene::with(TEXTS);
    scene.agent.admin().address(ANNA, "sms", NUMBER);
    assert_alike(&screens(&scene, &["000000"]));
    let resent = screens(&scene, &["resend", "resend", "000000"]);
    assert_alike(&resent);
    assert!(resent[0].1.matches("prompt-").count() == 3, "{resent:?}");
    // Only the user with a number got messages.
    let requests = scene.provider.requests();
    assert!(
        requests
            .iter()
            .all(|request| request.json()["to"] == NUMBER)
    );
}

#[test]
fn users_without_an_address_see_a_failing_provider_too() {
    let scene = Scene::with(TEXTS);
    scene.agent.admin().address(ANNA, "sms", NUMBER);
    scene.agent.admin().address(BOB, "sms", NUMBER);
    // A refusal may be due to one number, so it must not show for others. A second one is not.
    scene
        .provider
        .answer_next(&[Answer::Http(400), Answer::Http(400)]);
    let first = Login::of(BOB).answer("000000").run(&scene.stack);
    assert!(first.text.contains(NOT_SENT), "{first:?}");
    let told = screens(&scene, &["000000"]);
    assert!(told[0].1.contains(NOT_SENT), "{told:?}");
    assert_alike(&told);
    // It works again, as far as a user with a number has seen.
    let told = screens(&scene, &["000000"]);
    assert!(!told[0].1.contains(NOT_SENT), "{told:?}");
    assert_alike(&told);
}

#[test]
fn users_without_an_address_reach_the_same_limit() {
    let scene = Scene::with(TEXTS);
    let more = "messages = 2\n";
    let settings = scene
        .settings
        .replace("[delivery]\n", &format!("[delivery]\n{more}"));
    assert_eq!(scene.agent.reload_with(&settings).text("result"), "done");
    scene.agent.admin().address(ANNA, "sms", NUMBER);
    let asked = screens(&scene, &["resend", "resend", ""]);
    assert!(asked[0].1.contains("Too many codes"), "{asked:?}");
    assert_alike(&asked);
    assert_alike(&screens(&scene, &[""]));
    assert_eq!(scene.provider.requests().len(), 2);
}

#[test]
fn when_the_code_could_not_be_sent_another_way_is_offered() {
    let scene = Scene::with(TEXTS_OR_TOTP);
    let mut admin = scene.agent.admin();
    admin.address(ANNA, "sms", NUMBER);
    let key = admin.device(ANNA);
    scene.provider.answer_next(&[Answer::Http(401)]);
    let mut login = Login::of(ANNA).start(&scene.stack);
    login.await_prompt();
    login.answer("?");
    login.await_prompt();
    let shown = login.shown();
    assert!(shown.contains(NOT_SENT) && shown.contains('?'), "{shown}");
    login.answer("2");
    login.answer(&key.code(0));
    let seen = login.finish();
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert_eq!(seen.prompts().last(), Some(&"OTP code: "));
    assert_eq!(admin.status(ANNA).failures, 0);
}

#[test]
fn a_message_that_failed_can_be_sent_again() {
    let scene = Scene::with(TEXTS);
    scene.agent.admin().address(ANNA, "sms", NUMBER);
    scene.provider.answer_next(&[Answer::Http(401)]);
    let mut login = Login::of(ANNA).start(&scene.stack);
    login.await_prompt();
    mfa_tests::eventually("the failure on the record", || {
        scene.agent.admin().status(ANNA).messages.last_error
    });
    login.answer("resend");
    login.await_prompt();
    login.answer(&scene.code(2));
    assert_eq!(login.finish().result(), "PAM_SUCCESS");
    assert_eq!(scene.agent.admin().status(ANNA).messages.last_error, None);
}

#[test]
fn a_wrong_code_is_a_failure_and_enough_of_them_lock() {
    let scene = Scene::with(TEXTS);
    scene.agent.admin().address(ANNA, "sms", NUMBER);
    for number in 1..=5 {
        let mut login = Login::of(ANNA).start(&scene.stack);
        login.await_prompt();
        login.answer(&another_than(&scene.code(number)));
        assert_ne!(login.finish().result(), "PAM_SUCCESS");
    }
    assert!(scene.agent.admin().status(ANNA).locked_until.is_some());
    // The lock is not shown, and no messages are sent to a locked user.
    let seen = Login::of(ANNA).answer("000000").run(&scene.stack);
    assert_eq!(seen.result(), "PAM_MAXTRIES", "{seen:?}");
    assert_eq!(scene.provider.requests().len(), 5);
}

#[test]
fn a_reload_changes_the_provider() {
    let (scene, other) = (Scene::with(TEXTS), Scene::with(TEXTS));
    scene.agent.admin().address(ANNA, "sms", NUMBER);
    let event = scene.agent.reload_with(&other.settings);
    assert_eq!(event.text("result"), "done", "{event:?}");
    let mut login = Login::of(ANNA).start(&scene.stack);
    login.await_prompt();
    login.answer(&other.code(1));
    assert_eq!(login.finish().result(), "PAM_SUCCESS");
    assert!(scene.provider.requests().is_empty());
}

#[test]
fn explain_sends_nothing() {
    let scene = Scene::with(TEXTS);
    scene.agent.admin().address(ANNA, "sms", NUMBER);
    let words = ["explain", "--user", ANNA, "--service", "mfa-test"];
    let reply = scene.agent.ctl().json(&words, "");
    assert_eq!(
        reply["prompts"][0], "Code from your text message: ",
        "{reply}"
    );
    assert_eq!(scene.agent.admin().status(ANNA).messages.sent, 0);
    assert!(scene.provider.requests().is_empty());
}

#[test]
fn test_delivery_reports_whether_a_message_was_accepted() {
    let scene = Scene::with(TEXTS);
    let ctl = scene.agent.ctl();
    let reply = ctl.json(&["test-delivery", "sms", "+49 170 1234567"], "");
    assert_eq!(reply["sent"], true, "{reply}");
    assert_eq!(reply["address"], NUMBER, "{reply}");
    assert_eq!(scene.provider.requests()[0].json()["to"], NUMBER);

    scene.provider.answer_next(&[Answer::Http(403)]);
    let output = ctl.run(&["test-delivery", "sms", NUMBER], "");
    assert_eq!(output.status, Some(1), "{output:?}");
    assert!(
        (output.stdout + &output.stderr).contains("refuses the credentials"),
        "no reason"
    );
    let output = ctl.run(&["test-delivery", "sms", "+4912"], "");
    assert_eq!(output.status, Some(1), "{output:?}");
    assert_eq!(scene.provider.requests().len(), 2);
}

#[test]
fn test_delivery_sends_email_in_the_same_way_as_codes() {
    let files = Files::new();
    let here = files.folder().display().to_string();
    let sendmail = files.program(
        "sendmail",
        &format!("echo \"$@\" > {here}/to; cat > {here}/mail"),
    );
    let agent = Agent::with(&format!(
        "[delivery.email]\nfrom = \"mfa@example.org\"\nsendmail = {sendmail:?}\n"
    ));
    let reply = agent
        .ctl()
        .json(&["test-delivery", "email", "anna@example.org"], "");
    assert_eq!(reply["sent"], true, "{reply}");
    assert!(files.text("to").ends_with("-- anna@example.org\n"));
    assert!(files.text("mail").contains("\nSubject: "));
}
