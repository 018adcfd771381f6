//! A change of the key: each record is sealed with the new one while logins go on.
//!
//! Both keys open records meanwhile, and whatever is written is sealed with the new one. So it can stop at any record,
//! and go on from the first.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

mod fleet;

pub use fleet::{HostKeys, Prepared};

use super::view::{View, is_sealed};
use super::{AccountRepository, CHECKED, RepositoryError, nonce, room};
use crate::store::{Change, Stored};
use crate::vault::{KeyError, KeySource, Vault};

/// Records that are read at a time, to find one of an earlier key.
const LOOKED_AT: usize = 1_000;

/// The keys of the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyState {
    /// The key that seals.
    pub key_id: String,
    /// Earlier keys that are here.
    pub others: Vec<String>,
    /// The key before, while records may be sealed with it.
    pub rotating: Option<String>,
    /// The next key of a shared store, which all hosts are to have before it seals.
    pub prepared: Option<String>,
}

/// What became of some records.
#[derive(Debug, Default)]
pub struct Resealed {
    /// Records that were looked at.
    pub records: u64,
    /// Those that an earlier key had sealed; without a dry run they are sealed with the current key now.
    pub earlier: u64,
    /// Those that can't be opened, and stay as they are.
    pub damaged: u64,
    /// Where to go on, unless all were looked at.
    pub next: Option<Vec<u8>>,
}

/// Why the key is not changed.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    #[error("the key was not changed: {0}")]
    Key(#[from] KeyError),
    /// Only systemd can change it.
    #[error(
        "the key was not changed: it is a credential of systemd, which the agent can't change, and all records are sealed \
         with it. Pass the present one as mfa.key.old and a new one as mfa.key, restart the agent, and repeat this \
         command: see mfactl-rotate-key(1)"
    )]
    Credential,
    #[error("a restore is going on; wait for its end")]
    Restoring,
    /// One host needs no preparation.
    #[error(
        "no other host shares the store of this one, so nothing has to be prepared. To change the key: mfactl rotate-key"
    )]
    NotShared,
    /// Only systemd can add one.
    #[error(
        "the key is a credential of systemd, so the agent can't make the next one. Pass the present one as mfa.key.old \
         and a new one as mfa.key, the same on every host, restart the agents, and repeat this command: see \
         mfactl-rotate-key(1)"
    )]
    SharedCredential,
    /// The hosts of a shared store do not have another key yet.
    #[error(
        "the key was not changed: first all hosts that share the store need the new one. To make it: mfactl rotate-key \
         --prepare"
    )]
    NotPrepared,
    /// The folder of the key is not the agent's.
    #[error(
        "the agent can't make a key beside its own: {reason}. Make it as root: install -m 0600 -o mfa -g mfa /dev/null {0} \
         && printf 'mfa-key-v1:%s\\n' \"$(head -c 32 /dev/urandom | base64)\" > {0}; then repeat this command",
        file.display()
    )]
    Unwritable {
        reason: std::io::Error,
        file: PathBuf,
    },
    /// Some hosts would be left without a key.
    #[error(
        "the key was not changed: {} not have the new key {key}, and would serve nobody. Copy its file there, and wait \
         a minute; a host that is gone: mfactl hosts --forget NAME. To see all: mfactl rotate-key --status",
        said(hosts)
    )]
    Missing { key: String, hosts: Vec<String> },
    /// Only one of two hosts of one name is seen.
    #[error(
        "the key was not changed: two hosts call themselves {0}, so nobody can tell whether both have the new key. Give each \
         host a name of its own, and restart its agent: hostnamectl hostname NAME. It is known three minutes later"
    )]
    Double(String),
    /// The new key is not on this host.
    #[error(
        "the key was not changed: the key {key} is not on this host. Copy it to {}, owned by the agent's user with \
         mode 0600, or run this command on a host that has it", file.display()
    )]
    NotHere { key: String, file: PathBuf },
    /// Another change is not at its end.
    #[error("another change of the key is not at its end. Go on with it: mfactl rotate-key")]
    Unfinished,
}

