//! Where the agent keeps what outlives it.

use std::path::{Path, PathBuf};

use crate::config::{self, Engine};
use crate::durable_file::with_suffix;
use crate::store_mark;
use crate::vault::KeySource;

/// Where key, mark and store are.
pub(super) struct Places<'a> {
    pub(super) store: &'a Path,
    pub(super) key: KeySource,
    pub(super) mark: PathBuf,
}

impl<'a> Places<'a> {
    pub(super) fn of(settings: &'a config::Store) -> Self {
        Self {
            store: &settings.path,
            key: KeySource::new(settings.key_file.clone()),
            mark: match settings.engine {
                Engine::Sled => store_mark::path(&settings.key_file),
                // The key may be in /etc, where the agent writes nothing.
                Engine::Etcd(_) => with_suffix(&settings.path, ".etcd"),
            },
        }
    }
}
