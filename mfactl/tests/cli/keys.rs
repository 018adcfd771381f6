//! Security keys: enrolled by a line and a signature, imported, renamed, disabled and removed.

use std::fs::write;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output};
use std::thread::JoinHandle;

use data_encoding::BASE64;
use nix::unistd::getuid;
use serde_json::{Value, json};

use crate::person::Person;
use crate::support::{
    Agent, Exchange, account, admin, caller, mfactl, refused, run, stderr, stdout, value,
};

const SK: &str = "sk-ssh-ed25519@openssh.com \
    AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIAqYYOyTMdO9s2KUqjLlL1HdZH7SKdYpTjqQqYYP3pRZAAAABHNzaDo=";
const RSA: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAqYYOyTMdO9s2KUqjLlL1HdZH7SKdYpTjqQqYYP3pRZ";
const PRIVATE: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAAsecret\n";
const TYPE: &str = "sk-ssh-ed25519@openssh.com";
const FINGERPRINT: &str = "SHA256:PDE1CRe/v/lEiJ40apDykZt2233skBr/1BhcvHwm4J4";

fn key(label: &str) -> Value {
    json!({
        "label": label, "type": TYPE, "fingerprint": FINGERPRINT, "enabled": true,
        "enrolled_at": "2026-11-20T13:02:00Z", "last_used_at": null, "counter_back_at": null,
    })
}

fn stored(user: &str) -> Value {
    json!({"user": user, "key": key("yubikey"), "stored": true, "changed": true, "touch": false})
}

/// What the agent wants carried to the ssh-agent.
fn wants(user: &str, sign: &str, touch: bool) -> Value {
    json!({
        "user": user, "key": key("yubikey"), "stored": false, "changed": false, "sign": sign, "touch": touch,
    })
}

/// An ssh-agent that gives each of these replies to a message.
#[allow(clippy::unwrap_used, reason = "a part of tests")]
fn ssh_agent(socket: &Path, exchanges: Vec<(Vec<u8>, Vec<u8>)>) -> JoinHandle<()> {
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || {
        for (message, reply) in exchanges {
            let (mut stream, _) = listener.accept().unwrap();
            let mut length = [0; 4];
            stream.read_exact(&mut length).unwrap();
            let mut got = vec![0; u32::from_be_bytes(length) as usize];
            stream.read_exact(&mut got).unwrap();
            assert_eq!(got, message);
            let length = u32::try_from(reply.len()).unwrap().to_be_bytes();
            stream.write_all(&[&length[..], &reply].concat()).unwrap();
        }
    })
}

/// `SSH_AGENTC_SIGN_REQUEST` in the namespace of pam_mfa, in base64.
const SIGN: &str =
    "DQAAAAFrAAAAMFNTSFNJRwAAABNwYW0tbWZhQHBhbS1tZmEub3JnAAAAAAAAAAZzaGE1MTIAAAABaAAAAAA=";

/// Runs `mfactl` with this `SSH_AUTH_SOCK`.
fn with_ssh_agent(agent: &Agent, socket: Option<&Path>, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mfactl"));
    command.args(agent.places(arguments)).args(arguments);
    command.env_remove("SSH_AUTH_SOCK");
    if let Some(socket) = socket {
        command.env("SSH_AUTH_SOCK", socket);
    }
    run(command, input)
}

#[test]
fn an_administrator_enrols_another_user_s_key_at_once() {
    let enroll = |label: Value| {
        let mut parameters = json!({"user": "alice", "key": SK, "confirm": false});
        if !label.is_null() {
            parameters["label"] = label;
        }
        admin("EnrollKey", parameters, stored("alice"))
    };
    let agent = Agent::scripted(vec![enroll(json!("yubikey")), enroll(Value::Null)]);
    let line = ["--json", "enroll", "key", "alice", "--label", "yubikey"];
    let output = mfactl(&agent, &line, &format!("{SK} alice@laptop\n"));
    let expected = json!({
        "user": "alice", "factor": "key", "label": "yubikey", "type": TYPE, "fingerprint": FINGERPRINT, "changed": true,
    });
    assert_eq!((value(&output), output.status.code()), (expected, Some(0)));
    let output = mfactl(&agent, &["enroll", "key", "alice"], SK);
    assert_eq!(
        stdout(&output),
        format!("alice: security key \"yubikey\" enrolled\n{TYPE} {FINGERPRINT}\n")
    );
    agent.finish();
}

#[test]
fn one_s_own_key_signs_through_the_ssh_agent_before_it_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("ssh-agent");
    let user = caller();
    let agent = Agent::scripted(vec![
        admin(
            "EnrollKey",
            json!({"key": SK, "confirm": true}),
            wants(&user, "Cw==", false),
        ),
        admin(
            "ConfirmKey",
            json!({"signed": "DAAAAAA="}),
            wants(&user, SIGN, true),
        ),
        admin("ConfirmKey", json!({"signed": "DgI="}), stored(&user)),
    ]);
    let serving = ssh_agent(
        &socket,
        vec![
            (vec![11], vec![12, 0, 0, 0, 0]),
            (BASE64.decode(SIGN.as_bytes()).unwrap(), vec![14, 2]),
        ],
    );
    let output = with_ssh_agent(&agent, Some(&socket), &["enroll", "key"], SK);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(
        stderr(&output),
        "Touch your security key.\n",
        "once, and before the signature"
    );
    assert!(stdout(&output).contains("enrolled"));
    serving.join().unwrap();
    assert_eq!(agent.finish(), 1, "all on one connection");
}

