//! The files of the stacks, read as they are now, and found as libpam finds them.
//!
//! Each file in one of the folders is a service, whatever its name; a line may include a file from anywhere. Files that
//! can't be read are reported, because they may say anything.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use mfa_stacks::chain::Place;
use mfa_stacks::parse::{Does, lines};

/// At most so much of a file is read.
const MAX_FILE: u64 = 64 * 1024;

/// At most so many files are read.
const MAX_FILES: usize = 2000;

/// The suffix of a file that `mfactl stacks take-out` writes, until it replaces the original.
pub(crate) const UNFINISHED: &str = ".mfa-pam";

/// What package tools leave beside a file. Other suffixes, such as `.bak`, are ordinary names: libpam reads them if a
/// program asks for a service of that name.
const LEFTOVERS: [&str; 6] = [
    UNFINISHED, ".pam-old", ".rpmnew", ".rpmsave", ".rpmorig", ".augsave",
];

/// The files of the folders, and the files that they include from elsewhere.
#[derive(Default)]
pub(crate) struct Files {
    /// By name, or by the path in a line: path and text.
    texts: BTreeMap<String, (PathBuf, String)>,
    folders: Vec<PathBuf>,
    /// What can't be read, and why.
    unread: Vec<String>,
}

impl Files {
    /// Reads all files of the folders. Of two files with the same name the first counts.
    pub(crate) fn read(folders: &[PathBuf]) -> Self {
        let mut files = Self {
            folders: folders.to_vec(),
            ..Self::default()
        };
        for folder in folders {
            match files.add(folder) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    files.unread.push(format!("{}: {e}", folder.display()));
                }
                Err(_) | Ok(()) => {}
            }
        }
        files.follow();
        files
    }

    fn add(&mut self, folder: &Path) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            // A folder or a device in there is no stack.
            if !path.is_file() {
                continue;
            }
            match path.file_name().and_then(|name| name.to_str()) {
                Some(name) if self.texts.contains_key(name) => {}
                Some(name) => self.take(name.to_owned(), path.clone()),
                None => self.unread.push(format!("{}: not UTF-8", path.display())),
            }
        }
        Ok(())
    }

    /// Reads included files that are in none of the folders.
    fn follow(&mut self) {
        let mut known: BTreeSet<String> = BTreeSet::new();
        loop {
            let texts = self.texts.values().map(|(_, text)| text.as_str());
            let wanted: BTreeSet<String> = texts
                .flat_map(included)
                .filter(|name| self.text(name).is_none() && !known.contains(name))
                .collect();
            if wanted.is_empty() || self.texts.len() > MAX_FILES {
                return;
            }
            for name in wanted {
                // A path, or a name with a folder in it.
                let mut paths = self.folders.iter().map(|folder| folder.join(&name));
                match paths.find(|path| path.exists()) {
                    Some(path) if path.is_file() => self.take(name.clone(), path),
                    // To read a pipe or a device may never end.
                    Some(path) => self.unread.push(format!("{}: no file", path.display())),
                    None => {}
                }
                known.insert(name);
            }
        }
    }

    fn take(&mut self, name: String, path: PathBuf) {
        match read(&path) {
            Ok(text) => {
                self.texts.insert(name, (path, text));
            }
            Err(e) => self.unread.push(format!("{}: {e}", path.display())),
        }
    }

    /// The services: all files but leftovers of package tools, and paths.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let names = self.texts.keys().map(String::as_str);
        names.filter(|name| !is_left_over(name) && !name.contains('/'))
    }

    /// The names of all files that a service may use.
    pub(crate) fn all(&self) -> BTreeSet<&str> {
        let mut all = BTreeSet::new();
        for name in self.names() {
            all.extend(self.reached(name));
        }
        all
    }

    /// The names of the files that `service` uses, in all phases.
    pub(crate) fn reached(&self, service: &str) -> BTreeSet<&str> {
        let mut reached = BTreeSet::new();
        let mut open = vec![service.to_owned()];
        while let Some(name) = open.pop() {
            let Some((name, text)) = self.entry(&name) else {
                continue;
            };
            if reached.insert(name) {
                open.extend(included(text));
            }
        }
        reached
    }

    /// What can't be read, and why.
    pub(crate) fn unread(&self) -> &[String] {
        &self.unread
    }

    /// The text of a file, by its name or path as in an include.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.entry(name).map(|(_, text)| text)
    }

    /// A file, with its name here.
    fn entry(&self, name: &str) -> Option<(&str, &str)> {
        let known = |name: &str| self.texts.get_key_value(name);
        let by_path = || {
            let path = Path::new(name);
            let own = known(path.file_name()?.to_str()?)?;
            (own.1.0 == path).then_some(own)
        };
        let (name, (_, text)) = known(name).or_else(by_path)?;
        Some((name.as_str(), text.as_str()))
    }

    /// Whether these are the stacks of this host.
    pub(super) fn are_of_this_host(&self) -> bool {
        let mut folders = self.folders.iter();
        folders.any(|folder| folder == Path::new("/etc/pam.d"))
    }

    /// The name here of a file that is named as in an include.
    pub(crate) fn name_of(&self, name: &str) -> Option<&str> {
        self.entry(name).map(|(name, _)| name)
    }

    /// The names of included files.
    pub(crate) fn taken_in(&self) -> BTreeSet<&str> {
        let texts = self.texts.values().flat_map(|(_, text)| included(text));
        let taken_in: BTreeSet<_> = texts.collect();
        let names = taken_in.iter().filter_map(|name| self.name_of(name));
        names.collect()
    }

    /// Whether an include of `name` finds it in another folder than the first: Debian's libpam looks there only for
    /// services.
    pub(super) fn is_beyond_the_first(&self, name: &str) -> bool {
        let path = self.texts.get(name).map(|(path, _)| path.as_path());
        let folder = path.and_then(Path::parent);
        !name.starts_with('/')
            && folder.is_some_and(|own| {
                self.folders
                    .first()
                    .is_some_and(|first| !own.starts_with(first))
            })
    }

    /// The path of a file.
    pub(crate) fn path(&self, name: &str) -> String {
        let known = self.texts.get(name);
        known.map_or_else(|| name.to_owned(), |(path, _)| path.display().to_string())
    }

    /// `/etc/pam.d/sshd:3`
    pub(crate) fn place(&self, place: &Place) -> String {
        format!("{}:{}", self.path(&place.file), place.number)
    }
}

fn is_left_over(name: &str) -> bool {
    LEFTOVERS.iter().any(|end| name.ends_with(end)) || name.contains(".dpkg-")
}

/// The files that a text includes, as it names them.
pub(crate) fn included(text: &str) -> impl Iterator<Item = String> {
    let file = |does| match does {
        Does::Include { file, .. } => Some(file),
        Does::Call(_) | Does::Fails(_) | Does::Stops => None,
    };
    lines(text)
        .into_iter()
        .filter_map(move |line| file(line.does))
}

fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAX_FILE + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(io::Error::other("longer than 64 KiB"));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
