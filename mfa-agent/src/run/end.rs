//! The shutdown: active logins finish first, and no other login is lost.
//!
//! The agent serves on for a while, because the next agent can't open the store before this one has
//! ended, and new logins would have to wait. Then it stops accepting and waits for the remaining
//! logins; later ones wait in the socket. A second SIGTERM ends the wait.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::FIRST_CALLS;
use crate::log;
use crate::server::Agent;

/// Re-raises SIGTERM when no login is active or the time for them is over.
pub(super) fn raise_sigterm_when_idle(agent: &Arc<Agent>) {
    let limit = agent.settings().server.stop_timeout;
    if limit.is_zero() {
        return raise_sigterm();
    }
    if !agent.is_idle() {
        log::info(format_args!(
            "stopping; waiting at most {} s for active logins to finish",
            limit.as_secs()
        ));
    }
    let waiting = Arc::clone(agent);
    let started = thread::Builder::new()
        .name("end".to_owned())
        .spawn(move || {
            if !drain(&waiting, limit) {
                log::warn(
                    "the time is up: the remaining logins end now, and their users must \
                           start again",
                );
            }
            raise_sigterm();
        });
    if started.is_err() {
        raise_sigterm();
    }
}

/// Waits for active logins, and then for the ones that came meanwhile; returns whether all have
/// ended.
fn drain(agent: &Agent, limit: Duration) -> bool {
    let last = Instant::now() + limit.saturating_sub(FIRST_CALLS);
    loop {
        let _ = agent.await_idle(last.saturating_duration_since(Instant::now()));
        if agent.pause_accepting(FIRST_CALLS) {
            return true;
        }
        if Instant::now() >= last {
            return false;
        }
        // A login started at the last moment.
        agent.go_on_accepting();
    }
}

fn raise_sigterm() {
    // A process can always signal itself.
    let _ = kill(Pid::this(), Signal::SIGTERM);
}
