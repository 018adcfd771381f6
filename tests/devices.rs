//! Users manage their devices: they rename and remove them, but not the last one.

use std::process::Command;

use mfa_tests::{Agent, Caller, Event, Key, Login, Machine, Pty, Stack, built, run};
use serde_json::{Value, json};

const ANNA: &str = "mfat-anna";
const EVE: &str = "mfat-eve";

/// An import names a device after its issuer.
const PHONE: &str = "test";
const TOKEN: &str = "device-1";

const RENAME: &str = "org.pam-mfa.Admin.Rename";
const REMOVE: &str = "org.pam-mfa.Admin.Remove";

/// A machine where Anna has a phone and an HOTP token.
fn set_up(machine: &Machine, settings: &str) -> (Agent, Key) {
    machine.user(ANNA, "a");
    machine.user(EVE, "e");
    let agent = Agent::with(settings);
    let key = agent.admin().device(ANNA);
    let _ = agent.admin().counting_device(ANNA);
    (agent, key)
}

/// A connection on which Anna has passed `code` to change something.
fn verified(machine: &Machine, agent: &Agent, code: &str) -> Caller {
    let mut caller = Caller::of(machine, agent, ANNA);
    let rename = json!({"label": PHONE, "to": "phone"});
    assert_eq!(caller.refusal(RENAME, &rename), "NotVerified");
    let begin = json!({"user": ANNA, "service": "mfactl"});
    assert_eq!(caller.log_in(&begin, &[code]), "passed");
    caller
}

fn labels(agent: &Agent) -> Vec<String> {
    let devices = agent.admin().status(ANNA).devices;
    devices.into_iter().map(|device| device.label).collect()
}

/// The message for a refused caller.
fn told(reply: &Value) -> &str {
    reply["parameters"]["reason"].as_str().unwrap_or_default()
}

#[test]
fn a_user_renames_a_device_once_they_have_passed_one() {
    Machine::run(|machine| {
        let (agent, key) = set_up(machine, "");
        let mut anna = verified(machine, &agent, &key.code(0));
        for (parameters, refusal) in [
            (json!({"to": "phone"}), "Refused"),
            (json!({"label": "lost", "to": "found"}), "Refused"),
            (json!({"label": PHONE, "to": TOKEN}), "Refused"),
            (json!({"label": PHONE, "to": ""}), "Refused"),
            (json!({"label": PHONE, "to": "phone"}), ""),
            (json!({"label": TOKEN, "to": "token"}), ""),
        ] {
            assert_eq!(anna.refusal(RENAME, &parameters), refusal, "{parameters}");
        }
        assert_eq!(labels(&agent), ["phone", "token"]);
        let events = agent.events_of("rename", ANNA, 2);
        let event = |at: usize| [events[at].text("factor"), events[at].text("label")];
        assert_eq!([event(0), event(1)], [["totp", "phone"], ["hotp", "token"]]);
        let reason = events[1].text("reason");
        assert_eq!(reason, format!("its name was {TOKEN:?} before"));
        // It is still the same device, and used codes stay used.
        let log_in = |code: &str| Login::of(ANNA).answer(code).run(&Stack::asking(&agent));
        assert_eq!(log_in(&key.code(0)).result(), "PAM_AUTH_ERR");
        assert_eq!(log_in(&key.code(1)).result(), "PAM_SUCCESS");
        let event = agent.logins_of(ANNA, 3).pop().expect("a login");
        assert_eq!(event.text("label"), "phone");
    });
}

