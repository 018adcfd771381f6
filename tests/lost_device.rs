//! A lost phone: a recovery code lets in, where the settings say so only after a new device is
//! enrolled.

use std::fs;

use mfa_tests::{
    Agent, Key, Login, Machine, Pty, Sshd, Stack, code_of, codes_shown, key_shown, scanned,
};

const PASSWORD: &str = "correct horse";
const USER: &str = "mfat-anna";
const BY_CONVERSATION: &str =
    "PasswordAuthentication no\nAuthenticationMethods keyboard-interactive";
/// A new device must be enrolled, and a user who passed is not asked again for a while.
const RENEW: &str = "[recovery]\nnew_device = true\n[totp]\nissuer = \"Test host\"\n\
    [[rule]]\nservices = [\"sshd\"]\nsession = \"15m\"\n";
const ASKED: &str = "OTP code: ";
const CODE: &str = "Code that the app shows now: ";
const STORED: &str = "Type yes when they are in a safe place: ";

/// Anna's factors: a lost phone, and codes on paper.
struct Had {
    phone: Key,
    paper: Vec<String>,
}

fn set_up(machine: &Machine, settings: &str, codes: u32) -> (Agent, Had) {
    machine.user(USER, PASSWORD);
    machine.shipped_stack("sshd");
    let agent = Agent::at_default_socket(settings);
    let had = Had {
        phone: agent.admin().device(USER),
        paper: agent.admin().recovery_codes(USER, codes),
    };
    (agent, had)
}

/// An ssh client that was asked for a code and has typed `answer`.
fn answered(sshd: &Sshd, answer: &str) -> Pty {
    let mut client = sshd.client(USER, &[]);
    client.answer("Password: ", PASSWORD);
    client.answer(ASKED, answer);
    client
}

fn is_let_in(sshd: &Sshd, answer: &str) -> bool {
    let (shown, status) = answered(sshd, answer).finish();
    assert_eq!(shown.contains("you are in"), status == Some(0), "{shown}");
    status == Some(0)
}

#[test]
fn a_recovery_code_leads_to_a_new_device_that_replaces_the_lost_one() {
    Machine::run(|machine| {
        let (agent, had) = set_up(machine, RENEW, 10);
        let _ = agent.admin().counting_device(USER);
        let sshd = Sshd::start(machine, BY_CONVERSATION);
        let mut shell = sshd.shell(USER);
        shell.answer("Password: ", PASSWORD);
        shell.answer(ASKED, &had.paper[4]);
        shell.expect("replaces the lost one");
        shell.expect(CODE);
        let key = key_shown(shell.shown());
        shell.send("?");
        shell.expect(CODE);
        for uri in scanned(shell.shown()) {
            assert!(uri.starts_with("otpauth://totp/Test%20host:"), "{uri}");
            assert!(uri.contains(&format!("secret={key}")), "{uri}");
        }
        shell.send(&code_of(&key, 0));
        shell.expect(STORED);
        let paper = codes_shown(shell.shown());
        assert_eq!(paper.len(), 10, "{}", shell.shown());
        shell.send("yes");
        shell.expect("$ ");
        shell.send("echo in as $(id -un); exit");
        shell.expect(&format!("in as {USER}"));
        assert_eq!(shell.finish().1, Some(0));

        let account = agent.admin().status(USER);
        assert_eq!(
            (account.devices.len(), account.recovery_left),
            (1, Some(10))
        );
        assert_eq!(account.sessions, 1, "passed for a while");
        assert_eq!(account.failures, 0);
        let attempt = &agent.events_of("attempt", USER, 1)[0];
        assert_eq!(attempt.text("factor"), "recovery");
        assert!(
            attempt
                .text("reason")
                .contains("a new device must be enrolled")
        );
        let stored = agent.events_of("enroll", USER, 1).pop().expect("an event");
        assert!(stored.text("reason").contains("instead of"), "{stored:?}");
        only_the_new_ones_pass(&agent, &sshd, &had, (&key, &paper));
    });
}

fn only_the_new_ones_pass(agent: &Agent, sshd: &Sshd, had: &Had, new: (&str, &[String])) {
    let _ = agent.ctl().json(&["revoke", USER], "");
    // Without enrolment and sessions, only passes count.
    let _ = agent.reload_with("");
    assert!(!is_let_in(sshd, &had.phone.code(0)), "the lost phone");
    for old in [&had.paper[4], &had.paper[0]] {
        assert!(!is_let_in(sshd, old), "an old recovery code");
    }
    assert!(is_let_in(sshd, &code_of(new.0, 1)), "the new phone");
    assert!(is_let_in(sshd, &new.1[9]), "a new recovery code");
    assert!(!is_let_in(sshd, &new.1[9]), "twice");
}

/// Continues the enrolment up to `stop`, which is a prompt.
fn renew_until(client: &mut Pty, stop: &str) {
    client.expect(CODE);
    if stop == "wrong code" {
        client.send("000000");
        client.expect("Unexpected code");
        client.expect(CODE);
    }
    if !stop.contains("stored") {
        return;
    }
    let key = key_shown(client.shown());
    client.send(&code_of(&key, 0));
    client.expect(STORED);
    if stop == "not stored" {
        client.send("not yet");
        client.expect(STORED);
    }
}

