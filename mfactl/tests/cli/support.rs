//! An agent that follows a script, and the command as a shell sees it.

use std::ffi::OsString;
use std::fs::{Permissions, create_dir, set_permissions, write};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use mfa_protocol::frame::{FrameReader, write_frame};
use nix::unistd::{User, getuid};
use serde_json::{Value, json};

/// A call that is expected, and the reply to it.
pub(crate) struct Exchange {
    method: &'static str,
    parameters: Value,
    reply: Value,
}

/// `method` of the administrator's interface with exactly these parameters is answered with `reply`.
pub(crate) fn admin(method: &'static str, parameters: Value, reply: Value) -> Exchange {
    Exchange {
        method,
        parameters,
        reply: json!({ "parameters": reply }),
    }
}

/// The same, refused with an error of the interface.
pub(crate) fn refused(
    method: &'static str,
    parameters: Value,
    error: &str,
    reason: &str,
) -> Exchange {
    let error = format!("org.pam-mfa.Admin.{error}");
    Exchange {
        method,
        parameters,
        reply: json!({"error": error, "parameters": {"reason": reason}}),
    }
}

/// A method of the login interface.
pub(crate) fn login(method: &'static str, parameters: Value, step: Value) -> Exchange {
    admin(method, parameters, json!({ "session": "s1", "step": step }))
}

const PAM_DIR: &str = "--pam-dir";
const STACKS: &str = "stacks";
const ASKS: &str = "auth required pam_unix.so\nauth required pam_mfa.so\n";

/// An agent on a socket of its own, on a host whose sshd asks.
pub(crate) struct Agent {
    folder: tempfile::TempDir,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<usize, String>>,
}

impl Agent {
    pub(crate) fn scripted(script: Vec<Exchange>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("agent.sock")).unwrap();
        // The screens depend on whether sshd's stack asks.
        create_dir(folder.path().join(STACKS)).unwrap();
        write(folder.path().join(STACKS).join("sshd"), ASKS).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || follow(&listener, script, &stopped));
        Self {
            folder,
            stop,
            thread,
        }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("agent.sock")
    }

    /// What every command is given: the socket, and the stacks, unless `arguments` name others.
    pub(crate) fn places(&self, arguments: &[&str]) -> Vec<OsString> {
        let mut places = vec!["--socket".into(), self.socket().into()];
        if !arguments.contains(&PAM_DIR) {
            places.extend([PAM_DIR.into(), self.folder.path().join(STACKS).into()]);
        }
        places
    }

    /// How many connections carried calls. Fails if the script was not followed to its end.
    pub(crate) fn finish(self) -> usize {
        self.stop.store(true, Ordering::SeqCst);
        drop(UnixStream::connect(self.socket()).unwrap());
        self.thread
            .join()
            .unwrap()
            .unwrap_or_else(|complaint| panic!("{complaint}"))
    }
}

fn follow(
    listener: &UnixListener,
    script: Vec<Exchange>,
    stopped: &AtomicBool,
) -> Result<usize, String> {
    let mut script = script.into_iter();
    let mut used = 0;
    loop {
        let (mut stream, _) = listener.accept().unwrap();
        if stopped.load(Ordering::SeqCst) {
            let left = script.next().map(|exchange| exchange.method);
            return left.map_or(Ok(used), |method| Err(format!("{method} was never called")));
        }
        let mut reader = FrameReader::new();
        let mut calls = 0;
        while let Ok(frame) = reader.next(&mut stream) {
            let mut call: Value = serde_json::from_slice(frame).unwrap();
            // What root sees of the host that the test runs on.
            if let Some(parameters) = call["parameters"].as_object_mut() {
                parameters.remove("host");
            }
            let Some(expected) = script.next() else {
                return Err(format!("unexpected call {call}"));
            };
            let method = call["method"].as_str().unwrap().rsplit('.').next().unwrap();
            if method != expected.method || call["parameters"] != expected.parameters {
                let Exchange {
                    method, parameters, ..
                } = expected;
                return Err(format!("got {call}\nexpected {method} {parameters}"));
            }
            write_frame(&mut stream, &expected.reply).unwrap();
            calls += 1;
        }
        used += usize::from(calls > 0);
    }
}

/// An account with nothing in it but what is given.
pub(crate) fn account(differing: Value) -> Value {
    let mut account = json!({
        "user": "alice", "enrolled": [], "devices": [], "keys": [], "pin": null, "questions": null,
        "failures": 0, "consecutive_failures": 0, "refused_while_locked": 0,
        "locked_until": null, "locked_by_limit": false, "bypass_until": null, "suspended_until": null, "grace_since": null,
        "recovery_left": null, "sessions": 0, "addresses": [], "radius": null,
        "messages": {"sent": 0, "paused_until": null, "last_sent_at": null, "last_error": null}, "rules": [],
        "settings": {
            "enforce": "default", "require": [], "own_require": [], "self_manage": false,
            "allow_from": [], "own_allow_from": [],
        },
    });
    for (name, value) in differing.as_object().unwrap() {
        account[name] = value.clone();
    }
    account
}

/// Runs `mfactl` with the agent's socket and these lines of standard input.
pub(crate) fn mfactl(agent: &Agent, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mfactl"));
    command.args(agent.places(arguments)).args(arguments);
    run(command, input)
}

/// Runs a command with these lines of standard input, the terminal of the test far away.
pub(crate) fn run(mut command: Command, input: &str) -> Output {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env("TZ", "UTC");
    let mut child = command.spawn().unwrap();
    // A command that does not read its input is judged by its output.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Without the warning that this host does not know alice, which has a test of its own.
pub(crate) fn stderr(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    let lines = text.split_inclusive('\n');
    lines
        .filter(|line| !line.starts_with(UNKNOWN_USER))
        .collect()
}

pub(crate) const UNKNOWN_USER: &str = "mfactl: warning: this host does not know the user";

/// Standard output as the one JSON value that it must be.
pub(crate) fn value(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", stdout(output)))
}

/// Who runs the tests.
pub(crate) fn caller() -> String {
    User::from_uid(getuid()).unwrap().unwrap().name
}

/// Somebody who is not root: who runs the tests, or `nobody` in root's place.
pub(crate) fn ordinary() -> User {
    let user = User::from_uid(getuid()).unwrap().unwrap();
    match user.uid.is_root() {
        true => User::from_name("nobody").unwrap().unwrap(),
        false => user,
    }
}

/// The same as [`mfactl`], run by this user.
pub(crate) fn mfactl_of(user: &User, agent: &Agent, arguments: &[&str], input: &str) -> Output {
    let socket = agent.socket();
    for open in [socket.parent().unwrap(), &socket] {
        set_permissions(open, Permissions::from_mode(0o777)).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_mfactl"));
    command.args(agent.places(arguments)).args(arguments);
    if user.uid != getuid() {
        command.uid(user.uid.as_raw());
    }
    run(command, input)
}

/// A program that prints settings as `sshd -T` does.
pub(crate) fn sshd(folder: &Path, settings: &str) -> String {
    let program = folder.join("sshd");
    write(&program, format!("#!/bin/sh\necho '{settings}'\n")).unwrap();
    set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    program.to_str().unwrap().to_owned()
}

/// Settings of sshd with which a key alone is enough.
pub(crate) const KEY_ALONE: &str = "pubkeyauthentication yes\nkbdinteractiveauthentication yes";