#[test]
fn without_an_ssh_agent_nothing_is_stored_and_the_ways_out_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = folder.path().join("nobody");
    for socket in [None, Some(&*nobody), Some(Path::new("relative"))] {
        let user = caller();
        let parameters = json!({"key": SK, "confirm": true});
        let agent = Agent::scripted(vec![admin(
            "EnrollKey",
            parameters,
            wants(&user, "Cw==", false),
        )]);
        let output = with_ssh_agent(&agent, socket, &["enroll", "key"], SK);
        assert_eq!(output.status.code(), Some(1));
        let said = stderr(&output);
        let way_out = match getuid().is_root() {
            true => "--no-confirm",
            false => "ssh -A",
        };
        for words in ["Nothing was stored", "mfactl enroll key", way_out] {
            assert!(said.contains(words), "{said}");
        }
        agent.finish();
    }
}

#[test]
fn an_agent_that_wants_other_messages_carried_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("ssh-agent");
    // 19 would remove all keys of the ssh-agent.
    let wanted = wants(&caller(), "Ew==", false);
    let agent = Agent::scripted(vec![admin(
        "EnrollKey",
        json!({"key": SK, "confirm": true}),
        wanted,
    )]);
    let output = with_ssh_agent(&agent, Some(&socket), &["enroll", "key"], SK);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        stderr(&output).contains("neither keys nor a signature"),
        "{}",
        stderr(&output)
    );
    agent.finish();
}

#[test]
fn a_private_key_goes_nowhere_and_is_shown_nowhere() {
    let agent = Agent::scripted(vec![]);
    for (line, input) in [
        (&["enroll", "key", "alice"][..], PRIVATE),
        (&["--json", "enroll", "key", "alice"], PRIVATE),
        (&["import", "authorized-keys", "alice", "-"], PRIVATE),
        (
            &["enroll", "key", "alice"],
            "b3BlbnNzaC1rZXktdjEAAAAAsecret",
        ),
    ] {
        let output = mfactl(&agent, line, input);
        assert_eq!(output.status.code(), Some(1), "{line:?}");
        let said = stdout(&output) + &stderr(&output);
        assert!(
            said.contains("private key") && said.contains("Nothing was sent"),
            "{said}"
        );
        assert!(!said.contains("secret") && !said.contains("b3Bl"), "{said}");
    }
    let mut person = Person::runs(&agent, &["enroll", "key", "alice"]);
    person.types("it is not shown): ", PRIVATE);
    let (screen, code) = person.ends();
    assert_eq!(code, Some(1));
    assert!(screen.contains("private key"), "{screen}");
    assert!(
        !screen.contains("secret") && !screen.contains("BEGIN"),
        "{screen}"
    );
    agent.finish();
}

#[test]
fn what_is_no_key_alone_is_refused_before_anything_is_sent() {
    let agent = Agent::scripted(vec![]);
    for (input, words) in [
        (String::new(), "standard input ended"),
        ("# comment\n".to_owned(), "no public key"),
        ("nonsense\n".to_owned(), "no public key"),
        (
            format!("no-touch-required {SK}\n"),
            "options before the key",
        ),
    ] {
        let output = mfactl(&agent, &["enroll", "key", "alice"], &input);
        assert_ne!(output.status.code(), Some(0));
        assert!(
            stderr(&output).contains(words),
            "{input}: {}",
            stderr(&output)
        );
    }
    agent.finish();
}

/// The results of three lines.
fn results() -> Value {
    json!({"user": "alice", "results": [
        {"line": 2, "result": "stored", "label": "anna on the road", "fingerprint": FINGERPRINT},
        {"line": 3, "result": "left", "reason": "ssh-ed25519 is the type of a key in a file"},
    ]})
}

fn keys_of_a_file(dry_run: bool) -> Exchange {
    let mut parameters = json!({"user": "alice", "keys": [
        {"line": 2, "key": SK, "label": "anna on the road"},
        {"line": 3, "key": RSA},
    ]});
    if dry_run {
        parameters["dry_run"] = json!(true);
    }
    admin("ImportKeys", parameters, results())
}

