//! Sessions: after a pass, the same login is not asked again for a while.
//!
//! Real sudo and su at real terminals. If a session must be valid, it has a quarter of an hour
//! left; if its end is tested, all of its time has passed.

use std::time::Duration;

use mfa_tests::{Agent, Key, Login, Machine, Pty, Sshd, Stack, built, run_with_input};

const PASSWORD: &str = "correct horse";
const ANNA: &str = "mfat-anna";
const PIN: &str = "4826";
const NEW_PIN: &str = "7391";

const SUDO: &str = "sudo -k true";
const SU: &str = "su mfat-anna -c true";

/// A PIN, and a session for sudo of a quarter of an hour.
const SUDO_RULE: &str = "[policy]\nrequire = [\"pin\"]\n\
    [[rule]]\nname = \"sudo\"\nservices = [\"sudo\"]\nsession = \"15m\"\n";

/// A terminal at which Anna runs commands.
struct Terminal {
    shell: Pty,
    pin: &'static str,
}

impl Terminal {
    fn of_anna(machine: &Machine) -> Self {
        let uid = machine.uid(ANNA);
        let (reuid, regid) = (format!("--reuid={uid}"), format!("--regid={uid}"));
        let script = "while read -r command; do $command; echo \"status <$?>\"; done";
        let shell = Pty::spawn(
            "setpriv",
            &[&reuid, &regid, "--init-groups", "sh", "-c", script],
        );
        Self { shell, pin: PIN }
    }

    /// Whether `command` asks for more than the password. It is answered, and must succeed.
    fn asks(&mut self, command: &str) -> bool {
        self.shell.send(command);
        // "Password: " of su, "[sudo] password for …: " of sudo.
        self.shell.answer("assword", PASSWORD);
        let asks = self.shell.expect_one_of(&["PIN: ", "status <"]) == "PIN: ";
        if asks {
            self.shell.send(self.pin);
            self.shell.expect("status <");
        }
        self.shell.expect("0>");
        asks
    }
}

fn set_up(machine: &Machine, settings: &str) -> Agent {
    machine.user(ANNA, PASSWORD);
    machine.shipped_stack("sudo");
    machine.shipped_stack("su");
    let rule = format!("{ANNA} ALL=(ALL) ALL\nDefaults !lecture, passwd_tries=1\n");
    std::fs::write("/etc/sudoers.d/mfa-test", rule).unwrap();
    let agent = Agent::at_default_socket(settings);
    agent.admin().pin(ANNA, PIN);
    agent
}

#[test]
fn sudo_asks_once_at_a_terminal_and_again_at_another() {
    Machine::run(|machine| {
        let agent = set_up(machine, SUDO_RULE);
        let (mut one, mut other) = (Terminal::of_anna(machine), Terminal::of_anna(machine));
        assert!(one.asks(SUDO));
        assert!(!one.asks(SUDO));
        assert!(other.asks(SUDO));
        assert!(!other.asks(SUDO) && !one.asks(SUDO));
        let events = agent.logins_of(ANNA, 5);
        let factors: Vec<&str> = events.iter().map(|event| event.text("factor")).collect();
        assert_eq!(factors, ["pin", "session", "pin", "session", "session"]);
        for event in &events {
            assert_eq!(
                (event.text("result"), event.text("rule")),
                ("passed", "sudo")
            );
        }
    });
}

#[test]
fn sessions_are_listed_and_revoke_ends_them_all() {
    Machine::run(|machine| {
        let agent = set_up(machine, SUDO_RULE);
        let (mut one, mut other) = (Terminal::of_anna(machine), Terminal::of_anna(machine));
        assert!(one.asks(SUDO) && other.asks(SUDO));
        let listed = agent.ctl().json(&["sessions", ANNA], "");
        let sessions = listed.as_array().unwrap_or_else(|| panic!("{listed}"));
        assert_eq!(sessions.len(), 2, "{listed}");
        for session in sessions {
            assert_eq!(session["user"], ANNA);
            assert_eq!(session["service"], "sudo");
            assert_eq!(session["factor"], "pin");
        }
        assert_eq!(agent.ctl().json(&["revoke", ANNA], "")["ended"], 2);
        assert_eq!(agent.ctl().json(&["revoke", ANNA], "")["ended"], 0);
        assert!(one.asks(SUDO) && other.asks(SUDO));
        let event = &agent.events_of("revoke", ANNA, 1)[0];
        assert_eq!(
            (event.text("result"), event.number("count")),
            ("done", Some(2))
        );
    });
}

