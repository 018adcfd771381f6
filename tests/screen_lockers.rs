//! A screen locker runs as the user whose screen it locks, without privileges: it may ask for that
//! user and nobody else, and sees nothing useful to an attacker.

use std::fs;
use std::path::Path;

use mfa_tests::{Agent, Key, Login, Machine, Pty, Stack, Transcript, run};

const PASSWORD: &str = "correct horse";
const ANNA: &str = "mfat-anna";
const BERT: &str = "mfat-bert";

fn set_up(machine: &Machine) -> (Agent, Key, Key) {
    machine.user(ANNA, PASSWORD);
    machine.user(BERT, "battery staple");
    machine.shipped_stack("vlock");
    let agent = Agent::at_default_socket("");
    let (anna, bert) = (agent.admin().device(ANNA), agent.admin().device(BERT));
    (agent, anna, bert)
}

/// vlock as Anna runs it, without the privileges that Debian gives it.
fn locker(machine: &Machine) -> Pty {
    let program = "/run/home/vlock";
    fs::copy("/usr/sbin/vlock-main", program).expect("vlock is missing: run tests/install-needs");
    let mode: fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(program, mode).unwrap();
    let uid = machine.uid(ANNA);
    let (reuid, regid) = (format!("--reuid={uid}"), format!("--regid={uid}"));
    let user = format!("USER={ANNA}");
    let message = "VLOCK_MESSAGE=This terminal is now locked. Please press [ENTER] to unlock.";
    let command = [
        &reuid,
        &regid,
        "--init-groups",
        "env",
        &user,
        message,
        program,
    ];
    Pty::spawn("setpriv", &command)
}

#[test]
fn an_unprivileged_locker_opens_by_password_and_code_of_its_user() {
    Machine::run(|machine| {
        let (agent, anna, _) = set_up(machine);
        let mut vlock = locker(machine);
        vlock.expect("ENTER");
        vlock.send("");
        vlock.answer("Password: ", PASSWORD);
        vlock.answer("OTP code: ", &anna.code(0));
        let (shown, status) = vlock.finish();
        assert_eq!(
            status,
            Some(0),
            "{shown} {:?} {}",
            machine.syslog(),
            agent.log()
        );
        Transcript::of(&shown).assert("vlock");
        let event = &agent.logins_of(ANNA, 1)[0];
        assert_eq!(event.text("result"), "passed");
        assert_eq!(event.json()["unprivileged"], true);
    });
}

#[test]
fn a_locker_stays_closed_after_a_wrong_code() {
    Machine::run(|machine| {
        let (agent, anna, _) = set_up(machine);
        let mut vlock = locker(machine);
        vlock.expect("ENTER");
        vlock.send("");
        vlock.answer("Password: ", PASSWORD);
        vlock.answer("OTP code: ", &anna.wrong_code());
        // vlock continues after any failure, but Anna's process may not ask for root's code.
        vlock.answer("root's Password: ", PASSWORD);
        vlock.expect("ENTER");
        vlock.kill();
        Transcript::of(vlock.shown()).assert("vlock-wrong-code");
        assert_eq!(agent.admin().status(ANNA).failures, 1);
    });
}

#[test]
fn a_locker_that_is_given_the_password_at_both_prompts_locks_nobody() {
    Machine::run(|machine| {
        let (agent, anna, _) = set_up(machine);
        let uid = machine.uid(ANNA);
        let (reuid, regid) = (format!("--reuid={uid}"), format!("--regid={uid}"));
        let as_anna = ["setpriv", &reuid, &regid, "--init-groups"];
        let stack = Stack::of_host();
        let unlock = |second: &str| {
            let login = Login::of(ANNA).service("vlock").under(&as_anna);
            login.answer(PASSWORD).answer(second).run(&stack)
        };
        for tried in 1..=7 {
            let seen = unlock(PASSWORD);
            assert_eq!(seen.result(), "PAM_CONV_ERR", "{seen:?}");
            let events = agent.logins_of(ANNA, tried);
            let reason = events[tried - 1].text("reason");
            assert!(reason.contains("examples/pam.d/password+code"), "{reason}");
        }
        assert_eq!(agent.admin().status(ANNA).failures, 0);
        assert_eq!(unlock(&anna.code(0)).result(), "PAM_SUCCESS");
    });
}

#[test]
fn a_program_of_one_user_can_not_ask_for_another_nor_spend_their_attempts() {
    Machine::run(|machine| {
        let (agent, _, bert) = set_up(machine);
        let stack = Stack::asking(&agent);
        stack.open_to_all();
        let uid = machine.uid(ANNA).to_string();
        for code in [bert.wrong_code(), bert.code(0)] {
            let seen = Login::of(BERT)
                .service("vlock")
                .under(&[
                    "setpriv",
                    "--reuid",
                    &uid,
                    "--regid",
                    &uid,
                    "--clear-groups",
                ])
                .answer(&code)
                .run(&stack);
            assert_eq!(seen.result(), "PAM_AUTHINFO_UNAVAIL", "{seen:?}");
        }
        let status = agent.admin().status(BERT);
        assert_eq!((status.failures, status.locked_until), (0, None));
    });
}

#[test]
fn no_file_of_the_agent_can_be_read_by_the_user_it_serves() {
    Machine::run(|machine| {
        let (agent, ..) = set_up(machine);
        let state = agent.folder();
        let pid = agent.pid();
        let mut files = vec![
            format!("/proc/{pid}/mem"),
            format!("/proc/{pid}/maps"),
            format!("/proc/{pid}/environ"),
            format!("/proc/{pid}/fd"),
        ];
        collect(state, &mut files);
        assert!(files.iter().any(|file| file.ends_with("key")), "{files:?}");
        assert!(files.len() > 7, "{files:?}");
        for file in files {
            let mut read = machine.as_user(ANNA, "head");
            let output = run(read.args(["-c1", "--", &file]));
            assert_ne!(output.status, Some(0), "{file}: {output:?}");
            assert!(output.stdout.is_empty(), "{file}: {output:?}");
        }
    });
}

/// Adds all files below `folder`.
fn collect(folder: &Path, into: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => collect(&path, into),
            // The socket is public, the settings have no secret, and the log is the test's own
            // file.
            false
                if path.ends_with("log")
                    || path.ends_with("agent.toml")
                    || path.extension().is_some_and(|e| e == "sock") => {}
            false => into.push(path.to_string_lossy().into_owned()),
        }
    }
}