#[test]
fn an_import_takes_what_the_agent_takes_and_names_each_line_that_it_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("authorized_keys");
    let text = format!(
        "# anna\nno-touch-required,from=\"a b\" {SK} anna on the road\n{RSA}\ncert-authority {SK}\n"
    );
    write(&file, text).unwrap();
    let line = ["import", "authorized-keys", "alice", file.to_str().unwrap()];
    let agent = Agent::scripted(vec![keys_of_a_file(false), keys_of_a_file(true)]);
    let output = mfactl(&agent, &line, "");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        stdout(&output),
        format!(
            "line 2, new: \"anna on the road\" sk-ssh-ed25519@openssh.com {FINGERPRINT}\nalice: 1 imported, 0 unchanged, 2 left, 0 refused\n"
        )
    );
    let said = stderr(&output);
    for words in [
        "line 3 left: ssh-ed25519 is the type",
        "line 4 left: cert-authority",
        "line 2: no-touch-required",
    ] {
        assert!(said.contains(words), "{said}");
    }
    let json = mfactl(&agent, &[&line[..], &["--json", "--dry-run"]].concat(), "");
    let report = value(&json);
    assert_eq!(
        (&report["stored"], &report["dry_run"]),
        (&json!(1), &json!(true))
    );
    assert_eq!(report["left"][1]["line"], 4);
    assert_eq!(report["keys"][0]["fingerprint"], FINGERPRINT);
    agent.finish();
}

#[test]
fn a_person_sees_a_trial_of_an_import_first() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("authorized_keys");
    write(&file, format!("\n{SK} anna on the road\n{RSA}\n")).unwrap();
    let line = ["import", "authorized-keys", "alice", file.to_str().unwrap()];
    for (answer, code) in [("no\n", 1), ("yes\n", 0)] {
        let mut script = vec![keys_of_a_file(true)];
        script.extend((code == 0).then(|| keys_of_a_file(false)));
        let agent = Agent::scripted(script);
        let mut person = Person::runs(&agent, &line);
        person.types("Import this? Type yes: ", answer);
        let (screen, ended) = person.ends();
        assert_eq!(ended, Some(code), "{screen}");
        let question = screen.find("Import this?").unwrap();
        for words in [
            "would import 1",
            "new: \"anna on the road\" sk-ssh-ed25519",
            FINGERPRINT,
        ] {
            let at = screen.find(words);
            assert!(at.is_some_and(|at| at < question), "{words}: {screen}");
        }
        agent.finish();
    }
}

#[test]
fn a_key_is_renamed_disabled_and_removed_by_name_or_fingerprint() {
    let status = || {
        let account = account(json!({"enrolled": ["key"], "keys": [key("yubikey")]}));
        admin(
            "Status",
            json!({"user": "alice"}),
            json!({ "account": account }),
        )
    };
    let agent = Agent::scripted(vec![
        status(),
        admin(
            "Rename",
            json!({"user": "alice", "factor": "key", "label": "yubikey", "to": "blue"}),
            json!({"user": "alice", "label": "blue", "changed": true}),
        ),
        admin(
            "EnableFactor",
            json!({"user": "alice", "factor": "key", "label": FINGERPRINT, "enabled": false}),
            json!({"user": "alice", "label": "blue", "changed": true, "note": null}),
        ),
        admin(
            "Remove",
            json!({"user": "alice", "factor": "key", "label": FINGERPRINT}),
            json!({"user": "alice", "removed": 1, "note": "sshd still accepts this key\nalice has nothing left"}),
        ),
    ]);
    let renamed = mfactl(&agent, &["rename", "key", "alice", "--to", "blue"], "");
    assert_eq!(
        stdout(&renamed),
        "alice: security key \"yubikey\" is now \"blue\"\n"
    );
    let disabled = mfactl(
        &agent,
        &["disable", "key", "alice", "--label", FINGERPRINT],
        "",
    );
    assert_eq!(stdout(&disabled), "alice: key \"blue\" is now disabled\n");
    let removed = mfactl(
        &agent,
        &["remove", "key", "alice", "--label", FINGERPRINT],
        "",
    );
    assert_eq!(
        stdout(&removed),
        format!(
            "alice: key \"{FINGERPRINT}\" removed\nsshd still accepts this key\nalice has nothing left\n"
        )
    );
    agent.finish();
}

#[test]
fn status_shows_keys_and_one_that_may_have_been_copied() {
    let mut back = key("blue");
    back["counter_back_at"] = json!("2020-01-02T03:04:05Z");
    back["enabled"] = json!(false);
    let account = account(json!({"enrolled": ["key"], "keys": [key("yubikey"), back]}));
    let reply = json!({ "account": account });
    let agent = Agent::scripted(vec![admin("Status", json!({"user": "alice"}), reply)]);
    let screen = stdout(&mfactl(&agent, &["status", "alice"], ""));
    for words in [
        "  key     yubikey          2026-11-20",
        "blue (disabled)",
        "  yubikey: sk-ssh-ed25519@openssh.com\n    SHA256:",
        "Security keys that may have been copied",
        "mfactl enable key alice --label \"blue\"",
    ] {
        assert!(screen.contains(words), "{words}: {screen}");
    }
    agent.finish();
}

#[test]
fn what_the_agent_refuses_is_said() {
    let parameters = json!({"user": "alice", "key": SK, "confirm": false});
    let agent = Agent::scripted(vec![refused("EnrollKey", parameters, "Refused", "no room")]);
    let output = mfactl(&agent, &["enroll", "key", "alice"], SK);
    assert_eq!(
        (output.status.code(), stderr(&output)),
        (Some(1), "mfactl: no room\n".to_owned())
    );
    agent.finish();
}
