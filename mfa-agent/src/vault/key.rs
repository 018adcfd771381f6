//! The key that seals the records: where it comes from, and when a new one is made.
//!
//! A systemd credential `mfa.key` goes before the file of the settings. A file that is missing is made
//! on the first start only: with records in the store, a fresh key would lose them all, so the agent
//! stops and asks for the old one. A key that others can read is no key, and is refused.
//!
//! The file is text: one line `mfa-key-v1:` and 32 bytes in base64; lines that begin with `#` and
//! empty ones are skipped, so that a later version can add lines.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use nix::unistd::geteuid;
use zeroize::{ZeroizeOnDrop, Zeroizing};

const LABEL: &str = "mfa-key-v1:";
const CREDENTIAL: &str = "mfa.key";
const LARGEST_FILE: u64 = 4096;
const GROUP_AND_OTHERS: u32 = 0o077;

/// The key. It shows itself nowhere and is wiped when dropped.
#[derive(ZeroizeOnDrop)]
pub struct MasterKey([u8; 32]);

/// Where the key may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySource {
    /// The folder of systemd's credentials, if there is one.
    pub credentials: Option<PathBuf>,
    /// `[store] key_file`.
    pub file: PathBuf,
}

/// There is no key to work with.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It can't be read, or made.
    #[error("the key {path} can't be {action}: {reason}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// `read` or `made`.
        action: &'static str,
        /// Why.
        reason: io::Error,
    },
    /// Others can read it.
    #[error(
        "the key {path} can be read by others (mode {mode:04o}); chmod 0600 {path}, and if somebody may \
         have read it, enrol everybody anew"
    )]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It belongs to somebody else.
    #[error(
        "the key {path} belongs to user id {owner}, not to the agent's ({me}); if you trust it: chown {me} {path}"
    )]
    Owner {
        /// Which file.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// The agent's user.
        me: u32,
    },
    /// It is not a file, too long, or holds no key.
    #[error(
        "{path} holds no key: a line `mfa-key-v1:` with 32 bytes in base64; put it back from a backup"
    )]
    Malformed {
        /// Which file.
        path: PathBuf,
    },
    /// It is gone, and the records that it sealed are still there.
    #[error(
        "the key {path} is missing, but the store holds records sealed with it; put it back from a \
         backup (or, to lose all enrolments, move the store away)"
    )]
    Missing {
        /// Which file.
        path: PathBuf,
    },
}

impl KeySource {
    /// The credential that systemd passed (`$CREDENTIALS_DIRECTORY`), or else `file`.
    #[must_use]
    pub fn new(file: PathBuf) -> Self {
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        Self { credentials, file }
    }

    /// Reads the key; makes it when there is none and `store_is_empty`.
    ///
    /// # Errors
    ///
    /// [`KeyError`], with what to do.
    pub fn load(&self, store_is_empty: bool) -> Result<MasterKey, KeyError> {
        if let Some(path) = self
            .credentials
            .as_ref()
            .map(|folder| folder.join(CREDENTIAL))
            && let Some(file) = existing(&path)?
        {
            // systemd sees to its owner and mode: root's, with an access list for the service.
            return read(&path, file);
        }
        let path = &self.file;
        if let Some(file) = existing(path)? {
            check(path, &file.metadata().map_err(|e| unreadable(path, e))?)?;
            return read(path, file);
        }
        if !store_is_empty {
            return Err(KeyError::Missing { path: path.clone() });
        }
        make(path).map_err(|reason| KeyError::Io {
            path: path.clone(),
            action: "made",
            reason,
        })
    }
}

impl MasterKey {
    /// A key from its bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A key for one purpose only.
    pub(super) fn derive(&self, purpose: &[u8]) -> Zeroizing<[u8; 32]> {
        super::keyed(&self.0, purpose)
    }
}

