//! sudo, su and login in special cases: several tries, input that is not a terminal, another
//! program that asks for sudo, and what each shows.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use mfa_tests::{Agent, Key, Machine, Pty, Transcript, run, run_with_input};

const PASSWORD: &str = "correct horse";
const ANNA: &str = "mfat-anna";

fn set_up(machine: &Machine, service: &str) -> (Agent, Key) {
    machine.user(ANNA, PASSWORD);
    machine.shipped_stack(service);
    let rule = format!("{ANNA} ALL=(ALL) ALL\nDefaults !lecture\n");
    std::fs::write("/etc/sudoers.d/mfa-test", rule).unwrap();
    let agent = Agent::at_default_socket("");
    let key = agent.admin().device(ANNA);
    (agent, key)
}

/// A program that Anna starts on a terminal.
fn as_anna(machine: &Machine, command: &[&str]) -> Pty {
    let uid = machine.uid(ANNA);
    let (reuid, regid) = (format!("--reuid={uid}"), format!("--regid={uid}"));
    let mut arguments = vec![reuid.as_str(), &regid, "--init-groups"];
    arguments.extend_from_slice(command);
    Pty::spawn("setpriv", &arguments)
}

fn answer_both(program: &mut Pty, password: &str, code: &str) {
    program.answer(password, PASSWORD);
    program.answer("OTP code: ", code);
}

const SUDO: &str = "password for mfat-anna: ";

#[test]
fn sudo_asks_three_times_in_one_process_and_each_wrong_code_counts() {
    Machine::run(|machine| {
        let (agent, key) = set_up(machine, "sudo");
        let mut sudo = as_anna(machine, &["sudo", "-k", "id", "-un"]);
        for _ in 0..3 {
            answer_both(&mut sudo, SUDO, &key.wrong_code());
        }
        let (shown, status) = sudo.finish();
        assert_eq!(status, Some(1), "{shown}");
        Transcript::of(&shown).assert("sudo-three-wrong-codes");
        assert_eq!(agent.admin().status(ANNA).failures, 3);
    });
}

#[test]
fn sudo_ends_when_the_account_is_locked_and_does_not_verify_the_right_code() {
    Machine::run(|machine| {
        let (agent, key) = set_up(machine, "sudo");
        let mut sudo = as_anna(machine, &["sudo", "-k", "id", "-un"]);
        for _ in 0..3 {
            answer_both(&mut sudo, SUDO, &key.wrong_code());
        }
        let _ = sudo.finish();
        let mut sudo = as_anna(machine, &["sudo", "-k", "id", "-un"]);
        answer_both(&mut sudo, SUDO, &key.wrong_code());
        answer_both(&mut sudo, SUDO, &key.wrong_code());
        answer_both(&mut sudo, SUDO, &key.code(0));
        let (shown, status) = sudo.finish();
        assert_eq!(status, Some(1), "{shown}");
        Transcript::of(&shown).assert("sudo-locked");
        assert!(agent.admin().status(ANNA).locked_until.is_some());
        assert_eq!(agent.logins_of(ANNA, 6)[5].text("result"), "locked");
    });
}

#[test]
fn sudo_remembers_and_asks_nothing_the_second_time() {
    Machine::run(|machine| {
        let (agent, key) = set_up(machine, "sudo");
        let mut sudo = as_anna(machine, &["sh", "-c", "sudo id -un; sudo id -u"]);
        answer_both(&mut sudo, SUDO, &key.code(0));
        let (shown, status) = sudo.finish();
        assert_eq!(status, Some(0), "{shown}");
        Transcript::of(&shown).assert("sudo-twice");
        assert_eq!(agent.logins_of(ANNA, 1).len(), 1);
    });
}

