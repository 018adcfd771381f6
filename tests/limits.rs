//! Rule 7: everything is bounded, and a full table refuses and says so.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use mfa_protocol::{MAX_ANSWER, MAX_NAME};
use mfa_tests::{Agent, Login, Machine, Stack};

#[test]
fn answers_and_names_beyond_their_bounds_are_refused_and_cost_nothing() {
    let agent = Agent::start();
    let stack = Stack::asking(&agent);
    agent.admin().pin("anna", "4826");
    let seen = Login::of("anna")
        .answer(&"4".repeat(MAX_ANSWER + 1))
        .run(&stack);
    assert_ne!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    let long = "x".repeat(MAX_NAME + 1);
    for login in [
        Login::of(&long),
        Login::of("anna").service("mfa-test").from(&long),
        Login::of("anna").on(&long),
    ] {
        let seen = login.answer("4826").run(&stack);
        assert!(!seen.signalled, "{seen:?}");
    }
    assert_eq!(agent.admin().status("anna").failures, 0);
    let seen = Login::of("anna").answer("4826").run(&stack);
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
}

/// Opens as many connections as it may and holds them until its input ends.
const HOG: &str = r#"
import socket, sys
held = []
for _ in range(int(sys.argv[2])):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(0.2)
    try:
        s.connect(sys.argv[1])
    except OSError:
        continue
    held.append(s)
print(len(held), flush=True)
sys.stdin.read()
"#;

#[test]
fn a_user_with_many_connections_keeps_nobody_else_out() {
    Machine::run(|machine| {
        machine.user("mfat-eve", "e");
        let agent = Agent::start();
        agent.admin().pin("anna", "4826");
        let uid = machine.uid("mfat-eve");
        let mut hog = Command::new("setpriv")
            .args([
                &format!("--reuid={uid}"),
                "--clear-groups",
                "/usr/bin/python3",
                "-c",
                HOG,
            ])
            .arg(agent.socket())
            .arg("900")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("setpriv");
        let mut ready = [0; 1];
        hog.stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut ready)
            .expect("a count");
        let seen = Login::of("anna").answer("4826").run(&Stack::asking(&agent));
        hog.kill().unwrap();
        hog.wait().unwrap();
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
        // It names who hogs.
        agent.await_log(&uid.to_string());
    });
}

#[test]
fn many_connections_at_once_cost_bounded_memory_and_the_agent_continues() {
    let agent = Agent::start();
    agent.admin().pin("anna", "4826");
    let mut held = Vec::new();
    for _ in 0..800 {
        let Ok(mut stream) = UnixStream::connect(agent.socket()) else {
            break;
        };
        // Half a frame each, as large as allowed.
        stream
            .set_write_timeout(Some(std::time::Duration::from_millis(50)))
            .unwrap();
        let _ = stream.write_all(&[b' '; 60_000]);
        held.push(stream);
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", agent.pid())).unwrap();
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    let kib: usize = resident.trim().trim_end_matches(" kB").parse().unwrap();
    drop(held);
    assert!(kib < 256 * 1024, "{kib} KiB resident");
    mfa_tests::eventually("a login once they are gone", || {
        let seen = Login::of("anna").answer("4826").run(&Stack::asking(&agent));
        (seen.result() == "PAM_SUCCESS").then_some(())
    });
}

#[test]
fn threads_that_a_burst_leaves_idle_go_away_after_a_while() {
    let agent = Agent::start();
    let threads = || {
        let tasks = numbers(&agent, "task").into_iter();
        let name = |task| std::fs::read(format!("/proc/{}/task/{task}/comm", agent.pid()));
        let serves = |task| name(task).is_ok_and(|name| name == b"connection\n");
        tasks.filter(|task| serves(*task)).count()
    };
    let burst: Vec<_> = (0..40)
        .map(|_| UnixStream::connect(agent.socket()).unwrap())
        .collect();
    mfa_tests::eventually("a thread for each connection", || {
        (threads() > 40).then_some(())
    });
    drop(burst);
    // Four for each of the agent's two sockets.
    mfa_tests::eventually("as many threads as stay", || (threads() <= 8).then_some(()));
}

/// Limits the agent's open files.
fn limit_files(agent: &Agent, most: usize) {
    let done = Command::new("prlimit")
        .args([
            format!("--pid={}", agent.pid()),
            format!("--nofile={most}:"),
        ])
        .status();
    assert!(done.expect("prlimit").success());
}

/// The numbers in this folder of the agent's /proc.
fn numbers(agent: &Agent, folder: &str) -> Vec<usize> {
    let path = format!("/proc/{}/{folder}", agent.pid());
    let entries = std::fs::read_dir(path).expect("a folder of /proc");
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.ok()?.file_name().to_string_lossy().parse().ok()
    };
    entries.filter_map(name).collect()
}

/// The agent's answer to a caller that sends nothing.
fn hear(agent: &Agent) -> String {
    let mut stream = UnixStream::connect(agent.socket()).expect("a connection");
    let minute = std::time::Duration::from_secs(60);
    stream.set_read_timeout(Some(minute)).unwrap();
    let mut heard = Vec::new();
    stream
        .read_to_end(&mut heard)
        .expect("an answer and an end");
    String::from_utf8_lossy(&heard).into_owned()
}

#[test]
fn without_descriptors_callers_get_busy_and_neither_threads_nor_lines_grow() {
    let agent = Agent::start();
    agent.admin().pin("anna", "4826");
    let open = numbers(&agent, "fd");
    let first_free = (0..).find(|fd| !open.contains(fd)).unwrap();
    limit_files(&agent, first_free);
    // Waiting threads already have a descriptor for the next caller.
    let waiting: Vec<UnixStream> = (0..numbers(&agent, "task").len())
        .map(|_| UnixStream::connect(agent.socket()).expect("a connection"))
        .collect();
    agent.await_log("can't accept connections");
    let threads = numbers(&agent, "task").len();
    for caller in 0..50 {
        let heard = hear(&agent);
        assert!(
            heard.contains("org.pam-mfa.Login.Busy"),
            "{caller}: {heard}"
        );
    }
    let more = numbers(&agent, "task").len().saturating_sub(threads);
    assert!(more <= 1, "{more} threads more");
    agent.await_log("can't accept connections");
    let lines = agent.log().matches("can't accept connections").count();
    assert!((1..=20).contains(&lines), "{lines} lines");
    limit_files(&agent, 4096);
    drop(waiting);
    mfa_tests::eventually("a login with descriptors again", || {
        let seen = Login::of("anna").answer("4826").run(&Stack::asking(&agent));
        (seen.result() == "PAM_SUCCESS").then_some(())
    });
}
