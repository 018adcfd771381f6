//! sshd in common configurations, and common uses of it: copying files, multiplexed connections,
//! scripts, and wrong codes.

use std::fs;
use std::path::Path;

use mfa_tests::{Agent, Key, Machine, Pty, Sshd, Transcript, built};

const PASSWORD: &str = "correct horse";
const USER: &str = "mfat-anna";
const BY_CONVERSATION: &str =
    "PasswordAuthentication no\nAuthenticationMethods keyboard-interactive";
/// More prompts than ssh's three.
const PROMPTS: [&str; 2] = ["-o", "NumberOfPasswordPrompts=9"];
/// ssh's default verbosity: it shows PAM's messages without a prompt.
const TALKATIVE: [&str; 2] = ["-o", "LogLevel=INFO"];

fn set_up(machine: &Machine, settings: &str, sshd: &str) -> (Agent, Key, Sshd) {
    machine.user(USER, PASSWORD);
    machine.shipped_stack("sshd");
    let agent = Agent::at_default_socket(settings);
    let key = agent.admin().device(USER);
    let sshd = Sshd::start(machine, sshd);
    (agent, key, sshd)
}

/// Answers for password and code.
fn answer_both(client: &mut Pty, code: &str) {
    client.answer("Password: ", PASSWORD);
    client.answer("OTP code: ", code);
}

fn keep(name: &str, shown: &str, sshd: &Sshd) {
    Transcript::of(shown)
        .masking(&sshd.port().to_string(), "PORT")
        .assert(name);
}

#[test]
fn what_the_user_sees_of_a_login_with_password_and_code() {
    Machine::run(|machine| {
        let (_agent, key, sshd) = set_up(machine, "", BY_CONVERSATION);
        let mut client = sshd.client(USER, &TALKATIVE);
        answer_both(&mut client, &key.code(0));
        let (shown, status) = client.finish();
        assert_eq!(status, Some(0));
        keep("sshd-password-and-code", &shown, &sshd);
    });
}

#[test]
fn what_the_user_sees_of_a_wrong_code_and_of_an_empty_one() {
    Machine::run(|machine| {
        let (agent, key, sshd) = set_up(machine, "", BY_CONVERSATION);
        let mut client = sshd.client(USER, &TALKATIVE);
        answer_both(&mut client, &key.wrong_code());
        let (shown, status) = client.finish();
        assert_ne!(status, Some(0));
        keep("sshd-wrong-code", &shown, &sshd);
        assert_eq!(agent.admin().status(USER).failures, 1);

        let mut client = sshd.client(USER, &TALKATIVE);
        answer_both(&mut client, "");
        let (shown, status) = client.finish();
        assert_ne!(status, Some(0));
        keep("sshd-empty-code", &shown, &sshd);
        assert_eq!(agent.admin().status(USER).failures, 1, "cancelled");
    });
}

#[test]
fn a_key_replaces_the_code_and_a_password_alone_does_not() {
    Machine::run(|machine| {
        let rule = "[[rule]]\nname = \"key\"\nservices = [\"sshd\"]\nafter = [\"publickey\"]\n\
                    action = \"skip\"\n";
        let methods = "PasswordAuthentication no\nAuthenticationMethods \
                       publickey,keyboard-interactive keyboard-interactive";
        let (agent, key, sshd) = set_up(machine, rule, methods);
        let identity = sshd.user_key();
        let mut client = sshd.client(USER, &["-i", &identity]);
        client.answer("Password: ", PASSWORD);
        client.expect("you are in");
        assert_eq!(client.finish().1, Some(0));
        assert_eq!(agent.logins_of(USER, 1)[0].text("rule"), "key");

        let mut client = sshd.client(USER, &["-o", "PubkeyAuthentication=no"]);
        answer_both(&mut client, &key.code(0));
        client.expect("you are in");
        assert_eq!(client.finish().1, Some(0));
    });
}

