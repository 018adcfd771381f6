//! The authorized_keys files of a user, as sshd finds them.
//!
//! They are in folders that users can write to: no link that a user could have made is followed, and only regular files are
//! read, as much of them as sshd's own users need.

use std::io::Read;
use std::path::{Path, PathBuf};

use mfa_import::authorized_keys;
use nix::errno::Errno;
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

/// What the files of a user say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) untouched: Vec<Untouched>,
    /// Files that exist and were not read, or not to their end: sshd may read them, for example behind a link that the user
    /// has made.
    pub(super) unread: Vec<PathBuf>,
}

pub(super) fn read(user: &str, settings: &Settings) -> Found {
    let mut found = Found::default();
    let Ok(Some(entry)) = User::from_name(user) else {
        return found;
    };
    for pattern in &settings.authorized_keys {
        match place(pattern, user, entry.uid.as_raw(), &entry.dir) {
            Some(file) => found.take(file),
            None => found.unread.push(pattern.into()),
        }
    }
    found
}

impl Found {
    fn take(&mut self, file: PathBuf) {
        match contents(&file) {
            Ok(Some(text)) => self.untouched.extend(of_text(&file, &text)),
            Ok(None) => {}
            Err(_) => self.unread.push(file),
        }
    }
}

/// None if there is no such file.
fn contents(file: &Path) -> Result<Option<String>, Errno> {
    let open = match opener::file(file) {
        Ok(open) => open,
        Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    let length = open.take(MAX_FILE + 1).read_to_end(&mut bytes);
    match length {
        Ok(length) if length as u64 <= MAX_FILE => {
            Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
        }
        Ok(_) => Err(Errno::EFBIG),
        Err(_) => Err(Errno::EIO),
    }
}

fn of_text(file: &Path, text: &str) -> Vec<Untouched> {
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
        let of_file = |file: &Path| {
            let mut found = Found::default();
            found.take(file.to_owned());
            found
        };
        let unread = |file: &Path| Found {
            unread: vec![file.to_owned()],
            ..Found::default()
        };
        let found = of_file(&file);
        let lines: Vec<_> = found.untouched.iter().map(|it| it.line).collect();
        assert_eq!((lines, found.unread), (vec![2], Vec::new()));
        assert!(found.untouched[0].fingerprint.starts_with("SHA256:"));
        assert_eq!(of_file(folder.path()), unread(folder.path()));
        assert_eq!(of_file(&folder.path().join("none")), Found::default());
        let long = folder.path().join("long");
        std::fs::write(&long, "#".repeat(MAX_FILE as usize + 1)).unwrap();
        assert_eq!(of_file(&long), unread(&long));
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        if nix::unistd::geteuid().is_root() {
            std::os::unix::fs::lchown(&link, Some(4_000_001), None).unwrap();
            assert_eq!(of_file(&link), unread(&link));
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
