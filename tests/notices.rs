//! Notices to users: what they are told about their accounts, at which addresses, and that no login waits for it.

use std::time::{Duration, Instant};

use mfa_protocol::Secret;
use mfa_protocol::admin::{
    ConfirmAddress, ConfirmAddressParameters, EnrollAddress, EnrollAddressParameters,
};
use mfa_protocol::factor::Channel;
use mfa_tests::{
    Agent, Answer, Authority, Files, Key, Login, Provider, Stack, code_in, eventually,
};

const ANNA: &str = "anna";
const MAIL: &str = "anna@example.org";
const NUMBER: &str = "+491701234567";
const ALL: &str = "[notify]\nevents = [\"enroll\", \"remove\", \"locked\", \"bypass\", \"recovery\", \"new-network\"]\n";

/// An agent that sends emails by the test's own program and text messages by a webhook; Anna has a device, and a
/// confirmed address of each kind.
struct Scene {
    _authority: Authority,
    provider: Provider,
    files: Files,
    settings: String,
    agent: Agent,
    stack: Stack,
    key: Key,
}

/// An email: its recipient, and its text.
type Mail = (String, String);

impl Scene {
    fn with(more: &str) -> Self {
        let (authority, files) = (Authority::new(), Files::new());
        let provider = Provider::start(&authority.certificate("localhost"));
        let here = files.folder().display().to_string();
        let sendmail = files.program(
            "sendmail",
            &format!(
                "draft=$(mktemp {here}/draft.XXXXXX)\necho \"$5\" > $draft && cat >> $draft && \
                 mv $draft {here}/mail.${{draft##*.}}"
            ),
        );
        let settings = format!(
            "[delivery.email]\nfrom = \"mfa@example.org\"\n\
             sendmail = {sendmail:?}\n[delivery.sms]\nprovider = \"webhook\"\nurl = {:?}\ntoken_file = {:?}\n\
             ca_file = {:?}\n",
            provider.url("/send"),
            files.secret("token", "hunter2"),
            authority.file()
        );
        let agent = Agent::with(&format!("{settings}{more}"));
        let key = agent.admin().device(ANNA);
        let scene = Self {
            stack: Stack::asking(&agent),
            _authority: authority,
            provider,
            files,
            settings,
            agent,
            key,
        };
        scene.confirm(Channel::Email, MAIL);
        scene.confirm(Channel::Sms, NUMBER);
        // Each address was told of the next.
        if more == ALL {
            let _ = scene.next_mail();
        }
        scene
    }

    /// Stores an address once its code came back.
    fn confirm(&self, channel: Channel, address: &str) {
        let mut admin = self.agent.admin();
        let before = self.provider.requests().len();
        let parameters = EnrollAddressParameters {
            user: Some(ANNA.to_owned()),
            factor: channel,
            address: address.to_owned(),
            confirm: true,
        };
        admin.call::<EnrollAddress>(&parameters).expect("a code");
        let code = match channel {
            Channel::Email => code_in(&self.next_mail().1),
            Channel::Sms => {
                let request = &self.provider.await_requests(before + 1)[before];
                request.json()["code"].as_str().expect("a code").to_owned()
            }
        };
        let code = Secret::new(code);
        let confirmed = admin.call::<ConfirmAddress>(&ConfirmAddressParameters { code });
        assert!(confirmed.expect("an address").stored);
    }

    fn mails(&self) -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(self.files.folder()).expect("a folder");
        let names = entries.map(|entry| entry.expect("an entry").path());
        let is_mail = |path: &std::path::PathBuf| path.to_string_lossy().contains("/mail.");
        names.filter(is_mail).collect()
    }

    /// The next email; it must be the only one.
    fn next_mail(&self) -> Mail {
        let path = eventually("a mail", || self.mails().pop());
        let mail = std::fs::read_to_string(&path).expect("a mail");
        std::fs::remove_file(path).expect("a mail");
        let (to, mail) = mail.split_once('\n').expect("two lines");
        (to.to_owned(), mail.replace("=\n", "").replace("=3D", "="))
    }

    /// The text of the next notice, which comes by mail and as a text message.
    fn next_notice(&self, texts: usize) -> String {
        let (to, mail) = self.next_mail();
        assert_eq!(to, MAIL);
        assert!(
            mail.contains("\nSubject: Security notice for anna on "),
            "{mail}"
        );
        let request = self.provider.await_requests(texts)[texts - 1].json();
        assert_eq!(request["to"], NUMBER);
        assert_eq!(request["code"], serde_json::Value::Null, "{request}");
        let text = request["text"].as_str().expect("a text").to_owned();
        let (said, advice) = text
            .split_once(" If you did not expect this")
            .expect("advice");
        assert!(mail.contains(said), "{said} in {mail}");
        assert!(advice.contains("contact your administrator"), "{text}");
        text
    }

    /// Three notices at both addresses, after the one of the second address at the first.
    fn told(&self, kinds: &[&str]) {
        let events = self.agent.events_of("notice", ANNA, 7);
        assert!(events.iter().all(|event| event.text("result") == "sent"));
        let told: Vec<_> = events.iter().map(|event| event.text("reason")).collect();
        for kind in kinds {
            assert!(told.contains(kind), "{kind} in {told:?}");
        }
        assert!(!self.agent.log().contains(MAIL), "addresses are masked");
        assert_eq!((events.len(), self.mails().len()), (7, 0));
    }

    fn ctl(&self, words: &[&str]) -> serde_json::Value {
        self.agent.ctl().json(words, "")
    }
}

