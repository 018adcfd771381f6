//! The addresses that codes are sent to: enrolled by administrators and by their users, selected,
//! disabled and removed.

use mfa_protocol::Secret;
use mfa_protocol::admin::{
    ConfirmAddress, ConfirmAddressParameters, EnrollAddress, EnrollAddressParameters,
};
use mfa_protocol::factor::Channel;
use mfa_tests::{
    Agent, Event, Files, Login, Machine, Pty, Stack, another_than, built, code_in, codes_shown,
    eventually, is_root,
};
use serde_json::Value;

const ANNA: &str = "mfat-anna";
const BEN: &str = "mfat-ben";
const OFF: &str = "[delivery.email] active = false, so no code is sent";
const FIRST: &str = "anna@example.org";
const SECOND: &str = "a.smith@example.com";
const PROMPT: &str = "Code from your e-mail: ";

/// An agent that sends emails by the test's own program.
struct Scene {
    settings: String,
    files: Files,
    agent: Agent,
    stack: Stack,
}

/// An email: its recipient, and its code.
type Mail = (String, String);

impl Scene {
    fn new() -> Self {
        Self::with("[policy]\nrequire = [\"email\", \"pin\"]\n")
    }

    fn with(policy: &str) -> Self {
        let files = Files::new();
        let here = files.folder().display().to_string();
        let sendmail = files.program(
            "sendmail",
            &format!(
                "[ -e \"{here}/refuse-$5\" ] && exit \"$(cat \"{here}/refuse-$5\")\"\n\
                 echo \"$5\" > {here}/draft && cat >> {here}/draft && mv {here}/draft {here}/mail"
            ),
        );
        let settings = format!(
            "{policy}[delivery.email]\n\
             from = \"mfa@example.org\"\nsendmail = {sendmail:?}\n"
        );
        let agent = Agent::with(&settings);
        Self {
            stack: Stack::asking(&agent),
            settings,
            files,
            agent,
        }
    }

    /// The next email; it must be the only one.
    fn next_mail(&self) -> Mail {
        let mail = eventually("a mail", || {
            Some(self.files.text("mail")).filter(|mail| !mail.is_empty())
        });
        std::fs::remove_file(self.files.path("mail")).expect("a mail");
        let (to, mail) = mail.split_once('\n').expect("two lines");
        (to.to_owned(), code_in(mail))
    }

    /// From now on messages to this address end with this exit status: 75 for now, others for good.
    fn refuse(&self, address: &str, status: &str) {
        let file = self.files.path(&format!("refuse-{address}"));
        std::fs::write(file, status).expect("a file");
    }

    fn has_mail(&self) -> bool {
        self.files.path("mail").exists()
    }

    /// Logs in with a code, and returns where it was sent.
    fn log_in(&self) -> String {
        let mut login = Login::of(ANNA).start(&self.stack);
        login.await_prompt();
        let (to, code) = self.next_mail();
        login.answer(&code);
        let seen = login.finish();
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
        to
    }

    /// Neither log nor audit file contains these secrets, once this number of logins is in it.
    fn assert_untold(&self, logins: usize, secrets: &[&str]) {
        let _ = self.agent.logins_of(ANNA, logins);
        let events = self.agent.events();
        let lines = events.iter().map(|event| event.json().to_string());
        let told = lines.fold(self.agent.log(), |told, line| told + &line);
        for secret in secrets {
            assert!(!told.contains(secret), "{secret} in {told}");
        }
    }

    fn ctl(&self, words: &[&str]) -> Value {
        self.agent.ctl().json(words, "")
    }

    /// `mfactl` at the user's terminal.
    fn at_terminal(&self, machine: &Machine, words: &[&str]) -> Pty {
        let uid = machine.uid(ANNA);
        let (reuid, regid) = (format!("--reuid={uid}"), format!("--regid={uid}"));
        let (mfactl, socket) = (built().mfactl.display(), self.agent.socket().display());
        let (mfactl, socket) = (mfactl.to_string(), socket.to_string());
        let mut all = vec![
            &*reuid,
            &*regid,
            "--init-groups",
            &*mfactl,
            "--socket",
            &*socket,
        ];
        all.extend_from_slice(words);
        Pty::spawn("setpriv", &all)
    }
}

