//! sudo, su and login at a real terminal, with the shipped stacks.

use mfa_tests::{Agent, Key, Machine, Pty, has_program};

const PASSWORD: &str = "correct horse";
const ANNA: &str = "mfat-anna";
const BERT: &str = "mfat-bert";

/// A machine with two users who have a device each, and the shipped stack of `service`.
fn set_up(machine: &Machine, service: &str) -> (Agent, Key, Key) {
    machine.user(ANNA, PASSWORD);
    machine.user(BERT, "battery staple");
    machine.shipped_stack(service);
    let rule = format!("{ANNA} ALL=(ALL) ALL\nDefaults !lecture\n");
    std::fs::write("/etc/sudoers.d/mfa-test", rule).unwrap();
    let agent = Agent::at_default_socket("");
    let anna = agent.admin().device(ANNA);
    let bert = agent.admin().device(BERT);
    (agent, anna, bert)
}

/// A program that Anna starts.
fn as_anna(machine: &Machine, command: &[&str]) -> Pty {
    let uid = machine.uid(ANNA);
    let (reuid, regid) = (format!("--reuid={uid}"), format!("--regid={uid}"));
    let mut arguments = vec![reuid.as_str(), &regid, "--init-groups"];
    arguments.extend_from_slice(command);
    Pty::spawn("setpriv", &arguments)
}

#[test]
fn sudo_asks_for_password_and_code() {
    Machine::run(|machine| {
        let (agent, anna, _) = set_up(machine, "sudo");
        let mut sudo = as_anna(machine, &["sudo", "-k", "id", "-un"]);
        sudo.answer(&format!("password for {ANNA}: "), PASSWORD);
        sudo.answer("OTP code: ", &anna.code(0));
        sudo.expect("root");
        assert_eq!(sudo.finish().1, Some(0));
        let event = &agent.logins_of(ANNA, 1)[0];
        assert_eq!(
            (event.text("result"), event.text("service")),
            ("passed", "sudo")
        );
        assert!(event.text("tty").contains("pts"), "{event:?}");
    });
}

#[test]
fn sudo_asks_again_after_a_wrong_code_and_then_lets_in() {
    Machine::run(|machine| {
        let (agent, anna, _) = set_up(machine, "sudo");
        let mut sudo = as_anna(machine, &["sudo", "-k", "id", "-un"]);
        sudo.answer(&format!("password for {ANNA}: "), PASSWORD);
        sudo.answer("OTP code: ", &anna.wrong_code());
        sudo.answer(&format!("password for {ANNA}: "), PASSWORD);
        sudo.answer("OTP code: ", &anna.code(0));
        sudo.expect("root");
        let events = agent.logins_of(ANNA, 2);
        assert_eq!(events[0].text("result"), "wrong");
        assert_eq!(events[1].text("result"), "passed");
    });
}

#[test]
fn sudo_interrupted_at_the_prompt_costs_no_attempt() {
    Machine::run(|machine| {
        let (agent, _, _) = set_up(machine, "sudo");
        let mut sudo = as_anna(machine, &["sudo", "-k", "id", "-un"]);
        sudo.answer(&format!("password for {ANNA}: "), PASSWORD);
        sudo.expect("OTP code: ");
        std::thread::sleep(std::time::Duration::from_millis(200));
        assert_ne!(sudo.interrupt().1, Some(0));
        let _ = agent.logins_of(ANNA, 1);
        assert_eq!(agent.admin().status(ANNA).failures, 0);
    });
}

#[test]
fn sudo_that_may_not_ask_is_refused_without_an_attempt() {
    Machine::run(|machine| {
        let (agent, _, _) = set_up(machine, "sudo");
        let (shown, status) = as_anna(machine, &["sudo", "-n", "-k", "id", "-un"]).finish();
        assert_ne!(status, Some(0), "{shown}");
        assert_eq!(agent.admin().status(ANNA).failures, 0);
    });
}

