//! Users without a factor enrol a device inside a real login, and get in with it or its recovery
//! codes.

use std::fs;

use mfa_tests::{
    Agent, Login, Machine, Pty, Running, Sshd, Stack, built, code_of, codes_shown, key_shown,
    run_with_input, scanned,
};

const PASSWORD: &str = "correct horse";
const USER: &str = "mfat-anna";
const BY_CONVERSATION: &str =
    "PasswordAuthentication no\nAuthenticationMethods keyboard-interactive";
const ENROLL: &str = "[enforcement]\nunenrolled = \"enroll\"\n[totp]\nissuer = \"Test host\"\n";
const BY_CODE: &str = "[policy]\nrequire = [\"totp\"]\n";
/// A user of the host: only host users may enrol.
const HOST_USER: &str = "daemon";
const CODE: &str = "Code that the app shows now: ";
const STORED: &str = "Type yes when they are in a safe place: ";

/// A machine where Anna has only a password.
fn set_up(machine: &Machine, service: &str) -> Agent {
    machine.user(USER, PASSWORD);
    machine.shipped_stack(service);
    Agent::at_default_socket(ENROLL)
}

#[test]
fn over_ssh_a_new_user_scans_a_code_and_gets_in() {
    Machine::run(|machine| {
        let agent = set_up(machine, "sshd");
        let sshd = Sshd::start(machine, BY_CONVERSATION);
        let mut client = sshd.client(USER, &[]);
        client.answer("Password: ", PASSWORD);
        client.expect(CODE);
        let key = key_shown(client.shown());
        // A client without UTF-8 would show a QR code as octal numbers, so it is shown on request.
        let is_plain = !client.shown().contains("\\342") && !client.shown().contains('█');
        assert!(is_plain, "{}", client.shown());
        client.send("?");
        client.expect(CODE);
        for uri in scanned(client.shown()) {
            assert!(
                uri.starts_with("otpauth://totp/Test%20host:"),
                "{uri}\n{}",
                client.shown()
            );
            assert!(uri.contains(&format!("secret={key}")), "{uri}");
        }
        let first = code_of(&key, 0);
        client.send(&first);
        client.expect(STORED);
        let codes = codes_shown(client.shown());
        assert_eq!(codes.len(), 10, "{}", client.shown());
        client.send("yes");
        client.expect("you are in");
        let (shown, status) = client.finish();
        assert_eq!(status, Some(0));
        assert!(
            shown
                .lines()
                .all(|line| line.trim_end().chars().count() <= 80)
        );
        let status = agent.admin().status(USER);
        assert_eq!((status.devices.len(), status.recovery_left), (1, Some(10)));

        // The code that confirmed the device is used up; a recovery code lets in once.
        for (before, (answer, result)) in [
            (first, "wrong"),
            (codes[3].clone(), "passed"),
            (codes[3].clone(), "wrong"),
        ]
        .into_iter()
        .enumerate()
        {
            let mut client = sshd.client(USER, &[]);
            client.answer("Password: ", PASSWORD);
            client.answer("OTP code: ", &answer);
            client.finish();
            // The login that enrolled was the first.
            let logins = agent.logins_of(USER, before + 2);
            assert_eq!(logins[before + 1].text("result"), result);
        }
        assert_eq!(agent.admin().status(USER).recovery_left, Some(9));
    });
}

#[test]
fn the_readme_shows_the_session_of_a_new_user_as_it_is() {
    Machine::run(|machine| {
        let _agent = set_up(machine, "sshd");
        let sshd = Sshd::start(machine, BY_CONVERSATION);
        let mut client = sshd.client(USER, &[]);
        client.answer("Password: ", PASSWORD);
        client.expect(CODE);
        let code = code_of(&key_shown(client.shown()), 0);
        client.send(&code);
        client.answer(STORED, "yes");
        let shown = client.finish().0;
        let shown = shown
            .replace(&format!("{USER}@127.0.0.1"), "alice@host")
            .replace('\r', "");
        let shown: Vec<String> = shown.lines().map(without_secrets).collect();

        let readme = fs::read_to_string(built().tree.join("README.md")).unwrap();
        let (_, after) = readme.split_once("$ ssh alice@host\n").expect("a session");
        let (session, _) = after.split_once("\nalice@host:~$\n").expect("its end");
        for line in session.lines().filter(|line| line.trim() != "…") {
            assert!(
                shown.contains(&without_secrets(line)),
                "README.md has \"{line}\", which no login shows. Run: make build && sudo tests/record"
            );
        }
    });
}

/// With `0` for each digit, and without a key.
fn without_secrets(line: &str) -> String {
    let (line, _) = line.split_once("Key: ").unwrap_or((line, ""));
    let same = |c: char| if c.is_ascii_digit() { '0' } else { c };
    line.trim_end().chars().map(same).collect()
}

