//! Makes changes: a transaction that compares the ID of the store, the guards and the records.
//!
//! ```text
//!   if id, guards and all records are unchanged: put or delete the records
//!   else:                                       read id, guards and records
//! ```
//!
//! A change takes one round trip, and so does a conflict: the newer record comes with it, and is remembered for the next
//! attempt. Many changes are made at once; if some of them conflict, the others are made without them. Transactions inside
//! of a transaction would spare that, but etcd does not count them for the quota of its database.
//!
//! If the answer to an attempt is lost, nobody knows whether it was made. Then the same transaction is sent once more. Its
//! records have revisions that never come back, so it can't be made twice; if the first attempt was made, it conflicts, and
//! the record shows the bytes of this very change (each is sealed with a nonce of its own), or the history of the record
//! does, if another host has changed it since. What can't be told is an error, never a guess.

use std::collections::BTreeSet;
use std::time::Duration;

use super::client::{PATIENCE, PATIENCE_FOR_MANY, Reply};
use super::identity::unexpected;
use super::refusal::Problem;
use super::wire::{Compare, KeyValue, Operation, Range, TXN, Txn, TxnAnswer};
use super::{Core, mod_revision, revision};
use crate::store::{Change, Guard, Revision, StoreError, Stored, Swap};

/// Changes of one transaction; etcd allows 128 conditions and operations.
const MOST_CHANGES: usize = 120;

/// Bytes of one transaction; etcd allows 1.5 MiB.
const MOST_BYTES: usize = 1 << 20;

/// The largest record, as in the store of one host.
const MAX_RECORD: usize = 20 << 10;

/// The longest key, in bytes.
const MAX_KEY: usize = 4 << 10;

/// Changes of one record that are looked at to find a lost one.
const MOST_HISTORY: usize = 32;

/// A change with the names and revisions of etcd.
struct Wanted<'a> {
    change: &'a Change<'a>,
    key: Vec<u8>,
    /// Zero: it must not exist.
    expected: u64,
}

/// A guard with the names and revisions of etcd.
struct Guarded<'a> {
    bare: &'a [u8],
    key: Vec<u8>,
    /// Zero: it must not exist.
    expected: u64,
}

/// What became of one attempt.
enum Tried {
    /// All changes were made.
    Made,
    /// A guard did not hold; none was made.
    Unguarded,
    /// These were different; none was made.
    Conflicts(Vec<usize>),
}

impl Core {
    pub(super) fn swap_all_if(
        &self,
        guards: &[Guard<'_>],
        changes: &[Change<'_>],
    ) -> Result<Option<Vec<Swap>>, StoreError> {
        let guards = guards
            .iter()
            .map(|guard| self.guarded(guard))
            .collect::<Result<Vec<_>, _>>()?;
        let wanted = changes
            .iter()
            .map(|change| self.wanted(change))
            .collect::<Result<Vec<_>, _>>()?;
        let mut swaps = Vec::with_capacity(wanted.len());
        for batch in batches(&wanted) {
            match self.commit(&guards, batch)? {
                Some(some) => swaps.extend(some),
                None => return Ok(None),
            }
        }
        Ok(Some(swaps))
    }

    fn guarded<'a>(&self, guard: &Guard<'a>) -> Result<Guarded<'a>, StoreError> {
        Ok(Guarded {
            bare: guard.key,
            key: self.record(guard.key),
            expected: number(guard.expected)?,
        })
    }

    fn wanted<'a>(&self, change: &'a Change<'a>) -> Result<Wanted<'a>, StoreError> {
        if change.new.is_some_and(|new| new.len() > MAX_RECORD) || change.key.len() > MAX_KEY {
            return Err(StoreError::new(format!(
                "a record is larger than {MAX_RECORD} bytes, or its name than {MAX_KEY}"
            )));
        }
        Ok(Wanted {
            change,
            key: self.record(change.key),
            expected: number(change.expected)?,
        })
    }

