//! Settings of one user: required factors, allowed networks, and what users may change themselves.

use mfa_protocol::factor::Factor;
use mfa_protocol::policy::Enforcement;
use mfa_tests::{Agent, Caller, Login, Machine, Pty, Seen, Sshd, Stack, answer_to, run};
use serde_json::json;

const PASSWORD: &str = "correct horse";
const ANNA: &str = "mfat-anna";
const PIN: &str = "4826";
const NEW_PIN: &str = "7391";

const REQUIRE: &str = "org.pam-mfa.Admin.Require";
const ALLOW_FROM: &str = "org.pam-mfa.Admin.AllowFrom";
const ENROLL_PIN: &str = "org.pam-mfa.Admin.EnrollPin";
const ENROLL_TOTP: &str = "org.pam-mfa.Admin.EnrollTotp";
const REMOVE: &str = "org.pam-mfa.Admin.Remove";

fn refused(agent: &Agent, arguments: &[&str], reason: &str) {
    let output = agent.ctl().run(arguments, "");
    assert_eq!(output.status, Some(1), "{arguments:?}: {output:?}");
    let said = output.stdout + &output.stderr;
    assert!(said.contains(reason), "{arguments:?}: {said}");
}

fn done(agent: &Agent, arguments: &[&str]) {
    let reply = agent.ctl().json(arguments, "");
    assert_eq!(reply["changed"], true, "{arguments:?}: {reply}");
}

#[test]
fn questions_can_be_required_only_once_enrolled_and_are_then_asked() {
    let agent = Agent::start();
    let mut admin = agent.admin();
    let key = admin.device(ANNA);
    refused(&agent, &["require", "questions", ANNA], "enroll questions");
    let stack = Stack::asking(&agent);
    let seen = Login::of(ANNA).answer(&key.code(-1)).run(&stack);
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");

    admin.questions(ANNA);
    done(&agent, &["require", "questions", ANNA]);
    let mut open = Login::of(ANNA).answer(&key.code(0)).start(&stack);
    open.await_prompt();
    open.answer_prepared();
    open.await_prompt();
    let answer = answer_to(open.shown());
    open.answer(answer);
    let seen = open.finish();
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert!(seen.prompts()[1].starts_with("First "), "{seen:?}");
    let seen = Login::of(ANNA).answer(&key.code(1)).run(&stack);
    assert_eq!(
        seen.result(),
        "PAM_CONV_ERR",
        "a code is not enough: {seen:?}"
    );
}

#[test]
fn a_users_required_factors_are_added_to_those_of_a_rule() {
    let agent = Agent::with("[[rule]]\nservices = [\"mfa-test\"]\nrequire = [\"pin\"]\n");
    let mut admin = agent.admin();
    let key = admin.device(ANNA);
    admin.pin(ANNA, PIN);
    done(&agent, &["require", "totp", ANNA]);
    let stack = Stack::asking(&agent);
    let seen = Login::of(ANNA).answer(PIN).answer(&key.code(0)).run(&stack);
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert_eq!(seen.prompts(), ["PIN: ", "OTP code: "]);
    done(&agent, &["require", "totp", ANNA, "--off"]);
    let seen = Login::of(ANNA).answer(PIN).run(&stack);
    assert_eq!(seen.prompts(), ["PIN: "]);
}

#[test]
fn where_set_so_a_code_can_be_required_only_of_users_whose_password_expires() {
    Machine::run(|machine| {
        machine.user(ANNA, PASSWORD);
        let agent = Agent::with("[policy]\nrequire_password_expiry = true\n");
        let _ = agent.admin().device(ANNA);
        refused(&agent, &["require", "totp", ANNA], "chage -M 90");
        assert!(agent.admin().status(ANNA).settings.require.is_empty());
        // A stranger has no shadow entry.
        refused(&agent, &["require", "totp", "mfat-nobody"], "chage -M 90");
        let output = run(std::process::Command::new("chage").args(["-M", "90", ANNA]));
        assert!(output.is_success(), "{output:?}");
        done(&agent, &["require", "totp", ANNA]);
        assert_eq!(agent.admin().status(ANNA).settings.require, [Factor::Totp]);
        let output = run(std::process::Command::new("chage").args(["-M", "99999", ANNA]));
        assert!(output.is_success(), "{output:?}");
        let again = agent.ctl().json(&["require", "totp", ANNA], "");
        assert_eq!(again["changed"], false, "{again}");
    });
}

