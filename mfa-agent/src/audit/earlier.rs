//! Finds the lines that an earlier process could not write to the audit file.
//!
//! The store kept the lines of its changes. They are searched, byte for byte, at the end of the
//! file and of its last rotated files. A line that is not found is missing, unless it may be in a
//! part that is not searched: in an older or compressed file, whose last line is as old as its
//! modification time, or far from the end. Unsearched parts are older than everything that is
//! found.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{DirEntry, File, Metadata};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::durable_file::folder_of;

/// Bytes searched at the end of a file.
const TAIL: u64 = 16 << 20;

/// Rotated files that are searched.
const ROTATED: usize = 2;

/// Suffixes of compressed files.
const COMPRESSED: [&str; 6] = ["gz", "xz", "zst", "bz2", "lz4", "Z"];

/// The lines, oldest first, that the log at `path` lacks.
pub(super) fn missing(path: &Path, lines: &[Vec<u8>]) -> io::Result<Vec<Vec<u8>>> {
    if std::fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
        return Ok(Vec::new());
    }
    let lines: Vec<&[u8]> = lines.iter().flat_map(|lines| each(lines)).collect();
    let rotated = Rotated::of(path);
    let mut search = Search {
        wanted: lines
            .iter()
            .enumerate()
            .map(|(n, line)| (*line, n))
            .collect(),
        first_found: None,
        is_whole: rotated.is_known,
        packed_until: rotated.packed_until,
    };
    search.file(path)?;
    for path in &rotated.searched {
        if search.wanted.is_empty() {
            break;
        }
        search.file(path)?;
    }
    let is_missing = |(n, line): &(usize, &&[u8])| search.is_missing(*n, line);
    let missing = lines.iter().enumerate().filter(is_missing);
    Ok(missing
        .map(|(_, line)| [line, &b"\n"[..]].concat())
        .collect())
}

/// The lines of a change, without line breaks.
fn each(lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
}

struct Search<'a> {
    /// The lines not found yet, with their indexes.
    wanted: HashMap<&'a [u8], usize>,
    /// The index of the oldest line that was found.
    first_found: Option<usize>,
    /// Whether the files were searched from their beginning, and no others exist.
    is_whole: bool,
    /// The time of the last line in files that were not searched.
    packed_until: Option<Timestamp>,
}

impl Search<'_> {
    fn file(&mut self, path: &Path) -> io::Result<()> {
        let mut file = match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            opened => opened?,
        };
        let skipped = file.metadata()?.len().saturating_sub(TAIL);
        self.is_whole &= skipped == 0;
        file.seek(SeekFrom::Start(skipped))?;
        let wanted = self.wanted.len();
        self.read(BufReader::new((&file).take(TAIL)))?;
        // The process that wrote it may have been killed before the sync.
        match self.wanted.len() < wanted {
            true => file.sync_data(),
            false => Ok(()),
        }
    }

    fn read(&mut self, mut tail: impl BufRead) -> io::Result<()> {
        let mut line = Vec::new();
        while !self.wanted.is_empty() {
            line.clear();
            if tail.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            self.take(line.strip_suffix(b"\n").unwrap_or(&line));
        }
        Ok(())
    }

    fn is_missing(&self, place: usize, line: &[u8]) -> bool {
        if !self.wanted.contains_key(line) {
            return false;
        }
        let may_be_packed = self
            .packed_until
            .is_some_and(|until| time(line).is_none_or(|time| time <= until));
        match self.first_found {
            Some(first) if place > first => true,
            Some(_) => self.is_whole && !may_be_packed,
            None => !may_be_packed,
        }
    }

    fn take(&mut self, line: &[u8]) {
        let Some(place) = self.wanted.remove(line) else {
            return;
        };
        let first = self.first_found.unwrap_or(place);
        self.first_found = Some(first.min(place));
    }
}

/// When a line was made: its first field.
fn time(line: &[u8]) -> Option<Timestamp> {
    let line = line.strip_prefix(br#"{"time":""#)?;
    let end = line.iter().position(|byte| *byte == b'"')?;
    std::str::from_utf8(line.get(..end)?).ok()?.parse().ok()
}

/// The rotated files of a log.
struct Rotated {
    /// The files that are searched, newest first.
    searched: Vec<PathBuf>,
    /// When the newest of the other files was modified. A time in the future is not trusted.
    packed_until: Option<Timestamp>,
    /// Whether all other files are known.
    is_known: bool,
}

impl Rotated {
    fn of(path: &Path) -> Self {
        let mut rotated = Self {
            searched: Vec::new(),
            packed_until: None,
            is_known: false,
        };
        let name = path.file_name().and_then(OsStr::to_str);
        let (Some(name), Ok(folder)) = (name, std::fs::read_dir(folder_of(path))) else {
            return rotated;
        };
        rotated.is_known = true;
        let files = folder.flatten().filter(|entry| is_rotated(name, entry));
        let mut files: Vec<_> = files
            .filter_map(|entry| Some((modified(&entry)?, entry.path())))
            .collect();
        files.sort_unstable_by(|a, b| b.cmp(a));
        let now = Timestamp::now();
        for (modified, path) in files {
            if rotated.searched.len() < ROTATED && !is_compressed(&path) {
                rotated.searched.push(path);
            } else if modified <= now {
                rotated.packed_until = rotated.packed_until.max(Some(modified));
            }
        }
        rotated
    }
}

fn is_rotated(name: &str, entry: &DirEntry) -> bool {
    let file = entry.file_name();
    let rest = file.to_str().and_then(|file| file.strip_prefix(name));
    rest.is_some_and(|rest| rest.starts_with(['.', '-']))
}

fn is_compressed(path: &Path) -> bool {
    let end = path.extension().and_then(OsStr::to_str);
    end.is_some_and(|end| COMPRESSED.contains(&end))
}

fn modified(entry: &DirEntry) -> Option<Timestamp> {
    let meta = entry.metadata().ok().filter(Metadata::is_file)?;
    meta.modified().ok()?.try_into().ok()
}
