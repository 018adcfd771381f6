//! Files that are whole after any crash, and closed to others.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Replaces the file at `path` with `bytes`: after a crash, either version is complete.
pub(crate) fn replace_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    std::fs::rename(draft(path, bytes)?, path)?;
    File::open(folder_of(path))?.sync_all()
}

/// Makes the file at `path`. Unlike [`replace_durably`], it replaces no file that was put there meanwhile.
pub(crate) fn make_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = draft(path, bytes)?;
    std::fs::hard_link(&draft, path)?;
    std::fs::remove_file(&draft)?;
    File::open(folder_of(path))?.sync_all()
}

/// The folder of a file.
pub(crate) fn folder_of(path: &Path) -> &Path {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// The path with more at its end.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The bytes under another name first, which a crash may leave behind.
fn draft(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let draft = with_suffix(path, ".new");
    let _ = std::fs::remove_file(&draft);
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(draft)
}