#[test]
fn codes_go_to_the_primary_address_and_to_another_when_that_is_disabled_or_removed() {
    let scene = Scene::new();
    for address in [FIRST, SECOND, FIRST] {
        let reply = scene.ctl(&["enroll", "email", ANNA, address]);
        assert_eq!(reply["stored"], true, "{reply}");
    }
    let shown = scene.ctl(&["status", ANNA])["addresses"].clone();
    assert_eq!(shown.as_array().map(Vec::len), Some(2), "{shown}");
    if is_root() {
        assert_eq!(shown[0]["address"], FIRST, "whole for root: {shown}");
    }
    assert_eq!(shown[0]["primary"], true, "{shown}");
    assert_eq!(scene.log_in(), FIRST);
    let reply = scene.ctl(&["primary", "email", ANNA, SECOND]);
    assert_eq!(reply["changed"], true, "{reply}");
    assert_eq!(scene.log_in(), SECOND);
    let _ = scene.ctl(&["disable", "email", ANNA, SECOND]);
    assert_eq!(scene.log_in(), FIRST);
    let _ = scene.ctl(&["enable", "email", ANNA, SECOND]);
    assert_eq!(scene.log_in(), SECOND);
    let reply = scene.ctl(&["remove", "email", ANNA, "--label", SECOND]);
    assert_eq!(reply["removed"], 1, "{reply}");
    assert_eq!(scene.log_in(), FIRST);
    let reply = scene.ctl(&["remove", "email", ANNA]);
    assert_eq!(reply["removed"], 1, "{reply}");
    assert!(scene.agent.admin().status(ANNA).enrolled.is_empty());
}

#[test]
fn a_message_that_fails_goes_to_the_next_address_at_once() {
    let scene = Scene::new();
    for address in [FIRST, SECOND] {
        let _ = scene.ctl(&["enroll", "email", ANNA, address]);
    }
    scene.refuse(FIRST, "69");
    assert_eq!(scene.log_in(), SECOND);
    let events = scene.agent.events_of("message", ANNA, 2);
    let results: Vec<&str> = events.iter().map(|event| event.text("result")).collect();
    assert_eq!(results, ["failed", "sent"], "{events:?}");
    let confirmed = scene.ctl(&["status", ANNA])["addresses"].clone();
    assert_eq!(confirmed[0]["confirmed_at"], Value::Null, "{confirmed}");
    assert_ne!(confirmed[1]["confirmed_at"], Value::Null, "{confirmed}");
    // The order stays: the next login tries the primary address again.
    std::fs::remove_file(scene.files.path(&format!("refuse-{FIRST}"))).expect("a file");
    assert_eq!(scene.log_in(), FIRST);
}

#[test]
fn resend_goes_to_the_next_address_after_a_failure_and_to_the_same_one_otherwise() {
    let scene = Scene::new();
    for address in [FIRST, SECOND] {
        let _ = scene.ctl(&["enroll", "email", ANNA, address]);
    }
    scene.refuse(FIRST, "75");
    let mut login = Login::of(ANNA).start(&scene.stack);
    login.await_prompt();
    login.answer("resend");
    login.await_prompt();
    let (to, code) = scene.next_mail();
    assert_eq!(to, SECOND);
    login.answer("resend");
    login.await_prompt();
    assert_eq!(scene.next_mail(), (SECOND.to_owned(), code.clone()));
    login.answer(&code);
    assert_eq!(login.finish().result(), "PAM_SUCCESS");
}

#[test]
fn a_channel_that_is_turned_off_sends_nothing_and_says_so() {
    let scene = Scene::new();
    let _ = scene.ctl(&["enroll", "email", ANNA, FIRST]);
    let _ = scene.ctl(&["enroll", "email", BEN, SECOND]);
    scene.agent.admin().pin(BEN, "7391");
    let off = format!("{}active = false\n", scene.settings);
    assert_eq!(scene.agent.reload_with(&off).text("result"), "done");
    scene
        .agent
        .await_log("[delivery.email] active = false, so nothing is sent by email.");
    // Anna has nothing but her address, and sees what any user sees who has no PIN.
    let refused = Login::of(ANNA).answer("1234").run(&scene.stack);
    assert_eq!(refused.result(), "PAM_AUTH_ERR", "{refused:?}");
    assert_eq!(refused.prompts(), ["PIN: "]);
    let reason = scene.agent.logins_of(ANNA, 1)[0].text("reason").to_owned();
    assert!(reason.starts_with(OFF), "{reason}");
    let passed = Login::of(BEN).answer("7391").run(&scene.stack);
    assert_eq!(passed.result(), "PAM_SUCCESS", "{passed:?}");
    let ctl = scene.agent.ctl();
    for (words, expected) in [
        (vec!["config", "check"], "so nothing is sent by email"),
        (
            vec!["test-delivery", "email", FIRST],
            "nothing is sent by email",
        ),
        (
            vec!["enroll", "email", "--confirm", "bob", FIRST],
            "nothing is sent by email",
        ),
        (
            vec!["explain", "--user", ANNA, "--service", "mfa-test"],
            OFF,
        ),
    ] {
        let output = ctl.run(&words, "");
        let told = output.stdout + &output.stderr;
        let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains(expected), "{words:?}: {told}");
    }
    assert!(!scene.has_mail());
    assert_eq!(
        scene.agent.reload_with(&scene.settings).text("result"),
        "done"
    );
    assert_eq!(scene.log_in(), FIRST);
}

