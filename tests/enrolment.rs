//! Users who have nothing set up a device inside a real login, and get in with it or its recovery codes.

use std::fs;
use std::process::Command;

use mfa_tests::{Agent, Login, Machine, Pty, Running, Sshd, Stack, built, run, run_with_input};

const PASSWORD: &str = "correct horse";
const USER: &str = "mfat-anna";
const BY_CONVERSATION: &str =
    "PasswordAuthentication no\nAuthenticationMethods keyboard-interactive";
const ENROLL: &str = "[enforcement]\nunenrolled = \"enroll\"\n[totp]\nissuer = \"Test host\"\n";
/// A user whom every host knows: only they set something up.
const HOST_USER: &str = "daemon";
const CODE: &str = "Code that the app shows now: ";
const STORED: &str = "Type yes when they are in a safe place: ";

/// A machine where Anna has a password and nothing else.
fn set_up(machine: &Machine, service: &str) -> Agent {
    machine.user(USER, PASSWORD);
    machine.shipped_stack(service);
    Agent::at_default_socket(ENROLL)
}

/// The key that is shown to be typed by hand.
fn key_shown(shown: &str) -> String {
    let line = shown
        .lines()
        .find_map(|line| line.trim().strip_prefix("Key: "));
    line.expect("a key").replace([' ', '\r'], "")
}

fn code_of(key: &str) -> String {
    let output = run(Command::new("oathtool").args(["--totp", "--base32", key]));
    output.stdout.trim().to_owned()
}

/// The recovery codes that are shown, without their blanks.
fn codes_shown(shown: &str) -> Vec<String> {
    let after = shown.rsplit("not shown again.").next().expect("some text");
    let digits: String = after.chars().filter(char::is_ascii_digit).collect();
    let codes = digits.as_bytes().chunks(10);
    codes
        .map(|code| String::from_utf8_lossy(code).into_owned())
        .collect()
}

/// What a camera before the screen reads, on a dark terminal and on a light one.
fn scanned(shown: &str) -> [String; 2] {
    let is_picture = |line: &&str| line.contains('█');
    let picture: Vec<&str> = shown
        .lines()
        .map(str::trim_end)
        .filter(is_picture)
        .collect();
    [true, false].map(|dark| {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("screen.pgm");
        fs::write(&file, photograph(&picture, dark)).expect("a picture");
        // On a light terminal it is light on dark, which apps on phones read as well.
        let mut zbarimg = Command::new("zbarimg");
        zbarimg.args(["--quiet", "--raw", "--nodbus", "-Stest-inverted"]);
        let output = run(zbarimg.arg(&file));
        assert!(output.is_success(), "{output:?}");
        output.stdout.trim().to_owned()
    })
}

/// Each half of a character cell as eight by eight dots, with the terminal's background around.
fn photograph(picture: &[&str], dark: bool) -> Vec<u8> {
    const DOT: usize = 8;
    let (ink, paper) = if dark { (255, 0) } else { (0, 255) };
    let margin = [paper; 4];
    let mut rows: Vec<Vec<u8>> = Vec::new();
    for line in picture {
        for half in [['█', '▀'], ['█', '▄']] {
            let dots = line
                .chars()
                .map(|c| if half.contains(&c) { ink } else { paper });
            rows.push(margin.into_iter().chain(dots).chain(margin).collect());
        }
    }
    let blank = vec![paper; rows[0].len()];
    let around = || std::iter::repeat_n(blank.clone(), margin.len());
    let rows: Vec<Vec<u8>> = around().chain(rows).chain(around()).collect();
    let (width, height) = (blank.len() * DOT, rows.len() * DOT);
    let mut image = format!("P5\n{width} {height}\n255\n").into_bytes();
    for row in rows {
        let wide: Vec<u8> = row.iter().flat_map(|dot| [*dot; DOT]).collect();
        (0..DOT).for_each(|_| image.extend(&wide));
    }
    image
}

#[test]
fn over_ssh_a_fresh_user_scans_a_code_and_is_in() {
    Machine::run(|machine| {
        let agent = set_up(machine, "sshd");
        let sshd = Sshd::start(machine, BY_CONVERSATION);
        let mut client = sshd.client(USER, &[]);
        client.answer("Password: ", PASSWORD);
        client.expect(CODE);
        let key = key_shown(client.shown());
        for uri in scanned(client.shown()) {
            assert!(
                uri.starts_with("otpauth://totp/Test%20host:"),
                "{uri}\n{}",
                client.shown()
            );
            assert!(uri.contains(&format!("secret={key}")), "{uri}");
        }
        let first = code_of(&key);
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

        // The code that confirmed is used up; a recovery code lets in, once.
        for (answer, result) in [
            (first, "wrong"),
            (codes[3].clone(), "passed"),
            (codes[3].clone(), "wrong"),
        ] {
            let mut client = sshd.client(USER, &[]);
            client.answer("Password: ", PASSWORD);
            client.answer("OTP code: ", &answer);
            client.finish();
            let events = agent.events();
            let last = events.iter().rfind(|event| event.text("event") == "login");
            assert_eq!(last.expect("a login").text("result"), result);
        }
        assert_eq!(agent.admin().status(USER).recovery_left, Some(9));
    });
}

