//! The authorized_keys files of a user, as sshd finds them.
//!
//! They are in folders that users can write to: no link that a user could have made is followed, and only regular files are
//! read, as much of them as sshd's own users need.

use std::io::Read;
use std::path::{Path, PathBuf};

use mfa_import::authorized_keys;
use nix::unistd::User;

use crate::commands::opener;
use crate::sshd::Settings;

/// The most of a file that is read.
const MAX_FILE: u64 = 1 << 20;

/// A line with whose key sshd does without the touch.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Untouched {
    pub(super) file: PathBuf,
    pub(super) line: usize,
    pub(super) fingerprint: String,
}

/// Such lines in the files of `user`. A file that can't be read has none: sshd does not read it either, or it is behind a
/// link that must not be followed.
pub(super) fn untouched(user: &str, settings: &Settings) -> Vec<Untouched> {
    let Ok(Some(entry)) = User::from_name(user) else {
        return Vec::new();
    };
    let files = settings.authorized_keys.iter();
    let files = files.filter_map(|pattern| place(pattern, user, entry.uid.as_raw(), &entry.dir));
    files.flat_map(|file| of_file(&file)).collect()
}

fn of_file(file: &Path) -> Vec<Untouched> {
    let Ok(open) = opener::file(file) else {
        return Vec::new();
    };
    let mut bytes = Vec::new();
    if open.take(MAX_FILE).read_to_end(&mut bytes).is_err() {
        return Vec::new();
    }
    let text = String::from_utf8_lossy(&bytes);
    let lines = (1..).zip(text.lines());
    lines
        .filter_map(|(line, text)| {
            let key = authorized_keys::read(text).ok().flatten()?;
            key.options.no_touch.then(|| Untouched {
                file: file.to_owned(),
                line,
                fingerprint: key.fingerprint,
            })
        })
        .collect()
}

/// `AuthorizedKeysFile` with its tokens (sshd_config(5)); relative to the home.
fn place(pattern: &str, user: &str, uid: u32, home: &Path) -> Option<PathBuf> {
    let mut path = String::new();
    let mut rest = pattern.chars();
    while let Some(letter) = rest.next() {
        if letter != '%' {
            path.push(letter);
            continue;
        }
        match rest.next()? {
            '%' => path.push('%'),
            'h' => path.push_str(home.to_str()?),
            'u' => path.push_str(user),
            'U' => path.push_str(&uid.to_string()),
            _ => return None,
        }
    }
    Some(home.join(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SK: &str = "sk-ssh-ed25519@openssh.com \
        AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIAqYYOyTMdO9s2KUqjLlL1HdZH7SKdYpTjqQqYYP3pRZAAAABHNzaDo=";

    #[test]
    fn lines_without_a_touch_are_found_and_links_of_users_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("authorized_keys");
        let text =
            format!("{SK}\nno-touch-required {SK} anna\n# no-touch-required {SK}\nnonsense\n");
        std::fs::write(&file, text).unwrap();
        let found = of_file(&file);
        assert_eq!(found.iter().map(|it| it.line).collect::<Vec<_>>(), [2]);
        assert!(found[0].fingerprint.starts_with("SHA256:"));
        assert_eq!(of_file(folder.path()), []);
        assert_eq!(of_file(&folder.path().join("none")), []);
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        if nix::unistd::geteuid().is_root() {
            std::os::unix::fs::lchown(&link, Some(4_000_001), None).unwrap();
            assert_eq!(of_file(&link), []);
        }
    }

    #[test]
    fn a_pattern_names_a_file_of_the_user() {
        let at = |pattern| place(pattern, "anna", 1001, Path::new("/home/anna"));
        for (pattern, expected) in [
            (".ssh/authorized_keys", "/home/anna/.ssh/authorized_keys"),
            ("%h/.ssh/keys", "/home/anna/.ssh/keys"),
            ("/etc/ssh/keys/%u", "/etc/ssh/keys/anna"),
            ("/etc/ssh/%U%%", "/etc/ssh/1001%"),
        ] {
            assert_eq!(at(pattern), Some(PathBuf::from(expected)), "{pattern}");
        }
        assert_eq!(at("/etc/%x"), None);
    }
}
