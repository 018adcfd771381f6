//! The agent's life: readiness, new settings, shutdown, and systemd's socket.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mfa_protocol::LONGEST_SILENCE;
use mfa_tests::{Agent, Login, Stack, built, eventually, run};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The prompt shows which settings are active.
fn prompt(stack: &Stack) -> String {
    let seen = Login::of("anna").run(stack);
    seen.prompts()
        .first()
        .map(|p| (*p).to_owned())
        .unwrap_or_default()
}

fn agent_with_prompt(text: &str) -> (Agent, Stack) {
    let agent = Agent::with(&format!("[prompts]\npin = \"{text}\"\n"));
    agent.admin().pin("anna", "4826");
    let stack = Stack::asking(&agent);
    (agent, stack)
}

#[test]
fn sighup_applies_new_settings() {
    let (agent, stack) = agent_with_prompt("Old: ");
    // A user without a code is asked for what they have.
    assert_eq!(prompt(&stack), "Old: ");
    agent.configure("[prompts]\npin = \"New: \"\n");
    agent.reload();
    eventually("the new prompt", || {
        (prompt(&stack) == "New: ").then_some(())
    });
}

#[test]
fn sighup_with_broken_settings_keeps_the_old_ones_and_says_why() {
    let (agent, stack) = agent_with_prompt("Old: ");
    for broken in [
        "[prompts\n",
        "[prompts]\npni = \"New: \"\n",
        "[lockout]\nattempts = \"many\"\n",
    ] {
        let before = agent.log().len();
        agent.configure(broken);
        agent.reload();
        let said = eventually("a word in the log", || {
            let log = agent.log().split_off(before);
            log.contains("agent.toml").then_some(log)
        });
        assert!(said.contains("agent.toml"), "{said}");
        assert_eq!(prompt(&stack), "Old: ");
    }
    let login = Login::of("anna").answer("4826").run(&stack);
    assert_eq!(login.result(), "PAM_SUCCESS", "{login:?}");
}

#[test]
fn an_active_login_survives_a_reload() {
    let (agent, stack) = agent_with_prompt("PIN: ");
    let mut running = Login::of("anna").start(&stack);
    running.await_prompt();
    agent.configure("[prompts]\npin = \"New: \"\n");
    agent.reload();
    eventually("the new prompt", || {
        (prompt(&stack) == "New: ").then_some(())
    });
    running.answer("4826");
    assert_eq!(running.finish().result(), "PAM_SUCCESS");
}

#[test]
fn sigterm_ends_it_with_status_0_and_every_answered_login_durable() {
    let (mut agent, stack) = agent_with_prompt("PIN: ");
    for failures in 1..=3 {
        let seen = Login::of("anna").answer("0000").run(&stack);
        assert_eq!(seen.result(), "PAM_AUTH_ERR", "{seen:?}");
        let status = agent.terminate();
        assert!(status.success(), "{status}: {}", agent.log());
        assert!(
            UnixStream::connect(agent.socket()).is_err(),
            "nobody listens any more"
        );
        agent.launch();
        assert_eq!(agent.admin().status("anna").failures, failures);
        let logins = agent.logins_of("anna", failures as usize);
        assert_eq!(logins.len(), failures as usize, "the audit file is whole");
    }
}

#[test]
fn sigterm_lets_active_logins_finish_and_new_ones_pass_meanwhile() {
    let (mut agent, stack) = agent_with_prompt("PIN: ");
    let mut running = Login::of("anna").start(&stack);
    running.await_prompt();
    kill(agent.pid(), Signal::SIGTERM).unwrap();
    agent.await_log("for active logins to finish");
    assert_eq!(prompt(&stack), "PIN: ", "the next one would wait for long");
    running.answer("4826");
    assert_eq!(running.finish().result(), "PAM_SUCCESS");
    let status = agent.await_end();
    assert!(status.success(), "{status}: {}", agent.log());
}

#[test]
fn a_second_sigterm_ends_it_despite_an_open_prompt() {
    let (mut agent, stack) = agent_with_prompt("PIN: ");
    let mut running = Login::of("anna").start(&stack);
    running.await_prompt();
    kill(agent.pid(), Signal::SIGTERM).unwrap();
    agent.await_log("for active logins to finish");
    let status = agent.terminate();
    assert!(status.success(), "{status}: {}", agent.log());
    running.answer("4826");
    assert_eq!(running.finish().result(), "PAM_AUTHINFO_UNAVAIL");
}

