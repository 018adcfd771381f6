//! Why the agent does not start without its store, and what to do about it.

use std::fmt;
use std::path::{Path, PathBuf};

use super::backups::Remedy;
use super::places::Places;
use crate::store_mark::decision::Reason;
use crate::vault::KeyError;

/// Why the agent does not serve. Its text names what is missing and the command to run.
#[derive(Debug)]
pub(super) struct Refused {
    reason: Reason,
    store: PathBuf,
    key_file: PathBuf,
    mark: PathBuf,
    /// What is at the path of the store.
    absence: &'static str,
    remedy: Remedy,
}

impl Refused {
    pub(super) fn new(reason: Reason, places: &Places<'_>) -> Self {
        Self {
            reason,
            store: places.store.to_owned(),
            key_file: places.key.file.clone(),
            mark: places.mark.clone(),
            absence: absence(places.store),
            remedy: Remedy::of(places),
        }
    }
}

impl std::error::Error for Refused {}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (store, key_file) = (self.store.display(), self.key_file.display());
        let (mark, absence) = (self.mark.display(), self.absence);
        match self.reason {
            Reason::NothingThere => write!(
                f,
                "there is no store: {store} {absence}, and there is no key {key_file}. If the \
                 agent ran on this host before, mount its disk or restore the last backup. For a \
                 first start, create both: mfa-agent --init"
            ),
            Reason::StoreLost { marked } => {
                let witness = match marked {
                    true => format!("{mark} names a store"),
                    false => "its key exists".to_owned(),
                };
                write!(
                    f,
                    "the store is lost: {store} {absence}, but {witness}. The agent does not \
                     create an empty store by itself, since no user would be enrolled in it. \
                     If it is on a disk of its own, mount that first. If it is gone, restore a \
                     backup. Without one, create an empty store, in which all users must enrol \
                     again: mfa-agent --init. {}",
                    self.remedy
                )
            }
            Reason::KeyMissing => {
                let path = self.key_file.clone();
                KeyError::Missing { path }.fmt(f)
            }
            Reason::Foreign { here, marked } => write!(
                f,
                "this is not this host's store: {store} is the store {here}, but {mark} names \
                 {marked}. Mount the right disk, or restore the right folder. If this store is \
                 right, accept it: mfa-agent --init"
            ),
        }
    }
}

fn absence(store: &Path) -> &'static str {
    let Ok(meta) = std::fs::metadata(store) else {
        return "does not exist";
    };
    if !meta.is_dir() {
        return "is not a folder";
    }
    match std::fs::read_dir(store).map(|mut entries| entries.next().is_none()) {
        Ok(true) => "is empty",
        _ => "contains no store",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::store::StoreId;

    fn text(reason: Reason, store: &Path) -> String {
        let settings = config::Store {
            engine: config::Engine::Sled,
            path: store.to_owned(),
            key_file: PathBuf::from("/k/key"),
        };
        Refused::new(reason, &Places::of(&settings)).to_string()
    }

    #[test]
    fn each_reason_names_the_places_and_the_command_to_run() {
        let store = Path::new("/nowhere/store");
        let nothing = text(Reason::NothingThere, store);
        assert!(
            nothing.contains("/nowhere/store does not exist"),
            "{nothing}"
        );
        assert!(nothing.contains("no key /k/key"), "{nothing}");
        let lost = text(Reason::StoreLost { marked: true }, store);
        assert!(lost.contains("/k/key.store names"), "{lost}");
        let (here, marked) = (StoreId([1; 16]), StoreId([2; 16]));
        let foreign = text(Reason::Foreign { here, marked }, store);
        assert!(foreign.contains(&here.to_string()), "{foreign}");
        assert!(foreign.contains(&marked.to_string()), "{foreign}");
        let key = text(Reason::KeyMissing, store);
        assert!(key.contains("the key /k/key is missing"), "{key}");
        for text in [nothing, lost, foreign, key] {
            assert!(text.contains("mfa-agent --init"), "{text}");
            assert!(text.contains("restore"), "{text}");
        }
    }

    #[test]
    fn a_folder_that_is_empty_or_holds_something_else_and_a_file_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let lost = |path: &Path| text(Reason::StoreLost { marked: false }, path);
        assert!(lost(dir.path()).contains("is empty"));
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(lost(&file).contains("is not a folder"));
        assert!(lost(dir.path()).contains("contains no store"));
    }
}
