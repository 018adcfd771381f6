//! Five wrong answers lock an account for an hour, whatever happens in between.

use mfa_protocol::login::{Answer, AnswerParameters, Begin, BeginParameters, Outcome};
use mfa_tests::{Agent, Login, Stack, answer_to, eventually};

const RIGHT_PIN: &str = "4826";

/// Answers wrongly `count` times, with changing services.
fn answer_wrongly(user: &str, count: usize, stack: &Stack) {
    for n in 0..count {
        let seen = Login::of(user)
            .service(["sshd", "sudo"][n % 2])
            .answer("0000")
            .run(stack);
        assert_eq!(seen.result(), "PAM_AUTH_ERR", "{seen:?}");
    }
}

#[test]
fn five_wrong_answers_over_factors_and_services_lock_the_user() {
    let rules = "[[rule]]\nservices = [\"by-pin\"]\nrequire = [\"pin\"]\n\
        [[rule]]\nservices = [\"by-question\"]\nrequire = [\"questions\"]\n";
    let agent = Agent::with(rules);
    let stack = Stack::asking(&agent);
    let mut admin = agent.admin();
    let key = admin.device("anna");
    admin.pin("anna", RIGHT_PIN);
    admin.questions("anna");
    let wrong = key.wrong_code();
    let logins = [
        ("sshd", wrong.as_str()),
        ("by-pin", "0000"),
        ("by-question", "Side Street"),
        ("sudo", wrong.as_str()),
        ("by-pin", "1111"),
    ];
    for (service, answer) in logins {
        let seen = Login::of("anna")
            .service(service)
            .answer(answer)
            .run(&stack);
        assert_eq!(seen.result(), "PAM_AUTH_ERR", "{service}: {seen:?}");
    }
    for (service, answer) in [("sshd", key.code(0)), ("by-pin", RIGHT_PIN.into())] {
        let seen = Login::of("anna")
            .service(service)
            .answer(&answer)
            .run(&stack);
        assert_eq!(seen.result(), "PAM_MAXTRIES", "{service}: {seen:?}");
    }
    let mut running = Login::of("anna").service("by-question").start(&stack);
    running.await_prompt();
    let answer = answer_to(running.shown());
    running.answer(answer);
    assert_eq!(running.finish().result(), "PAM_MAXTRIES");
    let account = admin.status("anna");
    assert_eq!(account.failures, 5);
    assert_eq!(account.refused_while_locked, 3);
    assert!(account.locked_until.is_some());
}

#[test]
fn four_wrong_answers_do_not_lock_and_a_right_one_clears_them() {
    let agent = Agent::start();
    let stack = Stack::asking(&agent);
    let mut admin = agent.admin();
    admin.pin("anna", RIGHT_PIN);
    for _ in 0..2 {
        answer_wrongly("anna", 4, &stack);
        assert_eq!(admin.status("anna").failures, 4);
        let seen = Login::of("anna").answer(RIGHT_PIN).run(&stack);
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
        assert_eq!(admin.status("anna").failures, 0);
    }
}

#[test]
fn an_agent_killed_right_after_the_fifth_answer_keeps_the_lock() {
    let mut agent = Agent::start();
    let stack = Stack::asking(&agent);
    for round in 0..5 {
        let user = format!("anna{round}");
        agent.admin().pin(&user, RIGHT_PIN);
        answer_wrongly(&user, 5, &stack);
        agent.kill_9();
        agent.launch();
        let seen = Login::of(&user).answer(RIGHT_PIN).run(&stack);
        assert_eq!(seen.result(), "PAM_MAXTRIES", "{seen:?}");
        assert!(agent.admin().status(&user).locked_until.is_some());
    }
}

#[test]
fn an_agent_killed_after_each_answer_forgets_none() {
    let mut agent = Agent::start();
    let stack = Stack::asking(&agent);
    agent.admin().pin("anna", RIGHT_PIN);
    for failures in 1..=5 {
        answer_wrongly("anna", 1, &stack);
        agent.kill_9();
        agent.launch();
        assert_eq!(agent.admin().status("anna").failures, failures);
    }
}

