//! The kernel's peer credentials decide which users a caller may ask about.

use mfa_protocol::admin::{
    EnrollDeviceParameters, EnrollKey, EnrollKeyParameters, EnrollPin, EnrollPinParameters,
    EnrollTotp, Explain, ExplainParameters, ImportEntry, ImportKeys, ImportKeysParameters,
    ImportParameters, ImportUris, Keys, Lockouts, PageParameters, Remove, RemoveParameters, Status,
    Unlock, UnlockParameters, UserParameters, Users,
};
use mfa_protocol::factor::Authenticator;
use mfa_protocol::message::Method;
use mfa_tests::{Agent, Login, Machine, Output, Seen, Stack, built, run, run_with_input};

const ANNA: &str = "mfat-anna";
const EVE: &str = "mfat-eve";
const PIN: &str = "4826";
/// The public half of a security key.
const KEY: &str = "sk-ssh-ed25519@openssh.com \
    AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIAqYYOyTMdO9s2KUqjLlL1HdZH7SKdYpTjqQqYYP3pRZAAAABHNzaDo=";

/// Two users with the same PIN, and an agent of root.
fn set_up(machine: &Machine, settings: &str) -> Agent {
    machine.user(ANNA, "a");
    machine.user(EVE, "e");
    let agent = Agent::with(settings);
    agent.admin().pin(ANNA, PIN);
    agent.admin().pin(EVE, PIN);
    agent
}

fn prefix(machine: &Machine, user: &str) -> [String; 4] {
    let uid = machine.uid(user);
    let ids = [format!("--reuid={uid}"), format!("--regid={uid}")];
    let [reuid, regid] = ids;
    [
        "setpriv".to_owned(),
        reuid,
        regid,
        "--init-groups".to_owned(),
    ]
}

/// A login for `target` by a process of `caller`.
fn log_in(machine: &Machine, agent: &Agent, caller: &str, target: &str, answer: &str) -> Seen {
    let stack = Stack::asking(agent);
    stack.open_to_all();
    let prefix = prefix(machine, caller);
    let prefix: Vec<&str> = prefix.iter().map(String::as_str).collect();
    Login::of(target).under(&prefix).answer(answer).run(&stack)
}

/// A raw call by a process of `caller`; returns the raw reply.
fn call<M: Method>(machine: &Machine, agent: &Agent, caller: &str, with: &M::Parameters) -> String {
    let request = serde_json::json!({ "method": M::NAME, "parameters": with }).to_string();
    let script = "import socket, sys\n\
        s = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n\
        s.sendall(sys.stdin.buffer.read() + b'\\0')\nr = b''\n\
        while not r.endswith(b'\\0'):\n\
        \x20 d = s.recv(65536)\n\
        \x20 if not d: break\n\
        \x20 r += d\n\
        print(r.rstrip(b'\\0').decode())\n";
    let prefix = prefix(machine, caller);
    let mut command = std::process::Command::new(&prefix[0]);
    command
        .args(&prefix[1..])
        .args(["/usr/bin/python3", "-c", script])
        .arg(agent.socket());
    let output = run_with_input(&mut command, &request);
    assert!(output.is_success(), "{output:?}");
    output.stdout
}

fn mfactl_as(machine: &Machine, agent: &Agent, caller: &str, arguments: &[&str]) -> Output {
    let prefix = prefix(machine, caller);
    let program = &built().mfactl;
    let mut command = std::process::Command::new(&prefix[0]);
    command.args(&prefix[1..]).arg(program);
    command
        .arg("--socket")
        .arg(agent.socket())
        .arg("--json")
        .args(arguments);
    run(&mut command)
}

#[test]
fn an_unprivileged_process_verifies_its_own_user() {
    Machine::run(|machine| {
        let agent = set_up(machine, "");
        let seen = log_in(machine, &agent, ANNA, ANNA, PIN);
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
        let event = &agent.logins_of(ANNA, 1)[0];
        assert_eq!(event.text("result"), "passed");
    });
}

#[test]
fn an_unprivileged_process_verifies_nobody_else_and_spends_no_attempts() {
    Machine::run(|machine| {
        let agent = set_up(machine, "");
        for answer in [PIN, "0000", "0000", "0000", "0000", "0000", "0000"] {
            let seen = log_in(machine, &agent, EVE, ANNA, answer);
            assert_ne!(seen.result(), "PAM_SUCCESS", "{seen:?}");
            assert!(seen.prompts().is_empty(), "{seen:?}");
        }
        let account = agent.admin().status(ANNA);
        assert_eq!((account.failures, account.locked_until), (0, None));
        assert_eq!(agent.admin().status(EVE).failures, 0);
        let seen = Login::of(ANNA).answer(PIN).run(&Stack::asking(&agent));
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    });
}

#[test]
fn other_spellings_and_unknown_users_count_as_somebody_else_too() {
    Machine::run(|machine| {
        let agent = set_up(machine, "");
        for target in [
            "root",
            "mfat-nobody",
            "MFAT-ANNA",
            " mfat-anna",
            "mfat-anna ",
            "0",
        ] {
            let seen = log_in(machine, &agent, EVE, target, PIN);
            assert_ne!(seen.result(), "PAM_SUCCESS", "{target}: {seen:?}");
            assert!(seen.prompts().is_empty(), "{target}: {seen:?}");
        }
    });
}

