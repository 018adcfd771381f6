//! The size of a store and of its live records, read from its files (format:
//! `mfa-agent/src/store/record.rs`).

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Bytes before the key of a record.
const HEADER: usize = 32;
const ALIGNMENT: usize = 8;

/// Kinds of records.
const PUT: u8 = 2;
const REMOVE: u8 = 3;
const LAST_KIND: u8 = 6;

/// The size of a store on the disk, and of its live records.
#[derive(Clone, Copy, Debug)]
pub struct StoreSize {
    /// The folder with all its content.
    pub folder: u64,
    /// The newest record of each key.
    pub live: u64,
    /// Number of keys with a record.
    pub records: usize,
}

impl StoreSize {
    /// The size of the store in a folder; `None` if a file was removed meanwhile.
    #[must_use]
    pub fn of(store: &Path) -> Option<Self> {
        let (live, records) = live(store).ok()?;
        Some(Self {
            folder: on_disk(store).ok()?,
            live,
            records,
        })
    }
}

fn on_disk(path: &Path) -> io::Result<u64> {
    let meta = fs::symlink_metadata(path)?;
    let own = meta.blocks() * 512;
    if !meta.is_dir() {
        return Ok(own);
    }
    let entries = fs::read_dir(path)?;
    entries
        .map(|entry| on_disk(&entry?.path()))
        .sum::<io::Result<u64>>()
        .map(|all| own + all)
}

/// Files with changes, oldest first: a file is complete for the spans in its name.
fn live(store: &Path) -> io::Result<(u64, usize)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(store)? {
        let name = entry?.file_name().into_string().unwrap_or_default();
        files.extend(last_span(&name).map(|last| (last, name)));
    }
    files.sort();
    let mut sizes = HashMap::new();
    for (_, name) in files {
        replay(&fs::read(store.join(name))?, &mut sizes);
    }
    Ok((sizes.values().sum(), sizes.len()))
}

fn last_span(name: &str) -> Option<u64> {
    let (form, spans) = name.split_once('.')?;
    let is_one = matches!(form, "journal" | "sorted");
    let (_, last) = spans.split_once('-')?;
    last.parse().ok().filter(|_| is_one)
}

fn replay(bytes: &[u8], sizes: &mut HashMap<Vec<u8>, u64>) {
    let mut at = 0;
    while let Some((kind, key, size)) = record(&bytes[at..]) {
        match kind {
            PUT => drop(sizes.insert(key.to_vec(), size as u64)),
            REMOVE => drop(sizes.remove(key)),
            _ => {}
        }
        at += size;
    }
}

/// Kind, key and length of the first record in `bytes`. It is not checked: the agent does that.
fn record(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
    let kind = *bytes.get(4)?;
    let key_size = usize::from(u16::from_le_bytes(bytes.get(6..8)?.try_into().ok()?));
    let value_size = u32::from_le_bytes(bytes.get(8..12)?.try_into().ok()?) as usize;
    let key = bytes.get(HEADER..HEADER + key_size)?;
    let size = (HEADER + key_size + value_size).next_multiple_of(ALIGNMENT);
    let is_one = (1..=LAST_KIND).contains(&kind) && size <= bytes.len();
    is_one.then_some((kind, key, size))
}