#[test]
fn removing_a_required_factor_warns_of_the_effects_and_the_given_commands_work() {
    let agent = Agent::start();
    let _ = agent.admin().device(ANNA);
    agent.admin().pin(ANNA, PIN);
    done(&agent, &["require", "totp", ANNA]);
    let removed = agent.ctl().json(&["remove", "totp", ANNA], "");
    let note = removed["note"].as_str().expect("a note");
    assert!(
        note.contains(&format!("mfactl enroll totp {ANNA}")),
        "{note}"
    );
    assert!(
        note.contains(&format!("mfactl require totp {ANNA} --off")),
        "{note}"
    );
    done(&agent, &["require", "totp", ANNA, "--off"]);
    let removed = agent.ctl().json(&["remove", "pin", ANNA], "");
    let note = removed["note"].as_str().expect("a note");
    assert!(note.contains(&format!("{ANNA} has nothing left")), "{note}");
    let explained = agent
        .ctl()
        .json(&["explain", "--user", ANNA, "--service", "sshd"], "");
    assert_eq!(explained["unenrolled"], "deny", "{explained}");
    let again = agent.ctl().json(&["remove", "pin", ANNA], "");
    assert!(again.get("note").is_none(), "{again}");
    refused(
        &agent,
        &["require", "pin", ANNA],
        &format!("mfactl enroll pin {ANNA}"),
    );
    refused(
        &agent,
        &["rename", "totp", ANNA, "--label", "a", "--to", "b"],
        &format!("mfactl status {ANNA}"),
    );
}

fn log_in(agent: &Agent, login: Login) -> Seen {
    login.answer(PIN).run(&Stack::guarded_by(agent))
}

#[test]
fn a_login_from_elsewhere_is_denied_and_audited_and_a_local_one_is_not() {
    let agent = Agent::start();
    agent.admin().pin(ANNA, PIN);
    done(
        &agent,
        &["allow-from", ANNA, "192.0.2.0/24", "2001:db8::/32"],
    );
    let login = || Login::of(ANNA).service("sshd").on("ssh");
    for from in ["192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1"] {
        let seen = log_in(&agent, login().from(from));
        assert_eq!(seen.result(), "PAM_SUCCESS", "{from}: {seen:?}");
    }
    let outside = ["198.51.100.1", "2001:db9::1", "office.example"];
    for from in outside {
        let seen = log_in(&agent, login().from(from));
        assert_eq!(seen.result(), "PAM_PERM_DENIED", "{from}: {seen:?}");
        assert!(seen.prompts().is_empty(), "{from}: {seen:?}");
    }
    let seen = log_in(&agent, login());
    assert_eq!(seen.result(), "PAM_PERM_DENIED", "no address: {seen:?}");
    let denied = &agent.logins_of(ANNA, 7)[3..];
    for (event, from) in denied.iter().zip(outside) {
        assert_eq!(event.text("result"), "denied", "{event:?}");
        assert_eq!(event.text("rhost"), from);
        assert!(event.text("reason").contains("allow-from"), "{event:?}");
    }
    assert_eq!(agent.admin().status(ANNA).failures, 0);
    let console = Login::of(ANNA).service("login").on("/dev/tty1");
    assert_eq!(log_in(&agent, console).result(), "PAM_SUCCESS");
    done(&agent, &["allow-from", ANNA, "--anywhere"]);
    let seen = log_in(&agent, login().from("198.51.100.1"));
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
}

#[test]
fn allow_from_applies_to_ssh_and_neither_to_the_console_nor_to_sudo() {
    Machine::run(|machine| {
        machine.user(ANNA, PASSWORD);
        for service in ["sshd", "sudo", "login"] {
            machine.shipped_stack(service);
        }
        let rule = format!("{ANNA} ALL=(ALL) ALL\nDefaults !lecture\n");
        std::fs::write("/etc/sudoers.d/mfa-test", rule).unwrap();
        let agent = Agent::at_default_socket("");
        agent.admin().pin(ANNA, PIN);
        done(&agent, &["allow-from", ANNA, "127.0.0.1"]);
        let sshd = Sshd::start(
            machine,
            "PasswordAuthentication no\nAuthenticationMethods keyboard-interactive",
        );
        let mut client = sshd.client(ANNA, &[]);
        client.answer("Password: ", PASSWORD);
        client.answer("PIN: ", PIN);
        client.expect("you are in");
        assert_eq!(client.finish().1, Some(0));
        let mut client = sshd.client(ANNA, &["-b", "127.0.0.2"]);
        client.answer("Password: ", PASSWORD);
        let (shown, status) = client.finish();
        assert_ne!(status, Some(0), "{shown}");
        assert!(!shown.contains("PIN: "), "{shown}");
        assert_eq!(agent.logins_of(ANNA, 2)[1].text("result"), "denied");

        let mut login = Pty::spawn("login", &[]);
        login.answer("login: ", ANNA);
        login.answer("Password: ", PASSWORD);
        login.answer("PIN: ", PIN);
        login.expect("$ ");
        login.send("sudo -k id -un");
        login.answer(&format!("password for {ANNA}: "), PASSWORD);
        login.answer("PIN: ", PIN);
        login.expect("root");
        login.send("exit");
    });
}

