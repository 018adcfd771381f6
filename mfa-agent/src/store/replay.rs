//! After a start: what the journal says, and whether sled holds what it should.
//!
//! Only what could not be acknowledged may be missing. A batch that a power cut tore is the last one of
//! its epoch; so a broken record with a later *batch* behind it was durable once, and has been damaged.
//! sled takes damage to its log for the end of it, and opens as what it was before, or empty. Two things
//! tell: its stamp is older than the epoch of the journal, or it holds fewer records than the journal
//! counted. A store that fails any of this is not opened: it would let in who has a second factor
//! without asking for it. The checks come first: nothing is brought into a store that is refused, and
//! it is refused again each time.

use std::collections::BTreeMap;

use ::sled::{Db, Tree};

use super::journal::SIZE;
use super::record::{ALIGNMENT, Entry, Place, decode};

/// Where sled keeps the stamp of its last checkpoint, apart from the records.
const STAMPS: &str = "checkpoint";
const STAMP: &[u8] = b"epoch";

/// The journal, as it is read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct History {
    /// The present epoch.
    pub(super) epoch: u64,
    /// How many records the store held at least, with all of `last`.
    pub(super) floor: u64,
    /// What each key that was changed in this epoch has come to.
    pub(super) last: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

/// Why the files are not what was acknowledged.
#[derive(Debug, thiserror::Error)]
pub(super) enum Damage {
    #[error("its file `journal` has {0} bytes and not {SIZE}")]
    Size(usize),
    #[error("its file `journal` is damaged at byte {0}")]
    Journal(usize),
    #[error("its file `db` is empty")]
    NoDatabase,
    #[error("its file `db` is damaged: it ends before checkpoint {epoch}, at {stamp}")]
    Old { epoch: u64, stamp: u64 },
    #[error("its file `db` is damaged: {found} records are there, and there were {floor}")]
    Fewer { found: u64, floor: u64 },
    #[error("its file `db` is damaged: {0}")]
    Sled(#[from] ::sled::Error),
}

/// Reads a whole journal.
pub(super) fn read(bytes: &[u8]) -> Result<History, Damage> {
    if bytes.len() != SIZE {
        return Err(Damage::Size(bytes.len()));
    }
    read_records(bytes)
}

fn read_records(bytes: &[u8]) -> Result<History, Damage> {
    let Some((begin, Entry::Note, mut at)) = decode(bytes) else {
        return Err(Damage::Journal(0));
    };
    if begin.sequence != 0 {
        return Err(Damage::Journal(0));
    }
    let mut history = History {
        epoch: begin.epoch,
        floor: begin.floor,
        last: BTreeMap::new(),
    };
    let mut sequence = 1;
    while let Some((place, entry, size)) = decode(bytes.get(at..).unwrap_or_default()) {
        if (place.epoch, place.sequence) != (begin.epoch, sequence) {
            break;
        }
        history.floor = place.floor;
        match entry {
            Entry::Put { key, value } => history.last.insert(key.to_vec(), Some(value.to_vec())),
            Entry::Remove { key } => history.last.insert(key.to_vec(), None),
            Entry::Note => None,
        };
        sequence += 1;
        at += size;
    }
    if left_over(bytes, at).any(|place| shows_damage(place, begin.epoch, sequence)) {
        return Err(Damage::Journal(at));
    }
    Ok(history)
}

/// Whether a record that lies behind the last one read says that there was another in between.
fn shows_damage(place: Place, epoch: u64, missing: u64) -> bool {
    place.epoch > epoch || (place.epoch == epoch && place.first > missing)
}

fn left_over(bytes: &[u8], from: usize) -> impl Iterator<Item = Place> {
    (from..bytes.len())
        .step_by(ALIGNMENT)
        .filter_map(|at| decode(&bytes[at..]).map(|(place, ..)| place))
}

/// The stamp of sled's last checkpoint; 0 if there was none.
pub(super) fn stamp(db: &Db) -> Result<u64, Damage> {
    // Not opened if it is not there: that would make it.
    if !db.tree_names().iter().any(|name| *name == STAMPS) {
        return Ok(0);
    }
    let stamp = db.open_tree(STAMPS)?.get(STAMP)?;
    let stamp = stamp.and_then(|bytes| <[u8; 8]>::try_from(bytes.as_ref()).ok());
    Ok(stamp.map_or(0, u64::from_le_bytes))
}

/// Puts the stamp of a checkpoint into `stamps`.
pub(super) fn put_stamp(stamps: &Tree, epoch: u64) -> ::sled::Result<()> {
    stamps.insert(STAMP, &epoch.to_le_bytes()).map(|_| ())
}

/// Where [`put_stamp`] puts it.
pub(super) fn stamps(db: &Db) -> ::sled::Result<Tree> {
    db.open_tree(STAMPS)
}

/// Brings `db` to what `history` says, if it is what it should be. Returns how many records there are.
pub(super) fn replay(db: &Db, history: &History, stamp: u64) -> Result<u64, Damage> {
    if stamp < history.epoch {
        let epoch = history.epoch;
        return Err(Damage::Old { epoch, stamp });
    }
    let found = count_after(db, history)?;
    if found < history.floor {
        let floor = history.floor;
        return Err(Damage::Fewer { found, floor });
    }
    for (key, value) in &history.last {
        match value {
            Some(value) => db.insert(key, value.as_slice())?,
            None => db.remove(key)?,
        };
    }
    Ok(found)
}

fn count_after(db: &Db, history: &History) -> Result<u64, Damage> {
    let mut count = 0;
    for item in db.iter() {
        let (key, _) = item?;
        if !history.last.contains_key(key.as_ref()) {
            count += 1;
        }
    }
    let put = history.last.values().filter(|value| value.is_some());
    Ok(count + put.count() as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::record::encode;
    use super::*;

    const KEYS: u64 = 5;

    /// Batches of these sizes in epoch 9, over what epoch 8 left; and where each record ends.
    fn journal(batches: &[u64]) -> (Vec<u8>, Vec<usize>) {
        let mut bytes = Vec::new();
        let mut place = Place {
            epoch: 9,
            sequence: 0,
            first: 0,
            floor: 0,
        };
        encode(&mut bytes, place, Entry::Note);
        let mut ends = vec![bytes.len()];
        for size in batches {
            place.first = place.sequence + 1;
            for _ in 0..*size {
                place.sequence += 1;
                put(&mut bytes, place);
                ends.push(bytes.len());
            }
        }
        place.epoch = 8;
        for sequence in 1..20 {
            place.sequence = sequence;
            place.first = sequence;
            put(&mut bytes, place);
        }
        (bytes, ends)
    }

    fn put(bytes: &mut Vec<u8>, place: Place) {
        let key = (place.sequence % KEYS).to_le_bytes();
        let value = (place.epoch * 1000 + place.sequence).to_le_bytes();
        let (key, value) = (&key[..], &value[..]);
        encode(bytes, place, Entry::Put { key, value });
    }

    /// What the first so many records come to.
    fn after(records: u64) -> BTreeMap<Vec<u8>, Option<Vec<u8>>> {
        (1..=records)
            .map(|n| {
                let value = (9000 + n).to_le_bytes().to_vec();
                ((n % KEYS).to_le_bytes().to_vec(), Some(value))
            })
            .collect()
    }

    #[test]
    fn the_whole_epoch_is_read_and_nothing_of_the_one_before() {
        let (bytes, _) = journal(&[1, 3, 2, 1]);
        let history = read_records(&bytes).unwrap();
        assert_eq!((history.epoch, history.last), (9, after(7)));
    }

    #[test]
    fn cut_at_any_byte_it_yields_what_came_before() {
        let (bytes, ends) = journal(&[1, 3, 2, 1]);
        for length in 0..=bytes.len() {
            let whole = ends.iter().filter(|end| **end <= length).count() as u64;
            match read_records(&bytes[..length]) {
                Ok(history) => assert_eq!(history.last, after(whole - 1), "{length}"),
                Err(_) => assert_eq!(whole, 0),
            }
        }
    }

    #[test]
    fn a_record_that_is_broken_with_a_later_batch_behind_it_is_damage() {
        let batches = [1, 3, 2, 1];
        let (bytes, ends) = journal(&batches);
        for at in 0..ends[ends.len() - 1] {
            let mut bytes = bytes.clone();
            bytes[at] ^= 4;
            let broken = ends.iter().filter(|end| **end <= at).count() as u64;
            match read_records(&bytes) {
                // Only of the last batch it can't be known whether it ever was whole.
                Ok(history) => {
                    assert_eq!(broken, 7, "byte {at}");
                    assert_eq!(history.last, after(6));
                }
                Err(Damage::Journal(_)) => assert!(broken < 7, "byte {at}"),
                Err(other) => panic!("{other}"),
            }
        }
    }

    proptest! {
        #[test]
        fn a_torn_last_batch_yields_a_part_from_its_beginning(
            batches in proptest::collection::vec(1..6u64, 1..5),
            torn in proptest::collection::vec(any::<bool>(), 5),
        ) {
            let (mut bytes, ends) = journal(&batches);
            let total: u64 = batches.iter().sum();
            let last = batches[batches.len() - 1];
            let mut whole = total;
            for n in (total - last + 1..=total).rev() {
                if torn[(total - n) as usize] {
                    bytes[ends[n as usize - 1]..ends[n as usize]].fill(0);
                    whole = n - 1;
                }
            }
            prop_assert_eq!(read_records(&bytes).unwrap().last, after(whole));
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
            let _ = read_records(&bytes);
        }
    }
}
