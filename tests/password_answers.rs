//! Programs that answer every prompt with the password, which is no guess at the second factor.

use mfa_tests::{Agent, Login, Machine, Seen, Sshd, Stack, built, eventually};

const PASSWORD: &str = "correct horse";
const USER: &str = "mfat-anna";
/// More than lock an account.
const OFTEN: usize = 7;

/// Answers each prompt of the shipped stack for `service` with the password.
fn log_in(service: &str, second: &str) -> Seen {
    let login = Login::of(USER).service(service).option("--account");
    login.answer(PASSWORD).answer(second).run(&Stack::of_host())
}

fn set_up(machine: &Machine, service: &str, settings: &str) -> Agent {
    machine.user(USER, PASSWORD);
    machine.shipped_stack(service);
    Agent::at_default_socket(settings)
}

#[test]
fn the_right_password_at_every_prompt_costs_no_attempt_and_the_log_names_the_remedy() {
    for service in ["sshd", "sudo", "cockpit"] {
        Machine::run(move |machine| {
            let agent = set_up(machine, service, "");
            let key = agent.admin().device(USER);
            for _ in 0..OFTEN {
                let seen = log_in(service, PASSWORD);
                assert_eq!(seen.result(), "PAM_CONV_ERR", "{service}: {seen:?}");
            }
            assert_eq!(agent.admin().status(USER).failures, 0, "{service}");
            for event in agent.logins_of(USER, OFTEN) {
                assert_eq!(event.text("result"), "cancelled");
                let reason = event.text("reason");
                assert!(reason.contains("examples/pam.d/password+code"), "{reason}");
            }
            assert!(!agent.log().contains(PASSWORD));
            assert_eq!(log_in(service, &key.code(0)).result(), "PAM_SUCCESS");
        });
    }
}

#[test]
fn a_line_that_takes_the_password_asked_for_before_counts_it_neither_there_nor_at_its_own_prompt() {
    for (arguments, password, result) in [
        ("try_first_pass", PASSWORD, "PAM_CONV_ERR"),
        ("try_first_pass", "horse123456", "PAM_CONV_ERR"),
        ("use_first_pass", "horse123456", "PAM_CONV_ERR"),
    ] {
        Machine::run(move |machine| {
            machine.user(USER, password);
            let agent = Agent::at_default_socket("");
            let key = agent.admin().device(USER);
            let stack = Stack::of(&format!(
                "auth requisite pam_unix.so\nauth required {} {arguments}\naccount required pam_permit.so\n",
                built().module.display()
            ));
            let log_in = |second: &str| {
                let login = Login::of(USER).answer(password).answer(second);
                login.run(&stack)
            };
            for _ in 0..OFTEN {
                let seen = log_in(password);
                assert_eq!(seen.result(), result, "{arguments}: {seen:?}");
            }
            assert_eq!(agent.admin().status(USER).failures, 0, "{arguments}");
            if arguments == "try_first_pass" {
                assert_eq!(log_in(&key.code(0)).result(), "PAM_SUCCESS");
                assert_ne!(log_in(&key.wrong_code()).result(), "PAM_SUCCESS");
                assert_eq!(agent.admin().status(USER).failures, 1);
            }
        });
    }
}

#[test]
fn another_answer_than_the_password_is_a_guess_still() {
    Machine::run(|machine| {
        let agent = set_up(machine, "sshd", "");
        let _ = agent.admin().device(USER);
        for _ in 0..5 {
            let seen = log_in("sshd", "correct horse2");
            assert_eq!(seen.result(), "PAM_AUTH_ERR", "{seen:?}");
        }
        assert_eq!(log_in("sshd", PASSWORD).result(), "PAM_MAXTRIES");
    });
}

#[test]
fn a_pin_that_is_the_password_passes_at_both_prompts() {
    Machine::run(|machine| {
        machine.user(USER, "482617");
        machine.shipped_stack("sshd");
        let agent = Agent::at_default_socket("[policy]\nrequire = [\"pin\"]\n");
        agent.admin().pin(USER, "482617");
        let login = Login::of(USER).service("sshd").option("--account");
        let seen = login
            .answer("482617")
            .answer("482617")
            .run(&Stack::of_host());
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    });
}

#[test]
fn a_wrong_code_after_the_password_in_one_answer_is_a_guess() {
    Machine::run(|machine| {
        let agent = set_up(machine, "password+code", "[policy]\nrequire = [\"totp\"]\n");
        let key = agent.admin().device(USER);
        for _ in 0..2 {
            let typed = format!("{PASSWORD}{}", key.wrong_code());
            let login = Login::of(USER).service("password+code").answer(&typed);
            let seen = login.run(&Stack::of_host());
            assert_eq!(seen.result(), "PAM_AUTH_ERR", "{seen:?}");
        }
        assert_eq!(agent.admin().status(USER).failures, 2);
    });
}

#[test]
fn sshds_password_method_gives_the_password_to_every_prompt_and_locks_nobody() {
    Machine::run(|machine| {
        let agent = set_up(machine, "sshd", "");
        let _ = agent.admin().device(USER);
        let sshd = Sshd::start(
            machine,
            "PasswordAuthentication yes\nKbdInteractiveAuthentication no\nMaxAuthTries 1",
        );
        for tried in 1..=OFTEN {
            let only = ["-o", "PreferredAuthentications=password"];
            let mut client = sshd.client(USER, &only);
            client.answer("password: ", PASSWORD);
            assert_ne!(client.finish().1, Some(0));
            let cancelled = || Some(agent.logins_of(USER, tried)).filter(|e| e.len() == tried);
            let events = eventually("the end of the login", cancelled);
            assert_eq!(events[tried - 1].text("result"), "cancelled");
        }
        assert_eq!(agent.admin().status(USER).failures, 0);
    });
}