/// The first of some hosts, as a sentence goes on with them.
fn said(hosts: &[String]) -> String {
    match hosts {
        [one] => format!("{one} does"),
        hosts if hosts.len() <= 5 => format!("{} do", hosts.join(", ")),
        hosts => format!(
            "{} and {} others do",
            hosts[..5].join(", "),
            hosts.len() - 5
        ),
    }
}

impl AccountRepository {
    /// The keys, and whether they are being changed.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when the store can't be read.
    pub fn key_state(&self) -> Result<KeyState, RepositoryError> {
        let view = self.newest_view()?;
        let (state, _) = self.state(&view.vault)?;
        Ok(KeyState {
            key_id: view.vault.key_id(),
            others: view.vault.other_ids(),
            rotating: state.rotating,
            prepared: state.prepared,
        })
    }

    /// Makes a new key and seals with it from now on; goes on with a change that was begun. Returns whether there is a
    /// new key.
    ///
    /// # Errors
    ///
    /// A [`RotateError`].
    pub fn begin_rotation(
        &self,
        source: &KeySource,
        lines: Option<&[u8]>,
    ) -> Result<bool, RotateError> {
        if self.staged().is_some() {
            return Err(RotateError::Restoring);
        }
        if self.is_shared() {
            return self.begin_shared(source, lines);
        }
        let known = self.view()?;
        let (state, _) = self.state(&known.vault)?;
        let before = known.vault.key_id();
        if state.rotating.is_some_and(|earlier| earlier != before) {
            return Ok(false);
        }
        self.check_room(room::for_rotation)?;
        if source.is_credential() {
            self.begin_with_credential(source)?;
            return Ok(false);
        }
        source.keep_current()?;
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        if view.vault.key_id() != before {
            // Another call was faster.
            return Ok(false);
        }
        // Noted before the key is made: a cut in between leaves the key before as the current one, and the next call
        // makes the new one. What lasts must not depend on a key that will be gone.
        let lasting = view.vault.lasting().clone();
        self.change_state(&view.vault, lines, |state| {
            state.lasting = Some(lasting.clone());
            state.rotating = Some(before.clone());
            Ok::<_, RepositoryError>(())
        })?;
        source.replace()?;
        let vault = Vault::with(&source.load_ring()?, Some(lasting)).opening_also(&view.vault);
        *view = Arc::new(View::new(vault, view.epoch, false));
        Ok(true)
    }

    /// Goes on with a change that systemd began by passing another key.
    fn begin_with_credential(&self, source: &KeySource) -> Result<(), RotateError> {
        // Other keys may be here for their backups, so the records say which one was theirs.
        let earlier = self.earlier_sealer()?.or_else(|| source.old_credential());
        let earlier = earlier.ok_or(RotateError::Credential)?;
        let gate = self.gate();
        let lasting = gate.vault.lasting().clone();
        self.change_state(&gate.vault, None, |state| {
            state.lasting = Some(lasting.clone());
            state.rotating = Some(earlier.clone());
            Ok::<_, RepositoryError>(())
        })?;
        Ok(())
    }