#[test]
fn sudo_enrols_a_device_too() {
    Machine::run(|machine| {
        let agent = set_up(machine, "sudo");
        let rule = format!("{USER} ALL=(ALL) ALL\nDefaults !lecture\n");
        fs::write("/etc/sudoers.d/mfa-test", rule).unwrap();
        let uid = machine.uid(USER);
        let (reuid, regid) = (format!("--reuid={uid}"), format!("--regid={uid}"));
        let mut words = vec![reuid.as_str(), &regid, "--init-groups"];
        words.extend(["sudo", "-k", "id", "-un"]);
        let mut sudo = Pty::spawn("setpriv", &words);
        sudo.answer(&format!("password for {USER}: "), PASSWORD);
        set_up_device(&mut sudo);
        sudo.expect("root");
        assert_eq!(sudo.finish().1, Some(0));
        assert_eq!(agent.admin().status(USER).devices.len(), 1);
    });
}

#[test]
fn login_on_the_console_enrols_a_device_too() {
    Machine::run(|machine| {
        let agent = set_up(machine, "login");
        let mut login = Pty::spawn("login", &[]);
        login.answer("login: ", USER);
        login.answer("Password: ", PASSWORD);
        set_up_device(&mut login);
        login.expect("$ ");
        assert_eq!(agent.admin().status(USER).devices.len(), 1);
    });
}

fn set_up_device(terminal: &mut Pty) {
    terminal.expect(CODE);
    let key = key_shown(terminal.shown());
    terminal.send("000000");
    terminal.expect("Unexpected code");
    terminal.answer(CODE, &code_of(&key, 0));
    terminal.answer(STORED, "not yet");
    terminal.answer(STORED, "yes");
}

/// The point at which the connection drops.
const STOPS: [&str; 4] = ["code", "wrong code", "stored", "not stored"];

