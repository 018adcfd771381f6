//! Whether the process behind a socket may be trusted with a person's answers.
//!
//! Stops an impostor: a socket that another user bound at the agent's path would receive codes and could answer
//! "passed". The kernel tells who called `listen` (root, when systemd holds the socket). Trusted are root, this
//! process's own user, and the owner of the folder of the socket if no other user can write to it: only they could have
//! put the socket there. For the private socket this is the folder of the public one, in which another user might have
//! made the folder of the private one.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::sys::socket::{getsockopt, sockopt};
use nix::unistd::geteuid;

use super::ClientError;
use super::stream::DeadlineStream;

const GROUP_OR_OTHERS_WRITE: u32 = 0o022;

pub(super) fn check(
    path: &Path,
    public: &Path,
    stream: &DeadlineStream,
) -> Result<(), ClientError> {
    let unreachable = |reason: std::io::Error| ClientError::Unreachable {
        path: path.display().to_string(),
        reason,
    };
    let peer = getsockopt(stream, sockopt::PeerCredentials).map_err(|e| unreachable(e.into()))?;
    if peer.uid() == 0 || peer.uid() == geteuid().as_raw() || owns_folder(public, peer.uid()) {
        return Ok(());
    }
    Err(ClientError::Untrusted {
        path: path.display().to_string(),
        uid: peer.uid(),
    })
}

fn owns_folder(socket: &Path, uid: u32) -> bool {
    let folder = match socket.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    std::fs::metadata(folder)
        .is_ok_and(|meta| meta.uid() == uid && meta.mode() & GROUP_OR_OTHERS_WRITE == 0)
}
