//! The audit file: one JSON object a line, only ever appended to.
//!
//! Made 0640, so that a group can be given the right to read it. Whoever rotates it may rename it,
//! remove it or say nothing: before each line the name is looked up, and a file that is no longer the
//! one behind the name is opened again. Before its first line it takes what an earlier process could not
//! write any more ([`super::earlier`]).

use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::Arc;

use super::earlier;
use super::sink::{self, Entry};
use crate::lines::{Sink, WriteError};
use crate::log;

pub(super) struct FileSink {
    path: PathBuf,
    open: Option<Open>,
    /// It may end in the middle of a line: a crash or a full disk cut it short.
    torn: bool,
    /// Lines of an earlier process that have not been looked for yet.
    earlier: Vec<Vec<u8>>,
    /// What the kernel was to write may be lost: the next sync would succeed without it.
    doubtful: bool,
    /// `fdatasync`, or what a test puts in its place.
    sync_data: fn(&File) -> io::Result<()>,
}

struct Open {
    file: File,
    identity: Identity,
    /// Its name may not be on the disk.
    is_new: bool,
    /// Its lines may not be on the disk.
    is_dirty: bool,
}

/// Which file it is, whatever its name.
#[derive(PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl FileSink {
    /// To the file at `path`, which is to hold the lines `earlier` too.
    pub(super) fn new(path: PathBuf, earlier: Vec<Vec<u8>>) -> Self {
        Self {
            path,
            open: None,
            torn: false,
            earlier,
            doubtful: false,
            sync_data: File::sync_data,
        }
    }

    /// Adds the lines of an earlier process that the log does not hold. They are looked for again after an
    /// error, because some may have been added before it.
    fn catch_up(&mut self) -> Result<(), WriteError> {
        if self.earlier.is_empty() {
            return Ok(());
        }
        let missing = earlier::missing(&self.path, &self.earlier)?;
        for line in &missing {
            self.append(line)?;
        }
        self.earlier = Vec::new();
        if !missing.is_empty() {
            log::warn(format_args!(
                "the agent ended before it could write {} lines to {}; it added them now",
                missing.len(),
                self.path.display()
            ));
        }
        Ok(())
    }

    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let (open, torn) = self.file()?;
        open.is_dirty = true;
        let written = match torn {
            true => open.file.write_all(&[b"\n", line].concat()),
            false => open.file.write_all(line),
        };
        self.torn = written.is_err();
        written
    }

    /// The file that the name stands for now, and whether it ends in the middle of a line.
    fn file(&mut self) -> io::Result<(&mut Open, bool)> {
        let current = std::fs::metadata(&self.path)
            .ok()
            .map(|meta| Identity::of(&meta));
        let open = match self.open.take() {
            Some(open) if Some(&open.identity) == current.as_ref() => open,
            other => {
                self.close(other);
                self.open_again()?
            }
        };
        Ok((self.open.insert(open), self.torn))
    }

    fn open_again(&mut self) -> io::Result<Open> {
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
        Ok(Open {
            file,
            identity: Identity::of(&meta),
            is_new: true,
            is_dirty: true,
        })
    }

    /// Lets go of a file that was rotated away, once its lines are on the disk.
    fn close(&mut self, open: Option<Open>) {
        if let Some(open) = open.filter(|open| open.is_dirty) {
            self.sync_file(&open.file);
        }
    }

    fn sync_file(&mut self, file: &File) {
        let is_file = file.metadata().map(|meta| meta.is_file());
        // Nothing of a pipe or a terminal lasts.
        let Err(error) = is_file.and_then(|is_file| match is_file {
            true => (self.sync_data)(file),
            false => Ok(()),
        }) else {
            return;
        };
        if !std::mem::replace(&mut self.doubtful, true) {
            log::error(format_args!(
                "lines of {} may not survive a power cut: {error}; the store keeps them. Once the disk works, \
                 restart the agent, which adds what is missing: systemctl restart mfa-agent",
                self.path.display()
            ));
        }
    }

    fn sync_folder(&self) -> io::Result<()> {
        File::open(earlier::folder(&self.path))?.sync_all()
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
    type Line = Arc<[u8]>;

    fn write(&mut self, line: &Arc<[u8]>) -> Result<(), WriteError> {
        self.catch_up()?;
        Ok(self.append(line)?)
    }

    fn sync(&mut self) -> Result<bool, WriteError> {
        self.catch_up()?;
        let (open, _) = self.file()?;
        if open.is_new {
            self.sync_folder()?;
        }
        let Some(mut open) = self.open.take() else {
            return Ok(false);
        };
        self.sync_file(&open.file);
        open.is_new = false;
        open.is_dirty = false;
        self.open = Some(open);
        Ok(!self.doubtful)
    }

    fn reopen(&mut self) {
        let open = self.open.take();
        self.close(open);
    }

    fn lost(&self, count: u64) -> Arc<[u8]> {
        Arc::clone(Entry::lost(count).line())
    }

    fn report_failure(&self, error: &WriteError) {
        sink::report_failure(&self.path.display().to_string(), error);
    }

    fn report_recovery(&self) {
        sink::report_recovery(&self.path.display().to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Arc<[u8]> {
        format!("{text}\n").into_bytes().into()
    }

    #[test]
    fn after_a_sync_that_failed_no_other_is_believed() {
        let dir = tempfile::tempdir().unwrap();
        let mut sink = FileSink::new(dir.path().join("audit.jsonl"), Vec::new());
        sink.write(&line("one")).unwrap();
        assert!(sink.sync().unwrap());
        sink.sync_data = |_| Err(io::Error::from_raw_os_error(nix::libc::EIO));
        sink.write(&line("two")).unwrap();
        assert!(!sink.sync().unwrap());
        sink.sync_data = File::sync_data;
        assert!(!sink.sync().unwrap());
    }

    #[test]
    fn a_file_that_was_rotated_away_is_synced_before_it_is_let_go() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.jsonl");
        for reopens in [false, true] {
            let mut sink = FileSink::new(path.clone(), Vec::new());
            sink.write(&line("one")).unwrap();
            std::fs::rename(&path, dir.path().join("audit.jsonl.1")).unwrap();
            sink.sync_data = |_| Err(io::Error::from_raw_os_error(nix::libc::EIO));
            if reopens {
                sink.reopen();
            }
            sink.write(&line("two")).unwrap();
            sink.sync_data = File::sync_data;
            assert!(!sink.sync().unwrap(), "{reopens}");
        }
    }

    #[test]
    fn what_is_no_file_has_nothing_to_be_synced() {
        let mut sink = FileSink::new("/dev/null".into(), vec![b"earlier\n".to_vec()]);
        sink.sync_data = |_| Err(io::Error::from_raw_os_error(nix::libc::EINVAL));
        sink.write(&line("one")).unwrap();
        assert!(sink.sync().unwrap());
    }
}
