//! The mark: a file beside the key, outside the store, which proves that there was a store.
//!
//! A lost store can't report itself: its folder is gone, empty, or from another disk. So the mark keeps the store's ID
//! and how often it was opened, and [`decision`] compares. For a store in etcd it is the revision that the store had
//! reached, and the cluster. It holds no secret; a user who can change it can also read
//! the key next to it.

pub mod decision;

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::durable_file::{replace_durably, with_suffix};
use crate::store::{KnownState, StoreId};

const LABEL: &str = "mfa-store-v1:";
const LARGEST_FILE: u64 = 4096;
const COMMENT: &str = "# Names the store of mfa-agent, so that a lost or an older one in its place is noticed.\n\
                       # Not part of a backup: restored with the store, it could not tell.\n";

/// Which store there was, and how often it was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub id: StoreId,
    /// The store's generation when the mark was written; every later opening has a higher one.
    pub generation: u64,
    /// The cluster of a store in etcd.
    pub cluster: Option<u64>,
    /// What was seen of the states of its records.
    pub state: KnownState,
}

/// What is at the path of the mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Nothing,
    /// A file without a mark, and why. There was a store.
    Unreadable(String),
    Mark(Mark),
}

/// The text is not a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it has no line `mfa-store-v1: id=… generation=…`")]
pub struct NoMark;

/// The path of the mark for a key.
#[must_use]
pub fn path(key_file: &Path) -> PathBuf {
    with_suffix(key_file, ".store")
}

/// Reads the mark at `path`.
#[must_use]
pub fn read(path: &Path) -> Found {
    let text = match read_text(path) {
        Ok(text) => text,
        Err(e) if e.kind() == ErrorKind::NotFound => return Found::Nothing,
        Err(e) => return Found::Unreadable(e.to_string()),
    };
    match text.parse() {
        Ok(mark) => Found::Mark(mark),
        Err(NoMark) => Found::Unreadable(NoMark.to_string()),
    }
}

/// Writes the mark to `path`. It is durable on return.
///
/// # Errors
///
/// When it can't be written; an older mark stays then.
pub fn write(path: &Path, mark: &Mark) -> io::Result<()> {
    replace_durably(path, format!("{COMMENT}{mark}\n").as_bytes())
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            id,
            generation,
            cluster,
            state,
        } = self;
        write!(f, "{LABEL} id={id} generation={generation}")?;
        if let Some(cluster) = cluster {
            write!(f, " cluster={cluster:x}")?;
        }
        if state.number > 0 {
            write!(f, " state={}", state.number)?;
        }
        if !state.retired.is_empty() {
            write!(f, " retired={}", state.retired.join(","))?;
        }
        match state.accepted {
            0 => Ok(()),
            accepted => write!(f, " accepted={accepted:x}"),
        }
    }
}

impl FromStr for Mark {
    type Err = NoMark;

    fn from_str(text: &str) -> Result<Self, NoMark> {
        let mut lines = text.lines();
        let line = lines.find_map(|line| line.trim().strip_prefix(LABEL));
        let value = |name: &str| {
            let mut words = line.unwrap_or_default().split_whitespace();
            words.find_map(|word| word.strip_prefix(name)).ok_or(NoMark)
        };
        Ok(Self {
            id: value("id=")?.parse().map_err(|_| NoMark)?,
            generation: value("generation=")?.parse().map_err(|_| NoMark)?,
            cluster: match value("cluster=") {
                Ok(cluster) => Some(u64::from_str_radix(cluster, 16).map_err(|_| NoMark)?),
                Err(NoMark) => None,
            },
            state: KnownState {
                number: match value("state=") {
                    Ok(number) => number.parse().map_err(|_| NoMark)?,
                    Err(NoMark) => 0,
                },
                retired: match value("retired=") {
                    Ok(keys) => keys.split(',').map(str::to_owned).collect(),
                    Err(NoMark) => Vec::new(),
                },
                accepted: match value("accepted=") {
                    Ok(accepted) => u64::from_str_radix(accepted, 16).map_err(|_| NoMark)?,
                    Err(NoMark) => 0,
                },
            },
        })
    }
}

pub(crate) fn read_text(path: &Path) -> io::Result<String> {
    // Must not block on a pipe at this path.
    let file = File::options()
        .read(true)
        .custom_flags(nix::libc::O_NONBLOCK)
        .open(path)?;
    let mut text = String::new();
    file.take(LARGEST_FILE).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written_and_closed_to_others() {
        let dir = tempfile::tempdir().unwrap();
        let file = path(&dir.path().join("key"));
        assert!(file.ends_with("key.store"));
        assert_eq!(read(&file), Found::Nothing);
        for generation in [0, 7, u64::MAX] {
            let id = StoreId([0xA5; 16]);
            let mark = Mark {
                id,
                generation,
                cluster: (generation > 0).then_some(generation),
                state: KnownState {
                    number: generation,
                    retired: (0..generation.min(64))
                        .map(|key| format!("{key:08x}"))
                        .collect(),
                    accepted: generation,
                },
            };
            write(&file, &mark).unwrap();
            assert_eq!(read(&file), Found::Mark(mark));
        }
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_crash_while_a_mark_was_written_does_not_stop_the_next_one() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key.store");
        std::fs::write(dir.path().join("key.store.new"), "half").unwrap();
        let id = StoreId([1; 16]);
        let mark = Mark {
            id,
            generation: 1,
            cluster: None,
            state: KnownState::default(),
        };
        write(&file, &mark).unwrap();
    }

    #[test]
    fn a_damaged_mark_or_one_that_is_not_a_file_does_not_count_as_missing() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key.store");
        let short = format!("{LABEL} id=00 generation=1");
        let no_number = format!("{LABEL} id={} generation=-1", StoreId([0; 16]));
        let no_cluster = format!("{LABEL} id={} generation=1 cluster=x", StoreId([0; 16]));
        for text in [
            "",
            "mfa-store-v2: x",
            LABEL,
            &short,
            &no_number,
            &no_cluster,
        ] {
            std::fs::write(&file, text).unwrap();
            assert!(matches!(read(&file), Found::Unreadable(_)), "{text}");
        }
        assert!(matches!(read(dir.path()), Found::Unreadable(_)));
    }

    proptest! {
        #[test]
        fn every_mark_reads_back_and_garbage_does_not_panic(
            id: [u8; 16],
            generation: u64,
            cluster: Option<u64>,
            accepted: u64,
            number: u64,
            retired in proptest::collection::vec("[0-9a-f]{8}", 0..5),
            garbage: String,
        ) {
            let state = KnownState { number, retired, accepted };
            let mark = Mark { id: StoreId(id), generation, cluster, state };
            let text = format!("{COMMENT}\r\n{mark}\r\n");
            prop_assert_eq!(text.parse(), Ok(mark));
            let _ = garbage.parse::<Mark>();
        }
    }
}
