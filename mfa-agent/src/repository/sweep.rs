//! Removes records that are not current: those that a restore replaced, and those of a restore that was cut off.

use super::view::{EPOCHS, Epoch, View};
use super::{ACCOUNTS, AccountRepository, PLACEHOLDER, RepositoryError};
use crate::store::{Change, Stored};

impl AccountRepository {
    /// Removes up to `limit` of them. Returns whether there may be more.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when the store can't be read or written.
    pub fn sweep(&self, limit: usize) -> Result<bool, RepositoryError> {
        // No restore begins or ends meanwhile, so what is neither current nor staged stays so. On a shared store the
        // guard of each removal sees to that.
        let staged = self.staged();
        let view = self.view_for_change()?;
        let elsewhere = view.staged;
        if view.epoch.is_some() {
            for prefix in [ACCOUNTS, PLACEHOLDER] {
                let page = self.store.page(prefix, None, limit)?;
                if !page.is_empty() {
                    return self.remove(&view, &page);
                }
            }
        }
        let kept: Vec<_> = [view.epoch, *staged, elsewhere]
            .into_iter()
            .flatten()
            .map(Epoch::prefix)
            .collect();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self.store.page(EPOCHS, after.as_deref(), limit)?;
            let Some((first, _)) = page.first() else {
                return Ok(false);
            };
            let Some(prefix) = Epoch::prefix_of(first).filter(|prefix| kept.contains(prefix))
            else {
                let is_kept = |key: &[u8]| kept.iter().any(|prefix| key.starts_with(prefix));
                let old: Vec<_> = page.into_iter().filter(|(key, _)| !is_kept(key)).collect();
                return self.remove(&view, &old);
            };
            after = Some(end_of(&prefix));
        }
    }

    fn remove(&self, view: &View, records: &[(Vec<u8>, Stored)]) -> Result<bool, RepositoryError> {
        self.check_room_to_remove()?;
        let removed = |(key, stored): &'_ (Vec<u8>, Stored)| (key.clone(), stored.revision.clone());
        let removed: Vec<_> = records.iter().map(removed).collect();
        let changes: Vec<Change<'_>> = removed
            .iter()
            .map(|(key, revision)| Change {
                key,
                expected: Some(revision),
                new: None,
                line: None,
            })
            .collect();
        match self.is_shared() {
            true => drop(self.swap_guarded(&[Self::state_of(view)], &changes)?),
            false => drop(self.store.swap_all(&changes)?),
        }
        Ok(true)
    }
}

/// A key that comes after all that begin with `prefix`, which ends in a slash.
fn end_of(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    end
}
