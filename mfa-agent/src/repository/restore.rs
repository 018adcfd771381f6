//! Puts the records of a backup in the place of the current ones.
//!
//! ```text
//!   1  each chunk is opened and checked; its records, joined with what the current ones know, are written under an epoch
//!      of their own, where nobody reads them
//!   2  of records that the backup does not have, locks and limits are kept in the same way
//!   3  records that changed meanwhile are joined once more
//!   4  no change goes on; the last of 3; one swap names the epoch: durable, and all of it
//!   5  the replaced records are removed (`sweep`)
//! ```
//!
//! Logins go on, except during the fourth step, which joins at most [`FEW`] records. An end before it changes nothing.
//! In a store that many hosts share the others change records, too: see [`fleet`].

mod fleet;
mod join;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use mfa_protocol::backup::BackupHead;

use super::records::seal;
use super::view::{Epoch, View};
use super::{ACCOUNTS, AccountRepository, Key, PLACEHOLDER, RepositoryError, room};
pub use fleet::Abandoned;

use crate::backup::{BackupError, Content, Opener, Opening};
use crate::store::{Change, Moment, Swap};
use join::{added, known};
use mfa_core::account::{Account, RecordError};

/// How many changed records may be left for the step during which no change goes on.
const FEW: usize = 64;

/// Users who are named in the summary.
const NAMED: usize = 10;

/// A restore that is being prepared.
pub struct RestoreRun {
    opener: Opener,
    epoch: Epoch,
    now: Timestamp,
    /// The bytes of the records that it replaces: a merge of what is left may need them once more.
    live: u64,
    /// Where the records go, once the first chunk is there.
    target: Option<View>,
    /// Whether recovery codes of the current records are of the same key.
    is_same_lineage: bool,
    /// How far step 2 has come.
    at: Leftovers,
    /// In a shared store: what changed after this is not joined yet.
    since: Option<Moment>,
    /// How often changed records were joined.
    passes: u32,
    summary: RestoreSummary,
}

/// How the records of a backup become records of this store.
struct Conversion<'a> {
    /// The current records.
    view: &'a View,
    /// The records that are made.
    target: &'a View,
    is_same_lineage: bool,
    now: Timestamp,
}

#[cfg(test)]
impl RestoreRun {
    /// Whether only the last step is left, if nothing changes.
    pub(super) fn is_ready_to_switch(&self) -> bool {
        matches!(self.at, Leftovers::Done)
    }
}

/// Where step 2 goes on.
enum Leftovers {
    After(&'static [u8], Option<Vec<u8>>),
    Done,
}

/// What a restore came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestoreSummary {
    /// The ID of its records, for the log.
    pub epoch: String,
    /// Accounts in the backup.
    pub accounts: u64,
    /// Damaged records in the backup, of which there is no other here; they refuse their users.
    pub damaged: u64,
    /// Those among them of which nobody can tell whose they are: they refuse nobody.
    pub unnamed: u64,
    /// Damaged records in the backup whose current ones are intact, and were kept.
    pub kept: u64,
    /// Factors that were removed since the backup, and are back.
    pub returned: u64,
    /// The first users of these.
    pub returned_users: Vec<String>,
    /// Accounts with factors that the backup does not have.
    pub gone: u64,
    /// The first users of these.
    pub gone_users: Vec<String>,
    /// TOTP devices whose codes up to now count as used, since nothing was known of them.
    pub assumed: u64,
    /// HOTP devices of which nothing is known.
    pub unknown_counters: u64,
    /// Recovery codes of which nothing is known.
    pub unknown_codes: u64,
    /// When the backup was made, as its head says.
    pub made_at: Option<Timestamp>,
    /// The key of the host that sealed it; none: it was sealed for a recipient.
    pub key_id: Option<String>,
    /// Whether there were accounts before.
    pub replaced: bool,
}

impl RestoreSummary {
    /// Counts what a restore does to a user's factors.
    fn note(count: &mut u64, users: &mut Vec<String>, key: &Key, factors: u64) {
        *count += factors;
        if factors > 0 && users.len() < NAMED {
            users.extend(key.user().map(str::to_owned));
        }
    }
}

/// Whether a restore is done.
#[derive(Debug)]
pub enum Step {
    /// Call again.
    More,
    Done(RestoreSummary),
}