#[test]
fn a_session_survives_the_agent_but_not_the_boot() {
    Machine::run(|machine| {
        machine.boot("11111111-2222-3333-4444-555555555555");
        let mut agent = set_up(machine, SUDO_RULE);
        let mut terminal = Terminal::of_anna(machine);
        assert!(terminal.asks(SUDO));
        agent.restart();
        assert!(!terminal.asks(SUDO), "after a restart");
        agent.kill_9();
        agent.launch();
        assert!(!terminal.asks(SUDO), "after a kill");
        machine.boot("99999999-2222-3333-4444-555555555555");
        agent.restart();
        assert!(terminal.asks(SUDO), "after a reboot");
        assert_eq!(agent.admin().status(ANNA).sessions, 1);
    });
}

#[test]
fn a_session_ends_after_its_duration() {
    Machine::run(|machine| {
        let _agent = set_up(machine, &SUDO_RULE.replace("15m", "2s"));
        let mut terminal = Terminal::of_anna(machine);
        assert!(terminal.asks(SUDO));
        std::thread::sleep(Duration::from_secs(3));
        assert!(terminal.asks(SUDO));
    });
}

#[test]
fn a_shortened_rule_ends_the_sessions_that_it_began() {
    Machine::run(|machine| {
        let agent = set_up(machine, SUDO_RULE);
        let mut terminal = Terminal::of_anna(machine);
        assert!(terminal.asks(SUDO));
        let _ = agent.reload_with(&SUDO_RULE.replace("15m", "30m"));
        assert!(!terminal.asks(SUDO));
        let _ = agent.reload_with(&SUDO_RULE.replace("15m", "0s"));
        assert!(terminal.asks(SUDO));
    });
}

#[test]
fn a_change_of_factors_ends_a_session() {
    Machine::run(|machine| {
        let agent = set_up(machine, SUDO_RULE);
        let mut terminal = Terminal::of_anna(machine);
        assert!(terminal.asks(SUDO));
        agent.admin().pin(ANNA, NEW_PIN);
        terminal.pin = NEW_PIN;
        assert!(terminal.asks(SUDO), "another PIN");
        assert!(!terminal.asks(SUDO));
        let _ = agent.admin().device(ANNA);
        assert!(terminal.asks(SUDO), "a device more");
        assert!(!terminal.asks(SUDO));
        let removed = agent.ctl().json(&["remove", "totp", ANNA], "");
        assert_eq!(removed["removed"], 1, "{removed}");
        assert!(terminal.asks(SUDO), "a device less");
    });
}

#[test]
fn a_lock_ends_a_session_for_good() {
    Machine::run(|machine| {
        let agent = set_up(machine, SUDO_RULE);
        let mut terminal = Terminal::of_anna(machine);
        assert!(terminal.asks(SUDO));
        let elsewhere = Stack::asking(&agent);
        for _ in 0..5 {
            let _ = Login::of(ANNA).answer("0000").run(&elsewhere);
        }
        assert!(agent.admin().status(ANNA).locked_until.is_some());
        assert_eq!(agent.admin().status(ANNA).sessions, 0);
        terminal.shell.send(SUDO);
        terminal.shell.answer("assword", PASSWORD);
        terminal.shell.answer("PIN: ", PIN);
        terminal.shell.expect("status <");
        terminal.shell.expect("1>");
        agent.admin().unlock(ANNA);
        assert!(terminal.asks(SUDO), "after the lock");
    });
}

