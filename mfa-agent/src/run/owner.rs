//! If root runs `mfa-agent` on the command line, it works as the agent's own user: root can read more, and files that
//! root creates could be unreadable for the agent.

use std::ffi::CString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{Gid, Uid, User, geteuid, initgroups, setgid, setgroups, setuid};

use super::StartError;
use super::places::Places;
use crate::log;

/// Goes on as the user who owns the folders: what root made there, the agent could not use.
pub(super) fn become_owner(places: &Places<'_>) -> Result<(), StartError> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let folders = [places.key.file.as_path(), places.store];
    let owner = folders
        .into_iter()
        .filter_map(folder_there)
        .map(|meta| (Uid::from_raw(meta.uid()), Gid::from_raw(meta.gid())))
        .find(|(user, _)| !user.is_root());
    let Some((user, group)) = owner else {
        return Ok(());
    };
    let known = User::from_uid(user)?;
    let group = known.as_ref().map_or(group, |user| user.gid);
    match &known {
        // The groups of the service's user: it reads secrets by them.
        Some(user) => initgroups(&CString::new(user.name.as_str())?, group)?,
        None => setgroups(&[])?,
    }
    setgid(group)?;
    setuid(user)?;
    let name = known.map_or_else(|| user.to_string(), |user| user.name);
    log::info(format_args!("running as {name}, who owns the folder"));
    Ok(())
}

/// The nearest folder around `path`, or at it, that is there.
fn folder_there(path: &Path) -> Option<Metadata> {
    let mut folders = path.ancestors().filter_map(|path| path.metadata().ok());
    folders.find(Metadata::is_dir)
}
