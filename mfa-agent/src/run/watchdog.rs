//! systemd's watchdog: told that all is well, as long as it is.
//!
//! What is tried is what a login needs, by the same socket: that a connection is accepted, a call read and
//! answered, and a record looked for in the store. An agent that hangs in one of these is not heard of, and
//! systemd starts another. A store that answers with an error is no reason: that is told by `doctor`, and a
//! restart could lose what is known of it.

use std::path::Path;
use std::thread;
use std::time::Duration;

use mfa_protocol::admin::Health;
use mfa_protocol::client::Client;
use mfa_protocol::login::Nothing;
use sd_notify::NotifyState;

use crate::log;

/// Begins to tell, if systemd wants to hear.
pub(super) fn start(socket: &Path) {
    // Half of the time: one reply may be late.
    let Some(pause) = sd_notify::watchdog_enabled().map(|time| time / 2) else {
        return;
    };
    let socket = socket.to_owned();
    let started = thread::Builder::new()
        .name("watchdog".to_owned())
        .spawn(move || tell(&socket, pause));
    if let Err(e) = started {
        log::warn(format_args!(
            "no thread for the watchdog: {e}; systemd will start the agent again"
        ));
    }
}

fn tell(socket: &Path, pause: Duration) {
    loop {
        match is_well(socket, pause) {
            Ok(()) => super::notify(&[NotifyState::Watchdog]),
            Err(e) => log::limited(
                "watchdog",
                format_args!("the agent does not answer its own watchdog: {e}"),
            ),
        }
        thread::sleep(pause);
    }
}

/// Asks like any other caller. An agent with too many connections answers, too.
fn is_well(socket: &Path, limit: Duration) -> Result<(), String> {
    let mut client = Client::connect(socket, limit).map_err(|e| e.to_string())?;
    match client.call::<Health>(&Nothing {}) {
        Ok(_) => Ok(()),
        Err(error) if !error.is_unreachable() => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}