#[test]
fn su_shares_the_session_of_sudo_only_if_the_rule_says_so() {
    const BOTH: &str = "[policy]\nrequire = [\"pin\"]\n\
        [[rule]]\nservices = [\"sudo\", \"su\"]\nsession = \"15m\"\n";
    Machine::run(|machine| {
        let agent = set_up(machine, BOTH);
        let mut terminal = Terminal::of_anna(machine);
        assert!(terminal.asks(SUDO));
        assert!(terminal.asks(SU), "without a scope");
        assert!(!terminal.asks(SUDO) && !terminal.asks(SU));
        let _ = agent.reload_with(&format!("{BOTH}session_scope = [\"sudo\", \"su\"]\n"));
        let _ = agent.ctl().json(&["revoke", ANNA], "");
        assert!(terminal.asks(SUDO));
        assert!(!terminal.asks(SU), "within the scope");
        let mut other = Terminal::of_anna(machine);
        assert!(other.asks(SU), "at another terminal");
    });
}

#[test]
fn sudo_without_a_terminal_is_asked_each_time() {
    Machine::run(|machine| {
        let agent = set_up(machine, SUDO_RULE);
        for _ in 0..2 {
            let mut command = machine.as_user(ANNA, "setsid");
            command.args(["--wait", "sudo", "-S", "-k", "id", "-un"]);
            let output = run_with_input(&mut command, &format!("{PASSWORD}\n{PIN}\n"));
            assert!(output.is_success(), "{output:?}");
            assert!(output.stderr.contains("PIN: "), "{output:?}");
        }
        assert_eq!(agent.admin().status(ANNA).sessions, 0);
    });
}

#[test]
fn a_claimed_remote_address_matches_no_rule_for_sudo() {
    Machine::run(|machine| {
        let anywhere = "[[rule]]\nservices = [\"sudo\"]\naction = \"skip\"\n\
            from = [\"0.0.0.0/0\", \"::/0\"]\n[policy]\nrequire = [\"pin\"]\n";
        let _agent = set_up(machine, anywhere);
        assert!(Terminal::of_anna(machine).asks(SUDO));
    });
}

/// A login of Anna through libpam, by a program that claims any origin.
fn at(service: &str, from: &str, terminal: &str, by: &str) -> Login {
    let mut login = Login::of(ANNA).service(service).answer(PIN);
    if !from.is_empty() {
        login = login.from(from);
    }
    if !terminal.is_empty() {
        login = login.on(terminal);
    }
    if by.is_empty() { login } else { login.by(by) }
}

fn is_asked(agent: &Agent, login: Login) -> bool {
    let seen = login.run(&Stack::guarded_by(agent));
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    !seen.prompts().is_empty()
}

const EVERYWHERE: &str = "[policy]\nrequire = [\"pin\"]\nsession = \"15m\"\n";

#[test]
fn a_session_belongs_to_one_service_host_user_and_terminal() {
    let agent = Agent::with(EVERYWHERE);
    agent.admin().pin(ANNA, PIN);
    assert!(is_asked(&agent, at("sshd", "192.0.2.7", "ssh", "")));
    for same in [
        at("sshd", "192.0.2.7", "ssh", ""),
        at("SSHD", "192.0.2.7", "/dev/ssh", ""),
        at("sshd", "::ffff:192.0.2.7", "ssh", ""),
    ] {
        assert!(!is_asked(&agent, same.clone()), "{same:?}");
    }
    for other in [
        at("cockpit", "192.0.2.7", "ssh", ""),
        at("sshd", "192.0.2.8", "ssh", ""),
        at("sshd", "192.0.2.7", "", ""),
        at("sshd", "192.0.2.7", "ssh", "mallory"),
        at("sshd", "", "pts/1", ""),
    ] {
        assert!(is_asked(&agent, other.clone()), "{other:?}");
        assert!(!is_asked(&agent, other.clone()), "{other:?}");
    }
}

#[test]
fn a_login_of_unknown_origin_has_no_session() {
    let agent = Agent::with(EVERYWHERE);
    agent.admin().pin(ANNA, PIN);
    for unknown in [
        at("sshd", "office.example", "ssh", ""),
        at("sshd", "", "ssh", ""),
        at("radiusd", "", "", ""),
        at("login", "", "", ""),
    ] {
        for _ in 0..2 {
            assert!(is_asked(&agent, unknown.clone()), "{unknown:?}");
        }
    }
    assert_eq!(agent.admin().status(ANNA).sessions, 0);
}