    /// The key of the first record that another key than the current one has sealed.
    fn earlier_sealer(&self) -> Result<Option<String>, RepositoryError> {
        let view = self.view()?;
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self.store.page(b"", after.as_deref(), LOOKED_AT)?;
            let earlier = |(key, stored): &(Vec<u8>, Stored)| {
                let is_earlier = !view.vault.is_current(&stored.bytes)
                    && view.vault.open(key, &stored.bytes).is_ok();
                let sealer = is_earlier.then(|| view.vault.sealer(&stored.bytes));
                sealer.flatten().map(|(id, _)| id)
            };
            if let Some(earlier) = page.iter().find_map(earlier) {
                return Ok(Some(earlier));
            }
            match page.last() {
                Some((last, _)) if page.len() == LOOKED_AT => after = Some(last.clone()),
                _ => return Ok(None),
            }
        }
    }

    /// Notes the keys that last, before another key seals the first record: later, nothing tells which key they were
    /// derived from.
    pub(super) fn keep_lasting(&self) -> Result<(), RepositoryError> {
        if self.is_shared() {
            // It has them from the beginning.
            return Ok(());
        }
        let view = self.known_view();
        let vault = &view.vault;
        let (state, _) = self.state(vault)?;
        if state.lasting.is_some() || vault.other_ids().is_empty() {
            return Ok(());
        }
        let page = self.store.page(b"", None, CHECKED)?;
        let records = page
            .iter()
            .filter(|(key, stored)| vault.open(key, &stored.bytes).is_ok());
        let (current, earlier): (Vec<_>, Vec<_>) = records
            .map(|(_, stored)| stored.bytes.as_slice())
            .partition(|bytes| vault.is_current(bytes));
        let first = earlier.first().or(current.first());
        if let Some((_, lasting)) = first.and_then(|bytes| vault.sealer(bytes)) {
            let lasting = lasting.clone();
            self.change_state(vault, None, |state| {
                state.lasting = Some(lasting.clone());
                Ok::<_, RepositoryError>(())
            })?;
        }
        Ok(())
    }

    /// Seals up to `limit` records after `after` with the current key; with `dry_run` only counts them.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when they can't be read or written.
    pub fn reseal(
        &self,
        after: Option<&[u8]>,
        limit: usize,
        dry_run: bool,
    ) -> Result<Resealed, RepositoryError> {
        if !dry_run {
            self.check_room(|_| 0)?;
        }
        let view = match dry_run {
            true => self.view()?,
            false => self.view_for_change()?,
        };
        let page = self.store.page(b"", after, limit)?;
        let next = (page.len() == limit).then(|| page.last().map(|(key, _)| key.clone()));
        let page = page.into_iter().filter(|(key, _)| is_sealed(key));
        let mut done = Resealed {
            next: next.flatten(),
            ..Resealed::default()
        };
        let mut sealed = Vec::new();
        for (key, stored) in page {
            done.records += 1;
            if view.vault.is_current(&stored.bytes) {
                continue;
            }
            let Ok(plain) = view.vault.open(&key, &stored.bytes) else {
                done.damaged += 1;
                continue;
            };
            done.earlier += 1;
            if !dry_run {
                let name = || String::from_utf8_lossy(&key).into_owned();
                let new = view.vault.seal(&key, nonce()?, &plain);
                let new = new.map_err(|e| RepositoryError::Vault(name(), e))?;
                sealed.push((key, stored.revision, new));
            }
        }
        let changes: Vec<Change<'_>> = sealed
            .iter()
            .map(|(key, revision, new)| Change {
                key,
                expected: Some(revision),
                new: Some(new),
                line: None,
            })
            .collect();
        // A record that changed meanwhile was sealed with the current key by that.
        if self.swap_in(&view, &[], &changes)?.is_none() {
            done.next = after.map(<[u8]>::to_vec).or(Some(Vec::new()));
        }
        Ok(done)
    }

    /// Ends a change of the key once no record is sealed with an earlier one: the change to `key`, if it is named. Another
    /// one may have begun meanwhile, and nothing was resealed for that. Returns the earlier key.
    ///
    /// # Errors
    ///
    /// A [`RotateError`].
    pub fn end_rotation(
        &self,
        key: Option<&str>,
        lines: Option<&[u8]>,
    ) -> Result<Option<String>, RotateError> {
        let view = self.view()?;
        let (state, _) = self.state(&view.vault)?;
        if let Some(earlier) = state.rotating.as_ref().filter(|_| self.is_shared())
            && !view.vault.has_key(earlier)
        {
            return Err(RotateError::Unfinished);
        }
        if state.rotating.is_some() {
            let gate = self.gate();
            let ended = self.change_state(&gate.vault, lines, |now| {
                let is_another = key.is_some() && now.sealer.as_deref() != key;
                if is_another || now.rotating != state.rotating {
                    return Err(RotateError::Unfinished);
                }
                now.rotating = None;
                Ok(())
            });
            drop(gate);
            if matches!(ended, Err(RotateError::Unfinished)) {
                // Somebody else may have ended the same change.
                let (now, _) = self.state(&self.view()?.vault)?;
                if now.rotating.is_none() && key.is_some() && now.sealer.as_deref() == key {
                    return Ok(None);
                }
            }
            ended?;
        }
        Ok(state.rotating)
    }

    /// The file of an earlier key, if it is one.
    #[must_use]
    pub fn earlier_key(source: &KeySource, id: &str) -> Option<PathBuf> {
        source.earlier_file(id)
    }
}
