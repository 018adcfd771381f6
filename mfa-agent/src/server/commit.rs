//! A change of a record together with the events that say so: what is acknowledged has its line in the audit
//! log after any crash.
//!
//! The events are built before the change is made, again for each newer record that it is made on. Their lines
//! become durable with it in the store, at no cost of their own, and go to the audit log after it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Agent;
use super::error::Failure;
use super::peer::Peer;
use crate::audit::{AuditEntry, Event, Outcomes};
use crate::repository::{
    After, Key, ManyChanged, Remembered, RepositoryError, RestoreError, RotateError,
};
use mfa_core::account::Account;

/// What a change leaves on the record, what happened if it takes place, and what there is to say.
pub(super) type Changed<T> = (After, Vec<Event>, T);

/// Why a change came to nothing, as far as is known.
pub(super) trait ChangeError {
    /// If it may have been made all the same, why that is not known.
    fn unknown(&self) -> Option<String>;
}

impl ChangeError for Failure {
    fn unknown(&self) -> Option<String> {
        self.is_unknown().then(|| self.reason().to_owned())
    }
}

impl ChangeError for RepositoryError {
    fn unknown(&self) -> Option<String> {
        self.is_unknown().then(|| self.to_string())
    }
}

impl ChangeError for RestoreError {
    fn unknown(&self) -> Option<String> {
        match self {
            Self::Repository(error) => error.unknown(),
            _ => None,
        }
    }
}

impl ChangeError for RotateError {
    fn unknown(&self) -> Option<String> {
        match self {
            Self::Repository(error) => error.unknown(),
            _ => None,
        }
    }
}

/// Records what was to be said of a change, by what came of it.
pub(super) fn settle<T, E: ChangeError>(
    outcomes: &mut Outcomes,
    entries: impl IntoIterator<Item = AuditEntry>,
    said: &Result<T, E>,
) {
    match said {
        Ok(_) => outcomes.made(entries),
        Err(error) => {
            if let Some(why) = error.unknown() {
                outcomes.unknown(entries, &why);
            }
        }
    }
}

impl Agent {
    /// Changes a record ([`crate::repository::AccountRepository::change`]). Events of a change that leaves it as it was are not
    /// recorded.
    pub(super) fn commit<T>(
        &self,
        key: &Key,
        peer: Peer,
        change: impl FnMut(Option<Account>) -> Result<Changed<T>, Failure>,
    ) -> Result<T, Failure> {
        let said = self.commit_if(key, None, peer, change)?;
        said.ok_or_else(|| Failure::unavailable("a change came to nothing"))
    }

    /// The same if it proves what was remembered of the record; otherwise nothing is changed or recorded, and there is no
    /// value ([`crate::repository::AccountRepository::change_remembered`]).
    pub(super) fn commit_if<T>(
        &self,
        key: &Key,
        remembered: Option<&Remembered>,
        peer: Peer,
        mut change: impl FnMut(Option<Account>) -> Result<Changed<T>, Failure>,
    ) -> Result<Option<T>, Failure> {
        let watched = self.watched(key);
        let mut told = None;
        let said = self.audit.commit(peer.origin(), |outcomes| {
            let mut entries = Vec::new();
            let change = |account: Option<Account>| {
                let before = watched
                    .as_ref()
                    .map(|_| account.clone().unwrap_or_default());
                let (after, events, said) = change(account)?;
                let compared = watched.as_ref().zip(before);
                told = compared.and_then(|(watched, it)| watched.compare(&it, &after, &events));
                let (after, made) = self.with_lines(after, events);
                entries = made;
                Ok::<_, Failure>((after, said))
            };
            let said = match remembered {
                Some(remembered) => self.repository.change_remembered(key, remembered, change),
                None => self.repository.change(key, change).map(Some),
            };
            match said {
                Ok(None) => {}
                _ => settle(outcomes, entries, &said),
            }
            said
        });
        if let (Ok(Some(_)), Some(told)) = (&said, told) {
            self.tell(told);
        }
        said
    }

    /// Changes many records ([`crate::repository::AccountRepository::change_all`]); otherwise as [`Agent::commit`], but
    /// their users get no notices: it is the administrator's own import.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when nothing could be read; then nothing was changed.
    pub(super) fn commit_all<T>(
        &self,
        keys: &[Key],
        peer: Peer,
        mut change: impl FnMut(&Key, Option<Account>) -> Changed<T>,
    ) -> Result<ManyChanged<T>, RepositoryError> {
        self.audit.commit(peer.origin(), |outcomes| {
            let mut entries = BTreeMap::new();
            let many = self.repository.change_all(keys, |key, account| {
                let (after, events, said) = change(key, account);
                let (after, made) = self.with_lines(after, events);
                entries.insert(key.clone(), made);
                (after, said)
            })?;
            let mut of = |key: &Key| entries.remove(key).unwrap_or_default();
            many.said.keys().for_each(|key| outcomes.made(of(key)));
            if let Some(error) = &many.error {
                let unknown = many.unknown.iter();
                unknown.for_each(|key| outcomes.unknown(of(key), &error.to_string()));
            }
            Ok(many)
        })
    }

    /// An event, with its line for a change that makes it durable.
    pub(super) fn event_line(&self, event: Event) -> (AuditEntry, Option<Vec<u8>>) {
        let entry = AuditEntry::new(event, Timestamp::now());
        let line = self.audit.has_file().then(|| entry.line().to_vec());
        (entry, line)
    }

    fn with_lines(&self, after: After, events: Vec<Event>) -> (After, Vec<AuditEntry>) {
        let After::Put(account) = after else {
            return (after, Vec::new());
        };
        let now = Timestamp::now();
        let entries: Vec<AuditEntry> = events
            .into_iter()
            .map(|event| AuditEntry::new(event, now))
            .collect();
        if entries.is_empty() || !self.audit.has_file() {
            return (After::Put(account), entries);
        }
        let lines = entries
            .iter()
            .flat_map(|entry| entry.line().iter().copied());
        (After::PutWithLines(account, lines.collect()), entries)
    }
}

/// Puts the record if there is an event that says what changed, and leaves it as it was if there is none.
pub(super) fn put_if<T>(event: Option<Event>, account: Account, said: T) -> Changed<T> {
    match event {
        Some(event) => (After::Put(account.into()), vec![event], said),
        None => (After::Same, Vec::new(), said),
    }
}
