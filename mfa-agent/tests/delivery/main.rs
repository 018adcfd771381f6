//! Sends codes to servers and programs that behave like real ones, well and badly.

#![allow(clippy::unwrap_used, clippy::panic)]

mod email;
mod server;
mod text;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use mfa_agent::delivery::{Content, Delivery, Job, MessagePurpose, Notice, SendError, Transport};
use mfa_core::factors::address::{EmailAddress, PhoneNumber, Recipient};
use mfa_protocol::Secret;

/// Longer than anything here takes, unless it hangs.
const LONG: Duration = Duration::from_secs(120);
/// For tests of time-outs.
const SHORT: Duration = Duration::from_secs(1);

const CODE: &str = "483920";
const PASSWORD: &str = "hunter2";

fn content() -> Content {
    Content::Code(Notice {
        purpose: MessagePurpose::Login,
        code: Secret::from(CODE),
        host: "web1".to_owned(),
        service: "sshd".to_owned(),
        address: Some("192.0.2.7".to_owned()),
        at: "2026-03-01 10:00 UTC".to_owned(),
        minutes: 5,
    })
}

fn anna() -> EmailAddress {
    "anna@example.org".parse().unwrap()
}

fn phone() -> PhoneNumber {
    PhoneNumber::parse("+49 170 1234542", None).unwrap()
}

fn send<A>(carrier: &dyn Transport<A>, to: &A, time: Duration) -> Result<(), SendError> {
    carrier.send(to, &content(), Instant::now() + time)
}

fn job(user: &str, to: Recipient, time: Duration) -> Job {
    Job {
        user: user.to_owned(),
        to,
        content: content(),
        deadline: Instant::now() + time,
    }
}

/// Fails unless the error is permanent and contains `words`, but nothing secret.
fn assert_permanent(result: Result<(), SendError>, words: &str) {
    let Err(SendError::Permanent(text)) = result else {
        panic!("{words:?} should have failed for good: {result:?}");
    };
    assert_tells(&text, words);
}

/// The same for temporary errors.
fn assert_temporary(result: Result<(), SendError>, words: &str) {
    let Err(SendError::Temporary(text)) = result else {
        panic!("{words:?} should have failed for now: {result:?}");
    };
    assert_tells(&text, words);
}

fn assert_tells(text: &str, words: &str) {
    assert!(text.contains(words), "no {words:?} in {text:?}");
    for secret in [CODE, PASSWORD, "anna@", "1234542"] {
        assert!(!text.contains(secret), "{text:?} tells {secret:?}");
    }
}

fn assert_sent(delivery: Delivery) {
    assert_eq!(delivery, Delivery::Sent);
}

/// An executable shell script.
fn script(path: &Path, text: &str) {
    std::fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}
