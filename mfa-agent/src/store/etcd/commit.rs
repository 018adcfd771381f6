//! Makes changes: each a transaction of its own inside one that compares the ID of the store and the guard.
//!
//! ```text
//!   if id and guard are unchanged:  if record 1 is unchanged: put or delete it, else read it
//!                                   if record 2 is unchanged: …
//!   else:                           read id and guard
//! ```
//!
//! A change takes one round trip, and so does a conflict: the newer record comes with it, and is remembered for the next
//! attempt. If the answer to an attempt is lost, nobody knows whether it was made. Then the same transaction is sent once
//! more. Its records have revisions that never come back, so it can't be made twice; if the first attempt was made, it
//! conflicts, and the record shows the bytes of this very change (each is sealed with a nonce of its own), or the history
//! of the record does, if another host has changed it since. What can't be told is an error, never a guess.

use std::collections::BTreeSet;
use std::time::Duration;

use super::client::{PATIENCE, PATIENCE_FOR_MANY};
use super::identity::unexpected;
use super::refusal::Problem;
use super::wire::{Compare, KeyValue, Operation, Range, Response, TXN, Txn, TxnAnswer};
use super::{Core, mod_revision, revision};
use crate::store::{Change, Guard, Revision, StoreError, Stored, Swap};

/// Changes of one transaction; etcd allows 128 operations, those inside of others counted.
const MOST_CHANGES: usize = 100;

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