/// A connection on which Anna has passed her PIN; `method` was refused without that.
fn verified(
    machine: &Machine,
    agent: &Agent,
    method: &str,
    parameters: &serde_json::Value,
) -> Caller {
    let mut caller = Caller::of(machine, agent, ANNA);
    assert_eq!(caller.refusal(method, parameters), "NotVerified");
    let begin = json!({"user": ANNA, "service": "mfactl"});
    assert_eq!(caller.log_in(&begin, &[PIN]), "passed");
    caller
}

#[test]
fn users_change_their_settings_only_if_an_administrator_lets_them() {
    Machine::run(|machine| {
        machine.user(ANNA, PASSWORD);
        let agent = Agent::start();
        agent.admin().pin(ANNA, PIN);
        let require = json!({"factor": "pin", "on": true});
        let networks = json!({"networks": ["192.0.2.0/24"]});
        let mut caller = Caller::of(machine, &agent, ANNA);
        for (method, parameters) in [(REQUIRE, &require), (ALLOW_FROM, &networks)] {
            assert_eq!(caller.refusal(method, parameters), "NotAllowed", "{method}");
        }
        done(&agent, &["self-manage", ANNA, "on"]);
        let mut caller = verified(machine, &agent, REQUIRE, &require);
        assert_eq!(caller.refusal(REQUIRE, &require), "");
        assert_eq!(caller.refusal(ALLOW_FROM, &networks), "");
        let settings = agent.admin().status(ANNA).settings;
        assert_eq!(settings.own_require, [Factor::Pin]);
        assert_eq!(settings.own_allow_from, ["192.0.2.0/24"]);
        assert!(settings.require.is_empty() && settings.allow_from.is_empty());
        // With mfactl it is one command, with the PIN on standard input.
        let arguments = ["require", "pin", "--off"];
        let output = agent
            .ctl()
            .run_as(machine, ANNA, &arguments, &format!("{PIN}\n"));
        assert!(output.is_success(), "{output:?}");
        assert!(agent.admin().status(ANNA).settings.own_require.is_empty());
        done(&agent, &["self-manage", ANNA, "off"]);
        assert_eq!(
            caller.refusal(REQUIRE, &require),
            "NotAllowed",
            "verified, but not let"
        );
    });
}

#[test]
fn a_user_does_not_undo_an_administrators_setting() {
    Machine::run(|machine| {
        machine.user(ANNA, PASSWORD);
        let agent = Agent::start();
        agent.admin().pin(ANNA, PIN);
        let key = agent.admin().device(ANNA);
        done(&agent, &["self-manage", ANNA, "on"]);
        done(&agent, &["require", "pin", ANNA]);
        done(&agent, &["allow-from", ANNA, "192.0.2.0/24"]);
        done(&agent, &["enforce", ANNA, "required"]);
        let before = agent.admin().status(ANNA).settings;

        let off = json!({"factor": "pin", "on": false});
        let mut caller = Caller::of(machine, &agent, ANNA);
        assert_eq!(caller.refusal(REQUIRE, &off), "NotVerified");
        let begin = json!({"user": ANNA, "service": "mfactl"});
        assert_eq!(caller.log_in(&begin, &[&key.code(0), PIN]), "passed");
        assert_eq!(caller.refusal(REQUIRE, &off), "Refused");
        let remove = json!({"factor": "pin"});
        assert_eq!(caller.refusal(REMOVE, &remove), "NotAllowed");
        let anywhere = json!({"networks": []});
        assert_eq!(caller.refusal(ALLOW_FROM, &anywhere), "");
        let wider = json!({"networks": ["0.0.0.0/0", "::/0"]});
        assert_eq!(caller.refusal(ALLOW_FROM, &wider), "");
        let enforce = json!({"user": ANNA, "level": "optional"});
        assert_eq!(
            caller.refusal("org.pam-mfa.Admin.Enforce", &enforce),
            "NotAllowed"
        );

        let after = agent.admin().status(ANNA).settings;
        assert_eq!(after.require, before.require);
        assert_eq!(after.allow_from, before.allow_from);
        assert_eq!(after.enforce, Enforcement::Required);
        let elsewhere = Login::of(ANNA).service("sshd").from("198.51.100.1");
        assert_eq!(log_in(&agent, elsewhere).result(), "PAM_PERM_DENIED");
    });
}

