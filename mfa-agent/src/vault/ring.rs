//! The key, and keys from before it was changed.
//!
//! ```text
//!   /var/lib/mfa/key            the current key
//!   /var/lib/mfa/key.1f2e3d4c   an earlier key, by its ID: opens records and backups that it sealed
//!   /var/lib/mfa/key.next       with a shared store, the next one, if an administrator made it
//!   mfa.key, mfa.key.old        the same as credentials of systemd
//! ```
//!
//! A change of the key file is one rename, after the earlier key has its other name: a cut leaves a key that opens
//! everything.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::key::{self, KeyError, KeySource, MasterKey};
use super::{Cipher, hex};
use crate::durable_file::{folder_of, make_durably, replace_durably, with_suffix};
use crate::log;

/// The credential with the key before the current one.
const OLD_CREDENTIAL: &str = "mfa.key.old";

/// Ends the name of the next key of a shared store, if an administrator made it.
const NEXT: &str = ".next";

/// The most earlier keys that are read, the newest.
const MOST_KEYS: usize = 64;

/// The keys of a host.
pub struct KeyRing {
    pub(super) current: MasterKey,
    pub(super) others: Vec<MasterKey>,
}

impl KeyRing {
    /// One key, which was never changed.
    #[must_use]
    pub fn of(current: MasterKey) -> Self {
        Self {
            current,
            others: Vec::new(),
        }
    }
}

impl KeySource {
    /// Reads the current key, and the earlier ones as far as they can be read.
    ///
    /// # Errors
    ///
    /// [`KeyError`] for the current key.
    pub fn load_ring(&self) -> Result<KeyRing, KeyError> {
        self.read_ring(log::warn)
    }

    /// The same once more, without a word about what can't be read.
    ///
    /// # Errors
    ///
    /// As [`Self::load_ring`].
    pub fn load_ring_again(&self) -> Result<KeyRing, KeyError> {
        self.read_ring(|_| ())
    }

    fn read_ring(&self, warn: impl Fn(String)) -> Result<KeyRing, KeyError> {
        let current = self.load()?;
        let mut ring = KeyRing::of(current);
        let mut ids = vec![id(&ring.current)];
        for path in self.earlier_files(&warn) {
            match key::load_file(&path) {
                Ok(None) => {}
                Ok(Some(earlier)) if ids.contains(&id(&earlier)) => {}
                Ok(Some(earlier)) => {
                    ids.push(id(&earlier));
                    ring.others.push(earlier);
                }
                Err(e) => warn(format!("an earlier key is not used: {e}")),
            }
        }
        if let Some(folder) = &self.credentials {
            match key::load_credential(&folder.join(OLD_CREDENTIAL)) {
                Ok(Some(earlier)) if !ids.contains(&id(&earlier)) => ring.others.push(earlier),
                Ok(_) => {}
                Err(e) => warn(format!("an earlier key is not used: {e}")),
            }
        }
        Ok(ring)
    }

    /// Whether the current key is a credential, which only systemd can change.
    #[must_use]
    pub fn is_credential(&self) -> bool {
        self.credential_path().is_some_and(|path| path.exists())
    }

    /// Makes a new key and puts it in the place of the current one, which gets a name of its own. Durable on return.
    /// Returns the path of the earlier key.
    ///
    /// # Errors
    ///
    /// [`KeyError::Io`]; the current key is the same then.
    pub fn replace(&self) -> Result<PathBuf, KeyError> {
        let earlier = self.keep_current()?;
        put_new(&self.file).map_err(|reason| self.not_replaced(reason))?;
        Ok(earlier)
    }

    /// Makes a new key beside the current one, which stays so, under the name that earlier keys have. Durable on return.
    /// Returns its ID.
    ///
    /// # Errors
    ///
    /// [`KeyError::Io`].
    pub fn make_next(&self) -> Result<String, KeyError> {
        let text = key::fresh_text().map_err(|reason| self.not_made(reason))?;
        let next = key::parse(&text).ok_or_else(|| KeyError::Malformed {
            path: self.file.clone(),
        })?;
        let id = id(&next);
        make_durably(&self.earlier_path(&id), &text).map_err(|reason| self.not_made(reason))?;
        Ok(id)
    }

