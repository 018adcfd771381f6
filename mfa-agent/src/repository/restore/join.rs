//! Joins the records of a restore with what the current ones know.

use super::super::records::seal;
use super::super::view::{Epoch, View};
use super::super::{AccountRepository, Key, RepositoryError};
use super::{RestoreError, RestoreRun, RestoreSummary};
use crate::store::{Change, Stored, Swap};
use mfa_core::account::Account;

/// Records that are joined with one write.
pub(super) const JOINED: usize = 100;

impl AccountRepository {
    /// Keeps what has to be kept of records that the backup does not have. Returns where to go on.
    pub(super) fn keep_left_over(
        &self,
        (target, epoch): (&View, Epoch),
        (prefix, after): (&[u8], Option<&[u8]>),
        limit: usize,
        summary: &mut RestoreSummary,
    ) -> Result<Option<Vec<u8>>, RestoreError> {
        let view = self.view()?;
        let page = self.store.page(&view.under(prefix), after, limit);
        let page = page.map_err(RepositoryError::from)?;
        let next = (page.len() == limit).then(|| page.last().map(|(key, _)| key.clone()));
        let opened = page.iter().map(|(stored_key, stored)| {
            let opened = Self::open_listed(&view, stored_key, stored).ok();
            let unnamed = || view.key(stored_key).map(|key| (key, None));
            opened.map_or_else(unnamed, |(key, live)| Some((key, Some(live))))
        });
        let opened: Vec<(Key, Option<Account>)> = opened.flatten().collect();
        let there: Vec<_> = opened.iter().map(|(key, _)| target.stored(key)).collect();
        let wanted: Vec<&[u8]> = there.iter().map(|key| &**key).collect();
        let found = self
            .store
            .load_all(&wanted)
            .map_err(RepositoryError::from)?;
        let mut new = Vec::new();
        for (((key, live), there), found) in opened.iter().zip(&there).zip(found) {
            if found.is_some() {
                continue;
            }
            // The user of a damaged one had something, too.
            let is_enrolled = live.as_ref().is_none_or(|live| !live.has_never_enrolled());
            let gone = u64::from((key.is_account() || key.is_hidden()) && is_enrolled);
            RestoreSummary::note(&mut summary.gone, &mut summary.gone_users, key, gone);
            if let Some(left) = live.as_ref().and_then(Account::left_over) {
                new.push((there, seal(target, key, &left)?));
            }
        }
        let changes: Vec<Change<'_>> = new.iter().map(|(key, new)| added(key, new)).collect();
        self.write_staged(epoch, &changes)?;
        Ok(next.flatten())
    }

    /// Joins records that changed since they were joined.
    pub(super) fn join_again(
        &self,
        view: &View,
        run: &RestoreRun,
        limit: usize,
    ) -> Result<(), RestoreError> {
        let changed = self.watch.take(limit).ok_or(RestoreError::TooBusy)?;
        for keys in changed.chunks(JOINED) {
            let mut changed = Vec::with_capacity(keys.len());
            for key in keys {
                let live = self.live(view, key, run.is_same_lineage)?;
                changed.push((key.clone(), live.map(|(_, live)| live)));
            }
            self.join(run, &changed)?;
        }
        Ok(())
    }

    /// Joins records as they are now with those that were written for them.
    pub(super) fn join(
        &self,
        run: &RestoreRun,
        changed: &[(Key, Option<Account>)],
    ) -> Result<(), RestoreError> {
        let target = run.target.as_ref().ok_or(RestoreError::Incomplete)?;
        let there: Vec<_> = changed.iter().map(|(key, _)| target.stored(key)).collect();
        let wanted: Vec<&[u8]> = there.iter().map(|key| &**key).collect();
        let staged = self
            .store
            .load_all(&wanted)
            .map_err(RepositoryError::from)?;
        let mut new = Vec::new();
        for (((key, live), there), staged) in changed.iter().zip(&there).zip(&staged) {
            let joined = match staged {
                None => live.as_ref().and_then(Account::left_over),
                // A damaged record stays as it is.
                Some(stored) => Self::open_in(target, key, stored)
                    .ok()
                    .map(|staged| staged.restored(live.as_ref(), run.now).account),
            };
            if let Some(joined) = joined {
                new.push((there, staged.as_ref(), seal(target, key, &joined)?));
            }
        }
        let changes: Vec<Change<'_>> = new
            .iter()
            .map(|(there, staged, sealed)| Change {
                expected: staged.map(|staged: &Stored| &staged.revision),
                ..added(there, sealed)
            })
            .collect();
        match self
            .write_staged(run.epoch, &changes)?
            .contains(&Swap::Conflict)
        {
            true => Err(RestoreError::Busy),
            false => Ok(()),
        }
    }

    /// Makes changes on the records of a restore.
    pub(super) fn write_staged(
        &self,
        epoch: Epoch,
        changes: &[Change<'_>],
    ) -> Result<Vec<Swap>, RestoreError> {
        match self.is_shared() {
            true => self.write_claimed(epoch, changes),
            false => Ok(self
                .store
                .swap_all(changes)
                .map_err(RepositoryError::from)?),
        }
    }
}

/// A current record as far as it is of use for the restored one.
pub(super) fn known(mut live: Account, is_same_lineage: bool) -> Account {
    if !is_same_lineage {
        live.forget_foreign_codes();
    }
    live
}

pub(super) fn added<'a>(key: &'a [u8], new: &'a [u8]) -> Change<'a> {
    Change {
        key,
        expected: None,
        new: Some(new),
        line: None,
    }
}
