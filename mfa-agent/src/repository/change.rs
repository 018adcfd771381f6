//! Changes of records: a pure function of the record, committed by compare-and-swap.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::records::seal;
use super::view::View;
use super::{AccountRepository, After, Key, MAX_CONFLICTS, RepositoryError, printable};
use crate::store::{Change, Revision, Swap};
use mfa_core::account::Account;

/// So many of the largest records fit into one transaction of a shared store.
const TOGETHER: usize = 48;

/// What became of changes of many records.
#[derive(Debug)]
pub struct ManyChanged<T> {
    /// What there is to say of each that was made, or needs no change.
    pub said: BTreeMap<Key, T>,
    /// The records that can't be opened. They stay as they are.
    pub damaged: BTreeMap<Key, RepositoryError>,
    /// Why the others were not made, if there are others.
    pub error: Option<RepositoryError>,
    /// Those among the others that may have been made all the same.
    pub unknown: Vec<Key>,
}

impl<T> Default for ManyChanged<T> {
    fn default() -> Self {
        Self {
            said: BTreeMap::new(),
            damaged: BTreeMap::new(),
            error: None,
            unknown: Vec::new(),
        }
    }
}

impl<T> ManyChanged<T> {
    /// The changes of these were not made, as far as is known.
    fn fail(&mut self, keys: Vec<&Key>, error: RepositoryError) {
        if error.is_unknown() {
            self.unknown.extend(keys.into_iter().cloned());
        }
        self.error = Some(error);
    }
}

/// A record that is ready to be swapped in.
struct Sealed<'a, T> {
    key: &'a Key,
    stored: Cow<'a, [u8]>,
    revision: Option<Revision>,
    new: Vec<u8>,
    lines: Option<Vec<u8>>,
    said: T,
}

impl<T> Sealed<'_, T> {
    fn change(&self) -> Change<'_> {
        Change {
            key: &self.stored,
            expected: self.revision.as_ref(),
            new: Some(&self.new),
            line: self.lines.as_deref(),
        }
    }
}

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
        let began = Instant::now();
        let _turn = self.turn_for(key)?;
        // A shared store may answer from memory first. Only a swap proves that this was the newest record.
        let mut is_newest = !self.is_shared();
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
    /// meanwhile are retried. One that can't be opened stays as it is, and holds up no other.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when nothing could be read; then nothing was changed.
    pub fn change_all<T>(
        &self,
        keys: &[Key],
        mut change: impl FnMut(&Key, Option<Account>) -> (After, T),
    ) -> Result<ManyChanged<T>, RepositoryError> {
        let mut many = ManyChanged::default();
        let mut sealed = Vec::with_capacity(keys.len());
        self.view_for_change()?;
        let (view, found) = self.load_current(|_| keys.to_vec())?;
        for (key, stored) in keys.iter().zip(found) {
            let account = stored.as_ref().map(|stored| self.noted(key, stored, &view));
            let account = match account.transpose() {
                Ok(account) => account,
                Err(error) => {
                    many.damaged.insert(key.clone(), error);
                    continue;
                }
            };
            let (after, said) = change(key, account);
            match after.into_parts() {
                None => drop(many.said.insert(key.clone(), said)),
                Some((account, lines)) => sealed.push(Sealed {
                    key,
                    stored: view.stored(key),
                    revision: stored.map(|stored| stored.revision),
                    new: seal(&view, key, &account)?,
                    lines,
                    said,
                }),
            }
        }
        while !sealed.is_empty() && many.error.is_none() {
            let rest = sealed.split_off(sealed.len().min(self.together()));
            let part = std::mem::replace(&mut sealed, rest);
            self.swap_part(&view, part, &mut many, &mut change);
        }
        Ok(many)
    }

    /// How many records are changed with one flush. More than fit into one transaction of a shared store would be changed
    /// by several, of which one could fail after another.
    fn together(&self) -> usize {
        match self.is_shared() {
            true => TOGETHER,
            false => usize::MAX,
        }
    }

    fn swap_part<T>(
        &self,
        view: &Arc<View>,
        part: Vec<Sealed<'_, T>>,
        many: &mut ManyChanged<T>,
        change: &mut impl FnMut(&Key, Option<Account>) -> (After, T),
    ) {
        let keys: Vec<&Key> = part.iter().map(|sealed| sealed.key).collect();
        let changes: Vec<Change<'_>> = part.iter().map(Sealed::change).collect();
        let swaps = match self.swap_in(view, &keys, &changes) {
            Ok(swaps) => swaps.unwrap_or_else(|| vec![Swap::Conflict; part.len()]),
            Err(error) => {
                many.fail(keys, error);
                return;
            }
        };
        for (sealed, swap) in part.into_iter().zip(swaps) {
            if swap == Swap::Done {
                many.said.insert(sealed.key.clone(), sealed.said);
            } else if many.error.is_none() {
                self.change_one(sealed.key, many, change);
            }
        }
    }

    /// Repeats the change of one that was changed meanwhile.
    fn change_one<T>(
        &self,
        key: &Key,
        many: &mut ManyChanged<T>,
        change: &mut impl FnMut(&Key, Option<Account>) -> (After, T),
    ) {
        let change = |account| Ok::<_, RepositoryError>(change(key, account));
        match self.change(key, change) {
            Ok(said) => drop(many.said.insert(key.clone(), said)),
            Err(error @ (RepositoryError::Vault(..) | RepositoryError::Record(..))) => {
                many.damaged.insert(key.clone(), error);
            }
            Err(error) => many.fail(vec![key], error),
        }
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
        view: &View,
        key: &Key,
    ) -> Result<Option<(Account, Revision)>, RepositoryError> {
        let Some(stored) = self.store.load_for_swap(&view.stored(key))? else {
            return Ok(None);
        };
        let account = Self::open_in(view, key, &stored)?;
        Ok(Some((account, stored.revision)))
    }
}
