//! The key that seals the records.
//!
//! A systemd credential `mfa.key` takes precedence over the file in the settings. Only `mfa-agent
//! --init` makes a missing file: with a new key all records would be lost, so a start stops and
//! asks for the old one. A key that others can read is refused.
//!
//! The file is text: one line `mfa-key-v1:` and 32 bytes in base64. Comments and empty lines are
//! skipped.

use std::fs::{DirBuilder, File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use nix::unistd::geteuid;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::durable_file::{folder_of, make_durably};

const LABEL: &str = "mfa-key-v1:";
const COMMENT: &str = "# Seals the records of mfa-agent. Without it they are lost: back it up.\n";
const CREDENTIAL: &str = "mfa.key";
/// Where administrators put encrypted credentials for systemd (systemd.exec(5)).
const SEALED_CREDENTIALS: [&str; 2] =
    ["/etc/credstore.encrypted/mfa.key", "/etc/credstore/mfa.key"];
const LARGEST_FILE: u64 = 4096;
const GROUP_AND_OTHERS: u32 = 0o077;

/// The key. It is never shown, and is wiped when dropped.
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

/// Why there is no usable key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file can't be read or made.
    #[error("the key {path} can't be {action}: {reason}")]
    Io {
        path: PathBuf,
        /// `read`, `made` or `replaced`.
        action: &'static str,
        /// Why.
        reason: io::Error,
    },
    /// Others can read it.
    #[error(
        "the key {path} can be read by other users (mode {mode:04o}); run: chmod 0600 {path}. If \
         another user may have read it, enrol all users again"
    )]
    Exposed { path: PathBuf, mode: u32 },
    /// It belongs to another user.
    #[error(
        "the key {path} belongs to user id {owner}, not to the agent's ({me}); if you trust it, \
         run: chown {me} {path}"
    )]
    Owner {
        path: PathBuf,
        owner: u32,
        /// The agent's user.
        me: u32,
    },
    /// It is not a file, is too long, or contains no key.
    #[error(
        "{path} contains no key (a line `mfa-key-v1:` with 32 bytes in base64); restore it from a \
         backup"
    )]
    Malformed { path: PathBuf },
    /// Another file has the name under which it is kept.
    #[error(
        "{key} can't be kept as {path}: that file exists, and does not hold this key. Move it away: mv {path} \
         {path}.other; then: mfactl rotate-key"
    )]
    Taken { path: PathBuf, key: PathBuf },
    /// It is gone, and the store that it sealed is still there.
    #[error(
        "the key {path} is missing, but the store holds records sealed with it; restore it from a \
         backup (or, to lose all enrolments, move the store away and run: mfa-agent --init)"
    )]
    Missing { path: PathBuf },
}

/// The encrypted credential that systemd would pass to the agent's unit, as far as this user can
/// see it.
#[must_use]
pub fn sealed_credential() -> Option<&'static Path> {
    let mut files = SEALED_CREDENTIALS.iter().map(Path::new);
    files.find(|file| file.exists())
}

impl KeySource {
    /// The credential that systemd passed (`$CREDENTIALS_DIRECTORY`), or else `file`.
    #[must_use]
    pub fn new(file: PathBuf) -> Self {
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        Self { credentials, file }
    }

    /// Whether systemd has passed credentials to this process's unit.
    #[must_use]
    pub fn has_credentials(&self) -> bool {
        self.credentials.is_some()
    }

    /// Whether there is a credential or a file; its content is checked when it is loaded.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when the folder can't be read.
    pub fn is_there(&self) -> Result<bool, KeyError> {
        Ok(self.credential()?.is_some() || existing(&self.file)?.is_some())
    }

    /// Reads the key; never makes one.
    ///
    /// # Errors
    ///
    /// [`KeyError`], with what to do.
    pub fn load(&self) -> Result<MasterKey, KeyError> {
        if let Some((path, file)) = self.credential()? {
            // systemd sets owner and mode: root's, with an access list for the service.
            return read(&path, file);
        }
        let path = &self.file;
        let missing = || KeyError::Missing { path: path.clone() };
        load_file(path)?.ok_or_else(missing)
    }

    /// Makes the file, and its folder if it is missing. It is durable on return.
    ///
    /// # Errors
    ///
    /// [`KeyError::Io`] when that fails, or when a file exists already.
    pub fn make(&self) -> Result<(), KeyError> {
        make(&self.file).map_err(|reason| KeyError::Io {
            path: self.file.clone(),
            action: "made",
            reason,
        })
    }

    /// Where the key is as a credential.
    pub(super) fn credential_path(&self) -> Option<PathBuf> {
        let folder = self.credentials.as_ref();
        folder.map(|folder| folder.join(CREDENTIAL))
    }

    fn credential(&self) -> Result<Option<(PathBuf, File)>, KeyError> {
        let Some(path) = self.credential_path() else {
            return Ok(None);
        };
        Ok(existing(&path)?.map(|file| (path, file)))
    }
}

impl MasterKey {
    /// A key from its bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Whether both are the same key.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    /// A subkey for one purpose.
    pub(super) fn derive(&self, purpose: &[u8]) -> Zeroizing<[u8; 32]> {
        super::mac(super::keyed(&self.0), purpose)
    }
}

