//! A user's process that sends arbitrary calls to the agent.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};

use crate::{Agent, Machine};

/// Relays lines to the agent and its replies back.
const SCRIPT: &str = r#"
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
for line in sys.stdin.buffer:
    s.sendall(line.rstrip(b'\n') + b'\0')
    reply = b''
    while not reply.endswith(b'\0'):
        more = s.recv(65536)
        if not more:
            sys.exit('the agent hung up')
        reply += more
    sys.stdout.buffer.write(reply[:-1] + b'\n')
    sys.stdout.buffer.flush()
"#;

/// A connection of a user's process, which ends with it.
pub struct Caller {
    child: Child,
    stdin: Option<ChildStdin>,
    replies: BufReader<ChildStdout>,
}

impl Caller {
    /// Connects as `user`.
    #[must_use]
    pub fn of(machine: &Machine, agent: &Agent, user: &str) -> Self {
        let mut child = machine
            .as_user(user, "/usr/bin/python3")
            .args(["-c", SCRIPT])
            .arg(agent.socket())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("setpriv");
        let stdin = child.stdin.take();
        let replies = BufReader::new(child.stdout.take().expect("a pipe"));
        Self {
            child,
            stdin,
            replies,
        }
    }

    /// Calls a method, and returns the raw reply.
    pub fn call(&mut self, method: &str, parameters: &Value) -> Value {
        let call = json!({ "method": method, "parameters": parameters });
        let stdin = self.stdin.as_mut().expect("an open pipe");
        writeln!(stdin, "{call}").expect("a process that reads");
        let mut line = String::new();
        self.replies.read_line(&mut line).expect("a reply");
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("{method}: {e}: {line:?}"))
    }

    /// The name of the error that a call is refused with, without its interface; `""` when it
    /// succeeds.
    pub fn refusal(&mut self, method: &str, parameters: &Value) -> String {
        error_of(&self.call(method, parameters))
    }

    /// The same, but waits when told that it calls too often.
    pub fn patient_refusal(&mut self, method: &str, parameters: &Value) -> String {
        error_of(&self.patient_call(method, parameters))
    }

    /// Calls a method, but waits when told that it calls too often.
    pub fn patient_call(&mut self, method: &str, parameters: &Value) -> Value {
        loop {
            let reply = self.call(method, parameters);
            if error_of(&reply) != "Busy" {
                return reply;
            }
            std::thread::sleep(std::time::Duration::from_secs(1));
        }
    }

    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The outcome of a call that ends a login.
    pub fn outcome(&mut self, method: &str, parameters: &Value) -> String {
        outcome_of(&self.call(method, parameters))
    }

    /// Begins a login of `user` and answers its prompts; returns the outcome.
    pub fn log_in(&mut self, begin: &Value, answers: &[&str]) -> String {
        outcome_of(&self.last_reply(begin, answers))
    }

    /// Passes a login that leaves a ticket; returns the ticket.
    pub fn ticket(&mut self, begin: &Value, answer: &str) -> String {
        let reply = self.last_reply(begin, &[answer]);
        let ticket = reply["parameters"]["ticket"].as_str();
        ticket
            .unwrap_or_else(|| panic!("no ticket: {reply}"))
            .to_owned()
    }

    fn last_reply(&mut self, begin: &Value, answers: &[&str]) -> Value {
        let mut reply = self.patient_call("org.pam-mfa.Login.Begin", begin);
        for answer in answers {
            let session = reply["parameters"]["session"].clone();
            let parameters = json!({"session": session, "answer": answer});
            reply = self.patient_call("org.pam-mfa.Login.Answer", &parameters);
        }
        reply
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

fn outcome_of(reply: &Value) -> String {
    let outcome = reply["parameters"]["step"]["outcome"].as_str();
    outcome
        .unwrap_or_else(|| panic!("no outcome: {reply}"))
        .to_owned()
}

/// The name of the error in a reply, without its interface; `""` without one.
fn error_of(reply: &Value) -> String {
    let error = reply["error"].as_str().unwrap_or_default();
    let (_, name) = error.rsplit_once('.').unwrap_or_default();
    name.to_owned()
}