    /// The file that holds the key with this ID, if there is one.
    #[must_use]
    pub fn file_of(&self, wanted: &str) -> Option<PathBuf> {
        let own = (!self.is_credential()).then(|| self.file.clone());
        let files = own.into_iter().chain([self.next_file()]);
        let mut holding = files.filter(|file| holds(file, wanted));
        holding.next().or_else(|| self.earlier_file(wanted))
    }

    /// Where an administrator puts the next key, if the agent may not write there.
    #[must_use]
    pub fn next_file(&self) -> PathBuf {
        with_suffix(&self.file, NEXT)
    }

    /// The IDs of the keys that an administrator may have put here to be the next one: in the place of the current one,
    /// or as `key.next`.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when they can't be read.
    pub fn proposed(&self) -> Result<Vec<String>, KeyError> {
        let mut proposed = vec![id(&self.load()?)];
        proposed.extend(key::load_file(&self.next_file())?.as_ref().map(id));
        Ok(proposed)
    }

    /// Puts the key with this ID, which is here under another name, in the place of the current one; that one gets a name
    /// of its own. Durable on return. Returns whether there was anything to do.
    ///
    /// # Errors
    ///
    /// [`KeyError`]; all keys are here in any case.
    pub fn adopt(&self, wanted: &str) -> Result<bool, KeyError> {
        if self.is_credential() || id(&self.load()?) == wanted {
            return Ok(false);
        }
        let Some(file) = self.file_of(wanted) else {
            return Ok(false);
        };
        self.keep_current()?;
        let unreadable = |reason| self.not_replaced(reason);
        let text = zeroize::Zeroizing::new(std::fs::read(file).map_err(unreadable)?);
        replace_durably(&self.file, &text).map_err(unreadable)?;
        Ok(true)
    }

    /// Where the key with this ID belongs that is not here.
    #[must_use]
    pub fn missing_file(&self, id: &str) -> PathBuf {
        self.earlier_path(id)
    }

