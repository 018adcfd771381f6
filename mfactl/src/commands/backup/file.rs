//! The file of a backup: [`mfa_protocol::backup`] says how it is built.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use mfa_protocol::backup::{BackupHead, MAGIC, MAX_CHUNK, MAX_HEAD};
use sha2::{Digest, Sha256};

use crate::failure::Failure;
use crate::output::clean;

/// The bytes of the check sum.
const SUM: usize = 32;

/// Where a backup goes.
pub(crate) struct Target {
    out: Box<dyn Write>,
    file: Option<(File, Draft)>,
}

/// A file that takes its name when it is complete.
struct Draft {
    path: PathBuf,
    to: PathBuf,
    is_done: bool,
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_done {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Target {
    pub(crate) fn stdout() -> Self {
        Self {
            out: Box::new(io::stdout().lock()),
            file: None,
        }
    }

    pub(crate) fn file(to: &Path) -> Result<Self, Failure> {
        let what = format!("write {}", to.display());
        // A device or a pipe is written to, and not replaced.
        if std::fs::metadata(to).is_ok_and(|meta| !meta.is_file()) {
            let out = File::options().write(true).open(to);
            return Ok(Self {
                out: Box::new(out.map_err(Failure::io(what))?),
                file: None,
            });
        }
        let name = to.file_name().unwrap_or_default();
        let mut draft = OsString::from(".");
        draft.push(name);
        draft.push(".new");
        let draft = Draft {
            path: to.with_file_name(draft),
            to: to.to_owned(),
            is_done: false,
        };
        let _ = std::fs::remove_file(&draft.path);
        let file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft.path);
        let file = file.map_err(Failure::io(&what))?;
        let out = file.try_clone().map_err(Failure::io(&what))?;
        Ok(Self {
            out: Box::new(io::BufWriter::with_capacity(256 << 10, out)),
            file: Some((file, draft)),
        })
    }

    /// Makes it durable under its name.
    fn keep(mut self) -> io::Result<()> {
        self.out.flush()?;
        let Some((file, mut draft)) = self.file else {
            return Ok(());
        };
        file.sync_all()?;
        std::fs::rename(&draft.path, &draft.to)?;
        draft.is_done = true;
        let folder = draft.to.parent();
        let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

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
        self.target
            .keep()
            .map_err(Failure::io("write the backup"))?;
        Ok(self.bytes)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.sum.update(bytes);
        self.bytes += bytes.len() as u64;
        let written = self.target.out.write_all(bytes);
        written.map_err(Failure::io("write the backup"))
    }
}

fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes()
}

/// Reads a backup.
pub(crate) struct Reader {
    input: Box<dyn Read>,
    name: String,
    sum: Sha256,
    next: Option<Vec<u8>>,
}

impl Reader {
    /// Begins to read `path`, or standard input if it is `-`.
    pub(crate) fn open(path: &Path) -> Result<(BackupHead, Self), Failure> {
        let shown = path.display().to_string();
        let input: Box<dyn Read> = match path.as_os_str() == "-" {
            true => Box::new(io::stdin().lock()),
            false => {
                let file = File::open(path).map_err(Failure::io(format!("read {shown}")))?;
                Box::new(BufReader::with_capacity(256 << 10, file))
            }
        };
        let mut reader = Self {
            input,
            name: clean(&shown).into_owned(),
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
