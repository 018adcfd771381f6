//! Pushes: the server asks the user on a phone, and nothing is typed.

use std::time::{Duration, Instant};

use mfa_tests::{FreeRadius, Login, Seen};

use super::host::{Host, IMPATIENT, PASSCODE, Plan};

const SENT: &str = "A request was sent to your phone.";
const TOO_MANY: &str = "Too many requests were sent to your phone.";
const OWN: &str = "Approve the request and press Enter, or type a passcode: ";

fn pushing(server: &FreeRadius, keys: &str) -> Host {
    asking(server, "[\"radius\"]", keys)
}

fn asking(server: &FreeRadius, require: &str, keys: &str) -> Host {
    let plan = Plan {
        require,
        keys: &format!("push = true\n{keys}"),
        ..Plan::default()
    };
    Host::with(&[server.address()], &plan)
}

fn log_in(host: &Host, user: &str) -> Seen {
    Login::of(user).run(&host.stack)
}

#[test]
fn a_push_lets_in_whoever_approves_it_and_nothing_is_typed() {
    let server = FreeRadius::start();
    let host = pushing(&server, "");
    host.enroll("erin");
    let seen = log_in(&host, "erin");
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert!(seen.text.contains(SENT), "{seen:?}");
    assert!(seen.prompts().is_empty(), "{seen:?}");
    assert_eq!(server.asked().len(), 1);
    let events = host.agent.logins_of("erin", 1);
    assert_eq!(events[0].text("factor"), "radius");
}

#[test]
fn a_disabled_account_rings_no_phone_and_its_user_sees_what_they_saw_before() {
    let server = FreeRadius::start();
    let host = pushing(&server, "");
    host.enroll("erin");
    let _ = host.agent.ctl().json(&["disable", "radius", "erin"], "");
    let seen = log_in(&host, "erin");
    assert_ne!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert!(seen.text.contains(SENT), "{seen:?}");
    assert!(server.asked().is_empty());
}

#[test]
fn a_push_can_be_started_by_a_word_that_the_server_wants() {
    let server = FreeRadius::start();
    let host = pushing(&server, "push_code = \"push\"\n");
    host.enroll("ivan");
    assert_eq!(log_in(&host, "ivan").result(), "PAM_SUCCESS");
}

#[test]
fn a_refused_push_counts_as_a_failure_and_a_passcode_or_another_push_follows() {
    let server = FreeRadius::start();
    let host = asking(&server, "[\"radius\"]\ntries = 3", "");
    host.enroll("frida");
    let login = Login::of("frida").answer("resend").answer("guess");
    let seen = login.run(&host.stack);
    assert_ne!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert_eq!(seen.prompts(), [PASSCODE, PASSCODE], "{seen:?}");
    assert_eq!(seen.text.matches(SENT).count(), 2, "{seen:?}");
    assert!(seen.text.contains("Not approved:"), "{seen:?}");
    assert_eq!(server.asked().len(), 3);
    assert_eq!(host.failures("frida"), 3);
}

#[test]
fn the_number_to_compare_is_in_the_prompt_and_enter_or_a_code_answers_it() {
    let server = FreeRadius::start();
    let host = pushing(&server, "");
    host.enroll("gina");
    for typed in ["", FreeRadius::PASSWORD] {
        let seen = Login::of("gina").answer(typed).run(&host.stack);
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
        assert!(seen.text.contains("Choose "), "{seen:?}");
        assert!(seen.text.contains(OWN.trim_end()), "{seen:?}");
    }
    let seen = Login::of("gina").answer("guess").run(&host.stack);
    assert_eq!(seen.result(), "PAM_AUTH_ERR", "{seen:?}");
    assert_eq!(host.failures("gina"), 1);
}

#[test]
fn a_server_that_asks_back_without_end_is_answered_three_times() {
    let server = FreeRadius::start();
    let host = pushing(&server, "");
    host.enroll("hugo");
    // Not all of them are taken.
    let login = (0..9).fold(Login::of("hugo"), |login, _| login.answer(""));
    let seen = login.run(&host.stack);
    assert_eq!(seen.result(), "PAM_CONV_ERR", "{seen:?}");
    assert_eq!(server.asked().len(), 4, "the push and three answers");
    let events = host.agent.logins_of("hugo", 1);
    let reason = events[0].text("reason");
    assert!(reason.contains("too many questions"), "{reason}");
    assert_eq!(host.failures("hugo"), 0);
}

#[test]
fn a_login_asks_the_phone_three_times_at_most() {
    let server = FreeRadius::start();
    let host = asking(&server, "[\"radius\"]\ntries = 5", "");
    host.enroll("frida");
    let login = (0..4).fold(Login::of("frida"), |login, _| login.answer("resend"));
    let seen = login.run(&host.stack);
    assert_ne!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert!(seen.text.contains(TOO_MANY), "{seen:?}");
    assert_eq!(server.asked().len(), 3);
}