#[test]
fn a_session_does_not_bypass_later_settings_of_the_user() {
    let agent = Agent::with(EVERYWHERE);
    let mut admin = agent.admin();
    admin.pin(ANNA, PIN);
    let key = admin.device(ANNA);
    let _ = agent.reload_with(&format!("{EVERYWHERE}[prompts]\npin = \"Own PIN: \"\n"));
    let login = || at("sshd", "192.0.2.7", "ssh", "");
    assert!(is_asked(&agent, login()));
    assert!(!is_asked(&agent, login()));
    let _ = agent.ctl().json(&["require", "totp", ANNA], "");
    let seen = login().answer(&key.code(0)).run(&Stack::guarded_by(&agent));
    assert_eq!(
        seen.prompts(),
        ["Own PIN: ", "OTP code: "],
        "more is required now"
    );
    assert!(!is_asked(&agent, login()), "and that was passed");
    let _ = agent
        .ctl()
        .json(&["allow-from", ANNA, "198.51.100.0/24"], "");
    let seen = login().run(&Stack::guarded_by(&agent));
    assert_eq!(seen.result(), "PAM_PERM_DENIED", "{seen:?}");
    let _ = agent.ctl().json(&["allow-from", ANNA, "--anywhere"], "");
    let _ = agent.reload_with("[[rule]]\naction = \"deny\"\n");
    let seen = login().run(&Stack::guarded_by(&agent));
    assert_eq!(seen.result(), "PAM_PERM_DENIED", "{seen:?}");
}

#[test]
fn an_ssh_session_is_valid_for_the_address_it_came_from() {
    const SSH: &str = "[policy]\nrequire = [\"pin\"]\n\
        [[rule]]\nservices = [\"sshd\"]\nsession = \"15m\"\n";
    Machine::run(|machine| {
        let agent = set_up(machine, SSH);
        machine.shipped_stack("sshd");
        let sshd = Sshd::start(
            machine,
            "PasswordAuthentication no\nAuthenticationMethods keyboard-interactive",
        );
        let asks = |options: &[&str]| {
            let mut client = sshd.client(ANNA, options);
            client.answer("Password: ", PASSWORD);
            let asks = client.expect_one_of(&["PIN: ", "you are in"]) == "PIN: ";
            if asks {
                client.send(PIN);
                client.expect("you are in");
            }
            assert_eq!(client.finish().1, Some(0));
            asks
        };
        assert!(asks(&[]));
        assert!(!asks(&[]));
        assert!(asks(&["-b", "127.0.0.2"]), "from elsewhere");
        let sessions = agent.ctl().json(&["sessions", ANNA], "");
        let hosts: Vec<_> = sessions
            .as_array()
            .unwrap()
            .iter()
            .map(|s| &s["rhost"])
            .collect();
        assert_eq!(hosts, ["127.0.0.1", "127.0.0.2"]);
    });
}

/// A mail client: one answer with password and code, sent again with every connection.
const MAIL: &str = "[policy]\nrequire = [\"totp\"]\nprompting = \"single\"\nsession = \"15m\"\n";
const HERE: &str = "192.0.2.7";

fn fetch_mail(agent: &Agent, from: &str, answer: &str) -> String {
    let stack = Stack::at(agent.socket(), "forward_pass");
    let login = Login::of(ANNA).service("dovecot").from(from).answer(answer);
    login.run(&stack).result().to_owned()
}

fn mail(settings: &str) -> (Agent, Key, String) {
    let agent = Agent::with(settings);
    let key = agent.admin().device(ANNA);
    let answer = format!("{PASSWORD}{}", key.code(0));
    assert_eq!(fetch_mail(&agent, HERE, &answer), "PAM_SUCCESS");
    (agent, key, answer)
}

