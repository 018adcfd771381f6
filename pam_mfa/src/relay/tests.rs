//! Whole logins between a scripted program and a scripted, sometimes hostile, agent.

mod passwords;
mod signing;
mod tickets;

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::thread::JoinHandle;

use mfa_protocol::frame::{FrameError, FrameReader};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::script::Event::{Asks, SetsAuthtok, Shows};
use super::script::Script;
use super::*;

/// What the fake agent does after it has read a call.
enum Then {
    Says(Value),
    Sends(Vec<u8>),
    Hangs,
    Closes,
}
use Then::{Closes, Hangs, Says, Sends};

/// A fake agent that serves one connection: for each call, the expected method and parameters.
struct FakeAgent {
    thread: Option<JoinHandle<()>>,
    socket: PathBuf,
    _folder: TempDir,
}

impl FakeAgent {
    fn new(exchanges: Vec<(&'static str, Value, Then)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("agent.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = FrameReader::new();
            for (method, expected, then) in exchanges {
                let call: Value =
                    serde_json::from_slice(reader.next(&mut stream).unwrap()).unwrap();
                assert_eq!(call["method"], format!("org.pam-mfa.Login.{method}"));
                assert_eq!(call["parameters"], expected);
                if !act(&mut stream, then) {
                    return;
                }
            }
            assert!(matches!(reader.next(&mut stream), Err(FrameError::Closed)));
        });
        Self {
            thread: Some(thread),
            socket,
            _folder: folder,
        }
    }

    fn arguments(&self, more: &str) -> Arguments {
        let line = format!("socket={} timeout=1 {more}", self.socket.display());
        Arguments::parse(line.split_whitespace().map(str::as_bytes)).unwrap()
    }
}

impl Drop for FakeAgent {
    fn drop(&mut self) {
        let outcome = self.thread.take().unwrap().join();
        if !std::thread::panicking() {
            outcome.unwrap();
        }
    }
}

fn act(stream: &mut UnixStream, then: Then) -> bool {
    match then {
        Says(reply) => stream.write_all(format!("{reply}\0").as_bytes()).is_ok(),
        // The module may stop reading before all is written.
        Sends(bytes) => {
            let _ = stream.write_all(&bytes);
            let _ = stream.read(&mut [0; 1]);
            false
        }
        Hangs => {
            let _ = stream.read(&mut [0; 1]);
            false
        }
        Closes => false,
    }
}

fn begin(authtok: &str) -> (&'static str, Value) {
    (
        "Begin",
        json!({"user": "alice", "service": "sshd", "tty": "ssh", "authtok": authtok,
               "after": ["publickey:ssh-ed25519", "password"],
               "verified_keys": ["ssh-ed25519 AAAAC3Nz"]}),
    )
}

fn begun(authtok: &str, then: Then) -> (&'static str, Value, Then) {
    let (method, parameters) = begin(authtok);
    (method, parameters, then)
}

fn answered(answer: &str, then: Then) -> (&'static str, Value, Then) {
    ("Answer", json!({"session": "s1", "answer": answer}), then)
}

fn answered_by_password(answer: &str, then: Then) -> (&'static str, Value, Then) {
    let parameters = json!({"session": "s1", "answer": answer, "is_password": true});
    ("Answer", parameters, then)
}

fn cancelled() -> (&'static str, Value, Then) {
    (
        "Cancel",
        json!({"session": "s1"}),
        Says(json!({"parameters": {}})),
    )
}

fn step(step: Value) -> Then {
    Says(json!({"parameters": {"session": "s1", "step": step}}))
}

fn asks(text: &str) -> Then {
    step(json!({"messages": [], "prompt": {"text": text, "echo": false}}))
}

fn asks_both(tail: u32) -> Then {
    step(
        json!({"messages": [], "prompt": {"text": "Password+code: ", "echo": false, "tail": tail}}),
    )
}

fn ends(outcome: &str) -> Then {
    step(json!({"messages": [], "outcome": outcome}))
}

fn passes_with(code_length: u32) -> Then {
    step(json!({"messages": [], "outcome": "passed", "code_length": code_length}))
}

fn refuses(error: &str) -> Then {
    Says(json!({"error": format!("org.pam-mfa.Login.{error}"), "parameters": {"reason": "no"}}))
}

fn both(answer: &'static [u8]) -> super::script::Event {
    Asks(vec![], "Password+code: ", Some(answer))
}

fn unavailable(result: &RelayResult) -> Option<bool> {
    match result {
        RelayResult::Unavailable { outage, .. } => Some(*outage),
        _ => None,
    }
}

