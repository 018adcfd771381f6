//! Places in the file system.

use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A path from the root.
#[derive(Debug)]
pub(in crate::config) struct FullPath(pub PathBuf);

impl FromStr for FullPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !Path::new(text).is_absolute() || text.contains('\0') {
            return Err(format!(
                "{text:?} is no full path; expected one that begins with \"/\""
            ));
        }
        Ok(Self(text.into()))
    }
}

/// The path of a Unix socket: `sun_path` holds 107 bytes and a NUL (unix(7)).
#[derive(Debug)]
pub(in crate::config) struct SocketPath(pub PathBuf);

impl FromStr for SocketPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let FullPath(path) = text.parse()?;
        if text.len() > 107 {
            return Err(format!(
                "the path of a socket has at most 107 bytes, this one has {}; expected a shorter one",
                text.len()
            ));
        }
        Ok(Self(path))
    }
}

/// A path from the root, or nothing for none.
#[derive(Debug)]
pub(in crate::config) struct OptionalPath(pub Option<PathBuf>);

impl FromStr for OptionalPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        text.parse().map(|FullPath(path)| Self(Some(path)))
    }
}

/// Where a secret is: in a file, or in a systemd credential of that name.
#[derive(Debug)]
pub(in crate::config) struct SecretFile(pub PathBuf);

impl FromStr for SecretFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        let is_name =
            (1..=255).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with('.');
        if is_name {
            return Ok(Self(text.into()));
        }
        // Not quoted: somebody may have put the secret itself here.
        text.parse().map(|FullPath(path)| Self(path)).map_err(|_| {
            "this names no secret; expected the full path of a file that holds it, or the name of a systemd \
             credential"
                .to_owned()
        })
    }
}
