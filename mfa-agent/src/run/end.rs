//! The end: logins that somebody is in the middle of come to theirs first, and no other one is lost.
//!
//! The agent serves on for a while, since another one can't open the store before this one is gone, and new
//! logins would wait for it. Once nobody is inside it stops accepting: who comes later waits in the socket, and the module
//! that waits must not take it for an outage. Whoever can't wait says SIGTERM again.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::FIRST_CALLS;
use crate::log;
use crate::server::Agent;

/// Re-raises SIGTERM once no login is under way or the time for them is over.
pub(super) fn say_again_when_idle(agent: &Arc<Agent>) {
    let limit = agent.settings().server.stop_timeout;
    if limit.is_zero() {
        return raise_sigterm();
    }
    if !agent.is_idle() {
        log::info(format_args!(
            "stopping; for at most {} s it goes on with logins that are under way",
            limit.as_secs()
        ));
    }
    let waiting = Arc::clone(agent);
    let started = thread::Builder::new()
        .name("end".to_owned())
        .spawn(move || {
            if !drain(&waiting, limit) {
                log::warn("logins are under way still, and end now; their users begin again");
            }
            raise_sigterm();
        });
    if started.is_err() {
        raise_sigterm();
    }
}

/// Waits for logins under way, and for those that came meanwhile; whether all have ended. Logins that come are served
/// for as long as there are any, since whoever comes while nobody is accepted must not wait for long.
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
        // Somebody came at the last moment.
        agent.go_on_accepting();
    }
}

fn raise_sigterm() {
    // A process can always signal itself.
    let _ = kill(Pid::this(), Signal::SIGTERM);
}