#[test]
fn self_service_decides_which_factors_users_change_and_whether_at_all() {
    Machine::run(|machine| {
        machine.user(ANNA, PASSWORD);
        let agent = Agent::with("[self_service]\nfactors = [\"pin\"]\n");
        agent.admin().pin(ANNA, PIN);
        let pin = json!({"pin": NEW_PIN});
        let device = json!({"confirm": false});
        let mut caller = verified(machine, &agent, ENROLL_PIN, &pin);
        assert_eq!(caller.refusal(ENROLL_TOTP, &device), "NotAllowed");
        assert_eq!(caller.refusal(ENROLL_PIN, &pin), "");
        let stack = Stack::asking(&agent);
        let seen = Login::of(ANNA).answer(NEW_PIN).run(&stack);
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");

        let _ = agent.reload_with("[self_service]\nenabled = false\n");
        let before = agent.admin().status(ANNA);
        let mut caller = Caller::of(machine, &agent, ANNA);
        for (method, parameters) in [
            (ENROLL_PIN, &pin),
            (ENROLL_TOTP, &device),
            (REMOVE, &json!({"factor": "pin"})),
        ] {
            assert_eq!(caller.refusal(method, parameters), "NotAllowed", "{method}");
        }
        assert_eq!(agent.admin().status(ANNA), before);
        // Then users can't enrol a first factor themselves either.
        let _ = agent.ctl().json(&["remove", "pin", ANNA], "");
        assert_eq!(caller.refusal(ENROLL_PIN, &pin), "NotAllowed");
        assert!(agent.admin().status(ANNA).enrolled.is_empty());
    });
}

#[test]
fn repeating_a_setting_succeeds_and_changes_nothing() {
    let agent = Agent::start();
    agent.admin().pin(ANNA, PIN);
    for arguments in [
        &["require", "pin", ANNA][..],
        &["enforce", ANNA, "optional"],
        &["self-manage", ANNA, "on"],
        &["allow-from", ANNA, "192.0.2.7"],
    ] {
        done(&agent, arguments);
        let reply = agent.ctl().json(arguments, "");
        assert_eq!(reply["changed"], false, "{arguments:?}: {reply}");
    }
    let status = agent.ctl().json(&["status", ANNA], "");
    assert_eq!(status["settings"]["require"], json!(["pin"]));
    assert_eq!(status["settings"]["enforce"], "optional");
    assert_eq!(status["settings"]["self_manage"], true);
    assert_eq!(status["settings"]["allow_from"], json!(["192.0.2.7"]));
}

#[test]
fn a_user_does_not_lock_themselves_out_by_removing_a_factor_they_required() {
    Machine::run(|machine| {
        machine.user(ANNA, PASSWORD);
        let agent = Agent::start();
        agent.admin().pin(ANNA, PIN);
        agent.admin().questions(ANNA);
        done(&agent, &["self-manage", ANNA, "on"]);
        let require = json!({"factor": "pin", "on": true});
        let mut caller = verified(machine, &agent, REQUIRE, &require);
        assert_eq!(caller.refusal(REQUIRE, &require), "");
        // Refused or done: they get in with what they have afterwards.
        let _ = caller.refusal(REMOVE, &json!({"factor": "pin"}));
        let stack = Stack::asking(&agent);
        let mut open = Login::of(ANNA).start(&stack);
        open.await_prompt();
        let asked_for_pin = open.shown().contains("PIN: ");
        open.answer(if asked_for_pin {
            PIN
        } else {
            answer_to(open.shown())
        });
        let seen = open.finish();
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    });
}

#[test]
fn a_user_does_not_lock_themselves_out_by_requiring_a_code_without_a_device() {
    Machine::run(|machine| {
        machine.user(ANNA, PASSWORD);
        let agent = Agent::start();
        agent.admin().pin(ANNA, PIN);
        done(&agent, &["self-manage", ANNA, "on"]);
        let require = json!({"factor": "totp", "on": true});
        let mut caller = verified(machine, &agent, REQUIRE, &require);
        assert_eq!(caller.refusal(REQUIRE, &require), "Refused");
        let seen = Login::of(ANNA).answer(PIN).run(&Stack::asking(&agent));
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    });
}
