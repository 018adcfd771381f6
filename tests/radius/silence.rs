//! Dead, silent and slow servers. Silence counts no attempt.

use std::net::UdpSocket;

use mfa_tests::{FreeRadius, Login, Relay, Stack, built, eventually, unused_port};

use super::host::{Host, IMPATIENT, PASSCODE, Plan};

const PASSWORD: &str = FreeRadius::PASSWORD;

/// A server that receives everything and answers nothing.
struct Mute(UdpSocket);

impl Mute {
    fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_nonblocking(true).expect("a socket");
        Self(socket)
    }

    fn address(&self) -> std::net::SocketAddr {
        self.0.local_addr().expect("an address")
    }

    /// What it received since the last call.
    fn heard(&self) -> usize {
        std::iter::repeat_with(|| self.0.recv(&mut [0; 4096]))
            .take_while(Result::is_ok)
            .count()
    }
}

fn patient_with_the_last() -> Plan<'static> {
    Plan {
        keys: "timeout = \"1s\"\nwait = \"60s\"\n",
        ..Plan::default()
    }
}

#[test]
fn if_a_server_is_silent_the_second_answers_and_the_next_login_skips_the_first() {
    let (mute, server) = (Mute::new(), FreeRadius::start());
    let host = Host::with(
        &[mute.address(), server.address()],
        &patient_with_the_last(),
    );
    host.enroll("anna");
    assert_eq!(host.log_in("anna", &[PASSWORD]), "PAM_SUCCESS");
    assert!(mute.heard() > 0);
    assert_eq!(host.log_in("anna", &[PASSWORD]), "PAM_SUCCESS");
    assert_eq!(host.log_in("anna", &["guess"]), "PAM_AUTH_ERR");
    assert_eq!(mute.heard(), 0, "it is passed over");
    assert_eq!(server.asked().len(), 3);
    host.agent
        .await_log(&format!("{} did not answer", mute.address()));
}

#[test]
fn if_a_server_is_down_the_second_answers() {
    let server = FreeRadius::start();
    let host = Host::asking(&[unused_port(), server.address()]);
    host.enroll("anna");
    for (typed, result) in [(PASSWORD, "PAM_SUCCESS"), ("guess", "PAM_AUTH_ERR")] {
        assert_eq!(host.log_in("anna", &[typed]), result);
    }
}

#[test]
fn when_all_are_silent_nobody_passes_and_no_failure_is_counted() {
    let mutes = [Mute::new(), Mute::new()];
    let plan = Plan {
        keys: IMPATIENT,
        ..Plan::default()
    };
    let host = Host::with(&mutes.each_ref().map(Mute::address), &plan);
    host.enroll("anna");
    let seen = Login::of("anna").answer(PASSWORD).run(&host.stack);
    assert_eq!(seen.result(), "PAM_CONV_ERR", "{seen:?}");
    assert!(seen.text.contains("is not responding"), "{seen:?}");
    assert!(mutes.iter().all(|mute| mute.heard() > 0), "each is asked");
    assert_eq!(host.failures("anna"), 0);
    assert_eq!(host.outcome("anna", 1), "cancelled");
    host.agent.await_log("no RADIUS server answered");
}

#[test]
fn an_ignored_phone_call_is_no_outage() {
    let mute = Mute::new();
    let plan = Plan {
        keys: IMPATIENT,
        ..Plan::default()
    };
    let host = Host::with(&[mute.address()], &plan);
    host.enroll("anna");
    // The line after it lets in every user that the module ignores.
    let (module, socket) = (built().module.display(), host.agent.socket().display());
    let stack = Stack::of(&format!(
        "auth [success=ok ignore=ignore default=die] {module} socket={socket} on_unavailable=ignore\n\
         auth required pam_permit.so\naccount required pam_permit.so\n"
    ));
    let seen = Login::of("anna").answer(PASSWORD).run(&stack);
    assert_ne!(seen.result(), "PAM_SUCCESS", "{seen:?}");
}

/// An answer as long as such a code is compared with them before the server is asked.
#[test]
fn guesses_at_a_recovery_code_count_even_if_no_server_answers() {
    let mute = Mute::new();
    let plan = Plan {
        keys: "timeout = \"1s\"\nwait = \"1s\"\n",
        ..Plan::default()
    };
    let host = Host::with(&[mute.address()], &plan);
    host.enroll("anna");
    let codes = host.agent.admin().recovery_codes("anna", 10);
    for guess in 0..5 {
        host.log_in("anna", &[&format!("000000000{guess}")]);
    }
    assert_eq!(host.failures("anna"), 5);
    assert_ne!(host.log_in("anna", &[&codes[0]]), "PAM_SUCCESS", "locked");
}

