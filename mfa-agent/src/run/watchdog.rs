//! Reports to systemd's watchdog while the agent works.
//!
//! It tries what a login needs, through the same socket: a connection, a call with an answer, and a
//! look-up in the store. If the agent hangs in one of these, systemd starts another. An error from
//! the store does not count: `doctor` reports it, and a restart could destroy evidence.

use std::path::Path;
use std::thread;
use std::time::Duration;

use mfa_protocol::admin::Health;
use mfa_protocol::client::Client;
use mfa_protocol::login::Nothing;
use sd_notify::NotifyState;

use crate::log;

/// Starts reporting, if systemd asks for it.
pub(super) fn start(socket: &Path) {
    // At half of the time, so that one reply may be late.
    let Some(pause) = sd_notify::watchdog_enabled().map(|time| time / 2) else {
        return;
    };
    let socket = socket.to_owned();
    let started = thread::Builder::new()
        .name("watchdog".to_owned())
        .spawn(move || tell(&socket, pause));
    if let Err(e) = started {
        log::warn(format_args!(
            "can't start a thread for the watchdog: {e}; systemd will restart the agent"
        ));
    }
}

fn tell(socket: &Path, pause: Duration) {
    loop {
        match is_well(socket, pause) {
            Ok(()) => super::notify(&[NotifyState::Watchdog]),
            Err(e) => log::limited(
                "watchdog",
                format_args!("the agent did not answer its own watchdog: {e}"),
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