#[test]
fn su_asks_for_the_code_of_the_target_user() {
    Machine::run(|machine| {
        let (agent, anna, bert) = set_up(machine, "su");
        let mut su = as_anna(machine, &["su", BERT, "-c", "id -un"]);
        su.answer("Password: ", "battery staple");
        su.answer("OTP code: ", &anna.code(0));
        assert_ne!(su.finish().1, Some(0), "Anna's code is not Bert's");

        let mut su = as_anna(machine, &["su", BERT, "-c", "id -un"]);
        su.answer("Password: ", "battery staple");
        su.answer("OTP code: ", &bert.code(0));
        su.expect(BERT);
        assert_eq!(su.finish().1, Some(0));
        let events = agent.logins_of(BERT, 2);
        assert_eq!(events[0].text("result"), "wrong");
        assert_eq!(events[1].text("result"), "passed");
    });
}

#[test]
fn su_by_root_asks_nothing() {
    Machine::run(|machine| {
        let _running = set_up(machine, "su");
        let mut su = Pty::spawn("su", &[BERT, "-c", "id -un"]);
        su.expect(BERT);
        assert_eq!(su.finish().1, Some(0));
    });
}

#[test]
fn su_interrupted_at_the_prompt_costs_no_attempt() {
    Machine::run(|machine| {
        let (agent, _, _) = set_up(machine, "su");
        let mut su = as_anna(machine, &["su", BERT, "-c", "id -un"]);
        su.answer("Password: ", "battery staple");
        su.expect("OTP code: ");
        std::thread::sleep(std::time::Duration::from_millis(200));
        assert_ne!(su.interrupt().1, Some(0));
        let events = agent.logins_of(BERT, 1);
        assert_eq!(events[0].text("result"), "cancelled");
        assert_eq!(agent.admin().status(BERT).failures, 0);
    });
}

#[test]
fn login_at_a_console_asks_for_password_and_code() {
    Machine::run(|machine| {
        let (agent, anna, _) = set_up(machine, "login");
        let mut login = Pty::spawn("login", &[]);
        login.answer("login: ", ANNA);
        login.answer("Password: ", PASSWORD);
        login.answer("OTP code: ", &anna.code(0));
        login.expect("$ ");
        login.send("echo in as $(id -un); exit");
        login.expect(&format!("in as {ANNA}"));
        let event = &agent.logins_of(ANNA, 1)[0];
        assert_eq!(
            (event.text("result"), event.text("service")),
            ("passed", "login")
        );
        assert_eq!(event.text("rhost"), "");
    });
}

#[test]
fn login_with_a_wrong_code_is_refused() {
    Machine::run(|machine| {
        let (agent, anna, _) = set_up(machine, "login");
        let mut login = Pty::spawn("login", &[]);
        login.answer("login: ", ANNA);
        login.answer("Password: ", PASSWORD);
        login.answer("OTP code: ", &anna.wrong_code());
        login.expect("Login incorrect");
        assert_eq!(agent.admin().status(ANNA).failures, 1);
    });
}

/// Debian 12 has no sudo-rs; later ones and Ubuntu do.
#[test]
fn sudo_rs_asks_for_password_and_code_by_the_stack_of_sudo() {
    let program = "/usr/bin/sudo-rs";
    if !has_program(program, "sudo-rs") {
        return;
    }
    Machine::run(move |machine| {
        let (agent, anna, _) = set_up(machine, "sudo");
        let own = "/run/home/sudo-rs";
        std::fs::copy(program, own).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o4755);
        std::fs::set_permissions(own, mode).unwrap();
        let rule = format!("{ANNA} ALL=(ALL) ALL\n");
        std::fs::write("/etc/sudoers-rs", rule).unwrap();
        let mut sudo = as_anna(machine, &[own, "-k", "id", "-un"]);
        sudo.expect("assword");
        sudo.send(PASSWORD);
        sudo.answer("OTP code: ", &anna.code(0));
        sudo.expect("root");
        assert_eq!(sudo.finish().1, Some(0));
        assert_eq!(agent.logins_of(ANNA, 1)[0].text("service"), "sudo");
    });
}
