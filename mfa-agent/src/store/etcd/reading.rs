//! Reads records: some by their keys, pages of many, all as they were at one moment.
//!
//! Each request compares the ID of the store, in a transaction that only reads: etcd answers it like a range, without a
//! write. Answers are read in parts of bounded size.

use std::sync::Arc;
use std::time::Duration;

use super::client::{PATIENCE, PATIENCE_FOR_MANY};
use super::identity::unexpected;
use super::refusal::Problem;
use super::wire::{KeyValue, Operation, RANGE, Range, RangeAnswer, Response, TXN, Txn, TxnAnswer};
use super::{Core, end_of, revision};
use crate::store::{Moment, Record, Snapshot, StoreError, Stored};

/// Records that one answer has at most: of the largest ones they are fewer bytes than an answer may have.
const PART: usize = 128;

/// The same of keys without values.
const PART_OF_KEYS: u64 = 2_000;

/// All records of one revision.
pub(super) struct EtcdSnapshot {
    core: Arc<Core>,
    revision: u64,
    /// Where to go on; none at the end.
    from: Option<Vec<u8>>,
}

/// Some keys of a range, in their order.
struct Part {
    kvs: Vec<KeyValue>,
    /// Whether there are more.
    more: bool,
}

impl Core {
    pub(super) fn load_all(&self, keys: &[&[u8]]) -> Result<Vec<Option<Stored>>, StoreError> {
        let mut found = Vec::with_capacity(keys.len());
        for some in keys.chunks(PART) {
            let stored: Vec<Vec<u8>> = some.iter().map(|key| self.record(key)).collect();
            let ranges = stored
                .iter()
                .map(|key| Operation::Range(Range::of(key.as_slice())));
            let answer = self.read(ranges.collect(), patience(some.len()))?;
            let header = answer.header;
            let answered = answer
                .into_found()
                .filter(|found| found.len() == some.len());
            for ((key, stored_key), kv) in some
                .iter()
                .zip(&stored)
                .zip(answered.ok_or_else(unexpected)?)
            {
                if kv.as_ref().is_some_and(|kv| kv.key != *stored_key) {
                    return Err(unexpected());
                }
                let record = kv.map(stored_of);
                self.remember(key, header, record.clone())?;
                found.push(record);
            }
        }
        Ok(found)
    }

    pub(super) fn page(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Stored)>, StoreError> {
        let (mut from, end) = self.bounds(prefix, after);
        let mut page = Vec::new();
        while page.len() < limit {
            let part = self.part(from, &end, (limit - page.len()).min(PART) as u64)?;
            for kv in part.kvs {
                let key = self.of_record(&kv.key).ok_or_else(unexpected)?.to_vec();
                page.push((key, stored_of(kv)));
            }
            match page.last() {
                Some((last, _)) if part.more => from = after_key(self.record(last)),
                _ => break,
            }
        }
        Ok(page)
    }

    /// The revision of now.
    pub(super) fn moment(&self) -> Result<Moment, StoreError> {
        let answer = self.read(vec![self.read_id()], PATIENCE)?;
        Ok(Moment(answer.header.revision))
    }

    /// Etcd's own filter reads all records for each part, so only keys are read, and then the records that changed.
    pub(super) fn changed_since(
        &self,
        since: Moment,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Stored)>, StoreError> {
        let (mut from, end) = self.bounds(prefix, after);
        let mut changed = Vec::new();
        while changed.len() < limit {
            let range = Range::between(from, end.clone(), PART_OF_KEYS).keys();
            let part = self.part_of(range, PATIENCE_FOR_MANY)?;
            let Some(mut last) = part.kvs.last().map(|kv| kv.key.clone()) else {
                break;
            };
            let mut later: Vec<KeyValue> = part
                .kvs
                .into_iter()
                .filter(|kv| kv.mod_revision > since.0)
                .collect();
            let room = limit - changed.len();
            let is_cut = later.len() > room;
            later.truncate(room);
            if let Some(kv) = later.last().filter(|_| is_cut) {
                // If one of these is gone when it is read, there is room for what comes after them.
                last.clone_from(&kv.key);
            }
            self.add_records(&later, &mut changed)?;
            if !part.more && !is_cut {
                break;
            }
            from = after_key(last);
        }
        Ok(changed)
    }

    /// Reads the records of these keys. One that was removed meanwhile is no longer there.
    fn add_records(
        &self,
        kvs: &[KeyValue],
        records: &mut Vec<(Vec<u8>, Stored)>,
    ) -> Result<(), StoreError> {
        let keys: Vec<&[u8]> = kvs
            .iter()
            .map(|kv| self.of_record(&kv.key).ok_or_else(unexpected))
            .collect::<Result<_, _>>()?;
        let found = self.load_all(&keys)?;
        let each = keys.into_iter().zip(found);
        records.extend(each.filter_map(|(key, stored)| Some((key.to_vec(), stored?))));
        Ok(())
    }

