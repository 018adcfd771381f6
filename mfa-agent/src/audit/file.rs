//! The audit file: one JSON object a line, only ever appended to.
//!
//! Made 0640, so that a group can be given the right to read it. Whoever rotates it may rename it,
//! remove it or say nothing: before each line the name is looked up, and a file that is no longer the
//! one behind the name is opened anew.

use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::Arc;

use super::sink::{Entry, Sink, WriteError};
use super::text;

pub(super) struct FileSink {
    path: PathBuf,
    open: Option<(File, Identity)>,
    /// It may end in the middle of a line: a crash or a full disk cut it short.
    torn: bool,
}

/// Which file it is, whatever its name.
#[derive(PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl FileSink {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            open: None,
            torn: false,
        }
    }

    /// The file that the name stands for now, and whether it ends in the middle of a line.
    fn file(&mut self) -> io::Result<(&mut File, bool)> {
        let current = std::fs::metadata(&self.path)
            .ok()
            .map(|meta| Identity::of(&meta));
        let open = match self.open.take() {
            Some((file, identity)) if Some(&identity) == current.as_ref() => (file, identity),
            _ => self.open_anew()?,
        };
        Ok((&mut self.open.insert(open).0, self.torn))
    }

    fn open_anew(&mut self) -> io::Result<(File, Identity)> {
        // Not to be held up by a pipe in its place that nobody reads.
        let file = File::options()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o640)
            .custom_flags(nix::libc::O_NONBLOCK)
            .open(&self.path)?;
        let meta = file.metadata()?;
        let mut last = [b'\n'];
        if let Some(at) = meta.len().checked_sub(1) {
            file.read_exact_at(&mut last, at)?;
        }
        self.torn = last != [b'\n'];
        Ok((file, Identity::of(&meta)))
    }
}

impl Identity {
    fn of(meta: &Metadata) -> Self {
        Self {
            device: meta.dev(),
            inode: meta.ino(),
        }
    }
}

impl Sink for FileSink {
    type Line = Arc<Entry>;

    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn write(&mut self, entry: &Arc<Entry>) -> Result<(), WriteError> {
        let mut line = text::json(&entry.event, entry.time);
        let (file, torn) = self.file()?;
        if torn {
            line.insert(0, b'\n');
        }
        let written = file.write_all(&line);
        self.torn = written.is_err();
        Ok(written?)
    }

    fn reopen(&mut self) {
        self.open = None;
    }

    fn lost(&self, count: u64) -> Arc<Entry> {
        Arc::new(Entry::lost(count))
    }
}
