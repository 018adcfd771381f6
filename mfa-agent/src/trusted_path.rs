//! Checks that only root or the agent's user can change what a path names: settings decide who is
//! let in, and delivery programs read every code.
//!
//! The file, every folder above it and every link on the way must belong to root or to the agent's user, and no other
//! user may write to them. A sticky folder (`/tmp`), where users can rename only their own files, is accepted. So no
//! other user can replace anything between this check and the use.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use nix::unistd::{Gid, Group, getegid, geteuid};

const ROOT: u32 = 0;
const GROUP_WRITES: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// The kernel's limit.
const MAX_LINKS: u32 = 40;

/// Why a path is not trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// It belongs to another user.
    #[error(
        "{path} belongs to user id {owner}, who is neither root nor the agent's user and could \
         change it; if you trust its content, run: chown -h root {path}"
    )]
    Owner {
        /// The file, folder or link.
        path: PathBuf,
        owner: u32,
    },
    /// Other users can write to it.
    #[error(
        "{path} can be changed by other users (mode {mode:04o}); check its content, then run: \
         chmod {cure} {path}"
    )]
    Writable {
        /// The file or folder.
        path: PathBuf,
        mode: u32,
        /// The mode that fixes it.
        cure: &'static str,
    },
    /// It can't be examined.
    #[error("{path} can't be examined: {reason}")]
    Io {
        /// The file, folder or link.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
}

/// The users whose files are trusted.
#[derive(Clone, Debug)]
pub struct Owners(Vec<u32>);

impl Owners {
    /// Root, and the user of this process.
    #[must_use]
    pub fn own() -> Self {
        Self(vec![ROOT, geteuid().as_raw()])
    }

    /// Root, the user of this process, and the owner of the settings' folder, in case root checks
    /// for an agent that runs as another user.
    #[must_use]
    pub fn of_agent_at(settings: &Path) -> Self {
        let mut owners = Self::own();
        let folder = std::path::absolute(settings).ok();
        let folder = folder.as_deref().and_then(Path::parent);
        if geteuid().is_root()
            && let Some(meta) = folder.and_then(|folder| fs::metadata(folder).ok())
        {
            owners.0.push(meta.uid());
        }
        owners
    }
}

/// Makes sure that only `owners` can change what `path` names.
///
/// # Errors
///
/// [`TrustError`], with the command that fixes it.
pub fn check(path: &Path, owners: &Owners) -> Result<(), TrustError> {
    let whole = std::path::absolute(path).map_err(|reason| io_error(path, reason))?;
    let mut at = PathBuf::from("/");
    let mut rest = steps(&whole);
    let mut links = 0;
    examine(&at, rest.is_empty(), owners)?;
    while let Some(step) = rest.pop() {
        if step == ".." {
            at.pop();
            continue;
        }
        at.push(step);
        let meta = examine(&at, rest.is_empty(), owners)?;
        if !meta.is_symlink() {
            continue;
        }
        links += 1;
        if links > MAX_LINKS {
            return Err(io_error(path, nix::errno::Errno::ELOOP.into()));
        }
        let target = fs::read_link(&at).map_err(|reason| io_error(&at, reason))?;
        at.pop();
        if target.is_absolute() {
            at = PathBuf::from("/");
        }
        rest.extend(steps(&target));
    }
    Ok(())
}

/// The names in a path, the last first.
fn steps(path: &Path) -> Vec<OsString> {
    let name = |component: Component<'_>| match component {
        Component::Normal(_) | Component::ParentDir => Some(component.as_os_str().to_owned()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().rev().filter_map(name).collect()
}

fn examine(path: &Path, is_last: bool, owners: &Owners) -> Result<Metadata, TrustError> {
    let meta = fs::symlink_metadata(path).map_err(|reason| io_error(path, reason))?;
    if !owners.0.contains(&meta.uid()) {
        return Err(TrustError::Owner {
            path: path.to_owned(),
            owner: meta.uid(),
        });
    }
    let mode = meta.mode();
    let is_sticky = meta.is_dir() && mode & STICKY != 0 && !is_last;
    if meta.is_symlink() || is_sticky {
        return Ok(meta);
    }
    let group_writes = mode & GROUP_WRITES != 0 && !is_private_group(&meta);
    let cure = match (group_writes, mode & OTHERS_WRITE != 0) {
        (false, false) => return Ok(meta),
        (true, false) => "g-w",
        (false, true) => "o-w",
        (true, true) => "go-w",
    };
    Err(TrustError::Writable {
        path: path.to_owned(),
        mode: mode & 0o7777,
        cure,
    })
}

/// Whether the group contains only root or the user of this process: many hosts give each user such
/// a group, and let it write by default.
fn is_private_group(meta: &Metadata) -> bool {
    let (gid, me) = (meta.gid(), geteuid().as_raw());
    if gid == ROOT {
        return true;
    }
    let is_ours = gid == me && gid == getegid().as_raw() && meta.uid() == me;
    let group = is_ours.then(|| Group::from_gid(Gid::from_raw(gid)));
    matches!(group, Some(Ok(Some(group))) if group.mem.is_empty())
}

fn io_error(path: &Path, reason: io::Error) -> TrustError {
    TrustError::Io {
        path: path.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests;
