//! The journal of the first format.
//!
//! ```text
//!  0        4      8        12         16      24         32      40      48
//!  ├────────┼──────┼────────┼──────────┼───────┼──────────┼───────┼───────┼─────┬───────┬─────────┤
//!  │checksum│ kind │key size│value size│ epoch │ sequence │ first │ floor │ key │ value │ 0 to 7  │
//!  └────────┴──────┴────────┴──────────┴───────┴──────────┴───────┴───────┴─────┴───────┴─────────┘
//! ```
//!
//! It had a fixed size, and was overwritten from its beginning at each checkpoint of sled, which began a
//! new epoch. It says how many records sled must hold at least, and which checkpoint it must have reached.

use std::collections::BTreeMap;

use ::sled::Db;

use super::super::disk::Files;
use super::super::fault::Fault;

const SIZE: usize = 128 << 10;
const HEADER: usize = 48;
const ALIGNMENT: usize = 8;

const NOTE: u32 = 1;
const PUT: u32 = 2;
const REMOVE: u32 = 3;

/// Where sled keeps the number of its last checkpoint.
const STAMPS: &str = "checkpoint";
const STAMP: &[u8] = b"epoch";

/// The content of the journal.
pub(super) struct History {
    epoch: u64,
    /// The minimum number of records.
    floor: u64,
    /// The last value of each key that was changed in this epoch.
    pub(super) last: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

struct Record<'a> {
    kind: u32,
    epoch: u64,
    sequence: u64,
    first: u64,
    floor: u64,
    key: &'a [u8],
    value: &'a [u8],
    size: usize,
}

/// Reads the journal.
pub(super) fn read(files: &Files) -> Result<History, Fault> {
    let bytes = files.read("journal")?;
    let damaged = |at| Fault::new(format!("its file `journal` is damaged at byte {at}"));
    if bytes.len() != SIZE {
        return Err(damaged(bytes.len()));
    }
    let begin = decode(&bytes).filter(|begin| begin.kind == NOTE && begin.sequence == 0);
    let begin = begin.ok_or_else(|| damaged(0))?;
    let mut history = History {
        epoch: begin.epoch,
        floor: begin.floor,
        last: BTreeMap::new(),
    };
    let (mut at, mut sequence) = (begin.size, 1);
    while let Some(record) = decode(&bytes[at..])
        && (record.epoch, record.sequence) == (begin.epoch, sequence)
    {
        history.floor = record.floor;
        if record.kind != NOTE {
            let value = (record.kind == PUT).then(|| record.value.to_vec());
            history.last.insert(record.key.to_vec(), value);
        }
        sequence += 1;
        at += record.size;
    }
    let shows_damage = |record: Record<'_>| {
        record.epoch > begin.epoch || (record.epoch == begin.epoch && record.first > sequence)
    };
    let mut left_over = (at..SIZE).step_by(ALIGNMENT);
    if left_over.any(|at| decode(&bytes[at..]).is_some_and(shows_damage)) {
        return Err(damaged(at));
    }
    Ok(history)
}

impl History {
    /// Whether `db` holds what it must.
    pub(super) fn check(&self, db: &Db) -> Result<(), Fault> {
        let (stamp, found) = self.state(db).map_err(|e| Fault::of_table(&e))?;
        if stamp < self.epoch {
            return Err(Fault::new(format!(
                "its file `db` is damaged: it ends before checkpoint {}, at {stamp}",
                self.epoch
            )));
        }
        if found < self.floor {
            return Err(Fault::new(format!(
                "its file `db` is damaged: it has {found} records, but there were {}",
                self.floor
            )));
        }
        Ok(())
    }

    /// The number of sled's last checkpoint, and the number of records including the journal's.
    fn state(&self, db: &Db) -> ::sled::Result<(u64, u64)> {
        let stamp = db.open_tree(STAMPS)?.get(STAMP)?;
        let stamp = stamp.and_then(|bytes| <[u8; 8]>::try_from(bytes.as_ref()).ok());
        let mut count = self.last.values().flatten().count() as u64;
        for item in db.iter() {
            let (key, _) = item?;
            count += u64::from(!self.last.contains_key(key.as_ref()));
        }
        Ok((stamp.map_or(0, u64::from_le_bytes), count))
    }
}

fn decode(bytes: &[u8]) -> Option<Record<'_>> {
    let (header, rest) = bytes.split_at_checked(HEADER)?;
    let kind = u32_at(header, 4)?;
    if !(NOTE..=REMOVE).contains(&kind) {
        return None;
    }
    let (key, rest) = rest.split_at_checked(u32_at(header, 8)? as usize)?;
    let (value, _) = rest.split_at_checked(u32_at(header, 12)? as usize)?;
    let end = HEADER + key.len() + value.len();
    if crc32fast::hash(&bytes[4..end]) != u32_at(header, 0)? {
        return None;
    }
    Some(Record {
        kind,
        epoch: u64_at(header, 16)?,
        sequence: u64_at(header, 24)?,
        first: u64_at(header, 32)?,
        floor: u64_at(header, 40)?,
        key,
        value,
        size: end.next_multiple_of(ALIGNMENT).min(bytes.len()),
    })
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}