/// Why nothing is restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// A record of the backup is no account.
    #[error("the backup holds a record that this version can't read ({0:?}: {1})")]
    Record(String, RecordError),
    #[error(
        "the store is not empty; to replace what it holds: mfactl restore --replace FILE (make a backup first)"
    )]
    NotEmpty,
    #[error("another restore is going on; wait for its end")]
    Busy,
    /// Another host does it.
    #[error(
        "a restore that {0} began at {1} is going on; wait for its end. If {0} is gone: mfactl restore --abandon"
    )]
    Elsewhere(String, String),
    /// Its records would be sealed with a key that is on its way out.
    #[error(
        "the key is being changed ({0} is the one before), so nothing is restored now. First: mfactl rotate-key"
    )]
    Rotating(String),
    /// On another host, or because this one was too slow.
    #[error("the restore was abandoned, on this host or another; nothing was restored")]
    Abandoned,
    #[error("the backup is not complete")]
    Incomplete,
    #[error(
        "too many records changed meanwhile; nothing was restored: try again when fewer users log in"
    )]
    TooBusy,
}

impl AccountRepository {
    /// Begins a restore. With `file_key` the backup was sealed for a recipient; `size` are its bytes, if that is known.
    ///
    /// # Errors
    ///
    /// A [`RestoreError`]; nothing was changed then. [`Self::abandon_restore`] must follow on any later one.
    pub fn begin_restore(
        &self,
        head: &BackupHead,
        file_key: Option<&[u8]>,
        size: Option<u64>,
        replace: bool,
        now: Timestamp,
    ) -> Result<RestoreRun, RestoreError> {
        let view = self.view()?;
        let first = self.store.page(&view.accounts(), None, 1);
        let replaced = !first.map_err(RepositoryError::from)?.is_empty();
        if replaced && !replace {
            return Err(RestoreError::NotEmpty);
        }
        let opening = file_key.map_or(Opening::Host(&view.vault), Opening::FileKey);
        let opener = Opener::begin(head, &opening)?;
        let live = self.check_room(|live| room::for_restore(size.unwrap_or_default(), live))?;
        let mut epoch = Epoch([0; 8]);
        getrandom::fill(&mut epoch.0).map_err(RepositoryError::Random)?;
        let mut staged = self.staged();
        if staged.is_some() {
            return Err(RestoreError::Busy);
        }
        let since = match self.is_shared() {
            true => Some(self.claim_restore(epoch, now)?),
            false => None,
        };
        // No swap is under way: each one from now on is noted.
        let write = self.view.write().unwrap_or_else(PoisonError::into_inner);
        self.watch.start();
        drop(write);
        *staged = Some(epoch);
        Ok(RestoreRun {
            opener,
            epoch,
            now,
            live,
            target: None,
            is_same_lineage: false,
            at: Leftovers::After(ACCOUNTS, None),
            since,
            passes: 0,
            summary: RestoreSummary {
                epoch: epoch.to_string(),
                made_at: head.made_at.parse().ok(),
                key_id: head.key_id.clone(),
                replaced,
                ..RestoreSummary::default()
            },
        })
    }

    /// Ends a restore that did not come to its end. What it wrote is swept away later.
    pub fn abandon_restore(&self) {
        self.watch.stop();
        let staged = self.staged().take();
        if let Some(epoch) = staged.filter(|_| self.is_shared()) {
            self.end_own_restore(epoch);
        }
    }

    /// Takes the next chunk of the backup. Returns how many records it had.
    ///
    /// # Errors
    ///
    /// A [`RestoreError`]; nothing was changed.
    pub fn restore_chunk(
        &self,
        run: &mut RestoreRun,
        chunk: &[u8],
        is_last: bool,
    ) -> Result<u64, RestoreError> {
        self.check_room(|_| run.live)?;
        let opened = run.opener.chunk(chunk, is_last)?;
        let view = self.view()?;
        if let Some(meta) = opened.meta {
            run.is_same_lineage = meta.lasting == *view.vault.lasting();
            let vault = view.vault.with_lasting(meta.lasting);
            run.target = Some(view.restored(vault, run.epoch));
        }
        let target = run.target.as_ref().ok_or(RestoreError::Incomplete)?;
        let conversion = Conversion {
            view: &view,
            target,
            is_same_lineage: run.is_same_lineage,
            now: run.now,
        };
        let mut new = Vec::with_capacity(opened.records.len());
        for content in &opened.records {
            new.push(self.restored(&conversion, content, &mut run.summary)?);
        }
        let changes: Vec<Change<'_>> = new.iter().map(|(key, new)| added(key, new)).collect();
        if self
            .write_staged(run.epoch, &changes)?
            .contains(&Swap::Conflict)
        {
            return Err(RestoreError::Busy);
        }
        Ok(opened.records.len() as u64)
    }

