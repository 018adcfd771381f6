//! The folder of the store: who may look into it, and that it is there after a power cut.
//!
//! sled creates its files readable for everyone, so the folder is what keeps others out: 0700, and the
//! agent's own. A folder that others can enter is refused rather than mended, because what was in it
//! may have been read or replaced already, and the administrator should know.

use std::fs::{DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use nix::unistd::geteuid;

use super::StoreError;

const GROUP_AND_OTHERS: u32 = 0o077;

/// Makes the folder if it is not there, and refuses one that others can enter.
pub(super) fn prepare(path: &Path) -> Result<(), StoreError> {
    let shown = path.display();
    if let Err(e) = DirBuilder::new().recursive(true).mode(0o700).create(path) {
        return Err(StoreError::new(format!(
            "its folder {shown} can't be made: {e}; make it, owned by the agent's user, mode 0700"
        )));
    }
    let meta = std::fs::metadata(path)
        .map_err(|e| StoreError::new(format!("its folder {shown} can't be examined: {e}")))?;
    let me = geteuid().as_raw();
    if meta.uid() != me {
        return Err(StoreError::new(format!(
            "its folder {shown} belongs to user id {}, not to the agent's ({me}); if you trust its \
             content: chown -R {me} {shown}",
            meta.uid()
        )));
    }
    if meta.mode() & GROUP_AND_OTHERS != 0 {
        return Err(StoreError::new(format!(
            "its folder {shown} is open to other users (mode {:04o}); if you trust its content: \
             chmod 0700 {shown}",
            meta.mode() & 0o7777
        )));
    }
    Ok(())
}

/// Held as long as the store is used: two processes would spoil each other's files.
pub(super) struct Lock(#[allow(dead_code, reason = "its drop is its use")] Flock<File>);

/// Takes the lock, at once or not at all.
pub(super) fn lock(path: &Path) -> Result<Lock, StoreError> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path.join("lock"))
        .map_err(|e| StoreError::new(format!("{}/lock can't be opened: {e}", path.display())))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Lock(lock)),
        Err((_, nix::errno::Errno::EWOULDBLOCK)) => Err(StoreError::new(format!(
            "another process uses {}; is an mfa-agent running already (systemctl status mfa-agent)?",
            path.display()
        ))),
        Err((_, e)) => Err(StoreError::new(format!(
            "{}/lock can't be locked: {e}",
            path.display()
        ))),
    }
}

/// Makes the entries of a folder durable: a new file is lost in a power cut without.
pub(super) fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// The folder that holds `path`.
pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The files in `path` whose names `wanted` takes.
pub(super) fn files(path: &Path, wanted: impl Fn(&str) -> bool) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(&wanted) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Removes a file; one that is not there is removed already.
pub(super) fn remove(file: &Path) -> io::Result<()> {
    match std::fs::remove_file(file) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_new_folder_is_closed_to_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        prepare(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o700);
    }

    #[test]
    fn a_folder_open_to_others_is_refused_with_the_command_that_mends_it() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), Permissions::from_mode(0o750)).unwrap();
        let error = prepare(dir.path()).unwrap_err().to_string();
        assert!(
            error.contains(&format!("chmod 0700 {}", dir.path().display())),
            "{error}"
        );
    }

    #[test]
    fn a_file_in_its_place_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "").unwrap();
        prepare(&path).unwrap_err();
    }
}
