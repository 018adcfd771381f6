//! A change of the key of a store that many hosts share.
//!
//! ```text
//!   1  --prepare: one host makes a key, as key.ID beside its own, and the state names it
//!   2  an administrator copies the file to all hosts; each says in its notice which keys it has
//!   3  once all live hosts have it, one swap of the state is sealed with it: from then on it seals, on every host
//!   4  each record is resealed, from any host, while logins go on
//! ```
//!
//! Which key seals is said by the state and not by the name of a file, so it does not matter in which order files are
//! copied, renamed or removed, as long as the key is there.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::super::state::State;
use super::super::{AccountRepository, RepositoryError};
use super::RotateError;
use crate::log;
use crate::store::fleet::{Fleet, HostNotice, HostSeen};
use crate::vault::{KeyError, KeySource};
use mfa_core::account::Account;

/// So many hosts at a time read the notices of all, about.
const READERS: u64 = 4;

/// Keys that had their time, and are remembered.
const MOST_RETIRED: usize = 32;

/// The next key of a shared store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// Its ID.
    pub key_id: String,
    /// Its file on this host, if it is one.
    pub file: Option<PathBuf>,
    /// Whether it was named by this call.
    pub is_new: bool,
}

/// Whether a host of a shared store has the key that seals, and the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostKeys {
    /// The host.
    pub name: String,
    /// Whether it gave notice of itself lately.
    pub is_live: bool,
    /// Whether it has the key that seals.
    pub has_current: bool,
    /// Whether it has the next key; none if there is none.
    pub has_prepared: Option<bool>,
}

impl AccountRepository {
    /// What the other hosts need to know of this one. The keys are those that are on the disk now.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when the key can't be read.
    pub fn notice(&self) -> Result<HostNotice, RepositoryError> {
        self.look_at_the_key();
        self.read_keys()?;
        self.adopt_key();
        let vault = &self.known_view().vault;
        Ok(HostNotice {
            name: self.host.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            schema: Account::FORMAT,
            key: vault.key_id(),
            other_keys: vault.other_ids(),
        })
    }

    /// Learns of another key that seals now, without a login on this host.
    fn look_at_the_key(&self) {
        let mut looked_at = self
            .looked_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if looked_at.is_some_and(|at| at.elapsed() < self.patience.look) {
            return;
        }
        *looked_at = Some(Instant::now());
        drop(looked_at);
        // If that fails, the others are to know all the same which keys are here.
        let _ = self.newest_view();
    }

    /// Which hosts have which keys.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when that can't be read.
    pub fn host_keys(&self) -> Result<Vec<HostKeys>, RepositoryError> {
        let view = self.view()?;
        let (state, _) = self.state(&view.vault)?;
        let current = state.sealer.clone().unwrap_or_default();
        // The notice of this host may be some seconds old.
        let has = |host: &HostSeen, key: &str| {
            has(host, key) || (host.is_here && view.vault.has_key(key))
        };
        let seen = |host: HostSeen| HostKeys {
            has_current: has(&host, &current),
            has_prepared: state.prepared.as_deref().map(|key| has(&host, key)),
            name: host.notice.name,
            is_live: host.is_live,
        };
        Ok(self.hosts()?.into_iter().map(seen).collect())
    }

    /// Makes the next key of a shared store, unless there is one, and names it in the state.
    ///
    /// # Errors
    ///
    /// A [`RotateError`].
    pub fn prepare_rotation(
        &self,
        source: &KeySource,
        lines: Option<&[u8]>,
    ) -> Result<Prepared, RotateError> {
        if !self.is_shared() {
            return Err(RotateError::NotShared);
        }
        self.read_keys()?;
        let view = self.view()?;
        let (state, _) = self.state(&view.vault)?;
        if state.rotating.is_some() {
            return Err(RotateError::Unfinished);
        }
        if let Some(key_id) = state.prepared {
            return Ok(prepared(source, key_id, false));
        }
        // A key that an administrator has put here is the next one, unless it had its time.
        let is_new = |id: &String| *id != view.vault.key_id() && !state.retired.contains(id);
        let key_id = match source.proposed()?.into_iter().find(is_new) {
            Some(proposed) => proposed,
            None if source.is_credential() => return Err(RotateError::SharedCredential),
            None => source
                .make_next()
                .map_err(|error| unwritable(source, error))?,
        };
        self.read_keys()?;
        self.change_state(&self.view()?.vault, lines, |state: &mut State| {
            if state.rotating.is_some() || state.prepared.is_some() {
                return Err(RotateError::Unfinished);
            }
            state.prepared = Some(key_id.clone());
            Ok(())
        })?;
        if let (Ok(notice), Some(fleet)) = (self.notice(), self.store.fleet()) {
            fleet.announce(notice);
        }
        Ok(prepared(source, key_id, true))
    }

