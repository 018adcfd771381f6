//! The backups of this host, for an administrator whose store can't be used.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use mfa_protocol::backup::{BackupHead, MAGIC, MAX_HEAD};

use super::places::Places;
use crate::durable_file::with_suffix;

/// Where `mfa-backup.service` puts them, beside the key.
const FOLDER: &str = "backups";

const EXTENSION: &str = "mfa-backup";

/// How to get the records back, from the newest backup if there is one.
#[derive(Clone, Debug)]
pub(super) struct Remedy {
    newest: Option<(PathBuf, Timestamp)>,
    folder: PathBuf,
    store: PathBuf,
}

impl Remedy {
    /// With the newest backup beside the key that this process can see.
    pub(super) fn of(places: &Places<'_>) -> Self {
        let folder = places.key.file.with_file_name(FOLDER);
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let files = entries.map(|entry| entry.path());
        let backups = files.filter(|path| path.extension().is_some_and(|it| it == EXTENSION));
        // Two of one second, as in a test: the file that was written later.
        let newest = backups
            .filter_map(|path| made(&path).map(|(at, written)| (at, written, path)))
            .max();
        Self {
            newest: newest.map(|(at, _, path)| (path, at)),
            folder,
            store: places.store.to_owned(),
        }
    }
}

/// When a backup was made and written; none if the file is not one.
fn made(path: &Path) -> Option<(Timestamp, SystemTime)> {
    if !path.symlink_metadata().ok()?.is_file() {
        return None;
    }
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
    let file = File::options().read(true).custom_flags(flags).open(path);
    let mut file = file.ok()?;
    let written = file.metadata().ok()?.modified().ok()?;
    let (mut magic, mut length) = ([0; MAGIC.len()], [0; 4]);
    file.read_exact(&mut magic).ok()?;
    file.read_exact(&mut length).ok()?;
    let length = usize::try_from(u32::from_le_bytes(length)).ok()?;
    if magic != *MAGIC || length > MAX_HEAD {
        return None;
    }
    let mut head = vec![0; length];
    file.read_exact(&mut head).ok()?;
    let head: BackupHead = serde_json::from_slice(&head).ok()?;
    Some((head.made_at.parse().ok()?, written))
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = match &self.newest {
            Some((file, made)) => {
                let file = quoted(file);
                let made = made.to_zoned(TimeZone::system());
                let made = made.strftime("%Y-%m-%d %H:%M");
                write!(f, "The newest backup is {file} of {made}. To restore it:")?;
                file
            }
            None => {
                let folder = self.folder.display();
                write!(
                    f,
                    "There is no backup in {folder}. To restore one from elsewhere:"
                )?;
                "FILE".to_owned()
            }
        };
        if self.store.exists() {
            let aside = with_suffix(&self.store, ".damaged");
            write!(f, " mv {} {},", quoted(&self.store), quoted(&aside))?;
        }
        write!(
            f,
            " mfa-agent --init, start the agent, and: mfactl restore {file}. Until that is done, [enforcement] unenrolled \
             decides about all users: if it is not \"deny\", see \"Back up and restore\" in the operating guide first"
        )
    }
}

/// The path as a shell reads it.
fn quoted(path: &Path) -> String {
    let path = path.to_string_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    match path.chars().all(is_plain) {
        true => path.into_owned(),
        false => format!("'{}'", path.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::config;

    fn backup(path: &Path, made_at: &str) {
        let head = BackupHead {
            made_at: made_at.to_owned(),
            ..BackupHead::default()
        };
        let head = serde_json::to_vec(&head).unwrap();
        let length = (head.len() as u32).to_le_bytes();
        std::fs::write(path, [MAGIC.as_slice(), &length, &head].concat()).unwrap();
    }

    #[test]
    fn the_newest_real_backup_is_named_as_a_shell_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let settings = config::Store {
            engine: config::Engine::Sled,
            path: dir.path().join("store"),
            key_file: dir.path().join("key"),
        };
        let text = || Remedy::of(&Places::of(&settings)).to_string();
        assert!(text().contains("There is no backup in"), "{}", text());
        let folder = dir.path().join(FOLDER);
        std::fs::create_dir(&folder).unwrap();
        let named = |name: &str| folder.join(name);
        backup(&named("b's.mfa-backup"), "2026-11-28T12:00:00Z");
        backup(&named("older.mfa-backup"), "2026-11-27T00:00:00Z");
        // Newer, but none of them is a backup that can be read.
        backup(&named("later"), "2026-11-29T00:00:00Z");
        symlink(named("later"), named("link.mfa-backup")).unwrap();
        std::fs::create_dir(named("folder.mfa-backup")).unwrap();
        std::fs::write(named("half.mfa-backup"), "pam-mfa backup\nand").unwrap();
        let fifo = named("fifo.mfa-backup");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let text = text();
        let quoted = format!("'{}/b'\\''s.mfa-backup'", folder.display());
        assert!(
            text.contains(&format!("mfactl restore {quoted}.")),
            "{text}"
        );
        assert!(text.contains("2026-11-28"), "{text}");
    }
}