#[test]
fn with_one_answer_a_session_holds_for_the_same_code_from_the_same_address() {
    let (agent, key, answer) = mail(MAIL);
    for _ in 0..3 {
        assert_eq!(fetch_mail(&agent, HERE, &answer), "PAM_SUCCESS");
    }
    assert_eq!(fetch_mail(&agent, "192.0.2.8", &answer), "PAM_AUTH_ERR");
    let wrong = format!("{PASSWORD}{}", key.wrong_code());
    assert_eq!(fetch_mail(&agent, HERE, &wrong), "PAM_AUTH_ERR");
    assert_eq!(agent.admin().status(ANNA).failures, 1);
    assert_eq!(fetch_mail(&agent, HERE, &answer), "PAM_SUCCESS");
    assert_eq!(
        agent.admin().status(ANNA).failures,
        1,
        "a session takes nothing back"
    );
    let events = agent.logins_of(ANNA, 7);
    assert_eq!(events[1].text("factor"), "session");
    assert!(events[1].text("reason").contains("the same code again"));
    let login = Login::of("bob").service("dovecot").from(HERE);
    let seen = login.answer(&answer).run(&Stack::asking(&agent));
    assert_eq!(seen.result(), "PAM_AUTH_ERR", "another user");
    let login = Login::of(ANNA).service("apache").from(HERE);
    let seen = login.answer(&answer).run(&Stack::asking(&agent));
    assert_eq!(seen.result(), "PAM_AUTH_ERR", "another service");
}

#[test]
fn in_a_session_by_the_same_code_the_password_is_still_checked() {
    Machine::run(|machine| {
        machine.user(ANNA, PASSWORD);
        let (agent, _, answer) = mail(MAIL);
        let (module, socket) = (built().module.display(), agent.socket().display());
        let stack = Stack::of(&format!(
            "auth required {module} socket={socket} forward_pass\n\
             auth required pam_unix.so use_first_pass\naccount required pam_permit.so\n"
        ));
        let log_in = |answer: &str| {
            let login = Login::of(ANNA).service("dovecot").from(HERE);
            login.answer(answer).run(&stack).result().to_owned()
        };
        assert_eq!(log_in(&answer), "PAM_SUCCESS");
        assert_ne!(log_in(&answer.replace("correct", "wrong")), "PAM_SUCCESS");
    });
}

#[test]
fn what_ends_a_session_ends_one_by_the_same_code() {
    let ends: [fn(&Agent, &Key); 3] = [
        |agent, _| {
            let _ = agent.ctl().json(&["revoke", ANNA], "");
        },
        |agent, _| {
            let mut admin = agent.admin();
            admin.add_device(ANNA, &Key::new());
        },
        |agent, key| {
            for _ in 0..5 {
                fetch_mail(agent, HERE, &key.wrong_code());
            }
            agent.admin().unlock(ANNA);
        },
    ];
    for end in ends {
        let (agent, key, answer) = mail(MAIL);
        assert_eq!(fetch_mail(&agent, HERE, &answer), "PAM_SUCCESS");
        end(&agent, &key);
        assert_ne!(fetch_mail(&agent, HERE, &answer), "PAM_SUCCESS");
    }
}

#[test]
fn without_a_session_in_the_rule_or_after_its_time_the_same_code_is_refused() {
    let (agent, _, answer) = mail(&MAIL.replace("15m", "0s"));
    assert_eq!(fetch_mail(&agent, HERE, &answer), "PAM_AUTH_ERR");
    let (agent, _, answer) = mail(&MAIL.replace("15m", "3s"));
    std::thread::sleep(std::time::Duration::from_secs(4));
    assert_eq!(fetch_mail(&agent, HERE, &answer), "PAM_AUTH_ERR");
}

/// A session that an answer has begun lets in nobody who types nothing.
#[test]
fn a_session_by_the_same_code_does_not_count_where_nothing_is_typed() {
    let (agent, _, _) = mail(MAIL);
    let _ = agent.reload_with(&MAIL.replace("single", "dialogue"));
    let login = Login::of(ANNA).service("dovecot").from(HERE);
    let seen = login.run(&Stack::asking(&agent));
    assert_ne!(seen.result(), "PAM_SUCCESS", "{seen:?}");
}
