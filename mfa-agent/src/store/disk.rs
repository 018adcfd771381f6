//! What the store does to its folder, and nothing else.
//!
//! Every file of the store goes through [`Disk`], so that the tests can record each step, replay it up to
//! any point as a power cut would leave it, and let any step fail. One rule keeps a cut harmless: a file
//! gets its final name only once all of it is synced ([`publish`]), and is never written to again, but for
//! the journal's end.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::fault::Fault;

/// What a file is called until it is whole.
pub(super) const UNFINISHED: &str = ".new";

/// A folder of the store.
pub(super) trait Disk: Send + Sync {
    /// The names of all that is in it.
    fn names(&self) -> io::Result<Vec<String>>;

    /// Makes an empty file, in the place of one that may be there.
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file for reading.
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Gives a file another name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file; one that is not there is removed already.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes the names durable.
    fn sync(&self) -> io::Result<()>;
}

/// An open file of the store.
pub(super) trait DiskFile: Send + Sync {
    /// Its size in bytes.
    fn size(&self) -> io::Result<u64>;

    /// Reads what there is, up to the length of `into`.
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize>;

    /// Writes all of `bytes`.
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()>;

    /// Makes content and size durable.
    fn sync(&self) -> io::Result<()>;
}

/// Makes a file with what `write` puts into it, synced before it gets its name. The name itself is durable
/// after [`Disk::sync`]. A failure leaves no file behind, if that can be helped.
pub(super) fn publish<T>(
    disk: &dyn Disk,
    name: &str,
    write: impl FnOnce(&dyn DiskFile) -> Result<T, Fault>,
) -> Result<(Box<dyn DiskFile>, T), Fault> {
    let unfinished = format!("{name}{UNFINISHED}");
    let published = (|| {
        let file = disk
            .create(&unfinished)
            .map_err(Fault::of(format!("{unfinished} can't be made")))?;
        let made = write(&*file)?;
        file.sync()
            .map_err(Fault::of(format!("{unfinished} can't be synced")))?;
        disk.rename(&unfinished, name)
            .map_err(Fault::of(format!("{unfinished} can't be renamed")))?;
        Ok((file, made))
    })();
    if published.is_err() {
        // It keeps nothing from working: the next one of that name replaces it.
        let _ = disk.remove(&unfinished);
    }
    published
}

/// All of a file.
pub(super) fn read_all(file: &dyn DiskFile) -> io::Result<Vec<u8>> {
    let size = usize::try_from(file.size()?).map_err(io::Error::other)?;
    let mut bytes = vec![0; size];
    let mut filled = 0;
    while filled < size {
        match file.read_at(&mut bytes[filled..], filled as u64)? {
            0 => break,
            more => filled += more,
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// A folder of this host.
pub(super) struct HostFolder(PathBuf);

impl HostFolder {
    /// The folder at `path`, which is there.
    pub(super) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }
}

impl Disk for HostFolder {
    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.0)? {
            // What is not UTF-8 is none of ours.
            names.extend(entry?.file_name().into_string().ok());
        }
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.remove(name)?;
        let mut options = File::options();
        options.read(true).write(true).create_new(true).mode(0o600);
        Ok(Box::new(options.open(self.0.join(name))?))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(File::open(self.0.join(name))?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.0.join(from), self.0.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match std::fs::remove_file(self.0.join(name)) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }
}

impl DiskFile for File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        FileExt::read_at(self, into, at)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.write_all_at(bytes, at)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
