//! Users without a factor: deny, allow, grace, and exceptions for single users.

use std::time::Duration;

use mfa_tests::{Agent, Login, Machine, Seen, Sshd, Stack};
use serde_json::{Value, json};

const DENY: &str = "[enforcement]\nunenrolled = \"deny\"\n";
const ALLOW: &str = "[enforcement]\nunenrolled = \"allow\"\n";
const GRACE: &str = "[enforcement]\ngrace = \"14d\"\n";
const SHORT_GRACE: &str = "[enforcement]\ngrace = \"2s\"\n";
/// Users of the host: unknown names share one record and its grace.
const NEW: &str = "daemon";
const NEWER: &str = "nobody";
/// Longer than the short grace.
const PAST_GRACE: Duration = Duration::from_secs(3);

fn log_in(agent: &Agent, user: &str) -> Seen {
    let login = Login::of(user).answer("123456");
    login.run(&Stack::guarded_by(agent))
}

/// Without being asked; a user who is asked has no answer, and is refused.
fn is_let_in(agent: &Agent, user: &str) -> bool {
    let seen = log_in(agent, user);
    match seen.prompts().as_slice() {
        [] => assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}"),
        _ => assert_eq!(seen.result(), "PAM_AUTH_ERR", "{seen:?}"),
    }
    seen.prompts().is_empty()
}

fn enforce(agent: &Agent, user: &str, level: &str) {
    let reply = agent.ctl().json(&["enforce", user, level], "");
    assert_eq!(reply["settings"]["enforce"], level, "{reply}");
}

#[test]
fn they_are_asked_and_refused_or_let_in_as_the_settings_say() {
    let agent = Agent::with(DENY);
    assert!(!is_let_in(&agent, NEW));
    let _ = agent.reload_with(ALLOW);
    assert!(is_let_in(&agent, NEW));
    let events = agent.logins_of(NEW, 2);
    assert_eq!(events[0].text("result"), "wrong");
    assert_eq!(events[1].text("result"), "skipped");
    assert_eq!(
        events[1].text("reason"),
        "not enrolled and not required to be"
    );
}

#[test]
fn a_user_with_a_factor_is_asked_even_if_others_are_let_in() {
    for settings in [ALLOW, GRACE] {
        let agent = Agent::with(settings);
        agent.admin().pin(NEWER, "4826");
        assert!(!is_let_in(&agent, NEWER), "{settings}");
        enforce(&agent, NEWER, "optional");
        assert!(!is_let_in(&agent, NEWER), "{settings}, optional");
    }
}

#[test]
fn during_grace_they_are_let_in_and_see_how_many_days_are_left() {
    let agent = Agent::with(GRACE);
    for _ in 0..2 {
        let seen = log_in(&agent, NEW);
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
        assert!(seen.prompts().is_empty(), "{seen:?}");
        assert!(seen.text.contains("For 14 more days"), "{seen:?}");
        assert!(seen.text.contains("mfactl enroll totp"), "{seen:?}");
    }
    let event = &agent.logins_of(NEW, 2)[1];
    assert_eq!(event.text("result"), "skipped");
    assert_eq!(
        event.text("reason"),
        "not enrolled yet; days of grace left: 14"
    );
}

#[test]
fn ssh_shows_how_many_days_are_left() {
    Machine::run(|machine| {
        machine.user("mfat-anna", "correct horse");
        machine.shipped_stack("sshd");
        let _agent = Agent::at_default_socket(GRACE);
        let sshd = Sshd::start(
            machine,
            "PasswordAuthentication no\nAuthenticationMethods keyboard-interactive",
        );
        // ssh shows such messages with a shell, but not with a command.
        let mut shell = sshd.shell("mfat-anna");
        shell.answer("Password: ", "correct horse");
        shell.expect("For 14 more days");
        shell.answer("$ ", "exit");
        assert_eq!(shell.finish().1, Some(0));
    });
}

#[test]
fn after_grace_they_are_refused_until_they_have_enrolled() {
    let mut agent = Agent::with(SHORT_GRACE);
    assert!(is_let_in(&agent, NEW));
    std::thread::sleep(PAST_GRACE);
    assert!(!is_let_in(&agent, NEW));
    agent.kill_9();
    agent.launch();
    assert!(!is_let_in(&agent, NEW), "grace does not begin again");
    // A user who has not logged in yet has the full grace.
    assert!(is_let_in(&agent, NEWER));
    agent.admin().pin(NEW, "4826");
    let seen = Login::of(NEW).answer("4826").run(&Stack::asking(&agent));
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
}

#[test]
fn removing_every_factor_gives_no_second_grace() {
    let agent = Agent::with(SHORT_GRACE);
    assert!(is_let_in(&agent, NEW));
    agent.admin().pin(NEW, "4826");
    let _ = agent.ctl().json(&["remove", "pin", NEW], "");
    std::thread::sleep(PAST_GRACE);
    assert!(!is_let_in(&agent, NEW));
}