/// Enrols a device up to `stop`, which is a prompt.
fn set_up_until(client: &mut Pty, stop: &str) {
    client.answer("Password: ", PASSWORD);
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
fn an_ssh_client_killed_at_any_prompt_leaves_the_account_unchanged() {
    Machine::run(|machine| {
        let agent = set_up(machine, "sshd");
        let sshd = Sshd::start(machine, BY_CONVERSATION);
        let status = || agent.ctl().json(&["status", USER], "");
        let mut expected = status();
        for (logins, stop) in (1..).zip(STOPS) {
            let mut client = sshd.client(USER, &[]);
            set_up_until(&mut client, stop);
            client.kill();
            let events = agent.logins_of(USER, logins);
            assert_eq!(events[logins - 1].text("result"), "cancelled", "{stop}");
            if stop == "wrong code" {
                expected["failures"] = 1.into();
                expected["consecutive_failures"] = 1.into();
            }
            assert_eq!(status(), expected, "killed at {stop}");
        }
        let mut client = sshd.client(USER, &[]);
        set_up_until(&mut client, "stored");
        client.send("yes");
        client.expect("you are in");
    });
}

/// A login on a stack of the module alone, up to the prompt for the first code.
fn begun(stack: &Stack) -> Running {
    let mut login = Login::of(HOST_USER).start(stack);
    login.await_prompt();
    login
}

#[test]
fn wrong_first_codes_lock_like_any_others() {
    let agent = Agent::with(ENROLL);
    let stack = Stack::asking(&agent);
    let mut login = begun(&stack);
    for _ in 0..5 {
        login.answer("000000");
    }
    assert_eq!(login.finish().result(), "PAM_MAXTRIES");
    let mut login = begun(&stack);
    let key = key_shown(login.shown());
    login.answer(&code_of(&key, 0));
    login.await_prompt();
    login.answer("yes");
    assert_eq!(login.finish().result(), "PAM_MAXTRIES", "it is locked");
    assert!(agent.admin().status(HOST_USER).enrolled.is_empty());
}

#[test]
fn of_two_simultaneous_enrolments_the_second_stores_nothing() {
    let agent = Agent::with(ENROLL);
    let stack = Stack::asking(&agent);
    let mut logins = [begun(&stack), begun(&stack)];
    for login in &mut logins {
        let key = key_shown(login.shown());
        login.answer(&code_of(&key, 0));
        login.await_prompt();
    }
    let results = logins.map(|mut login| {
        login.answer("yes");
        login.finish().result().to_owned()
    });
    assert_eq!(results, ["PAM_SUCCESS", "PAM_CONV_ERR"]);
    assert_eq!(agent.admin().status(HOST_USER).devices.len(), 1);
}

#[test]
fn if_enrolment_is_not_possible_the_login_fails_and_the_log_says_why() {
    let secret = tempfile::NamedTempFile::new().expect("a file of the test's own");
    fs::write(&secret, "a secret for the tests only\n").expect("a secret");
    let radius = format!(
        "[policy]\nrequire = [\"radius\"]\n[[radius]]\nname = \"vip\"\nservers = [\"127.0.0.1:9\"]\n\
         secret_file = {:?}",
        secret.path()
    );
    for (more, reason) in [
        (
            "[policy]\nprompting = \"single\"\nrequire = [\"totp\"]",
            "one answer for password and code",
        ),
        (&radius, "can't be enrolled in a login"),
    ] {
        let agent = Agent::with(&format!("{ENROLL}{more}\n"));
        let login = Login::of(HOST_USER).answer("123456");
        let seen = login.run(&Stack::asking(&agent));
        assert_eq!(seen.result(), "PAM_AUTH_ERR", "as for who is enrolled");
        let event = &agent.logins_of(HOST_USER, 1)[0];
        assert!(event.text("reason").contains(reason), "{event:?}");
    }
}

const NEW_PIN: &str = "New PIN (4 to 8 digits): ";
const PIN_AGAIN: &str = "Repeat the PIN: ";

#[test]
fn over_ssh_a_new_user_chooses_a_pin_and_gets_in() {
    Machine::run(|machine| {
        machine.user(USER, PASSWORD);
        machine.shipped_stack("sshd");
        let agent = Agent::at_default_socket(&format!("{ENROLL}[policy]\nrequire = [\"pin\"]\n"));
        let sshd = Sshd::start(machine, BY_CONVERSATION);
        let mut client = sshd.client(USER, &[]);
        client.answer("Password: ", PASSWORD);
        client.answer(NEW_PIN, "1234");
        client.expect("easy to guess");
        client.answer(NEW_PIN, "4826");
        client.answer(PIN_AGAIN, "4827");
        client.expect("The PINs differ");
        client.answer(NEW_PIN, "4826");
        client.answer(PIN_AGAIN, "4826");
        client.expect("you are in");
        let (shown, status) = client.finish();
        assert_eq!(status, Some(0));
        assert!(!shown.contains("4826"), "a PIN is not shown: {shown}");
        let enrolled = &agent.events_of("enroll", USER, 1)[0];
        assert_eq!(enrolled.text("factor"), "pin");
        // No answer of this policy could be replaced by a recovery code.
        assert_eq!(agent.admin().status(USER).recovery_left, None);

        let mut client = sshd.client(USER, &[]);
        client.answer("Password: ", PASSWORD);
        client.answer("PIN: ", "4826");
        client.expect("you are in");
    });
}

/// What the user of the host has.
fn enrolled(agent: &Agent) -> String {
    let enrolled = agent.admin().status(HOST_USER).enrolled;
    let names: Vec<String> = enrolled.iter().map(ToString::to_string).collect();
    names.join(" ")
}

/// Answers the next prompt, which is this one.
fn answer_to(login: &mut Running, prompt: &str, answer: &str) {
    login.await_prompt();
    let shown = login.shown().trim_end();
    assert!(shown.ends_with(prompt.trim_end()), "{shown}");
    login.answer(answer);
}

#[test]
fn a_combination_is_set_up_as_a_whole_and_both_halves_are_needed_afterwards() {
    let agent = Agent::with(&format!("{ENROLL}[policy]\nrequire = [\"totp+pin\"]\n"));
    let stack = Stack::asking(&agent);
    let mut login = begun(&stack);
    let key = key_shown(login.shown());
    login.answer(&code_of(&key, 0));
    answer_to(&mut login, NEW_PIN, "4826");
    answer_to(&mut login, PIN_AGAIN, "4826");
    login.await_prompt();
    let codes = codes_shown(login.shown());
    assert_eq!(codes.len(), 10, "{}", login.shown());
    assert!(agent.admin().status(HOST_USER).enrolled.is_empty());
    login.answer("yes");
    assert_eq!(login.finish().result(), "PAM_SUCCESS");
    let status = agent.admin().status(HOST_USER);
    assert_eq!(enrolled(&agent), "totp pin");
    assert_eq!(status.recovery_left, Some(10));
    let events = agent.events_of("enroll", HOST_USER, 2);
    assert_eq!(events[0].text("factor"), "totp");
    assert_eq!(events[1].text("factor"), "pin");
    assert_eq!(agent.logins_of(HOST_USER, 1)[0].text("factor"), "totp+pin");

    for (pin, result) in [("4827", "PAM_AUTH_ERR"), ("4826", "PAM_SUCCESS")] {
        let code = &codes[usize::from(result == "PAM_SUCCESS")];
        let login = Login::of(HOST_USER).answer(code).answer(pin);
        assert_eq!(login.run(&stack).result(), result);
    }
}

#[test]
fn a_combination_that_is_given_up_in_the_middle_leaves_nothing() {
    let agent = Agent::with(&format!("{ENROLL}[policy]\nrequire = [\"pin+totp\"]\n"));
    let stack = Stack::asking(&agent);
    let before = agent.ctl().json(&["status", HOST_USER], "");
    for (logins, stop) in (1..).zip(["new", "again", "code", "stored"]) {
        let mut login = begun(&stack);
        if stop != "new" {
            login.answer("4826");
            login.await_prompt();
        }
        if stop == "code" || stop == "stored" {
            login.answer("4826");
            login.await_prompt();
        }
        if stop == "stored" {
            let key = key_shown(login.shown());
            login.answer(&code_of(&key, 0));
            login.await_prompt();
        }
        login.kill();
        let _ = agent.logins_of(HOST_USER, logins);
        assert_eq!(
            agent.ctl().json(&["status", HOST_USER], ""),
            before,
            "{stop}"
        );
    }
}

#[test]
fn security_questions_are_chosen_in_the_login_and_one_is_asked_afterwards() {
    let agent = Agent::with(&format!("{ENROLL}[policy]\nrequire = [\"questions\"]\n"));
    let stack = Stack::asking(&agent);
    let mut login = Login::of(HOST_USER).start(&stack);
    let questions = [
        ("1", "Hill Street"),
        ("2", "Long Lane"),
        ("Which hat?", "the brown one"),
    ];
    for (number, (question, answer)) in (1..).zip(questions) {
        answer_to(&mut login, &format!("Question {number} of 3: "), question);
        answer_to(
            &mut login,
            &format!("Answer {number} (not shown): "),
            answer,
        );
        answer_to(&mut login, &format!("Repeat answer {number}: "), answer);
    }
    assert_eq!(login.finish().result(), "PAM_SUCCESS");
    assert_eq!(enrolled(&agent), "questions");

    let mut asked = Login::of(HOST_USER).start(&stack);
    asked.await_prompt();
    let answer = match asked.shown().contains("Which hat?") {
        true => "The brown  one",
        // One of the list: the answers to the two are tried, as nothing here knows their order.
        false => "Hill Street",
    };
    asked.answer(answer);
    let first = asked.finish().result().to_owned();
    if first != "PAM_SUCCESS" {
        let again = Login::of(HOST_USER).answer("Long Lane").run(&stack);
        assert_eq!(again.result(), "PAM_SUCCESS", "{again:?}");
    }
}

#[test]
fn another_spelling_of_a_name_without_an_entry_enrols_nothing_and_has_no_grace() {
    for settings in [ENROLL, "[enforcement]\ngrace = \"14d\"\n"] {
        let agent = Agent::with(&format!("{settings}{BY_CODE}"));
        let _ = agent.admin().device("vpn-anna");
        for name in ["VPN-Anna", "EXAMPLE\\vpn-anna", "vpn-anna"] {
            let seen = Login::of(name).answer("123456").run(&Stack::asking(&agent));
            assert_eq!(seen.result(), "PAM_AUTH_ERR", "{name}: {seen:?}");
            assert_eq!(seen.prompts(), ["OTP code: "], "{name}");
        }
        let users = agent.ctl().json(&["users"], "");
        assert_eq!(users, serde_json::json!(["vpn-anna"]));
    }
}

#[test]
fn an_ordinary_process_enrols_no_more_than_self_service_allows() {
    Machine::run(|machine| {
        machine.user(USER, PASSWORD);
        let agent = Agent::at_default_socket(&format!(
            "{ENROLL}{BY_CODE}[self_service]\nenabled = false\n"
        ));
        let mut verify = machine.as_user(USER, &built().mfactl.to_string_lossy());
        let output = run_with_input(verify.arg("verify"), "000000\n");
        assert!(!output.stderr.contains("Key: "), "{output:?}");
        assert!(output.stderr.contains("OTP code"), "{output:?}");
        assert!(agent.admin().status(USER).enrolled.is_empty());
    });
}

#[test]
fn explain_predicts_the_enrolment_and_operations_never_enroll() {
    let agent = Agent::with(&format!("{ENROLL}{BY_CODE}"));
    let ctl = agent.ctl();
    let explain = |words: &[&str]| {
        let mut all = vec!["explain", "--user", HOST_USER];
        all.extend_from_slice(words);
        ctl.json(&all, "")
    };
    let login = explain(&["--service", "sshd"]);
    assert_eq!(login["action"], "ask");
    assert_eq!(login["prompts"][0], CODE);
    let operation = explain(&["--operation", "collect-evidence"]);
    assert_eq!(operation["prompts"][0], "OTP code: ");
    let output = ctl.run(
        &["verify", HOST_USER, "--operation", "collect-evidence"],
        "000000\n",
    );
    assert!(!output.stderr.contains("Key: "), "{output:?}");
    assert!(output.stderr.contains("OTP code"), "{output:?}");
}
