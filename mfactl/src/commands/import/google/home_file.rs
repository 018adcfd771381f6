//! Reads a file in a folder that a user can write to.
//!
//! The user must not make an administrator read another user's file, or wait. So no symbolic link below the home is
//! followed. The file must be a regular file of at most 64 KiB that belongs to the user or to root, and that others
//! can't write; a file of root's must have no second name, because the user could have added it. It is opened without
//! waiting for a FIFO.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path};

use mfa_import::google::MAX_FILE;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use nix::unistd::Uid;
use zeroize::Zeroizing;

use crate::commands::opener::{self, FOLDER};

/// Where a file is.
pub(super) struct Place<'a> {
    /// The user's home. The administrator controls the path to it.
    pub(super) base: &'a Path,
    /// The file. Outside of the home, links of root's are followed.
    pub(super) path: &'a Path,
    /// Its possible owners, besides root.
    pub(super) owners: Vec<Uid>,
}

/// What a file holds.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) bytes: Zeroizing<Vec<u8>>,
    /// A note about the file itself.
    pub(super) note: Option<String>,
}

/// Why there is no content.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// There is no file, or no home.
    Missing,
    /// The file is not read; why, and what to do.
    Other(String),
}

/// Reads the file.
pub(super) fn read(place: &Place<'_>) -> Result<Content, Unusable> {
    let file = File::from(open_in(place).map_err(|e| unopened(place.path, e))?);
    let shown = place.path.display();
    let about = file
        .metadata()
        .map_err(|e| Unusable::Other(format!("can't look at {shown}: {e}")))?;
    check(&about, &place.owners).map_err(|what| Unusable::Other(format!("{shown} {what}")))?;
    let mut content = content(file)?;
    content.note = others(&about);
    Ok(content)
}

/// What an open file holds.
pub(super) fn content(file: File) -> Result<Content, Unusable> {
    // Never grows, so no copy is left behind unwiped.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_FILE + 1));
    let most = u64::try_from(MAX_FILE).unwrap_or(u64::MAX) + 1;
    file.take(most)
        .read_to_end(&mut bytes)
        .map_err(|e| Unusable::Other(format!("can't read the file: {e}")))?;
    Ok(Content { bytes, note: None })
}

const FILE: OFlag = OFlag::O_RDONLY
    .union(OFlag::O_NOFOLLOW)
    .union(OFlag::O_NONBLOCK)
    .union(OFlag::O_NOCTTY)
    .union(OFlag::O_CLOEXEC);

fn open_in(place: &Place<'_>) -> Result<OwnedFd, Errno> {
    let below = place.path.strip_prefix(place.base);
    let (Ok(below), false) = (below, place.base == Path::new("/")) else {
        return opener::plain(place.path, FILE);
    };
    let name = below.file_name().ok_or(Errno::EISDIR)?;
    let mut folder = opener::folder(place.base)?;
    for part in below.parent().into_iter().flat_map(Path::components) {
        let Component::Normal(part) = part else {
            return Err(Errno::EINVAL);
        };
        let flags = FOLDER | OFlag::O_NOFOLLOW;
        folder = openat(&folder, part, flags, Mode::empty()).map_err(|e| match e {
            // The error for a symbolic link instead of a folder.
            Errno::ENOTDIR => Errno::ELOOP,
            other => other,
        })?;
    }
    openat(&folder, name, FILE, Mode::empty())
}

fn unopened(path: &Path, error: Errno) -> Unusable {
    let path = path.display();
    match error {
        Errno::ENOENT | Errno::ENOTDIR => Unusable::Missing,
        Errno::ELOOP => Unusable::Other(format!(
            "{path} is a symbolic link or behind one that a user could have created. If it is right, name the user \
             and pass the file on standard input"
        )),
        // A socket, or a FIFO or device without a server.
        Errno::ENXIO => Unusable::Other(format!("{path} is not a regular file")),
        error => Unusable::Other(format!("can't open {path}: {}", io::Error::from(error))),
    }
}

fn check(about: &Metadata, owners: &[Uid]) -> Result<(), String> {
    if !about.is_file() {
        return Err("is not a regular file".to_owned());
    }
    let owner = Uid::from_raw(about.uid());
    if !owner.is_root() && !owners.contains(&owner) {
        return Err(format!(
            "belongs to user id {owner}, not to the user or root. If it is right, name the user and pass \
             the file on standard input"
        ));
    }
    if owner.is_root() && about.nlink() > 1 {
        return Err("belongs to root and has a second name (hard link), so it may be another file of root's".to_owned());
    }
    let mode = about.mode() & 0o777;
    if mode & 0o022 != 0 {
        return Err(format!(
            "is writable by others (mode {mode:o}), so the key may not be the user's. If it is right, run \
             chmod go-w, or name the user and pass the file on standard input"
        ));
    }
    if about.len() > u64::try_from(MAX_FILE).unwrap_or(u64::MAX) {
        return Err(format!("is larger than {MAX_FILE} bytes"));
    }
    Ok(())
}

