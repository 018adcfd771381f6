//! Records that can't be opened. Each refuses its user, and nobody else notices.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::view::View;
use super::{AccountRepository, Key, RepositoryError, printable};
use crate::log;
use crate::store::{Change, Stored, Swap};
use mfa_core::account::Account;

/// The most damaged records that are remembered.
const MOST: usize = 100;

/// The damaged records that were met, with what is wrong.
#[derive(Default)]
pub(super) struct Damage(Mutex<BTreeMap<String, String>>);

/// What a check of some records found.
#[derive(Debug, Default)]
pub struct Checked {
    /// How many were read.
    pub records: u64,
    /// The names of those that can't be opened, with the reason.
    pub damaged: Vec<(String, String)>,
    /// Where to go on, unless all were read.
    pub next: Option<Vec<u8>>,
}

/// What became of a record that was to be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// It is gone.
    Done,
    /// There is no such record.
    Missing,
    /// It is not damaged, so it stays.
    Intact,
}

impl Damage {
    /// Remembers it, and logs it once.
    pub(super) fn note(&self, key: &Key, error: &RepositoryError) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            return;
        }
        if known.insert(printable(key), error.to_string()).is_none() {
            drop(known);
            log::limited(
                "damaged records",
                format_args!("{error}; its user can't log in. See all: mfactl store check"),
            );
        }
    }

    fn forget(&self, name: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(name);
    }

    pub(super) fn clear(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

impl AccountRepository {
    /// The damaged records that were met since the start.
    #[must_use]
    pub fn damaged(&self) -> Vec<String> {
        let known = self.damage.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.keys().cloned().collect()
    }

    /// Reads up to `limit` records after `after`, and names those that can't be opened.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when the store can't be read.
    pub fn check(&self, after: Option<&[u8]>, limit: usize) -> Result<Checked, RepositoryError> {
        let view = self.view()?;
        let page = self.store.page(b"", after, limit)?;
        let next = (page.len() == limit).then(|| page.last().map(|(key, _)| key.clone()));
        let mut checked = Checked {
            next: next.flatten(),
            ..Checked::default()
        };
        for (stored_key, stored) in page {
            let Some(key) = view.key(&stored_key) else {
                continue;
            };
            checked.records += 1;
            if let Err(error) = Self::open_listed(&view, &stored_key, &stored) {
                self.damage.note(&key, &error);
                checked.damaged.push((printable(&key), error.to_string()));
            }
        }
        Ok(checked)
    }

    /// Removes a record that can't be opened, together with lines for the audit log. Its user has nothing enrolled then.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when the store can't be read or written.
    pub fn drop_damaged(
        &self,
        name: &str,
        lines: Option<&[u8]>,
    ) -> Result<Dropped, RepositoryError> {
        let key = Key(name.as_bytes().to_vec());
        loop {
            let view = self.view_for_change()?;
            let stored_key = view.stored(&key);
            if view.key(&stored_key).is_none() {
                return Ok(Dropped::Missing);
            }
            let Some(stored) = self.store.load(&stored_key)? else {
                return Ok(Dropped::Missing);
            };
            if Self::open_listed(&view, &stored_key, &stored).is_ok() {
                return Ok(Dropped::Intact);
            }
            let change = Change {
                key: &stored_key,
                expected: Some(&stored.revision),
                new: None,
                line: lines,
            };
            let swaps = self.swap_in(&view, &[&key], &[change])?;
            if swaps.is_some_and(|swaps| swaps == [Swap::Done]) {
                self.damage.forget(name);
                return Ok(Dropped::Done);
            }
        }
    }

    /// The account in a record, as it is read by a list: none if it is damaged, which is noted.
    pub(super) fn listed(
        &self,
        opened: Result<(Key, Account), RepositoryError>,
        view: &View,
        stored_key: &[u8],
    ) -> Option<(Key, Account)> {
        match opened {
            Ok(opened) => Some(opened),
            Err(error) => {
                if let Some(key) = view.key(stored_key) {
                    self.damage.note(&key, &error);
                }
                None
            }
        }
    }

    /// Whether an error is about this one record.
    pub(super) fn is_damage(error: &RepositoryError) -> bool {
        matches!(
            error,
            RepositoryError::Vault(..) | RepositoryError::Record(..)
        )
    }

    pub(super) fn noted(
        &self,
        key: &Key,
        stored: &Stored,
        view: &View,
    ) -> Result<Account, RepositoryError> {
        Self::open_in(view, key, stored).inspect_err(|error| {
            if Self::is_damage(error) {
                self.damage.note(key, error);
            }
        })
    }
}
