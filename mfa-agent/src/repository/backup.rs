//! All records as they are at one moment, as chunks of a backup.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use mfa_protocol::backup::BackupHead;
use zeroize::Zeroizing;

use super::view::View;
use super::{AccountRepository, Key, LastBackup, RepositoryError};
use crate::backup::{BackupError, End, Meta, Recipient, Sealer, Sealing};
use crate::store::{Record, Snapshot, StoreError};
use mfa_core::account::Account;

/// Bytes of records that are read at a time.
const READ: usize = 256 << 10;

/// A backup in the making.
pub struct BackupRun {
    at: Timestamp,
    view: Arc<View>,
    snapshot: Box<dyn Snapshot>,
    read: VecDeque<Record>,
    sealer: Option<Sealer>,
    done: End,
}

/// A chunk of a backup, and how far it is.
pub struct Progress {
    /// The sealed chunk.
    pub chunk: Vec<u8>,
    /// The records so far.
    pub records: End,
    /// Whether it is the last chunk.
    pub is_last: bool,
}

impl AccountRepository {
    /// Begins a backup of all records as they are now.
    ///
    /// # Errors
    ///
    /// [`BackupError`] when it can't be sealed, or the store can't be read.
    pub fn backup(
        &self,
        recipient: Option<&Recipient>,
        now: Timestamp,
    ) -> Result<(BackupHead, BackupRun), BackupError> {
        let (view, snapshot) = self.view_and_snapshot()?;
        let sealing = recipient.map_or(Sealing::Host(&view.vault), Sealing::Recipient);
        let meta = Meta {
            lasting: view.vault.lasting().clone(),
        };
        let (head, sealer) = Sealer::begin(&sealing, &meta, !self.is_shared(), now)?;
        let run = BackupRun {
            at: now,
            view,
            snapshot,
            read: VecDeque::new(),
            sealer: Some(sealer),
            done: End::default(),
        };
        Ok((head, run))
    }

    /// All records, and the view that was the current one then.
    fn view_and_snapshot(&self) -> Result<(Arc<View>, Box<dyn Snapshot>), StoreError> {
        loop {
            self.view().map_err(unreadable)?;
            let gate = self.gate();
            let (view, snapshot) = (Arc::clone(&gate), self.store.snapshot()?);
            drop(gate);
            if self.is_current(&view).map_err(unreadable)? {
                return Ok((view, snapshot));
            }
        }
    }
}

impl BackupRun {
    /// The next chunk; none after the last one.
    ///
    /// # Errors
    ///
    /// As [`AccountRepository::backup`].
    pub fn next_chunk(&mut self) -> Result<Option<Progress>, BackupError> {
        let Some(mut sealer) = self.sealer.take() else {
            return Ok(None);
        };
        while let Some((stored_key, bytes)) = self.next_record()? {
            let Some(key) = self.view.key(&stored_key) else {
                continue;
            };
            let unsealed = self.unsealed(&stored_key, &bytes);
            let (key, plain) = unsealed.map_or((key, None), |(key, plain)| (key, Some(plain)));
            let value = plain.as_deref().map_or(bytes.as_slice(), |plain| plain);
            if !sealer.has_room_for(&key.0, value) {
                self.read.push_front((stored_key, bytes));
                let chunk = sealer.chunk()?;
                let records = sealer.so_far();
                self.sealer = Some(sealer);
                return Ok(Some(progress(chunk, records, false)));
            }
            sealer.add(&key.0, value, plain.is_none());
        }
        self.done = sealer.so_far();
        Ok(Some(progress(sealer.last()?, self.done, true)))
    }

    /// What to note once the whole backup is kept.
    #[must_use]
    pub fn note(&self) -> LastBackup {
        LastBackup {
            at: self.at,
            records: self.done.records,
        }
    }

    fn next_record(&mut self) -> Result<Option<Record>, StoreError> {
        if self.read.is_empty() {
            self.read.extend(self.snapshot.next(READ)?);
        }
        Ok(self.read.pop_front())
    }

    /// The record as a restore needs it; none if it is damaged.
    fn unsealed(&self, stored_key: &[u8], bytes: &[u8]) -> Option<(Key, Zeroizing<Vec<u8>>)> {
        let (key, plain) = self.view.open(stored_key, bytes).ok()?;
        Account::decode(&plain).ok()?;
        Some((key, plain))
    }
}

fn unreadable(error: RepositoryError) -> StoreError {
    match error {
        RepositoryError::Store(error) => error,
        other => StoreError::new(other.to_string()),
    }
}

fn progress(chunk: Vec<u8>, records: End, is_last: bool) -> Progress {
    Progress {
        chunk,
        records,
        is_last,
    }
}
