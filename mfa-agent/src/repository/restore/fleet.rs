//! A restore of a store that many hosts share.
//!
//! The host that does it says so in the state. What the others change meanwhile is joined again and again, until little
//! is left. Then the state stops all changes of all hosts, since each is guarded by it; the rest is joined, and one swap
//! of the state names the new records and lets changes go on.
//!
//! A host that dies while nothing may change holds up all logins: the others end its restore once they have seen it for
//! a minute, or `mfactl restore --abandon` does at once. Neither asks what time another host has, and neither can do
//! harm: a restore that was ended can't swap the state any more.

use std::time::Instant;

use jiff::Timestamp;

use super::super::state::State;
use super::super::view::{Epoch, Restoring};
use super::super::{ACCOUNTS, AccountRepository, MAX_CONFLICTS, PLACEHOLDER, RepositoryError};
use super::join::{JOINED, known};
use super::{RestoreError, RestoreRun, RestoreSummary, Step};
use crate::log;
use crate::store::{Change, Moment, Swap};

/// How many changed records may be left when changes are stopped.
const FEW: usize = 2_000;

/// How often changed records are joined before the hosts are taken to be too busy.
const MOST_PASSES: u32 = 20;

/// Changed records that are read at a time.
const PAGE: usize = 500;

/// A restore that was abandoned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Abandoned {
    /// The host that had begun it.
    pub host: String,
    /// When, by its clock.
    pub at: Timestamp,
    /// Whether all changes were stopped.
    pub was_frozen: bool,
}

impl AccountRepository {
    /// Ends the restore that some host has begun. Returns which, if there was one.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when the state can't be read or written.
    pub fn abandon_any_restore(
        &self,
        lines: Option<&[u8]>,
    ) -> Result<Option<Abandoned>, RepositoryError> {
        if !self.is_shared() {
            return Ok(None);
        }
        let (state, _) = self.state(&self.view()?.vault)?;
        let Some(restoring) = state.restoring else {
            return Ok(None);
        };
        let is_ended = self.end_restore_of(&restoring.epoch, lines)?;
        Ok(is_ended.then_some(Abandoned {
            host: restoring.host,
            at: restoring.at,
            was_frozen: restoring.frozen,
        }))
    }

    /// Ends what this host had begun before it was started again.
    pub(in super::super) fn end_left_over_restore(&self) -> Result<(), RepositoryError> {
        let (state, _) = self.state(&self.view()?.vault)?;
        if let Some(restoring) = state.restoring.filter(|it| it.host == self.host)
            && self.staged().is_none()
            && self.end_restore_of(&restoring.epoch, None)?
        {
            log::warn(format_args!(
                "the restore that this host began at {:.0} did not come to its end; nothing was restored",
                restoring.at
            ));
        }
        Ok(())
    }

    /// Ends this restore, unless it has ended. Returns whether it did.
    pub(in super::super) fn end_restore_of(
        &self,
        epoch: &str,
        lines: Option<&[u8]>,
    ) -> Result<bool, RepositoryError> {
        let ended = self.change_state(&self.known_view().vault, lines, |state| {
            let is_this = |it: &Restoring| it.epoch == epoch;
            match state.restoring.as_ref().is_some_and(is_this) {
                true => state.restoring = None,
                false => return Err(RestoreError::Abandoned),
            }
            Ok(())
        });
        match ended {
            Ok(_) => Ok(true),
            Err(RestoreError::Repository(error)) => Err(error),
            Err(_) => Ok(false),
        }
    }

    /// As far as the store can be reached; if it can't, the others or the next start of this host end it.
    pub(super) fn end_own_restore(&self, epoch: Epoch) {
        if let Err(error) = self.end_restore_of(&epoch.to_string(), None) {
            log::warn(format_args!(
                "the restore could not be taken back in the shared store: {error}. If logins fail: mfactl restore --abandon"
            ));
        }
    }

    /// Says to all hosts that this one restores. What changes after the returned moment is joined later.
    pub(super) fn claim_restore(
        &self,
        epoch: Epoch,
        now: Timestamp,
    ) -> Result<Moment, RestoreError> {
        let claim = |state: &mut State| {
            if let Some(other) = &state.restoring {
                let at = format!("{:.0}", other.at);
                return Err(RestoreError::Elsewhere(other.host.clone(), at));
            }
            if let Some(earlier) = &state.rotating {
                return Err(RestoreError::Rotating(earlier.clone()));
            }
            state.restoring = Some(Restoring {
                epoch: epoch.to_string(),
                host: self.host.clone(),
                at: now,
                frozen: false,
            });
            Ok(())
        };
        self.change_state(&self.view()?.vault, None, claim)?;
        Ok(self.store.moment().map_err(RepositoryError::from)?)
    }

