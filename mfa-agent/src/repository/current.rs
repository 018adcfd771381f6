//! The current records and keys: how this host learns of them, and how changes are kept from mixing with a restore or a
//! new key.
//!
//! On a store of one host, whoever replaces them waits for the changes under way. On a shared store another host may
//! replace them at any moment: there each change is guarded by the state ([`super::state`]), and a host whose change was
//! refused reads the state again and goes on.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLockReadGuard};
use std::thread;
use std::time::{Duration, Instant};

use super::turns::Turn;
use super::view::{Restoring, STATE, View};
use super::{AccountRepository, Key, MAX_CONFLICTS, RepositoryError, printable};
use crate::log;
use crate::store::{Change, Guard, Stored, Swap};
use crate::vault::{Vault, VaultError};

/// How long things may take that depend on other hosts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// A change waits so long for the end of a restore.
    pub(super) change: Duration,
    /// And so long until others on this host have changed the same record.
    pub(super) turn: Duration,
    /// A change is tried again for so long, if other hosts change the same record.
    pub(super) conflicts: Duration,
    /// No restore stops changes for longer.
    pub(super) freeze: Duration,
    /// Then its host is taken for dead.
    pub(super) dead: Duration,
    /// A host on which nobody logs in looks this often whether the key was changed.
    pub(super) look: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            change: Duration::from_secs(3),
            turn: Duration::from_secs(3),
            conflicts: Duration::from_secs(3),
            freeze: Duration::from_secs(20),
            dead: Duration::from_secs(60),
            look: Duration::from_secs(60),
        }
    }
}

const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// A restore that stops changes, and when this host first saw that. No clock of another host is asked.
pub(super) type FirstSeen = Option<(String, Instant)>;

impl AccountRepository {
    /// Whether other hosts change the same records.
    pub(crate) fn is_shared(&self) -> bool {
        self.store.is_shared()
    }

    /// The store may have another view than the one in memory.
    pub(super) fn note_stale(&self) {
        self.is_stale.store(true, Ordering::Release);
    }

    /// Whether it may, so that the state has to be read.
    pub(super) fn is_stale(&self) -> bool {
        self.is_stale.load(Ordering::Acquire)
    }