#[test]
fn the_log_names_the_credential_id_of_a_token() {
    const ID: &str = "VSMT12345678";
    let agent = Agent::start();
    let key = Key::new();
    let enroll = [
        "enroll",
        "totp",
        ANNA,
        "--label",
        "token",
        "--credential-id",
        ID,
        "--secret-stdin",
        "--no-confirm",
        "--no-recovery",
    ];
    let _ = agent.ctl().json(&enroll, &key.base32());
    let _ = agent.admin().counting_device(ANNA);
    let stack = Stack::asking(&agent);
    let seen = Login::of(ANNA).answer(&key.code(0)).run(&stack);
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    let wrong = Login::of(ANNA).answer(&key.wrong_code()).run(&stack);
    assert_eq!(wrong.result(), "PAM_AUTH_ERR", "{wrong:?}");
    for words in [
        &["disable", "totp", ANNA, "--label", "token"][..],
        &["enable", "totp", ANNA, "--label", "token"],
        &["rename", "totp", ANNA, "--label", "token", "--to", "vip"],
        &["remove", "totp", ANNA],
        &["remove", "hotp", ANNA],
    ] {
        let _ = agent.ctl().json(words, "");
    }
    for kind in ["enroll", "disable", "enable", "rename"] {
        let event = &agent.events_of(kind, ANNA, 1)[0];
        assert_eq!(event.text("credential_id"), ID, "{kind}");
    }
    let ids = |events: &[Event]| -> Vec<String> {
        let ids = events
            .iter()
            .map(|event| event.text("credential_id").to_owned());
        ids.collect()
    };
    assert_eq!(ids(&agent.logins_of(ANNA, 2)), [ID, ""]);
    assert_eq!(ids(&agent.events_of("remove", ANNA, 2)), [ID, ""]);
    agent.await_log(&format!("label=\"token\" credential_id={ID:?}"));
}

#[test]
fn repeating_a_change_changes_nothing_and_logs_no_event() {
    Machine::run(|machine| {
        let (agent, key) = set_up(machine, "");
        let mut anna = verified(machine, &agent, &key.code(0));
        let rename = json!({"label": PHONE, "to": "phone"});
        for changed in [true, false] {
            let reply = anna.call(RENAME, &rename);
            assert_eq!(reply["parameters"]["changed"], changed, "{reply}");
        }
        let _ = anna.call(RENAME, &json!({"label": "phone", "to": "mobile"}));
        assert_eq!(agent.events_of("rename", ANNA, 2).len(), 2);
    });
}

#[test]
fn nobody_renames_or_removes_another_users_device() {
    Machine::run(|machine| {
        let (agent, key) = set_up(machine, "");
        agent.admin().pin(EVE, "4826");
        let mut eve = Caller::of(machine, &agent, EVE);
        // Eve's proof is only valid for Eve.
        let pin = json!({"pin": "7391"});
        let _ = eve.call("org.pam-mfa.Admin.EnrollPin", &pin);
        let begin = json!({"user": EVE, "service": "mfactl"});
        assert_eq!(eve.log_in(&begin, &["4826"]), "passed");
        let rename = json!({"user": ANNA, "label": PHONE, "to": "mine"});
        assert_eq!(eve.refusal(RENAME, &rename), "NotAllowed");
        let remove = json!({"user": ANNA, "factor": "totp"});
        assert_eq!(eve.refusal(REMOVE, &remove), "NotAllowed");
        assert_eq!(labels(&agent), [PHONE, TOKEN]);
        let seen = Login::of(ANNA)
            .answer(&key.code(0))
            .run(&Stack::asking(&agent));
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    });
}

#[test]
fn a_user_may_remove_a_second_device_but_not_the_last_one() {
    Machine::run(|machine| {
        let (agent, key) = set_up(machine, "");
        agent.admin().recovery_codes(ANNA, 10);
        let mut anna = verified(machine, &agent, &key.code(0));
        let token = json!({"factor": "hotp", "label": TOKEN});
        assert_eq!(anna.refusal(REMOVE, &token), "");
        assert_eq!(labels(&agent), [PHONE]);
        for last in [
            json!({"factor": "totp"}),
            json!({"factor": "totp", "label": PHONE}),
        ] {
            // Recovery codes do not count as a factor: they are for a lost device.
            let mut anna = Caller::of(machine, &agent, ANNA);
            let _ = anna.call(REMOVE, &last);
            let begin = json!({"user": ANNA, "service": "mfactl"});
            let code = agent.admin().recovery_codes(ANNA, 10).remove(0);
            assert_eq!(anna.log_in(&begin, &[&code]), "passed");
            let reply = anna.call(REMOVE, &last);
            assert_eq!(reply["error"], "org.pam-mfa.Admin.NotAllowed", "{reply}");
            let told = told(&reply);
            assert!(told.contains("enrol another one first"), "{reply}");
            assert!(told.contains("ask an administrator"), "{reply}");
        }
        assert_eq!(labels(&agent), [PHONE]);

        let output = agent.ctl().run(&["remove", "totp", ANNA], "");
        assert!(output.is_success(), "{output:?}");
        assert!(labels(&agent).is_empty());
    });
}