impl Core {
    pub(super) fn swap_all_if(
        &self,
        guard: Option<Guard<'_>>,
        changes: &[Change<'_>],
    ) -> Result<Option<Vec<Swap>>, StoreError> {
        let guard = match guard {
            Some(guard) => Some((self.record(guard.key), number(guard.expected)?)),
            None => None,
        };
        let wanted = changes
            .iter()
            .map(|change| self.wanted(change))
            .collect::<Result<Vec<_>, _>>()?;
        let mut swaps = Vec::with_capacity(wanted.len());
        for batch in batches(&wanted) {
            match self.commit(guard.as_ref(), batch)? {
                Some(some) => swaps.extend(some),
                None => return Ok(None),
            }
        }
        Ok(Some(swaps))
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

    /// Makes changes of different records, all in one transaction.
    fn commit(
        &self,
        guard: Option<&(Vec<u8>, u64)>,
        batch: &[Wanted<'_>],
    ) -> Result<Option<Vec<Swap>>, StoreError> {
        let mut txn = Txn {
            compare: vec![self.is_ours()?],
            success: batch.iter().map(Wanted::operation).collect(),
            failure: vec![self.read_id()],
        };
        if let Some((key, expected)) = guard {
            txn.compare.push(Compare::is_at(key.as_slice(), *expected));
            txn.failure
                .push(Operation::Range(Range::of(key.as_slice()).keys()));
        }
        let reply = self
            .client
            .call::<TxnAnswer>(TXN, &txn, patience(batch))
            .inspect_err(|_| {
                // They may have been changed.
                batch
                    .iter()
                    .for_each(|wanted| self.cache.forget(wanted.change.key));
            })?;
        let answer = reply.answer;
        let at = answer.header.revision;
        if !answer.succeeded {
            self.check_id(answer)?;
            return match reply.is_repeated {
                false => Ok(None),
                true => self.made_before(batch),
            };
        }
        if answer.responses.len() != batch.len() {
            return Err(unexpected());
        }
        let each = batch.iter().zip(answer.responses);
        each.map(|(wanted, response)| self.outcome(wanted, response, at, reply.is_repeated))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// What became of one change, in a transaction at the revision `at`.
    fn outcome(
        &self,
        wanted: &Wanted<'_>,
        response: Response,
        at: u64,
        is_repeated: bool,
    ) -> Result<Swap, StoreError> {
        let Response::Txn(inner) = response else {
            return Err(unexpected());
        };
        let key = wanted.change.key;
        if inner.succeeded {
            let made = wanted.change.new.map(|new| Stored {
                bytes: new.to_vec(),
                revision: revision(at),
            });
            self.cache.note(key, at, made);
            return Ok(Swap::Done);
        }
        let found = inner
            .into_found()
            .and_then(|found| found.into_iter().next());
        let found = found.ok_or_else(unexpected)?;
        if found.as_ref().is_some_and(|kv| kv.key != wanted.key) {
            return Err(unexpected());
        }
        let newer = found.as_ref().map(|kv| Stored {
            bytes: kv.value.clone(),
            revision: revision(kv.mod_revision),
        });
        self.cache.note(key, at, newer);
        match is_repeated && self.was_made(wanted, found)? {
            true => Ok(Swap::Done),
            false => Ok(Swap::Conflict),
        }
    }

    /// The guard no longer holds, but an attempt that nobody heard of may have been made while it did.
    fn made_before(&self, batch: &[Wanted<'_>]) -> Result<Option<Vec<Swap>>, StoreError> {
        let mut swaps = Vec::with_capacity(batch.len());
        for wanted in batch {
            let key = wanted.change.key;
            let found = self.load_all(&[key])?.pop().flatten();
            let found = found.map(|stored| KeyValue {
                key: wanted.key.clone(),
                mod_revision: mod_revision(&stored.revision).unwrap_or_default(),
                value: stored.bytes,
            });
            swaps.push(match self.was_made(wanted, found)? {
                true => Swap::Done,
                false => Swap::Conflict,
            });
        }
        Ok(swaps.contains(&Swap::Done).then_some(swaps))
    }

    /// Whether an earlier attempt made this change. `found` is the record now.
    fn was_made(&self, wanted: &Wanted<'_>, found: Option<KeyValue>) -> Result<bool, StoreError> {
        let Some(new) = wanted.change.new else {
            // It is gone, whoever removed it.
            return Ok(found.is_none_or(|kv| kv.mod_revision != wanted.expected));
        };
        let mut found = found;
        for _ in 0..MOST_HISTORY {
            match found {
                // What followed from it is gone with it, so it makes no difference.
                None => return Ok(false),
                Some(kv) if kv.mod_revision <= wanted.expected => return Ok(false),
                Some(kv) if kv.value == new => return Ok(true),
                Some(kv) => {
                    found = self
                        .record_at(wanted.change.key, kv.mod_revision - 1)
                        .map_err(|problem| match problem {
                            Problem::Compacted => not_known(),
                            other => other.into(),
                        })?;
                }
            }
        }
        Err(not_known())
    }

    /// The conditions did not hold. Makes sure that it was not the first one.
    fn check_id(&self, answer: TxnAnswer) -> Result<(), StoreError> {
        let ours = self.standing.revision()?;
        let id = answer
            .into_found()
            .and_then(|found| found.into_iter().next());
        let id = id.ok_or_else(unexpected)?;
        match id.is_some_and(|kv| kv.mod_revision == ours) {
            true => Ok(()),
            false => Err(self.lost_id()),
        }
    }
}

impl Wanted<'_> {
    fn operation(&self) -> Operation<'_> {
        let key = self.key.as_slice();
        let change = match self.change.new {
            Some(new) => Operation::Put {
                key: key.into(),
                value: new.into(),
            },
            None => Operation::Delete { key: key.into() },
        };
        Operation::Txn(Txn {
            compare: vec![Compare::is_at(key, self.expected)],
            success: vec![change],
            failure: vec![Operation::Range(Range::of(key))],
        })
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

fn patience(batch: &[Wanted<'_>]) -> Duration {
    match batch.len() {
        0..=2 => PATIENCE,
        _ => PATIENCE_FOR_MANY,
    }
}

fn not_known() -> StoreError {
    StoreError::new(
        "whether a change was made is not known: etcd's answer was lost, and its history no longer shows it. Nothing was \
         acknowledged; try again",
    )
}