#[test]
fn a_user_who_is_not_asked_gets_in_by_the_key_alone_and_not_without_it() {
    Machine::run(|machine| {
        machine.user(USER, PASSWORD);
        let folder = built().tree.join("config/pam.d/sshd-publickey");
        machine.stack("sshd", &fs::read_to_string(folder).unwrap());
        let agent = Agent::at_default_socket("");
        let sshd = Sshd::start(
            machine,
            "PasswordAuthentication no\nAuthenticationMethods publickey,keyboard-interactive",
        );
        let identity = sshd.user_key();
        let skip = format!(
            "[[rule]]\nname = \"machines\"\nusers = [\"{USER}\"]\nservices = [\"sshd\"]\n\
             after = [\"publickey\"]\naction = \"skip\"\n"
        );
        for settings in [
            skip.as_str(),
            "[enforcement]\nunenrolled = \"allow\"\n",
            "[enforcement]\ngrace = \"14d\"\n",
            "[enforcement]\nmode = \"none\"\n",
        ] {
            let reload = agent.reload_with(settings);
            assert_eq!(reload.text("result"), "done", "{reload:?}");
            let mut client = sshd.client(USER, &["-i", &identity]);
            client.expect("you are in");
            assert_eq!(client.finish().1, Some(0), "{settings}");
            let client = sshd.client(USER, &["-o", "PubkeyAuthentication=no"]);
            assert_ne!(client.finish().1, Some(0), "{settings}: without the key");
        }
        let denied = format!("[[rule]]\nusers = [\"{USER}\"]\naction = \"deny\"\n");
        for settings in [denied.as_str(), ""] {
            let _ = agent.reload_with(settings);
            let options = ["-i", &identity, "-o", "BatchMode=yes"];
            assert_ne!(
                sshd.client(USER, &options).finish().1,
                Some(0),
                "{settings}"
            );
        }
    });
}

#[test]
fn root_refused_by_sshd_is_asked_all_the_same_and_no_failure_counts() {
    Machine::run(|machine| {
        let refusing = format!("{BY_CONVERSATION}\nPermitRootLogin no");
        let (agent, _, sshd) = set_up(machine, "", &refusing);
        // Both are always asked, so sshd's fake password reaches the agent.
        machine.stack(
            "sshd",
            "auth optional pam_unix.so nodelay\nauth required pam_mfa.so\n\
             account required pam_permit.so\n",
        );
        let root = agent.admin().device("root");
        for _ in 0..6 {
            let mut client = sshd.client("root", &[]);
            answer_both(&mut client, &root.code(0));
            let (shown, status) = client.finish();
            assert_ne!(status, Some(0), "{shown}");
        }
        let events = agent.logins_of("root", 6);
        assert!(
            events.iter().all(|e| e.text("result") == "cancelled"),
            "{events:?}"
        );
        let status = agent.admin().status("root");
        assert_eq!((status.failures, status.locked_until), (0, None));
    });
}

#[test]
fn no_failure_counts_for_a_user_whom_sshd_does_not_allow() {
    Machine::run(|machine| {
        let refusing = format!("{BY_CONVERSATION}\nDenyUsers {USER}");
        let (agent, _, sshd) = set_up(machine, "", &refusing);
        for _ in 0..6 {
            let mut client = sshd.client(USER, &[]);
            client.answer("Password: ", PASSWORD);
            let (shown, status) = client.finish();
            assert_ne!(status, Some(0), "{shown}");
            assert!(!shown.contains("OTP code"), "{shown}");
        }
        let status = agent.admin().status(USER);
        assert_eq!((status.failures, status.locked_until), (0, None));
    });
}

/// A file to copy, and the path of its copy.
fn files(folder: &Path) -> (String, String) {
    let original = folder.join("original");
    let bytes: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
    fs::write(&original, bytes).unwrap();
    let copy = format!("/run/home/{USER}/copy");
    (original.to_string_lossy().into_owned(), copy)
}