#[test]
fn when_all_are_silent_another_way_is_offered_and_lets_in() {
    let mute = Mute::new();
    let plan = Plan {
        require: "[\"radius\", \"totp\"]",
        keys: IMPATIENT,
        ..Plan::default()
    };
    let host = Host::with(&[mute.address()], &plan);
    host.enroll("anna");
    let key = host.agent.admin().device("anna");
    let mut running = Login::of("anna").start(&host.stack);
    running.await_prompt();
    running.answer(PASSWORD);
    running.await_prompt();
    let shown = running.shown().to_owned();
    assert!(shown.contains("is not responding"), "{shown}");
    assert!(shown.contains("Ways to log in:"), "{shown}");
    running.answer("2");
    running.await_prompt();
    running.answer(&key.code(0));
    let seen = running.finish();
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert_eq!(seen.prompts().last(), Some(&"OTP code: "));
    assert_eq!(host.failures("anna"), 0);
}

#[test]
fn a_server_that_dies_between_question_and_answer_costs_no_attempt() {
    let server = FreeRadius::start();
    let relay = Relay::before(server.address());
    let plan = Plan {
        keys: IMPATIENT,
        ..Plan::default()
    };
    let host = Host::with(&[relay.address()], &plan);
    host.enroll("bob");
    let mut running = Login::of("bob").start(&host.stack);
    running.await_prompt();
    running.answer(PASSWORD);
    running.await_prompt();
    relay.fall_silent();
    running.answer(&server.key.code(0));
    let seen = running.finish();
    assert_eq!(seen.result(), "PAM_CONV_ERR", "{seen:?}");
    assert_eq!(host.failures("bob"), 0);
    assert_eq!(relay.requests(), 2);

    relay.be_honest();
    let code = server.key.code(0);
    assert_eq!(host.log_in("bob", &[PASSWORD, &code]), "PAM_SUCCESS");
}

/// The call takes longer than the module waits for an agent by default.
#[test]
fn a_phone_call_is_awaited_and_keeps_nobody_else_waiting() {
    let server = FreeRadius::start();
    let plan = Plan {
        require: "[\"radius\", \"totp\"]",
        ..Plan::default()
    };
    let host = Host::with(&[server.address()], &plan);
    host.enroll("dora");
    let code = host.agent.admin().device("emil").code(0);
    let mut called = Login::of("dora").start(&host.stack);
    called.await_prompt();
    called.answer(PASSWORD);
    eventually("the call", || server.asked().first().cloned());

    let seen = Login::of("emil").answer(&code).run(&host.stack);
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    let _ = host.agent.logins_of("emil", 1);
    let finished = host.agent.events();
    let finished = finished.iter().any(|event| event.is_login_of("dora"));
    assert!(!finished, "the phone still rings");

    let seen = called.finish();
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert_eq!(seen.prompts(), [PASSCODE]);
    assert_eq!(server.asked().len(), 1, "it rings once");
}

#[test]
fn an_agent_that_stops_while_waiting_lets_nobody_in_and_soon_serves_again() {
    let server = FreeRadius::start();
    let relay = Relay::before(server.address());
    let mut host = Host::asking(&[relay.address()]);
    // It would wait for the server otherwise.
    host.agent.restart_with_server("stop_timeout = \"1s\"");
    host.enroll("anna");
    relay.fall_silent();
    for sudden in [true, false] {
        let heard = relay.requests();
        let mut running = Login::of("anna").start(&host.stack);
        running.await_prompt();
        running.answer(PASSWORD);
        eventually("the request", || (relay.requests() > heard).then_some(()));
        match sudden {
            true => host.agent.kill_9(),
            false => drop(host.agent.terminate()),
        }
        let seen = running.finish();
        assert_eq!(seen.result(), "PAM_AUTHINFO_UNAVAIL", "{seen:?}");
        host.agent.launch();
        assert_eq!(host.failures("anna"), 0);
    }
    relay.be_honest();
    assert_eq!(host.log_in("anna", &[PASSWORD]), "PAM_SUCCESS");
}
