//! Logins that begin with what this host remembers, without a word to a server.
//!
//! What is remembered may be old. So a login that began with it decides nothing by it: its first change compares, in one
//! transaction, that the record is still the one that was remembered, that the state of all records is, and, for a name
//! without a record, that there is still none. If one of them is not, nothing is changed, and the login is decided again
//! from what is there now.
//!
//! Whoever sees how soon a prompt comes must not learn whose record is remembered, which are users of this host: a login from
//! memory waits as a read does ([`AccountRepository::keep_pace`]). It spares the servers a request.
//!
//! What is remembered serves one login at a time: if that one ends without a change, as when its user is asked for something
//! that another host has taken from them, the next one reads.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::found::{Found, Remembered};
use super::records::seal;
use super::view::View;
use super::{AccountRepository, After, Key, RepositoryError};
use crate::store::{Change, Guard, Stored, Swap};
use mfa_core::account::Account;
use mfa_core::names::UserName;

/// So many users at most have a login that proves what is remembered of them; then they are forgotten.
const MOST_LENT: usize = 10_000;

/// The users whose records were remembered for a login that has not proved them yet.
#[derive(Default)]
pub(super) struct Lent(Mutex<BTreeSet<String>>);

impl Lent {
    /// Lends what is remembered of a user; not if it is lent already.
    fn lend(&self, user: &UserName) -> bool {
        let mut lent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lent.len() >= MOST_LENT {
            lent.clear();
        }
        lent.insert(user.to_string())
    }

    /// It was proved or read.
    pub(super) fn give_back(&self, user: &UserName) {
        let mut lent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lent.remove(user.as_str());
    }
}

impl AccountRepository {
    /// The user's record, or the placeholder record of names that have none, as this host remembers both; none unless it
    /// does. A change that [`AccountRepository::change_remembered`] makes proves that it was the newest.
    #[must_use]
    pub fn remembered(&self, user: &UserName) -> Option<Found> {
        if !self.is_shared() || self.is_stale() {
            return None;
        }
        let view = self.known_view();
        if view.frozen.is_some() {
            return None;
        }
        let (own, placeholder) = (Key::account(user), Key::placeholder(&view, user));
        // Both for everybody: what is asked of a server must not tell who has a record.
        let keys = [view.stored(&own), view.stored(&placeholder)];
        let moment = self.store.known_moment();
        let mut found = self.store.remembered(&[&keys[0], &keys[1]])?.into_iter();
        let (key, stored, absent) = match (found.next()?, found.next()?) {
            (Some(stored), _) => (own, Some(stored), None),
            (None, stored) => (placeholder, stored, Some(own)),
        };
        let account = match &stored {
            Some(stored) => Self::open_in(&view, &key, stored).ok()?,
            None => Account::default(),
        };
        if !self.lent.lend(user) {
            return None;
        }
        let revision = stored.map(|stored| stored.revision);
        Some(Found {
            remembered: Some(Remembered {
                state: view.state.clone(),
                revision: revision.clone(),
                user: user.clone(),
                absent,
                moment,
            }),
            read_in: Duration::ZERO,
            key,
            account,
            revision,
        })
    }

    /// Waits until a login of which so much time has passed may show its first prompt ([`super::pace`]).
    pub fn keep_pace(&self, passed: Duration) {
        if self.is_shared() {
            let pace = self.pace.at(Instant::now());
            thread::sleep(pace.saturating_sub(passed));
        }
    }

    /// Whether `newer` was there already when a login began with `older`, so that the login began after it, too.
    #[must_use]
    pub fn was_there(&self, newer: &Found, older: &Remembered) -> bool {
        let revision = newer.revision.as_ref();
        revision == older.revision.as_ref()
            || revision.is_some_and(|revision| self.store.was_by(revision, older.moment))
    }

    /// Runs `change` on the record under `key`, and swaps its result in if that proves what was remembered of it: then
    /// returns its value, and the change is durable. None if it does not, or `change` changes nothing: then nothing may be
    /// decided by it.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when the record can't be written.
    pub fn change_remembered<T, E: From<RepositoryError>>(
        &self,
        key: &Key,
        remembered: &Remembered,
        mut change: impl FnMut(Option<Account>) -> Result<(After, T), E>,
    ) -> Result<Option<T>, E> {
        let _turn = self.turn_for(key)?;
        let view = self.view_for_change()?;
        let Some(stored) = self.as_remembered(&view, key, remembered) else {
            self.lent.give_back(&remembered.user);
            return Ok(None);
        };
        let account = stored.as_ref().map(|it| Self::open_in(&view, key, it));
        let Ok(account) = account.transpose() else {
            return Ok(None);
        };
        let Ok((after, said)) = change(account) else {
            return Ok(None);
        };
        let Some((account, lines)) = after.into_parts() else {
            return Ok(None);
        };
        let stored_key = view.stored(key);
        let sealed = seal(&view, key, &account)?;
        let change = Change {
            key: &stored_key,
            expected: stored.as_ref().map(|stored| &stored.revision),
            new: Some(&sealed),
            line: lines.as_deref(),
        };
        let Some((other_key, other)) = self.the_other(&view, remembered) else {
            self.lent.give_back(&remembered.user);
            return Ok(None);
        };
        let other = Guard {
            key: &other_key,
            expected: other.as_ref().map(|stored| &stored.revision),
        };
        let guards = [Self::state_of(&view), other];
        let swaps = self.swap_guarded(&guards, &[change])?;
        self.lent.give_back(&remembered.user);
        let is_done = swaps.is_some_and(|swaps| swaps == [Swap::Done]);
        Ok(is_done.then_some(said))
    }

    /// What the change of one of both records has to prove of the other one: that the user has still none of their own, or,
    /// for those who have one, that the placeholder is as it is remembered. That one has nothing to do with them. But
    /// others share it, and what they change must cost as much for who has a record as for who has none (rule 8).
    fn the_other(&self, view: &View, remembered: &Remembered) -> Option<(Vec<u8>, Option<Stored>)> {
        if let Some(own) = &remembered.absent {
            return Some((view.stored(own).into_owned(), None));
        }
        let placeholder = Key::placeholder(view, &remembered.user);
        let key = view.stored(&placeholder);
        let stored = self.store.remembered(&[&key])?.pop()?;
        Some((key.into_owned(), stored))
    }

    /// The record as it is remembered, if it is the one that was remembered before, or only this host has changed it since,
    /// each time with a proof that nobody else had.
    fn as_remembered(&self, view: &View, key: &Key, before: &Remembered) -> Option<Option<Stored>> {
        if view.state != before.state {
            return None;
        }
        let stored_key = view.stored(key);
        let stored = self.store.remembered(&[&stored_key])?.pop()?;
        let is_same = stored.as_ref().map(|stored| &stored.revision) == before.revision.as_ref();
        let from = before.revision.as_ref();
        let follows = || from.is_some_and(|from| self.store.is_succession(&stored_key, from));
        (is_same || follows()).then_some(stored)
    }
}
