//! What is true of all records: one sealed record, changed by compare-and-swap as any other.
//!
//! In a shared store each change of another record is guarded by it, so a host that has not noticed a restore or a new
//! key can't write between the records. There the key that seals this record seals all others.

use jiff::Timestamp;
use mfa_core::account::Account;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::view::{Epoch, Restoring, STATE, View};
use super::{AccountRepository, MAX_CONFLICTS, RepositoryError, nonce};
use crate::store::{Change, Fleet, KnownState, Revision, StateFit, Swap};
use crate::vault::{Lasting, Vault, VaultError};

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
    /// The ID of the key that all hosts of a shared store are to have before it seals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) prepared: Option<String>,
    /// The IDs of keys that sealed before, the newest last: none of them becomes the next one again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) retired: Vec<String>,
    /// The restore of a shared store that is going on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) restoring: Option<Restoring>,
    /// The newest format of records that all hosts of a shared store read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) format: Option<u32>,
    /// How often this record of a shared store was changed: one that was put back has a lower number.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) number: u64,
    /// The last backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) backup: Option<LastBackup>,
    /// The key that seals this record.
    #[serde(skip)]
    pub(super) sealer: Option<String>,
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
    /// The first one of a shared store.
    pub(super) fn first(vault: &Vault) -> Self {
        Self {
            lasting: Some(vault.lasting().clone()),
            format: Some(Account::FORMAT),
            sealer: Some(vault.key_id()),
            ..Self::default()
        }
    }

    /// What a host remembers of it.
    pub(super) fn known(&self) -> KnownState {
        KnownState {
            number: self.number,
            retired: self.retired.clone(),
            ..KnownState::default()
        }
    }

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

    /// The view that it says, with the keys of `vault`. `revision` is the one of this record.
    pub(super) fn view(
        &self,
        vault: &Vault,
        revision: Option<Revision>,
        is_shared: bool,
    ) -> Result<View, RepositoryError> {
        let lasting = self.lasting.as_ref().unwrap_or(vault.lasting()).clone();
        let vault = vault.with_lasting(lasting);
        if !is_shared {
            return Ok(View::new(vault, self.epoch()?, false));
        }
        if let Some(format) = self.format.filter(|format| *format > Account::FORMAT) {
            return Err(RepositoryError::NewerHosts(format, Account::FORMAT));
        }
        let mut view = View::new(self.sealing(&vault)?, self.epoch()?, true);
        view.state = revision;
        let staged = self.restoring.as_ref().map(|it| it.epoch.parse());
        view.staged = staged
            .transpose()
            .map_err(|()| unreadable("the epoch of its restore is none"))?;
        view.frozen = self.restoring.clone().filter(|it| it.frozen);
        view.format = self.format;
        Ok(view)
    }

    /// The keys, of which the one that seals this record seals, and that one opens records.
    fn sealing(&self, vault: &Vault) -> Result<Vault, RepositoryError> {
        let id = self.sealer.clone().unwrap_or_else(|| vault.key_id());
        let Some(sealing) = vault.sealing_with(&id) else {
            let here = vault.key_id();
            let error = VaultError::OtherKey { sealed: id, here };
            return Err(RepositoryError::Vault(name(), error));
        };
        // Once all records are sealed with it, the keys before it open backups only.
        let live: Vec<&str> = [Some(&*id), self.rotating.as_deref()]
            .into_iter()
            .flatten()
            .collect();
        Ok(sealing.opening_only(&live))
    }

    pub(super) fn seal(&self, vault: &Vault) -> Result<Vec<u8>, RepositoryError> {
        let mut plain = Zeroizing::new(Vec::with_capacity(1024));
        serde_json::to_writer(&mut *plain, self).map_err(|_| unreadable("it can't be encoded"))?;
        vault
            .seal(STATE, nonce()?, &plain)
            .map_err(|e| RepositoryError::Vault(name(), e))
    }
}