#[test]
fn sigterm_waits_no_longer_than_the_settings_say() {
    let mut agent = Agent::with("[policy]\nrequire = [\"pin\"]\n");
    agent.restart_with_server("stop_timeout = \"1s\"");
    let stack = Stack::guarded_by(&agent);
    let mut running = Login::of("anna").start(&stack);
    running.await_prompt();
    let status = agent.terminate();
    assert!(status.success(), "{status}: {}", agent.log());
    agent.await_log("their users must start again");
    running.answer("4826");
    assert_eq!(running.finish().result(), "PAM_AUTHINFO_UNAVAIL");
}

#[test]
fn a_socket_left_over_from_a_crash_is_replaced() {
    let (mut agent, stack) = agent_with_prompt("PIN: ");
    agent.kill_9();
    assert!(
        agent.socket().exists(),
        "a killed agent leaves its socket behind"
    );
    agent.launch();
    assert_eq!(prompt(&stack), "PIN: ");
}

#[test]
fn a_second_agent_on_the_same_store_ends_at_once_and_the_first_continues() {
    let (agent, stack) = agent_with_prompt("PIN: ");
    let output = run(Command::new(&built().agent)
        .arg("--config")
        .arg(agent.config()));
    assert!(!output.is_success(), "{output:?}");
    assert_eq!(prompt(&stack), "PIN: ");
}

#[test]
fn check_reads_the_settings_and_starts_nothing() {
    let (agent, _) = agent_with_prompt("PIN: ");
    let check = || {
        run(Command::new(&built().agent)
            .arg("--check")
            .arg("--config")
            .arg(agent.config()))
    };
    let good = check();
    assert!(good.is_success(), "{good:?}");
    agent.configure("[lockout]\natempts = 5\n");
    let bad = check();
    assert!(!bad.is_success(), "{bad:?}");
    assert!(bad.stderr.contains("atempts"), "{bad:?}");
}

/// An agent that believes that systemd started it; and its messages to systemd.
fn started_by_systemd(agent: &mut Agent, watchdog: bool) -> (Kill, UnixDatagram) {
    let _ = agent.terminate();
    let path = agent.folder().join("notify");
    let notify = UnixDatagram::bind(&path).unwrap();
    let wait = std::time::Duration::from_secs(30);
    notify.set_read_timeout(Some(wait)).unwrap();
    let mut child = Command::new(&built().agent);
    child.arg("--config").arg(agent.config());
    child.env("NOTIFY_SOCKET", &path).stderr(Stdio::null());
    if watchdog {
        child.env("WATCHDOG_USEC", "400000");
    }
    (Kill(child.spawn().unwrap()), notify)
}

fn await_word(notify: &UnixDatagram, word: &str) {
    let mut said = [0; 4096];
    let mut all = String::new();
    while !all.contains(word) {
        let count = match notify.recv(&mut said) {
            // Another test's child has ended.
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            received => received.expect("a word to systemd"),
        };
        all.push_str(&String::from_utf8_lossy(&said[..count]));
    }
}

#[test]
fn systemd_is_told_when_the_agent_serves() {
    let (mut agent, _) = agent_with_prompt("PIN: ");
    let (child, notify) = started_by_systemd(&mut agent, false);
    await_word(&notify, "READY=1");
    UnixStream::connect(agent.socket()).expect("ready means that it listens");
    drop(child);
}

#[test]
fn the_watchdog_of_systemd_is_fed_while_the_agent_answers() {
    let (mut agent, stack) = agent_with_prompt("PIN: ");
    let (child, notify) = started_by_systemd(&mut agent, true);
    await_word(&notify, "READY=1");
    for _ in 0..3 {
        await_word(&notify, "WATCHDOG=1");
    }
    assert_eq!(prompt(&stack), "PIN: ");
    drop(child);
}

#[test]
fn it_takes_its_sockets_from_systemd() {
    let (mut agent, stack) = agent_with_prompt("PIN: ");
    let _ = agent.terminate();
    let _ = fs::remove_file(agent.socket());
    let private = mfa_protocol::private_socket(agent.socket()).expect("a path");
    let child = Command::new("systemd-socket-activate")
        .arg("--listen")
        .arg(agent.socket())
        .arg("--listen")
        .arg(&private)
        .arg(&built().agent)
        .arg("--config")
        .arg(agent.config())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("systemd-socket-activate");
    // It becomes the agent at the first connection, so that killing it kills the agent.
    let child = Kill(child);
    eventually("the socket", || agent.socket().exists().then_some(()));
    for _ in ["by the private one", "by the public one"] {
        let seen = Login::of("anna").answer("4826").run(&stack);
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
        let _ = fs::remove_file(&private);
    }
    assert!(
        agent.socket().exists(),
        "a socket of systemd's is not the agent's to remove"
    );
    drop(child);
}

