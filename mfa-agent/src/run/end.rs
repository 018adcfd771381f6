//! The end: logins that somebody is in the middle of come to theirs first.
//!
//! The agent serves on meanwhile, since another one can't open the store before this one is gone, and new
//! logins would wait for it. Whoever can't wait says SIGTERM again.

use std::sync::Arc;
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::log;
use crate::server::Agent;

/// Says to this process, once no login is under way or the time for them is over, what was said to it.
pub(super) fn say_again_when_idle(agent: &Arc<Agent>) {
    let limit = agent.settings().server.stop_timeout;
    if agent.is_idle() || limit.is_zero() {
        return say_again();
    }
    log::info(format_args!(
        "stopping; for at most {} s it goes on with logins that are under way",
        limit.as_secs()
    ));
    let waiting = Arc::clone(agent);
    let started = thread::Builder::new()
        .name("end".to_owned())
        .spawn(move || {
            if !waiting.await_idle(limit) {
                log::warn("logins are under way still, and end now; their users begin again");
            }
            say_again();
        });
    if started.is_err() {
        say_again();
    }
}

fn say_again() {
    // A process can always signal itself.
    let _ = kill(Pid::this(), Signal::SIGTERM);
}