#[test]
fn an_administrator_unlocks_a_user() {
    let agent = Agent::start();
    let stack = Stack::asking(&agent);
    agent.admin().pin("anna", RIGHT_PIN);
    answer_wrongly("anna", 5, &stack);
    let lockouts = agent.ctl().json(&["lockouts"], "");
    assert!(lockouts.to_string().contains("\"anna\""), "{lockouts}");
    let _ = agent.ctl().json(&["unlock", "anna"], "");
    let seen = Login::of("anna").answer(RIGHT_PIN).run(&stack);
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    let lockouts = agent.ctl().json(&["lockouts"], "");
    assert!(!lockouts.to_string().contains("\"anna\""), "{lockouts}");
    // Repeating it succeeds and changes nothing.
    let _ = agent.ctl().json(&["unlock", "anna"], "");
}

#[test]
fn a_lock_ends_by_itself_after_its_duration() {
    let agent = Agent::with("[lockout]\nduration = \"3s\"\n");
    let stack = Stack::asking(&agent);
    agent.admin().pin("anna", RIGHT_PIN);
    answer_wrongly("anna", 5, &stack);
    let first = Login::of("anna").answer(RIGHT_PIN).run(&stack);
    assert_eq!(first.result(), "PAM_MAXTRIES", "{first:?}");
    eventually("the lock to end", || {
        let seen = Login::of("anna").answer(RIGHT_PIN).run(&stack);
        (seen.result() == "PAM_SUCCESS").then_some(())
    });
}

#[test]
fn a_hundred_failures_in_a_row_lock_until_an_administrator_unlocks() {
    let agent = Agent::with("[lockout]\nattempts = 2\nduration = \"1s\"\nmax_consecutive = 4\n");
    let stack = Stack::asking(&agent);
    agent.admin().pin("anna", RIGHT_PIN);
    eventually("the limit to be reached", || {
        let _ = Login::of("anna").answer("0000").run(&stack);
        agent.admin().status("anna").locked_by_limit.then_some(())
    });
    let account = agent.admin().status("anna");
    assert_eq!(account.consecutive_failures, 4);
    assert_eq!(
        account.locked_until, None,
        "this lock does not end by itself"
    );
    std::thread::sleep(std::time::Duration::from_secs(2));
    let seen = Login::of("anna").answer(RIGHT_PIN).run(&stack);
    assert_eq!(seen.result(), "PAM_MAXTRIES", "{seen:?}");
    let _ = agent.ctl().json(&["unlock", "anna"], "");
    let seen = Login::of("anna").answer(RIGHT_PIN).run(&stack);
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
}

#[test]
fn cancelled_empty_and_replayed_answers_do_not_count() {
    let agent = Agent::with("[lockout]\nattempts = 2\n");
    let stack = Stack::asking(&agent);
    let mut admin = agent.admin();
    let key = admin.device("anna");
    let code = key.code(0);
    assert_eq!(
        Login::of("anna").answer(&code).run(&stack).result(),
        "PAM_SUCCESS"
    );
    for answer in ["", &code, &code, &code] {
        let seen = Login::of("anna").answer(answer).run(&stack);
        assert!(
            matches!(seen.result(), "PAM_AUTH_ERR" | "PAM_CONV_ERR"),
            "{answer:?}: {seen:?}"
        );
    }
    for _ in 0..3 {
        let mut running = Login::of("anna").start(&stack);
        running.await_prompt();
        running.kill();
    }
    let _ = agent.logins_of("anna", 8);
    assert_eq!(admin.status("anna").failures, 0);
    let seen = Login::of("anna").answer(&key.code(1)).run(&stack);
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
}

#[test]
fn sshds_fake_password_for_a_refused_user_does_not_count() {
    let agent = Agent::start();
    let mut admin = agent.admin();
    admin.pin("anna", RIGHT_PIN);
    // Repeated, or cut, to the length of what the user typed.
    let junk = "\u{8}\n\r\u{7f}INCORRECT";
    for answer in [
        junk.to_owned(),
        junk.repeat(3),
        junk[..6].to_owned(),
        junk[..2].to_owned(),
    ] {
        let begin = BeginParameters {
            user: "anna".to_owned(),
            service: "sshd".to_owned(),
            ..BeginParameters::default()
        };
        let mut connection = agent.admin();
        let begun = connection.call::<Begin>(&begin).expect("a login");
        let answer = AnswerParameters {
            session: begun.session,
            answer: answer.as_str().into(),
            ..AnswerParameters::default()
        };
        let reply = connection.call::<Answer>(&answer).expect("a reply");
        assert_ne!(reply.step.outcome, Some(Outcome::Passed));
        assert_eq!(
            admin.status("anna").failures,
            0,
            "{:?}",
            answer.answer.expose()
        );
    }
}