    /// Goes on after the last chunk, with at most `limit` records at a time. `lines` become durable with the swap.
    ///
    /// # Errors
    ///
    /// A [`RestoreError`]. Nothing was changed then, unless the store failed in the last step: then the store has the old
    /// records or the new ones, and each call reads which.
    pub fn finish_restore(
        &self,
        run: &mut RestoreRun,
        limit: usize,
        lines: impl FnOnce(&RestoreSummary) -> Option<Vec<u8>>,
    ) -> Result<Step, RestoreError> {
        let target = match (&run.target, run.opener.end()) {
            (Some(target), Some(_)) => target,
            _ => return Err(RestoreError::Incomplete),
        };
        if let Leftovers::After(prefix, after) = &run.at {
            self.check_room(|_| run.live)?;
            let (epoch, summary) = (run.epoch, &mut run.summary);
            let from = (*prefix, after.as_deref());
            let next = self.keep_left_over((target, epoch), from, limit, summary)?;
            run.at = match next {
                Some(after) => Leftovers::After(prefix, Some(after)),
                None if *prefix == ACCOUNTS => Leftovers::After(PLACEHOLDER, None),
                None => Leftovers::Done,
            };
            return Ok(Step::More);
        }
        if self.is_shared() {
            return self.finish_shared(run, lines);
        }
        if self.watch.len() > FEW {
            self.join_again(&*self.view()?, run, limit)?;
            return Ok(Step::More);
        }
        self.switch(run, lines)?;
        Ok(Step::Done(run.summary.clone()))
    }

    fn switch(
        &self,
        run: &RestoreRun,
        lines: impl FnOnce(&RestoreSummary) -> Option<Vec<u8>>,
    ) -> Result<(), RestoreError> {
        let target = run.target.as_ref().ok_or(RestoreError::Incomplete)?;
        let _ = self.view()?;
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        self.join_again(&view, run, usize::MAX)?;
        let lines = lines(&run.summary);
        let lasting = target.vault.lasting().clone();
        let changed = self.change_state(&view.vault, lines.as_deref(), |state| {
            state.set_epoch(run.epoch);
            state.lasting = Some(lasting.clone());
            Ok::<_, RepositoryError>(())
        });
        let state = match changed {
            Ok(state) => state,
            Err(error) => {
                // It may have become durable all the same.
                self.note_stale();
                return Err(error.into());
            }
        };
        *view = Arc::new(state.view(&view.vault, None, false)?);
        drop(view);
        self.damage.clear();
        self.abandon_restore();
        Ok(())
    }

    /// A record of the backup as it is stored, under its key, and counts what is lost.
    fn restored(
        &self,
        conversion: &Conversion<'_>,
        content: &Content,
        summary: &mut RestoreSummary,
    ) -> Result<(Vec<u8>, Vec<u8>), RestoreError> {
        let Conversion {
            view,
            target,
            is_same_lineage,
            now,
        } = *conversion;
        let key = &Key(content.key.clone());
        let live = self.live(view, key, is_same_lineage)?;
        if content.is_damaged {
            let Some((key, live)) = live else {
                summary.damaged += 1;
                summary.unnamed += u64::from(key.is_hidden() && !target.is_hidden());
                return Ok((target.stored(key).into_owned(), content.value.to_vec()));
            };
            summary.kept += 1;
            let kept = live.clone().restored(Some(&live), now);
            let stored = target.stored(&key).into_owned();
            return Ok((stored, seal(target, &key, &kept.account)?));
        }
        let live = live.map(|(_, live)| live);
        let account = Account::decode(&content.value)
            .map_err(|e| RestoreError::Record(super::printable(key), e))?;
        if let Some(live) = live.as_ref().filter(|_| is_same_lineage) {
            let (count, users) = (&mut summary.returned, &mut summary.returned_users);
            RestoreSummary::note(count, users, key, account.removed_since(live).into());
        }
        let restored = account.restored(live.as_ref(), now);
        summary.accounts += u64::from(key.is_account());
        summary.assumed += u64::from(restored.assumed);
        summary.unknown_counters += u64::from(restored.unknown_counters);
        summary.unknown_codes += u64::from(restored.unknown_codes);
        let stored = target.stored(key).into_owned();
        Ok((stored, seal(target, key, &restored.account)?))
    }

    /// What the current records know of an account. Of a damaged one nothing is known.
    fn live(
        &self,
        view: &View,
        key: &Key,
        is_same_lineage: bool,
    ) -> Result<Option<(Key, Account)>, RepositoryError> {
        let stored_key = view.stored(key);
        let stored = self.store.load(&stored_key)?;
        let opened = stored.map(|stored| Self::open_listed(view, &stored_key, &stored));
        let live = opened.and_then(Result::ok);
        Ok(live.map(|(key, live)| (key, known(live, is_same_lineage))))
    }

    pub(super) fn staged(&self) -> MutexGuard<'_, Option<Epoch>> {
        let staged: &Mutex<_> = &self.staged;
        staged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