#[test]
fn changes_of_an_account_are_told_at_every_confirmed_address() {
    let scene = Scene::with(ALL);
    let _ = scene.ctl(&["enroll", "email", ANNA, "other@example.org"]);
    let text = scene.next_notice(2);
    assert!(text.contains("Added to your account anna on "), "{text}");
    assert!(text.contains(": an e-mail address for codes ("), "{text}");
    let _ = scene.ctl(&["remove", "email", ANNA, "--label", "other@example.org"]);
    let text = scene.next_notice(3);
    assert!(text.contains("Removed from your account anna"), "{text}");

    let code = scene.ctl(&["bypass", ANNA]);
    let code = code["code"].as_str().expect("a code").to_owned();
    let text = scene.next_notice(4);
    assert!(text.contains("issued a bypass code"), "{text}");
    assert!(!text.contains(&code), "{text}");
    scene.told(&["enroll", "remove", "bypass"]);
}

#[test]
fn recovery_codes_and_a_lock_are_told_at_every_confirmed_address() {
    let scene = Scene::with(ALL);
    let codes = scene.agent.admin().recovery_codes(ANNA, 3);
    let text = scene.next_notice(2);
    assert!(text.contains(": recovery codes ("), "{text}");
    let seen = Login::of(ANNA).answer(&codes[0]).run(&scene.stack);
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    let text = scene.next_notice(3);
    assert!(text.contains("A recovery code was used"), "{text}");
    for code in codes {
        assert!(!text.contains(&code), "{text}");
    }

    for _ in 0..5 {
        let seen = Login::of(ANNA).answer("000000").run(&scene.stack);
        assert_ne!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    }
    let text = scene.next_notice(4);
    assert!(text.contains("have locked your account"), "{text}");
    let seen = Login::of(ANNA).answer("000000").run(&scene.stack);
    assert_eq!(seen.result(), "PAM_MAXTRIES", "{seen:?}");
    scene.told(&["enroll", "recovery", "locked"]);
}

#[test]
fn a_login_from_a_new_network_is_told_and_the_first_one_is_not() {
    let scene = Scene::with(ALL);
    let mut step = 0;
    let mut log_in = |host: &str| {
        let login = Login::of(ANNA).service("sshd").from(host);
        let seen = login.answer(&scene.key.code(step)).run(&scene.stack);
        step += 1;
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    };
    // One code a step, and a device that is a step ahead or behind is accepted.
    log_in("192.0.2.7");
    log_in("198.51.100.9");
    let text = scene.next_notice(2);
    assert!(
        text.contains("was used from a new network: sshd, 198.51.100.9 ("),
        "{text}"
    );
    assert_eq!(scene.agent.events_of("notice", ANNA, 3).len(), 3);
}

#[test]
fn who_adds_an_address_is_not_the_only_one_who_hears_of_it() {
    let scene = Scene::with(ALL);
    scene.confirm(Channel::Sms, "+491701234568");
    let (to, mail) = scene.next_mail();
    assert_eq!(to, MAIL);
    assert!(mail.contains(": a mobile number for codes ("), "{mail}");
    // The code for the first number, the code for the second, and the notice to the first.
    let requests = scene.provider.await_requests(3);
    assert_eq!(requests[2].json()["to"], NUMBER);
    assert_eq!(requests.len(), 3, "none to the new number");
}