#[test]
fn a_user_who_needs_no_factor_may_remove_the_last_one() {
    Machine::run(|machine| {
        for (settings, level, refusal) in [
            ("[enforcement]\nunenrolled = \"allow\"\n", "default", ""),
            (
                "[enforcement]\nunenrolled = \"allow\"\n",
                "required",
                "NotAllowed",
            ),
            ("", "optional", ""),
            (
                "[enforcement]\nunenrolled = \"enroll\"\n",
                "default",
                "NotAllowed",
            ),
        ] {
            let added = run(Command::new("id").arg(ANNA));
            if !added.is_success() {
                machine.user(ANNA, "a");
            }
            let agent = Agent::with(settings);
            let key = agent.admin().device(ANNA);
            let _ = agent.ctl().json(&["enforce", ANNA, level], "");
            let mut anna = verified(machine, &agent, &key.code(0));
            let refused = anna.refusal(REMOVE, &json!({"factor": "totp"}));
            assert_eq!(refused, refusal, "{settings} {level}");
        }
    });
}

/// `mfactl` at Anna's terminal.
#[test]
fn a_preferred_factor_is_asked_for_first() {
    let agent = Agent::with("[policy]\nrequire = [\"totp\", \"pin\"]\n");
    let stack = Stack::asking(&agent);
    let key = agent.admin().device(ANNA);
    agent.admin().pin(ANNA, "4937");
    let prompt = |answer: &str| {
        let seen = Login::of(ANNA).answer(answer).run(&stack);
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
        seen.prompts()[0].to_owned()
    };
    assert_eq!(prompt(&key.code(0)), "OTP code: ");
    let reply = agent.ctl().json(&["prefer", ANNA, "pin"], "");
    assert_eq!(reply["settings"]["prefer"], "pin", "{reply}");
    assert_eq!(prompt("4937"), "PIN: ");
    let words = ["explain", "--user", ANNA, "--service", "mfa-test"];
    assert_eq!(agent.ctl().json(&words, "")["prompts"][0], "PIN: ");
    let refused = agent.ctl().run(&["prefer", ANNA, "sms"], "");
    assert_eq!(refused.status, Some(1), "{refused:?}");
    let reply = agent.ctl().json(&["prefer", ANNA, "default"], "");
    assert_eq!(reply["changed"], true, "{reply}");
    assert_eq!(prompt(&key.code(1)), "OTP code: ");
}

#[test]
fn a_disabled_device_lets_nobody_in_until_it_is_enabled() {
    Machine::run(|machine| {
        let (agent, key) = set_up(machine, "");
        let stack = Stack::asking(&agent);
        let switch = |command: &str, label: &str| {
            agent
                .ctl()
                .json(&[command, "totp", ANNA, "--label", label], "")
        };
        let reply = switch("disable", PHONE);
        assert_eq!(
            (&reply["changed"], &reply["label"]),
            (&json!(true), &json!(PHONE))
        );
        assert_eq!(switch("disable", PHONE)["changed"], false);
        let seen = Login::of(ANNA).answer(&key.code(0)).run(&stack);
        assert_eq!(seen.result(), "PAM_AUTH_ERR", "{seen:?}");
        let account = agent.admin().status(ANNA);
        assert_eq!(agent.admin().enrolled(ANNA), ["hotp"], "the token is left");
        assert!(!account.devices.iter().all(|device| device.enabled));
        let reply = switch("enable", PHONE);
        assert_eq!(reply["changed"], true, "{reply}");
        let seen = Login::of(ANNA).answer(&key.code(1)).run(&stack);
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
        let label = |event: &mfa_tests::Event| event.text("label").to_owned();
        for (event, count) in [("disable", 1), ("enable", 1)] {
            let events = agent.events_of(event, ANNA, count);
            assert_eq!(events.iter().map(label).collect::<Vec<_>>(), [PHONE]);
        }
    });
}