#[test]
fn where_all_that_is_required_needs_the_channel_a_recovery_code_still_works() {
    let scene = Scene::with("[policy]\nrequire = [\"email\"]\n");
    let _ = scene.ctl(&["enroll", "email", ANNA, FIRST]);
    let codes = scene.ctl(&["enroll", "recovery", ANNA])["codes"].clone();
    let off = format!("{}active = false\n", scene.settings);
    assert_eq!(scene.agent.reload_with(&off).text("result"), "done");
    let code = codes[0].as_str().expect("a code");
    let seen = Login::of(ANNA).answer(code).run(&scene.stack);
    assert!(
        seen.text.contains("The code could not be sent."),
        "{seen:?}"
    );
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert!(!scene.has_mail());
}

#[test]
fn the_log_tells_two_addresses_apart_that_look_the_same() {
    let scene = Scene::new();
    let alike = ["alan@example.org", "anna@example.org"];
    for address in alike {
        let _ = scene.ctl(&["enroll", "email", ANNA, address]);
    }
    assert_eq!(scene.log_in(), alike[0]);
    let _ = scene.ctl(&["primary", "email", ANNA, alike[1]]);
    assert_eq!(scene.log_in(), alike[1]);
    let _ = scene.ctl(&["remove", "email", ANNA, "--label", alike[1]]);
    let label = |event: &Event| event.text("label").to_owned();
    let logins: Vec<_> = scene.agent.logins_of(ANNA, 2).iter().map(label).collect();
    let numbered = ["a•••@example.org (1)", "a•••@example.org (2)"];
    assert_eq!(logins, numbered);
    let sent = scene.agent.events_of("message", ANNA, 2);
    let sent: Vec<_> = sent.iter().map(|event| event.text("reason")).collect();
    assert_eq!(sent, numbered);
    let enrolled = scene.agent.events_of("enroll", ANNA, 2);
    let enrolled: Vec<_> = enrolled.iter().map(label).collect();
    assert_eq!(enrolled, ["a•••@example.org", numbered[1]]);
    for kind in ["primary", "remove"] {
        assert_eq!(
            label(&scene.agent.events_of(kind, ANNA, 1)[0]),
            numbered[1],
            "{kind}"
        );
    }
    scene.assert_untold(2, &alike);
}

#[test]
fn malformed_addresses_are_refused() {
    let scene = Scene::new();
    for address in [
        "anna@",
        "@example.org",
        "anna@example.org\r\nBcc: eve@example.com",
    ] {
        let output = scene
            .agent
            .ctl()
            .run(&["enroll", "email", ANNA, address], "");
        assert!(!output.is_success(), "{address:?}: {output:?}");
    }
    assert!(scene.agent.admin().status(ANNA).addresses.is_empty());
}

#[test]
fn users_confirm_an_address_with_a_code_before_it_is_stored() {
    Machine::run(|machine| {
        machine.user(ANNA, "correct horse");
        let scene = Scene::new();
        let mut terminal = scene.at_terminal(machine, &["enroll", "email", FIRST]);
        terminal.expect("Code that was sent: ");
        let (to, code) = scene.next_mail();
        assert_eq!(to, FIRST);
        terminal.send(&another_than(&code));
        terminal.expect("Code that was sent: ");
        assert!(scene.agent.admin().status(ANNA).addresses.is_empty());
        terminal.send(&code);
        let (shown, status) = terminal.finish();
        assert_eq!(status, Some(0), "{shown}");
        let addresses = scene.agent.admin().status(ANNA).addresses;
        assert_eq!(addresses[0].address, FIRST);
        assert!(addresses[0].confirmed_at.is_some(), "{addresses:?}");
        assert_eq!(scene.log_in(), FIRST);
        scene.assert_untold(1, &[FIRST, &code]);
    });
}