    /// The right to change a record of a shared store, if others on this host change it, too.
    pub(super) fn turn_for(&self, key: &Key) -> Result<Option<Turn<'_>>, RepositoryError> {
        if !self.is_shared() {
            return Ok(None);
        }
        let turn = self.turns.take(&key.0, self.patience.turn);
        turn.map(Some)
            .ok_or_else(|| RepositoryError::Contended(printable(key)))
    }

    /// The current records and keys.
    pub(super) fn view(&self) -> Result<Arc<View>, RepositoryError> {
        if self.is_stale() {
            self.read_view()?;
        }
        Ok(self.known_view())
    }

    /// The same as the store has them now.
    pub(super) fn newest_view(&self) -> Result<Arc<View>, RepositoryError> {
        for _ in 0..MAX_CONFLICTS {
            let view = self.view()?;
            if self.is_current(&view)? {
                return Ok(view);
            }
        }
        Err(RepositoryError::Contended(super::state::name()))
    }

    /// The same for a change, after the end of a restore that stops changes.
    pub(super) fn view_for_change(&self) -> Result<Arc<View>, RepositoryError> {
        let mut view = self.view()?;
        let begun = Instant::now();
        while let Some(restoring) = view.frozen.clone() {
            if !self.end_dead_restore(&restoring)? && begun.elapsed() >= self.patience.change {
                return Err(RepositoryError::Frozen(restoring.host));
            }
            thread::sleep(BETWEEN_LOOKS.min(self.patience.change));
            self.note_stale();
            view = self.view()?;
        }
        Ok(view)
    }

    /// The same as far as this process knows.
    pub(super) fn known_view(&self) -> Arc<View> {
        Arc::clone(&self.gate())
    }

    /// The same. In this process it is not replaced while this is held.
    pub(super) fn gate(&self) -> RwLockReadGuard<'_, Arc<View>> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads from the store which records are the current ones.
    fn read_view(&self) -> Result<(), RepositoryError> {
        // One reads, and all who wait share what it found.
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_stale.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        self.read_view_now().inspect_err(|_| self.note_stale())
    }

    fn read_view_now(&self) -> Result<(), RepositoryError> {
        if self.is_shared() {
            // Changes under way are not waited for: their guard does not hold any more.
            let view = self.shared_view(&self.known_view().vault)?;
            *self.view.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(view);
            return Ok(());
        }
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        let (state, revision) = self.state(&view.vault)?;
        *view = Arc::new(state.view(&view.vault, revision, false)?);
        Ok(())
    }

    fn shared_view(&self, vault: &Vault) -> Result<View, RepositoryError> {
        let view = |vault: &Vault| {
            let (state, revision) = self.state(vault)?;
            state.view(vault, revision, true)
        };
        match (view(vault), &self.keys) {
            // The key may have been copied to this host since it started.
            (Err(RepositoryError::Vault(_, VaultError::OtherKey { .. })), Some(keys)) => {
                let vault = Vault::with(&keys.load_ring_again()?, Some(vault.lasting().clone()));
                view(&vault).map_err(|error| self.without_the_key(error))
            }
            (view, _) => view,
        }
    }

    /// Reads the keys of this host once more: one may have been copied to it since it started.
    pub(super) fn read_keys(&self) -> Result<(), RepositoryError> {
        let Some(keys) = &self.keys else {
            return Ok(());
        };
        let ring = keys.load_ring_again()?;
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        let lasting = Some(view.vault.lasting().clone());
        let on_disk = Vault::with(&ring, lasting);
        // The one that seals stays the same, whatever it is called on the disk; it is gone if its file is.
        if let Some(vault) = on_disk.sealing_with(&view.vault.key_id()) {
            let vault = vault.opening_as(&view.vault);
            *view = Arc::new(view.with_vault(vault));
        }
        Ok(())
    }

    /// What to do on a host that does not have the key of the others.
    fn without_the_key(&self, error: RepositoryError) -> RepositoryError {
        match (error, &self.keys) {
            (RepositoryError::Vault(_, VaultError::OtherKey { sealed, here }), Some(keys)) => {
                RepositoryError::OtherKey {
                    file: keys.missing_file(&sealed),
                    sealed,
                    here,
                }
            }
            (error, _) => error,
        }
    }

    /// Makes changes on records of `view`; none if it was replaced meanwhile, or a restore stops
    /// changes.
    pub(super) fn swap_in(
        &self,
        view: &Arc<View>,
        keys: &[&Key],
        changes: &[Change<'_>],
    ) -> Result<Option<Vec<Swap>>, RepositoryError> {
        if self.is_shared() {
            return match view.frozen {
                Some(_) => Ok(None),
                None => self.swap_guarded(&[Self::state_of(view)], changes),
            };
        }
        let gate = self.gate();
        if !Arc::ptr_eq(&gate, view) {
            return Ok(None);
        }
        self.watch.note(keys);
        Ok(Some(self.store.swap_all(changes)?))
    }

    /// That the state is still the one of `view`.
    pub(super) fn state_of(view: &View) -> Guard<'_> {
        Guard {
            key: STATE,
            expected: view.state.as_ref(),
        }
    }

    /// Makes changes in a shared store, also while a restore stops all others; none if one of `guards`, among which is
    /// the state, does not hold any more.
    pub(super) fn swap_guarded(
        &self,
        guards: &[Guard<'_>],
        changes: &[Change<'_>],
    ) -> Result<Option<Vec<Swap>>, RepositoryError> {
        let swaps = self.store.swap_all_if(guards, changes)?;
        if swaps.is_none() && !self.is_known_to_hold(guards) {
            self.note_stale();
        }
        Ok(swaps)
    }

    /// Whether the state is the one of its guard, by what an answer of the store has just said.
    fn is_known_to_hold(&self, guards: &[Guard<'_>]) -> bool {
        let state = guards.iter().find(|guard| guard.key == STATE);
        let known = self.store.remembered(&[STATE]).and_then(|mut it| it.pop());
        let revision = known.flatten().map(|stored| stored.revision);
        revision.is_some() && state.is_some_and(|guard| guard.expected == revision.as_ref())
    }

    /// Some records of the current view as they are now, together with it.
    pub(super) fn load_current(
        &self,
        keys: impl Fn(&View) -> Vec<Key>,
    ) -> Result<(Arc<View>, Vec<Option<Stored>>), RepositoryError> {
        for _ in 0..MAX_CONFLICTS {
            let view = self.view()?;
            let keys = keys(&view);
            let stored: Vec<_> = keys.iter().map(|key| view.stored(key)).collect();
            let mut wanted: Vec<&[u8]> = stored.iter().map(|key| &**key).collect();
            if self.is_shared() {
                // The last one: what was read before it is of its view, since no state comes back.
                wanted.push(STATE);
            }
            let mut found = self.store.load_all(&wanted)?;
            if self.is_shared() {
                let state = found.pop().flatten();
                if state.as_ref().map(|state| &state.revision) != view.state.as_ref() {
                    self.note_stale();
                    continue;
                }
            }
            return Ok((view, found));
        }
        Err(RepositoryError::Contended(super::state::name()))
    }

    /// Whether `view` is still the current one.
    pub(super) fn is_current(&self, view: &View) -> Result<bool, RepositoryError> {
        if !self.is_shared() {
            return Ok(true);
        }
        let state = self.store.load(STATE)?;
        let is_current = state.as_ref().map(|state| &state.revision) == view.state.as_ref();
        if !is_current {
            self.note_stale();
        }
        Ok(is_current)
    }

    /// Asks the store whether a user who must be asked could log in here now: it answers, this host has the key of the
    /// current records and knows their format, and no restore stops changes.
    ///
    /// # Errors
    ///
    /// The reason why not.
    pub fn check_service(&self) -> Result<(), RepositoryError> {
        if !self.is_shared() {
            return self.page(None, 1).map(drop);
        }
        for _ in 0..MAX_CONFLICTS {
            let view = self.view()?;
            if self.is_current(&view)? {
                return match &view.frozen {
                    Some(restoring) => Err(RepositoryError::Frozen(restoring.host.clone())),
                    None => Ok(()),
                };
            }
        }
        Err(RepositoryError::Contended(super::state::name()))
    }

    /// Ends a restore that has stopped changes for so long that its host must be dead. Returns whether it did.
    fn end_dead_restore(&self, restoring: &Restoring) -> Result<bool, RepositoryError> {
        let since = {
            let mut seen = self
                .frozen_since
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            match &*seen {
                Some((epoch, since)) if *epoch == restoring.epoch => *since,
                _ => seen.insert((restoring.epoch.clone(), Instant::now())).1,
            }
        };
        if since.elapsed() < self.patience.dead {
            return Ok(false);
        }
        let ended = self.end_restore_of(&restoring.epoch, None)?;
        if ended {
            log::warn(format_args!(
                "the restore that {} began at {:.0} had stopped all changes for {} s: it was ended, and nothing was \
                 restored",
                restoring.host,
                restoring.at,
                self.patience.dead.as_secs()
            ));
        }
        Ok(true)
    }
}
