//! Takes the accounts of a backup in addition to the current ones, for two fleets or hosts that become one.
//!
//! Each account is changed by itself, while logins go on. An end in between leaves some accounts merged; a repeated merge
//! goes on, since merging the same account twice changes nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use mfa_protocol::backup::BackupHead;

use super::{AccountRepository, After, Key, ManyChanged, RepositoryError, RestoreError, printable};
use crate::backup::{Content, Opener, Opening};
use mfa_core::account::{Account, MergedPart};

/// A merge of a backup.
pub struct MergeRun {
    opener: Opener,
    now: Timestamp,
    /// Whether the hashes of its records were made with the keys that last here, once the first chunk is there.
    is_same_lineage: Option<bool>,
    is_dry: bool,
}

/// What becomes of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergeOutcome {
    /// Only the backup has it.
    Added,
    /// Both have it, and the one here changes.
    Merged,
    /// Both have it, and the one here stays as it is.
    Unchanged,
    /// It was damaged when the backup was made, or the one here is: that one stays as it is.
    Damaged,
}

/// What becomes of an account, and of its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergeRow {
    /// The user; of a damaged record as far as that is known.
    pub user: String,
    pub outcome: MergeOutcome,
    /// What the backup brings.
    pub added: Vec<MergedPart>,
    /// What both have and differs: the one here stays.
    pub kept: Vec<MergedPart>,
    /// What can't be taken.
    pub lost: Vec<MergedPart>,
}

/// What came of a chunk of the backup.
#[derive(Debug, Default)]
pub struct MergedChunk {
    /// The accounts that were merged, or left out.
    pub rows: Vec<MergeRow>,
    /// Why the merge can't go on, if so.
    pub error: Option<RepositoryError>,
    /// The users whose accounts may have been merged all the same.
    pub unknown: Vec<String>,
}

impl MergeRun {
    /// Whether all was read.
    #[must_use]
    pub fn is_at_its_end(&self) -> bool {
        self.opener.end().is_some()
    }
}

impl MergeRow {
    /// Whether the account changes.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        matches!(self.outcome, MergeOutcome::Added | MergeOutcome::Merged)
    }

    /// Whether an administrator needs to know of it.
    #[must_use]
    pub fn says_something(&self) -> bool {
        self.outcome != MergeOutcome::Unchanged || !self.kept.is_empty() || !self.lost.is_empty()
    }
}

impl AccountRepository {
    /// Begins a merge. With `file_key` the backup was sealed for a recipient. `is_dry`: nothing is changed.
    ///
    /// # Errors
    ///
    /// A [`RestoreError`].
    pub fn begin_merge(
        &self,
        head: &BackupHead,
        file_key: Option<&[u8]>,
        is_dry: bool,
        now: Timestamp,
    ) -> Result<MergeRun, RestoreError> {
        let view = self.view()?;
        let opening = file_key.map_or(Opening::Host(&view.vault), Opening::FileKey);
        Ok(MergeRun {
            opener: Opener::begin(head, &opening)?,
            now,
            is_same_lineage: None,
            is_dry,
        })
    }