    /// Gives the current key the name that it has once it is an earlier one, too. Durable on return.
    ///
    /// # Errors
    ///
    /// [`KeyError`]: a file of that name must hold this very key, since the other name is overwritten next.
    pub fn keep_current(&self) -> Result<PathBuf, KeyError> {
        let current = self.load()?;
        let earlier = with_suffix(&self.file, &format!(".{}", id(&current)));
        match std::fs::hard_link(&self.file, &earlier) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                self.check_kept(&earlier, &current)?;
            }
            Err(e) => return Err(self.not_replaced(e)),
        }
        File::open(&earlier)
            .and_then(|file| file.sync_all())
            .and_then(|()| File::open(folder_of(&self.file))?.sync_all())
            .map_err(|reason| self.not_replaced(reason))?;
        Ok(earlier)
    }

    fn check_kept(&self, earlier: &Path, current: &MasterKey) -> Result<(), KeyError> {
        let taken = || KeyError::Taken {
            path: earlier.to_owned(),
            key: self.file.clone(),
        };
        match key::load_file(earlier) {
            Ok(Some(kept)) if kept.is_same(current) => Ok(()),
            Ok(_) | Err(KeyError::Malformed { .. }) => Err(taken()),
            Err(error) => Err(error),
        }
    }

    fn not_made(&self, reason: io::Error) -> KeyError {
        KeyError::Io {
            path: self.file.clone(),
            action: "made",
            reason,
        }
    }

    fn not_replaced(&self, reason: io::Error) -> KeyError {
        KeyError::Io {
            path: self.file.clone(),
            action: "replaced",
            reason,
        }
    }

    /// The ID of the key in the credential `mfa.key.old`, if it is there and is not the current one.
    #[must_use]
    pub fn old_credential(&self) -> Option<String> {
        let old = self.credentials.as_ref()?.join(OLD_CREDENTIAL);
        let old = id(&key::load_credential(&old).ok()??);
        let current = id(&self.load().ok()?);
        (old != current).then_some(old)
    }

    /// The path of the earlier key with this ID, if it is a file.
    #[must_use]
    pub fn earlier_file(&self, id: &str) -> Option<PathBuf> {
        let path = self.earlier_path(id);
        path.exists().then_some(path)
    }

    /// The path of the earlier key with this ID, whether it is there or not.
    #[must_use]
    pub fn earlier_path(&self, id: &str) -> PathBuf {
        with_suffix(&self.file, &format!(".{id}"))
    }

    /// `key.1f2e3d4c` beside the key; with a credential the key file itself, too.
    fn earlier_files(&self, warn: impl Fn(String)) -> Vec<PathBuf> {
        let folder = self
            .file
            .parent()
            .filter(|path| !path.as_os_str().is_empty());
        let prefix = with_suffix(Path::new(self.file.file_name().unwrap_or_default()), ".");
        let entries = std::fs::read_dir(folder.unwrap_or(Path::new(".")));
        let names = entries.into_iter().flatten().flatten().map(|it| it.path());
        let mut files: Vec<_> = names
            .filter(|path| is_earlier(path, prefix.as_os_str()))
            .collect();
        // The newest first: records may need it.
        let made = |path: &PathBuf| {
            std::fs::metadata(path)
                .and_then(|meta| meta.modified())
                .ok()
        };
        files.sort_by_cached_key(|path| std::cmp::Reverse(made(path)));
        if let Some(unread @ 1..) = files.len().checked_sub(MOST_KEYS) {
            warn(format!(
                "only the {MOST_KEYS} newest earlier keys are read, and {} has {unread} more; remove the ones that no \
                 backup needs",
                folder.unwrap_or(Path::new(".")).display()
            ));
            files.truncate(MOST_KEYS);
        }
        if self.is_credential() {
            files.push(self.file.clone());
        }
        files
    }
}

fn holds(file: &Path, wanted: &str) -> bool {
    matches!(key::load_file(file), Ok(Some(key)) if id(&key) == wanted)
}

/// The ID of a key, for names and logs.
pub(super) fn id(key: &MasterKey) -> String {
    hex(&Cipher::new(key).id)
}

fn is_earlier(path: &Path, prefix: &OsStr) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let suffix = name.strip_prefix(prefix.as_encoded_bytes());
    let is_next = suffix == NEXT.strip_prefix('.').map(str::as_bytes);
    is_next
        || suffix.is_some_and(|id| {
            id.len() == 8 && id.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        })
}

