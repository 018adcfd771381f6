//! The sockets: passed by systemd, or made here.
//!
//! Any user may connect to the public socket; the kernel tells who they are. Programs that check logins have a private
//! socket ([`mfa_protocol::private_socket`]), so that no other user can fill their queue.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use mfa_protocol::private_socket;

use crate::log;

/// Who may connect to a socket that is made here, and who may enter its folder.
struct Access {
    socket: u32,
    folder: u32,
}

const EVERYBODY: Access = Access {
    socket: 0o666,
    folder: 0o755,
};

const OWNER: Access = Access {
    socket: 0o600,
    folder: 0o700,
};

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub(super) enum SocketError {
    /// systemd passed something else.
    #[error(
        "the sockets that systemd passed don't match mfa-agent.socket and \
         mfa-agent-private.socket ({0}); check: systemctl cat mfa-agent.socket \
         mfa-agent-private.socket"
    )]
    Passed(io::Error),
    /// Another agent serves there.
    #[error("an agent already serves at {0}; stop it, or set another [server] socket")]
    InUse(PathBuf),
    /// Another file is there.
    #[error(
        "{0} exists but is not the socket of an agent; remove it, or set another [server] socket"
    )]
    Occupied(PathBuf),
    /// The socket can't be made.
    #[error("can't listen at {path}: {reason}; make its folder writable for the agent's user")]
    Failed {
        /// Where.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
}

/// The listening sockets.
pub(super) struct Sockets {
    pub(super) listeners: Vec<UnixListener>,
    /// The files of the sockets that were made here.
    _files: Vec<SocketFile>,
}

/// A socket that was made here; dropping this removes its file.
struct SocketFile {
    path: PathBuf,
    inode: u64,
}

/// The sockets that systemd passes, or one at `path` and the private one beside it.
pub(super) fn open(path: &Path) -> Result<Sockets, SocketError> {
    let listeners = passed().map_err(SocketError::Passed)?;
    if !listeners.is_empty() {
        if listeners.len() == 1 {
            log::warn(format_args!("{ONE_QUEUE}: {ENABLE_IT}"));
        }
        return Ok(Sockets {
            listeners,
            _files: Vec::new(),
        });
    }
    let public = bind(path, &EVERYBODY)?;
    let private = match private_socket(path).map(|private| bind(&private, &OWNER)) {
        Some(Ok(private)) => Some(private),
        Some(Err(error)) => {
            log::warn(format_args!("{ONE_QUEUE}: {error}"));
            None
        }
        None => {
            log::warn(format_args!(
                "{ONE_QUEUE}: the path is too long for a second socket beside it"
            ));
            None
        }
    };
    let (listeners, files) = [public].into_iter().chain(private).unzip();
    Ok(Sockets {
        listeners,
        _files: files,
    })
}

const ONE_QUEUE: &str =
    "programs that check logins share one queue with all users, because there is no private socket";

const ENABLE_IT: &str = "systemd passed only one; run: systemctl enable mfa-agent-private.socket && \
                         systemctl restart mfa-agent";

/// The sockets that systemd passes: the public one, or the public and the private one.
fn passed() -> io::Result<Vec<UnixListener>> {
    let mut descriptors = listenfd::ListenFd::from_env();
    let mut listeners = Vec::new();
    for index in 0..descriptors.len() {
        if let Some(listener) = descriptors.take_unix_listener(index)? {
            listener.set_nonblocking(false)?;
            listeners.push(listener);
        }
    }
    if listeners.len() > 2 {
        return Err(io::Error::other("more than two sockets"));
    }
    Ok(listeners)
}

fn bind(path: &Path, access: &Access) -> Result<(UnixListener, SocketFile), SocketError> {
    let failed = |reason| SocketError::Failed {
        path: path.to_owned(),
        reason,
    };
    clear_way(path, access.folder)?;
    let listener = UnixListener::bind(path).map_err(failed)?;
    fs::set_permissions(path, Permissions::from_mode(access.socket)).map_err(failed)?;
    let inode = fs::symlink_metadata(path).map_err(failed)?.ino();
    let file = SocketFile {
        path: path.to_owned(),
        inode,
    };
    Ok((listener, file))
}

/// Makes the folder if it is missing, and removes the socket of an agent that was killed.
fn clear_way(path: &Path, folder_mode: u32) -> Result<(), SocketError> {
    let failed = |reason| SocketError::Failed {
        path: path.to_owned(),
        reason,
    };
    if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
        fs::DirBuilder::new()
            .mode(folder_mode)
            .create(folder)
            .map_err(failed)?;
    }
    match fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(failed(e)),
        Ok(meta) if !meta.file_type().is_socket() => Err(SocketError::Occupied(path.to_owned())),
        Ok(_) => match UnixStream::connect(path) {
            Ok(_) => Err(SocketError::InUse(path.to_owned())),
            // No agent listens there any more.
            Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {
                fs::remove_file(path).map_err(failed)
            }
            Err(_) => Err(SocketError::Occupied(path.to_owned())),
        },
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Another agent may have put its own socket there meanwhile.
        if fs::symlink_metadata(&self.path).is_ok_and(|meta| meta.ino() == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_sockets_of_a_killed_agent_are_replaced_and_those_of_a_living_one_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/agent.sock");
        let private = private_socket(&path).unwrap();
        let Sockets { listeners, _files } = open(&path).unwrap();
        assert!(matches!(open(&path), Err(SocketError::InUse(_))));
        UnixStream::connect(&private).unwrap();
        std::mem::forget(_files);
        drop(listeners);
        let sockets = open(&path).unwrap();
        assert_eq!((sockets.listeners.len(), mode(&path)), (2, 0o666));
        assert_eq!(mode(&private), 0o600);
        assert_eq!(mode(private.parent().unwrap()), 0o700);
        drop(sockets);
        assert!(!path.exists() && !private.exists());
    }

    #[test]
    fn a_file_in_its_place_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.sock");
        fs::write(&path, "precious").unwrap();
        assert!(matches!(open(&path), Err(SocketError::Occupied(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn without_a_private_socket_the_public_one_serves() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.sock");
        fs::write(folder.path().join("private"), "not a folder").unwrap();
        assert_eq!(open(&path).unwrap().listeners.len(), 1);
    }
}