#[test]
fn an_address_cannot_be_added_by_guessing_its_code() {
    let scene = Scene::new();
    let mut admin = scene.agent.admin();
    let parameters = EnrollAddressParameters {
        user: Some(ANNA.to_owned()),
        factor: Channel::Email,
        address: FIRST.to_owned(),
        confirm: true,
    };
    let reply = admin.call::<EnrollAddress>(&parameters).expect("a code");
    assert!(!reply.stored);
    let (_, code) = scene.next_mail();
    let mut confirm = |code: String| {
        let code = Secret::new(code);
        admin.call::<ConfirmAddress>(&ConfirmAddressParameters { code })
    };
    for _ in 0..5 {
        assert!(confirm(another_than(&code)).is_err());
    }
    assert!(
        confirm(code).is_err(),
        "the right one after five wrong ones"
    );
    assert!(scene.agent.admin().status(ANNA).addresses.is_empty());
}

#[test]
fn repeated_enrolment_does_not_fill_a_mailbox() {
    let scene = Scene::new();
    let mut admin = scene.agent.admin();
    let mut enrol = |address: String| {
        admin.call::<EnrollAddress>(&EnrollAddressParameters {
            user: Some(ANNA.to_owned()),
            factor: Channel::Email,
            address,
            confirm: true,
        })
    };
    for number in 0..10 {
        let address = format!("victim-{number}@example.com");
        enrol(address.clone()).expect("a code");
        assert_eq!(scene.next_mail().0, address);
    }
    let refused = enrol(FIRST.to_owned()).expect_err("ten are enough");
    assert!(refused.to_string().contains("too many codes"), "{refused}");
    assert!(!scene.has_mail());
}

#[test]
fn a_user_with_a_factor_passes_it_before_an_address_is_added() {
    Machine::run(|machine| {
        machine.user(ANNA, "correct horse");
        let scene = Scene::new();
        scene.agent.admin().pin(ANNA, "4826");
        let mut terminal = scene.at_terminal(machine, &["enroll", "email", FIRST]);
        terminal.expect("PIN: ");
        assert!(!scene.has_mail(), "nothing is sent before");
        terminal.send("0000");
        let (shown, status) = terminal.finish();
        assert_ne!(status, Some(0), "{shown}");
        assert!(!scene.has_mail());
        assert!(scene.agent.admin().status(ANNA).addresses.is_empty());
    });
}

#[test]
fn ordinary_users_see_addresses_masked_and_name_them_so() {
    Machine::run(|machine| {
        machine.user(ANNA, "correct horse");
        let scene = Scene::new();
        for address in [FIRST, SECOND] {
            scene.agent.admin().address(ANNA, "email", address);
        }
        let ctl = scene.agent.ctl();
        let output = ctl.run_as(machine, ANNA, &["status"], "");
        assert!(output.is_success(), "{output:?}");
        for address in [FIRST, SECOND] {
            assert!(!output.stdout.contains(address), "{output:?}");
        }
        let reply: Value = serde_json::from_str(&output.stdout).expect("JSON");
        assert_eq!(reply["addresses"][0]["address"], "a•••@example.org");
        assert_eq!(reply["addresses"][1]["address"], "a•••@example.com");

        // Users must pass a factor before they change their own factors.
        let words = ["primary", "email", "a•••@example.com"];
        let mut terminal = scene.at_terminal(machine, &words);
        terminal.expect(PROMPT);
        let (to, code) = scene.next_mail();
        assert_eq!(to, FIRST);
        terminal.send(&code);
        let (shown, status) = terminal.finish();
        assert_eq!(status, Some(0), "{shown}");
        assert!(!shown.contains(SECOND), "{shown}");
        assert_eq!(scene.log_in(), SECOND);
        scene.assert_untold(2, &[FIRST, SECOND, &code]);
    });
}

const ENROLL: &str = "[policy]\nrequire = [\"email\"]\n[enforcement]\nunenrolled = \"enroll\"\n";
/// A user of the host: only host users may enrol.
const NEW: &str = "daemon";
const STORED: &str = "Type yes when they are in a safe place: ";
const ASKED_WHERE: &str = "E-mail address for codes: ";

