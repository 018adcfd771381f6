//! The audit file: one JSON object a line, append-only.
//!
//! It is made with mode 0640, so that a group can be allowed to read it. It may be rotated by any
//! method: before each line the path is checked, and a new file is opened if another one, or none,
//! is there. Before its first line, the lines that an earlier process could not write are added
//! ([`super::earlier`]).

use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::Arc;

use super::earlier;
use super::sink::{self, AuditEntry};
use crate::durable_file::folder_of;
use crate::lines::{Sink, WriteError};
use crate::log;

pub(super) struct FileSink {
    path: PathBuf,
    open: Option<Open>,
    /// The file may end in the middle of a line after a crash or on a full disk.
    torn: bool,
    /// Lines of an earlier process that have not been searched yet.
    earlier: Vec<Vec<u8>>,
    /// A sync failed: the next one would succeed although data is lost.
    doubtful: bool,
    /// `fdatasync`, or a replacement in tests.
    sync_data: fn(&File) -> io::Result<()>,
}

struct Open {
    file: File,
    identity: Identity,
    /// Its name may not be durable.
    is_new: bool,
    /// Its lines may not be durable.
    is_dirty: bool,
}

/// Identifies the file, whatever its name.
#[derive(PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl FileSink {
    /// Writes to the file at `path`, which must contain the lines `earlier` too.
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

    /// Adds the lines of an earlier process that the log lacks. After an error it searches again,
    /// because some may have been added.
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
                "an earlier run ended before it wrote {} lines to {}; adding them now",
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

    /// The file at the path now, and whether it ends in the middle of a line.
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
        // Must not block on a pipe at this path without a reader.
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

    /// Closes a file that was rotated away, once its lines are durable.
    fn close(&mut self, open: Option<Open>) {
        if let Some(open) = open.filter(|open| open.is_dirty) {
            self.sync_file(&open.file);
        }
    }

    fn sync_file(&mut self, file: &File) {
        let is_file = file.metadata().map(|meta| meta.is_file());
        // Nothing in a pipe or a terminal is durable.
        let Err(error) = is_file.and_then(|is_file| match is_file {
            true => (self.sync_data)(file),
            false => Ok(()),
        }) else {
            return;
        };
        if !std::mem::replace(&mut self.doubtful, true) {
            log::error(format_args!(
                "lines of {} may not survive a power cut: {error}; the store keeps them. When the \
                 disk works again, restart the agent, which adds the missing lines: systemctl \
                 restart mfa-agent",
                self.path.display()
            ));
        }
    }

    fn sync_folder(&self) -> io::Result<()> {
        File::open(folder_of(&self.path))?.sync_all()
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
        Arc::clone(AuditEntry::lost(count).line())
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
    fn after_a_failed_sync_no_later_one_is_trusted() {
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
    fn a_file_that_was_rotated_away_is_synced_before_it_is_closed() {
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
    fn a_pipe_or_terminal_needs_no_sync() {
        let mut sink = FileSink::new("/dev/null".into(), vec![b"earlier\n".to_vec()]);
        sink.sync_data = |_| Err(io::Error::from_raw_os_error(nix::libc::EINVAL));
        sink.write(&line("one")).unwrap();
        assert!(sink.sync().unwrap());
    }
}