#[test]
fn who_has_disabled_devices_only_is_no_newcomer_and_disables_no_last_one() {
    Machine::run(|machine| {
        let settings = "[enforcement]\nunenrolled = \"allow\"\n";
        let (agent, key) = set_up(machine, settings);
        let mut anna = verified(machine, &agent, &key.code(0));
        let enable = "org.pam-mfa.Admin.EnableFactor";
        let disable = |factor: &str| json!({"factor": factor, "enabled": false});
        assert_eq!(anna.refusal(enable, &disable("hotp")), "");
        for (factor, refusal) in [
            ("totp", "NotAllowed"),
            ("pin", "Refused"),
            ("radius", "NotAllowed"),
        ] {
            assert_eq!(anna.refusal(enable, &disable(factor)), refusal, "{factor}");
        }
        let _ = agent.ctl().json(&["disable", "totp", ANNA], "");
        let seen = Login::of(ANNA)
            .answer(&key.code(1))
            .run(&Stack::asking(&agent));
        assert_ne!(seen.result(), "PAM_SUCCESS", "{seen:?}");
        assert_eq!(seen.prompts().len(), 1, "no newcomer is let in: {seen:?}");
    });
}

fn mfactl(machine: &Machine, agent: &Agent, words: &[&str]) -> Pty {
    let uid = machine.uid(ANNA);
    let (reuid, regid) = (format!("--reuid={uid}"), format!("--regid={uid}"));
    let (program, socket) = (
        built().mfactl.to_string_lossy(),
        agent.socket().to_string_lossy(),
    );
    let mut all = vec![
        &*reuid,
        &regid,
        "--init-groups",
        &program,
        "--socket",
        &socket,
    ];
    all.extend_from_slice(words);
    Pty::spawn("setpriv", &all)
}

#[test]
fn at_a_terminal_mfactl_adds_an_hotp_token_and_resynchronises_it() {
    Machine::run(|machine| {
        machine.user(ANNA, "a");
        let agent = Agent::start();
        let (phone, token) = (agent.admin().device(ANNA), Key::new());
        let words = ["enroll", "hotp", "--label", TOKEN, "--secret-stdin"];
        let mut enroll = mfactl(machine, &agent, &words);
        enroll.answer("Key (base32): ", &token.base32());
        enroll.answer("OTP code: ", &phone.code(0));
        let code = "Code on the device: ";
        enroll.answer(code, &token.counted(77));
        enroll.answer(code, &token.counted(0));
        enroll.expect("enrolled");
        enroll.answer("safe place: ", "yes");
        enroll.expect("The recovery codes are stored.");
        assert_eq!(enroll.finish().1, Some(0));

        let seen = Login::of(ANNA)
            .answer(&token.counted(50))
            .run(&Stack::asking(&agent));
        assert_eq!(seen.result(), "PAM_AUTH_ERR");
        let (shown, _) = mfactl(machine, &agent, &["status"]).finish();
        assert!(shown.contains("mfactl verify --resync"), "{shown}");
        let mut resync = mfactl(machine, &agent, &["verify", "--resync"]);
        resync.answer("OTP code: ", &phone.code(1));
        resync.answer(code, &token.counted(60));
        resync.answer("Next code: ", &token.counted(61));
        resync.expect("59 codes were skipped");
        assert_eq!(resync.finish().1, Some(0));
        let seen = Login::of(ANNA)
            .answer(&token.counted(62))
            .run(&Stack::asking(&agent));
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    });
}

#[test]
fn at_a_terminal_mfactl_renames_and_removes_all_but_the_last_one() {
    Machine::run(|machine| {
        machine.user(ANNA, "a");
        let agent = Agent::start();
        let _ = agent.admin().device(ANNA);
        let token = agent.admin().counting_device(ANNA);
        let steps: [(&[&str], &str, i32); 4] = [
            (&["rename", "totp", "--to", "phone"], "is now \"phone\"", 0),
            (
                &["rename", "hotp", "--to", "phone"],
                "choose another label",
                1,
            ),
            (&["remove", "totp", "--label", "phone"], "removed", 0),
            (
                &["remove", "hotp"],
                "enrol another one first, or ask an administrator",
                1,
            ),
        ];
        for (counter, (words, told, status)) in (1..).zip(steps) {
            let mut mfactl = mfactl(machine, &agent, words);
            mfactl.answer("OTP code: ", &token.counted(counter));
            let (shown, ended) = mfactl.finish();
            // A terminal breaks long lines anywhere.
            let line: Vec<&str> = shown.split_whitespace().collect();
            assert!(line.join(" ").contains(told), "{told}: {shown}");
            assert_eq!(ended, Some(status), "{words:?}: {shown}");
        }
        assert_eq!(labels(&agent), [TOKEN]);
        let removed = agent.ctl().json(&["remove", "hotp", ANNA], "");
        assert_eq!(removed["removed"], 1);
        assert!(labels(&agent).is_empty());
    });
}