#[test]
fn without_the_setting_nobody_is_told_anything() {
    let scene = Scene::with("");
    let _ = scene.ctl(&["bypass", ANNA]);
    let seen = Login::of(ANNA).answer("000000").run(&scene.stack);
    assert_ne!(seen.result(), "PAM_SUCCESS");
    let settings = format!("{}[notify]\nevents = [\"bypass\"]\n", scene.settings);
    assert_eq!(scene.agent.reload_with(&settings).text("result"), "done");
    let _ = scene.ctl(&["remove", "email", ANNA]);
    let _ = scene.ctl(&["bypass", ANNA]);
    let text = &scene.provider.await_requests(2)[1].json()["text"];
    assert!(text.to_string().contains("bypass code"), "{text}");
    assert_eq!(scene.agent.events_of("notice", ANNA, 1).len(), 1);
    assert!(scene.mails().is_empty());
}

#[test]
fn a_provider_that_hangs_or_fails_delays_no_login_and_no_command() {
    let scene = Scene::with("[notify]\nevents = [\"bypass\", \"locked\"]\n");
    scene.provider.answer_next(&[Answer::Silence]);
    let since = Instant::now();
    for _ in 0..3 {
        let _ = scene.ctl(&["bypass", ANNA]);
        let _ = scene.next_mail();
    }
    let seen = Login::of(ANNA).answer(&scene.key.code(0)).run(&scene.stack);
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert!(since.elapsed() < Duration::from_secs(15), "it waited");
}

#[test]
fn notices_are_in_the_language_of_the_settings() {
    let scene = Scene::with("[notify]\nevents = [\"bypass\"]\n[prompts]\nlanguage = \"de\"\n");
    let _ = scene.ctl(&["bypass", ANNA]);
    let text = scene.provider.await_requests(2)[1].json()["text"].to_string();
    assert!(text.contains("Überbrückungscode"), "{text}");
    assert!(text.contains("Administrator"), "{text}");
}

#[test]
fn a_suspension_is_told_like_a_bypass_code() {
    let scene = Scene::with("[notify]\nevents = [\"bypass\"]\n");
    let _ = scene.ctl(&["suspend", ANNA]);
    let text = scene.next_notice(2);
    assert!(text.contains("has suspended the second factor"), "{text}");
    let events = scene.agent.events_of("notice", ANNA, 2);
    assert!(
        events
            .iter()
            .all(|event| event.text("reason") == "suspended")
    );
}

#[test]
fn what_an_administrator_makes_easier_is_told_like_a_bypass_code() {
    let scene = Scene::with("[notify]\nevents = [\"bypass\"]\n");
    let mut texts = 1;
    for (words, expected) in [
        (
            &["enforce", ANNA, "optional"][..],
            "requires less than before",
        ),
        (
            &["allow-from", ANNA, "192.0.2.0/24"],
            "has changed the networks",
        ),
        (
            &["self-manage", ANNA, "on"],
            "whether you can manage the factors",
        ),
    ] {
        texts += 1;
        let _ = scene.ctl(words);
        let text = scene.next_notice(texts);
        assert!(text.contains(expected), "{text}");
        // What changes nothing is told to nobody.
        let _ = scene.ctl(words);
    }
    let _ = scene.ctl(&["enforce", ANNA, "required"]);
    let events = scene.agent.events_of("notice", ANNA, 6);
    let mut kinds: Vec<_> = events.iter().map(|event| event.text("reason")).collect();
    // Each address has a queue of its own.
    kinds.sort_unstable();
    let each_at_both = ["less-required", "networks", "self-manage"].map(|kind| [kind; 2]);
    assert_eq!(kinds, each_at_both.concat());
    assert!(scene.mails().is_empty());
}

#[test]
fn a_user_gets_at_most_ten_notices_in_an_hour_at_each_address() {
    let scene = Scene::with("[notify]\nevents = [\"bypass\"]\n");
    for _ in 0..11 {
        let _ = scene.ctl(&["bypass", ANNA]);
    }
    // Each at two addresses.
    let events = scene.agent.events_of("notice", ANNA, 22);
    let refused = events.iter().filter(|it| it.text("result") == "refused");
    let reasons: Vec<_> = refused.map(|event| event.text("reason")).collect();
    assert_eq!(reasons, ["bypass: too many notices in an hour"; 2]);
}

#[test]
fn the_review_tells_that_no_channel_can_send_a_notice() {
    let agent = Agent::with("[notify]\nevents = [\"locked\"]\n");
    let reply = agent.ctl().run(&["config", "check"], "");
    let told = reply.stdout + &reply.stderr;
    assert!(
        told.contains("[notify] events is set, but no channel"),
        "{told}"
    );
}
