//! What is true of all records: one sealed record, changed by compare-and-swap as any other.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::view::{Epoch, View};
use super::{AccountRepository, RepositoryError, nonce};
use crate::store::{Change, Revision, Swap};
use crate::vault::{Lasting, Vault};

const STATE: &[u8] = b"vault/state";

/// The record.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct State {
    /// Whose records are the current ones; none: those of a store that was never restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    epoch: Option<String>,
    /// Keys that do not change; none: those of the first key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) lasting: Option<Lasting>,
    /// The ID of the key before, while records may be sealed with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) rotating: Option<String>,
    /// The last backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) backup: Option<LastBackup>,
}

/// The last backup that came to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastBackup {
    /// When it was begun.
    #[serde(with = "jiff::fmt::serde::timestamp::second::required")]
    pub at: Timestamp,
    /// Its records.
    pub records: u64,
}

impl State {
    pub(super) fn epoch(&self) -> Result<Option<Epoch>, RepositoryError> {
        let Some(text) = &self.epoch else {
            return Ok(None);
        };
        text.parse()
            .map(Some)
            .map_err(|()| unreadable("its epoch is none"))
    }

    pub(super) fn set_epoch(&mut self, epoch: Epoch) {
        self.epoch = Some(epoch.to_string());
    }

    /// The view that it says, with the keys of `vault`.
    pub(super) fn view(&self, vault: &Vault) -> Result<View, RepositoryError> {
        let lasting = self.lasting.as_ref().unwrap_or(vault.lasting()).clone();
        Ok(View::new(vault.with_lasting(lasting), self.epoch()?))
    }
}

impl AccountRepository {
    /// The state as `vault` opens it; a default one if there is none.
    pub(super) fn state(
        &self,
        vault: &Vault,
    ) -> Result<(State, Option<Revision>), RepositoryError> {
        let Some(stored) = self.store.load(STATE)? else {
            return Ok((State::default(), None));
        };
        let plain = vault
            .open(STATE, &stored.bytes)
            .map_err(|e| RepositoryError::Vault(name(), e))?;
        // Serde's own text may quote the record.
        let state =
            serde_json::from_slice(&plain).map_err(|_| unreadable("it can't be decoded"))?;
        Ok((state, Some(stored.revision)))
    }

    /// Changes the state, sealed by `vault`, with lines for the audit log.
    pub(super) fn change_state(
        &self,
        vault: &Vault,
        lines: Option<&[u8]>,
        change: impl Fn(&mut State),
    ) -> Result<State, RepositoryError> {
        loop {
            let (mut state, revision) = self.state(vault)?;
            change(&mut state);
            let mut plain = Zeroizing::new(Vec::with_capacity(1024));
            serde_json::to_writer(&mut *plain, &state)
                .map_err(|_| unreadable("it can't be encoded"))?;
            let sealed = vault
                .seal(STATE, nonce()?, &plain)
                .map_err(|e| RepositoryError::Vault(name(), e))?;
            let change = Change {
                key: STATE,
                expected: revision.as_ref(),
                new: Some(&sealed),
                line: lines,
            };
            if self.store.swap(change)? == Swap::Done {
                return Ok(state);
            }
        }
    }

    /// Notes that a backup came to its end.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when the note can't be written.
    pub fn note_backup(&self, backup: &LastBackup) -> Result<(), RepositoryError> {
        let gate = self.gate();
        self.change_state(&gate.vault, None, |state| {
            state.backup = Some(backup.clone())
        })?;
        Ok(())
    }

    /// The last backup that came to its end.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when that can't be read.
    pub fn last_backup(&self) -> Result<Option<LastBackup>, RepositoryError> {
        Ok(self.state(&self.view()?.vault)?.0.backup)
    }
}

fn name() -> String {
    String::from_utf8_lossy(STATE).into_owned()
}

fn unreadable(reason: &str) -> RepositoryError {
    RepositoryError::State(reason.to_owned())
}
