//! How large a store is and what of it is live, as its files tell whoever knows their form
//! (`mfa-agent/src/store/record.rs`).

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What comes before the key of a record.
const HEADER: usize = 32;
const ALIGNMENT: usize = 8;

/// Kinds of records.
const PUT: u8 = 2;
const REMOVE: u8 = 3;
const LAST_KIND: u8 = 6;

/// Bytes that a store takes up on the disk, and that its live records do.
#[derive(Clone, Copy, Debug)]
pub struct StoreSize {
    /// What the folder takes up, with all that is in it.
    pub folder: u64,
    /// What the newest record of each key takes up in a file.
    pub live: u64,
    /// How many keys have a record.
    pub records: usize,
}

impl StoreSize {
    /// Of the store in a folder; none when a file went away meanwhile, as they do.
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

/// Files with changes, the oldest first: a file says all about the spans in its name.
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

/// Kind, key and length of the record that `bytes` begin with. It is not checked: the agent does that.
fn record(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
    let kind = *bytes.get(4)?;
    let key_size = usize::from(u16::from_le_bytes(bytes.get(6..8)?.try_into().ok()?));
    let value_size = u32::from_le_bytes(bytes.get(8..12)?.try_into().ok()?) as usize;
    let key = bytes.get(HEADER..HEADER + key_size)?;
    let size = (HEADER + key_size + value_size).next_multiple_of(ALIGNMENT);
    let is_one = (1..=LAST_KIND).contains(&kind) && size <= bytes.len();
    is_one.then_some((kind, key, size))
}
