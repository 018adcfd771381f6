//! `mfactl explain` compared with reality: each request is also made as a login through a real
//! stack.

use mfa_tests::{Agent, Login, Machine, Seen, Stack};
use serde_json::Value;

/// A TOTP device and a PIN.
const ANNA: &str = "mfat-anna";
/// A PIN.
const BERT: &str = "mfat-bert";
/// No factor.
const CARL: &str = "mfat-carl";
/// In a group that may not use the VPN; a PIN.
const DORA: &str = "mfat-dora";
/// A PIN and questions, which an administrator requires; only from 192.0.2.0/24.
const ERIC: &str = "mfat-eric";
/// From another source of the name service.
const FRED: &str = "mfat-fred";
const PIN: &str = "4826";

const RULES: &str = r#"
[enforcement]
mode = "local-users"

[policy]
require = ["totp+pin", "pin"]

[[rule]]
name = "break-glass"
users = ["root"]
services = ["login"]
tty = ["tty1"]
action = "skip"

[[rule]]
name = "contractors"
users = ["@mfat-contract"]
services = ["openvpn"]
action = "deny"

[[rule]]
name = "office"
services = ["sshd"]
from = ["192.0.2.0/24", "2001:db8::/32"]
users = ["*", "!mfat-eric"]
action = "skip"

[[rule]]
name = "key"
services = ["sshd"]
after = ["publickey", "!password"]
require = ["totp", "pin"]

[[rule]]
name = "vpn"
services = ["openvpn"]
require = ["totp"]
prompting = "single"

[[rule]]
name = "never"
services = ["cron"]
days = ["mon-sun"]
hours = ["00:00-24:00"]
action = "deny"

[[rule]]
name = "lax"
services = ["lax"]
unenrolled = "allow"

[[rule]]
name = "new"
services = ["new"]
grace = "14d"

[[rule]]
name = "sudo"
services = ["sudo"]
require = ["pin"]
session = "15m"
"#;

/// A login that is explained and then made.
#[derive(Clone, Debug, Default)]
struct Request {
    user: &'static str,
    service: &'static str,
    from: Option<&'static str>,
    tty: Option<&'static str>,
    after: Option<&'static str>,
}

fn request(user: &'static str, service: &'static str) -> Request {
    Request {
        user,
        service,
        ..Request::default()
    }
}

impl Request {
    fn from(self, from: &'static str) -> Self {
        let from = Some(from);
        Self { from, ..self }
    }

    fn on(self, tty: &'static str) -> Self {
        let tty = Some(tty);
        Self { tty, ..self }
    }

    fn after(self, method: &'static str) -> Self {
        let after = Some(method);
        Self { after, ..self }
    }

    fn explained(&self, agent: &Agent) -> Value {
        let mut arguments = vec!["explain", "--user", self.user, "--service", self.service];
        let options = [
            ("--from", self.from),
            ("--tty", self.tty),
            ("--after", self.after),
        ];
        for (option, value) in options {
            arguments.extend(value.into_iter().flat_map(|value| [option, value]));
        }
        agent.ctl().json(&arguments, "")
    }

    /// The login, with `answers` to its prompts.
    fn held(&self, agent: &Agent, answers: &[&str]) -> Seen {
        let mut login = Login::of(self.user).service(self.service);
        login = self.from.into_iter().fold(login, Login::from);
        login = self.tty.into_iter().fold(login, Login::on);
        login = self.after.into_iter().fold(login, Login::after);
        login = answers
            .iter()
            .fold(login, |login, answer| login.answer(answer));
        login.run(&Stack::guarded_by(agent))
    }
}