    /// Makes changes on the records of this restore, while it goes on.
    pub(super) fn write_claimed(
        &self,
        epoch: Epoch,
        changes: &[Change<'_>],
    ) -> Result<Vec<Swap>, RestoreError> {
        for _ in 0..MAX_CONFLICTS {
            let view = self.view()?;
            if view.staged != Some(epoch) {
                return Err(RestoreError::Abandoned);
            }
            let Some(mut swaps) = self.swap_guarded(&[Self::state_of(&view)], changes)? else {
                continue;
            };
            // Some may have been made before the state changed.
            for (change, swap) in changes.iter().zip(&mut swaps) {
                if *swap == Swap::Conflict && self.is_there(change)? {
                    *swap = Swap::Done;
                }
            }
            return Ok(swaps);
        }
        Err(RestoreError::TooBusy)
    }

    fn is_there(&self, change: &Change<'_>) -> Result<bool, RepositoryError> {
        let stored = self.store.load(change.key)?;
        Ok(stored.as_ref().map(|stored| stored.bytes.as_slice()) == change.new)
    }

    /// One step of the end of a restore.
    pub(super) fn finish_shared(
        &self,
        run: &mut RestoreRun,
        lines: impl FnOnce(&RestoreSummary) -> Option<Vec<u8>>,
    ) -> Result<Step, RestoreError> {
        let joined = self.catch_up(run)?;
        run.passes += 1;
        if joined > FEW {
            return match run.passes < MOST_PASSES {
                true => Ok(Step::More),
                false => Err(RestoreError::TooBusy),
            };
        }
        self.switch_shared(run, lines)?;
        self.damage.clear();
        *self.staged() = None;
        self.watch.stop();
        Ok(Step::Done(run.summary.clone()))
    }

    /// Stops all changes, joins the rest, and names the new records. If that fails, the caller abandons it, and changes
    /// go on.
    fn switch_shared(
        &self,
        run: &mut RestoreRun,
        lines: impl FnOnce(&RestoreSummary) -> Option<Vec<u8>>,
    ) -> Result<(), RestoreError> {
        let epoch = run.epoch;
        let begun = Instant::now();
        self.change_state(&self.view()?.vault, None, |state| {
            let restoring = state.restoring.as_mut().filter(|it| it.is(epoch));
            restoring.ok_or(RestoreError::Abandoned)?.frozen = true;
            Ok::<_, RestoreError>(())
        })?;
        self.catch_up(run)?;
        if begun.elapsed() > self.patience.freeze {
            return Err(RestoreError::TooBusy);
        }
        let target = run.target.as_ref().ok_or(RestoreError::Incomplete)?;
        let (lines, lasting) = (lines(&run.summary), target.vault.lasting().clone());
        self.change_state(&self.view()?.vault, lines.as_deref(), |state| {
            let restoring = state.restoring.take().filter(|it| it.is(epoch));
            restoring
                .filter(|it| it.frozen)
                .ok_or(RestoreError::Abandoned)?;
            state.set_epoch(epoch);
            state.lasting = Some(lasting.clone());
            Ok::<_, RestoreError>(())
        })?;
        Ok(())
    }

    /// Joins what has changed since the last time. Returns how many records that were.
    fn catch_up(&self, run: &mut RestoreRun) -> Result<usize, RestoreError> {
        let since = run.since.ok_or(RestoreError::Incomplete)?;
        let now = self.store.moment().map_err(RepositoryError::from)?;
        let view = self.view()?;
        let mut joined = 0;
        for prefix in [ACCOUNTS, PLACEHOLDER] {
            let prefix = view.under(prefix);
            let mut after: Option<Vec<u8>> = None;
            loop {
                let page = self
                    .store
                    .changed_since(since, &prefix, after.as_deref(), PAGE)
                    .map_err(RepositoryError::from)?;
                after = page.last().map(|(key, _)| key.clone());
                let is_last = page.len() < PAGE;
                joined += page.len();
                let opened = page.into_iter().filter_map(|(stored_key, stored)| {
                    let (key, live) = Self::open_listed(&view, &stored_key, &stored).ok()?;
                    Some((key, Some(known(live, run.is_same_lineage))))
                });
                let opened: Vec<_> = opened.collect();
                for changed in opened.chunks(JOINED) {
                    self.join(run, changed)?;
                }
                if is_last {
                    break;
                }
            }
        }
        run.since = Some(now);
        Ok(joined)
    }
}