#[test]
fn an_ssh_client_killed_midway_has_used_the_code_and_changed_nothing_else() {
    Machine::run(|machine| {
        let (agent, had) = set_up(machine, RENEW, 10);
        let sshd = Sshd::start(machine, BY_CONVERSATION);
        let status = || agent.ctl().json(&["status", USER], "");
        let mut expected = status();
        let stops = ["code", "wrong code", "stored", "not stored"];
        for (count, stop) in (1..).zip(stops) {
            let mut client = answered(&sshd, &had.paper[count]);
            renew_until(&mut client, stop);
            client.kill();
            let events = agent.logins_of(USER, count);
            assert_eq!(events[count - 1].text("result"), "cancelled", "{stop}");
            expected["recovery_left"] = (10 - count).into();
            // The next right recovery code clears the failures.
            let failures = usize::from(stop == "wrong code");
            expected["failures"] = failures.into();
            expected["consecutive_failures"] = failures.into();
            assert_eq!(status(), expected, "killed at {stop}");
        }
        assert_eq!(expected["sessions"], 0);
        assert!(!is_let_in(&sshd, &had.paper[1]), "a code that was spent");
        assert!(is_let_in(&sshd, &had.phone.code(0)), "the phone turned up");
    });
}

#[test]
fn wrong_codes_before_the_recovery_code_leave_all_tries_for_the_new_device() {
    Machine::run(|machine| {
        let (_agent, had) = set_up(machine, RENEW, 10);
        let sshd = Sshd::start(machine, BY_CONVERSATION);
        for _ in 0..4 {
            assert!(!is_let_in(&sshd, &had.phone.wrong_code()));
        }
        let mut shell = sshd.shell(USER);
        shell.answer("Password: ", PASSWORD);
        shell.answer(ASKED, &had.paper[4]);
        shell.expect(CODE);
        let key = key_shown(shell.shown());
        shell.send("?");
        shell.expect(CODE);
        shell.send("12345678");
        shell.expect(CODE);
        shell.send(&code_of(&key, 0));
        shell.expect(STORED);
    });
}

#[test]
fn a_new_device_does_not_replace_what_was_enrolled_elsewhere_meanwhile() {
    Machine::run(|machine| {
        let (agent, had) = set_up(machine, RENEW, 10);
        let sshd = Sshd::start(machine, BY_CONVERSATION);
        let mut client = answered(&sshd, &had.paper[0]);
        renew_until(&mut client, "stored");
        let other = agent.admin().device(USER);
        client.send("yes");
        let (shown, status) = client.finish();
        assert_ne!(status, Some(0), "{shown}");
        assert_eq!(agent.admin().status(USER).devices.len(), 2);
        assert!(is_let_in(&sshd, &other.code(0)));
    });
}

#[test]
fn with_one_answer_a_recovery_code_lets_in_without_enrollment() {
    Machine::run(|machine| {
        let settings = "[recovery]\nnew_device = true\n[policy]\nrequire = [\"totp\"]\n";
        let (agent, had) = set_up(machine, settings, 10);
        machine.shipped_stack("password+code");
        let login = Login::of(USER).service("password+code").option("--account");
        let answer = format!("{PASSWORD}{}", had.paper[0]);
        let seen = login.answer(&answer).run(&Stack::of_host());
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
        let account = agent.admin().status(USER);
        assert_eq!((account.devices.len(), account.recovery_left), (1, Some(9)));
        assert_eq!(agent.logins_of(USER, 1)[0].text("factor"), "recovery");
    });
}

#[test]
fn by_default_a_recovery_code_lets_in_and_the_user_is_warned_when_few_are_left() {
    Machine::run(|machine| {
        let (agent, had) = set_up(machine, "", 4);
        let sshd = Sshd::start(machine, BY_CONVERSATION);
        let warnings = [
            None,
            Some("You have 2 recovery codes left"),
            Some("You have one recovery code left"),
            Some("You have no recovery codes left"),
        ];
        for (code, warning) in had.paper.iter().zip(warnings) {
            let mut shell = sshd.shell(USER);
            shell.answer("Password: ", PASSWORD);
            shell.answer(ASKED, code);
            shell.answer("$ ", "exit");
            let (shown, status) = shell.finish();
            assert_eq!(status, Some(0), "{shown}");
            match warning {
                Some(text) => assert!(shown.contains(text), "{text}: {shown}"),
                None => assert!(!shown.contains("recovery"), "{shown}"),
            }
        }
        let events = agent.logins_of(USER, 4);
        for event in &events {
            assert_eq!(event.text("factor"), "recovery");
            let reason = event.text("reason");
            assert!(
                reason.contains("a recovery code, which is now used up"),
                "{event:?}"
            );
        }
        let account = agent.admin().status(USER);
        assert_eq!((account.devices.len(), account.recovery_left), (1, Some(0)));
        let audit = fs::read_to_string(agent.folder().join("audit.jsonl")).unwrap();
        for code in &had.paper {
            assert!(!audit.contains(code.as_str()) && !agent.log().contains(code.as_str()));
        }
    });
}