/// An agent on `listener`, which systemd passes to each new agent.
fn activated(agent: &Agent, listener: &UnixListener) -> Child {
    let passed = OwnedFd::from(listener.try_clone().unwrap());
    Command::new("sh")
        .args([
            "-c",
            "exec 3<&0; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" --config \"$1\"",
        ])
        .arg(&built().agent)
        .arg(agent.config())
        .stdin(Stdio::from(passed))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("an agent")
}

#[test]
fn restarts_lose_no_login() {
    const THREADS: usize = 4;
    const LOGINS: usize = 8;
    let (mut agent, stack) = agent_with_prompt("PIN: ");
    let _ = agent.terminate();
    let _ = fs::remove_file(agent.socket());
    let listener = UnixListener::bind(agent.socket()).unwrap();
    let mut running = activated(&agent, &listener);
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..LOGINS {
                    let seen = Login::of("anna").answer("4826").run(&stack);
                    done.fetch_add(1, Ordering::SeqCst);
                    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
                }
            });
        }
        while done.load(Ordering::SeqCst) < THREADS * LOGINS {
            // Waits in the socket until the agent serves.
            let _ = agent.admin().status("anna");
            let pid = Pid::from_raw(i32::try_from(running.id()).unwrap());
            kill(pid, Signal::SIGTERM).unwrap();
            let status = running.wait().unwrap();
            running = activated(&agent, &listener);
            assert!(status.success(), "{status}");
        }
    });
    drop(Kill(running));
}

#[test]
fn a_prompt_left_open_keeps_nobody_waiting_while_the_agent_ends_and_lets_nobody_in() {
    let (mut agent, _) = agent_with_prompt("PIN: ");
    agent.restart_with_server("stop_timeout = \"6s\"");
    let _ = agent.terminate();
    let _ = fs::remove_file(agent.socket());
    let lenient = Stack::at(agent.socket(), "on_unavailable=ignore");
    let listener = UnixListener::bind(agent.socket()).unwrap();
    let mut running = activated(&agent, &listener);
    let mut left_open = Login::of("anna").start(&lenient);
    left_open.await_prompt();
    let pid = Pid::from_raw(i32::try_from(running.id()).unwrap());
    kill(pid, Signal::SIGTERM).unwrap();
    let is_next = AtomicBool::new(false);
    let next = std::thread::scope(|scope| {
        let restarted = scope.spawn(|| {
            let status = running.wait().unwrap();
            assert!(status.success(), "{status}");
            let next = Kill(activated(&agent, &listener));
            is_next.store(true, Ordering::SeqCst);
            next
        });
        let mut longest = Duration::ZERO;
        let mut is_last = false;
        while !is_last {
            is_last = is_next.load(Ordering::SeqCst);
            let began = Instant::now();
            let seen = Login::of("anna").answer("4826").run(&lenient);
            longest = longest.max(began.elapsed());
            assert_eq!(seen.prompts(), ["PIN: "], "who is asked nothing was let in");
            assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
        }
        assert!(longest < 2 * LONGEST_SILENCE, "{longest:?}");
        restarted.join().unwrap()
    });
    left_open.answer("4826");
    assert_eq!(left_open.finish().result(), "PAM_AUTHINFO_UNAVAIL");
    drop(next);
}

#[test]
fn a_store_that_others_can_write_to_is_refused() {
    let (mut agent, _) = agent_with_prompt("PIN: ");
    let _ = agent.terminate();
    let store = agent.folder().join("store");
    fs::set_permissions(&store, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let mut child = Command::new(&built().agent);
    child
        .arg("--config")
        .arg(agent.config())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let child = child.spawn().unwrap();
    let mut child = Kill(child);
    // The agent may refuse, or close the folder to others.
    eventually("a refusal, or the folder closed", || {
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&store).unwrap().permissions());
        let ended = child
            .0
            .try_wait()
            .unwrap()
            .is_some_and(|status| !status.success());
        (ended || mode & 0o077 == 0).then_some(())
    });
}

/// Kills its process when dropped.
struct Kill(Child);

impl Drop for Kill {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
