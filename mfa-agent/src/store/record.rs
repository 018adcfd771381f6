//! The encoding of one record. Journals and sorted files consist of records.
//!
//! ```text
//!  0        4      5   6        8          12           16         24     32
//!  ├────────┼──────┼───┼────────┼──────────┼────────────┼──────────┼──────┼─────┬───────┬────────┐
//!  │checksum│ kind │ 0 │key size│value size│ since first│ sequence │ live │ key │ value │ 0 to 7 │
//!  └────────┴──────┴───┴────────┴──────────┴────────────┴──────────┴──────┴─────┴───────┴────────┘
//! ```
//!
//! Numbers are little-endian, and a record ends on a multiple of eight bytes. The checksum (CRC-32) covers
//! everything after it up to the end of the value, and begins with the seed of its file, so a record of
//! another file is invalid. Nothing here is secret: values are sealed.

use super::StoreId;
use super::piece::Span;

/// Bytes before the key.
pub(super) const HEADER: usize = 32;

/// Records begin at multiples of this.
pub(super) const ALIGNMENT: usize = 8;

/// The version of the files that this agent writes and reads.
const VERSION: u8 = 2;

const HEAD: u8 = 1;
const PUT: u8 = 2;
const REMOVE: u8 = 3;
const LINE: u8 = 4;
const SETTLED: u8 = 5;
const END: u8 = 6;

/// The position of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// Its number. Each journal continues the numbers of the one before.
    pub(super) sequence: u64,
    /// The number of the first record that was written and synced together with it; everything
    /// before that was durable already.
    pub(super) first: u64,
    /// The bytes that all records occupy after this one.
    pub(super) live: u64,
}

/// The content of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordEntry<'a> {
    /// The file begins: its store and spans.
    Head(Head),
    /// `value` is now under `key`.
    Put { key: &'a [u8], value: &'a [u8] },
    /// Nothing is now under `key`.
    Remove { key: &'a [u8] },
    /// A line of the audit log, as durable as the change before it.
    Line(&'a [u8]),
    /// All lines up to this sequence number are durable in the audit log.
    Settled(u64),
    /// A sorted file ends here: nothing was cut off.
    End,
}

/// A file's own store and spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) id: StoreId,
    pub(super) span: Span,
}

/// The initial value of the checksums in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seed(u32);

impl Seed {
    /// The seed of the file of `span`.
    pub(super) fn of(span: Span) -> Self {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&span.from.to_le_bytes());
        hasher.update(&span.to.to_le_bytes());
        Self(hasher.finalize())
    }
}

/// The bytes that a change occupies in a file.
pub(super) fn size(key: &[u8], value: &[u8]) -> u64 {
    (HEADER + key.len() + value.len()).next_multiple_of(ALIGNMENT) as u64
}

/// Appends a record to `into`, whose length is a multiple of [`ALIGNMENT`].
pub(super) fn encode(into: &mut Vec<u8>, seed: Seed, place: Position, entry: RecordEntry<'_>) {
    let head;
    let number;
    let (kind, key, value): (u8, &[u8], &[u8]) = match entry {
        RecordEntry::Head(known) => {
            head = known.bytes();
            (HEAD, b"", &head)
        }
        RecordEntry::Put { key, value } => (PUT, key, value),
        RecordEntry::Remove { key } => (REMOVE, key, b""),
        RecordEntry::Line(line) => (LINE, b"", line),
        RecordEntry::Settled(sequence) => {
            number = sequence.to_le_bytes();
            (SETTLED, b"", &number)
        }
        RecordEntry::End => (END, b"", b""),
    };
    let start = into.len();
    into.extend([0, 0, 0, 0, kind, 0]);
    // The caller makes sure that keys and values are shorter.
    into.extend(u16::try_from(key.len()).unwrap_or(u16::MAX).to_le_bytes());
    into.extend(u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes());
    let since_first = place.sequence.saturating_sub(place.first);
    into.extend(u32::try_from(since_first).unwrap_or(u32::MAX).to_le_bytes());
    into.extend(place.sequence.to_le_bytes());
    into.extend(place.live.to_le_bytes());
    into.extend(key);
    into.extend(value);
    let checksum = checksum(seed, &into[start + 4..]);
    into[start..start + 4].copy_from_slice(&checksum.to_le_bytes());
    into.resize(into.len().next_multiple_of(ALIGNMENT), 0);
}

/// The length of the first record in `bytes`, as its header says; `None` if too little of it is
/// there.
pub(super) fn extent(bytes: &[u8]) -> Option<usize> {
    let key_size = u16::from_le_bytes(bytes.get(6..8)?.try_into().ok()?);
    let sizes = usize::from(key_size).saturating_add(u32_at(bytes, 8)? as usize);
    sizes
        .checked_add(HEADER)?
        .checked_next_multiple_of(ALIGNMENT)
}

