//! Where a user's file is, as `secret=` of the module says it.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::str::FromStr;

use crate::host::users::HostUser;

/// A path with places for a user's name and home.
#[derive(Debug)]
pub(super) struct Pattern(Vec<Part>);

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Home,
    Name,
}

impl Pattern {
    /// The path of a user's file; none for a user without a home, or with a name that can't be part of a path.
    pub(super) fn path(&self, user: &HostUser) -> Option<PathBuf> {
        let home = user.home.as_os_str().as_bytes();
        let named = !user.name.is_empty() && !user.name.contains('/') && user.name != "..";
        let mut path = Vec::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => path.extend_from_slice(text.as_bytes()),
                Part::Home => path.extend_from_slice(home.strip_suffix(b"/").unwrap_or(home)),
                Part::Name if named => path.extend_from_slice(user.name.as_bytes()),
                Part::Name => return None,
            }
        }
        (home.first() == Some(&b'/')).then(|| PathBuf::from(OsString::from_vec(path)))
    }
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = parts(text);
        match parts.first() {
            Some(Part::Home) => {}
            Some(Part::Text(text)) if text.starts_with('/') => {}
            _ => return Err("--secret: expected a path that begins with / or ~".to_owned()),
        }
        if !parts
            .iter()
            .any(|part| matches!(part, Part::Home | Part::Name))
        {
            return Err(
                "--secret: expected ~, %h, %u, ${HOME} or ${USER} in the path; without it all users would \
                 have the same file"
                    .to_owned(),
            );
        }
        Ok(Self(parts))
    }
}

/// `~` counts at the beginning and after a slash, as in the module.
fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let begins = plain.ends_with('/') || (plain.is_empty() && parts.is_empty());
        let Some((part, after)) = place(rest, begins) else {
            plain.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        if !plain.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut plain)));
        }
        parts.push(part);
        rest = after;
    }
    if !plain.is_empty() {
        parts.push(Part::Text(plain));
    }
    parts
}

/// What a text begins with, and what comes after.
fn place(text: &str, begins: bool) -> Option<(Part, &str)> {
    let places = [
        ("~", Part::Home),
        ("%h", Part::Home),
        ("${HOME}", Part::Home),
        ("%u", Part::Name),
        ("${USER}", Part::Name),
    ];
    let counts = |word: &str| word != "~" || begins;
    places.into_iter().find_map(|(word, part)| {
        let after = text.strip_prefix(word).filter(|_| counts(word))?;
        Some((part, after))
    })
}

#[cfg(test)]
mod tests {
    use nix::unistd::Uid;

    use super::*;

    fn path(pattern: &str, name: &str, home: &str) -> Option<String> {
        let user = HostUser {
            name: name.to_owned(),
            uid: Uid::from_raw(1000),
            home: home.into(),
            shell: String::new(),
        };
        let path = pattern.parse::<Pattern>().unwrap().path(&user)?;
        Some(path.into_os_string().into_string().unwrap())
    }

    #[test]
    fn every_place_of_the_module_is_known() {
        for (pattern, expected) in [
            ("~/.google_authenticator", "/home/al/.google_authenticator"),
            ("%h/ga", "/home/al/ga"),
            ("${HOME}/ga~", "/home/al/ga~"),
            ("/var/ga/${USER}/key", "/var/ga/al/key"),
            ("/var/ga/%u", "/var/ga/al"),
        ] {
            assert_eq!(path(pattern, "al", "/home/al").as_deref(), Some(expected));
        }
        assert_eq!(path("~/x", "root", "/").as_deref(), Some("/x"));
    }

    #[test]
    fn a_user_without_a_home_or_with_an_odd_name_has_no_file() {
        assert_eq!(path("~/ga", "al", ""), None);
        assert_eq!(path("/var/ga/%u", "../root", "/home/al"), None);
        assert_eq!(path("/var/ga/%u", "..", "/home/al"), None);
    }

    #[test]
    fn a_pattern_that_is_one_file_for_all_is_refused() {
        for pattern in ["", "ga", "x~/ga", "/etc/ga", "%u"] {
            assert!(pattern.parse::<Pattern>().is_err(), "{pattern}");
        }
    }
}
