//! `pam_mfa.so` in the account phase: a user who was let in without meeting the policy gets no
//! session.

use mfa_tests::{Agent, Caller, Login, Machine, Pty, Sshd, Stack, Transcript, built, eventually};
use serde_json::json;

const PASSWORD: &str = "correct horse";
const USER: &str = "mfat-anna";
const EITHER: &str =
    "PasswordAuthentication no\nAuthenticationMethods keyboard-interactive publickey";
const BOTH: &str =
    "PasswordAuthentication no\nAuthenticationMethods publickey,keyboard-interactive";

/// An sshd with the shipped stack and an account line.
fn set_up(machine: &Machine, settings: &str, sshd: &str) -> (Agent, Sshd) {
    machine.user(USER, PASSWORD);
    machine.shipped_stack("sshd-account");
    std::fs::rename("/etc/pam.d/sshd-account", "/etc/pam.d/sshd").unwrap();
    (
        Agent::at_default_socket(settings),
        Sshd::start(machine, sshd),
    )
}

fn by_key(sshd: &Sshd) -> Pty {
    // Shows banners, too: sshd puts the account phase's messages there.
    sshd.client(
        USER,
        &[
            "-o",
            "PreferredAuthentications=publickey",
            "-o",
            "LogLevel=INFO",
            "-i",
            &sshd.user_key(),
        ],
    )
}

#[test]
fn a_key_alone_is_refused_where_the_policy_asks_and_the_user_is_told_why() {
    Machine::run(|machine| {
        let (agent, sshd) = set_up(machine, "", EITHER);
        let _key = agent.admin().device(USER);
        let (shown, status) = by_key(&sshd).finish();
        assert_ne!(status, Some(0), "{shown}");
        Transcript::of(&shown)
            .masking(&sshd.port().to_string(), "PORT")
            .assert("sshd-account-key-alone");
        let event = &agent.events_of("account", USER, 1)[0];
        assert_eq!(event.text("result"), "denied");
        assert_eq!(
            event.text("reason"),
            "no second factor was asked for, so the login has no ticket"
        );
        assert_eq!(agent.admin().status(USER).failures, 0);
    });
}

#[test]
fn password_and_code_get_a_session_that_does_not_see_the_ticket() {
    Machine::run(|machine| {
        let (agent, sshd) = set_up(machine, "", EITHER);
        let key = agent.admin().device(USER);
        let mut client = sshd.command(USER, "env; echo you are in");
        client.answer("Password: ", PASSWORD);
        client.answer("OTP code: ", &key.code(0));
        client.expect("you are in");
        let (shown, status) = client.finish();
        assert_eq!(status, Some(0), "{shown}");
        assert!(shown.contains("SSH_CONNECTION="), "{shown}");
        assert!(!shown.contains("MFA_TICKET"), "{shown}");
    });
}

#[test]
fn a_key_and_a_code_get_a_session() {
    Machine::run(|machine| {
        let (agent, sshd) = set_up(machine, "", BOTH);
        let key = agent.admin().device(USER);
        let mut client = sshd.client(USER, &["-i", &sshd.user_key()]);
        client.answer("Password: ", PASSWORD);
        client.answer("OTP code: ", &key.code(0));
        client.expect("you are in");
        assert_eq!(client.finish().1, Some(0));
    });
}

#[test]
fn a_user_who_is_not_asked_after_a_key_needs_the_password_as_well_where_it_is_required() {
    Machine::run(|machine| {
        let rule = "[[rule]]\nname = \"key\"\nafter = [\"publickey\"]\naction = \"skip\"\n";
        let either = "PasswordAuthentication no\nAuthenticationMethods \
                      publickey,keyboard-interactive publickey";
        let (agent, sshd) = set_up(machine, rule, BOTH);
        let _key = agent.admin().device(USER);
        let mut client = sshd.client(USER, &["-i", &sshd.user_key()]);
        client.answer("Password: ", PASSWORD);
        client.expect("you are in");
        assert_eq!(client.finish().1, Some(0));
        drop(sshd);
        let sshd = Sshd::start(machine, either);
        let (shown, status) = by_key(&sshd).finish();
        assert_ne!(status, Some(0), "{shown}");
    });
}

#[test]
fn a_key_alone_gets_a_session_where_the_policy_asks_for_nothing() {
    Machine::run(|machine| {
        let exempt = "[[rule]]\nname = \"near\"\nfrom = [\"127.0.0.0/8\"]\naction = \"skip\"\n";
        let (agent, sshd) = set_up(machine, exempt, EITHER);
        let _key = agent.admin().device(USER);
        let mut client = by_key(&sshd);
        client.expect("you are in");
        assert_eq!(client.finish().1, Some(0));
        let event = &agent.events_of("account", USER, 1)[0];
        assert_eq!(event.text("result"), "skipped");
    });
}

