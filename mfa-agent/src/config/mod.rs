//! The settings: `agent.toml`, then `agent.d/*.toml` beside it.
//!
//! Text comes in, [`Settings`] come out: every value has its final type, within its limits, so that nobody
//! checks it again. What is wrong comes out as `FILE:LINE: what is wrong; what was expected`, and then there
//! are no settings at all: the agent does not start, or keeps those that it has. Unknown keys are wrong.
//! Later files override key by key; rules are added up in order.

mod document;
mod error;
mod merge;
mod rule;
#[cfg(test)]
mod tests;
mod values;
mod words;

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use error::{ConfigError, Problem};

use crate::factors::totp::{Algorithm, Digits, Period};
use crate::names::UserName;
use crate::policy::Policy;
use error::Source;

/// Where the settings are unless the agent is told otherwise.
pub const DEFAULT_FILE: &str = "/etc/mfa/agent.toml";

/// All settings. [`Settings::default`] is what holds where the files say nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// `[server]`: the socket and its limits.
    pub server: Server,
    /// `[store]`: where records and their key are.
    pub store: Store,
    /// `[lockout]`: how many failures lock an account, and for how long.
    pub lockout: Lockout,
    /// `[totp]`: what new devices are like.
    pub totp: Totp,
    /// `[prompts]`: what users are shown.
    pub prompts: Prompts,
    /// `[questions]`: the security questions to choose from.
    pub questions: Questions,
    /// `[audit]`: where events are recorded.
    pub audit: Audit,
    /// `[admin]`: who else may administer.
    pub admin: Admin,
    /// `[enforcement]`, `[policy]` and `[[rule]]`: who is asked for what.
    pub policy: Policy,
}

/// `[server]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The Unix socket; at most 107 bytes, the most that the kernel takes.
    pub socket: PathBuf,
    /// Who, besides root, may ask for any user.
    pub trusted: Vec<UserName>,
    /// Open connections in all, 1 to 65,536.
    pub max_connections: u32,
    /// Open connections of one user id other than root, 1 to 65,536.
    pub max_connections_per_user: u32,
    /// How long a login may take, from its first prompt to its outcome; 1 s to 1 h.
    pub login_timeout: Duration,
}

/// `[store]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// The folder of the records.
    pub path: PathBuf,
    /// The key that seals them, unless systemd passes the credential `mfa.key`.
    pub key_file: PathBuf,
}

/// `[lockout]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lockout {
    /// Failures that lock, 1 to 100.
    pub attempts: u32,
    /// How long, 1 s to 365 days.
    pub duration: Duration,
    /// Failures in a row, however slowly they come, that lock until an administrator unlocks
    /// (NIST SP 800-63B §5.2.2); at least `attempts`. `None` turns it off.
    pub max_consecutive: Option<u32>,
}

/// `[totp]`
#[derive(Clone, Debug, PartialEq)]
pub struct Totp {
    /// What a device shows as the maker of its codes; `None`: the name of the host.
    pub issuer: Option<String>,
    /// The hash of new devices.
    pub algorithm: Algorithm,
    /// The length of codes of new devices, 6 to 8.
    pub digits: Digits,
    /// Seconds a code of a new device is good for, 5 to 300.
    pub period: Period,
    /// Steps either side of the present one whose codes are taken too, 0 to 10 (RFC 6238, 5.2).
    pub skew: u32,
}

/// `[prompts]`: at most 256 bytes each, no control characters, none the same as another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompts {
    /// Asks for a code.
    pub totp: String,
    /// Asks for the PIN.
    pub pin: String,
}

/// `[questions]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Questions {
    /// The questions to choose from; at least three, none twice.
    pub catalogue: Vec<String>,
}

/// `[audit]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// The file that gets a JSON line for each event; `None`: none does.
    pub file: Option<PathBuf>,
    /// Whether each event goes to syslog (authpriv) as well.
    pub syslog: bool,
}

