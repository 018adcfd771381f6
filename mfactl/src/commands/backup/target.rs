//! Where a backup is written: standard output, or a file that takes its name once it is complete.
//!
//! Root may write into a folder of another user. So no link of theirs is followed, only a regular file is replaced, and
//! the draft has a name that nobody can predict. Two backups to one file don't see each other's draft.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, Flock, FlockArg, OFlag, openat, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use nix::unistd::{Uid, UnlinkatFlags, unlinkat};

use crate::commands::opener;
use crate::failure::Failure;

/// How much is written at a time.
const BUFFER: usize = 256 << 10;

/// The random bytes in the name of a draft.
const RANDOM: usize = 8;
const SUFFIX: &str = ".new";

/// Another backup can remove a draft only before it is locked.
const TRIES: u32 = 5;

/// Where a backup goes.
pub(crate) struct Target {
    out: Box<dyn Write>,
    name: String,
    end: End,
}

/// What makes it durable.
enum End {
    Stdout(File),
    File(Draft),
}

impl Target {
    pub(crate) fn stdout() -> Result<Self, Failure> {
        let what = || Failure::io("write to standard output");
        let out = io::stdout().as_fd().try_clone_to_owned();
        let file = File::from(out.map_err(what())?);
        let about = fstat(&file).map_err(|e| what()(e.into()))?;
        let null = fstatat(nix::fcntl::AT_FDCWD, "/dev/null", AtFlags::empty());
        if kind(&about) == SFlag::S_IFCHR && null.is_ok_and(|null| null.st_rdev == about.st_rdev) {
            return Err(Failure::Usage(
                "standard output goes to /dev/null, so there would be no backup; redirect it to a file".to_owned(),
            ));
        }
        Ok(Self {
            out: Box::new(io::stdout().lock()),
            name: "the backup to standard output".to_owned(),
            end: End::Stdout(file),
        })
    }

    pub(crate) fn file(to: &Path) -> Result<Self, Failure> {
        let draft = Draft::of(to)?;
        let out = draft.file.try_clone();
        let out = out.map_err(Failure::io(format!("write {}", to.display())))?;
        Ok(Self {
            out: Box::new(BufWriter::with_capacity(BUFFER, out)),
            name: to.display().to_string(),
            end: End::File(draft),
        })
    }

    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = self.out.write_all(bytes);
        written.map_err(|reason| self.failed(reason))
    }

    /// Makes it durable under its name.
    pub(super) fn keep(mut self) -> Result<(), Failure> {
        let kept = self.out.flush().and_then(|()| match &mut self.end {
            End::Stdout(file) => match file.metadata()?.is_file() {
                true => file.sync_all(),
                false => Ok(()),
            },
            End::File(draft) => draft.keep(),
        });
        kept.map_err(|reason| self.failed(reason))
    }

    fn failed(&self, reason: io::Error) -> Failure {
        let next = match &self.end {
            End::Stdout(_) => "Free room where it is stored, and repeat the command".to_owned(),
            End::File(draft) => draft.advice(),
        };
        Failure::file(format!("write {}", self.name), &reason, next)
    }
}

/// A file that is complete later. It is locked meanwhile, so that no other backup takes it for one left behind.
struct Draft {
    file: File,
    /// None on a disk without locks, where no draft is removed either.
    _lock: Option<Flock<File>>,
    folder: OwnedFd,
    name: OsString,
    to: OsString,
    shown: PathBuf,
    is_done: bool,
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_done && self.is_there() {
            let _ = unlinkat(
                &self.folder,
                self.name.as_os_str(),
                UnlinkatFlags::NoRemoveDir,
            );
        }
    }
}

impl Draft {
    fn of(to: &Path) -> Result<Self, Failure> {
        let shown = to.display();
        let Some(name) = to.file_name() else {
            return Err(Failure::Usage(format!(
                "{shown} is a folder; name a file in it"
            )));
        };
        let folder = folder(to)?;
        check(&folder, name, to)?;
        sweep(&folder, name);
        let what = format!("write {shown}");
        for _ in 0..TRIES {
            let draft = draft_name(name).map_err(Failure::io(&what))?;
            let made = made(&folder, &draft).map_err(|reason| {
                let next = "Name a file in a folder that you can write to".to_owned();
                Failure::file(what.clone(), &reason, next)
            });
            if let Some((file, lock)) = made? {
                return Ok(Self {
                    file,
                    _lock: lock,
                    folder,
                    name: draft,
                    to: name.to_owned(),
                    shown: to.to_owned(),
                    is_done: false,
                });
            }
        }
        Err(Failure::Rejected(format!(
            "can't write {shown}: another process removes the files of this one; name a file in another folder"
        )))
    }

    /// Whether the name still is that of the file that was written.
    fn is_there(&self) -> bool {
        is_named(&self.folder, &self.name, &self.file)
    }

    fn keep(&mut self) -> io::Result<()> {
        self.file.sync_all()?;
        if !self.is_there() {
            return Err(io::Error::other(
                "another process removed or replaced the file while it was written",
            ));
        }
        let (draft, to) = (self.name.as_os_str(), self.to.as_os_str());
        renameat(&self.folder, draft, &self.folder, to)?;
        self.is_done = true;
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        File::from(openat(&self.folder, ".", flags, Mode::empty())?).sync_all()
    }

