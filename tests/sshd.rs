//! A real sshd with the module in its stack, and a real ssh at a terminal.

use mfa_tests::{Agent, Machine, Sshd, answer_to, eventually};

const PASSWORD: &str = "correct horse";
const USER: &str = "mfat-anna";
const BY_CONVERSATION: &str =
    "PasswordAuthentication no\nAuthenticationMethods keyboard-interactive";
const BY_KEY_AND_CODE: &str =
    "PasswordAuthentication no\nAuthenticationMethods publickey,keyboard-interactive";

#[test]
fn password_and_code_let_in() {
    Machine::run(|machine| {
        machine.user(USER, PASSWORD);
        machine.shipped_stack("sshd");
        let agent = Agent::at_default_socket("");
        let key = agent.admin().device(USER);
        let sshd = Sshd::start(machine, BY_CONVERSATION);
        let mut client = sshd.client(USER, &[]);
        client.answer("Password: ", PASSWORD);
        client.answer("OTP code: ", &key.code(0));
        client.expect("you are in");
        assert_eq!(client.finish().1, Some(0));
        let events = agent.logins_of(USER, 1);
        assert_eq!(events[0].text("result"), "passed");
        assert_eq!(events[0].text("service"), "sshd");
        assert_eq!(events[0].text("rhost"), "127.0.0.1");
    });
}

#[test]
fn a_wrong_code_keeps_out_and_costs_an_attempt() {
    Machine::run(|machine| {
        machine.user(USER, PASSWORD);
        machine.shipped_stack("sshd");
        let agent = Agent::at_default_socket("");
        let key = agent.admin().device(USER);
        let sshd = Sshd::start(machine, BY_CONVERSATION);
        let mut client = sshd.client(USER, &[]);
        client.answer("Password: ", PASSWORD);
        client.answer("OTP code: ", &key.wrong_code());
        let (shown, status) = client.finish();
        assert_ne!(status, Some(0), "{shown}");
        assert!(!shown.contains("you are in"), "{shown}");
        assert_eq!(agent.admin().status(USER).failures, 1);
    });
}

#[test]
fn a_wrong_password_spends_no_attempt_of_the_second_factor() {
    Machine::run(|machine| {
        machine.user(USER, PASSWORD);
        machine.shipped_stack("sshd");
        let agent = Agent::at_default_socket("");
        let _ = agent.admin().device(USER);
        let sshd = Sshd::start(machine, BY_CONVERSATION);
        let mut client = sshd.client(USER, &[]);
        client.answer("Password: ", "wrong");
        let (shown, status) = client.finish();
        assert_ne!(status, Some(0), "{shown}");
        assert!(!shown.contains("OTP code"), "{shown}");
        assert_eq!(agent.admin().status(USER).failures, 0);
    });
}

#[test]
fn public_key_and_code_let_in_and_either_alone_does_not() {
    Machine::run(|machine| {
        machine.user(USER, PASSWORD);
        machine.stack("sshd", &shipped("sshd-publickey"));
        let agent = Agent::at_default_socket("");
        let key = agent.admin().device(USER);
        let sshd = Sshd::start(machine, BY_KEY_AND_CODE);
        let identity = sshd.user_key();
        let mut client = sshd.client(USER, &["-i", &identity]);
        client.answer("OTP code: ", &key.code(0));
        client.expect("you are in");
        assert_eq!(client.finish().1, Some(0));

        let no_prompts = ["-i", &identity, "-o", "BatchMode=yes"];
        assert_ne!(
            sshd.client(USER, &no_prompts).finish().1,
            Some(0),
            "the key alone"
        );
        let (shown, status) = sshd
            .client(USER, &["-o", "PubkeyAuthentication=no"])
            .finish();
        assert_ne!(status, Some(0), "the code alone");
        assert!(!shown.contains("OTP code"), "{shown}");
    });
}

#[test]
fn an_unknown_user_sees_the_prompts_of_a_known_one_and_does_not_get_in() {
    Machine::run(|machine| {
        machine.user(USER, PASSWORD);
        // This stack always asks for both, so the second factor's prompt is shown, too.
        machine.stack(
            "sshd",
            "auth required pam_unix.so nodelay\nauth required pam_mfa.so\n\
            account required pam_permit.so\nsession required pam_permit.so\n",
        );
        let agent = Agent::at_default_socket("[policy]\nrequire = [\"totp\"]\n");
        let key = agent.admin().device(USER);
        let sshd = Sshd::start(machine, BY_CONVERSATION);
        let mut screens = Vec::new();
        for user in ["mfat-nobody", USER] {
            let mut client = sshd.client(user, &[]);
            client.answer("Password: ", "wrong");
            client.answer("OTP code: ", &key.code(0));
            let (shown, status) = client.finish();
            assert_ne!(status, Some(0), "{user}: {shown}");
            screens.push(shown.replace(user, "USER"));
        }
        assert_eq!(screens[0], screens[1]);
    });
}