fn set_up(machine: &Machine) -> Agent {
    for user in [ANNA, BERT, CARL, DORA, ERIC, FRED] {
        machine.user(user, "a password");
    }
    for command in [
        &["groupadd", "mfat-contract"][..],
        &["usermod", "-aG", "mfat-contract", DORA],
    ] {
        let output = mfa_tests::run(std::process::Command::new(command[0]).args(&command[1..]));
        assert!(output.is_success(), "{output:?}");
    }
    machine.federate(&[FRED]);
    let agent = Agent::with(RULES);
    let mut admin = agent.admin();
    let _ = admin.device(ANNA);
    for user in [ANNA, BERT, DORA, ERIC, FRED] {
        admin.pin(user, PIN);
    }
    admin.questions(ERIC);
    let _ = agent.ctl().json(&["require", "questions", ERIC], "");
    let _ = agent.ctl().json(&["allow-from", ERIC, "192.0.2.0/24"], "");
    agent
}

/// Every request, with the expected action and rule; `default` if no rule matches.
fn requests() -> Vec<(Request, &'static str, &'static str)> {
    vec![
        (
            request("root", "login").on("/dev/tty1"),
            "skip",
            "break-glass",
        ),
        (request("root", "login").on("tty2"), "ask", "default"),
        (request("root", "login"), "ask", "default"),
        (request(ANNA, "login").on("tty1"), "ask", "default"),
        (
            request(DORA, "openvpn").from("198.51.100.1"),
            "deny",
            "contractors",
        ),
        (request(BERT, "openvpn").from("198.51.100.1"), "ask", "vpn"),
        (request(ANNA, "openvpn"), "ask", "vpn"),
        (
            request(ANNA, "sshd").from("192.0.2.7").on("ssh"),
            "skip",
            "office",
        ),
        (
            request(BERT, "sshd").from("::ffff:192.0.2.7"),
            "skip",
            "office",
        ),
        (request(ANNA, "sshd").from("2001:db8::1"), "skip", "office"),
        (request(ANNA, "sshd").from("198.51.100.1"), "ask", "default"),
        (
            request(ANNA, "sshd")
                .from("198.51.100.1")
                .after("publickey"),
            "ask",
            "key",
        ),
        (
            request(BERT, "sshd")
                .from("198.51.100.1")
                .after("publickey"),
            "ask",
            "key",
        ),
        (
            request(BERT, "sshd").from("198.51.100.1").after("password"),
            "ask",
            "default",
        ),
        (
            request(ERIC, "sshd").from("192.0.2.7").after("publickey"),
            "ask",
            "key",
        ),
        (
            request(ERIC, "sshd").from("198.51.100.1"),
            "deny",
            "default",
        ),
        (request(ERIC, "login").on("tty1"), "ask", "default"),
        (
            request(FRED, "sshd").from("198.51.100.1"),
            "skip",
            "default",
        ),
        (request(BERT, "cron"), "deny", "never"),
        (request(CARL, "lax"), "skip", "lax"),
        (request(BERT, "lax"), "ask", "lax"),
        (request(CARL, "new"), "skip", "new"),
        (request(CARL, "sshd").from("198.51.100.1"), "ask", "default"),
        (
            request("mfat-nobody", "sshd").from("198.51.100.1"),
            "ask",
            "default",
        ),
        (request(BERT, "sudo").on("/dev/pts/3"), "ask", "sudo"),
    ]
}

/// Checks that a login shows what was explained.
fn check(it: &Request, explained: &Value, seen: &Seen) {
    let first = seen.prompts().first().copied();
    match explained["action"].as_str().unwrap_or_default() {
        "ask" => {
            assert_ne!(seen.result(), "PAM_PERM_DENIED", "{it:?}: {seen:?}");
            assert_eq!(explained["prompts"][0].as_str(), first, "{it:?}: {seen:?}");
        }
        "skip" => assert_eq!(
            (seen.result(), first),
            ("PAM_SUCCESS", None),
            "{it:?}: {seen:?}"
        ),
        "deny" => assert_eq!(
            (seen.result(), first),
            ("PAM_PERM_DENIED", None),
            "{it:?}: {seen:?}"
        ),
        other => panic!("{it:?}: {other}"),
    }
}