#[test]
fn without_an_agent_a_key_alone_is_refused_unless_the_account_line_says_otherwise() {
    Machine::run(|machine| {
        let (mut agent, sshd) = set_up(machine, "", EITHER);
        agent.kill_9();
        let (shown, status) = by_key(&sshd).finish();
        assert_ne!(status, Some(0), "{shown}");
        let stack = std::fs::read_to_string("/etc/pam.d/sshd").unwrap();
        let lenient = stack.replace(
            "account    [success=ok ignore=ignore default=die]   pam_mfa.so",
            "account    [success=ok ignore=ignore default=die]   pam_mfa.so on_unavailable=ignore",
        );
        assert_ne!(stack, lenient);
        std::fs::write("/etc/pam.d/sshd", lenient).unwrap();
        let mut client = by_key(&sshd);
        client.expect("you are in");
        assert_eq!(client.finish().1, Some(0));
        eventually("the alert", || {
            let told = |line: &String| line.contains("LOGIN WITHOUT A SECOND FACTOR");
            machine.syslog().iter().any(told).then_some(())
        });
    });
}

/// A stack with our module in the account phase only, or in both phases.
fn stack(agent: &Agent, auth: &str, accounts: usize) -> Stack {
    let module = built().module.display();
    let socket = agent.socket().display();
    let auth = auth.replace("pam_mfa.so", &format!("{module} socket={socket}"));
    let account = format!("account required {module} socket={socket}\n");
    Stack::of(&format!("{auth}\n{}", account.repeat(accounts)))
}

fn logged_in(stack: &Stack, answer: &str) -> String {
    let login = Login::of(USER).service("sshd").option("--account");
    login.answer(answer).run(stack).result().to_owned()
}

#[test]
fn a_ticket_is_valid_once() {
    Machine::run(|machine| {
        machine.user(USER, PASSWORD);
        let agent = Agent::at_default_socket("[policy]\nrequire = [\"pin\"]\n");
        agent.admin().pin(USER, "4826");
        let once = stack(&agent, "auth required pam_mfa.so ticket", 1);
        assert_eq!(logged_in(&once, "4826"), "PAM_SUCCESS");
        let twice = stack(&agent, "auth required pam_mfa.so ticket", 2);
        assert_eq!(logged_in(&twice, "4826"), "PAM_PERM_DENIED");
        let none = stack(&agent, "auth required pam_mfa.so", 1);
        assert_eq!(logged_in(&none, "4826"), "PAM_PERM_DENIED");
        let events = agent.events_of("account", USER, 2);
        assert!(events[1].text("reason").contains("has no ticket"));
        // libpam logs an alert when a variable is removed that does not exist.
        let syslog = machine.syslog();
        assert!(
            !syslog.iter().any(|line| line.contains("pam_putenv")),
            "{syslog:?}"
        );
    });
}

#[test]
fn a_stolen_ticket_is_invalid_for_other_processes_and_used_up_by_the_attempt() {
    Machine::run(|machine| {
        machine.user(USER, PASSWORD);
        let agent = Agent::at_default_socket("[policy]\nrequire = [\"pin\"]\n");
        agent.admin().pin(USER, "4826");
        let mut owner = Caller::of(machine, &agent, "root");
        let begin = json!({"user": USER, "service": "sshd", "ticket_for": 1});
        let ticket = owner.ticket(&begin, "4826");
        let stolen = Login::of(USER)
            .service("sshd")
            .option("--account")
            .option("--pam-env")
            .option(&format!("MFA_TICKET={ticket}"))
            .run(&stack(&agent, "auth required pam_permit.so", 1));
        assert_eq!(stolen.result(), "PAM_PERM_DENIED", "{stolen:?}");
        let event = &agent.events_of("account", USER, 1)[0];
        assert!(
            event
                .text("reason")
                .contains("another user, service or process")
        );
        let own = json!({"user": USER, "service": "sshd", "ticket": ticket});
        assert_eq!(owner.outcome("org.pam-mfa.Login.Admit", &own), "denied");

        let ticket = owner.ticket(&begin, "4826");
        let own = json!({"user": USER, "service": "sshd", "ticket": ticket});
        assert_eq!(owner.outcome("org.pam-mfa.Login.Admit", &own), "passed");
        assert_eq!(owner.outcome("org.pam-mfa.Login.Admit", &own), "denied");
    });
}

#[test]
fn a_ticket_of_an_ordinary_process_is_invalid_for_programs_that_check_logins() {
    Machine::run(|machine| {
        machine.user(USER, PASSWORD);
        let agent = Agent::at_default_socket("[policy]\nrequire = [\"pin\"]\n");
        agent.admin().pin(USER, "4826");
        // It may claim that sshd is its parent; its user ID proves who it is.
        let mut guard = Caller::of(machine, &agent, "root");
        let begin = json!({"user": USER, "service": "sshd", "ticket_for": guard.pid()});
        let ticket = Caller::of(machine, &agent, USER).ticket(&begin, "4826");
        let theirs = json!({"user": USER, "service": "sshd", "ticket": ticket});
        assert_eq!(guard.outcome("org.pam-mfa.Login.Admit", &theirs), "denied");
    });
}
