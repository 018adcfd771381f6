//! The socket: from systemd, or made here.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Anyone may connect; the kernel tells who they are.
const MODE: u32 = 0o666;

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub(super) enum SocketError {
    /// systemd passed something else.
    #[error("what systemd passed is not one listening Unix socket ({0}); see mfa-agent.socket")]
    Passed(io::Error),
    /// Another agent is there.
    #[error("an agent serves at {0} already; stop it, or set another [server] socket")]
    InUse(PathBuf),
    /// There is something else.
    #[error("{0} is there and is no socket of an agent; remove it, or set another [server] socket")]
    Occupied(PathBuf),
    /// It can't be made.
    #[error("can't listen at {path}: {reason}; is its folder there and writable for the agent?")]
    Failed {
        /// Where.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
}

/// A socket that was made here: its file goes with it.
pub(super) struct SocketFile {
    path: PathBuf,
    inode: u64,
}

/// The listening socket, and its file if it was made here.
pub(super) fn open(path: &Path) -> Result<(UnixListener, Option<SocketFile>), SocketError> {
    let passed = listenfd::ListenFd::from_env().take_unix_listener(0);
    if let Some(listener) = passed.map_err(SocketError::Passed)? {
        listener
            .set_nonblocking(false)
            .map_err(SocketError::Passed)?;
        return Ok((listener, None));
    }
    let failed = |reason| SocketError::Failed {
        path: path.to_owned(),
        reason,
    };
    clear_way(path)?;
    let listener = UnixListener::bind(path).map_err(failed)?;
    fs::set_permissions(path, Permissions::from_mode(MODE)).map_err(failed)?;
    let inode = fs::symlink_metadata(path).map_err(failed)?.ino();
    Ok((
        listener,
        Some(SocketFile {
            path: path.to_owned(),
            inode,
        }),
    ))
}

/// Makes the folder if it is missing, and removes the socket of an agent that was killed.
fn clear_way(path: &Path) -> Result<(), SocketError> {
    let failed = |reason| SocketError::Failed {
        path: path.to_owned(),
        reason,
    };
    if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
        fs::DirBuilder::new()
            .mode(0o755)
            .create(folder)
            .map_err(failed)?;
    }
    match fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(failed(e)),
        Ok(meta) if !meta.file_type().is_socket() => Err(SocketError::Occupied(path.to_owned())),
        Ok(_) => match UnixStream::connect(path) {
            Ok(_) => Err(SocketError::InUse(path.to_owned())),
            // Nobody listens there any more.
            Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {
                fs::remove_file(path).map_err(failed)
            }
            Err(_) => Err(SocketError::Occupied(path.to_owned())),
        },
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Another agent may have put its own there meanwhile.
        if fs::symlink_metadata(&self.path).is_ok_and(|meta| meta.ino() == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_of_a_killed_agent_is_replaced_and_that_of_a_living_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/agent.sock");
        let (listener, file) = open(&path).unwrap();
        assert!(matches!(open(&path), Err(SocketError::InUse(_))));
        std::mem::forget(file);
        drop(listener);
        let (_listener, file) = open(&path).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            MODE
        );
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn a_file_in_its_place_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.sock");
        fs::write(&path, "precious").unwrap();
        assert!(matches!(open(&path), Err(SocketError::Occupied(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }
}
