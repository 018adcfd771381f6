//! Reads, opens and seals single records and pages of them.

use std::time::Instant;

use super::found::Found;
use super::view::View;
use super::{AccountRepository, Key, RepositoryError, nonce, printable};
use crate::store::{Revision, Stored};
use mfa_core::account::Account;
use mfa_core::names::UserName;

impl AccountRepository {
    /// The record under `key`.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when it can't be read.
    pub fn load(&self, key: &Key) -> Result<Option<Account>, RepositoryError> {
        Ok(self.load_newest(key)?.map(|(account, _)| account))
    }

    /// The user's account; an empty one if there is none.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when it can't be read.
    pub fn account(&self, user: &UserName) -> Result<Account, RepositoryError> {
        Ok(self.load(&Key::account(user))?.unwrap_or_default())
    }

    /// The user's record, or the placeholder record of names that have none, as they are now. A store that is far away is
    /// asked for both at once, so that it takes as long for one as for the other.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when they can't be read.
    pub fn account_or_placeholder(&self, user: &UserName) -> Result<Found, RepositoryError> {
        let own = Key::account(user);
        if !self.is_shared() {
            self.store.forget_found();
            if let Some(account) = self.load(&own)? {
                return Ok(Found::newest(own, None, account));
            }
            let placeholder = self.placeholder(user);
            let account = self.load(&placeholder)?.unwrap_or_default();
            return Ok(Found::newest(placeholder, None, account));
        }
        let keys = |view: &View| vec![own.clone(), Key::placeholder(view, user)];
        let begun = Instant::now();
        let (view, found) = self.load_current(keys)?;
        let read_in = begun.elapsed();
        self.pace.note(read_in, Instant::now());
        self.lent.give_back(user);
        let placeholder = Key::placeholder(&view, user);
        let mut found = found.into_iter();
        let (key, stored) = match (found.next().flatten(), found.next().flatten()) {
            (Some(stored), _) => (own, Some(stored)),
            (None, shared) => (placeholder, shared),
        };
        let account = match &stored {
            Some(stored) => self.noted(&key, stored, &view)?,
            None => Account::default(),
        };
        Ok(Found {
            read_in,
            ..Found::newest(key, stored.as_ref(), account)
        })
    }

    /// Up to `limit` accounts after `after`, in the order of their names; of a shared store in another order, which is
    /// always the same. Damaged records are left out, and noted.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when they can't be read.
    pub fn page(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Account)>, RepositoryError> {
        loop {
            let view = self.view()?;
            let page = self.page_of(&view, after, limit)?;
            if self.is_current(&view)? {
                return Ok(page);
            }
        }
    }

    fn page_of(
        &self,
        view: &View,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Account)>, RepositoryError> {
        let accounts = view.accounts();
        let mut after = after.map(|name| view.stored(&Key::of_name(name)).into_owned());
        let mut page = Vec::new();
        while page.len() < limit {
            let wanted = limit - page.len();
            let records = self.store.page(&accounts, after.as_deref(), wanted)?;
            let is_last = records.len() < wanted;
            for (stored_key, stored) in records {
                let opened = Self::open_listed(view, &stored_key, &stored);
                let listed = self.listed(opened, view, &stored_key);
                page.extend(listed.and_then(|(key, account)| Some((key.into_name()?, account))));
                after = Some(stored_key);
            }
            if is_last {
                break;
            }
        }
        Ok(page)
    }

    /// The record under `key` as it is now, with its revision.
    pub(super) fn load_newest(
        &self,
        key: &Key,
    ) -> Result<Option<(Account, Revision)>, RepositoryError> {
        let (view, mut found) = self.load_current(|_| vec![key.clone()])?;
        let stored = found.pop().flatten();
        stored
            .map(|stored| Ok((self.noted(key, &stored, &view)?, stored.revision)))
            .transpose()
    }

    pub(super) fn open_in(
        view: &View,
        key: &Key,
        stored: &Stored,
    ) -> Result<Account, RepositoryError> {
        let (_, plain) = view
            .open(&view.stored(key), &stored.bytes)
            .map_err(|e| RepositoryError::Vault(printable(key), e))?;
        Account::decode(&plain).map_err(|e| RepositoryError::Record(printable(key), e))
    }

    /// Opens a record of which only its name in the store is known.
    pub(super) fn open_listed(
        view: &View,
        stored_key: &[u8],
        stored: &Stored,
    ) -> Result<(Key, Account), RepositoryError> {
        let unnamed = || String::from_utf8_lossy(stored_key).into_owned();
        let (key, plain) = view.open(stored_key, &stored.bytes).map_err(|e| {
            RepositoryError::Vault(
                view.key(stored_key)
                    .map_or_else(unnamed, |key| printable(&key)),
                e,
            )
        })?;
        let account =
            Account::decode(&plain).map_err(|e| RepositoryError::Record(printable(&key), e))?;
        Ok((key, account))
    }
}

/// Seals a record of `view`.
pub(super) fn seal(view: &View, key: &Key, account: &Account) -> Result<Vec<u8>, RepositoryError> {
    if let Some(format) = view.format.filter(|format| account.format() > *format) {
        return Err(RepositoryError::OlderHosts(account.format(), format));
    }
    let plain = account
        .encode()
        .map_err(|e| RepositoryError::Record(printable(key), e))?;
    view.seal(key, nonce()?, &plain)
        .map_err(|e| RepositoryError::Vault(printable(key), e))
}
