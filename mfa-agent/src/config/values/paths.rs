//! Places in the file system.

use std::path::{Path, PathBuf};

/// A path from the root.
pub(super) fn full(text: &str) -> Result<PathBuf, String> {
    if !Path::new(text).is_absolute() || text.contains('\0') {
        return Err(format!(
            "{text:?} is not a full path; expected a path that begins with \"/\""
        ));
    }
    Ok(text.into())
}

/// The path of a Unix socket: `sun_path` holds 107 bytes and a NUL (unix(7)).
pub(super) fn of_socket(text: &str) -> Result<PathBuf, String> {
    if text.len() > 107 {
        return Err(format!(
            "the path of a socket has at most 107 bytes, but this path has {}; expected a shorter \
             path",
            text.len()
        ));
    }
    full(text)
}

/// A path from the root, or nothing for none.
pub(super) fn optional(text: &str) -> Result<Option<PathBuf>, String> {
    match text {
        "" => Ok(None),
        text => full(text).map(Some),
    }
}

/// Where a secret is: in a file, or in a systemd credential of that name.
pub(super) fn of_secret(text: &str) -> Result<PathBuf, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let is_name =
        (1..=255).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with('.');
    if is_name {
        return Ok(text.into());
    }
    // Not quoted: an administrator may have put the secret itself here.
    full(text).map_err(|_| {
        "this does not name a secret; expected the full path of a file that holds it, or the name \
         of a systemd credential"
            .to_owned()
    })
}

/// What keys in a shared store begin with. It ends in a slash, so that no other prefix of that kind begins with it.
pub(super) fn prefix(text: &str) -> Result<String, String> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    if !(1..=128).contains(&text.len()) || !is_plain || !text.ends_with('/') {
        return Err(format!(
            "{text:?} can't begin the keys; expected letters, digits and \"/\", at the end a \"/\", at most 128"
        ));
    }
    Ok(text.to_owned())
}
