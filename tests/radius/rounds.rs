//! Access-Challenge: the server's question is the next prompt, and never a pass.

use mfa_tests::{FreeRadius, Login};

use super::host::{Host, PASSCODE};

const PASSWORD: &str = FreeRadius::PASSWORD;
const CODE: &str = "Enter the code: ";
const LAST_COLOUR: &str = "And the last colour? ";

fn host_of(server: &FreeRadius) -> Host {
    let host = Host::asking(&[server.address()]);
    for user in ["bob", "carol"] {
        host.enroll(user);
    }
    host
}

#[test]
fn one_round_relays_the_question_for_a_code_that_the_server_verifies() {
    let server = FreeRadius::start();
    let host = host_of(&server);
    let code = server.key.code(0);
    let seen = Login::of("bob")
        .answer(PASSWORD)
        .answer(&code)
        .run(&host.stack);
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert_eq!(seen.lines("prompt-hidden: "), [PASSCODE, CODE]);

    let wrong = server.key.wrong_code();
    assert_eq!(host.log_in("bob", &[PASSWORD, &wrong]), "PAM_AUTH_ERR");
    assert_eq!(host.failures("bob"), 1, "once for a login, not for a round");
    assert_eq!(host.log_in("bob", &["guess"]), "PAM_AUTH_ERR");
    assert_eq!(host.failures("bob"), 2);
}

#[test]
fn two_rounds_are_shown_as_the_server_wants_and_pass() {
    let server = FreeRadius::start();
    let host = host_of(&server);
    let login = Login::of("carol").answer("rot").answer("blau");
    let seen = login.answer("grün").run(&host.stack);
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert_eq!(seen.lines("prompt-hidden: "), [PASSCODE, CODE]);
    assert_eq!(seen.lines("prompt-visible: "), [LAST_COLOUR]);
    assert_eq!(server.asked().len(), 3);
    assert_eq!(host.log_in("carol", &["rot", "grün"]), "PAM_AUTH_ERR");
}

/// The server distinguishes its logins by the State that comes back.
#[test]
fn simultaneous_logins_each_keep_their_own_state() {
    let server = FreeRadius::start();
    let host = host_of(&server);
    let mut first = Login::of("carol").start(&host.stack);
    let mut second = Login::of("carol").start(&host.stack);
    for running in [&mut first, &mut second] {
        running.await_prompt();
        running.answer("rot");
        running.await_prompt();
    }
    first.answer("blau");
    first.await_prompt();
    second.answer("blau");
    second.await_prompt();
    first.answer("grün");
    second.answer("grün");
    for running in [first, second] {
        let seen = running.finish();
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    }
}

#[test]
fn a_challenge_alone_lets_nobody_in_and_cancelling_it_costs_no_attempt() {
    let server = FreeRadius::start();
    let host = host_of(&server);
    for answers in [&[PASSWORD][..], &[PASSWORD, ""]] {
        let result = host.log_in("bob", answers);
        assert_eq!(result, "PAM_CONV_ERR", "{answers:?}");
    }
    assert_eq!(host.log_in("carol", &["rot", "blau"]), "PAM_CONV_ERR");
    let mut running = Login::of("bob").start(&host.stack);
    running.await_prompt();
    running.answer(PASSWORD);
    running.await_prompt();
    running.kill();
    assert_eq!(host.outcome("bob", 3), "cancelled");
    assert_eq!((host.failures("bob"), host.failures("carol")), (0, 0));
}

/// A user who lost the token is at the question for its code.
#[test]
fn a_recovery_code_is_accepted_where_the_server_asks_for_a_code() {
    let server = FreeRadius::start();
    let host = host_of(&server);
    let codes = host.agent.admin().recovery_codes("bob", 10);
    assert_eq!(host.log_in("bob", &[PASSWORD, &codes[0]]), "PAM_SUCCESS");
    assert_eq!(server.asked().len(), 1, "the server hears nothing of it");
}