    /// Seals with the next key from now on, on all hosts, or goes on with a change that was begun.
    pub(super) fn begin_shared(
        &self,
        source: &KeySource,
        lines: Option<&[u8]>,
    ) -> Result<bool, RotateError> {
        self.read_keys()?;
        let view = self.view()?;
        let (state, _) = self.state(&view.vault)?;
        if let Some(earlier) = state.rotating {
            return self.goes_on(source, earlier);
        }
        let next = state.prepared.ok_or(RotateError::NotPrepared)?;
        self.check_that_all_have(&next)?;
        if !view.vault.has_key(&next) {
            return Err(not_here(source, next));
        }
        let begun = self.change_state(&view.vault, lines, |state: &mut State| {
            if state.restoring.is_some() {
                return Err(RotateError::Restoring);
            }
            if state.prepared.as_ref() != Some(&next) || state.rotating.is_some() {
                return Err(RotateError::Unfinished);
            }
            state.prepared = None;
            state.rotating = state.sealer.replace(next.clone());
            state.retired.extend(state.rotating.clone());
            let surplus = state.retired.len().saturating_sub(MOST_RETIRED);
            state.retired.drain(..surplus);
            Ok(())
        });
        if matches!(begun, Err(RotateError::Unfinished)) {
            // Another administrator was faster with the same key, and may have come to the end.
            let (state, _) = self.state(&self.view()?.vault)?;
            return match state.rotating {
                Some(earlier) => self.goes_on(source, earlier),
                None if state.sealer == Some(next) => Ok(false),
                None => Err(RotateError::Unfinished),
            };
        }
        begun?;
        // It is begun, whether this host can read that now or not.
        if self.view().is_ok() {
            self.adopt_key();
        }
        Ok(true)
    }

    /// A change that was begun, on this host or another, goes on here if the key before is here.
    fn goes_on(&self, source: &KeySource, earlier: String) -> Result<bool, RotateError> {
        match self.view()?.vault.has_key(&earlier) {
            true => Ok(false),
            // Here the rest of the records would be taken for damaged.
            false => Err(not_here(source, earlier)),
        }
    }

    /// That no live host lacks the key that seals next.
    fn check_that_all_have(&self, next: &str) -> Result<(), RotateError> {
        let hosts = self.hosts()?;
        if let Some(double) = hosts.iter().find(|host| host.is_live && host.is_double) {
            return Err(RotateError::Double(double.notice.name.clone()));
        }
        let missing: Vec<String> = hosts
            .into_iter()
            // What this host has is looked at elsewhere: its notice may be some seconds old.
            .filter(|host| host.is_live && !host.is_here && !has(host, next))
            .map(|host| host.notice.name)
            .collect();
        match missing.is_empty() {
            true => Ok(()),
            false => Err(RotateError::Missing {
                key: next.to_owned(),
                hosts: missing,
            }),
        }
    }

    /// Lets records be written in the newest format that all live hosts read. Returns it, if it is a newer one.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when the hosts can't be read, or the state can't be changed.
    pub fn raise_format(&self) -> Result<Option<u32>, RepositoryError> {
        let view = self.view()?;
        if !self.is_shared() || view.format >= Some(Account::FORMAT) {
            return Ok(None);
        }
        if !self.is_our_turn()? {
            return Ok(None);
        }
        // Another host may have been faster.
        let view = self.newest_view()?;
        if view.format >= Some(Account::FORMAT) {
            return Ok(None);
        }
        let hosts = self.hosts()?;
        let live = hosts.iter().filter(|host| host.is_live);
        let formats = live.map(|host| host.notice.schema).chain([Account::FORMAT]);
        let Some(newest) = formats.min().filter(|newest| Some(*newest) > view.format) else {
            return Ok(None);
        };
        self.change_state(&view.vault, None, |state| {
            state.format = state.format.max(Some(newest));
            Ok::<_, RepositoryError>(())
        })?;
        Ok(Some(newest))
    }

    /// Whether this host is to read what all hosts say. Of many only some do at a time, by chance: each reads the notices of
    /// all.
    fn is_our_turn(&self) -> Result<bool, RepositoryError> {
        let hosts = self.store.fleet().map_or(0, Fleet::count);
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(RepositoryError::Random)?;
        Ok(u64::from_le_bytes(random) % hosts.max(1) < READERS)
    }

    /// Puts the key that seals where this host's key is, so that an earlier one can be removed later.
    fn adopt_key(&self) {
        let Some(keys) = &self.keys else {
            return;
        };
        let id = self.known_view().vault.key_id();
        let (file, is_first) = (
            keys.file.display(),
            !self.was_told.swap(true, Ordering::Relaxed),
        );
        match keys.adopt(&id) {
            Ok(false) => self.was_told.store(false, Ordering::Relaxed),
            Ok(true) => {
                self.was_told.store(false, Ordering::Relaxed);
                log::info(format_args!(
                    "{file} is the key {id} of the shared store now"
                ));
            }
            Err(error) if is_first => log::warn(format_args!(
                "{file} is an earlier key of the shared store, and the agent can't replace it: {error}. Copy {} to it, and \
                 keep the earlier one under another name",
                keys.file_of(&id).unwrap_or_default().display()
            )),
            Err(_) => {}
        }
    }

    fn hosts(&self) -> Result<Vec<HostSeen>, RepositoryError> {
        let hosts = self.store.fleet().map(Fleet::hosts);
        Ok(hosts.transpose()?.unwrap_or_default())
    }
}

fn not_here(source: &KeySource, key: String) -> RotateError {
    let file = source.missing_file(&key);
    RotateError::NotHere { key, file }
}

/// What an administrator does where the agent may not write.
fn unwritable(source: &KeySource, error: KeyError) -> RotateError {
    match error {
        KeyError::Io { reason, .. }
            if [ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem]
                .contains(&reason.kind()) =>
        {
            let file = source.next_file();
            RotateError::Unwritable { reason, file }
        }
        error => error.into(),
    }
}

/// Whether a host has the key with this ID.
fn has(host: &HostSeen, id: &str) -> bool {
    host.notice.key == id || host.notice.other_keys.iter().any(|other| other == id)
}

fn prepared(source: &KeySource, key_id: String, is_new: bool) -> Prepared {
    Prepared {
        file: source.file_of(&key_id),
        key_id,
        is_new,
    }
}