    pub(super) fn snapshot_of(&self, core: &Arc<Self>) -> Result<EtcdSnapshot, StoreError> {
        Ok(EtcdSnapshot {
            revision: self.moment()?.0,
            from: Some(self.record(b"")),
            core: Arc::clone(core),
        })
    }

    /// The first key of a page and the end of its prefix.
    fn bounds(&self, prefix: &[u8], after: Option<&[u8]>) -> (Vec<u8>, Vec<u8>) {
        let all = self.record(prefix);
        let from = match after {
            Some(after) if after >= prefix => after_key(self.record(after)),
            _ => all.clone(),
        };
        (from, end_of(&all))
    }

    fn part(&self, from: Vec<u8>, end: &[u8], limit: u64) -> Result<Part, StoreError> {
        self.part_of(
            Range::between(from, end.to_vec(), limit),
            patience(limit as usize),
        )
    }

    fn part_of(&self, range: Range<'_>, patience: Duration) -> Result<Part, StoreError> {
        // A key that comes after all of the prefix: etcd takes an empty range for a mistake.
        if range
            .range_end
            .as_ref()
            .is_some_and(|end| *end.0 <= *range.key.0)
        {
            return Ok(Part {
                kvs: Vec::new(),
                more: false,
            });
        }
        let from = range.key.0.to_vec();
        let answer = self.read(vec![Operation::Range(range)], patience)?;
        let Some(Response::Range(range)) = answer.responses.into_iter().next() else {
            return Err(unexpected());
        };
        if !goes_on(&range, &from) {
            return Err(unexpected());
        }
        Ok(Part {
            kvs: range.kvs,
            more: range.more,
        })
    }

    /// A transaction that only reads, if this is still the store.
    fn read(
        &self,
        success: Vec<Operation<'_>>,
        patience: Duration,
    ) -> Result<TxnAnswer, StoreError> {
        let txn = Txn {
            compare: vec![self.is_ours()?],
            success,
            failure: vec![self.read_id()],
        };
        let reply = self.client.call::<TxnAnswer>(TXN, &txn, patience)?;
        match reply.answer.succeeded {
            true => Ok(reply.answer),
            false => Err(self.lost_id()),
        }
    }

    /// A record as it was at a revision.
    pub(super) fn record_at(&self, key: &[u8], revision: u64) -> Result<Option<KeyValue>, Problem> {
        let stored = self.record(key);
        let range = Range::of(stored.as_slice()).at(revision);
        let reply = self.client.call::<RangeAnswer>(RANGE, &range, PATIENCE)?;
        Ok(reply
            .answer
            .kvs
            .into_iter()
            .next()
            .filter(|kv| kv.key == stored))
    }
}

impl Snapshot for EtcdSnapshot {
    fn next(&mut self, bytes: usize) -> Result<Vec<Record>, StoreError> {
        let (mut records, mut size) = (Vec::new(), 0);
        while size < bytes {
            let Some(from) = self.from.take() else {
                break;
            };
            let end = end_of(&self.core.record(b""));
            let range = Range::between(from.clone(), end, PART as u64).at(self.revision);
            let reply = self
                .core
                .client
                .call::<RangeAnswer>(RANGE, &range, PATIENCE_FOR_MANY);
            let answer = reply.map_err(too_long)?.answer;
            if !goes_on(&answer, &from) {
                return Err(unexpected());
            }
            if let Some(last) = answer.kvs.last().filter(|_| answer.more) {
                self.from = Some(after_key(last.key.clone()));
            }
            for kv in answer.kvs {
                let key = self
                    .core
                    .of_record(&kv.key)
                    .ok_or_else(unexpected)?
                    .to_vec();
                size += key.len() + kv.value.len();
                records.push((key, kv.value));
            }
        }
        Ok(records)
    }
}

/// The records have to be of one moment, so what was read so far is no use.
fn too_long(problem: Problem) -> StoreError {
    match problem {
        Problem::Compacted => StoreError::new(
            "etcd compacted its history before all records of one moment were read. Try again, or let etcd keep its \
             history for longer: --auto-compaction-mode=periodic --auto-compaction-retention=1h",
        ),
        other => other.into(),
    }
}

fn stored_of(kv: KeyValue) -> Stored {
    Stored {
        bytes: kv.value,
        revision: revision(kv.mod_revision),
    }
}

/// Whether a walk comes to an end: keys in their order from here on, and at least one if there are more.
pub(super) fn goes_on(answer: &RangeAnswer, from: &[u8]) -> bool {
    let kvs = &answer.kvs;
    kvs.is_sorted_by(|a, b| a.key < b.key)
        && match kvs.first() {
            Some(first) => *first.key >= *from,
            None => !answer.more,
        }
}

/// The first key after this one.
pub(super) fn after_key(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0);
    key
}

fn patience(records: usize) -> Duration {
    match records {
        0..=8 => PATIENCE,
        _ => PATIENCE_FOR_MANY,
    }
}
