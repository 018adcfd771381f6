//! Whether what the next start needs is still there: key and store.
//!
//! A running agent has both open and would not notice. This check lets `mfactl doctor` report it while the agent still
//! serves, not only after the next boot.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::config::{Engine, Store};
use crate::store::SledStore;
use crate::vault::KeySource;

/// The store's folder as it was when the agent began.
#[derive(Clone, Copy, Debug)]
pub(super) struct StorageWatch {
    folder: Option<(u64, u64)>,
}

impl StorageWatch {
    pub(super) fn of(settings: &Store) -> Self {
        let is_here = settings.engine == Engine::Sled;
        Self {
            folder: is_here.then(|| identity(&settings.path)).flatten(),
        }
    }

    /// What is missing or was replaced; none if all is well. An agent without files, as in a test, misses none.
    pub(super) fn missing(&self, settings: &Store) -> Option<String> {
        let key = || {
            let key = KeySource::new(settings.key_file.clone());
            key.load().err().map(|error| error.to_string())
        };
        let Some(began) = self.folder else {
            let is_shared = settings.engine != Engine::Sled;
            return is_shared.then(key).flatten();
        };
        let store = settings.path.display();
        let put_back = "put it back while the agent is still running, or make a copy of what it \
                        holds";
        match identity(&settings.path) {
            None => return Some(format!("the store {store} is gone; {put_back}")),
            Some(now) if now != began => {
                return Some(format!(
                    "another folder replaced the store {store}; {put_back}"
                ));
            }
            Some(_) => {}
        }
        if !SledStore::is_there(&settings.path).unwrap_or(false) {
            return Some(format!(
                "the files of the store {store} are gone; {put_back}"
            ));
        }
        key()
    }

    /// Whether the key came from systemd, which only root can look for.
    pub(super) fn is_key_a_credential(settings: &Store) -> bool {
        let credentials = KeySource::new(settings.key_file.clone()).credentials;
        credentials.is_some_and(|folder| folder.join("mfa.key").exists())
    }
}

fn identity(folder: &Path) -> Option<(u64, u64)> {
    let meta = fs::metadata(folder).ok()?;
    Some((meta.dev(), meta.ino()))
}
