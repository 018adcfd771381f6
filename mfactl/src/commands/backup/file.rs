//! The file of a backup: [`mfa_protocol::backup`] says how it is built.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::path::Path;

use mfa_protocol::backup::{BackupHead, MAGIC, MAX_CHUNK, MAX_HEAD};
use sha2::{Digest, Sha256};

use super::target::Target;
use crate::commands::opener;
use crate::failure::Failure;
use crate::output::clean;

/// The bytes of the check sum.
const SUM: usize = 32;

/// Writes a backup.
pub(crate) struct Writer {
    target: Target,
    sum: Sha256,
    bytes: u64,
}

impl Writer {
    pub(crate) fn begin(target: Target, head: &BackupHead) -> Result<Self, Failure> {
        let mut writer = Self {
            target,
            sum: Sha256::new(),
            bytes: 0,
        };
        let head = serde_json::to_vec(head).map_err(|e| Failure::Garbled(e.to_string()))?;
        writer.put(MAGIC)?;
        writer.put(&length(&head))?;
        writer.put(&head)?;
        Ok(writer)
    }

    pub(crate) fn chunk(&mut self, chunk: &[u8]) -> Result<(), Failure> {
        self.put(&length(chunk))?;
        self.put(chunk)
    }

    /// Ends it. Returns how many bytes it has; they are durable.
    pub(crate) fn end(mut self) -> Result<u64, Failure> {
        self.put(&length(&[]))?;
        let sum = std::mem::take(&mut self.sum).finalize();
        self.put(&sum)?;
        self.target.keep()?;
        Ok(self.bytes)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.sum.update(bytes);
        self.bytes += bytes.len() as u64;
        self.target.put(bytes)
    }
}

fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes()
}

/// A file to read a backup from. It is open once, so that what is sent is what was checked.
pub(crate) struct Source {
    file: File,
    name: String,
    /// Where it begins, if it can be read from there again.
    start: Option<u64>,
}

impl Source {
    /// `path`, or standard input if it is `-`.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let shown = path.display().to_string();
        let mut file = match path.as_os_str() == "-" {
            true => {
                let input = io::stdin().as_fd().try_clone_to_owned();
                File::from(input.map_err(Failure::io("read standard input"))?)
            }
            false => opener::named(path)?,
        };
        let is_regular = file.metadata().is_ok_and(|about| about.is_file());
        Ok(Self {
            start: file.stream_position().ok().filter(|_| is_regular),
            file,
            name: clean(&shown).into_owned(),
        })
    }

    /// Whether it can be read from its beginning again; a pipe can't.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.start.is_some()
    }

    /// How many bytes it has; a pipe does not say.
    pub(crate) fn size(&self) -> Option<u64> {
        let about = self.file.metadata().ok()?;
        Some(about.len().saturating_sub(self.start?))
    }

    /// Reads it, a regular file from its beginning.
    pub(crate) fn read(&self) -> Result<(BackupHead, Reader), Failure> {
        let failed = || Failure::io(format!("read {}", self.name));
        let mut file = self.file.try_clone().map_err(failed())?;
        if let Some(start) = self.start {
            file.seek(SeekFrom::Start(start)).map_err(failed())?;
        }
        Reader::begin(file, &self.name)
    }
}

/// Reads a backup.
pub(crate) struct Reader {
    input: BufReader<File>,
    name: String,
    sum: Sha256,
    next: Option<Vec<u8>>,
}

impl Reader {
    fn begin(file: File, name: &str) -> Result<(BackupHead, Self), Failure> {
        let mut reader = Self {
            input: BufReader::with_capacity(256 << 10, file),
            name: name.to_owned(),
            sum: Sha256::new(),
            next: None,
        };
        let mut magic = [0; MAGIC.len()];
        reader.get(&mut magic)?;
        if magic != *MAGIC {
            return Err(Failure::Rejected(format!(
                "{}: this is no backup of mfactl; nothing was changed",
                reader.name
            )));
        }
        let head = reader.part(MAX_HEAD)?;
        let head = serde_json::from_slice(&head).map_err(|_| reader.damaged("its head"))?;
        Ok((head, reader))
    }

    /// The next chunk, and whether it is the last one, with which the check sum is right.
    pub(crate) fn chunk(&mut self) -> Result<(Vec<u8>, bool), Failure> {
        let chunk = match self.next.take() {
            Some(chunk) => chunk,
            None => self.part(MAX_CHUNK)?,
        };
        if chunk.is_empty() {
            return Err(self.damaged("an empty part"));
        }
        let next = self.part(MAX_CHUNK)?;
        let is_last = next.is_empty();
        match is_last {
            true => self.end()?,
            false => self.next = Some(next),
        }
        Ok((chunk, is_last))
    }

    fn end(&mut self) -> Result<(), Failure> {
        let sum: [u8; SUM] = self.sum.clone().finalize().into();
        let mut written = [0; SUM];
        self.get(&mut written)?;
        if sum != written {
            return Err(self.damaged("the check sum is wrong"));
        }
        if self
            .input
            .read(&mut [0])
            .map_err(Failure::io("read the backup"))?
            > 0
        {
            return Err(self.damaged("something follows its end"));
        }
        Ok(())
    }

    /// A part with its length before it.
    fn part(&mut self, most: usize) -> Result<Vec<u8>, Failure> {
        let mut length = [0; 4];
        self.get(&mut length)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > most {
            return Err(self.damaged("a part is too long"));
        }
        let mut part = vec![0; length];
        self.get(&mut part)?;
        Ok(part)
    }

    fn get(&mut self, bytes: &mut [u8]) -> Result<(), Failure> {
        match self.input.read_exact(bytes) {
            Ok(()) => {
                self.sum.update(bytes);
                Ok(())
            }
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
                Err(self.damaged("it is cut off"))
            }
            Err(e) => Err(Failure::io(format!("read {}", self.name))(e)),
        }
    }

    fn damaged(&self, what: &str) -> Failure {
        Failure::Rejected(format!(
            "{}: the backup is damaged ({what}); nothing was changed. Use another backup",
            self.name
        ))
    }
}

#[cfg(test)]
mod tests;
