//! Replaces several files, all or none.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use crate::commands::doctor::stacks::files::UNFINISHED;

/// A file and its new text.
pub(super) struct Replacement {
    /// Where it is, with no link on the way.
    pub(super) path: PathBuf,
    /// Its present content.
    pub(super) before: Vec<u8>,
    /// Its new content.
    pub(super) after: Vec<u8>,
    /// Whether it asks for a password instead of a code.
    pub(super) asks_for_a_password: bool,
}

/// Writes all of them, or leaves all as they were.
pub(super) fn all(replacements: &[Replacement]) -> Result<(), String> {
    let mut written = Vec::new();
    for it in replacements {
        match beside(&it.path, &it.after) {
            Ok(file) => written.push(file),
            Err(e) => {
                forget(&written);
                return Err(refused(&it.path, &e));
            }
        }
    }
    for (at, it) in replacements.iter().enumerate() {
        if let Err(e) = put(&written[at], &it.path) {
            let why = refused(&it.path, &e);
            forget(&written[at..]);
            return Err(put_back(&replacements[..at], why));
        }
    }
    Ok(())
}

/// Writes the text beside the file, with its owner and mode.
fn beside(path: &Path, text: &[u8]) -> io::Result<PathBuf> {
    // Fails on a read-only disk and for a file that can't be changed.
    let old = OpenOptions::new().write(true).open(path)?.metadata()?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(UNFINISHED);
    let new = path.with_file_name(name);
    let write = || {
        // An earlier run may have left it.
        match fs::remove_file(&new) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            Err(_) | Ok(()) => {}
        }
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(text)?;
        fchown(&file, Some(old.uid()), Some(old.gid()))?;
        file.set_permissions(old.permissions())?;
        file.sync_all()
    };
    match write() {
        Ok(()) => Ok(new),
        Err(e) => {
            forget(&[new]);
            Err(e)
        }
    }
}

fn put(new: &Path, path: &Path) -> io::Result<()> {
    fs::rename(new, path)?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    File::open(folder)?.sync_all()
}

fn put_back(replacements: &[Replacement], why: String) -> String {
    let back = |it: &&Replacement| {
        let new = beside(&it.path, &it.before);
        new.and_then(|new| put(&new, &it.path)).is_err()
    };
    let lost: Vec<_> = replacements.iter().filter(back).collect();
    match lost.first() {
        None => why,
        Some(it) => format!("{why}; and {} could not be restored", it.path.display()),
    }
}

fn forget(files: &[PathBuf]) {
    for file in files {
        // It does no harm, and the next run removes it.
        let _ = fs::remove_file(file);
    }
}

fn refused(path: &Path, why: &io::Error) -> String {
    format!(
        "can't write {} ({why}); nothing changed. If its disk is read-only: mount -o remount,rw /",
        path.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn replacement(path: PathBuf) -> Replacement {
        Replacement {
            path,
            before: b"old".to_vec(),
            after: b"new".to_vec(),
            asks_for_a_password: false,
        }
    }

    #[test]
    fn all_are_written_with_their_modes_or_none_is() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["a", "b"].map(|name| folder.path().join(name));
        for path in &paths {
            fs::write(path, "old").unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o640)).unwrap();
        }
        let mut both = Vec::from(paths.clone().map(replacement));
        both.push(replacement(folder.path().join("gone")));
        assert!(all(&both).is_err());
        for path in &paths {
            assert_eq!(fs::read_to_string(path).unwrap(), "old");
        }
        both.pop();
        all(&both).unwrap();
        for path in &paths {
            assert_eq!(fs::read_to_string(path).unwrap(), "new");
            assert_eq!(fs::metadata(path).unwrap().mode() & 0o777, 0o640);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
