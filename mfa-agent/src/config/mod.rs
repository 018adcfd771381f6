//! The settings: `agent.toml`, then `agent.d/*.toml` beside it.
//!
//! Text comes in, [`Settings`] come out. Each file is parsed once, into tables with file and line (`tree`). The tables
//! are layered, and each key is read as the table of all keys says ([`keys`]); then keys that depend on each other are
//! checked together (`assemble`). Every value has its final type, within its limits, so no later code checks it again.
//! Mistakes come out as `FILE:LINE: what is wrong; what was expected`, and then there are no settings at all: the agent
//! does not start, or keeps its current settings. Unknown keys are mistakes. Later files override key by key; rules are
//! joined in order, and so are the lists `trusted`, `groups` and `banned`. Lists in separate files are read together
//! with the settings that name them.

mod assemble;
mod error;
mod key;
pub mod keys;
mod last_good;
mod lists;
mod ordinary;
mod overridden;
mod settings;
#[cfg(test)]
pub(crate) mod tests;
mod tree;
mod unknown;
mod values;
mod words;

use std::ffi::OsStr;
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

pub use error::{ConfigError, Problem};
pub use keys::{Admin, Audit, Hotp, Metrics, Notify, Recovery, SelfService, Server, Totp};
pub use last_good::LastGood;
pub use settings::{
    Delivery, Email, EmailRoute, Engine, Overridden, Pin, Prompts, Questions, Radius, Settings,
    Sms, SmsRoute, Store, WebhookSecret,
};
pub use words::{AddressSource, GecosField, NumberSource};

use lists::Lists;
use tree::Tree;

use crate::trusted_path::{self, Owners, TrustError};

/// The default file of the settings.
pub const DEFAULT_FILE: &str = "/etc/mfa/agent.toml";

/// The names and texts of the files, in their order, and of the lists that they name.
#[derive(Clone, Debug)]
pub struct Files {
    settings: Vec<(PathBuf, String)>,
    /// What the settings say.
    tree: Tree,
    lists: Lists,
}

impl Files {
    /// Reads `file`, then `agent.d/*.toml` in the same folder, in the order of their names, then the lists
    /// that they name.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when `file` is missing, or a file can't be read or could be changed by other users.
    /// [`Files::settings`] reports mistakes in lists, since it knows whether a list is used.
    pub fn read(file: &Path) -> Result<Self, ConfigError> {
        Self::read_of(file, &Owners::own())
    }

    fn read_of(file: &Path, owners: &Owners) -> Result<Self, ConfigError> {
        let mut settings = vec![read(file, owners)?];
        for drop_in in drop_ins(&file.with_file_name("agent.d"), owners)? {
            settings.push(read(&drop_in, owners)?);
        }
        let mut files = Self::of(settings, Lists::new());
        for list in assemble::named_lists(&files.tree) {
            let text = lists::read(&list, owners);
            files.lists.insert(list, text);
        }
        Ok(files)
    }

    fn of(settings: Vec<(PathBuf, String)>, lists: Lists) -> Self {
        Self {
            tree: Tree::parse(&settings),
            settings,
            lists,
        }
    }

    /// Their names and texts, those of the lists last. A list that can't be read is left out.
    pub fn texts(&self) -> impl Iterator<Item = (&Path, &str)> {
        let settings = self.settings.iter();
        let settings = settings.map(|(file, text)| (file.as_path(), text.as_str()));
        let lists = self.lists.iter();
        let lists = lists.filter_map(|(file, text)| Some((file.as_path(), text.as_deref().ok()?)));
        settings.chain(lists)
    }

    /// The files with settings, in the order in which they are read.
    pub fn names(&self) -> impl Iterator<Item = &Path> {
        self.settings.iter().map(|(file, _)| file.as_path())
    }

    /// The settings that they make.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Bad`] when something in them is wrong.
    pub fn settings(self) -> Result<Settings, ConfigError> {
        assemble::settings(&self.tree, &self.lists)
    }
}

impl Settings {
    /// Reads `file`, then `agent.d/*.toml` in the same folder, in the order of their names.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when `file` is missing, one of them can't be read, or something in them is wrong.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        Files::read(file)?.settings()
    }

    /// The same, for root who looks at the settings of an agent that runs as the owner of their folder.
    ///
    /// # Errors
    ///
    /// As [`Settings::load`].
    pub fn load_for_agent(file: &Path) -> Result<Self, ConfigError> {
        Files::read_of(file, &Owners::of_agent_at(file))?.settings()
    }

    /// Makes settings of the names and texts of files, in their order, without reading anything.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Bad`] when something in them is wrong, or when they name a list.
    pub fn parse(files: Vec<(PathBuf, String)>) -> Result<Self, ConfigError> {
        Files::of(files, Lists::new()).settings()
    }
}

fn read(file: &Path, owners: &Owners) -> Result<(PathBuf, String), ConfigError> {
    trust(file, owners)?;
    let mut text = String::new();
    match ordinary::open(file).and_then(|mut open| open.read_to_string(&mut text)) {
        Ok(_) => Ok((file.to_owned(), text)),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(ConfigError::Missing { file: file.into() })
        }
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            Err(ConfigError::NotText { file: file.into() })
        }
        Err(error) => Err(ConfigError::Unreadable {
            file: file.into(),
            error,
        }),
    }
}

/// Refuses files that other users could change. If a file can't be checked, reading it fails with a clearer error.
fn trust(path: &Path, owners: &Owners) -> Result<(), ConfigError> {
    match trusted_path::check(path, owners) {
        Ok(()) | Err(TrustError::Io { .. }) => Ok(()),
        Err(error) => Err(ConfigError::Untrusted(error)),
    }
}

/// The files that a shell would find under `folder/*.toml`: hidden ones are not among them.
fn drop_ins(folder: &Path, owners: &Owners) -> Result<Vec<PathBuf>, ConfigError> {
    let unreadable = |error| ConfigError::Unreadable {
        file: folder.into(),
        error,
    };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    trust(folder, owners)?;
    let mut files = Vec::new();
    for entry in entries {
        let name = PathBuf::from(entry.map_err(unreadable)?.file_name());
        if name.extension() == Some(OsStr::new("toml"))
            && !name.as_os_str().as_encoded_bytes().starts_with(b".")
        {
            files.push(folder.join(name));
        }
    }
    files.sort();
    Ok(files)
}
