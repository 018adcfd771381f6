//! A server's verdicts on a passcode, and their effects on the account.

use std::sync::mpsc::channel;

use mfa_tests::{FreeRadius, Login, Relay, Running, Seen, Stack, eventually};

use super::host::{Host, PASSCODE, Plan};

const ATTEMPTS: usize = 5;
const RIGHT: &str = FreeRadius::PASSWORD;
const WRONG: &str = "incorrect horse";

#[test]
fn an_accept_lets_in_and_a_reject_counts_as_a_failed_attempt() {
    let server = FreeRadius::start();
    let host = Host::asking(&[server.address()]);
    host.enroll("anna");
    let seen = Login::of("anna").answer(WRONG).run(&host.stack);
    assert_eq!(seen.result(), "PAM_AUTH_ERR", "{seen:?}");
    assert_eq!(seen.lines("prompt-hidden: "), [PASSCODE]);
    assert_eq!(host.failures("anna"), 1);

    let seen = Login::of("anna").answer(RIGHT).run(&host.stack);
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert_eq!(host.failures("anna"), 0);
    let events = host.agent.logins_of("anna", 2);
    let results = [events[0].text("result"), events[1].text("result")];
    assert_eq!(results, ["wrong", "passed"]);
    assert_eq!(events[1].text("factor"), "radius");
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn five_rejects_lock_and_the_server_is_not_asked_for_a_locked_account() {
    let server = FreeRadius::start();
    let host = Host::asking(&[server.address()]);
    host.enroll("anna");
    for _ in 0..ATTEMPTS {
        assert_eq!(host.log_in("anna", &[WRONG]), "PAM_AUTH_ERR");
    }
    assert!(host.is_locked("anna"));
    let seen = Login::of("anna").answer(RIGHT).run(&host.stack);
    assert_eq!(seen.result(), "PAM_MAXTRIES", "{seen:?}");
    assert_eq!(seen.prompts(), [PASSCODE], "a lock is not to be seen");
    assert_eq!(server.asked().len(), ATTEMPTS);

    host.agent.admin().unlock("anna");
    assert_eq!(host.log_in("anna", &[RIGHT]), "PAM_SUCCESS");
}

#[test]
fn a_disabled_account_is_never_asked_at_the_server_and_lets_nobody_in_until_it_is_enabled() {
    let server = FreeRadius::start();
    let plan = Plan {
        require: "[\"radius\", \"pin\"]",
        ..Plan::default()
    };
    let host = Host::with(&[server.address()], &plan);
    host.enroll("anna");
    assert_eq!(host.log_in("anna", &[RIGHT]), "PAM_SUCCESS");
    let switch = |command: &str| host.agent.ctl().json(&[command, "radius", "anna"], "");
    assert_eq!(switch("disable")["changed"], true);
    let asked = server.asked().len();
    // The prompt is that of a user who has no account there, and the answer is as wrong.
    for user in ["anna", "nobody-here"] {
        let seen = Login::of(user)
            .answer("?")
            .answer("1")
            .answer(RIGHT)
            .run(&host.stack);
        assert_ne!(seen.result(), "PAM_SUCCESS", "{seen:?}");
        assert_eq!(seen.prompts().last(), Some(&PASSCODE), "{seen:?}");
    }
    // It does not count as another factor's half either.
    host.agent.admin().pin("anna", "4826");
    let seen = Login::of("anna")
        .answer("?")
        .answer("1")
        .answer(RIGHT)
        .run(&host.stack);
    assert_ne!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert_eq!(
        host.log_in("anna", &["4826"]),
        "PAM_SUCCESS",
        "the PIN is asked for first"
    );
    assert_eq!(server.asked().len(), asked, "the server has heard of none");

    assert_eq!(switch("enable")["changed"], true);
    assert_eq!(host.log_in("anna", &[RIGHT]), "PAM_SUCCESS");
    assert_eq!(server.asked().len(), asked + 1);
}

#[test]
fn an_account_that_is_disabled_while_the_user_is_asked_lets_nobody_in() {
    let server = FreeRadius::start();
    let host = Host::asking(&[server.address()]);
    host.enroll("anna");
    let mut login = Login::of("anna").start(&host.stack);
    login.await_prompt();
    let _ = host.agent.ctl().json(&["disable", "radius", "anna"], "");
    login.answer(RIGHT);
    let seen = login.finish();
    assert_ne!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert!(server.asked().is_empty());
}

const CROWD: usize = 20;

fn count(seen: &[Seen], result: &str) -> usize {
    seen.iter().filter(|seen| seen.result() == result).count()
}

/// All of them wait at a prompt, and answer at once.
fn all_answer(mut crowd: Vec<Running>, text: &str) -> Vec<Seen> {
    crowd.iter_mut().for_each(|running| running.answer(text));
    crowd.into_iter().map(Running::finish).collect()
}

#[test]
fn of_20_simultaneous_wrong_guesses_the_server_verifies_at_most_five() {
    let server = FreeRadius::start();
    let host = Host::asking(&[server.address()]);
    host.enroll("anna");
    let mut crowd: Vec<Running> = (0..CROWD)
        .map(|_| Login::of("anna").start(&host.stack))
        .collect();
    crowd.iter_mut().for_each(Running::await_prompt);
    let seen = all_answer(crowd, WRONG);
    assert_eq!(server.asked().len(), ATTEMPTS);
    assert_eq!(count(&seen, "PAM_AUTH_ERR"), ATTEMPTS, "{seen:?}");
    assert_eq!(count(&seen, "PAM_MAXTRIES"), CROWD - ATTEMPTS, "{seen:?}");
    assert_eq!(host.failures("anna"), ATTEMPTS as u64);
    assert!(host.is_locked("anna"));
}

/// An attacker who knows the first answer opens many logins and guesses the second in all of them.
#[test]
fn of_20_simultaneous_wrong_codes_after_a_right_password_the_server_verifies_at_most_five() {
    let server = FreeRadius::start();
    let plan = Plan {
        keys: "[push]\nrequests = 20\n",
        ..Plan::default()
    };
    let host = Host::with(&[server.address()], &plan);
    host.enroll("bob");
    let at_the_question = || {
        let mut running = Login::of("bob").start(&host.stack);
        running.await_prompt();
        running.answer(RIGHT);
        running.await_prompt();
        running
    };
    let crowd: Vec<Running> = (0..CROWD).map(|_| at_the_question()).collect();
    let seen = all_answer(crowd, &server.key.wrong_code());
    assert_eq!(server.asked().len(), CROWD + ATTEMPTS);
    assert_eq!(count(&seen, "PAM_AUTH_ERR"), ATTEMPTS, "{seen:?}");
    assert_eq!(count(&seen, "PAM_MAXTRIES"), CROWD - ATTEMPTS, "{seen:?}");
    assert!(host.is_locked("bob"));
}

#[test]
fn a_guess_is_counted_even_if_nobody_waits_for_the_verdict() {
    let server = FreeRadius::start();
    let relay = Relay::before(server.address());
    let host = Host::asking(&[relay.address()]);
    host.enroll("anna");
    let (let_go, held) = channel();
    relay.on_reply(move |passing| {
        let _ = held.recv();
        vec![passing.datagram.to_vec()]
    });
    let mut running = Login::of("anna").start(&host.stack);
    running.await_prompt();
    running.answer(WRONG);
    eventually("the guess at the server", || server.asked().pop());
    running.kill();
    let_go.send(()).expect("a relay that lives");
    eventually("the failure", || (host.failures("anna") == 1).then_some(()));
}

/// The agent gets only the end of such an answer, and does not know where it begins.
#[test]
fn an_answer_that_holds_password_and_code_is_sent_to_no_server() {
    let server = FreeRadius::start();
    let plan = Plan {
        require: "[\"radius\", \"totp\"]",
        ..Plan::default()
    };
    let host = Host::with(&[server.address()], &plan);
    host.enroll("anna");
    host.enroll("carol");
    let key = host.agent.admin().device("anna");
    let stack = Stack::at(host.agent.socket(), "forward_pass");
    let log_in = |user: &str, text: &str| Login::of(user).answer(text).run(&stack);
    let seen = log_in("carol", "rot");
    assert_ne!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    let seen = log_in("anna", &format!("a password{}", key.code(0)));
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert_eq!(server.asked(), Vec::<String>::new());
}

#[test]
fn a_user_who_is_not_enrolled_sees_the_same_prompt_and_the_server_is_not_asked() {
    let server = FreeRadius::start();
    let host = Host::asking(&[server.address()]);
    host.enroll("anna");
    // The server would let her in, but nobody has enrolled her.
    for user in ["carol", "nobody"] {
        let seen = Login::of(user).answer("rot").run(&host.stack);
        assert_eq!(seen.result(), "PAM_AUTH_ERR", "{seen:?}");
        assert_eq!(seen.lines("prompt-hidden: "), [PASSCODE]);
    }
    assert_eq!(server.asked(), Vec::<String>::new());
}

#[test]
fn a_recovery_code_passes_instead_of_the_passcode_without_asking_the_server() {
    let server = FreeRadius::start();
    let host = Host::asking(&[server.address()]);
    host.enroll("anna");
    let codes = host.agent.admin().recovery_codes("anna", 10);
    assert_eq!(host.log_in("anna", &[&codes[0]]), "PAM_SUCCESS");
    assert_eq!(server.asked(), Vec::<String>::new());
    assert_ne!(host.log_in("anna", &[&codes[0]]), "PAM_SUCCESS", "twice");
}

#[test]
fn passcode_and_pin_let_in_together_and_neither_does_alone() {
    let server = FreeRadius::start();
    let plan = Plan {
        require: "[\"radius+pin\"]",
        ..Plan::default()
    };
    let host = Host::with(&[server.address()], &plan);
    host.enroll("anna");
    host.agent.admin().pin("anna", "4826");
    let seen = Login::of("anna")
        .answer(RIGHT)
        .answer("4826")
        .run(&host.stack);
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert_eq!(seen.prompts(), [PASSCODE, "PIN: "]);
    assert_eq!(host.log_in("anna", &[RIGHT, "0000"]), "PAM_AUTH_ERR");
    assert_eq!(host.log_in("anna", &[WRONG, "4826"]), "PAM_AUTH_ERR");
    assert_ne!(host.log_in("anna", &[RIGHT]), "PAM_SUCCESS");
}

#[test]
fn another_way_is_offered_and_the_server_is_not_asked_then() {
    let server = FreeRadius::start();
    let plan = Plan {
        require: "[\"radius\", \"totp\"]",
        ..Plan::default()
    };
    let host = Host::with(&[server.address()], &plan);
    host.enroll("anna");
    let key = host.agent.admin().device("anna");
    let seen = Login::of("anna")
        .answer("?")
        .answer("2")
        .answer(&key.code(0))
        .run(&host.stack);
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert_eq!(seen.prompts().first(), Some(&PASSCODE));
    assert_eq!(seen.prompts().last(), Some(&"OTP code: "));
    assert_eq!(server.asked(), Vec::<String>::new());
}

#[test]
fn neither_log_nor_audit_file_contains_what_was_typed() {
    let server = FreeRadius::start();
    let host = Host::asking(&[server.address()]);
    host.enroll("anna");
    for typed in [RIGHT, WRONG] {
        let _ = host.log_in("anna", &[typed]);
    }
    let events = host.agent.logins_of("anna", 2);
    let told = events.iter().map(|event| event.json().to_string());
    let told = told.collect::<String>() + &host.agent.log();
    for secret in [RIGHT, WRONG, FreeRadius::SECRET] {
        assert!(!told.contains(secret), "{told}");
    }
}
