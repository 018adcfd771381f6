//! Turns a caller away who can't be served now.

use std::io::Read;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use mfa_protocol::frame::write_frame;
use mfa_protocol::message::ErrorKind;

use super::channel::Until;
use super::error::Failure;

/// Tells the caller that the agent is busy, and why.
pub(super) fn refuse(stream: &UnixStream, why: &str) {
    let failure = Failure::new(ErrorKind::Busy, why);
    let deadline = Instant::now() + Duration::from_millis(200);
    let mut until = Until { stream, deadline };
    if write_frame(&mut until, &failure.reply("org.pam-mfa.Login")).is_ok() {
        // The end of the stream lets a caller go who reads on.
        let _ = stream.shutdown(Shutdown::Write);
        wait_for_close(until);
    }
}

/// Reads what the caller was sending, for a moment: closing with unread bytes would reset the
/// connection and lose the refusal.
fn wait_for_close(mut until: Until<'_>) {
    let mut scratch = [0; 512];
    while matches!(until.read(&mut scratch), Ok(1..)) {}
}
