//! What an earlier process could not write to the audit file any more.
//!
//! The store kept the lines of its changes. They are looked for, byte for byte, at the end of the file and of
//! those that it was rotated to last. What is not there is missing, unless it is older than all that is there
//! and may stand in a file that is not searched: an older or compressed one.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{DirEntry, File};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Bytes at the end of a file that are searched.
const TAIL: u64 = 16 << 20;

/// Files that it was rotated to and that are searched.
const ROTATED: usize = 2;

/// How compressed files end; what follows a date or a number.
const COMPRESSED: [&str; 6] = [".gz", ".xz", ".zst", ".bz2", ".lz4", ".Z"];

/// Those of `lines`, oldest first, that the log at `path` does not hold.
pub(super) fn missing(path: &Path, lines: &[Vec<u8>]) -> io::Result<Vec<Vec<u8>>> {
    if std::fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
        return Ok(Vec::new());
    }
    let lines: Vec<&[u8]> = lines.iter().flat_map(|lines| each(lines)).collect();
    let mut search = Search {
        wanted: lines
            .iter()
            .enumerate()
            .map(|(n, line)| (*line, n))
            .collect(),
        first_found: None,
        is_whole: true,
    };
    search.file(path)?;
    let rotated = Rotated::of(path);
    for path in &rotated.searched {
        if search.wanted.is_empty() {
            break;
        }
        search.file(path)?;
    }
    search.is_whole &= rotated.is_all;
    let mut missing: Vec<usize> = search.wanted.values().copied().collect();
    missing.sort_unstable();
    missing.retain(|n| search.is_whole || search.first_found.is_none_or(|first| *n > first));
    let with_break = |n: usize| lines.get(n).map(|line| [line, &b"\n"[..]].concat());
    Ok(missing.into_iter().filter_map(with_break).collect())
}

/// The folder that a file is in.
pub(super) fn folder(path: &Path) -> &Path {
    let folder = path.parent();
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// The lines of a change, without their breaks.
fn each(lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
}

struct Search<'a> {
    /// What was not found yet, with its place.
    wanted: HashMap<&'a [u8], usize>,
    /// The place of the oldest line that was found.
    first_found: Option<usize>,
    /// Whether all that there is was searched.
    is_whole: bool,
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
        // Whoever wrote it may have been killed before it made sure of that.
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

    fn take(&mut self, line: &[u8]) {
        let Some(place) = self.wanted.remove(line) else {
            return;
        };
        let first = self.first_found.unwrap_or(place);
        self.first_found = Some(first.min(place));
    }
}

/// The files that a log was rotated to.
struct Rotated {
    /// Those that are searched, newest first.
    searched: Vec<PathBuf>,
    /// Whether there are no others.
    is_all: bool,
}

impl Rotated {
    fn of(path: &Path) -> Self {
        let name = path.file_name().and_then(OsStr::to_str);
        let (Some(name), Ok(folder)) = (name, std::fs::read_dir(folder(path))) else {
            return Self {
                searched: Vec::new(),
                is_all: false,
            };
        };
        let mut plain = Vec::new();
        let mut is_all = true;
        for entry in folder.flatten() {
            match kind(name, &entry) {
                Kind::Plain(modified) => plain.push((modified, entry.path())),
                Kind::Unreadable => is_all = false,
                Kind::Other => {}
            }
        }
        plain.sort_unstable_by(|a, b| b.cmp(a));
        is_all &= plain.len() <= ROTATED;
        let searched = plain.into_iter().take(ROTATED).map(|(_, path)| path);
        Self {
            searched: searched.collect(),
            is_all,
        }
    }
}

enum Kind {
    /// The log was rotated to it, and it can be searched.
    Plain(SystemTime),
    /// The log was rotated to it, and it is compressed.
    Unreadable,
    /// Something else.
    Other,
}

fn kind(name: &str, entry: &DirEntry) -> Kind {
    let file = entry.file_name();
    let rest = file.to_str().and_then(|file| file.strip_prefix(name));
    match rest {
        Some(rest) if rest.starts_with(['.', '-']) => {
            let is_plain = !COMPRESSED.iter().any(|end| rest.ends_with(end));
            let meta = entry
                .metadata()
                .ok()
                .filter(|meta| meta.is_file() && is_plain);
            match meta.and_then(|meta| meta.modified().ok()) {
                Some(modified) => Kind::Plain(modified),
                None => Kind::Unreadable,
            }
        }
        _ => Kind::Other,
    }
}