#[test]
fn scp_and_sftp_ask_for_the_code_and_copy() {
    Machine::run(|machine| {
        let sftp = format!("{BY_CONVERSATION}\nSubsystem sftp internal-sftp");
        let (agent, key, sshd) = set_up(machine, "", &sftp);
        let folder = tempfile::tempdir().unwrap();
        let (original, copy) = files(folder.path());
        let target = format!("{USER}@127.0.0.1:{copy}");
        let mut scp = sshd.copying("scp", &[&original, &target]);
        answer_both(&mut scp, &key.code(0));
        let (shown, status) = scp.finish();
        assert_eq!(status, Some(0), "{shown}");
        assert_eq!(fs::read(&original).unwrap(), fs::read(&copy).unwrap());

        let back = folder.path().join("back");
        let mut sftp = sshd.copying("sftp", &[&target, &back.to_string_lossy()]);
        answer_both(&mut sftp, &key.code(1));
        let (shown, status) = sftp.finish();
        assert_eq!(status, Some(0), "{shown}");
        assert_eq!(fs::read(&original).unwrap(), fs::read(&back).unwrap());
        assert_eq!(agent.logins_of(USER, 2).len(), 2);
    });
}

#[test]
fn one_code_opens_a_multiplexed_connection_as_ansible_uses_it() {
    Machine::run(|machine| {
        let (agent, key, sshd) = set_up(machine, "", BY_CONVERSATION);
        let folder = tempfile::tempdir().unwrap();
        let path = format!("ControlPath={}", folder.path().join("master").display());
        let shared = [
            "-o",
            "ControlMaster=auto",
            "-o",
            "ControlPersist=60",
            "-o",
            &path,
        ];
        let mut first = sshd.client(USER, &shared);
        answer_both(&mut first, &key.code(0));
        first.expect("you are in");
        for _ in 0..5 {
            let options = [&shared[..], &["-o", "BatchMode=yes"]].concat();
            let (shown, status) = sshd.client(USER, &options).finish();
            assert_eq!(status, Some(0), "{shown}");
            assert!(shown.contains("you are in"), "{shown}");
        }
        let (_, status) = sshd.client(USER, &["-O", "exit", "-o", &path]).finish();
        assert_eq!(status, Some(0), "the master ends");
        assert_eq!(agent.logins_of(USER, 1).len(), 1);
    });
}

#[test]
fn a_client_that_cannot_ask_fails_at_once_and_no_failure_counts() {
    Machine::run(|machine| {
        let (agent, _, sshd) = set_up(machine, "", BY_CONVERSATION);
        let (shown, status) = sshd
            .client(USER, &["-o", "BatchMode=yes", "-o", "LogLevel=INFO"])
            .finish();
        assert_ne!(status, Some(0));
        keep("sshd-batch-mode", &shown, &sshd);
        assert_eq!(agent.admin().status(USER).failures, 0);
    });
}

#[test]
fn a_connection_has_as_many_tries_as_sshd_allows_and_a_lock_ends_it_earlier() {
    Machine::run(|machine| {
        let generous = format!("{BY_CONVERSATION}\nMaxAuthTries 4");
        let (agent, key, sshd) = set_up(machine, "", &generous);
        let mut client = sshd.client(USER, &[PROMPTS, TALKATIVE].concat());
        for _ in 0..4 {
            answer_both(&mut client, &key.wrong_code());
        }
        let (shown, status) = client.finish();
        assert_ne!(status, Some(0));
        keep("sshd-four-wrong-codes", &shown, &sshd);
        assert_eq!(agent.admin().status(USER).failures, 4);

        // The fifth locks, and the right one after it is not verified.
        let mut client = sshd.client(USER, &[PROMPTS, TALKATIVE].concat());
        answer_both(&mut client, &key.wrong_code());
        answer_both(&mut client, &key.code(0));
        let (shown, status) = client.finish();
        assert_ne!(status, Some(0));
        keep("sshd-locked", &shown, &sshd);
        assert!(agent.admin().status(USER).locked_until.is_some());
        let results: Vec<String> = agent
            .logins_of(USER, 6)
            .iter()
            .map(|event| event.text("result").to_owned())
            .collect();
        assert_eq!(results[4..], ["wrong", "locked"], "{results:?}");
    });
}