impl AccountRepository {
    /// The state as `vault` opens it. Without one it is a default one; a shared store always has one.
    pub(super) fn state(
        &self,
        vault: &Vault,
    ) -> Result<(State, Option<Revision>), RepositoryError> {
        for _ in 0..MAX_CONFLICTS {
            let known = self.fleet().map(Fleet::known_state).unwrap_or_default();
            match (self.read_state(vault), self.fleet()) {
                // Another thread has read a later one meanwhile.
                (Err(RepositoryError::OlderState(number)), _) if number >= known.number => {}
                (Err(RepositoryError::OlderState(number)), Some(fleet)) => {
                    fleet.refuse_older_states(&known);
                    self.note_stale();
                    return Err(RepositoryError::OlderState(number));
                }
                (read, _) => return read,
            }
        }
        Err(RepositoryError::Contended(name()))
    }

    fn read_state(&self, vault: &Vault) -> Result<(State, Option<Revision>), RepositoryError> {
        let Some(stored) = self.store.load(STATE)? else {
            return match self.is_shared() {
                true => Err(RepositoryError::NoState),
                false => Ok((State::default(), None)),
            };
        };
        let plain = vault
            .open_by_any(STATE, &stored.bytes)
            .map_err(|e| RepositoryError::Vault(name(), e))?;
        // Serde's own text may quote the record.
        let mut state: State =
            serde_json::from_slice(&plain).map_err(|_| unreadable("it can't be decoded"))?;
        state.sealer = vault.sealer(&stored.bytes).map(|(id, _)| id);
        if let Some(fleet) = self.fleet() {
            let sealer = state.sealer.clone().unwrap_or_default();
            match fleet.note_state(&state.known(), &sealer) {
                StateFit::Fits => {}
                StateFit::Older => return Err(RepositoryError::OlderState(state.number)),
                StateFit::Retired => return Err(RepositoryError::RetiredKey(sealer)),
            }
        }
        Ok((state, Some(stored.revision)))
    }

    /// Changes the state with lines for the audit log. `vault` seals it; in a shared store the key that sealed it before
    /// does, unless `change` names another one.
    pub(super) fn change_state<E: From<RepositoryError>>(
        &self,
        vault: &Vault,
        lines: Option<&[u8]>,
        change: impl Fn(&mut State) -> Result<(), E>,
    ) -> Result<State, E> {
        for _ in 0..MAX_CONFLICTS {
            let (mut state, revision) = self.state(vault)?;
            change(&mut state)?;
            if self.is_shared() {
                state.number += 1;
            }
            let sealed = match self.is_shared() {
                true => state.seal(&state.sealing(vault)?)?,
                false => state.seal(vault)?,
            };
            let change = Change {
                key: STATE,
                expected: revision.as_ref(),
                new: Some(&sealed),
                line: lines,
            };
            let swapped = self.store.swap(change);
            // Even a swap that failed may have become durable.
            if self.is_shared() {
                self.note_stale();
            }
            if swapped.map_err(RepositoryError::from)? == Swap::Done {
                if let Some(fleet) = self.fleet() {
                    let sealer = state.sealer.clone().unwrap_or_default();
                    fleet.note_state(&state.known(), &sealer);
                    fleet.keep();
                }
                return Ok(state);
            }
        }
        Err(RepositoryError::Contended(name()).into())
    }

    /// Writes the first state of a shared store. Returns whether there was none.
    pub(super) fn write_first_state(&self, vault: &Vault) -> Result<bool, RepositoryError> {
        let sealed = State::first(vault).seal(vault)?;
        let change = Change {
            key: STATE,
            expected: None,
            new: Some(&sealed),
            line: None,
        };
        Ok(self.store.swap(change)? == Swap::Done)
    }

    /// Notes that a backup came to its end.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when the note can't be written.
    pub fn note_backup(&self, backup: &LastBackup) -> Result<(), RepositoryError> {
        let view = self.view()?;
        let gate = self.gate();
        self.change_state(&view.vault, None, |state| {
            state.backup = Some(backup.clone());
            Ok::<_, RepositoryError>(())
        })?;
        drop(gate);
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

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's form")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

pub(super) fn name() -> String {
    String::from_utf8_lossy(STATE).into_owned()
}

pub(super) fn unreadable(reason: &str) -> RepositoryError {
    RepositoryError::State(reason.to_owned())
}
