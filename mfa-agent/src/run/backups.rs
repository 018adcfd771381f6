//! The backups of this host, for an administrator whose store can't be used.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;

use super::places::Places;

/// Where `mfa-backup.service` puts them, beside the key.
const FOLDER: &str = "backups";

const EXTENSION: &str = "mfa-backup";

/// The newest backup, with the commands that bring it back.
#[derive(Clone, Debug)]
pub(super) struct Newest {
    file: PathBuf,
    made: SystemTime,
    store: PathBuf,
}

impl Newest {
    /// The newest one beside the key, if there is one that this process can see.
    pub(super) fn of(places: &Places<'_>) -> Option<Self> {
        let folder = places.key.file.parent()?.join(FOLDER);
        let entries = std::fs::read_dir(folder).ok()?;
        let files = entries.flatten().map(|entry| entry.path());
        let backups = files.filter(|path| path.extension().is_some_and(|it| it == EXTENSION));
        let made = |path: &PathBuf| {
            std::fs::metadata(path)
                .and_then(|meta| meta.modified())
                .ok()
        };
        let dated = backups.filter_map(|path| made(&path).map(|made| (made, path)));
        let (made, file) = dated.max()?;
        Some(Self {
            file,
            made,
            store: places.store.to_owned(),
        })
    }
}

impl fmt::Display for Newest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, store) = (self.file.display(), self.store.display());
        let made = Timestamp::try_from(self.made).unwrap_or_default();
        write!(
            f,
            "The newest backup is {file} of {made:.0}. To restore it:{} mfa-agent --init, start the agent, and: \
             mfactl restore {file}",
            Aside(&self.store, store)
        )
    }
}

/// The command that moves a store out of the way, if there is one.
struct Aside<'a>(&'a Path, std::path::Display<'a>);

impl fmt::Display for Aside<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.exists() {
            true => write!(f, " mv {0} {0}.damaged,", self.1),
            false => Ok(()),
        }
    }
}