#[test]
fn a_login_shows_what_was_explained() {
    Machine::run(|machine| {
        let agent = set_up(machine);
        for (it, action, rule) in requests() {
            let explained = it.explained(&agent);
            assert_eq!(explained["action"], action, "{it:?}: {explained}");
            assert_eq!(
                explained["rule"].as_str().unwrap_or("default"),
                rule,
                "{it:?}: {explained}"
            );
            let count = agent.logins_of(it.user, 0).len();
            // No answer: the prompt is shown and nothing is counted.
            let seen = it.held(&agent, &[]);
            check(&it, &explained, &seen);
            let event = &agent.logins_of(it.user, count + 1)[count];
            let decided = Some(event.text("rule")).filter(|name| !name.is_empty());
            assert_eq!(decided.unwrap_or("default"), rule, "{it:?}: {event:?}");
        }
    });
}

#[test]
fn all_explained_prompts_come_in_that_order() {
    Machine::run(|machine| {
        let agent = set_up(machine);
        let key = agent.admin().device(ANNA);
        let outside = "198.51.100.1";
        let code = key.code(0);
        for (it, answers) in [
            (
                request(ANNA, "sshd").from(outside),
                &[code.as_str(), PIN][..],
            ),
            (request(BERT, "sshd").from(outside), &[PIN]),
            (request(ERIC, "login").on("tty1"), &[PIN, "not the answer"]),
        ] {
            let explained = it.explained(&agent);
            let seen = it.held(&agent, answers);
            let prompts: Vec<&str> = explained["prompts"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            assert_eq!(prompts, seen.prompts(), "{it:?}: {explained}");
            assert_eq!(prompts.len(), answers.len(), "{it:?}");
        }
    });
}

#[test]
fn explaining_follows_sessions_and_changes_nothing() {
    Machine::run(|machine| {
        let agent = set_up(machine);
        let it = request(BERT, "sudo").on("/dev/pts/3");
        assert_eq!(it.explained(&agent)["action"], "ask");
        assert_eq!(it.held(&agent, &[PIN]).result(), "PAM_SUCCESS");
        let before = agent.admin().status(BERT);
        let explained = it.explained(&agent);
        assert_eq!(explained["action"], "skip", "{explained}");
        assert_eq!(explained["session"], "15m", "{explained}");
        check(&it, &explained, &it.held(&agent, &[]));
        let other = request(BERT, "sudo").on("/dev/pts/4");
        assert_eq!(other.explained(&agent)["action"], "ask");
        // Explaining the grace of a new user does not begin it.
        let new = request(CARL, "new");
        for _ in 0..2 {
            assert_eq!(new.explained(&agent)["grace_days_left"], 14);
        }
        assert!(agent.admin().status(CARL).grace_since.is_none());
        assert_eq!(agent.admin().status(BERT), before);
    });
}

#[test]
fn every_rule_that_does_not_match_is_named_with_file_line_and_field() {
    Machine::run(|machine| {
        let agent = set_up(machine);
        let it = request(BERT, "sudo").on("/dev/pts/3");
        let explained = it.explained(&agent);
        let text = std::fs::read_to_string(agent.config()).unwrap();
        let lines = text.lines().enumerate();
        let rules = lines.filter(|(_, line)| *line == "[[rule]]");
        let considered = explained["considered"].as_array().unwrap();
        let expected = [
            ("break-glass", "users"),
            ("contractors", "users"),
            ("office", "services"),
            ("key", "services"),
            ("vpn", "services"),
            ("never", "services"),
            ("lax", "services"),
            ("new", "services"),
            ("sudo", ""),
        ];
        assert_eq!(considered.len(), expected.len(), "{explained}");
        for ((rule, (name, field)), (line, _)) in considered.iter().zip(expected).zip(rules) {
            assert_eq!(rule["name"], name);
            assert_eq!(rule["field"].as_str().unwrap_or_default(), field, "{rule}");
            assert_eq!(rule["fits"], field.is_empty());
            let place = format!("{}:{}", agent.config().display(), line + 1);
            assert_eq!(rule["place"], place.as_str());
        }
        assert_eq!(explained["place"], considered[8]["place"]);
    });
}
