//! Changes of records: a pure function of the record, committed by compare-and-swap.

use std::collections::BTreeMap;
use std::time::Instant;

use super::records::seal;
use super::{AccountRepository, After, Key, MAX_CONFLICTS, RepositoryError, printable};
use crate::store::{Change, Revision, Swap};
use mfa_core::account::Account;

impl AccountRepository {
    /// Runs `change` on the record under `key` until its result is swapped in, and returns its
    /// value. The change is durable then.
    ///
    /// What changes nothing is decided by the newest record, too.
    ///
    /// # Errors
    ///
    /// The error of `change`, or a [`RepositoryError`] when the record can't be read or written.
    pub fn change<T, E: From<RepositoryError>>(
        &self,
        key: &Key,
        mut change: impl FnMut(Option<Account>) -> Result<(After, T), E>,
    ) -> Result<T, E> {
        let _turn = self.turn_for(key)?;
        // A shared store may answer from memory first. Only a swap proves that this was the newest record.
        let mut is_newest = !self.is_shared();
        let began = Instant::now();
        for _ in 0..MAX_CONFLICTS {
            // Who asked has left by then. A change that nobody waits for would only use a code up.
            if self.is_shared() && began.elapsed() > self.patience.conflicts {
                break;
            }
            let view = self.view_for_change()?;
            let loaded = match is_newest {
                true => self.load_newest(key),
                false => self.load_for_swap(&view, key),
            };
            let said = loaded.map_err(E::from).and_then(|loaded| {
                let (account, revision) = loaded.unzip();
                Ok((change(account)?, revision))
            });
            let (after, said, revision) = match said {
                Ok(((after, said), revision)) => (after, said, revision),
                Err(error) if is_newest => return Err(error),
                Err(_) => {
                    is_newest = true;
                    continue;
                }
            };
            let Some((account, lines)) = after.into_parts() else {
                if is_newest {
                    return Ok(said);
                }
                is_newest = true;
                continue;
            };
            let stored_key = view.stored(key);
            let sealed = seal(&view, key, &account)?;
            let change = Change {
                key: &stored_key,
                expected: revision.as_ref(),
                new: Some(&sealed),
                line: lines.as_deref(),
            };
            let swapped = self.swap_in(&view, &[key], &[change])?;
            if swapped.is_some_and(|swaps| swaps == [Swap::Done]) {
                return Ok(said);
            }
        }
        Err(RepositoryError::Contended(printable(key)).into())
    }

    /// Runs `change` on many records, each on its own, with one flush for all. Records that changed
    /// meanwhile are retried.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when records can't be read or written.
    pub fn change_all<T>(
        &self,
        keys: &[Key],
        mut change: impl FnMut(&Key, Option<Account>) -> (After, T),
    ) -> Result<BTreeMap<Key, T>, RepositoryError> {
        let mut said = BTreeMap::new();
        let mut sealed = Vec::with_capacity(keys.len());
        self.view_for_change()?;
        let (view, found) = self.load_current(|_| keys.to_vec())?;
        for (key, stored) in keys.iter().zip(found) {
            let account = stored.as_ref().map(|stored| self.noted(key, stored, &view));
            let (after, words) = change(key, account.transpose()?);
            said.insert(key.clone(), words);
            if let Some((account, lines)) = after.into_parts() {
                let new = seal(&view, key, &account)?;
                let revision = stored.map(|stored| stored.revision);
                sealed.push((key, view.stored(key), revision, new, lines));
            }
        }
        let changes: Vec<Change<'_>> = sealed
            .iter()
            .map(|(_, stored_key, revision, new, lines)| Change {
                key: stored_key,
                expected: revision.as_ref(),
                new: Some(new),
                line: lines.as_deref(),
            })
            .collect();
        let changed: Vec<&Key> = sealed.iter().map(|(key, ..)| *key).collect();
        let swaps = self.swap_in(&view, &changed, &changes)?;
        let swaps = swaps.unwrap_or_else(|| vec![Swap::Conflict; sealed.len()]);
        for ((key, ..), _) in sealed
            .iter()
            .zip(swaps)
            .filter(|(_, swap)| *swap == Swap::Conflict)
        {
            let words = self.change(key, |account| {
                Ok::<_, RepositoryError>(change(key, account))
            })?;
            said.insert((*key).clone(), words);
        }
        Ok(said)
    }

    /// The record, to prepare a change of it. A shared store may answer from memory: only the change itself decides.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when it can't be read.
    pub fn load_for_change(&self, key: &Key) -> Result<Option<Account>, RepositoryError> {
        // Also that there is none: what a name without a record asks of a server must not tell it from others.
        if self.is_shared()
            && let Ok(found) = self.load_for_swap(&*self.view()?, key)
        {
            return Ok(found.map(|(account, _)| account));
        }
        self.load(key)
    }

    fn load_for_swap(
        &self,
        view: &super::View,
        key: &Key,
    ) -> Result<Option<(Account, Revision)>, RepositoryError> {
        let Some(stored) = self.store.load_for_swap(&view.stored(key))? else {
            return Ok(None);
        };
        let account = Self::open_in(view, key, &stored)?;
        Ok(Some((account, stored.revision)))
    }
}