/// The first record in `bytes`, and its length; `None` if it is not complete and valid.
pub(super) fn decode(bytes: &[u8], seed: Seed) -> Option<(Position, RecordEntry<'_>, usize)> {
    let (header, rest) = bytes.split_at_checked(HEADER)?;
    let kind = header[4];
    // Rejects zeros and the inside of other records early.
    if !(HEAD..=END).contains(&kind) {
        return None;
    }
    let key_size = u16::from_le_bytes(header[6..8].try_into().ok()?);
    let (key, rest) = rest.split_at_checked(usize::from(key_size))?;
    let (value, _) = rest.split_at_checked(u32_at(header, 8)? as usize)?;
    let end = HEADER + key.len() + value.len();
    if checksum(seed, &bytes[4..end]) != u32_at(header, 0)? {
        return None;
    }
    let sequence = u64_at(header, 16)?;
    let place = Position {
        sequence,
        first: sequence.checked_sub(u64::from(u32_at(header, 12)?))?,
        live: u64_at(header, 24)?,
    };
    let entry = match kind {
        HEAD => RecordEntry::Head(Head::read(value)?),
        PUT => RecordEntry::Put { key, value },
        REMOVE => RecordEntry::Remove { key },
        LINE => RecordEntry::Line(value),
        SETTLED => RecordEntry::Settled(u64_at(value, 0)?),
        _ => RecordEntry::End,
    };
    // A cut may have removed the padding of a complete record.
    let size = end.next_multiple_of(ALIGNMENT).min(bytes.len());
    Some((place, entry, size))
}

impl Head {
    fn bytes(self) -> [u8; 33] {
        let mut bytes = [0; 33];
        bytes[0] = VERSION;
        bytes[1..17].copy_from_slice(&self.id.0);
        bytes[17..25].copy_from_slice(&self.span.from.to_le_bytes());
        bytes[25..].copy_from_slice(&self.span.to.to_le_bytes());
        bytes
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != 33 || bytes[0] != VERSION {
            return None;
        }
        Some(Self {
            id: StoreId(bytes[1..17].try_into().ok()?),
            span: Span {
                from: u64_at(bytes, 17)?,
                to: u64_at(bytes, 25)?,
            },
        })
    }
}

fn checksum(seed: Seed, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(seed.0);
    hasher.update(bytes);
    hasher.finalize()
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

    const SEED: Seed = Seed(7);

    fn place() -> impl Strategy<Value = Position> {
        (any::<u32>(), any::<u32>(), any::<u64>()).prop_map(|(first, since, live)| Position {
            sequence: u64::from(first) + u64::from(since),
            first: u64::from(first),
            live,
        })
    }

    /// A store that was written by another version opens only if this stays as it is.
    #[test]
    fn the_checksums_of_a_file_begin_with_the_crc_of_its_spans() {
        let seed = Seed::of(Span { from: 1, to: 6 });
        assert_eq!(seed, Seed(0x84bc_d343));
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            place in place(),
            kind in 0..6,
            key in proptest::collection::vec(any::<u8>(), 0..40),
            value in proptest::collection::vec(any::<u8>(), 0..80),
            id: [u8; 16],
        ) {
            let span = Span { from: place.first, to: place.sequence };
            let entry = match kind {
                0 => RecordEntry::Head(Head { id: StoreId(id), span }),
                1 => RecordEntry::Put { key: &key, value: &value },
                2 => RecordEntry::Remove { key: &key },
                3 => RecordEntry::Line(&value),
                4 => RecordEntry::Settled(place.live),
                _ => RecordEntry::End,
            };
            let mut bytes = Vec::new();
            encode(&mut bytes, SEED, place, entry);
            prop_assert_eq!(decode(&bytes, SEED), Some((place, entry, bytes.len())));
            prop_assert_eq!(decode(&bytes, Seed(8)), None);
        }

        #[test]
        fn a_record_with_a_flipped_bit_or_a_missing_end_is_none(
            place in place(),
            key in proptest::collection::vec(any::<u8>(), 0..40),
            value in proptest::collection::vec(any::<u8>(), 0..80),
            at in any::<proptest::sample::Index>(),
            bit in 0..8,
        ) {
            let entry = RecordEntry::Put { key: &key, value: &value };
            let mut bytes = Vec::new();
            encode(&mut bytes, SEED, place, entry);
            prop_assert_eq!(bytes.len() as u64, size(&key, &value));
            bytes.truncate(HEADER + key.len() + value.len());
            prop_assert_eq!(decode(&bytes, SEED), Some((place, entry, bytes.len())));
            let at = at.index(bytes.len());
            prop_assert_eq!(decode(&bytes[..at], SEED), None);
            bytes[at] ^= 1u8 << bit;
            prop_assert_eq!(decode(&bytes, SEED), None);
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes, SEED);
        }
    }
}
