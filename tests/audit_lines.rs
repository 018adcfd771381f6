//! An acknowledged pass has exactly one audit line, after any crash.
//!
//! The line is durable with the change of the account. Lines that the agent could not write to its
//! file are added before the next agent lets anybody in, so the file is read as soon as that one
//! listens.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use mfa_protocol::Secret;
use mfa_protocol::client::{Client, ClientError};
use mfa_protocol::login::{Answer, AnswerParameters, Begin, BeginParameters, Outcome};
use mfa_tests::{Agent, Event, Key};

const TIMEOUT: Duration = Duration::from_secs(30);
const USERS: usize = 4;
const ROUNDS: usize = 4;

/// Passes in each round before the agent is killed.
const PASSES: usize = 60;

struct User {
    name: String,
    token: Key,
    counter: u64,
}

fn users(agent: &Agent) -> Vec<User> {
    let names = (0..USERS).map(|n| format!("user-{n}"));
    let user = |name: String| User {
        token: agent.admin().counting_device(&name),
        counter: 1,
        name,
    };
    names.map(user).collect()
}

impl User {
    /// Logs in with the next code. Returns the session that passed.
    fn pass(&mut self, client: &mut Client) -> Result<String, ClientError> {
        let begin = BeginParameters {
            user: self.name.clone(),
            service: "sshd".to_owned(),
            ..Default::default()
        };
        let session = client.call::<Begin>(&begin)?.session;
        let answer = AnswerParameters {
            session: session.clone(),
            answer: Secret::new(self.token.counted(self.counter)),
            ..AnswerParameters::default()
        };
        // A code whose login got no reply may be used up.
        self.counter += 1;
        let reply = client.call::<Answer>(&answer)?;
        assert_eq!(reply.step.outcome, Some(Outcome::Passed), "{}", self.name);
        Ok(session)
    }

    /// Logs in until the agent is gone. Returns the sessions that passed.
    fn pass_until_it_ends(&mut self, socket: &Path, passes: &AtomicUsize) -> Vec<String> {
        let mut sessions = Vec::new();
        let Ok(mut client) = Client::connect(socket, TIMEOUT) else {
            return sessions;
        };
        while let Ok(session) = self.pass(&mut client) {
            sessions.push(session);
            passes.fetch_add(1, Ordering::SeqCst);
        }
        sessions
    }
}

/// Number of "passed" lines by session.
fn passed(events: &[Event]) -> HashMap<&str, usize> {
    let mut lines = HashMap::new();
    for event in events {
        if event.text("event") == "login" && event.text("result") == "passed" {
            *lines.entry(event.text("session")).or_default() += 1;
        }
    }
    lines
}

fn assert_each_has_one_line(agent: &Agent, sessions: &[String]) {
    let events = agent.events();
    let lines = passed(&events);
    for session in sessions {
        assert_eq!(lines.get(session.as_str()), Some(&1), "{session}");
    }
    assert!(lines.values().all(|count| *count == 1), "{lines:?}");
}

#[test]
fn every_pass_acknowledged_before_a_kill_has_one_line_at_the_next_start() {
    let mut agent = Agent::start();
    let mut users = users(&agent);
    let mut sessions = Vec::new();
    for _ in 0..ROUNDS {
        let passes = AtomicUsize::new(0);
        let socket = agent.socket().to_owned();
        thread::scope(|scope| {
            let (socket, passes) = (&socket, &passes);
            let threads: Vec<_> = users
                .iter_mut()
                .map(|user| scope.spawn(move || user.pass_until_it_ends(socket, passes)))
                .collect();
            while passes.load(Ordering::SeqCst) < PASSES
                && threads.iter().any(|thread| !thread.is_finished())
            {
                thread::sleep(Duration::from_millis(1));
            }
            agent.kill_9();
            for thread in threads {
                sessions.extend(thread.join().expect("passes"));
            }
            assert!(passes.load(Ordering::SeqCst) >= PASSES);
        });
        agent.launch();
        assert_each_has_one_line(&agent, &sessions);
    }
}

#[test]
fn lines_that_could_not_be_written_before_a_kill_are_added_at_the_next_start() {
    let mut agent = Agent::start();
    let mut users = users(&agent);
    let file = agent.folder().join("audit.jsonl");
    let rotated = agent.folder().join("audit.jsonl.1");
    let mut client = Client::connect(agent.socket(), TIMEOUT).expect("a connection");
    let mut pass = |user: &mut User| user.pass(&mut client).expect("a pass");
    let mut sessions: Vec<String> = users.iter_mut().map(&mut pass).collect();
    let _ = agent.logins_of("user-3", 1);
    fs::rename(&file, &rotated).expect("a rotated file");
    fs::create_dir(&file).expect("what no line can be written to");
    let unwritten: Vec<String> = users.iter_mut().map(&mut pass).collect();
    agent.kill_9();
    fs::remove_dir(&file).expect("an empty folder");
    agent.launch();
    assert_each_has_one_line(&agent, &unwritten);
    agent.await_log("adding them now");
    sessions.extend(unwritten);
    let mut text = fs::read_to_string(&rotated).expect("the first lines");
    text += &fs::read_to_string(&file).expect("the last lines");
    fs::write(&file, text).expect("one file");
    assert_each_has_one_line(&agent, &sessions);
}