/// A note if others may read it. The module refuses such a file by default.
fn others(about: &Metadata) -> Option<String> {
    let mode = about.mode() & 0o777;
    (mode & 0o077 != 0).then(|| {
        format!("others can read the key in the file (mode {mode:o}); better enrol a new key")
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

    use super::*;

    fn read_in(home: &Path, path: &str) -> Result<Content, Unusable> {
        read(&Place {
            base: home,
            path: &home.join(path),
            owners: vec![Uid::effective()],
        })
    }

    fn reason(home: &Path, path: &str) -> String {
        match read_in(home, path) {
            Err(Unusable::Other(reason)) => reason,
            other => panic!("{other:?}"),
        }
    }

    fn home() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        write(&home.path().join("key"), 0o600);
        home
    }

    fn write(path: &Path, mode: u32) {
        fs::write(path, "KEY").unwrap();
        fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_file_that_others_may_write_is_not_read() {
        let home = home();
        for mode in [0o620, 0o602, 0o660, 0o666, 0o777] {
            write(&home.path().join("key"), mode);
            let reason = reason(home.path(), "key");
            assert!(
                reason.contains(&format!("writable by others (mode {mode:o})")),
                "{reason}"
            );
        }
        write(&home.path().join("key"), 0o644);
        assert!(read_in(home.path(), "key").unwrap().note.is_some());
    }

    #[test]
    fn a_plain_file_is_read_also_in_a_folder() {
        let home = home();
        fs::create_dir(home.path().join("folder")).unwrap();
        write(&home.path().join("folder/key"), 0o644);
        let content = read_in(home.path(), "key").unwrap();
        assert_eq!(content.bytes.as_slice(), b"KEY");
        assert!(content.note.is_none());
        let content = read_in(home.path(), "folder/key").unwrap();
        assert_eq!(content.bytes.as_slice(), b"KEY");
        assert!(content.note.unwrap().contains("new key"));
    }

    #[test]
    fn nothing_there_is_no_complaint() {
        let home = home();
        for path in ["none", "none/key"] {
            assert_eq!(read_in(home.path(), path).unwrap_err(), Unusable::Missing);
        }
        let gone = home.path().join("gone");
        assert_eq!(read_in(&gone, "key").unwrap_err(), Unusable::Missing);
    }

    #[test]
    fn no_link_is_followed_to_a_file_or_through_a_folder() {
        let (home, other) = (home(), self::home());
        symlink(other.path().join("key"), home.path().join("link")).unwrap();
        symlink(other.path(), home.path().join("folder")).unwrap();
        assert!(reason(home.path(), "link").contains("symbolic link"));
        assert!(reason(home.path(), "folder/key").contains("behind one"));
        assert!(read_in(home.path(), "x/../key").is_err());
    }

    #[test]
    fn a_fifo_a_folder_and_a_device_are_not_waited_for() {
        let home = home();
        mkfifo(&home.path().join("fifo"), Mode::S_IRWXU).unwrap();
        fs::create_dir(home.path().join("folder")).unwrap();
        for path in ["fifo", "folder"] {
            assert!(reason(home.path(), path).contains("not a regular file"));
        }
        let device = Place {
            base: home.path(),
            path: Path::new("/dev/zero"),
            owners: Vec::new(),
        };
        assert!(matches!(read(&device), Err(Unusable::Other(_))));
    }

    #[test]
    fn a_file_too_large_is_not_read() {
        let home = home();
        fs::write(home.path().join("key"), vec![b'A'; MAX_FILE + 1]).unwrap();
        assert!(reason(home.path(), "key").contains("larger"));
    }

    #[test]
    fn a_file_of_somebody_else_is_not_read() {
        let home = home();
        let about = fs::metadata(home.path().join("key")).unwrap();
        let stranger = Uid::from_raw(Uid::effective().as_raw() + 1);
        if !Uid::effective().is_root() {
            assert!(
                check(&about, &[stranger])
                    .unwrap_err()
                    .contains("belongs to")
            );
            return;
        }
        std::os::unix::fs::chown(home.path().join("key"), Some(4_000_001), None).unwrap();
        let about = fs::metadata(home.path().join("key")).unwrap();
        assert!(
            check(&about, &[stranger])
                .unwrap_err()
                .contains("belongs to")
        );
        assert!(check(&about, &[Uid::from_raw(4_000_001)]).is_ok());
        // Root's own, with a second name that a user may have given it.
        write(&home.path().join("root"), 0o600);
        fs::hard_link(home.path().join("root"), home.path().join("second")).unwrap();
        let about = fs::metadata(home.path().join("second")).unwrap();
        assert!(
            check(&about, &[stranger])
                .unwrap_err()
                .contains("second name")
        );
    }
}
