//! Reads secrets of providers from the agent's own files, or from systemd credentials.
//!
//! A name without a slash is a credential in `$CREDENTIALS_DIRECTORY`; systemd controls who may
//! read it. A path is a file that only its owner may read. The secret is one line.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use mfa_protocol::Secret;
use nix::unistd::geteuid;
use zeroize::Zeroizing;

use crate::trusted_path::{self, Owners, TrustError};

const LONGEST: u64 = 4096;
const GROUP_AND_OTHERS: u32 = 0o077;

/// Why a secret can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file can't be read.
    #[error("the secret {path} can't be read: {reason}")]
    Io {
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// Others can read it.
    #[error(
        "the secret {path} can be read by other users (mode {mode:04o}); run: chmod 0600 {path}. \
         If another user may have read it, get a new one from the provider"
    )]
    Exposed { path: PathBuf, mode: u32 },
    /// It belongs to another user.
    #[error(
        "the secret {path} belongs to user id {owner}; if you trust it, run: chown {me} {path}"
    )]
    Owner {
        path: PathBuf,
        owner: u32,
        /// The agent's user.
        me: u32,
    },
    /// Another user could replace it.
    #[error("the secret can't be used: {0}")]
    Untrusted(#[from] TrustError),
    /// It is empty, several lines, not text, or too long.
    #[error("the secret {path} must be one line of text, not empty, at most {LONGEST} bytes")]
    Malformed { path: PathBuf },
    /// A credential was named, and systemd passed none.
    #[error(
        "there is no systemd credential {name}; add LoadCredential={name}:/etc/mfa/{name} to the unit, or give the path of \
         a file. In a shell there is none even then; run: systemd-run --pipe --wait --property=User=mfa \
         --property=LoadCredential={name}:/etc/mfa/{name} mfa-agent --init"
    )]
    NoCredential { name: String },
    /// Neither a name nor an absolute path.
    #[error("{path} is neither an absolute path nor the name of a systemd credential")]
    Name {
        /// The setting.
        path: PathBuf,
    },
}

/// Reads a secret: an absolute path is a file with mode 0600 or less, a bare name a systemd
/// credential.
///
/// # Errors
///
/// [`SecretError`], with what to do.
pub fn read_secret(path: &Path) -> Result<Secret, SecretError> {
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    read_secret_from(path, credentials.as_deref())
}

fn read_secret_from(path: &Path, credentials: Option<&Path>) -> Result<Secret, SecretError> {
    if path.is_absolute() {
        let is_credential = credentials.is_some_and(|folder| path.starts_with(folder));
        return read(path, !is_credential);
    }
    let mut parts = path.components();
    let (Some(std::path::Component::Normal(name)), None) = (parts.next(), parts.next()) else {
        return Err(SecretError::Name {
            path: path.to_owned(),
        });
    };
    match credentials.map(|folder| folder.join(name)) {
        Some(file) if file.exists() => read(&file, false),
        _ => Err(SecretError::NoCredential {
            name: name.to_string_lossy().into_owned(),
        }),
    }
}

fn read(path: &Path, is_ours_to_check: bool) -> Result<Secret, SecretError> {
    let unreadable = |reason| SecretError::Io {
        path: path.to_owned(),
        reason,
    };
    // Must not block on a pipe at this path.
    let file = File::options()
        .read(true)
        .custom_flags(nix::libc::O_NONBLOCK)
        .open(path)
        .map_err(unreadable)?;
    let meta = file.metadata().map_err(unreadable)?;
    if is_ours_to_check {
        check(path, &meta)?;
        trusted_path::check(path, &Owners::own())?;
    }
    // Has the full capacity from the start, because a growing buffer leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST as usize + 32));
    file.take(LONGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    parse(&bytes)
        .filter(|_| meta.is_file())
        .ok_or_else(|| SecretError::Malformed {
            path: path.to_owned(),
        })
}

fn check(path: &Path, meta: &Metadata) -> Result<(), SecretError> {
    let path = path.to_owned();
    let (owner, me) = (meta.uid(), geteuid().as_raw());
    if owner != me && owner != 0 {
        return Err(SecretError::Owner { path, owner, me });
    }
    if meta.mode() & GROUP_AND_OTHERS != 0 {
        let mode = meta.mode() & 0o7777;
        return Err(SecretError::Exposed { path, mode });
    }
    Ok(())
}

/// One line of text, because it goes into headers and protocol lines.
fn parse(bytes: &[u8]) -> Option<Secret> {
    if bytes.len() as u64 > LONGEST {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok()?;
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() || line.contains(char::is_control) {
        return None;
    }
    Some(Secret::from(line))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn write(path: &Path, text: &str, mode: u32) {
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn the_agents_own_file_is_read_without_its_line_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        for text in ["hunter2", "hunter2\n", "hunter2\r\n"] {
            write(&path, text, 0o600);
            assert_eq!(read_secret_from(&path, None).unwrap().expose(), "hunter2");
        }
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_with_the_command_that_fixes_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        for mode in [0o640, 0o604, 0o622, 0o601] {
            write(&path, "hunter2", mode);
            let error = read_secret_from(&path, None).unwrap_err().to_string();
            assert!(error.contains("chmod 0600"), "{error}");
            assert!(!error.contains("hunter2"));
        }
    }

    #[test]
    fn a_credential_is_found_by_its_name_and_may_be_readable_by_its_group() {
        let dir = tempfile::tempdir().unwrap();
        write(&dir.path().join("vonage"), "hunter2\n", 0o440);
        let read = |path: &str| read_secret_from(Path::new(path), Some(dir.path()));
        assert_eq!(read("vonage").unwrap().expose(), "hunter2");
        let whole = dir.path().join("vonage");
        assert_eq!(read(whole.to_str().unwrap()).unwrap().expose(), "hunter2");
        let error = read("other").unwrap_err().to_string();
        assert!(error.contains("LoadCredential=other:"), "{error}");
        for path in ["../vonage", "a/b", "..", ""] {
            assert!(
                matches!(read(path), Err(SecretError::Name { .. })),
                "{path}"
            );
        }
        let none = read_secret_from(Path::new("vonage"), None);
        assert!(matches!(none, Err(SecretError::NoCredential { .. })));
    }

    #[test]
    fn a_file_that_is_not_one_line_of_text_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        for text in ["", "\n", "a\nb\n", "a\0b", &"a".repeat(4097)] {
            write(&path, text, 0o600);
            let read = read_secret_from(&path, None);
            assert!(
                matches!(read, Err(SecretError::Malformed { .. })),
                "{text:?}"
            );
        }
        assert!(read_secret_from(dir.path(), None).is_err());
        let error = read_secret_from(Path::new("/nowhere/key"), None).unwrap_err();
        assert!(error.to_string().contains("can't be read"), "{error}");
    }
}