#[test]
fn without_an_agent_whoever_knows_a_password_reads_why_and_others_see_nothing_new() {
    const TOLD: &str = "The second factor can't be checked now. Contact your administrator.";
    Machine::run(|machine| {
        machine.user(USER, PASSWORD);
        let sshd = Sshd::start(machine, BY_CONVERSATION);
        let screen = |user: &str, password: &str| {
            let mut client = sshd.client(user, &["-o", "LogLevel=INFO"]);
            client.answer("Password: ", password);
            let (shown, status) = client.finish();
            assert_ne!(status, Some(0), "{user}: {shown}");
            shown.replace(user, "USER")
        };
        machine.shipped_stack("sshd");
        let right = screen(USER, PASSWORD);
        assert_eq!(right.matches(TOLD).count(), 1, "{right}");
        let wrong = screen(USER, "wrong");
        assert!(!wrong.contains(TOLD), "{wrong}");
        assert_eq!(wrong, screen("mfat-nobody", "wrong"));
        // A stack that goes on after a wrong password tells everybody.
        machine.stack(
            "sshd",
            "auth required pam_unix.so nodelay\nauth required pam_mfa.so\n\
            account required pam_permit.so\n",
        );
        let known = screen(USER, "wrong");
        assert!(known.contains(TOLD), "{known}");
        assert_eq!(known, screen("mfat-nobody", "wrong"));
    });
}

#[test]
fn a_client_killed_at_the_prompt_costs_no_attempt() {
    Machine::run(|machine| {
        machine.user(USER, PASSWORD);
        machine.shipped_stack("sshd");
        let agent = Agent::at_default_socket("");
        let key = agent.admin().device(USER);
        let sshd = Sshd::start(machine, BY_CONVERSATION);
        let rounds = 6;
        for _ in 0..rounds {
            let mut client = sshd.client(USER, &[]);
            client.answer("Password: ", PASSWORD);
            client.expect("OTP code: ");
            client.kill();
        }
        let events = agent.logins_of(USER, rounds);
        assert!(
            events.iter().all(|e| e.text("result") == "cancelled"),
            "{events:?}"
        );
        assert_eq!(agent.admin().status(USER).failures, 0);
        let mut client = sshd.client(USER, &[]);
        client.answer("Password: ", PASSWORD);
        client.answer("OTP code: ", &key.code(0));
        client.expect("you are in");
    });
}

#[test]
fn three_prompts_in_a_row_are_answered_one_by_one() {
    Machine::run(|machine| {
        machine.user(USER, PASSWORD);
        machine.shipped_stack("sshd");
        let agent = Agent::at_default_socket("[policy]\nrequire = [\"totp+pin+questions\"]\n");
        let mut admin = agent.admin();
        let key = admin.device(USER);
        admin.pin(USER, "4826");
        admin.questions(USER);
        let sshd = Sshd::start(machine, BY_CONVERSATION);
        let mut client = sshd.client(USER, &[]);
        client.answer("Password: ", PASSWORD);
        client.answer("OTP code: ", &key.code(0));
        client.answer("PIN: ", "4826");
        client.expect("First ");
        client.expect("?");
        let answer = answer_to(client.shown());
        client.send(answer);
        client.expect("you are in");
        assert_eq!(client.finish().1, Some(0));
    });
}

#[test]
fn password_authentication_carries_password_and_code_in_one_answer() {
    Machine::run(|machine| {
        machine.user(USER, PASSWORD);
        machine.shipped_stack("password+code");
        machine.stack("sshd", &shipped("password+code"));
        let agent =
            Agent::at_default_socket("[[rule]]\nservices = [\"sshd\"]\nprompting = \"single\"\n");
        let key = agent.admin().device(USER);
        let settings = "PasswordAuthentication yes\nAuthenticationMethods password";
        let sshd = Sshd::start(machine, settings);
        let mut client = sshd.client(USER, &[]);
        client.answer("password: ", &format!("{PASSWORD}{}", key.code(0)));
        client.expect("you are in");
        assert_eq!(client.finish().1, Some(0));
        let mut client = sshd.client(USER, &[]);
        client.answer("password: ", &format!("{PASSWORD}{}", key.wrong_code()));
        assert_ne!(client.finish().1, Some(0));
        let mut client = sshd.client(USER, &[]);
        client.answer("password: ", &format!("wrong{}", key.code(1)));
        assert_ne!(client.finish().1, Some(0));
    });
}

#[test]
fn an_absent_agent_keeps_everybody_out_and_sshd_survives() {
    Machine::run(|machine| {
        machine.user(USER, PASSWORD);
        machine.shipped_stack("sshd");
        let mut agent = Agent::at_default_socket("");
        let key = agent.admin().device(USER);
        let sshd = Sshd::start(machine, BY_CONVERSATION);
        agent.kill_9();
        let mut client = sshd.client(USER, &[]);
        client.answer("Password: ", PASSWORD);
        assert_ne!(client.finish().1, Some(0));
        agent.launch();
        eventually("a login once the agent is back", || {
            let mut client = sshd.client(USER, &[]);
            client.answer("Password: ", PASSWORD);
            client.answer("OTP code: ", &key.code(0));
            client.expect("you are in");
            Some(())
        });
    });
}

fn shipped(name: &str) -> String {
    let path = mfa_tests::built().tree.join("config/pam.d").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