#[test]
fn sudo_reads_password_and_code_from_standard_input() {
    Machine::run(|machine| {
        let (agent, key) = set_up(machine, "sudo");
        let mut sudo = machine.as_user(ANNA, "sudo");
        sudo.args(["-S", "-k", "id", "-un"]);
        let output = run_with_input(&mut sudo, &format!("{PASSWORD}\n{}\n", key.code(0)));
        assert_eq!(output.stdout, "root\n", "{output:?}");
        Transcript::of(&output.stderr).assert("sudo-from-standard-input");

        // The end of input is not an answer.
        let mut sudo = machine.as_user(ANNA, "sudo");
        sudo.args(["-S", "-k", "id", "-un"]);
        let output = run_with_input(&mut sudo, &format!("{PASSWORD}\n"));
        assert_ne!(output.status, Some(0), "{output:?}");
        assert_eq!(agent.admin().status(ANNA).failures, 0);
    });
}

#[test]
fn sudo_may_let_another_program_ask() {
    Machine::run(|machine| {
        let (agent, key) = set_up(machine, "sudo");
        let asked = "/run/home/asked";
        std::fs::write(asked, "").unwrap();
        std::fs::set_permissions(asked, PermissionsExt::from_mode(0o666)).unwrap();
        let askpass = "/run/home/askpass";
        let script = format!(
            "#!/bin/sh\necho \"$1\" >> {asked}\ncase $1 in OTP*) echo {};; *) echo '{PASSWORD}';; esac\n",
            key.code(0)
        );
        std::fs::write(askpass, script).unwrap();
        std::fs::set_permissions(askpass, PermissionsExt::from_mode(0o755)).unwrap();
        let mut sudo = machine.as_user(ANNA, "env");
        sudo.args([
            &format!("SUDO_ASKPASS={askpass}"),
            "sudo",
            "-A",
            "-k",
            "id",
            "-un",
        ]);
        let output = run(&mut sudo);
        assert_eq!(output.stdout, "root\n", "{output:?}");
        Transcript::of(&std::fs::read_to_string(asked).unwrap()).assert("sudo-askpass");
        assert_eq!(agent.logins_of(ANNA, 1)[0].text("result"), "passed");
    });
}

#[test]
fn sudo_that_may_not_ask_says_so_and_no_attempt_is_counted() {
    Machine::run(|machine| {
        let (agent, _) = set_up(machine, "sudo");
        let (shown, status) = as_anna(machine, &["sudo", "-n", "-k", "id", "-un"]).finish();
        assert_eq!(status, Some(1));
        Transcript::of(&shown).assert("sudo-not-interactive");
        assert_eq!(agent.admin().status(ANNA).failures, 0);
    });
}

#[test]
fn what_su_shows() {
    Machine::run(|machine| {
        let (_agent, key) = set_up(machine, "su");
        for (name, code) in [("su", key.code(0)), ("su-wrong-code", key.wrong_code())] {
            let mut su = as_anna(machine, &["su", ANNA, "-c", "id -un"]);
            answer_both(&mut su, "Password: ", &code);
            let (shown, status) = su.finish();
            assert_eq!(status == Some(0), name == "su", "{shown}");
            Transcript::of(&shown).assert(name);
        }
    });
}

#[test]
fn what_login_shows() {
    Machine::run(|machine| {
        let (_agent, key) = set_up(machine, "login");
        let host = run(&mut Command::new("hostname")).stdout.trim().to_owned();
        let mut login = Pty::spawn("login", &[]);
        login.answer("login: ", ANNA);
        answer_both(&mut login, "Password: ", &key.wrong_code());
        login.answer("login: ", ANNA);
        answer_both(&mut login, "Password: ", &key.code(0));
        login.answer("$ ", "echo in as $(id -un); exit");
        let (shown, status) = login.finish();
        assert_eq!(status, Some(0), "{shown}");
        let shown = shown.replace(&host, "HOST");
        let is_ours = |line: &str| {
            let news = [
                "Linux",
                "Debian",
                "permitted",
                "programs",
                "exact",
                "individual",
                "Last",
            ];
            !line.is_empty() && !news.iter().any(|word| line.contains(word))
        };
        Transcript::of(&shown).only(is_ours).assert("login");
    });
}