#[test]
fn sudo_sets_up_a_device_too() {
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
fn login_on_the_console_sets_up_a_device_too() {
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
    terminal.expect("is not the code");
    terminal.answer(CODE, &code_of(&key));
    terminal.answer(STORED, "not yet");
    terminal.answer(STORED, "yes");
}

#[test]
fn a_connection_that_drops_at_any_prompt_leaves_nothing_behind() {
    Machine::run(|machine| {
        let agent = set_up(machine, "sshd");
        let sshd = Sshd::start(machine, BY_CONVERSATION);
        for prompts in 1..=3 {
            let mut client = sshd.client(USER, &[]);
            client.answer("Password: ", PASSWORD);
            client.expect(CODE);
            if prompts > 1 {
                let key = key_shown(client.shown());
                client.send(&code_of(&key));
                client.expect(STORED);
            }
            if prompts > 2 {
                client.answer("", "not yet");
                client.expect(STORED);
            }
            client.kill();
            let logins = agent.logins_of(USER, prompts);
            assert_eq!(logins[prompts - 1].text("result"), "cancelled");
            let status = agent.admin().status(USER);
            assert_eq!((status.enrolled.len(), status.recovery_left), (0, None));
            assert_eq!(status.failures, 0);
        }
    });
}

/// A login on a stack of the module alone, up to the prompt for the first code.
fn begun(stack: &Stack) -> Running {
    let mut login = Login::of(HOST_USER).start(stack);
    login.await_prompt();
    login
}

fn key_of(login: &Running) -> String {
    let line = login
        .shown()
        .lines()
        .find_map(|line| line.split_once("Key: "));
    line.expect("a key").1.replace(' ', "")
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
    let key = key_of(&login);
    login.answer(&code_of(&key));
    login.await_prompt();
    login.answer("yes");
    assert_eq!(login.finish().result(), "PAM_MAXTRIES", "it is locked");
    assert!(agent.admin().status(HOST_USER).enrolled.is_empty());
}

#[test]
fn of_two_who_set_up_at_once_the_second_gets_nothing() {
    let agent = Agent::with(ENROLL);
    let stack = Stack::asking(&agent);
    let mut logins = [begun(&stack), begun(&stack)];
    for login in &mut logins {
        let key = key_of(login);
        login.answer(&code_of(&key));
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
fn where_a_set_up_is_not_possible_the_login_fails_and_the_log_says_why() {
    for (more, reason) in [
        (
            "[policy]\nprompting = \"single\"\nrequire = [\"totp\"]",
            "one answer holds password and code",
        ),
        (
            "[policy]\nrequire = [\"pin\"]",
            "can't be set up in a login",
        ),
    ] {
        let agent = Agent::with(&format!("{ENROLL}{more}\n"));
        let login = Login::of(HOST_USER).answer("123456");
        let seen = login.run(&Stack::asking(&agent));
        assert_eq!(seen.result(), "PAM_AUTH_ERR", "as for who is enrolled");
        let event = &agent.logins_of(HOST_USER, 1)[0];
        assert!(event.text("reason").contains(reason), "{event:?}");
    }
}

#[test]
fn another_spelling_of_a_name_without_an_entry_sets_up_nothing_and_has_no_grace() {
    for settings in [ENROLL, "[enforcement]\ngrace = \"14d\"\n"] {
        let agent = Agent::with(settings);
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
fn an_ordinary_process_sets_up_no_more_than_self_service_lets_it() {
    Machine::run(|machine| {
        machine.user(USER, PASSWORD);
        let agent = Agent::at_default_socket(&format!("{ENROLL}[self_service]\nenabled = false\n"));
        let mut verify = machine.as_user(USER, &built().mfactl.to_string_lossy());
        let output = run_with_input(verify.arg("verify"), "000000\n");
        assert!(!output.stderr.contains("Key: "), "{output:?}");
        assert!(output.stderr.contains("OTP code"), "{output:?}");
        assert!(agent.admin().status(USER).enrolled.is_empty());
    });
}

#[test]
fn explain_says_that_a_device_would_be_set_up_and_operations_are_no_place_for_it() {
    let agent = Agent::with(ENROLL);
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