#[test]
fn enforce_applies_to_one_user_whatever_the_host_says() {
    for (settings, by_default) in [(DENY, false), (ALLOW, true), (GRACE, true)] {
        let agent = Agent::with(settings);
        for (level, is_in) in [
            ("required", false),
            ("optional", true),
            ("default", by_default),
        ] {
            enforce(&agent, NEWER, level);
            assert_eq!(is_let_in(&agent, NEWER), is_in, "{settings} {level}");
            assert_eq!(is_let_in(&agent, NEW), by_default, "{settings} {level}");
            let explained = ["explain", "--user", NEWER, "--service", "mfa-test"];
            let action = &agent.ctl().json(&explained, "")["action"];
            assert_eq!(action == "skip", is_in, "{settings} {level}: {action}");
        }
    }
}

#[test]
fn a_rule_can_override_the_settings_for_them() {
    let agent = Agent::with(
        "[[rule]]\nservices = [\"lax\"]\nunenrolled = \"allow\"\n\
         [[rule]]\nservices = [\"kind\"]\ngrace = \"3d\"\n",
    );
    let on = |service: &str| {
        let login = Login::of(NEW).service(service).answer("123456");
        login.run(&Stack::guarded_by(&agent))
    };
    assert_eq!(on("lax").result(), "PAM_SUCCESS");
    let seen = on("kind");
    assert_eq!(seen.result(), "PAM_SUCCESS");
    assert!(seen.text.contains("For 3 more days"), "{seen:?}");
    assert_eq!(on("other").result(), "PAM_AUTH_ERR");
}

/// Names, rules, requirements and whether grace has begun, of those of this test.
fn not_enrolled(agent: &Agent, arguments: &[&str]) -> Vec<(String, Value, Value, bool)> {
    let arguments = [&["users", "--not-enrolled"], arguments].concat();
    let list = agent.ctl().json(&arguments, "");
    let users = list.as_array().expect("an array").iter();
    let ours = users.filter(|it| it["user"].as_str().is_some_and(|u| u.starts_with("mfat-")));
    ours.map(|it| {
        let user = it["user"].as_str().unwrap_or_default().to_owned();
        assert_eq!(
            it["grace_until"].is_null(),
            it["grace_since"].is_null(),
            "{it}"
        );
        let begun = it["grace_until"].is_string();
        (user, it["rule"].clone(), it["require"].clone(), begun)
    })
    .collect()
}

#[test]
fn who_would_be_refused_is_listed_before_a_roll_out() {
    Machine::run(|machine| {
        for user in ["mfat-anna", "mfat-bert", "mfat-carl"] {
            machine.user(user, "correct horse");
        }
        let agent = Agent::with(
            "[policy]\nrequire = [\"pin\"]\n\
             [[rule]]\nname = \"kind\"\nservices = [\"kind\"]\nrequire = [\"totp+pin\"]\ngrace = \"3d\"\n\
             [[rule]]\nservices = [\"lax\"]\nunenrolled = \"allow\"\n\
             [[rule]]\nservices = [\"open\"]\naction = \"skip\"\n\
             [[rule]]\nservices = [\"guided\"]\nrequire = [\"totp\"]\nunenrolled = \"enroll\"\n\
             [[rule]]\nservices = [\"short\"]\nrequire = [\"totp\"]\nunenrolled = \"enroll\"\nprompting = \"single\"\n",
        );
        agent.admin().pin("mfat-bert", "4826");
        let of = |user: &str, rule: Value, require: &str, begun| {
            (user.to_owned(), rule, json!([require]), begun)
        };
        let policy = |user| of(user, Value::Null, "pin", false);
        assert_eq!(
            not_enrolled(&agent, &[]),
            [policy("mfat-anna"), policy("mfat-carl")]
        );
        // Codes let in a user without a device, until they are used up.
        let _ = agent.ctl().json(&["enroll", "recovery", "mfat-bert"], "");
        let guided = ["users", "--not-enrolled", "--service", "guided"];
        let list = agent.ctl().json(&guided, "");
        let users = list.as_array().expect("an array").iter();
        let bert: Vec<_> = users.filter(|it| it["user"] == "mfat-bert").collect();
        assert_eq!(bert.len(), 1, "{list}");
        assert_eq!(bert[0]["recovery_left"], 10, "{list}");
        let _ = agent.ctl().json(&["remove", "recovery", "mfat-bert"], "");
        // Explaining begins no grace; a login does. Who has some of what is required has no grace.
        let login = Login::of("mfat-carl").service("kind");
        let seen = login.run(&Stack::guarded_by(&agent));
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
        let kind = |user, begun| of(user, json!("kind"), "totp+pin", begun);
        assert_eq!(
            not_enrolled(&agent, &["--service", "kind"]),
            [
                kind("mfat-anna", false),
                kind("mfat-bert", false),
                kind("mfat-carl", true)
            ]
        );
        // Let in, not asked, or led through the set-up: nobody is refused.
        for service in ["lax", "open", "guided"] {
            let bert_only = match service {
                "guided" => not_enrolled(&agent, &["--service", service])
                    .iter()
                    .all(|(user, ..)| user == "mfat-bert"),
                _ => not_enrolled(&agent, &["--service", service]).is_empty(),
            };
            assert!(bert_only, "{service}");
        }
        // Where one answer holds password and code, nothing can be set up.
        assert_eq!(not_enrolled(&agent, &["--service", "short"]).len(), 3);
        let carl = agent
            .ctl()
            .run_as(machine, "mfat-carl", &["users", "--not-enrolled"], "");
        assert!(carl.stdout.contains("NotAllowed"), "{carl:?}");
    });
}