#[test]
fn a_user_without_an_address_is_asked_for_one_which_is_stored_when_its_code_comes_back() {
    let scene = Scene::with(ENROLL);
    let mut login = Login::of(NEW).start(&scene.stack);
    login.await_prompt();
    login.answer("not an address");
    login.await_prompt();
    login.answer(FIRST);
    login.await_prompt();
    let (to, code) = scene.next_mail();
    assert_eq!(to, FIRST);
    login.answer(&code);
    login.await_prompt();
    let codes = codes_shown(login.shown());
    assert_eq!(codes.len(), 10, "{}", login.shown());
    assert!(scene.agent.admin().status(NEW).addresses.is_empty());
    login.answer("yes");
    let seen = login.finish();
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert_eq!(seen.prompts(), [ASKED_WHERE, ASKED_WHERE, PROMPT, STORED]);
    assert!(seen.text.contains("not a valid e-mail address"), "{seen:?}");
    let addresses = scene.agent.admin().status(NEW).addresses;
    assert!(
        addresses.len() == 1 && addresses[0].confirmed_at.is_some(),
        "{addresses:?}"
    );
    let enrolled = &scene.agent.events_of("enroll", NEW, 1)[0];
    assert_eq!(enrolled.text("factor"), "email");

    let mut login = Login::of(NEW).start(&scene.stack);
    login.await_prompt();
    let (to, code) = scene.next_mail();
    login.answer(&code);
    let seen = login.finish();
    assert_eq!((to.as_str(), seen.result()), (FIRST, "PAM_SUCCESS"));
    assert_eq!(seen.prompts(), [PROMPT]);

    let seen = Login::of(NEW).answer(&codes[0]).run(&scene.stack);
    assert_eq!(seen.result(), "PAM_SUCCESS", "a recovery code: {seen:?}");
}

#[test]
fn an_address_and_a_pin_are_set_up_together_or_not_at_all() {
    let scene = Scene::with(&ENROLL.replace("\"email\"", "\"email+pin\""));
    let until_pin = |address: &str| {
        let mut login = Login::of(NEW).start(&scene.stack);
        login.await_prompt();
        login.answer(address);
        login.await_prompt();
        let (to, code) = scene.next_mail();
        assert_eq!(to, address);
        login.answer(&code);
        login.await_prompt();
        login
    };
    let broken_off = until_pin(SECOND);
    broken_off.kill();
    let _ = scene.agent.logins_of(NEW, 1);
    assert!(scene.agent.admin().status(NEW).enrolled.is_empty());

    let mut login = until_pin(FIRST);
    for typed in ["4826", "4826"] {
        login.answer(typed);
        login.await_prompt();
    }
    login.answer("yes");
    let seen = login.finish();
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    let status = scene.agent.admin().status(NEW);
    assert_eq!(status.enrolled.len(), 2, "{:?}", status.enrolled);
    assert_eq!(
        (status.addresses.len(), status.recovery_left),
        (1, Some(10))
    );
}

#[test]
fn an_address_that_is_not_confirmed_is_not_stored() {
    let scene = Scene::with(ENROLL);
    let mut broken_off = Login::of(NEW).start(&scene.stack);
    broken_off.await_prompt();
    broken_off.answer(FIRST);
    broken_off.await_prompt();
    let (_, code) = scene.next_mail();
    broken_off.kill();
    let _ = scene.agent.logins_of(NEW, 1);

    let mut wrong = Login::of(NEW).start(&scene.stack);
    wrong.await_prompt();
    wrong.answer(SECOND);
    wrong.await_prompt();
    let (_, own) = scene.next_mail();
    wrong.answer(&another_than(&own));
    // The code of the broken login stays invalid.
    wrong.answer(&code);
    assert_ne!(wrong.finish().result(), "PAM_SUCCESS");
    assert!(scene.agent.admin().status(NEW).addresses.is_empty());
    // A name that the host does not know sees the prompt of an enrolled user, and gets no mail.
    let seen = Login::of("nobody-here").answer("000000").run(&scene.stack);
    assert_eq!(
        (seen.result(), seen.prompts()),
        ("PAM_AUTH_ERR", vec![PROMPT])
    );
    assert!(!scene.has_mail());
}

#[test]
fn a_user_with_the_pin_of_a_combination_is_asked_for_the_address() {
    let both = ENROLL.replace("\"email\"", "\"email+pin\"");
    let scene = Scene::with(&both);
    scene.agent.admin().pin(NEW, "4826");
    let mut login = Login::of(NEW).start(&scene.stack);
    login.await_prompt();
    login.answer(FIRST);
    login.await_prompt();
    let (_, code) = scene.next_mail();
    login.answer(&format!("{code}4826"));
    let seen = login.finish();
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert_eq!(scene.agent.admin().status(NEW).addresses.len(), 1);
}
