//! All access of the store to its folder.
//!
//! Every file goes through [`Disk`], so that tests can record each step, replay it up to any point
//! like a power cut, and make any step fail. One rule makes a cut harmless: a file gets its final
//! name only after all of it is synced ([`Files::publish`]), and is never changed again, except at
//! the journal's end.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, renameat};
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::fault::Fault;
use crate::log;

/// Suffix of a file that is not complete.
pub(super) const UNFINISHED: &str = ".new";

/// A folder of the store.
pub(super) trait Disk: Send + Sync {
    /// The names of all files in it.
    fn names(&self) -> io::Result<Vec<String>>;

    /// Makes an empty file, replacing an existing one.
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file for reading.
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Gives a file another name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file; a missing one counts as removed.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes the names durable.
    fn sync(&self) -> io::Result<()>;

    /// A path to this very folder, even if it is renamed, for code that opens files by path. It is
    /// valid as long as this disk.
    fn lasting_path(&self) -> Option<PathBuf> {
        None
    }
}

/// An open file of the store.
pub(super) trait DiskFile: Send + Sync {
    /// Its size in bytes.
    fn size(&self) -> io::Result<u64>;

    /// Reads up to the length of `into`.
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize>;

    /// Writes all of `bytes`.
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()>;

    /// Makes content and size durable.
    fn sync(&self) -> io::Result<()>;
}

/// The files of a store.
pub(super) struct Files {
    disk: Arc<dyn Disk>,
    /// Held while a name is made durable: if that fails, the kernel forgets all pending names, and
    /// no later sync would write them.
    naming: Mutex<()>,
}

impl Files {
    /// The files on `disk`.
    pub(super) fn new(disk: Arc<dyn Disk>) -> Self {
        let naming = Mutex::new(());
        Self { disk, naming }
    }

    /// Makes a file with the content that `write` writes. It gets its name after it is synced, and
    /// the name is durable on return. A failure leaves no file behind, if possible.
    pub(super) fn publish<T>(
        &self,
        name: &str,
        write: impl FnOnce(&dyn DiskFile) -> Result<T, Fault>,
    ) -> Result<(Box<dyn DiskFile>, T), Fault> {
        let unfinished = format!("{name}{UNFINISHED}");
        let published = self.draft(&unfinished, write).and_then(|made| {
            self.name(&unfinished, name)?;
            Ok(made)
        });
        if published.is_err() {
            // It does no harm: the next file of that name replaces it.
            let _ = self.disk.remove(&unfinished);
        }
        published
    }

    fn draft<T>(
        &self,
        name: &str,
        write: impl FnOnce(&dyn DiskFile) -> Result<T, Fault>,
    ) -> Result<(Box<dyn DiskFile>, T), Fault> {
        let file = self
            .disk
            .create(name)
            .map_err(Fault::of(format_args!("{name} can't be created")))?;
        let made = write(&*file)?;
        file.sync()
            .map_err(Fault::of(format_args!("{name} can't be synced")))?;
        Ok((file, made))
    }

    fn name(&self, unfinished: &str, name: &str) -> Result<(), Fault> {
        let _naming = self.naming.lock().unwrap_or_else(PoisonError::into_inner);
        self.disk
            .rename(unfinished, name)
            .map_err(Fault::of(format_args!("{unfinished} can't be renamed")))?;
        self.disk.sync().map_err(|e| {
            let _ = self.disk.remove(name);
            Fault::of("the folder of the store can't be synced")(e)
        })
    }

    /// A path to the folder that survives a rename, see [`Disk::lasting_path`].
    pub(super) fn lasting_path(&self) -> Option<PathBuf> {
        self.disk.lasting_path()
    }

    /// Makes removals durable.
    pub(super) fn sync(&self) -> Result<(), Fault> {
        let _naming = self.naming.lock().unwrap_or_else(PoisonError::into_inner);
        self.disk
            .sync()
            .map_err(Fault::of("the folder of the store can't be synced"))
    }

    /// The names of all files.
    pub(super) fn names(&self) -> Result<Vec<String>, Fault> {
        self.disk
            .names()
            .map_err(Fault::of("the folder of the store can't be listed"))
    }

    /// Opens a file for reading.
    pub(super) fn open(&self, name: &str) -> Result<Box<dyn DiskFile>, Fault> {
        self.disk
            .open(name)
            .map_err(Fault::of(format_args!("{name} can't be opened")))
    }

    /// The whole content of a file.
    pub(super) fn read(&self, name: &str) -> Result<Vec<u8>, Fault> {
        read_all(&*self.open(name)?).map_err(Fault::of(format_args!("{name} can't be read")))
    }

    /// Removes a file that is no longer needed. If that fails it only wastes space, and the next
    /// opening tries again.
    pub(super) fn remove_needless(&self, name: &str) {
        if let Err(e) = self.disk.remove(name) {
            log::limited(
                "store files",
                format_args!("{name} in the store can't be removed: {e}"),
            );
        }
    }

    /// Removes a file.
    pub(super) fn remove(&self, name: &str) -> Result<(), Fault> {
        self.disk
            .remove(name)
            .map_err(Fault::of(format_args!("{name} can't be removed")))
    }
}

fn read_all(file: &dyn DiskFile) -> io::Result<Vec<u8>> {
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

/// A folder of this host. It stays the same, even if its path later leads to another.
pub(super) struct HostFolder(File);

impl HostFolder {
    /// The folder that is at `path` now.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let folder = File::options()
            .read(true)
            .custom_flags(nix::libc::O_DIRECTORY)
            .open(path)?;
        Ok(Self(folder))
    }

    fn file(&self, name: &str, flags: OFlag) -> io::Result<File> {
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        Ok(openat(&self.0, name, flags | OFlag::O_CLOEXEC, mode)?.into())
    }
}

impl Disk for HostFolder {
    fn names(&self) -> io::Result<Vec<String>> {
        let folder = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let mut names = Vec::new();
        for entry in Dir::openat(&self.0, ".", folder, Mode::empty())? {
            // Our names are UTF-8.
            let name = entry?.file_name().to_str().ok().map(str::to_owned);
            names.extend(name.filter(|name| name != "." && name != ".."));
        }
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.remove(name)?;
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL;
        Ok(Box::new(self.file(name, flags)?))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(self.file(name, OFlag::O_RDONLY)?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(renameat(&self.0, from, &self.0, to)?)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match unlinkat(&self.0, name, UnlinkatFlags::NoRemoveDir) {
            Err(Errno::ENOENT) => Ok(()),
            done => Ok(done?),
        }
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_all()
    }

    fn lasting_path(&self) -> Option<PathBuf> {
        let path = PathBuf::from(format!("/proc/self/fd/{}", self.0.as_raw_fd()));
        path.is_dir().then_some(path)
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
