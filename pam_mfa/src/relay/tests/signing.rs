//! Messages for the ssh-agent, and an agent from before security keys.

use mfa_protocol::login::Unsigned;

use super::*;

/// `SSH_AGENTC_REQUEST_IDENTITIES` in base64.
const KEYS: &str = "Cw==";

/// `SSH_AGENTC_SIGN_REQUEST` in the namespace of pam_mfa, in base64.
const SIGN: &str =
    "DQAAAAFrAAAAMFNTSFNJRwAAABNwYW0tbWZhQHBhbS1tZmEub3JnAAAAAAAAAAZzaGE1MTIAAAABaAAAAAA=";

/// A login of a user with an ssh-agent.
fn begun_with_ssh_agent(then: Then) -> (&'static str, Value, Then) {
    let (method, mut parameters) = begin("none");
    parameters["can_sign"] = json!(true);
    (method, parameters, then)
}

fn signs(sign: &str) -> Then {
    let touch = json!({"style": "info", "text": "Touch your security key."});
    step(json!({"messages": [touch], "patience": 30, "sign": sign}))
}

fn signed(signed: &str, then: Then) -> (&'static str, Value, Then) {
    let parameters = json!({"session": "s1", "answer": "", "signed": signed});
    ("Answer", parameters, then)
}

fn unsigned(word: &str, then: Then) -> (&'static str, Value, Then) {
    let parameters = json!({"session": "s1", "answer": "", "unsigned": word});
    ("Answer", parameters, then)
}

fn touch() -> super::super::script::Event {
    Shows(vec!["Touch your security key."], true)
}

#[test]
fn messages_are_relayed_to_the_ssh_agent_and_its_replies_back() {
    let agent = FakeAgent::new(vec![
        begun_with_ssh_agent(signs(KEYS)),
        signed("AAEC", signs(SIGN)),
        signed("AAEC", ends("passed")),
    ]);
    let mut host = Script::of([touch(), touch()]);
    host.ssh_agent = Some(Ok("AAEC"));
    let ending = run(&agent.arguments(""), &mut host);
    assert_eq!(ending, RelayResult::Decided(Outcome::Passed));
}

#[test]
fn no_reply_is_no_cancellation_and_the_next_prompt_comes() {
    for why in [
        Unsigned::NoAgent,
        Unsigned::Refused,
        Unsigned::Timeout,
        Unsigned::TooLong,
        Unsigned::Closed,
        Unsigned::Interrupted,
    ] {
        let agent = FakeAgent::new(vec![
            begun_with_ssh_agent(signs(KEYS)),
            unsigned(why.as_str(), asks("OTP code: ")),
            answered("483920", ends("passed")),
        ]);
        // A program that shows no messages gets as far.
        let mut host = Script::of([
            Shows(vec!["Touch your security key."], false),
            Asks(vec![], "OTP code: ", Some(b"483920")),
        ]);
        host.ssh_agent = Some(Err(why));
        let ending = run(&agent.arguments("debug"), &mut host);
        assert_eq!(ending, RelayResult::Decided(Outcome::Passed));
        assert!(host.logged().contains(why.as_str()), "{}", host.logged());
    }
}

#[test]
fn nothing_is_relayed_that_was_not_offered_or_that_changes_the_ssh_agent() {
    let agent = FakeAgent::new(vec![begun("none", signs(KEYS))]);
    let ending = run(&agent.arguments(""), &mut Script::of([touch()]));
    assert_eq!(unavailable(&ending), Some(false));

    // 19 is SSH_AGENTC_REMOVE_ALL_IDENTITIES.
    for sign in ["Ew==", "DQAA", "", "no base64"] {
        let agent = FakeAgent::new(vec![begun_with_ssh_agent(signs(sign))]);
        let mut host = Script::new("alice");
        host.ssh_agent = Some(Ok("AAEC"));
        let ending = run(&agent.arguments(""), &mut host);
        assert_eq!(unavailable(&ending), Some(false), "{sign}");
    }
}

#[test]
fn a_step_that_relays_and_does_something_else_is_not_understood() {
    let prompt = json!({"text": "OTP code: ", "echo": false});
    for both in [
        json!({"messages": [], "sign": KEYS, "prompt": prompt}),
        json!({"messages": [], "sign": KEYS, "waits": true}),
        json!({"messages": [], "sign": KEYS, "outcome": "passed"}),
    ] {
        let agent = FakeAgent::new(vec![begun_with_ssh_agent(step(both))]);
        let mut host = Script::new("alice");
        host.ssh_agent = Some(Ok("AAEC"));
        let ending = run(&agent.arguments(""), &mut host);
        assert_eq!(unavailable(&ending), Some(false));
    }
}

#[test]
fn messages_for_the_ssh_agent_have_an_end() {
    let mut exchanges = vec![begun_with_ssh_agent(signs(KEYS))];
    exchanges.extend((1..MAX_STEPS).map(|_| signed("AAEC", signs(KEYS))));
    exchanges.push(signed("AAEC", signs(KEYS)));
    let agent = FakeAgent::new(exchanges);
    let mut host = Script::of((0..MAX_STEPS).map(|_| touch()));
    host.ssh_agent = Some(Ok("AAEC"));
    let ending = run(&agent.arguments(""), &mut host);
    assert_eq!(unavailable(&ending), Some(false));
}

/// It serves two connections: it refuses the first call of each login that has `parameter`.
fn older_agent(method: &'static str, parameter: &'static str, expected: Value) -> PathBuf {
    let folder = tempfile::tempdir().unwrap().keep();
    let socket = folder.join("agent.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || {
        let error = "org.varlink.service.InvalidParameter";
        let refusal = json!({"error": error, "parameters": {"parameter": parameter}});
        let ended = json!({"messages": [], "outcome": "skipped"});
        let passed = json!({"parameters": {"session": "s1", "step": ended}});
        for (expects, reply) in [(None, refusal), (Some(expected), passed)] {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = FrameReader::new();
            let call: Value = serde_json::from_slice(reader.next(&mut stream).unwrap()).unwrap();
            assert_eq!(call["method"], format!("org.pam-mfa.Login.{method}"));
            match expects {
                Some(expected) => assert_eq!(call["parameters"], expected),
                None => assert!(!call["parameters"][parameter].is_null(), "{call}"),
            }
            stream.write_all(format!("{reply}\0").as_bytes()).unwrap();
        }
    });
    socket
}

fn arguments(socket: &std::path::Path) -> Arguments {
    let line = format!("socket={} timeout=1", socket.display());
    Arguments::parse(line.split_whitespace().map(str::as_bytes)).unwrap()
}

#[test]
fn while_a_package_is_upgraded_the_agent_before_it_still_serves_logins() {
    let expected = json!({"user": "alice", "service": "sshd", "tty": "ssh", "authtok": "none",
                          "after": ["publickey", "password"]});
    let socket = older_agent("Begin", "verified_keys", expected);
    let mut host = Script::new("alice");
    host.ssh_agent = Some(Ok("AAEC"));
    let ending = run(&arguments(&socket), &mut host);
    assert_eq!(ending, RelayResult::Decided(Outcome::Skipped));

    let expected = json!({"user": "alice", "service": "sshd", "tty": "ssh",
                          "after": ["publickey", "password"]});
    let socket = older_agent("Admit", "verified_keys", expected);
    let ending = admit(&arguments(&socket), &mut Script::new("alice"));
    assert_eq!(ending, RelayResult::Decided(Outcome::Skipped));
}
