//! The last valid settings: one file with the texts of all settings files, next to the state.
//!
//! If the settings have a mistake when the agent starts, such as at boot, it uses these: without an agent every login
//! fails, also the login of the administrator who would fix the mistake. The file is as trusted as the state: it must
//! belong to the agent or to root, and no other user may read or write it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use nix::libc::{O_NOFOLLOW, O_NONBLOCK};
use nix::unistd::geteuid;
use serde::{Deserialize, Serialize};

use super::{Files, Settings};
use crate::durable_file::replace_durably;
use crate::trusted_path::Owners;

const NAME: &str = "settings.last";
const DEFAULT_STATE: &str = "/var/lib/mfa";
/// More than all settings and lists together may be.
const LARGEST_FILE: u64 = 16 << 20;
const GROUP_AND_OTHERS: u32 = 0o077;

/// What the file holds.
#[derive(Debug, Serialize, Deserialize)]
struct Saved {
    /// The first of the files, so that an agent with other files does not take these.
    config: PathBuf,
    settings: Vec<(PathBuf, String)>,
    lists: Vec<(PathBuf, String)>,
}

/// Valid settings, to be saved.
#[derive(Clone, Debug)]
pub struct LastGood {
    text: String,
    folder: PathBuf,
}

impl LastGood {
    /// The saved form of `files`, which make `settings`; none if a file name is not text.
    #[must_use]
    pub fn of(config: &Path, files: &Files, settings: &Settings) -> Option<Self> {
        let lists = files.lists.iter();
        let lists = lists.filter_map(|(file, text)| Some((file.clone(), text.clone().ok()?)));
        let saved = Saved {
            config: absolute(config),
            settings: files.settings.clone(),
            lists: lists.collect(),
        };
        let key_folder = settings.store.key_file.parent().unwrap_or(Path::new("/"));
        Some(Self {
            text: serde_json::to_string(&saved).ok()?,
            folder: state_directory().unwrap_or_else(|| key_folder.to_owned()),
        })
    }

    /// Writes them, unless the file says the same. They are durable on return.
    ///
    /// # Errors
    ///
    /// When they can't be written, with what to do.
    pub fn keep(&self) -> Result<(), String> {
        let path = self.folder.join(NAME);
        if fs::read(&path).is_ok_and(|bytes| bytes == self.text.as_bytes()) {
            return Ok(());
        }
        replace_durably(&path, self.text.as_bytes()).map_err(|e| {
            format!(
                "{} can't be written: {e}; without this copy a mistake in the settings keeps the \
                 agent from starting. Make the folder writable for the agent's user",
                path.display()
            )
        })
    }

    /// The saved files of the settings at `config`, and when they were saved.
    #[must_use]
    pub fn find(config: &Path) -> Option<(Files, Timestamp)> {
        let folders = folders(config);
        folders
            .iter()
            .find_map(|folder| read(config, &folder.join(NAME)))
    }
}

/// Where the state may be: the settings that would say so hold a mistake, but the line may be right.
fn folders(config: &Path) -> Vec<PathBuf> {
    let mut files = vec![config.to_owned()];
    files.extend(
        super::drop_ins(&config.with_file_name("agent.d"), &Owners::own()).unwrap_or_default(),
    );
    let texts = files.iter().rev().filter_map(|file| {
        let mut text = Vec::new();
        super::ordinary::open(file)
            .ok()?
            .read_to_end(&mut text)
            .ok()?;
        Some(text)
    });
    let named = texts.filter_map(|text| key_folder(&String::from_utf8_lossy(&text)));
    let state = state_directory().into_iter().chain(named);
    state.chain([PathBuf::from(DEFAULT_STATE)]).collect()
}

/// The folder of the last `key_file = "…"` in a text that may be no TOML.
fn key_folder(text: &str) -> Option<PathBuf> {
    let mut values = text.lines().filter_map(|line| {
        let (key, value) = line.split_once('=')?;
        let value = value.trim().trim_start_matches(['"', '\'']);
        let end = value.find(['"', '\''])?;
        (key.trim() == "key_file").then(|| value.get(..end))?
    });
    Path::new(values.next_back()?).parent().map(Path::to_owned)
}

/// Where systemd keeps the unit's state.
fn state_directory() -> Option<PathBuf> {
    let folders = std::env::var("STATE_DIRECTORY").ok()?;
    folders.split(':').next().map(PathBuf::from)
}

fn read(config: &Path, path: &Path) -> Option<(Files, Timestamp)> {
    let file = File::options()
        .read(true)
        .custom_flags(O_NOFOLLOW | O_NONBLOCK)
        .open(path)
        .ok()?;
    let meta = file.metadata().ok()?;
    let is_ours = meta.uid() == geteuid().as_raw() || meta.uid() == 0;
    if !meta.is_file() || !is_ours || meta.mode() & GROUP_AND_OTHERS != 0 {
        return None;
    }
    let mut text = String::new();
    let read = file.take(LARGEST_FILE).read_to_string(&mut text);
    let saved: Saved = read
        .and_then(|_| serde_json::from_str(&text).map_err(io::Error::from))
        .ok()?;
    if saved.config != absolute(config) {
        return None;
    }
    let lists = saved.lists.into_iter();
    let lists = lists.map(|(file, text)| (file, Ok(text)));
    let files = Files::of(saved.settings, lists.collect());
    let written_at = meta.modified().ok().and_then(|time| time.try_into().ok());
    Some((files, written_at.unwrap_or(Timestamp::UNIX_EPOCH)))
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Saved settings in a separate folder, and a mistake in the files since then.
    fn saved() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("agent.toml");
        let key = folder.path().join("key");
        let store = format!("[store]\nkey_file = {:?}\n", key.display().to_string());
        fs::write(&config, format!("{store}[lockout]\nattempts = 4\n")).unwrap();
        let files = Files::read(&config).unwrap();
        let settings = files.clone().settings().unwrap();
        let last = LastGood::of(&config, &files, &settings).unwrap();
        last.keep().unwrap();
        last.keep().unwrap();
        fs::write(&config, format!("{store}[lockout\nattempts = many\n")).unwrap();
        (folder, config)
    }

    #[test]
    fn what_was_kept_is_found_though_the_files_are_no_toml_any_more() {
        let (folder, config) = saved();
        assert!(Settings::load(&config).is_err());
        let (files, _) = LastGood::find(&config).unwrap();
        assert_eq!(files.settings().unwrap().lockout.attempts, 4);
        let mode = fs::metadata(folder.path().join(NAME)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_others_may_read_or_another_agent_has_kept_is_not_taken() {
        let (folder, config) = saved();
        let path = folder.path().join(NAME);
        let other = folder.path().join("other.toml");
        fs::copy(&config, &other).unwrap();
        assert!(LastGood::find(&other).is_none());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(LastGood::find(&config).is_none());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "{").unwrap();
        assert!(LastGood::find(&config).is_none());
    }

    #[test]
    fn the_folder_is_read_from_a_line_that_is_right() {
        for (text, folder) in [
            ("[store\n key_file = \"/a/key\" # x\n", Some("/a")),
            ("cert_key_file = '/b/key'\nkey_file='/c/key'", Some("/c")),
            ("key_file = /d/key\n", None),
            ("", None),
        ] {
            assert_eq!(key_folder(text), folder.map(PathBuf::from), "{text}");
        }
    }
}
