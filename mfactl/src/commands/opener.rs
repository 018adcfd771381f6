//! Opens a file whose path may lead through folders that users can write to.
//!
//! Imports, backups and restores run as root, and a user must not make them read another user's file or write beside
//! their own folder. So every folder is opened from its parent, and a symbolic link is followed only if only root or the user of this process can have put it there: the link
//! and its folder belong to them, and no other user can write to the folder.

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat, readlinkat};
use nix::libc::{S_IFLNK, S_IFMT};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use nix::unistd::Uid;

use crate::failure::Failure;

/// A folder, to open others from.
pub(in crate::commands) const FOLDER: OFlag = OFlag::O_PATH
    .union(OFlag::O_DIRECTORY)
    .union(OFlag::O_CLOEXEC);

const GROUP_WRITES: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// The kernel's limit.
const MAX_LINKS: u32 = 40;

/// Opens a file to be read, or one of the descriptors of this process (`/dev/stdin`, `<(…)` of a shell).
///
/// # Errors
///
/// [`Errno::ELOOP`] behind a link that a user may have put there, [`Errno::ENOTSUP`] for a file that is not regular: a pipe
/// could make the caller wait forever.
pub(in crate::commands) fn file(path: &Path) -> Result<File, Errno> {
    let whole = absolute(path)?;
    if is_descriptor(&whole) {
        return Ok(open(&whole, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?.into());
    }
    let flags = OFlag::O_RDONLY | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let file = walk(&whole, flags, true)?;
    let kind = SFlag::from_bits_truncate(fstat(file.as_fd())?.st_mode) & SFlag::S_IFMT;
    match kind == SFlag::S_IFREG {
        true => Ok(file.into()),
        false => Err(Errno::ENOTSUP),
    }
}

/// As [`file()`], with what to do about a file that is not read.
pub(in crate::commands) fn named(path: &Path) -> Result<File, Failure> {
    let shown = path.display();
    file(path).map_err(|error| match error {
        Errno::ELOOP => Failure::Rejected(format!(
            "{shown} is behind a symbolic link that a user could have created. Name the file itself, or pass it on \
             standard input (-)"
        )),
        Errno::ENOTSUP => Failure::Rejected(format!(
            "{shown} is not a regular file. Name a regular file, or pass the content on standard input (-)"
        )),
        Errno::ENOENT => {
            let next = "Check its name".to_owned();
            Failure::file(format!("open {shown}"), &error.into(), next)
        }
        error => Failure::io(format!("open {shown}"))(error.into()),
    })
}

/// Opens `path` with `flags`; a link at its end is not followed.
pub(in crate::commands) fn plain(path: &Path, flags: OFlag) -> Result<OwnedFd, Errno> {
    walk(&absolute(path)?, flags, false)
}

/// Opens a folder, to open others from.
pub(in crate::commands) fn folder(path: &Path) -> Result<OwnedFd, Errno> {
    walk(&absolute(path)?, FOLDER, true)
}

fn absolute(path: &Path) -> Result<std::path::PathBuf, Errno> {
    std::path::absolute(path).map_err(|_| Errno::ENOENT)
}

fn is_descriptor(path: &Path) -> bool {
    path == Path::new("/dev/stdin")
        || ["/dev/fd", "/proc/self/fd"]
            .iter()
            .any(|folder| path.parent() == Some(Path::new(folder)))
}

fn walk(path: &Path, last: OFlag, follows_last: bool) -> Result<OwnedFd, Errno> {
    let root = || open("/", FOLDER, Mode::empty());
    let mut folder = root()?;
    let mut rest = steps(path);
    let mut links = 0;
    while let Some(step) = rest.pop() {
        let step = step.as_os_str();
        if step == ".." {
            folder = openat(&folder, step, FOLDER, Mode::empty())?;
            continue;
        }
        let about = fstatat(&folder, step, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        if !is_link(&about) {
            let flags = if rest.is_empty() { last } else { FOLDER };
            folder = openat(&folder, step, flags | OFlag::O_NOFOLLOW, Mode::empty())?;
            if rest.is_empty() {
                return Ok(folder);
            }
            continue;
        }
        links += 1;
        let is_wanted = follows_last || !rest.is_empty();
        if !is_wanted || links > MAX_LINKS || !is_trusted(&fstat(folder.as_fd())?, &about) {
            return Err(Errno::ELOOP);
        }
        let target = readlinkat(&folder, step)?;
        let target = Path::new(&target);
        if target.is_absolute() {
            folder = root()?;
        }
        rest.extend(steps(target));
    }
    // It ends in `..`, or is the root.
    match last == FOLDER {
        true => Ok(folder),
        false => Err(Errno::EISDIR),
    }
}

/// The names in a path, the last first.
fn steps(path: &Path) -> Vec<OsString> {
    let name = |component: Component<'_>| match component {
        Component::Normal(_) | Component::ParentDir => Some(component.as_os_str().to_owned()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().rev().filter_map(name).collect()
}

fn is_link(about: &FileStat) -> bool {
    about.st_mode & S_IFMT == S_IFLNK
}

/// Whether only root or this process's user can have put the link there.
fn is_trusted(folder: &FileStat, link: &FileStat) -> bool {
    let me = Uid::effective().as_raw();
    let is_ours = |about: &FileStat| about.st_uid == 0 || about.st_uid == me;
    let mode = folder.st_mode;
    let group_writes = mode & GROUP_WRITES != 0 && folder.st_gid != 0;
    let others_write = (group_writes || mode & OTHERS_WRITE != 0) && mode & STICKY == 0;
    is_ours(folder) && is_ours(link) && !others_write
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::io::Read;
    use std::os::unix::fs::{PermissionsExt, lchown, symlink};

    use super::*;

    fn text(path: &Path) -> Result<String, Errno> {
        let mut text = String::new();
        file(path)?.read_to_string(&mut text).unwrap();
        Ok(text)
    }

    #[test]
    fn a_pipe_is_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, Mode::S_IRWXU).unwrap();
        assert_eq!(text(&pipe), Err(Errno::ENOTSUP));
        assert_eq!(text(Path::new("/dev/zero")), Err(Errno::ENOTSUP));
    }

    /// A folder of ours with a file and links to it.
    fn scene() -> tempfile::TempDir {
        let scene = tempfile::tempdir().unwrap();
        let at = |name: &str| scene.path().join(name);
        fs::create_dir(at("folder")).unwrap();
        fs::write(at("folder/file"), "content").unwrap();
        symlink("folder", at("relative")).unwrap();
        symlink(at("folder"), at("absolute")).unwrap();
        symlink("../relative/file", at("folder/link")).unwrap();
        scene
    }

    const PATHS: [&str; 3] = ["relative/file", "absolute/file", "folder/link"];

    #[test]
    fn links_of_our_own_are_followed() {
        let scene = scene();
        for path in ["folder/file", "folder/../folder/file"]
            .iter()
            .chain(&PATHS)
        {
            assert_eq!(text(&scene.path().join(path)).unwrap(), "content", "{path}");
        }
        assert_eq!(text(&scene.path().join("none")), Err(Errno::ENOENT));
        folder(Path::new("/")).unwrap();
        assert_eq!(
            plain(&scene.path().join("folder/link"), OFlag::O_RDONLY).err(),
            Some(Errno::ELOOP)
        );
    }

    #[test]
    fn a_link_that_a_user_may_have_put_there_is_not() {
        let scene = scene();
        for folder in ["", "folder"] {
            fs::set_permissions(scene.path().join(folder), Permissions::from_mode(0o757)).unwrap();
        }
        for path in PATHS {
            assert_eq!(text(&scene.path().join(path)), Err(Errno::ELOOP), "{path}");
        }
        assert_eq!(text(&scene.path().join("folder/file")).unwrap(), "content");
        if !Uid::effective().is_root() {
            return;
        }
        let scene = self::scene();
        for path in ["relative", "absolute", "folder/link"] {
            lchown(scene.path().join(path), Some(4_000_001), None).unwrap();
        }
        for path in PATHS {
            assert_eq!(text(&scene.path().join(path)), Err(Errno::ELOOP), "{path}");
        }
    }

    #[test]
    fn a_circle_of_links_ends() {
        let scene = scene();
        symlink("b", scene.path().join("a")).unwrap();
        symlink("a", scene.path().join("b")).unwrap();
        assert_eq!(text(&scene.path().join("a")), Err(Errno::ELOOP));
    }

    #[test]
    fn a_descriptor_of_this_process_is_a_file_too() {
        use std::os::fd::AsRawFd;
        let scene = scene();
        let open = File::open(scene.path().join("folder/file")).unwrap();
        let path = format!("/dev/fd/{}", open.as_raw_fd());
        assert_eq!(text(Path::new(&path)).unwrap(), "content");
    }
}