fn existing(path: &Path) -> Result<Option<File>, KeyError> {
    // Not to be held up by a pipe in its place.
    match File::options()
        .read(true)
        .custom_flags(nix::libc::O_NONBLOCK)
        .open(path)
    {
        Ok(file) => Ok(Some(file)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(unreadable(path, e)),
    }
}

fn check(path: &Path, meta: &Metadata) -> Result<(), KeyError> {
    let path = path.to_owned();
    let me = geteuid().as_raw();
    if meta.uid() != me {
        return Err(KeyError::Owner {
            path,
            owner: meta.uid(),
            me,
        });
    }
    if meta.mode() & GROUP_AND_OTHERS != 0 {
        return Err(KeyError::Exposed {
            path,
            mode: meta.mode() & 0o7777,
        });
    }
    Ok(())
}

fn read(path: &Path, file: File) -> Result<MasterKey, KeyError> {
    // Room for all of it from the start: a buffer that grows leaves copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(LARGEST_FILE as usize + 32));
    file.take(LARGEST_FILE)
        .read_to_end(&mut text)
        .map_err(|e| unreadable(path, e))?;
    parse(&text).ok_or_else(|| KeyError::Malformed {
        path: path.to_owned(),
    })
}

fn parse(text: &[u8]) -> Option<MasterKey> {
    let text = std::str::from_utf8(text).ok()?;
    let encoded = text
        .lines()
        .find_map(|line| line.trim().strip_prefix(LABEL))?
        .trim();
    let mut bytes = Zeroizing::new([0; 33]);
    if BASE64.decode_len(encoded.len()).ok()? != bytes.len() {
        return None;
    }
    let length = BASE64.decode_mut(encoded.as_bytes(), &mut *bytes).ok()?;
    let mut key = MasterKey([0; 32]);
    key.0
        .copy_from_slice(bytes.get(..length).filter(|bytes| bytes.len() == 32)?);
    Some(key)
}

/// Makes a key and returns it once it is durable: what it seals must not outlive it.
fn make(path: &Path) -> io::Result<MasterKey> {
    let mut key = MasterKey([0; 32]);
    getrandom::fill(&mut key.0).map_err(io::Error::other)?;
    let mut line = Zeroizing::new([0; 64]);
    let line = &mut line[..BASE64.encode_len(key.0.len())];
    BASE64.encode_mut(&key.0, line);

    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // Under a name of its own first: a crash in between must not leave half a key that stops the
    // next start.
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let _ = std::fs::remove_file(&draft);
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(b"# Seals the records of mfa-agent. Without it they are lost: back it up.\n")?;
    file.write_all(LABEL.as_bytes())?;
    file.write_all(line)?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    // A link, unlike a rename, does not replace a key that somebody put there meanwhile.
    std::fs::hard_link(&draft, path)?;
    std::fs::remove_file(&draft)?;
    File::open(folder)?.sync_all()?;
    Ok(key)
}

fn unreadable(path: &Path, reason: io::Error) -> KeyError {
    KeyError::Io {
        path: path.to_owned(),
        action: "read",
        reason,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use proptest::prelude::*;

    use super::*;

    fn source(dir: &tempfile::TempDir) -> KeySource {
        KeySource {
            credentials: None,
            file: dir.path().join("key"),
        }
    }

    fn refused(source: &KeySource, store_is_empty: bool) -> String {
        match source.load(store_is_empty) {
            Ok(_) => panic!("a key was loaded"),
            Err(e) => e.to_string(),
        }
    }

    fn write(path: &Path, mode: u32, byte: u8) {
        std::fs::write(
            path,
            format!("# comment\n\n{LABEL}{}\n", BASE64.encode(&[byte; 32])),
        )
        .unwrap();
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn the_first_start_makes_a_key_and_the_next_ones_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let made = source(&dir).load(true).unwrap();
        let mode = std::fs::metadata(&source(&dir).file).unwrap().mode();
        assert_eq!(mode & 0o7777, 0o600);
        let read = source(&dir).load(false).unwrap();
        assert!(made.0 == read.0 && made.0 != [0; 32]);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_crash_while_the_key_was_made_does_not_stop_the_next_start() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("key.new"), "half").unwrap();
        source(&dir).load(true).unwrap();
    }

    #[test]
    fn no_key_is_made_where_records_would_be_lost() {
        let dir = tempfile::tempdir().unwrap();
        let error = refused(&source(&dir), false);
        assert!(error.contains("backup"), "{error}");
        assert!(!source(&dir).file.exists());
    }

    #[test]
    fn a_key_that_others_can_read_is_refused_with_the_command_that_mends_it() {
        let dir = tempfile::tempdir().unwrap();
        for mode in [0o640, 0o604, 0o660, 0o644] {
            write(&source(&dir).file, mode, 1);
            let error = refused(&source(&dir), true);
            assert!(error.contains("chmod 0600"), "{error}");
        }
        write(&source(&dir).file, 0o400, 1);
        assert!(source(&dir).load(false).unwrap().0 == [1; 32]);
    }

    #[test]
    fn a_credential_goes_before_the_file() {
        let dir = tempfile::tempdir().unwrap();
        write(&dir.path().join("mfa.key"), 0o440, 2);
        let mut source = source(&dir);
        write(&source.file, 0o600, 1);
        source.credentials = Some(dir.path().to_owned());
        assert!(source.load(false).unwrap().0 == [2; 32]);
        std::fs::remove_file(dir.path().join("mfa.key")).unwrap();
        assert!(source.load(false).unwrap().0 == [1; 32]);
    }

    #[test]
    fn a_damaged_key_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["", "mfa-key-v1:", "mfa-key-v1:AAAA", "mfa-key-v2:AAAA"] {
            std::fs::write(&source(&dir).file, text).unwrap();
            std::fs::set_permissions(&source(&dir).file, Permissions::from_mode(0o600)).unwrap();
            let error = refused(&source(&dir), true);
            assert!(error.contains("holds no key"), "{error}");
            assert_eq!(std::fs::read_to_string(source(&dir).file).unwrap(), text);
        }
    }

    proptest! {
        #[test]
        fn the_key_reads_back_and_nothing_else_does(bytes: [u8; 32], garbage: Vec<u8>) {
            let line = format!("{LABEL} {}\r\n", BASE64.encode(&bytes));
            prop_assert!(parse(line.as_bytes()).unwrap().0 == bytes);
            prop_assert!(parse(&line.as_bytes()[..line.len() - 6]).is_none());
            let _ = parse(&garbage);
        }
    }
}
