//! What is in a chunk: items, one after the other.
//!
//! ```text
//!   kind    1 byte
//!   key     2 bytes of length, and the key
//!   value   4 bytes of length, and the value          lengths are big-endian
//! ```

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::PLAIN;
use crate::vault::Lasting;

const META: u8 = 0;
const RECORD: u8 = 1;
const DAMAGED: u8 = 2;
const END: u8 = 3;

/// The bytes that sealing adds.
const TAG: usize = 16;

/// Bytes that are kept free for the last item.
const LAST: usize = 128;

/// Bytes around key and value.
const FRAMING: usize = 1 + 2 + 4;

/// One item.
pub enum Item {
    /// The first one.
    Meta(Meta),
    /// A record.
    Record(Content),
    /// The last one.
    End(End),
}

/// A record in a backup.
pub struct Content {
    /// Its name, such as `account/alice`.
    pub key: Vec<u8>,
    /// The unsealed record; of a damaged one, the bytes that could not be unsealed.
    pub value: Zeroizing<Vec<u8>>,
    /// Whether it could not be unsealed when the backup was made.
    pub is_damaged: bool,
}

/// What is true of all records.
#[derive(Serialize, Deserialize)]
pub struct Meta {
    /// The keys that belong to the records whatever key seals them.
    pub lasting: Lasting,
}

/// How many records there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Including damaged ones.
    pub records: u64,
    /// Those that were damaged.
    pub damaged: u64,
}

/// The bytes are not items.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ItemError {
    #[error("an entry is cut off, or of an unknown kind")]
    Malformed,
    #[error("the entries are not in order")]
    Order,
    #[error("the number of records is wrong")]
    Count,
}

impl Item {
    /// The bytes that it takes.
    pub(super) fn size(key: &[u8], value: &[u8]) -> usize {
        FRAMING + key.len() + value.len()
    }

    /// Reads the items of a chunk.
    ///
    /// # Errors
    ///
    /// [`ItemError::Malformed`].
    pub fn parse_all(mut bytes: &[u8]) -> Result<Vec<Self>, ItemError> {
        let mut items = Vec::new();
        while !bytes.is_empty() {
            let (item, rest) = Self::parse(bytes).ok_or(ItemError::Malformed)?;
            items.push(item);
            bytes = rest;
        }
        Ok(items)
    }

    fn parse(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (kind, rest) = bytes.split_first()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (key, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        let (length, rest) = rest.split_first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (value, rest) = rest.split_at_checked(length)?;
        let item = match *kind {
            META if key.is_empty() => Self::Meta(serde_json::from_slice(value).ok()?),
            END if key.is_empty() => Self::End(serde_json::from_slice(value).ok()?),
            RECORD | DAMAGED if !key.is_empty() => Self::Record(Content {
                key: key.to_vec(),
                value: Zeroizing::new(value.to_vec()),
                is_damaged: *kind == DAMAGED,
            }),
            _ => return None,
        };
        Some((item, rest))
    }
}

/// Writes items into a buffer that never grows, so that no unwiped copy is left behind.
pub(super) struct Buffer(Zeroizing<Vec<u8>>);

impl Buffer {
    pub(super) fn new() -> Self {
        Self(Zeroizing::new(Vec::with_capacity(PLAIN + TAG)))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn has_room_for(&self, size: usize) -> bool {
        self.0.len() + size + LAST <= PLAIN
    }

    pub(super) fn meta(&mut self, meta: &Meta) -> Result<(), serde_json::Error> {
        let mut text = Zeroizing::new(Vec::with_capacity(512));
        serde_json::to_writer(&mut *text, meta)?;
        self.push(META, b"", &text);
        Ok(())
    }

    pub(super) fn record(&mut self, key: &[u8], value: &[u8], is_damaged: bool) {
        self.push(if is_damaged { DAMAGED } else { RECORD }, key, value);
    }

    pub(super) fn end(&mut self, end: End) -> Result<(), serde_json::Error> {
        self.push(END, b"", &serde_json::to_vec(&end)?);
        Ok(())
    }

    pub(super) fn take(&mut self) -> Zeroizing<Vec<u8>> {
        std::mem::replace(self, Self::new()).0
    }

    fn push(&mut self, kind: u8, key: &[u8], value: &[u8]) {
        self.0.push(kind);
        self.0.extend((key.len() as u16).to_be_bytes());
        self.0.extend(key);
        self.0.extend((value.len() as u32).to_be_bytes());
        self.0.extend(value);
    }
}
