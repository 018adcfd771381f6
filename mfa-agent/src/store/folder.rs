//! The folder of the store: its permissions, its lock and its durability.
//!
//! Mode 0700 and the agent's ownership keep others out. A folder that others can enter is refused
//! and not changed, because its content may have been read or replaced already, and the
//! administrator should know.

use std::fs::{DirBuilder, File, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use nix::fcntl::{Flock, FlockArg};
use nix::unistd::geteuid;

use super::StoreError;
use super::fault::Fault;
use crate::durable_file::folder_of;

const GROUP_AND_OTHERS: u32 = 0o077;

/// Makes the folder if it is missing.
pub(super) fn make(path: &Path) -> Result<(), StoreError> {
    let shown = path.display();
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|e| {
            StoreError::new(format!(
                "its folder {shown} can't be created: {e}; create it, owned by the agent's user, \
                 mode 0700"
            ))
        })
}

/// Refuses a folder that others can enter, and a missing one.
pub(super) fn check(path: &Path) -> Result<(), StoreError> {
    let shown = path.display();
    let meta = std::fs::metadata(path)
        .map_err(|e| StoreError::new(format!("its folder {shown} can't be examined: {e}")))?;
    if !meta.is_dir() {
        return Err(StoreError::new(format!("{shown} is not a folder")));
    }
    let me = geteuid().as_raw();
    if meta.uid() != me {
        return Err(StoreError::new(format!(
            "its folder {shown} belongs to user id {}, not to the agent's ({me}); if you trust \
             its content, run: chown -R {me} {shown}",
            meta.uid()
        )));
    }
    if meta.mode() & GROUP_AND_OTHERS != 0 {
        return Err(StoreError::new(format!(
            "its folder {shown} is open to other users (mode {:04o}); if you trust its content, \
             run: chmod 0700 {shown}",
            meta.mode() & 0o7777
        )));
    }
    Ok(())
}

/// Held as long as the store is used: two processes would corrupt each other's files.
pub(super) struct Lock(Flock<File>);

impl Lock {
    /// Whether the folder at `path` is the locked one.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        let identity = |meta: Metadata| (meta.dev(), meta.ino());
        let held = self.0.metadata().map(identity);
        let found = std::fs::metadata(path.join(LOCK)).map(identity);
        matches!((held, found), (Ok(held), Ok(found)) if held == found)
    }
}

const LOCK: &str = "lock";

/// Takes the lock, or fails at once.
pub(super) fn lock(path: &Path) -> Result<Lock, StoreError> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path.join(LOCK))
        .map_err(|e| StoreError::new(format!("{}/lock can't be opened: {e}", path.display())))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Lock(lock)),
        Err((_, nix::errno::Errno::EWOULDBLOCK)) => Err(StoreError::new(format!(
            "another process uses {}; check whether an mfa-agent is already running: systemctl \
             status mfa-agent",
            path.display()
        ))),
        Err((_, e)) => Err(StoreError::new(format!(
            "{}/lock can't be locked: {e}",
            path.display()
        ))),
    }
}

/// Makes the folder's own name durable.
pub(super) fn sync_parent(path: &Path) -> Result<(), Fault> {
    match File::open(folder_of(path)).and_then(|parent| parent.sync_all()) {
        // Then another user made the folder earlier.
        Err(e) if e.kind() == ErrorKind::PermissionDenied => Ok(()),
        done => done.map_err(Fault::of("the folder above can't be synced")),
    }
}

/// Removes a file; a missing one counts as removed.
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
        make(&path).unwrap();
        check(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o700);
    }

    #[test]
    fn a_folder_open_to_others_is_refused_with_the_command_that_fixes_it() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), Permissions::from_mode(0o750)).unwrap();
        let error = check(dir.path()).unwrap_err().to_string();
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
        make(&path).unwrap_err();
        check(&path).unwrap_err();
    }
}