/// `[admin]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admin {
    /// Groups whose members may administer, as root may.
    pub groups: Vec<String>,
}

impl Settings {
    /// Reads `file`, then `agent.d/*.toml` in the same folder, in the order of their names.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when `file` is missing, one of them can't be read, or something in them is wrong.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let mut files = vec![read(file)?];
        for drop_in in drop_ins(&file.with_file_name("agent.d"))? {
            files.push(read(&drop_in)?);
        }
        Self::parse(files)
    }

    /// Makes settings of the names and texts of files, in their order.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Bad`] when something in them is wrong.
    pub fn parse(files: Vec<(PathBuf, String)>) -> Result<Self, ConfigError> {
        let mut draft = merge::Draft::default();
        for (file, text) in files {
            draft.add(Source::new(file, text));
        }
        draft.finish()
    }
}

const OTHERS_WRITE: u32 = 0o002;

fn read(file: &Path) -> Result<(PathBuf, String), ConfigError> {
    if fs::metadata(file).is_ok_and(|meta| meta.permissions().mode() & OTHERS_WRITE != 0) {
        return Err(ConfigError::Exposed { file: file.into() });
    }
    match fs::read_to_string(file) {
        Ok(text) => Ok((file.to_owned(), text)),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(ConfigError::Missing { file: file.into() })
        }
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            Err(ConfigError::NotText { file: file.into() })
        }
        Err(error) => Err(ConfigError::Unreadable {
            file: file.into(),
            error,
        }),
    }
}

/// The files that a shell would find under `folder/*.toml`: hidden ones are not among them.
fn drop_ins(folder: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let unreadable = |error| ConfigError::Unreadable {
        file: folder.into(),
        error,
    };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let name = PathBuf::from(entry.map_err(unreadable)?.file_name());
        if name.extension() == Some(OsStr::new("toml"))
            && !name.as_os_str().as_encoded_bytes().starts_with(b".")
        {
            files.push(folder.join(name));
        }
    }
    files.sort();
    Ok(files)
}

impl Default for Server {
    fn default() -> Self {
        Self {
            socket: mfa_protocol::DEFAULT_SOCKET.into(),
            trusted: Vec::new(),
            max_connections: 512,
            max_connections_per_user: 16,
            login_timeout: Duration::from_secs(2 * 60),
        }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self {
            path: "/var/lib/mfa/store".into(),
            key_file: "/var/lib/mfa/key".into(),
        }
    }
}

impl Default for Lockout {
    fn default() -> Self {
        Self {
            attempts: 5,
            duration: Duration::from_secs(60 * 60),
            max_consecutive: Some(100),
        }
    }
}

impl Default for Totp {
    fn default() -> Self {
        Self {
            issuer: None,
            algorithm: Algorithm::default(),
            digits: Digits::default(),
            period: Period::default(),
            skew: 1,
        }
    }
}

impl Default for Prompts {
    fn default() -> Self {
        Self {
            totp: "OTP code: ".into(),
            pin: "PIN: ".into(),
        }
    }
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            file: Some("/var/log/mfa/audit.jsonl".into()),
            syslog: true,
        }
    }
}

impl Default for Questions {
    fn default() -> Self {
        Self {
            catalogue: CATALOGUE.map(str::to_owned).into(),
        }
    }
}

/// Questions whose answers stay the same, are short, and stand in no register or profile.
const CATALOGUE: [&str; 12] = [
    "What did your family call you when you were a child?",
    "What was the name of your first stuffed animal or doll?",
    "What was the first thing that you learned to cook?",
    "What was the first thing that you bought with money of your own?",
    "Which book did you read more often than any other as a child?",
    "Where did you get lost as a child?",
    "What was the name of the first teacher whom you liked?",
    "Which meal did you refuse to eat as a child?",
    "What did you dream of becoming when you were ten?",
    "Who was your first friend whom you later lost sight of?",
    "Where were you when you first saw the sea?",
    "What was your first prize or medal for?",
];
