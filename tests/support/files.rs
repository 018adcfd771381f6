//! Files other than the agent's own: secrets of providers, and programs that it runs.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A temporary folder.
pub struct Files(TempDir);

impl Files {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    #[must_use]
    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    /// The path of `name` in it, whether it exists or not.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// A file that only its owner can read.
    #[must_use]
    pub fn secret(&self, name: &str, text: &str) -> PathBuf {
        self.write(name, text, 0o600)
    }

    /// A shell script.
    #[must_use]
    pub fn program(&self, name: &str, text: &str) -> PathBuf {
        self.write(name, &format!("#!/bin/sh\n{text}\n"), 0o755)
    }

    /// A file with this mode.
    #[must_use]
    pub fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("a mode");
        path
    }

    /// The text of a file; empty if it does not exist.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }
}

impl Default for Files {
    fn default() -> Self {
        Self::new()
    }
}
