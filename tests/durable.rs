//! Rule 1: no answer leaves the agent before its effect on the account is durable.
//!
//! The system calls of a real agent prove it: between the guess and the verdict an `fdatasync` must
//! have returned.

use std::fs;
use std::process::{Command, Stdio};

use mfa_tests::{Agent, Login, Stack, eventually};

#[test]
fn a_verdict_is_sent_only_after_an_fdatasync_has_returned() {
    let agent = Agent::start();
    let stack = Stack::asking(&agent);
    let key = agent.admin().device("anna");
    let trace = agent.folder().join("trace");
    let mut strace = Command::new("strace")
        .args([
            "-f",
            "-ttt",
            "-s",
            "600",
            "-e",
            "trace=fdatasync,fsync,write,writev,sendto,sendmsg",
        ])
        .arg("-o")
        .arg(&trace)
        .args(["-p", &agent.pid().to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("strace");
    // strace is attached once it has seen a call of the agent.
    eventually("strace to be attached", || {
        let _ = Login::of("nobody").run(&stack);
        fs::read_to_string(&trace)
            .is_ok_and(|t| t.contains("prompt"))
            .then_some(())
    });
    let wrong = key.wrong_code();
    let answers = [(wrong, "wrong"), (key.code(0), "passed")];
    for (answer, outcome) in &answers {
        let _ = Login::of("anna").answer(answer).run(&stack);
        let sent = format!("\\\"outcome\\\":\\\"{outcome}\\\"");
        let text = eventually("the verdict in the trace", || {
            fs::read_to_string(&trace)
                .ok()
                .filter(|text| text.contains(&sent))
        });
        assert!(is_synced_before(&text, &sent), "{outcome}: {text}");
    }
    let _ = strace.kill();
    let _ = strace.wait();
}

/// Whether an `fdatasync` returned between the last prompt and the first line that contains `sent`.
fn is_synced_before(trace: &str, sent: &str) -> bool {
    let lines: Vec<&str> = trace.lines().collect();
    let verdict = lines
        .iter()
        .position(|line| line.contains(sent))
        .expect("a verdict");
    let prompt = lines[..verdict]
        .iter()
        .rposition(|line| line.contains("\\\"prompt\\\""));
    let between = &lines[prompt.expect("a prompt")..verdict];
    between.iter().any(|line| {
        let returned = line.contains("fdatasync(") && !line.contains("<unfinished");
        (returned || line.contains("fdatasync resumed")) && line.trim_end().ends_with("= 0")
    })
}
