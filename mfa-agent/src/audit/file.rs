//! The audit file: one JSON object a line, append-only.
//!
//! It is made with mode 0640, so that a group can be allowed to read it. It may be rotated by any
//! method: before each write the path is checked, and a new file is opened if another one, or none,
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

/// So many bytes are written to a pipe at once.
const PIPE_BUF: usize = nix::libc::PIPE_BUF;

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
    /// Not a pipe or a terminal.
    is_file: bool,
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
        let mut left = missing.as_slice();
        while !left.is_empty() {
            left = left.get(self.append(left)?..).unwrap_or_default();
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

    /// Appends lines with one write, and returns how many of them were written whole.
    fn append(&mut self, lines: &[impl AsRef<[u8]>]) -> io::Result<usize> {
        let (open, torn) = self.file()?;
        let mut bytes = Vec::new();
        if torn {
            bytes.push(b'\n');
        }
        let mut ends = vec![bytes.len()];
        for line in lines {
            let line = line.as_ref();
            // A pipe takes no more than this whole or not at all (pipe(7)).
            if !open.is_file && ends.len() > 1 && bytes.len() + line.len() > PIPE_BUF {
                break;
            }
            bytes.extend_from_slice(line);
            ends.push(bytes.len());
        }
        open.is_dirty = true;
        let written = write_once(&mut open.file, &bytes)?;
        let whole = ends.iter().take_while(|end| **end <= written).count();
        self.torn = !ends.contains(&written);
        Ok(whole.saturating_sub(1))
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
            is_file: meta.is_file(),
            identity: Identity::of(&meta),
            is_new: true,
            is_dirty: true,
        })
    }

    /// Closes a file that was rotated away, once its lines are durable.
    fn close(&mut self, open: Option<Open>) {
        if let Some(open) = open.filter(|open| open.is_dirty) {
            self.sync_file(&open);
        }
    }

    fn sync_file(&mut self, open: &Open) {
        // Nothing in a pipe or a terminal is durable.
        if !open.is_file {
            return;
        }
        let Err(error) = (self.sync_data)(&open.file) else {
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

    fn write(&mut self, lines: &[Arc<[u8]>]) -> Result<usize, WriteError> {
        self.catch_up()?;
        Ok(self.append(lines)?)
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
        self.sync_file(&open);
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

/// Writes some of these bytes, at least one.
fn write_once(file: &mut File, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match file.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            written => return written,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn line(text: &str) -> Arc<[u8]> {
        format!("{text}\n").into_bytes().into()
    }

    #[test]
    fn after_a_failed_sync_no_later_one_is_trusted() {
        let dir = tempfile::tempdir().unwrap();
        let mut sink = FileSink::new(dir.path().join("audit.jsonl"), Vec::new());
        sink.write(&[line("one")]).unwrap();
        assert!(sink.sync().unwrap());
        sink.sync_data = |_| Err(io::Error::from_raw_os_error(nix::libc::EIO));
        sink.write(&[line("two")]).unwrap();
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
            sink.write(&[line("one")]).unwrap();
            std::fs::rename(&path, dir.path().join("audit.jsonl.1")).unwrap();
            sink.sync_data = |_| Err(io::Error::from_raw_os_error(nix::libc::EIO));
            if reopens {
                sink.reopen();
            }
            sink.write(&[line("two")]).unwrap();
            sink.sync_data = File::sync_data;
            assert!(!sink.sync().unwrap(), "{reopens}");
        }
    }

    #[test]
    fn lines_are_written_together_and_begin_on_a_line_of_their_own() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.jsonl");
        std::fs::write(&path, "torn").unwrap();
        let mut sink = FileSink::new(path.clone(), Vec::new());
        assert_eq!(sink.write(&[line("one"), line("two")]).unwrap(), 2);
        assert_eq!(sink.write(&[line("three")]).unwrap(), 1);
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "torn\none\ntwo\nthree\n"
        );
    }

    #[test]
    fn a_pipe_gets_whole_lines_however_slowly_it_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let mut reader = File::options().read(true).write(true).open(&path).unwrap();
        let mut sink = FileSink::new(path, Vec::new());
        let lines: Vec<_> = (0..300)
            .map(|n| line(&format!("{n}{}", "x".repeat(700))))
            .collect();
        let (mut left, mut read) = (lines.as_slice(), Vec::new());
        let mut part = vec![0; 3000];
        while !read.ends_with(lines.last().unwrap()) {
            if let Ok(count) = sink.write(left)
                && !left.is_empty()
            {
                left = &left[count..];
            }
            let count = reader.read(&mut part).unwrap();
            read.extend_from_slice(&part[..count]);
        }
        assert!(read == lines.concat());
    }

    #[test]
    fn a_pipe_or_terminal_needs_no_sync() {
        let mut sink = FileSink::new("/dev/null".into(), vec![b"earlier\n".to_vec()]);
        sink.sync_data = |_| Err(io::Error::from_raw_os_error(nix::libc::EINVAL));
        sink.write(&[line("one")]).unwrap();
        assert!(sink.sync().unwrap());
    }
}
