//! One record of the journal, as bytes.
//!
//! ```text
//!  0        4      8        12         16      24         32      40      48
//!  ├────────┼──────┼────────┼──────────┼───────┼──────────┼───────┼───────┼─────┬───────┬─────────┤
//!  │checksum│ kind │key size│value size│ epoch │ sequence │ first │ floor │ key │ value │ 0 to 7  │
//!  └────────┴──────┴────────┴──────────┴───────┴──────────┴───────┴───────┴─────┴───────┴─────────┘
//! ```
//!
//! Numbers are little-endian, and a record ends on a multiple of eight bytes. The checksum (CRC-32)
//! covers all that follows it, up to the end of the value. Nothing here is secret: values come sealed.

/// What stands before the key.
const HEADER: usize = 48;

/// Records begin at multiples of this.
pub(super) const ALIGNMENT: usize = 8;

const NOTE: u32 = 1;
const PUT: u32 = 2;
const REMOVE: u32 = 3;

/// Where a record belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The time between two checkpoints that it belongs to; they are numbered upwards.
    pub(super) epoch: u64,
    /// Its number in the epoch; the note that begins the epoch has 0.
    pub(super) sequence: u64,
    /// The number of the first record that was written and synced together with it. All before that
    /// were durable when this one was written.
    pub(super) first: u64,
    /// The store holds at least so many records once this one has taken effect.
    pub(super) floor: u64,
}

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry<'a> {
    /// Nothing but its place.
    Note,
    /// From now on `value` stands under `key`.
    Put { key: &'a [u8], value: &'a [u8] },
    /// From now on nothing stands under `key`.
    Remove { key: &'a [u8] },
}

/// Adds a record to `into`, whose length is a multiple of [`ALIGNMENT`].
pub(super) fn encode(into: &mut Vec<u8>, place: Place, entry: Entry<'_>) {
    let (kind, key, value): (u32, &[u8], &[u8]) = match entry {
        Entry::Note => (NOTE, b"", b""),
        Entry::Put { key, value } => (PUT, key, value),
        Entry::Remove { key } => (REMOVE, key, b""),
    };
    let start = into.len();
    into.extend([0; 4]);
    into.extend(kind.to_le_bytes());
    // A size that does not fit is far past the end of any journal: such a batch is not written to one.
    for size in [key.len(), value.len()] {
        into.extend(u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes());
    }
    for number in [place.epoch, place.sequence, place.first, place.floor] {
        into.extend(number.to_le_bytes());
    }
    into.extend(key);
    into.extend(value);
    let checksum = crc32fast::hash(&into[start + 4..]);
    into[start..start + 4].copy_from_slice(&checksum.to_le_bytes());
    into.resize(into.len().next_multiple_of(ALIGNMENT), 0);
}

/// The record that `bytes` begin with, and how many of them it takes; `None` if there is no whole one.
pub(super) fn decode(bytes: &[u8]) -> Option<(Place, Entry<'_>, usize)> {
    let (header, rest) = bytes.split_at_checked(HEADER)?;
    let kind = u32_at(header, 4)?;
    // What is mostly met where no record is are zeros and the inside of old ones.
    if !(NOTE..=REMOVE).contains(&kind) {
        return None;
    }
    let (key, rest) = rest.split_at_checked(u32_at(header, 8)? as usize)?;
    let (value, _) = rest.split_at_checked(u32_at(header, 12)? as usize)?;
    let end = HEADER + key.len() + value.len();
    if crc32fast::hash(&bytes[4..end]) != u32_at(header, 0)? {
        return None;
    }
    let place = Place {
        epoch: u64_at(header, 16)?,
        sequence: u64_at(header, 24)?,
        first: u64_at(header, 32)?,
        floor: u64_at(header, 40)?,
    };
    let entry = match kind {
        PUT => Entry::Put { key, value },
        REMOVE => Entry::Remove { key },
        _ => Entry::Note,
    };
    Some((place, entry, end.next_multiple_of(ALIGNMENT)))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place() -> impl Strategy<Value = Place> {
        any::<[u64; 4]>().prop_map(|[epoch, sequence, first, floor]| Place {
            epoch,
            sequence,
            first,
            floor,
        })
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            place in place(),
            kind in 0..3,
            key in proptest::collection::vec(any::<u8>(), 0..40),
            value in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            let entry = match kind {
                0 => Entry::Note,
                1 => Entry::Put { key: &key, value: &value },
                _ => Entry::Remove { key: &key },
            };
            let mut bytes = Vec::new();
            encode(&mut bytes, place, entry);
            prop_assert_eq!(decode(&bytes), Some((place, entry, bytes.len())));
        }

        #[test]
        fn a_record_with_a_flipped_bit_or_a_missing_end_is_none(
            place in place(),
            key in proptest::collection::vec(any::<u8>(), 0..40),
            value in proptest::collection::vec(any::<u8>(), 0..80),
            at in any::<proptest::sample::Index>(),
            bit in 0..8,
        ) {
            let entry = Entry::Put { key: &key, value: &value };
            let mut bytes = Vec::new();
            encode(&mut bytes, place, entry);
            bytes.truncate(HEADER + key.len() + value.len());
            let at = at.index(bytes.len());
            prop_assert_eq!(decode(&bytes[..at]), None);
            bytes[at] ^= 1u8 << bit;
            prop_assert_eq!(decode(&bytes), None);
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
        }
    }
}