#[test]
fn several_prompts_in_a_row_are_relayed_with_their_messages_until_the_outcome() {
    let info = |text: &str| json!({"style": "info", "text": text});
    let agent = FakeAgent::new(vec![
        begun(
            "none",
            step(json!({
                "messages": [info("hello")],
                "prompt": {"text": "OTP code: ", "echo": true},
            })),
        ),
        answered("483920", asks("PIN: ")),
        answered(
            "ÄÖ 1",
            step(json!({"messages": [info("welcome")], "outcome": "passed"})),
        ),
    ]);
    let mut host = Script::of([
        Asks(vec!["hello"], "OTP code: ", Some(b"483920")),
        Asks(vec![], "PIN: ", Some("ÄÖ 1".as_bytes())),
        Shows(vec!["welcome"], true),
    ]);
    assert_eq!(
        run(&agent.arguments(""), &mut host),
        RelayResult::Decided(Outcome::Passed)
    );
}

#[test]
fn a_program_that_refuses_the_last_message_does_not_change_the_outcome() {
    for outcome in [Outcome::Passed, Outcome::Wrong] {
        let agent = FakeAgent::new(vec![begun(
            "none",
            step(json!({
                "messages": [{"style": "error", "text": "bye"}], "outcome": outcome,
            })),
        )]);
        let mut host = Script::of([Shows(vec!["bye"], false)]);
        assert_eq!(
            run(&agent.arguments(""), &mut host),
            RelayResult::Decided(outcome)
        );
    }
}

#[test]
fn forward_pass_sends_the_end_only_and_hands_on_the_rest() {
    let agent = FakeAgent::new(vec![
        begun("forward", asks_both(8)),
        answered("pw483920", passes_with(6)),
    ]);
    let mut host = Script::of([both(b"my-pw483920"), SetsAuthtok(b"my-pw")]);
    assert_eq!(
        run(&agent.arguments("forward_pass"), &mut host),
        RelayResult::Decided(Outcome::Passed)
    );
}

#[test]
fn a_code_alone_hands_on_nothing_and_leaves_an_earlier_password_alone() {
    let agent = FakeAgent::new(vec![
        begun("forward", asks_both(6)),
        answered("483920", passes_with(6)),
    ]);
    let mut host = Script::of([both(b"483920")]);
    assert_eq!(
        run(&agent.arguments("forward_pass"), &mut host),
        RelayResult::Decided(Outcome::Passed)
    );

    let agent = FakeAgent::new(vec![
        begun("try", asks_both(6)),
        answered_by_password("ord-pw", asks_both(6)),
        answered("483920", passes_with(6)),
    ]);
    let mut host = Script::of([both(b"483920")]);
    host.authtok = Some(b"word-pw");
    assert_eq!(
        run(&agent.arguments("try_first_pass"), &mut host),
        RelayResult::Decided(Outcome::Passed)
    );
}

#[test]
fn nothing_is_handed_on_unless_the_cut_answer_itself_passed() {
    let agent = FakeAgent::new(vec![
        begun("forward", asks_both(6)),
        answered("483920", asks("PIN: ")),
        answered("2468", passes_with(4)),
    ]);
    let mut host = Script::of([both(b"my-pw483920"), Asks(vec![], "PIN: ", Some(b"2468"))]);
    assert_eq!(
        run(&agent.arguments("forward_pass"), &mut host),
        RelayResult::Decided(Outcome::Passed)
    );

    let agent = FakeAgent::new(vec![
        begun("forward", asks_both(6)),
        answered(
            "483920",
            step(json!({"messages": [], "outcome": "wrong", "code_length": 6})),
        ),
    ]);
    let mut host = Script::of([both(b"my-pw483920")]);
    assert_eq!(
        run(&agent.arguments("forward_pass"), &mut host),
        RelayResult::Decided(Outcome::Wrong)
    );
}

#[test]
fn a_code_longer_than_what_was_sent_is_not_believed() {
    for length in [7, 12, u32::MAX] {
        let agent = FakeAgent::new(vec![
            begun("forward", asks_both(6)),
            answered("483920", passes_with(length)),
        ]);
        let mut host = Script::of([both(b"my-pw483920")]);
        let result = run(&agent.arguments("forward_pass"), &mut host);
        assert_eq!(unavailable(&result), Some(false));
    }
}

#[test]
fn use_first_pass_uses_the_earlier_password_and_asks_nothing() {
    let agent = FakeAgent::new(vec![
        begun("use", asks_both(6)),
        answered_by_password("483920", passes_with(6)),
    ]);
    let mut host = Script::of([SetsAuthtok(b"my-pw")]);
    host.authtok = Some(b"my-pw483920");
    assert_eq!(
        run(&agent.arguments("use_first_pass"), &mut host),
        RelayResult::Decided(Outcome::Passed)
    );
}

