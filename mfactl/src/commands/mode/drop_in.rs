//! The file in `agent.d` that sets the mode.
//!
//! The agent says where the settings are, and root writes. So the folder must belong to root, no other user may write to
//! it, no link is followed, and the text is fixed.

use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use mfa_protocol::policy::EnforcementMode;
use nix::unistd::geteuid;

use crate::failure::Failure;

/// Read after files whose names begin with a letter or a digit.
const NAME: &str = "zzz-mode.toml";

/// Write permission of the group and of others.
const OTHERS_WRITE: u32 = 0o022;

pub(super) struct DropIn {
    folder: PathBuf,
}

impl DropIn {
    /// The one beside the agent's settings. Creates its folder if there is none.
    pub(super) fn beside(config: &Path) -> Result<Self, Failure> {
        let home = config.parent().unwrap_or(Path::new("/"));
        check(home)?;
        let folder = home.join("agent.d");
        match fs::create_dir(&folder) {
            Ok(()) => fs::set_permissions(&folder, Permissions::from_mode(0o755)).map_err(
                Failure::io(format!("open {} to the agent", folder.display())),
            )?,
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            Err(e) => return Err(Failure::io(format!("make {}", folder.display()))(e)),
        }
        check(&folder)?;
        let drop_in = Self { folder };
        drop_in.check_order()?;
        Ok(drop_in)
    }

    /// Writes the mode, and returns the earlier text of the file.
    pub(super) fn write(&self, mode: EnforcementMode) -> Result<Option<Vec<u8>>, Failure> {
        let before = match fs::read(self.path()) {
            Ok(text) => Some(text),
            Err(e) if e.kind() == ErrorKind::NotFound => None,
            Err(e) => return Err(self.failed(e)),
        };
        let text = format!(
            "# Written by \"mfactl mode\". Remove this file to use the mode of the other files.\n\
             [enforcement]\nmode = \"{mode}\"\n"
        );
        self.replace(text.as_bytes())?;
        Ok(before)
    }

    /// Restores the file as it was before [`Self::write`].
    pub(super) fn put_back(&self, before: Option<Vec<u8>>) -> Result<(), Failure> {
        match before {
            Some(text) => self.replace(&text),
            None => fs::remove_file(self.path()).map_err(|e| self.failed(e)),
        }
    }

    /// A file that is read later would override this one.
    fn check_order(&self) -> Result<(), Failure> {
        let entries = fs::read_dir(&self.folder).map_err(|e| self.failed(e))?;
        for entry in entries {
            let name = entry.map_err(|e| self.failed(e))?.file_name();
            if Path::new(&name)
                .extension()
                .is_some_and(|end| end == "toml")
                && name.as_encoded_bytes() > NAME.as_bytes()
            {
                return Err(Failure::Rejected(format!(
                    "nothing changed: {} is read after {NAME} and could override it. Rename it to an earlier name first",
                    self.folder.join(name).display()
                )));
            }
        }
        Ok(())
    }

    fn replace(&self, text: &[u8]) -> Result<(), Failure> {
        // Hidden, so that no reload reads it as settings. Another mfactl at the same time has a draft of its own.
        let draft = format!(".{NAME}.{}.new", std::process::id());
        let draft = self.folder.join(draft);
        let _ = fs::remove_file(&draft);
        let written = File::options()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(&draft)
            .and_then(|mut file| {
                file.set_permissions(Permissions::from_mode(0o644))?;
                file.write_all(text)?;
                file.sync_all()?;
                fs::rename(&draft, self.path())?;
                File::open(&self.folder)?.sync_all()
            });
        written.map_err(|e| self.failed(e))
    }

    fn path(&self) -> PathBuf {
        self.folder.join(NAME)
    }

    fn failed(&self, error: std::io::Error) -> Failure {
        Failure::io(format!("write {}", self.path().display()))(error)
    }
}

/// Refuses a folder that another user could have put there or can change.
fn check(folder: &Path) -> Result<(), Failure> {
    let what = format!("look at {}", folder.display());
    let found = fs::symlink_metadata(folder).map_err(Failure::io(what))?;
    let is_ours = found.uid() == geteuid().as_raw() && found.mode() & OTHERS_WRITE == 0;
    if found.is_dir() && is_ours {
        return Ok(());
    }
    Err(Failure::Rejected(format!(
        "nothing was written: other users than root can change {}. Check it: ls -ld {}",
        folder.display(),
        folder.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("agent.toml");
        (folder, config)
    }

    #[test]
    fn the_file_says_the_mode_and_goes_back_to_what_it_was() {
        let (folder, config) = settings();
        let drop_in = DropIn::beside(&config).unwrap();
        let file = folder.path().join("agent.d/zzz-mode.toml");
        let first = drop_in.write(EnforcementMode::None).unwrap();
        assert_eq!(first, None);
        assert!(
            fs::read_to_string(&file)
                .unwrap()
                .ends_with("[enforcement]\nmode = \"none\"\n")
        );
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o644);
        let second = drop_in.write(EnforcementMode::All).unwrap();
        drop_in.put_back(second).unwrap();
        assert!(fs::read_to_string(&file).unwrap().contains("\"none\""));
        drop_in.put_back(None).unwrap();
        assert!(!file.exists());
    }

    #[test]
    fn a_file_that_would_win_is_named() {
        let (folder, config) = settings();
        fs::create_dir(folder.path().join("agent.d")).unwrap();
        fs::write(folder.path().join("agent.d/zzzz.toml"), "").unwrap();
        let error = DropIn::beside(&config).err().unwrap().to_string();
        assert!(error.contains("zzzz.toml"), "{error}");
    }

    #[test]
    fn a_folder_that_others_can_change_gets_no_file() {
        let (folder, config) = settings();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
        assert!(DropIn::beside(&config).is_err());
    }

    #[test]
    fn a_link_in_place_of_the_folder_is_not_followed() {
        let (folder, config) = settings();
        let elsewhere = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("agent.d")).unwrap();
        assert!(DropIn::beside(&config).is_err());
    }
}
