//! Local users who try to make the agent fail or lie.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::time::Duration;

use mfa_tests::{Agent, Caller, Event, Key, Login, Machine, Running, Stack, built, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const EVE: &str = "mfat-eve";

/// Twenty processes with ten connections each, over and over: silent ones, dropped logins of their
/// own, and calls whose replies nobody reads. Ends with its input.
const FLOOD: &str = r#"
import os, signal, socket, sys
path, user = sys.argv[1:3]
begin = b'{"method":"org.pam-mfa.Login.Begin","parameters":{"user":"%s","service":"su"}}\0' % user.encode()
info = b'{"method":"org.varlink.service.GetInfo"}\0' * 50
def flood():
    while True:
        held = []
        for n in range(10):
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(0.05)
            try:
                s.connect(path)
                s.sendall([b'', begin, info][n % 3])
            except OSError:
                pass
            held.append(s)
        for s in held:
            s.close()
children = []
for _ in range(20):
    child = os.fork()
    if child == 0:
        flood()
    children.append(child)
print('begun', flush=True)
sys.stdin.read()
for child in children:
    os.kill(child, signal.SIGKILL)
"#;

/// Begins logins of its own user and drops them, as often as it is told.
const DROPS: &str = r#"
import socket, sys
path, user, times = sys.argv[1:4]
begin = b'{"method":"org.pam-mfa.Login.Begin","parameters":{"user":"%s","service":"su"}}\0' % user.encode()
print('begun', flush=True)
for _ in range(int(times)):
    s = socket.socket(socket.AF_UNIX)
    try:
        s.connect(path)
        s.sendall(begin)
        s.recv(65536)
    except OSError:
        pass
    s.close()
"#;

/// A Python script that `EVE` runs; it has begun when this returns.
struct Script(Child);

impl Script {
    fn start(machine: &Machine, agent: &Agent, script: &str, arguments: &[&str]) -> Self {
        let mut child = machine
            .as_user(EVE, "/usr/bin/python3")
            .args(["-c", script])
            .arg(agent.socket())
            .arg(EVE)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("setpriv");
        let stdout = child.stdout.as_mut().expect("a pipe");
        stdout.read_exact(&mut [0; 5]).expect("a beginning");
        Self(child)
    }

    fn end(mut self) {
        drop(self.0.stdin.take());
        self.0.wait().expect("an end");
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// A stack that lets in every user that the module does not refuse.
fn lenient(agent: &Agent, timeout: u32) -> Stack {
    let module = built().module.display();
    let socket = agent.socket().display();
    Stack::of(&format!(
        "auth [success=ok ignore=ignore default=die] {module} socket={socket} \
         timeout={timeout} on_unavailable=ignore\nauth required pam_permit.so\n"
    ))
}

fn threads(agent: &Agent) -> usize {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", agent.pid()));
    tasks.expect("a process").count()
}

#[test]
fn a_flood_of_connections_does_not_bypass_the_second_factor() {
    const CONNECTIONS: usize = 64;
    const VICTIMS: usize = 40;
    Machine::run(|machine| {
        machine.user(EVE, "e");
        let mut agent = Agent::start();
        agent.restart_with_server(&format!("max_connections = {CONNECTIONS}"));
        let victims: Vec<String> = (0..VICTIMS).map(|n| format!("anna{n}")).collect();
        let mut admin = agent.admin();
        admin.pin(EVE, "4826");
        let keys: Vec<Key> = victims.iter().map(|user| admin.device(user)).collect();
        drop(admin);
        // An agent that is mute for this long counts as absent, however busy the machine is.
        let stack = lenient(&agent, 60);
        let flood = Script::start(machine, &agent, FLOOD, &[]);
        let mut most_threads = 0;
        for (user, key) in victims.iter().zip(&keys) {
            let login = Login::of(user).answer(&key.wrong_code());
            let seen = login.run(&stack);
            assert_ne!(seen.result(), "PAM_SUCCESS", "{seen:?}");
            most_threads = most_threads.max(threads(&agent));
        }
        flood.end();
        assert!(most_threads < CONNECTIONS + 100, "{most_threads} threads");
        let log = agent.log().len();
        assert!(log < 1 << 20, "{log} bytes of log");
        eventually("a login once they are gone", || {
            let seen = Login::of("anna0").answer(&keys[0].code(0)).run(&stack);
            (seen.result() == "PAM_SUCCESS").then_some(())
        });
    });
}

#[test]
fn programs_of_root_reach_the_agent_while_a_user_floods_it() {
    const VICTIMS: usize = 10;
    Machine::run(|machine| {
        machine.user(EVE, "e");
        let agent = Agent::start();
        let mut admin = agent.admin();
        admin.pin(EVE, "4826");
        let users: Vec<String> = (0..VICTIMS).map(|n| format!("anna{n}")).collect();
        let keys: Vec<Key> = users.iter().map(|user| admin.device(user)).collect();
        drop(admin);
        // An agent that is mute for this long counts as absent, however busy the machine is.
        let stack = lenient(&agent, 60);
        let flood = Script::start(machine, &agent, FLOOD, &[]);
        for (user, key) in users.iter().zip(&keys) {
            let seen = Login::of(user).answer(&key.code(0)).run(&stack);
            assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
            assert_eq!(seen.prompts().len(), 1, "it was asked: {seen:?}");
            assert_eq!(agent.admin().status(user).failures, 0);
        }
        flood.end();
    });
}

/// `su` runs as root and in its user's group.
const AS_SU: [&str; 3] = ["setpriv", "--regid=64001", "--clear-groups"];

#[test]
fn logins_left_at_the_prompt_take_no_places_of_others_and_let_nobody_in() {
    let mut agent = Agent::start();
    agent.restart_with_server("max_connections = 32\nmax_connections_per_user = 2");
    let mut admin = agent.admin();
    admin.pin("eve", "4826");
    let key = admin.device("anna");
    drop(admin);
    let stack = lenient(&agent, 10);
    let left: Vec<Running> = (0..4)
        .map(|_| {
            let mut login = Login::of("eve").under(&AS_SU).start(&stack);
            login.await_prompt();
            login
        })
        .collect();
    for (user, wrapper) in [("eve", &AS_SU[..]), ("bob", &AS_SU), ("eve", &[])] {
        let seen = Login::of(user).under(wrapper).answer("0000").run(&stack);
        assert_eq!(seen.result(), "PAM_AUTHINFO_UNAVAIL", "{user}: {seen:?}");
        assert!(seen.prompts().is_empty(), "{user}: {seen:?}");
    }
    let seen = Login::of("anna").answer(&key.code(0)).run(&stack);
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert_eq!(agent.admin().status("eve").failures, 0);
    for login in left {
        login.kill();
    }
}

#[test]
fn programs_that_a_user_started_take_no_room_of_others_in_the_same_group() {
    let mut agent = Agent::start();
    agent.restart_with_server("max_connections = 32\nmax_connections_per_user = 2");
    let mut admin = agent.admin();
    for user in ["u0", "u1", "u2", "u3", "u4"] {
        admin.pin(user, "4826");
    }
    drop(admin);
    let stack = Stack::asking(&agent);
    let begin = |user: &str, uid: u32, gid: u32| {
        let (uid, gid) = (format!("--ruid={uid}"), format!("--regid={gid}"));
        let as_su = ["setpriv", &uid, &gid, "--clear-groups"];
        Login::of(user).under(&as_su).start(&stack)
    };
    let mut left = Vec::new();
    // As sg(1) does it, of which nobody gets another share.
    for (user, gid) in [("u0", 100), ("u1", 100), ("u2", 64_003), ("u3", 0)] {
        let mut login = begin(user, 64_001, gid);
        login.await_prompt();
        left.push(login);
    }
    for gid in [100, 64_003, 64_004, 0] {
        let seen = begin("u4", 64_001, gid).finish();
        assert!(seen.prompts().is_empty(), "{gid}: {seen:?}");
    }
    let mut other = begin("u4", 64_002, 100);
    other.await_prompt();
    other.answer("4826");
    assert_eq!(other.finish().result(), "PAM_SUCCESS");
    for login in left {
        login.kill();
    }
}

/// Each of twenty user ids opens a connection and holds it; prints how many were turned away.
const NAMELESS: &str = r#"
import os, socket, sys
told = 0
for uid in range(1000200, 1000220):
    s = socket.socket(socket.AF_UNIX)
    os.setresuid(0, uid, 0)
    s.connect(sys.argv[1])
    os.setresuid(0, 0, 0)
    try:
        s.sendall(b'{"method":"org.varlink.service.GetInfo"}\0')
        told += b'"vendor"' not in s.recv(65536)
    except OSError:
        told += 1
    globals()[f's{uid}'] = s
print(f'{told:5}', flush=True)
sys.stdin.read()
"#;

#[test]
fn user_ids_without_a_name_share_one_quota_and_users_keep_theirs() {
    Machine::run(|machine| {
        machine.user(EVE, "e");
        let mut agent = Agent::start();
        agent.restart_with_server("max_connections_per_user = 4");
        agent.admin().pin(EVE, "4826");
        let mut crowd = std::process::Command::new("/usr/bin/python3")
            .args(["-c", NAMELESS])
            .arg(agent.socket())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3");
        let mut told = [0; 5];
        let stdout = crowd.stdout.as_mut().expect("a pipe");
        stdout.read_exact(&mut told).expect("a count");
        assert_eq!(std::str::from_utf8(&told).unwrap().trim(), "16");
        let mut eve = Caller::of(machine, &agent, EVE);
        let status = eve.refusal("org.pam-mfa.Admin.Status", &serde_json::json!({}));
        assert_eq!(status, "", "a user with a name is served");
        drop(crowd.stdin.take());
        crowd.wait().expect("an end");
    });
}

#[test]
fn a_client_that_reads_no_replies_does_not_keep_the_agent_from_stopping() {
    let mut agent = Agent::start();
    let mut stream = UnixStream::connect(agent.socket()).unwrap();
    stream
        .set_write_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    let call = br#"{"method":"org.varlink.service.GetInterfaceDescription","parameters":{"interface":"org.pam-mfa.Admin"}}"#;
    let calls = [&call[..], b"\0"].concat().repeat(1000);
    // Until the agent, whose writes block, stops reading, too.
    let stuck = (0..1000).any(|_| stream.write_all(&calls).is_err());
    assert!(stuck, "the agent takes calls without end");
    let status = agent.terminate();
    assert!(status.success(), "{status}: {}", agent.log());
}

/// The only outcome of Eve's own login, with the claims of her process.
fn claimed(machine: &Machine, agent: &Agent) -> (Vec<String>, Event) {
    let stack = Stack::asking(agent);
    stack.open_to_all();
    let uid = machine.uid(EVE);
    let (reuid, regid) = (format!("--reuid={uid}"), format!("--regid={uid}"));
    let seen = Login::of(EVE)
        .service("sshd")
        .from("192.0.2.7")
        .on("tty1")
        .under(&["setpriv", &reuid, &regid, "--init-groups"])
        .answer("0000")
        .run(&stack);
    let prompts = seen.prompts().iter().map(|&p| p.to_owned()).collect();
    let events = agent.logins_of(EVE, 1);
    assert_eq!(events.len(), 1, "{events:?}");
    (prompts, events[0].clone())
}

#[test]
fn claims_of_an_unprivileged_caller_decide_nothing_and_are_logged_as_claims() {
    for condition in ["from = [\"192.0.2.0/24\"]", "tty = [\"tty1\"]"] {
        Machine::run(move |machine| {
            machine.user(EVE, "e");
            let agent = Agent::with(&format!("[[rule]]\n{condition}\naction = \"skip\"\n"));
            agent.admin().pin(EVE, "4826");
            let (prompts, event) = claimed(machine, &agent);
            assert_eq!(prompts, ["PIN: "], "{condition}: {event:?}");
            assert_eq!(event.number("by_uid"), Some(machine.uid(EVE).into()));
            assert_eq!(event.text("rhost"), "", "{event:?}");
            assert_eq!(event.text("tty"), "", "{event:?}");
            // The claims of a program of root are trusted.
            let login = Login::of(EVE).from("192.0.2.7").on("tty1");
            let seen = login.run(&Stack::asking(&agent));
            assert!(seen.prompts().is_empty(), "{condition}: {seen:?}");
            let told = agent.logins_of(EVE, 2).pop().unwrap();
            assert_eq!(
                (told.text("rhost"), told.text("tty")),
                ("192.0.2.7", "tty1")
            );
        });
    }
}

#[test]
fn a_byte_now_and_then_does_not_keep_a_login_open() {
    let mut agent = Agent::start();
    agent.restart_with_server("login_timeout = \"3s\"");
    agent.admin().pin("anna", "4826");
    let mut stream = UnixStream::connect(agent.socket()).unwrap();
    let begin =
        br#"{"method":"org.pam-mfa.Login.Begin","parameters":{"user":"anna","service":"su"}}"#;
    stream.write_all(&[&begin[..], b"\0"].concat()).unwrap();
    let dripping = std::thread::spawn(move || {
        while stream.write_all(b" ").is_ok() {
            std::thread::sleep(Duration::from_secs(1));
        }
    });
    let events = agent.logins_of("anna", 1);
    assert_ne!(events[0].text("result"), "passed");
    agent.kill_9();
    dripping.join().unwrap();
}

#[test]
fn a_thousand_dropped_logins_lose_no_lines_of_others() {
    Machine::run(|machine| {
        machine.user(EVE, "e");
        let agent = Agent::start();
        agent.admin().pin(EVE, "4826");
        let victims: Vec<String> = (0..50).map(|n| format!("anna{n}")).collect();
        let wrong = {
            let mut admin = agent.admin();
            victims
                .iter()
                .map(|user| admin.device(user).wrong_code())
                .collect::<Vec<_>>()
        };
        let stack = Stack::asking(&agent);
        let droppers: Vec<Script> = (0..4)
            .map(|_| Script::start(machine, &agent, DROPS, &["1000"]))
            .collect();
        for (user, wrong) in victims.iter().zip(&wrong) {
            let seen = Login::of(user).answer(wrong).run(&stack);
            assert_eq!(seen.result(), "PAM_AUTH_ERR", "{seen:?}");
        }
        droppers.into_iter().for_each(Script::end);
        for user in &victims {
            let events = agent.logins_of(user, 1);
            assert_eq!(events[0].text("result"), "wrong", "{events:?}");
        }
    });
}

/// Its user can stop `su` between any two steps of the module.
#[test]
fn a_host_program_stopped_by_its_user_past_the_time_out_is_no_outage() {
    let agent = Agent::start();
    let key = agent.admin().device("anna");
    let stack = lenient(&agent, 1);
    // Each one is stopped sooner or later; there is no telling where that hits it.
    let mut stopped: Vec<Running> = Vec::new();
    for round in 0..80 {
        let running = Login::of("anna").start(&stack);
        std::thread::sleep(Duration::from_micros(300 + 100 * round));
        signal(&running, Signal::SIGSTOP);
        stopped.push(running);
    }
    std::thread::sleep(Duration::from_millis(1100));
    for mut running in stopped {
        signal(&running, Signal::SIGCONT);
        running.answer(&key.wrong_code());
        let seen = running.finish();
        assert_ne!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    }
}

fn signal(running: &Running, signal: Signal) {
    let pid = Pid::from_raw(running.pid().cast_signed());
    // It may have ended already.
    let _ = kill(pid, signal);
}