#[test]
fn a_word_that_rings_a_phone_counts_as_a_request_and_a_passcode_does_not() {
    let server = FreeRadius::start();
    let keys = "push_code = \"push\"\n[lockout]\nattempts = 100\n[push]\nrequests = 2\n";
    let host = pushing(&server, keys);
    host.enroll("frida");
    for _ in 0..2 {
        assert_eq!(log_in(&host, "frida").result(), "PAM_AUTH_ERR");
    }
    let asked = server.asked().len();
    let words = Login::of("frida").answer("push").answer("Phone 2");
    let seen = words.run(&host.stack);
    assert_ne!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert!(seen.text.contains(TOO_MANY), "{seen:?}");
    assert_eq!(server.asked().len(), asked, "{seen:?}");
    let seen = Login::of("frida").answer("483920").run(&host.stack);
    assert_eq!(seen.result(), "PAM_AUTH_ERR", "{seen:?}");
    assert_eq!(server.asked().len(), asked + 1, "{seen:?}");
}

#[test]
fn a_user_is_asked_ten_times_in_five_minutes_also_across_a_restart() {
    let server = FreeRadius::start();
    let mut host = pushing(&server, "[lockout]\nattempts = 100\n");
    host.enroll("frida");
    for login in 0..10 {
        assert_eq!(log_in(&host, "frida").result(), "PAM_AUTH_ERR", "{login}");
    }
    host.agent.restart();
    let seen = Login::of("frida").answer("483920").run(&host.stack);
    assert_eq!(seen.result(), "PAM_AUTH_ERR", "{seen:?}");
    assert!(seen.text.contains(TOO_MANY), "{seen:?}");
    assert_eq!(seen.prompts(), [PASSCODE]);
    assert_eq!(server.asked().len(), 11, "ten pushes and the passcode");
}

#[test]
fn a_locked_user_is_not_rung_and_sees_what_others_see() {
    let server = FreeRadius::start();
    let host = pushing(&server, "");
    host.enroll("frida");
    for _ in 0..5 {
        assert_eq!(log_in(&host, "frida").result(), "PAM_AUTH_ERR");
    }
    assert!(host.is_locked("frida"));
    let locked = log_in(&host, "frida");
    assert_eq!(locked.result(), "PAM_MAXTRIES", "{locked:?}");
    assert_eq!(server.asked().len(), 5, "no phone rings");
    assert!(locked.text.contains(SENT), "{locked:?}");
}

/// As long, with the same texts, and no phone of anybody rings.
#[test]
fn for_users_that_are_not_enrolled_or_unknown_no_server_is_asked_and_it_looks_alike() {
    let server = FreeRadius::start();
    let host = pushing(&server, "");
    host.enroll("frida");
    let timed = |user: &str| {
        let began = Instant::now();
        let seen = log_in(&host, user);
        assert_eq!(seen.result(), "PAM_AUTH_ERR", "{seen:?}");
        (seen.text.replace(user, "USER"), began.elapsed())
    };
    let (enrolled, took) = timed("frida");
    for user in ["nosuch", "daemon"] {
        let (seen, time) = timed(user);
        assert_eq!(seen, enrolled);
        assert!(time.abs_diff(took) < Duration::from_secs(3), "{user}");
    }
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_number_to_compare_is_shown_to_unknown_users_too() {
    let server = FreeRadius::start();
    let host = pushing(&server, "");
    host.enroll("gina");
    host.enroll("gus");
    for user in ["gina", "gus", "nosuch"] {
        let seen = Login::of(user).answer("guess").run(&host.stack);
        assert_eq!(seen.result(), "PAM_AUTH_ERR", "{seen:?}");
        assert!(seen.text.contains("on your phone."), "{seen:?}");
    }
    assert_eq!(server.asked().len(), 4);
}

#[test]
fn a_login_that_is_given_up_after_a_silent_server_says_so_in_the_audit_log() {
    let server = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let plan = Plan {
        require: "[\"radius\", \"totp\"]",
        keys: &format!("push = true\n{IMPATIENT}"),
        ..Plan::default()
    };
    let host = Host::with(&[server.local_addr().expect("an address")], &plan);
    host.enroll("erin");
    let _ = host.agent.admin().device("erin");
    let mut running = Login::of("erin").start(&host.stack);
    running.await_prompt();
    assert!(running.shown().contains("Ways to log in:"));
    running.kill();
    let events = host.agent.logins_of("erin", 1);
    assert_eq!(events[0].text("result"), "cancelled");
    let reason = events[0].text("reason");
    assert!(
        reason.contains("before that, no RADIUS server answered"),
        "{reason}"
    );
}
