//! Whatever is wrong with the agent, the login is refused within the time-out and the host program
//! continues.

use std::time::{Duration, Instant};

use mfa_tests::{Agent, Impostor, Login, Machine, Manner, Seen, Stack};

/// The module's time-out in these tests.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Extra time for a busy machine.
const SLACK: Duration = Duration::from_secs(8);

/// Logs in twice in one process: the second login shows that the first did no lasting harm.
fn log_in_at(socket: &std::path::Path) -> Seen {
    let stack = Stack::at(socket, &format!("timeout={}", TIMEOUT.as_secs()));
    let begun = Instant::now();
    let seen = Login::of("anna").answer("123456").times(2).run(&stack);
    assert!(
        begun.elapsed() < 2 * TIMEOUT + SLACK,
        "it took {:?}",
        begun.elapsed()
    );
    seen
}

fn is_refused(what: &str, socket: &std::path::Path) {
    let seen = log_in_at(socket);
    assert_eq!(
        seen.results(),
        ["PAM_AUTHINFO_UNAVAIL"; 2],
        "{what}: {seen:?}"
    );
}

fn refused_when_it(manner: Manner) {
    let what = format!("{manner:.60?}");
    is_refused(&what, &Impostor::start(manner).socket());
}

#[test]
fn an_absent_agent_refuses() {
    let folder = tempfile::tempdir().unwrap();
    is_refused("no socket", &folder.path().join("agent.sock"));
    let file = folder.path().join("file");
    std::fs::write(&file, "not a socket").unwrap();
    is_refused("a file", &file);
    is_refused("a folder", folder.path());
}

#[test]
fn a_killed_agent_refuses_and_a_restarted_one_lets_in() {
    let mut agent = Agent::start();
    agent.admin().pin("anna", "4826");
    agent.kill_9();
    is_refused("killed", agent.socket());
    agent.launch();
    let seen = Login::of("anna").answer("4826").run(&Stack::asking(&agent));
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
}

#[test]
fn a_hanging_agent_refuses() {
    refused_when_it(Manner::Deaf);
    refused_when_it(Manner::Silent);
    refused_when_it(Manner::Drips);
}

#[test]
fn an_agent_that_stops_between_prompt_and_answer_refuses() {
    let agent = Agent::start();
    agent.admin().pin("anna", "4826");
    let stack = Stack::at(agent.socket(), &format!("timeout={}", TIMEOUT.as_secs()));
    let mut running = Login::of("anna").start(&stack);
    running.await_prompt();
    agent.suspend();
    running.answer("4826");
    let seen = running.finish();
    agent.resume();
    assert_eq!(seen.result(), "PAM_AUTHINFO_UNAVAIL", "{seen:?}");
}

#[test]
fn an_agent_killed_between_prompt_and_answer_refuses() {
    let mut agent = Agent::start();
    agent.admin().pin("anna", "4826");
    let stack = Stack::asking(&agent);
    let mut running = Login::of("anna").start(&stack);
    running.await_prompt();
    agent.kill_9();
    running.answer("4826");
    let seen = running.finish();
    assert_eq!(seen.result(), "PAM_AUTHINFO_UNAVAIL", "{seen:?}");
    // A user who was only slow would read the same.
    assert_eq!(seen.lines("error: ").len(), 0, "{seen:?}");
}

#[test]
fn an_agent_that_closes_the_connection_refuses() {
    refused_when_it(Manner::HangsUp);
}

#[test]
fn a_frame_without_end_refuses() {
    refused_when_it(Manner::Endless(b'x'));
    refused_when_it(Manner::Endless(b'['));
    refused_when_it(Manner::Endless(b' '));
}

