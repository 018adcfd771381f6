//! The ticket that a login leaves, and the account phase that sends it.

use super::*;

/// A login whose stack has an account line.
fn begun_for_a_ticket(then: Then) -> (&'static str, Value, Then) {
    let (method, mut parameters) = begin("none");
    parameters["ticket_for"] = json!(4711);
    (method, parameters, then)
}

fn passes_with_ticket(ticket: &str) -> Then {
    let step = json!({"messages": [], "outcome": "passed"});
    Says(json!({"parameters": {"session": "s1", "step": step, "ticket": ticket}}))
}

#[test]
fn a_ticket_is_left_if_the_arguments_ask_for_it() {
    let agent = FakeAgent::new(vec![begun_for_a_ticket(passes_with_ticket("00ff"))]);
    let mut host = Script::new("alice");
    let ending = run(&agent.arguments("ticket"), &mut host);
    assert_eq!(ending, RelayResult::Decided(Outcome::Passed));
    assert_eq!(host.ticket.as_deref(), Some("00ff"));
}

#[test]
fn a_ticket_is_not_left_without_the_argument_nor_if_it_is_malformed() {
    let agent = FakeAgent::new(vec![begun("none", passes_with_ticket("00ff"))]);
    let mut host = Script::new("alice");
    run(&agent.arguments(""), &mut host);
    assert_eq!(host.ticket, None);
    for odd in ["a=b", "a\u{0}b", "ä", &"0".repeat(129)] {
        let agent = FakeAgent::new(vec![begun_for_a_ticket(passes_with_ticket(odd))]);
        let mut host = Script::new("alice");
        run(&agent.arguments("ticket"), &mut host);
        assert_eq!(host.ticket, None, "{odd:?}");
    }
}

#[test]
fn a_login_without_a_prompt_gets_a_ticket_as_well() {
    let step = json!({"messages": [], "outcome": "skipped"});
    let reply = json!({"parameters": {"session": "s1", "step": step, "ticket": "00ff"}});
    let agent = FakeAgent::new(vec![begun_for_a_ticket(Says(reply))]);
    let mut host = Script::new("alice");
    run(&agent.arguments("ticket"), &mut host);
    assert_eq!(host.ticket.as_deref(), Some("00ff"));
}

#[test]
fn a_ticket_of_an_earlier_login_is_removed_when_a_later_login_fails() {
    let wrong = json!({"messages": [], "outcome": "wrong"});
    let reply = json!({"parameters": {"session": "s1", "step": wrong, "ticket": "00ff"}});
    let agent = FakeAgent::new(vec![begun_for_a_ticket(Says(reply))]);
    let mut host = Script::new("alice");
    host.ticket = Some("earlier".to_owned());
    assert_eq!(
        run(&agent.arguments("ticket"), &mut host),
        RelayResult::Decided(Outcome::Wrong)
    );
    assert_eq!(host.ticket, None);
}

fn admitted(ticket: Option<&str>, then: Then) -> (&'static str, Value, Then) {
    let mut parameters = json!({"user": "alice", "service": "sshd", "tty": "ssh",
                                "after": ["publickey:ssh-ed25519", "password"],
                                "verified_keys": ["ssh-ed25519 AAAAC3Nz"]});
    if let Some(ticket) = ticket {
        parameters["ticket"] = json!(ticket);
    }
    ("Admit", parameters, then)
}

#[test]
fn the_account_phase_sends_the_ticket_and_removes_it() {
    for (outcome, expected) in [
        ("passed", Outcome::Passed),
        ("skipped", Outcome::Skipped),
        ("denied", Outcome::Denied),
    ] {
        let agent = FakeAgent::new(vec![admitted(Some("00ff"), ends(outcome))]);
        let mut host = Script::new("alice");
        host.ticket = Some("00ff".to_owned());
        let ending = admit(&agent.arguments(""), &mut host);
        assert_eq!(ending, RelayResult::Decided(expected));
        assert_eq!(host.ticket, None);
    }
}

#[test]
fn the_account_phase_shows_why_it_denies_and_asks_nothing() {
    let agent = FakeAgent::new(vec![admitted(
        None,
        step(json!({"messages": [{"style": "error", "text": "no"}], "outcome": "denied"})),
    )]);
    let mut host = Script::of([Shows(vec!["no"], true)]);
    assert_eq!(
        admit(&agent.arguments(""), &mut host),
        RelayResult::Decided(Outcome::Denied)
    );
    let agent = FakeAgent::new(vec![admitted(None, asks("OTP code: "))]);
    let ending = admit(&agent.arguments(""), &mut Script::new("alice"));
    assert_eq!(unavailable(&ending), Some(false));
}

#[test]
fn an_absent_agent_in_the_account_phase_is_an_outage_and_the_ticket_is_still_removed() {
    let arguments = Arguments::parse([&b"socket=/nonexistent/agent.sock"[..]]).unwrap();
    let mut host = Script::new("alice");
    host.ticket = Some("00ff".to_owned());
    let ending = admit(&arguments, &mut host);
    assert_eq!(unavailable(&ending), Some(true));
    assert_eq!(host.ticket, None);
}