#[test]
fn use_first_pass_without_a_password_or_at_another_prompt_cancels() {
    for prompt in [asks_both(6), asks("PIN: ")] {
        let agent = FakeAgent::new(vec![begun("use", prompt), cancelled()]);
        let mut host = Script::new("alice");
        assert_eq!(
            run(&agent.arguments("use_first_pass"), &mut host),
            RelayResult::NoPassword
        );
    }
}

#[test]
fn try_first_pass_asks_when_the_first_is_wrong_or_missing() {
    let agent = FakeAgent::new(vec![
        begun("try", asks_both(6)),
        answered_by_password("ord-pw", asks_both(6)),
        answered("483920", passes_with(6)),
    ]);
    let mut host = Script::of([both(b"my-pw483920"), SetsAuthtok(b"my-pw")]);
    host.authtok = Some(b"word-pw");
    assert_eq!(
        run(&agent.arguments("try_first_pass"), &mut host),
        RelayResult::Decided(Outcome::Passed)
    );

    let agent = FakeAgent::new(vec![
        begun("try", asks_both(6)),
        answered("483920", ends("wrong")),
    ]);
    let mut host = Script::of([both(b"483920")]);
    assert_eq!(
        run(&agent.arguments("try_first_pass"), &mut host),
        RelayResult::Decided(Outcome::Wrong)
    );
}

#[test]
fn the_password_of_a_module_before_is_told_as_that_wherever_it_is_typed_again() {
    let agent = FakeAgent::new(vec![
        begun("try", asks_both(6)),
        answered_by_password("ord-pw", asks_both(6)),
        answered_by_password("ord-pw", ends("cancelled")),
    ]);
    let mut host = Script::of([both(b"word-pw")]);
    host.authtok = Some(b"word-pw");
    assert_eq!(
        run(&agent.arguments("try_first_pass"), &mut host),
        RelayResult::Decided(Outcome::Cancelled)
    );

    let agent = FakeAgent::new(vec![
        begun("forward", asks_both(6)),
        answered("ord-pw", ends("wrong")),
    ]);
    let mut host = Script::of([both(b"word-pw")]);
    host.authtok = Some(b"word-pw");
    assert_eq!(
        run(&agent.arguments("forward_pass"), &mut host),
        RelayResult::Decided(Outcome::Wrong)
    );
}