#[test]
fn garbage_refuses() {
    let step = |step: &str| format!(r#"{{"parameters":{{"session":"s","step":{step}}}}}"#);
    let replies = [
        String::new(),
        "garbage".into(),
        "null".into(),
        "[]".into(),
        "{}".into(),
        r#"{"parameters":null}"#.into(),
        r#"{"parameters":{}}"#.into(),
        r#"{"parameters":{"session":7,"step":{"messages":[],"outcome":"passed"}}}"#.into(),
        r#"{"error":"org.pam-mfa.Login.NoSuchThing"}"#.into(),
        r#"{"error":7}"#.into(),
        step(r#"{"messages":[]}"#),
        step(r#"{"messages":[],"outcome":"PASSED"}"#),
        step(r#"{"messages":[],"outcome":"let-in"}"#),
        step(r#"{"messages":{},"outcome":"passed"}"#),
        step(r#"{"messages":[],"prompt":{"text":"?"}}"#),
        step(r#"{"messages":[{"style":"loud","text":"x"}],"outcome":"passed"}"#),
        step(r#"{"messages":[],"prompt":{"text":"?","echo":false},"outcome":"passed"}"#),
        step(&("[".repeat(20_000) + &"]".repeat(20_000))),
    ];
    for reply in replies {
        let mut bytes = reply.into_bytes();
        bytes.push(0);
        refused_when_it(Manner::Says(bytes));
    }
    refused_when_it(Manner::Says(b"\0\0\0\0".to_vec()));
    refused_when_it(Manner::Says(b"\xff\xfe{}\0".to_vec()));
}

#[test]
fn prompts_without_end_are_stopped() {
    let reply = concat!(
        r#"{"parameters":{"session":"s","step":{"messages":[],"#,
        r#""prompt":{"text":"again: ","echo":false}}}}"#,
        "\0"
    );
    let impostor = Impostor::start(Manner::Says(reply.into()));
    let stack = Stack::at(&impostor.socket(), "timeout=2");
    let mut login = Login::of("anna");
    for _ in 0..10_000 {
        login = login.answer("x");
    }
    let seen = login.run(&stack);
    assert_eq!(seen.result(), "PAM_AUTHINFO_UNAVAIL");
    assert!(
        seen.prompts().len() < 1_000,
        "{} prompts",
        seen.prompts().len()
    );
}

#[test]
fn a_socket_of_another_user_is_not_trusted_and_the_log_says_why() {
    Machine::run(|machine| {
        machine.user("mfat-eve", "irrelevant");
        let uid = machine.uid("mfat-eve");
        let impostor = Impostor::of_user(uid);
        let _ = machine.syslog();
        is_refused("another user's socket", &impostor.socket());
        let log = machine.syslog().join("\n");
        assert!(log.contains(&uid.to_string()), "{log}");
    });
}

#[test]
fn the_log_says_that_the_agent_is_absent() {
    Machine::run(|machine| {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("agent.sock");
        is_refused("no socket", &socket);
        let log = machine.syslog().join("\n");
        assert!(log.contains(&*socket.to_string_lossy()), "{log}");
        assert!(log.contains("Check that it is running"), "{log}");
        assert!(!log.contains("123456"), "{log}");
    });
}

#[test]
fn only_an_explicit_ignore_lets_a_login_continue_without_the_agent() {
    Machine::run(|machine| {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("agent.sock");
        let module = &mfa_tests::built().module;
        let (module, socket) = (module.display(), socket.display());
        let stack = Stack::of(&format!(
            "auth [success=ok ignore=ignore default=die] {module} socket={socket} \
             on_unavailable=ignore\nauth required pam_permit.so\n"
        ));
        let seen = Login::of("anna").run(&stack);
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
        let log = machine.syslog().join("\n");
        assert!(log.contains("on_unavailable"), "each time is logged: {log}");
        // `ignore` is for an absent agent, not for one that refuses.
        let agent = Agent::start();
        agent.admin().pin("anna", "4826");
        let socket = agent.socket().display();
        let stack = Stack::of(&format!(
            "auth [success=ok ignore=ignore default=die] {module} socket={socket} \
             on_unavailable=ignore\nauth required pam_permit.so\n"
        ));
        let seen = Login::of("anna").answer("0000").run(&stack);
        assert_eq!(seen.result(), "PAM_AUTH_ERR", "{seen:?}");
    });
}

#[test]
fn a_refused_user_reads_that_nothing_can_be_checked_whoever_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let stack = Stack::at(&folder.path().join("agent.sock"), "timeout=2");
    for user in ["root", "mfat-nobody"] {
        let seen = Login::of(user).under(&["env", "LC_ALL=C"]).run(&stack);
        assert_eq!(seen.result(), "PAM_AUTHINFO_UNAVAIL", "{seen:?}");
        let told = "The second factor can't be checked now. Contact your administrator.";
        assert_eq!(seen.lines("error: "), [told], "{user}");
        assert!(seen.prompts().is_empty(), "{seen:?}");
    }
}

#[test]
fn nothing_is_told_on_a_quiet_line_for_one_answer_or_if_the_login_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("agent.sock");
    for (arguments, result) in [
        ("quiet", "PAM_AUTHINFO_UNAVAIL"),
        ("forward_pass", "PAM_AUTHINFO_UNAVAIL"),
        ("use_first_pass", "PAM_AUTHINFO_UNAVAIL"),
        ("on_unavailable=ignore", "PAM_SUCCESS"),
    ] {
        let module = mfa_tests::built().module.display();
        let stack = Stack::of(&format!(
            "auth [success=ok ignore=ignore default=die] {module} socket={} {arguments}\n\
             auth required pam_permit.so\n",
            socket.display()
        ));
        let seen = Login::of("anna").run(&stack);
        assert_eq!(seen.result(), result, "{arguments}: {seen:?}");
        assert_eq!(seen.lines("error: "), [""; 0], "{arguments}");
    }
}

#[test]
fn a_broken_connection_or_invalid_reply_does_not_count_as_an_absent_agent() {
    let busy = r#"{"error":"org.pam-mfa.Login.Busy","parameters":{"reason":"later"}}"#;
    for manner in [
        Manner::HangsUp,
        Manner::Says(b"nonsense\0".to_vec()),
        Manner::Endless(b' '),
        Manner::Says(format!("{busy}\0").into()),
    ] {
        let impostor = Impostor::start(manner.clone());
        let stack = Stack::at(&impostor.socket(), "timeout=2 on_unavailable=ignore");
        let seen = Login::of("anna").answer("1").run(&stack);
        assert_eq!(seen.result(), "PAM_AUTHINFO_UNAVAIL", "{manner:.60?}");
    }
}

#[test]
fn bad_module_arguments_are_an_error_that_names_the_argument() {
    Machine::run(|machine| {
        let agent = Agent::start();
        for argument in [
            "tiemout=3",
            "timeout=abc",
            "timeout=0",
            "on_unavailable=allow",
            "nullok",
            "socket=",
        ] {
            let _ = machine.syslog();
            let seen = Login::of("anna")
                .answer("1")
                .run(&Stack::at(agent.socket(), argument));
            assert_eq!(seen.result(), "PAM_SERVICE_ERR", "{argument}: {seen:?}");
            let log = machine.syslog().join("\n");
            assert!(log.contains(argument), "{argument}: {log}");
        }
    });
}