    /// Makes changes of different records at once, without those that conflict.
    fn commit(
        &self,
        guards: &[Guarded<'_>],
        batch: &[Wanted<'_>],
    ) -> Result<Option<Vec<Swap>>, StoreError> {
        let mut swaps = vec![Swap::Done; batch.len()];
        loop {
            let left: Vec<(usize, &Wanted<'_>)> = batch
                .iter()
                .enumerate()
                .filter(|(at, _)| swaps[*at] == Swap::Done)
                .collect();
            if left.is_empty() {
                return Ok(Some(swaps));
            }
            let wanted: Vec<&Wanted<'_>> = left.iter().map(|(_, wanted)| *wanted).collect();
            match self.try_all(guards, &wanted)? {
                Tried::Made => return Ok(Some(swaps)),
                Tried::Unguarded => return Ok(None),
                // Each round has one change less, at least.
                Tried::Conflicts(conflicts) => {
                    for at in conflicts {
                        if let Some((at, _)) = left.get(at) {
                            swaps[*at] = Swap::Conflict;
                        }
                    }
                }
            }
        }
    }

    /// Makes all of these changes or none.
    fn try_all(&self, guards: &[Guarded<'_>], wanted: &[&Wanted<'_>]) -> Result<Tried, StoreError> {
        let txn = self.txn(guards, wanted)?;
        // What a server had reached before is not of this transaction.
        let floor = self.client.history.reached();
        let reply = self
            .client
            .call::<TxnAnswer>(TXN, &txn, patience(wanted.len()))
            .map_err(|problem| {
                // They may have been changed.
                for wanted in wanted {
                    self.cache.forget(wanted.change.key);
                }
                match problem {
                    Problem::Lost(_) => StoreError::from(problem).unknown(),
                    other => other.into(),
                }
            })?;
        let is_repeated = reply.is_repeated;
        let tried = self.read_reply(guards, wanted, reply, floor);
        // What is wrong with this answer says nothing of an earlier attempt.
        tried.map_err(|error| match is_repeated {
            true => error.unknown(),
            false => error,
        })
    }

    /// What the answer to an attempt says. `floor` is what the store had reached before.
    fn read_reply(
        &self,
        guards: &[Guarded<'_>],
        wanted: &[&Wanted<'_>],
        reply: Reply<TxnAnswer>,
        floor: u64,
    ) -> Result<Tried, StoreError> {
        let header = reply.answer.header;
        if reply.answer.succeeded {
            let at = header.revision;
            for wanted in wanted {
                let made = wanted.change.new.map(|new| Stored {
                    bytes: new.to_vec(),
                    revision: revision(at),
                });
                self.cache
                    .note_made(wanted.change.key, at, wanted.expected, made);
            }
            return Ok(Tried::Made);
        }
        let found = reply.answer.into_found().ok_or_else(unexpected)?;
        let mut found = found.into_iter();
        let ours = self.standing.revision()?;
        if found
            .next()
            .flatten()
            .is_none_or(|id| id.mod_revision != ours)
        {
            return Err(self.lost_id());
        }
        let mut guarded = true;
        for guard in guards {
            let kv = found.next().ok_or_else(unexpected)?;
            if kv.as_ref().is_some_and(|kv| kv.key != guard.key) {
                return Err(unexpected());
            }
            guarded &= kv.as_ref().map_or(0, |kv| kv.mod_revision) == guard.expected;
            self.remember(guard.bare, header, kv.as_ref().map(stored))?;
        }
        let found: Vec<Option<KeyValue>> = found.collect();
        if found.len() != wanted.len() {
            return Err(unexpected());
        }
        for (wanted, found) in wanted.iter().zip(&found) {
            if found.as_ref().is_some_and(|kv| kv.key != wanted.key) {
                return Err(unexpected());
            }
            self.remember(wanted.change.key, header, found.as_ref().map(stored))?;
        }
        if reply.is_repeated && self.were_made(wanted, &found, floor)? {
            return Ok(Tried::Made);
        }
        let each = wanted.iter().zip(&found).enumerate();
        let conflicts: Vec<usize> = each
            .filter(|(_, (wanted, found))| !wanted.is_at(found.as_ref()))
            .map(|(index, _)| index)
            .collect();
        match (guarded, conflicts.is_empty()) {
            (false, _) => Ok(Tried::Unguarded),
            (true, false) => Ok(Tried::Conflicts(conflicts)),
            // Nothing was different, so it should have been made.
            (true, true) => Err(unexpected()),
        }
    }

    /// Whether an earlier attempt made these changes, all of them. `found` are the records now.
    fn were_made(
        &self,
        wanted: &[&Wanted<'_>],
        found: &[Option<KeyValue>],
        floor: u64,
    ) -> Result<bool, StoreError> {
        let mut each = wanted.iter().zip(found);
        if each
            .clone()
            .any(|(wanted, found)| wanted.is_at(found.as_ref()))
        {
            return Ok(false);
        }
        match each.find(|(wanted, _)| wanted.change.new.is_some()) {
            Some((wanted, found)) => self.was_made(wanted, found.clone(), floor),
            // All are gone, whoever removed them.
            None => Ok(found.iter().all(Option::is_none)),
        }
    }

    fn txn<'a>(
        &self,
        guards: &'a [Guarded<'_>],
        wanted: &[&'a Wanted<'_>],
    ) -> Result<Txn<'a>, StoreError> {
        let mut txn = Txn {
            compare: vec![self.is_ours()?],
            success: Vec::with_capacity(wanted.len()),
            failure: vec![self.read_id()],
        };
        for guard in guards {
            let key = guard.key.as_slice();
            txn.compare.push(Compare::is_at(key, guard.expected));
            txn.failure.push(Operation::Range(Range::of(key)));
        }
        for wanted in wanted {
            let key = wanted.key.as_slice();
            txn.compare.push(Compare::is_at(key, wanted.expected));
            txn.success.push(wanted.operation());
            txn.failure.push(Operation::Range(Range::of(key)));
        }
        Ok(txn)
    }

    /// Whether an earlier attempt made this change, after the store had come to `floor`. `found` is the record now.
    fn was_made(
        &self,
        wanted: &Wanted<'_>,
        found: Option<KeyValue>,
        floor: u64,
    ) -> Result<bool, StoreError> {
        let before = wanted.expected.max(floor);
        let Some(new) = wanted.change.new else {
            return Ok(found.is_none());
        };
        let mut found = found;
        for _ in 0..MOST_HISTORY {
            match found {
                // What followed from it is gone with it, so it makes no difference.
                None => return Ok(false),
                Some(kv) if kv.mod_revision <= before => return Ok(false),
                Some(kv) if kv.value == new => return Ok(true),
                Some(kv) => {
                    found = self
                        .record_at(wanted.change.key, kv.mod_revision - 1)
                        .map_err(|problem| match problem {
                            Problem::Compacted => not_known(),
                            other => StoreError::from(other).unknown(),
                        })?;
                }
            }
        }
        Err(not_known())
    }
}

impl Wanted<'_> {
    fn operation(&self) -> Operation<'_> {
        let key = self.key.as_slice();
        match self.change.new {
            Some(new) => Operation::Put {
                key: key.into(),
                value: new.into(),
            },
            None => Operation::Delete { key: key.into() },
        }
    }

    /// Whether the record is in the state that the change expects.
    fn is_at(&self, found: Option<&KeyValue>) -> bool {
        found.map_or(0, |kv| kv.mod_revision) == self.expected
    }

    /// About the bytes that it takes in a transaction.
    fn size(&self) -> usize {
        4 * self.key.len() + self.change.new.map_or(0, <[u8]>::len) + 64
    }
}

/// Parts that fit into a transaction, each without a record that is in it twice.
fn batches<'a, 'b>(wanted: &'a [Wanted<'b>]) -> Vec<&'a [Wanted<'b>]> {
    let mut batches = Vec::new();
    let (mut from, mut size) = (0, 0);
    let mut keys = BTreeSet::new();
    for (at, next) in wanted.iter().enumerate() {
        let is_full = at - from >= MOST_CHANGES || size + next.size() > MOST_BYTES;
        if at > from && (is_full || keys.contains(&next.key)) {
            batches.push(&wanted[from..at]);
            keys.clear();
            (from, size) = (at, 0);
        }
        size += next.size();
        keys.insert(&next.key);
    }
    if from < wanted.len() {
        batches.push(&wanted[from..]);
    }
    batches
}

fn number(expected: Option<&Revision>) -> Result<u64, StoreError> {
    match expected {
        None => Ok(0),
        Some(expected) => mod_revision(expected)
            .filter(|number| *number > 0)
            .ok_or_else(|| StoreError::new("the revision of a change is not one of this store")),
    }
}

fn stored(kv: &KeyValue) -> Stored {
    Stored {
        bytes: kv.value.clone(),
        revision: revision(kv.mod_revision),
    }
}

fn patience(changes: usize) -> Duration {
    match changes {
        0..=2 => PATIENCE,
        _ => PATIENCE_FOR_MANY,
    }
}

fn not_known() -> StoreError {
    let error = StoreError::new(
        "whether a change was made is not known: etcd's answer was lost, and its history no longer shows it. Nothing was \
         acknowledged; try again",
    );
    error.unknown()
}