/// The key in a file of ours, if it is there.
pub(super) fn load_file(path: &Path) -> Result<Option<MasterKey>, KeyError> {
    let Some(file) = existing(path)? else {
        return Ok(None);
    };
    check(path, &file.metadata().map_err(|e| unreadable(path, e))?)?;
    read(path, file).map(Some)
}

/// The key in a credential, whose owner and mode systemd sets, if it is there.
pub(super) fn load_credential(path: &Path) -> Result<Option<MasterKey>, KeyError> {
    let file = existing(path)?;
    file.map(|file| read(path, file)).transpose()
}

fn existing(path: &Path) -> Result<Option<File>, KeyError> {
    // Must not block on a pipe at this path.
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
    // Has the full capacity from the start, because a growing buffer leaves copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(LARGEST_FILE as usize + 32));
    file.take(LARGEST_FILE)
        .read_to_end(&mut text)
        .map_err(|e| unreadable(path, e))?;
    parse(&text).ok_or_else(|| KeyError::Malformed {
        path: path.to_owned(),
    })
}

pub(super) fn parse(text: &[u8]) -> Option<MasterKey> {
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

/// Makes a key that is durable on return: records that it seals must not outlive it.
fn make(path: &Path) -> io::Result<()> {
    let folder = folder_of(path);
    if !folder.exists() {
        make_folder(folder)?;
    }
    make_durably(path, &fresh_text()?)
}

/// The text of a file with a new key.
pub(super) fn fresh_text() -> io::Result<Zeroizing<Vec<u8>>> {
    let mut key = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *key).map_err(io::Error::other)?;
    let mut line = Zeroizing::new([0; 64]);
    let line = &mut line[..BASE64.encode_len(key.len())];
    BASE64.encode_mut(&*key, line);
    // Has the full capacity from the start, because a growing buffer leaves copies behind.
    let length = COMMENT.len() + LABEL.len() + line.len() + 1;
    let mut text = Zeroizing::new(Vec::with_capacity(length));
    for part in [COMMENT.as_bytes(), LABEL.as_bytes(), line, b"\n"] {
        text.extend_from_slice(part);
    }
    Ok(text)
}

fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    File::open(folder.join(".."))?.sync_all()
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

    fn refused(source: &KeySource) -> String {
        match source.load() {
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
    fn a_new_key_is_closed_to_others_and_read_by_later_starts() {
        let dir = tempfile::tempdir().unwrap();
        let source = KeySource {
            credentials: None,
            file: dir.path().join("folder/key"),
        };
        assert!(!source.is_there().unwrap());
        source.make().unwrap();
        assert!(source.is_there().unwrap());
        let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o7777;
        assert_eq!(mode(&source.file), 0o600);
        assert_eq!(mode(source.file.parent().unwrap()), 0o700);
        let key = source.load().unwrap();
        assert!(key.0 != [0; 32] && key.0 == source.load().unwrap().0);
        let folder = source.file.parent().unwrap();
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1);
    }

    #[test]
    fn a_crash_while_the_key_was_made_does_not_stop_the_next_attempt() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("key.new"), "half").unwrap();
        source(&dir).make().unwrap();
        source(&dir).load().unwrap();
    }

    #[test]
    fn a_start_makes_no_key_and_a_second_init_replaces_none() {
        let dir = tempfile::tempdir().unwrap();
        let error = refused(&source(&dir));
        assert!(error.contains("backup"), "{error}");
        assert!(!source(&dir).file.exists());
        source(&dir).make().unwrap();
        let key = source(&dir).load().unwrap();
        source(&dir).make().unwrap_err();
        assert!(key.0 == source(&dir).load().unwrap().0);
    }

    #[test]
    fn a_key_that_others_can_read_is_refused_with_the_command_that_fixes_it() {
        let dir = tempfile::tempdir().unwrap();
        for mode in [0o640, 0o604, 0o660, 0o644] {
            write(&source(&dir).file, mode, 1);
            let error = refused(&source(&dir));
            assert!(error.contains("chmod 0600"), "{error}");
        }
        write(&source(&dir).file, 0o400, 1);
        assert!(source(&dir).load().unwrap().0 == [1; 32]);
    }

    #[test]
    fn a_credential_takes_precedence_over_the_file() {
        let dir = tempfile::tempdir().unwrap();
        write(&dir.path().join("mfa.key"), 0o440, 2);
        let mut source = source(&dir);
        write(&source.file, 0o600, 1);
        source.credentials = Some(dir.path().to_owned());
        assert!(source.load().unwrap().0 == [2; 32]);
        std::fs::remove_file(dir.path().join("mfa.key")).unwrap();
        assert!(source.load().unwrap().0 == [1; 32]);
    }

    #[test]
    fn a_damaged_key_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["", "mfa-key-v1:", "mfa-key-v1:AAAA", "mfa-key-v2:AAAA"] {
            std::fs::write(&source(&dir).file, text).unwrap();
            std::fs::set_permissions(&source(&dir).file, Permissions::from_mode(0o600)).unwrap();
            let error = refused(&source(&dir));
            assert!(error.contains("contains no key"), "{error}");
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