    /// Takes the next chunk of the backup. `lines` become durable with each change.
    ///
    /// # Errors
    ///
    /// A [`RestoreError`] when nothing was merged.
    pub fn merge_chunk(
        &self,
        run: &mut MergeRun,
        chunk: &[u8],
        is_last: bool,
        mut lines: impl FnMut(&MergeRow) -> Option<Vec<u8>>,
    ) -> Result<MergedChunk, RestoreError> {
        self.check_room(|_| 0)?;
        let opened = run.opener.chunk(chunk, is_last)?;
        if let Some(meta) = &opened.meta {
            let is_same = meta.lasting == *self.view()?.vault.lasting();
            run.is_same_lineage = Some(is_same);
        }
        let is_same_lineage = run.is_same_lineage.ok_or(RestoreError::Incomplete)?;
        let (mut rows, mut others) = (Vec::new(), BTreeMap::new());
        for content in &opened.records {
            let key = Key(content.key.clone());
            match self.readable(&key, content, is_same_lineage)? {
                Some(other) => drop(others.insert(key, other)),
                None if key.is_account() || key.is_hidden() => rows.push(damaged(&key)),
                None => {}
            }
        }
        let keys: Vec<Key> = others.keys().cloned().collect();
        let merge = |key: &Key, here: Option<Account>| {
            let other = others.get(key).cloned().unwrap_or_default();
            merged(key, here, other, is_same_lineage, run.now)
        };
        let merged = match run.is_dry {
            true => self.looked_at(&keys, merge)?,
            false => self.change_all(&keys, |key, here| {
                let (account, row) = merge(key, here);
                let after = account.map_or(After::Same, |account| match lines(&row) {
                    Some(lines) => After::PutWithLines(Box::new(account), lines),
                    None => After::Put(Box::new(account)),
                });
                (after, row)
            })?,
        };
        let of_users = merged.said.into_iter().filter(|(key, _)| key.is_account());
        rows.extend(of_users.map(|(_, row)| row));
        let of_users = merged.damaged.keys().filter(|key| key.is_account());
        rows.extend(of_users.map(damaged));
        let unknown = merged.unknown.iter().filter_map(Key::user);
        Ok(MergedChunk {
            rows,
            error: merged.error,
            unknown: unknown.map(str::to_owned).collect(),
        })
    }

    /// A record of the backup as far as it can be used here; none if it can't be read. Which names share a placeholder
    /// record depends on the key, so those of another one mean nothing here.
    fn readable(
        &self,
        key: &Key,
        content: &Content,
        is_same_lineage: bool,
    ) -> Result<Option<Account>, RestoreError> {
        if content.is_damaged || (!key.is_account() && !is_same_lineage) {
            return Ok(None);
        }
        Account::decode(&content.value)
            .map(Some)
            .map_err(|e| RestoreError::Record(printable(key), e))
    }

    fn looked_at(
        &self,
        keys: &[Key],
        merge: impl Fn(&Key, Option<Account>) -> (Option<Account>, MergeRow),
    ) -> Result<ManyChanged<MergeRow>, RepositoryError> {
        let (view, found) = self.load_current(|_| keys.to_vec())?;
        let mut looked_at = ManyChanged::default();
        for (key, stored) in keys.iter().zip(found) {
            let here = stored.map(|stored| self.noted(key, &stored, &view));
            match here.transpose() {
                Ok(here) => drop(looked_at.said.insert(key.clone(), merge(key, here).1)),
                Err(error) => drop(looked_at.damaged.insert(key.clone(), error)),
            }
        }
        Ok(looked_at)
    }
}

/// The record that comes of both, unless the one here stays.
fn merged(
    key: &Key,
    here: Option<Account>,
    other: Account,
    is_same_lineage: bool,
    now: Timestamp,
) -> (Option<Account>, MergeRow) {
    let before = here.clone();
    let outcome = match &here {
        // A record of failures alone says nothing of the user.
        Some(here) if !here.has_never_enrolled() => MergeOutcome::Merged,
        _ => MergeOutcome::Added,
    };
    let it = here
        .unwrap_or_default()
        .merged(&other, is_same_lineage, now);
    let is_same = before.as_ref() == Some(&it.account)
        || (before.is_none() && it.account == Account::default());
    let row = MergeRow {
        user: key.user().unwrap_or_default().to_owned(),
        outcome: if is_same {
            MergeOutcome::Unchanged
        } else {
            outcome
        },
        added: it.added,
        kept: it.kept,
        lost: it.lost,
    };
    ((!is_same).then_some(it.account), row)
}

fn damaged(key: &Key) -> MergeRow {
    MergeRow {
        user: key.user().map_or_else(|| printable(key), str::to_owned),
        outcome: MergeOutcome::Damaged,
        added: Vec::new(),
        kept: Vec::new(),
        lost: Vec::new(),
    }
}