    fn advice(&self) -> String {
        let older = match fstatat(
            &self.folder,
            self.to.as_os_str(),
            AtFlags::AT_SYMLINK_NOFOLLOW,
        ) {
            Ok(_) if !self.is_done => format!("The older {} is unchanged. ", self.shown.display()),
            _ => String::new(),
        };
        format!("{older}Free room there or name a file elsewhere, and repeat the command")
    }
}

/// The folder of a file, behind no link of a user.
fn folder(to: &Path) -> Result<OwnedFd, Failure> {
    let folder = to.parent().filter(|it| !it.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let shown = folder.display();
    let opened = opener::folder(folder).map_err(|error| match error {
        Errno::ELOOP => Failure::Rejected(format!(
            "{shown} is behind a symbolic link that a user could have created. Name the folder itself"
        )),
        Errno::ENOENT => Failure::Rejected(format!(
            "can't write {}: there is no folder {shown}. Make it: mkdir -m 0700 {shown}",
            to.display()
        )),
        error => Failure::io(format!("open the folder {shown}"))(error.into()),
    })?;
    let about = fstat(&opened).map_err(|e| Failure::io(format!("read {shown}"))(e.into()))?;
    let everyone = Mode::S_IWOTH.bits();
    let sticky = Mode::S_ISVTX.bits();
    if about.st_mode & (everyone | sticky) == everyone {
        return Err(Failure::Rejected(format!(
            "every user can write to the folder {shown}, and could replace the backup. Name another folder, or: \
             chmod o-w {shown}"
        )));
    }
    Ok(opened)
}

/// A link is not followed, and a device or a pipe is neither written to nor replaced.
fn check(folder: &OwnedFd, name: &OsStr, to: &Path) -> Result<(), Failure> {
    let shown = to.display();
    let about = match fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Err(Errno::ENOENT) => return Ok(()),
        about => about.map_err(|e| Failure::io(format!("write {shown}"))(e.into()))?,
    };
    let kind = kind(&about);
    if kind == SFlag::S_IFREG {
        return Ok(());
    }
    Err(Failure::Rejected(match kind {
        SFlag::S_IFLNK => {
            format!(
                "{shown} is a symbolic link, and a backup follows none. Name the file itself; - is standard output"
            )
        }
        SFlag::S_IFDIR => format!("{shown} is a folder. Name a file in it"),
        _ => format!(
            "{shown} is not a regular file. Name a file, or send the backup to standard output: mfactl backup - | …"
        ),
    }))
}

fn kind(about: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(about.st_mode) & SFlag::S_IFMT
}

/// `.NAME.0123456789abcdef.new`
fn draft_name(name: &OsStr) -> io::Result<OsString> {
    let mut random = [0; RANDOM];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let mut draft = OsString::from(".");
    draft.push(name);
    draft.push(".");
    draft.push(HEXLOWER.encode(&random));
    draft.push(SUFFIX);
    Ok(draft)
}

fn is_draft_of(name: &OsStr, draft: &OsStr) -> bool {
    let random = draft
        .as_bytes()
        .strip_prefix(b".")
        .and_then(|rest| rest.strip_prefix(name.as_bytes()))
        .and_then(|rest| rest.strip_prefix(b"."))
        .and_then(|rest| rest.strip_suffix(SUFFIX.as_bytes()));
    random.is_some_and(|random| random.len() == 2 * RANDOM && HEXLOWER.decode(random).is_ok())
}

/// A new file and its lock; none if another backup has removed it before it was locked.
fn made(folder: &OwnedFd, draft: &OsStr) -> io::Result<Option<(File, Option<Flock<File>>)>> {
    let flags =
        OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let file = File::from(openat(folder, draft, flags, Mode::S_IRUSR | Mode::S_IWUSR)?);
    let lock = match Flock::lock(file.try_clone()?, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Some(lock),
        Err((_, Errno::EWOULDBLOCK)) => return Ok(None),
        Err(_) => None,
    };
    Ok(is_named(folder, draft, &file).then_some((file, lock)))
}

fn is_named(folder: &OwnedFd, name: &OsStr, file: &File) -> bool {
    let (Ok(named), Ok(file)) = (
        fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW),
        fstat(file),
    ) else {
        return false;
    };
    (named.st_dev, named.st_ino) == (file.st_dev, file.st_ino)
}

/// Removes drafts of this file that a stopped backup has left behind.
fn sweep(folder: &OwnedFd, name: &OsStr) {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let Ok(mut entries) = Dir::openat(folder, ".", flags, Mode::empty()) else {
        return;
    };
    let names = entries.iter().flatten();
    let names = names.map(|entry| OsStr::from_bytes(entry.file_name().to_bytes()).to_owned());
    let drafts: Vec<OsString> = names.filter(|draft| is_draft_of(name, draft)).collect();
    for draft in drafts {
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let Ok(file) = openat(folder, draft.as_os_str(), flags, Mode::empty()) else {
            continue;
        };
        let is_ours = fstat(&file).is_ok_and(|about| {
            kind(&about) == SFlag::S_IFREG && about.st_uid == Uid::effective().as_raw()
        });
        if !is_ours {
            continue;
        }
        // The lock holds until the name is gone.
        if let Ok(_lock) = Flock::lock(File::from(file), FlockArg::LockExclusiveNonblock) {
            let _ = unlinkat(folder, draft.as_os_str(), UnlinkatFlags::NoRemoveDir);
        }
    }
}

#[cfg(test)]
mod tests;