#[test]
fn a_trusted_user_asks_for_anyone_but_administers_nobody() {
    Machine::run(|machine| {
        let agent = set_up(machine, "");
        agent.trust(EVE);
        let seen = mfa_tests::eventually("the new settings to hold", || {
            let seen = log_in(machine, &agent, EVE, ANNA, PIN);
            (seen.result() == "PAM_SUCCESS").then_some(seen)
        });
        assert_eq!(seen.prompts().len(), 1);
        let reply = call::<Unlock>(
            machine,
            &agent,
            EVE,
            &UnlockParameters { user: ANNA.into() },
        );
        assert!(reply.contains("org.pam-mfa.Admin.NotAllowed"), "{reply}");
    });
}

#[test]
fn administrators_methods_refuse_an_unprivileged_caller() {
    Machine::run(|machine| {
        let agent = set_up(machine, "");
        let before = agent.admin().status(ANNA);
        let anna = Some(ANNA.to_owned());
        let device = EnrollDeviceParameters {
            user: anna.clone(),
            ..Default::default()
        };
        let removal = RemoveParameters {
            user: anna.clone(),
            factor: Authenticator::Pin,
            label: None,
        };
        let entry = ImportEntry {
            line: 1,
            user: ANNA.to_owned(),
            uri: mfa_tests::Key::new().uri(ANNA).as_str().into(),
        };
        let explain = ExplainParameters {
            user: ANNA.into(),
            service: "x".into(),
            ..Default::default()
        };
        let key = EnrollKeyParameters {
            user: anna.clone(),
            key: KEY.to_owned(),
            label: None,
            confirm: true,
        };
        let keys = ImportKeysParameters {
            user: ANNA.to_owned(),
            ..Default::default()
        };
        let replies = [
            call::<Status>(machine, &agent, EVE, &UserParameters { user: anna.clone() }),
            call::<Users>(machine, &agent, EVE, &PageParameters::default()),
            call::<Lockouts>(machine, &agent, EVE, &PageParameters::default()),
            call::<Unlock>(
                machine,
                &agent,
                EVE,
                &UnlockParameters { user: ANNA.into() },
            ),
            call::<EnrollTotp>(machine, &agent, EVE, &device),
            call::<EnrollPin>(
                machine,
                &agent,
                EVE,
                &EnrollPinParameters {
                    user: anna,
                    pin: "7391".into(),
                },
            ),
            call::<Remove>(machine, &agent, EVE, &removal),
            call::<ImportUris>(
                machine,
                &agent,
                EVE,
                &ImportParameters {
                    entries: vec![entry],
                    dry_run: false,
                },
            ),
            call::<Explain>(machine, &agent, EVE, &explain),
            call::<Keys>(machine, &agent, EVE, &PageParameters::default()),
            call::<EnrollKey>(machine, &agent, EVE, &key),
            call::<ImportKeys>(machine, &agent, EVE, &keys),
        ];
        for reply in replies {
            assert!(
                reply.contains("\"error\":\"org.pam-mfa.Admin.NotAllowed\""),
                "{reply}"
            );
        }
        assert_eq!(agent.admin().status(ANNA), before);
    });
}

#[test]
fn a_user_changes_their_own_factors_only_once_verified_on_the_same_connection() {
    Machine::run(|machine| {
        let agent = set_up(machine, "");
        let before = agent.admin().status(EVE);
        let pin = EnrollPinParameters {
            user: None,
            pin: "7391".into(),
        };
        let reply = call::<EnrollPin>(machine, &agent, EVE, &pin);
        assert!(reply.contains("org.pam-mfa.Admin.NotVerified"), "{reply}");
        let removal = RemoveParameters {
            user: None,
            factor: Authenticator::Pin,
            label: None,
        };
        let reply = call::<Remove>(machine, &agent, EVE, &removal);
        assert!(reply.contains("org.pam-mfa.Admin.NotVerified"), "{reply}");
        assert_eq!(agent.admin().status(EVE), before);
        let reply = call::<Status>(machine, &agent, EVE, &UserParameters::default());
        assert!(reply.contains(&format!("\"user\":\"{EVE}\"")), "{reply}");
    });
}

#[test]
fn the_command_line_refuses_an_unprivileged_caller() {
    Machine::run(|machine| {
        let agent = set_up(machine, "");
        for arguments in [
            &["unlock", ANNA][..],
            &["status", ANNA],
            &["users"],
            &["lockouts"],
        ] {
            let output = mfactl_as(machine, &agent, EVE, arguments);
            assert_eq!(output.status, Some(1), "{arguments:?}: {output:?}");
        }
        let output = mfactl_as(machine, &agent, EVE, &["status"]);
        assert_eq!(output.status, Some(0), "{output:?}");
        assert!(output.stdout.contains(EVE), "{output:?}");
    });
}

#[test]
fn nobody_else_can_read_stored_files() {
    Machine::run(|machine| {
        let agent = set_up(machine, "");
        for name in ["store", "key", "key.store", "audit.jsonl"] {
            let path = agent.folder().join(name);
            let prefix = prefix(machine, EVE);
            let mut command = std::process::Command::new(&prefix[0]);
            let is_folder = path.is_dir();
            command
                .args(&prefix[1..])
                .arg(if is_folder { "ls" } else { "cat" })
                .arg(&path);
            let output = run(&mut command);
            assert!(!output.is_success(), "{name} is open to others: {output:?}");
        }
    });
}