fn put_new(path: &Path) -> io::Result<()> {
    replace_durably(path, &key::fresh_text()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::{Vault, VaultError};

    fn source(dir: &tempfile::TempDir) -> KeySource {
        let source = KeySource {
            credentials: None,
            file: dir.path().join("key"),
        };
        source.make().unwrap();
        source
    }

    fn vault(source: &KeySource) -> Vault {
        Vault::with(&source.load_ring().unwrap(), None)
    }

    #[test]
    fn after_a_change_of_the_key_old_records_open_and_new_ones_need_the_new_key() {
        let dir = tempfile::tempdir().unwrap();
        let source = source(&dir);
        let before = vault(&source);
        let sealed = before.seal(b"a", [1; 24], b"secret").unwrap();
        let earlier = source.replace().unwrap();
        assert_eq!(source.earlier_file(&before.key_id()), Some(earlier));
        let after = vault(&source);
        assert_ne!(after.key_id(), before.key_id());
        assert_eq!(after.other_ids(), [before.key_id()]);
        assert!(!after.is_current(&sealed));
        assert_eq!(**after.open(b"a", &sealed).unwrap(), *b"secret");
        let sealed = after.seal(b"a", [1; 24], b"secret").unwrap();
        assert!(after.is_current(&sealed));
        assert!(matches!(
            before.open(b"a", &sealed),
            Err(VaultError::OtherKey { .. })
        ));
    }

    #[test]
    fn a_file_that_has_the_name_of_the_earlier_key_must_hold_that_key() {
        let dir = tempfile::tempdir().unwrap();
        let source = source(&dir);
        let before = vault(&source);
        let earlier = dir.path().join(format!("key.{}", before.key_id()));
        let other = format!("mfa-key-v1:{}\n", data_encoding::BASE64.encode(&[9; 32]));
        for text in ["", "half a ke", other.as_str()] {
            std::fs::write(&earlier, text).unwrap();
            std::fs::set_permissions(
                &earlier,
                std::os::unix::fs::PermissionsExt::from_mode(0o600),
            )
            .unwrap();
            let error = source.replace().unwrap_err().to_string();
            assert!(
                error.contains(&format!("mv {}", earlier.display())),
                "{error}"
            );
            assert_eq!(vault(&source).key_id(), before.key_id(), "{text:?}");
        }
        // A cut after the first of the two steps, or a copy that was put there.
        std::fs::copy(&source.file, &earlier).unwrap();
        source.replace().unwrap();
        assert_eq!(vault(&source).other_ids(), [before.key_id()]);
    }

    #[test]
    fn what_lasts_is_the_same_after_a_change_of_the_key() {
        let dir = tempfile::tempdir().unwrap();
        let source = source(&dir);
        let before = vault(&source);
        let lasting = before.lasting().clone();
        let text = serde_json::to_string(&lasting).unwrap();
        source.replace().unwrap();
        let lasting = serde_json::from_str(&text).unwrap();
        let after = Vault::with(&source.load_ring().unwrap(), Some(lasting));
        assert_eq!(after.slot("name", 1000), before.slot("name", 1000));
        assert_eq!(after.pepper().digest("1"), before.pepper().digest("1"));
    }

    #[test]
    fn of_more_earlier_keys_than_are_read_it_is_the_oldest_that_are_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let source = source(&dir);
        let mut made = Vec::new();
        for number in 0..MOST_KEYS + 2 {
            made.push(vault(&source).key_id());
            let earlier = File::open(source.replace().unwrap()).unwrap();
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(number as u64);
            earlier.set_modified(time).unwrap();
        }
        let mut read = vault(&source).other_ids();
        read.sort();
        let mut newest = made.split_off(2);
        newest.sort();
        assert_eq!(read, newest);
    }

    #[test]
    fn with_a_credential_the_key_file_and_the_old_credential_are_earlier_keys() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, mut source) = (dir.path().join("credentials"), source(&dir));
        let file = vault(&source).key_id();
        std::fs::create_dir(&folder).unwrap();
        for name in ["mfa.key", OLD_CREDENTIAL] {
            let file = folder.join(name);
            let made = KeySource {
                credentials: None,
                file,
            };
            made.make().unwrap();
        }
        source.credentials = Some(folder);
        assert!(source.is_credential());
        let ids = vault(&source).other_ids();
        assert_eq!(ids.len(), 2);
        assert!(ids.contains(&file) && !ids.contains(&vault(&source).key_id()));
    }

    #[test]
    fn a_key_of_a_backup_opens_with_its_own_key_and_unchanged() {
        let (one, two) = (
            MasterKey::from_bytes([1; 32]),
            MasterKey::from_bytes([2; 32]),
        );
        let (one, two) = (Vault::new(&one), Vault::new(&two));
        let mut wrapped = one.wrap([3; 24], &[4; 32]).unwrap();
        assert_eq!(*one.unwrap(&one.key_id(), &wrapped).unwrap(), [4; 32]);
        let other = two.unwrap(&one.key_id(), &wrapped).unwrap_err();
        assert!(matches!(other, VaultError::OtherKey { .. }));
        assert_eq!(two.unwrap(&two.key_id(), &wrapped), Err(VaultError::Forged));
        wrapped[30] ^= 1;
        assert_eq!(one.unwrap(&one.key_id(), &wrapped), Err(VaultError::Forged));
        assert_eq!(
            one.unwrap("?", &[]).unwrap_err(),
            one.unwrap("?", &[0; 9]).unwrap_err()
        );
    }
}
