//! The files that stacks are in, read as they are now.
//!
//! Whoever may write to these folders is root; a file that is too long is cut, and what is no file is
//! passed over.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use mfa_stacks::chain::Place;

/// As much as is read of a file.
const MAX_FILE: u64 = 64 * 1024;

/// What packages leave beside the file that is in force.
const LEFTOVERS: [&str; 7] = [
    "~", ".bak", ".orig", ".pam-old", ".rpmnew", ".rpmsave", ".rpmorig",
];

/// The files of the folders.
#[derive(Default)]
pub(super) struct Files {
    /// By name: where it stands, and what it says.
    texts: BTreeMap<String, (PathBuf, String)>,
    folders: Vec<PathBuf>,
    unread: Vec<String>,
}

impl Files {
    /// Takes up the files of a folder.
    pub(super) fn add(&mut self, folder: &Path) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            let is_left_over = LEFTOVERS.iter().any(|end| name.ends_with(end));
            if is_left_over || name.contains(".dpkg-") || self.texts.contains_key(name) {
                continue;
            }
            // A folder or a device in there is no stack.
            if !path.is_file() {
                continue;
            }
            match read(&path) {
                Ok(text) => {
                    self.texts.insert(name.to_owned(), (path.clone(), text));
                }
                Err(_) => self.unread.push(path.display().to_string()),
            }
        }
        self.folders.push(folder.to_owned());
        Ok(())
    }

    /// The names of all that could be read.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.texts.keys().map(String::as_str)
    }

    /// The paths of those that could not.
    pub(super) fn unread(&self) -> &[String] {
        &self.unread
    }

    /// The text of a file that is named as in an include: by its name, or by its path.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let path = Path::new(name);
        let name = match path.parent().filter(|_| path.is_absolute()) {
            Some(folder) if self.folders.iter().any(|known| known == folder) => {
                path.file_name()?.to_str()?
            }
            _ => name,
        };
        self.texts.get(name).map(|(_, text)| text.as_str())
    }

    /// The path of a file.
    pub(super) fn path(&self, name: &str) -> String {
        let known = self.texts.get(name);
        known.map_or_else(|| name.to_owned(), |(path, _)| path.display().to_string())
    }

    /// `/etc/pam.d/sshd:3`
    pub(super) fn place(&self, place: &Place) -> String {
        format!("{}:{}", self.path(&place.file), place.number)
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
