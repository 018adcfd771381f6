//! `[enforcement] mode`: the audit events of its changes, also of a change that was made while no agent was running.
//!
//! The last mode whose events were written is in a file next to the key. After a crash between the events and the file
//! they are written again, so none is lost.

use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::Duration;

use jiff::Timestamp;

use super::Agent;
use crate::audit::Origin;
use crate::audit::cloud::mode_events;
use crate::config::Settings;
use crate::durable_file::{replace_durably, with_suffix};
use crate::log;
use crate::store_mark::read_text;

/// How long the events may take to be written before the file says that they are.
const WRITING_OUT: Duration = Duration::from_secs(5);

impl Agent {
    /// Writes the events of a change of the mode since they were written last. The first start of a host only
    /// remembers its mode.
    pub fn note_mode(&self) {
        let settings = self.settings();
        let (file, mode) = (path(&settings), settings.policy.mode);
        let mut known = self
            .last_mode
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let before = match known.replace(mode) {
            Some(known) => Some(known.name().to_owned()),
            None => last(&file).unwrap_or_else(|e| {
                not_remembered(&file, &e);
                None
            }),
        };
        if before.as_deref() == Some(mode.name()) {
            return;
        }
        if before.is_some() {
            for event in mode_events(mode) {
                self.audit
                    .record(event, Timestamp::now(), Origin::Privileged);
            }
            // Written or not, the log of the agent has said what keeps it.
            let _ = self.audit.flush(WRITING_OUT);
        }
        if let Err(e) = replace_durably(&file, format!("{}\n", mode.name()).as_bytes()) {
            not_remembered(&file, &e);
        }
    }
}

fn path(settings: &Settings) -> PathBuf {
    with_suffix(&settings.store.key_file, ".mode")
}

fn last(file: &Path) -> std::io::Result<Option<String>> {
    match read_text(file) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

fn not_remembered(file: &Path, error: &std::io::Error) {
    log::warn(format_args!(
        "the active mode can't be saved in {}: {error}; a change of mode may be logged twice or \
         not at all. Make the folder writable for the agent",
        file.display()
    ));
}