#[test]
fn what_is_no_answer_cancels_and_counts_nothing() {
    let cases: [(Then, Option<&'static [u8]>); 6] = [
        (asks("Password+code: "), None),
        (asks("Password+code: "), Some(b"")),
        (asks("Password+code: "), Some(&[b'x'; 513])),
        (asks("Password+code: "), Some(b"48392\xff")),
        (asks_both(6), Some(b"48392\xff")),
        (asks_both(6), Some(b"\x08\n\r\x7fINCORRECT\x08\n")),
    ];
    for (prompt, answer) in cases {
        let agent = FakeAgent::new(vec![begun("none", prompt), cancelled()]);
        let mut host = Script::of([Asks(vec![], "Password+code: ", answer)]);
        let result = run(&agent.arguments(""), &mut host);
        assert!(matches!(result, RelayResult::Conversation(_)), "{result:?}");
    }
}

#[test]
fn names_that_no_account_can_have_reach_no_agent() {
    for mut host in [
        Script::without_user(),
        Script::new(""),
        Script::new(&"x".repeat(257)),
    ] {
        let result = run(&Arguments::default(), &mut host);
        assert!(matches!(result, RelayResult::BadName(_)), "{result:?}");
    }
}

#[test]
fn a_remote_host_too_long_is_cut_between_characters() {
    let (method, mut expected) = begin("none");
    expected["rhost"] = json!("ä".repeat(128));
    let agent = FakeAgent::new(vec![(method, expected, ends("skipped"))]);
    let mut host = Script::new("alice");
    host.rhost = Some("ä".repeat(200));
    assert_eq!(
        run(&agent.arguments(""), &mut host),
        RelayResult::Decided(Outcome::Skipped)
    );
}

#[test]
fn before_the_first_step_silence_and_a_broken_store_are_outages() {
    for fails in [Hangs, refuses("Unavailable")] {
        let agent = FakeAgent::new(vec![begun("none", fails)]);
        let result = run(&agent.arguments(""), &mut Script::new("alice"));
        assert_eq!(unavailable(&result), Some(true), "{result:?}");
    }
}

#[test]
fn a_broken_connection_and_an_invalid_reply_are_no_outages() {
    for fails in [
        Closes,
        Sends(b"{}\0".to_vec()),
        Sends(b"nonsense\0".to_vec()),
        Sends(b"\0".to_vec()),
        Sends(b"{\"parameters\":{\"session\":\"s1\",\"step\":{\0".to_vec()),
        Sends(vec![b'x'; 200_000]),
        Sends(format!("{}\0", "[".repeat(60_000)).into_bytes()),
    ] {
        let agent = FakeAgent::new(vec![begun("none", fails)]);
        let result = run(&agent.arguments(""), &mut Script::new("alice"));
        assert_eq!(unavailable(&result), Some(false), "{result:?}");
    }
}

#[test]
fn an_agent_that_refuses_a_login_is_no_outage() {
    for error in ["Busy", "NotAllowed", "NoLogin", "Refused", "SomethingNew"] {
        let agent = FakeAgent::new(vec![begun("none", refuses(error))]);
        let result = run(&agent.arguments(""), &mut Script::new("alice"));
        assert_eq!(unavailable(&result), Some(false), "{error}");
    }
}

#[test]
fn a_login_that_expires_is_no_outage() {
    for fails in [
        Closes,
        Hangs,
        refuses("NoLogin"),
        Sends(b"nonsense\0".to_vec()),
    ] {
        let agent = FakeAgent::new(vec![begun("none", asks("PIN: ")), answered("1", fails)]);
        let mut host = Script::of([Asks(vec![], "PIN: ", Some(b"1"))]);
        let result = run(&agent.arguments(""), &mut host);
        assert_eq!(unavailable(&result), Some(false), "{result:?}");
    }
}

#[test]
fn an_invalid_step_is_never_a_pass() {
    let many = vec![json!({"style": "info", "text": "x"}); 32];
    for nonsense in [
        json!({"messages": []}),
        json!({"messages": [], "outcome": "passed", "prompt": {"text": "x", "echo": true}}),
        json!({"messages": many, "outcome": "passed"}),
        json!({"messages": [], "outcome": "PASSED"}),
        json!({"outcome": "passed"}),
    ] {
        let agent = FakeAgent::new(vec![begun("none", step(nonsense))]);
        let result = run(&agent.arguments(""), &mut Script::new("alice"));
        assert!(unavailable(&result).is_some(), "{result:?}");
    }
}

#[test]
fn an_agent_that_asks_without_end_is_left() {
    let mut exchanges = vec![begun("none", asks("PIN: "))];
    exchanges.extend((0..MAX_STEPS).map(|_| answered("1", asks("PIN: "))));
    let agent = FakeAgent::new(exchanges);
    let mut host = Script::of((0..MAX_STEPS).map(|_| Asks(vec![], "PIN: ", Some(b"1"))));
    assert_eq!(
        unavailable(&run(&agent.arguments(""), &mut host)),
        Some(false)
    );
}

#[test]
fn without_an_agent_it_is_an_outage_and_the_log_says_what_to_do() {
    let arguments = Arguments::parse([&b"socket=/nowhere/agent.sock"[..]]).unwrap();
    let result = run(&arguments, &mut Script::new("alice"));
    let RelayResult::Unavailable {
        reason,
        outage: true,
        ..
    } = result
    else {
        panic!("{result:?}")
    };
    assert!(
        reason.contains("/nowhere/agent.sock") && reason.contains("mfa-agent"),
        "{reason}"
    );
}

#[test]
fn the_debug_log_shows_the_steps_and_no_answer() {
    let agent = FakeAgent::new(vec![
        begun("forward", asks_both(6)),
        answered("483920", passes_with(6)),
    ]);
    let mut host = Script::of([both(b"my-pw483920"), SetsAuthtok(b"my-pw")]);
    run(&agent.arguments("forward_pass debug"), &mut host);
    let log = host.logged();
    assert!(
        log.contains("hidden prompt") && log.contains("outcome passed"),
        "{log}"
    );
    assert!(!log.contains("my-pw") && !log.contains("483920"), "{log}");
}

#[test]
fn a_wait_shows_its_messages_and_is_answered_by_nothing() {
    let waits = json!({
        "messages": [{"style": "info", "text": "A request was sent."}],
        "waits": true,
        "patience": 65,
    });
    let optional = json!({
        "messages": [],
        "prompt": {"text": "42: ", "echo": false, "optional": true},
    });
    let agent = FakeAgent::new(vec![
        begun("none", step(waits)),
        answered("", step(optional)),
        answered("", ends("passed")),
    ]);
    let mut host = Script::of([
        Shows(vec!["A request was sent."], true),
        Asks(vec![], "42: ", Some(b"")),
    ]);
    let result = run(&agent.arguments(""), &mut host);
    assert_eq!(result, RelayResult::Decided(Outcome::Passed));
}

#[test]
fn a_step_that_waits_and_asks_or_ends_makes_no_sense() {
    for more in [
        json!({"messages": [], "waits": true, "outcome": "passed"}),
        json!({"messages": [], "waits": true, "prompt": {"text": "", "echo": false}}),
    ] {
        let agent = FakeAgent::new(vec![begun("none", step(more))]);
        let mut host = Script::of([]);
        let result = run(&agent.arguments(""), &mut host);
        assert_eq!(unavailable(&result), Some(false));
    }
}
