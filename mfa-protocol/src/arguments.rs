//! The module's arguments in a stack file: `pam_mfa` uses them, and `mfactl doctor` reports in advance which line it
//! would refuse.
//!
//! Bytes that an administrator wrote come in; an [`Arguments`] that can't hold a wrong value comes out, or an error
//! that names the argument. Unknown, repeated and contradicting arguments are errors: a typing mistake in
//! `on_unavailable` must not go unnoticed.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::login::Authtok;
use crate::{DEFAULT_SOCKET, LONGEST_SILENCE, MAX_SOCKET_PATH};

/// The arguments, parsed. [`Default`] is what holds when a stack gives none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments {
    socket: PathBuf,
    timeout: Duration,
    authtok: Authtok,
    on_unavailable: OnUnavailable,
    ticket: bool,
    password_failed: bool,
    echo_code: bool,
    quiet: bool,
    debug: bool,
}

/// What happens to a login when the agent is unreachable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnUnavailable {
    /// It is refused.
    #[default]
    Deny,
    /// The stack continues as if the module were not there. Only if no agent listens, the agent is silent for the whole
    /// time-out, or reports that its store is broken; not if it is too busy.
    Ignore,
}

/// An argument that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentError {
    /// No such argument.
    #[error(
        "unknown argument {0:?}; expected socket=PATH, timeout=SECONDS, forward_pass, \
         use_first_pass, try_first_pass, on_unavailable=deny|ignore, ticket, password_failed, \
         echo_code, quiet or debug"
    )]
    Unknown(String),
    /// The value does not fit.
    #[error("argument {argument:?} is refused: {expected}")]
    Value {
        /// The argument with its value.
        argument: String,
        /// What would be right.
        expected: &'static str,
    },
    /// It is for `auth` lines.
    #[error(
        "argument {0:?} has no meaning on an account line; expected socket=PATH, timeout=SECONDS, \
         on_unavailable=deny|ignore, quiet or debug"
    )]
    NotForAccount(&'static str),
    /// Said before, or contradicts what was said before.
    #[error("argument {0:?} is refused: {1} was given before; remove one of them")]
    Conflict(String, &'static str),
}

impl Arguments {
    /// Parses what follows the module's path in a stack file.
    ///
    /// # Errors
    ///
    /// [`ArgumentError`], at the first argument that is wrong.
    pub fn parse<'a>(arguments: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, ArgumentError> {
        let mut given = Given::default();
        for argument in arguments {
            given.take(argument)?;
        }
        if let (Some(()), Some(name)) = (given.password_failed, given.beside_the_mark()) {
            return Err(ArgumentError::Conflict("password_failed".to_owned(), name));
        }
        // The password would be visible with the code.
        if let (Some(()), Some((_, name))) = (given.echo_code, given.authtok) {
            return Err(ArgumentError::Conflict("echo_code".to_owned(), name));
        }
        Ok(given.into())
    }

    /// The same for a line of the `account` phase, which has no prompts.
    ///
    /// # Errors
    ///
    /// [`ArgumentError`], at the first argument that is wrong or for `auth` lines only.
    pub fn parse_account<'a>(
        arguments: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Self, ArgumentError> {
        let mut given = Given::default();
        for argument in arguments {
            given.take(argument)?;
        }
        let ticket = given.ticket.map(|()| "ticket");
        let authtok = given.authtok.map(|(_, name)| name);
        let mark = given.password_failed.map(|()| "password_failed");
        let echo = given.echo_code.map(|()| "echo_code");
        match authtok.or(ticket).or(mark).or(echo) {
            Some(name) => Err(ArgumentError::NotForAccount(name)),
            None => Ok(given.into()),
        }
    }

    /// Where the agent listens: an absolute path, short enough for a socket's address.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// How long one exchange with the agent may take: 1 to 600 seconds.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Whether a caller with this time-out outlasts a restart of the agent. With `on_unavailable=ignore` a shorter one
    /// lets people in without the code whenever the agent is started again.
    #[must_use]
    pub fn outlasts_restart(&self) -> bool {
        self.timeout >= LONGEST_RESTART
    }

    /// Whether one answer holds password and code. The part before the code goes to the next module as `PAM_AUTHTOK`;
    /// if it is empty, `PAM_AUTHTOK` stays as it was.
    #[must_use]
    pub fn authtok(&self) -> Authtok {
        self.authtok
    }

    /// What happens to a login without an agent.
    #[must_use]
    pub fn on_unavailable(&self) -> OnUnavailable {
        self.on_unavailable
    }

    /// Whether a login that passes leaves a ticket in PAM's environment, for the line of the `account` phase.
    #[must_use]
    pub fn ticket(&self) -> bool {
        self.ticket
    }

    /// Whether this line asks nothing and only tells a later line that the password was wrong.
    #[must_use]
    pub fn password_failed(&self) -> bool {
        self.password_failed
    }

    /// Whether codes are visible while they are typed. Passwords, PINs and answers to questions are not.
    #[must_use]
    pub fn echo_code(&self) -> bool {
        self.echo_code
    }

    /// Whether the user is not told that the second factor can't be checked.
    #[must_use]
    pub fn quiet(&self) -> bool {
        self.quiet
    }

    /// Whether each step is logged.
    #[must_use]
    pub fn debug(&self) -> bool {
        self.debug
    }
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            socket: DEFAULT_SOCKET.into(),
            timeout: DEFAULT_TIMEOUT,
            authtok: Authtok::None,
            on_unavailable: OnUnavailable::Deny,
            ticket: false,
            password_failed: false,
            echo_code: false,
            quiet: false,
            debug: false,
        }
    }
}

/// What was seen so far.
#[derive(Default)]
struct Given {
    socket: Option<PathBuf>,
    timeout: Option<Duration>,
    authtok: Option<(Authtok, &'static str)>,
    on_unavailable: Option<OnUnavailable>,
    ticket: Option<()>,
    password_failed: Option<()>,
    echo_code: Option<()>,
    quiet: Option<()>,
    debug: Option<()>,
}

impl From<Given> for Arguments {
    fn from(given: Given) -> Self {
        Self {
            socket: given.socket.unwrap_or_else(|| DEFAULT_SOCKET.into()),
            timeout: given.timeout.unwrap_or(DEFAULT_TIMEOUT),
            authtok: given.authtok.map_or(Authtok::None, |(authtok, _)| authtok),
            on_unavailable: given.on_unavailable.unwrap_or_default(),
            ticket: given.ticket.is_some(),
            password_failed: given.password_failed.is_some(),
            echo_code: given.echo_code.is_some(),
            quiet: given.quiet.is_some(),
            debug: given.debug.is_some(),
        }
    }
}

impl Given {
    /// What was given that has no meaning where nobody is asked.
    fn beside_the_mark(&self) -> Option<&'static str> {
        let socket = self.socket.as_ref().map(|_| "socket=");
        let timeout = self.timeout.map(|_| "timeout=");
        let authtok = self.authtok.map(|(_, name)| name);
        let on_unavailable = self.on_unavailable.map(|_| "on_unavailable=");
        let ticket = self.ticket.map(|()| "ticket");
        let echo = self.echo_code.map(|()| "echo_code");
        let quiet = self.quiet.map(|()| "quiet");
        let asking = authtok.or(on_unavailable).or(ticket).or(echo).or(quiet);
        socket.or(timeout).or(asking)
    }

    fn take(&mut self, argument: &[u8]) -> Result<(), ArgumentError> {
        let shown = || String::from_utf8_lossy(argument).into_owned();
        let refused = |expected| ArgumentError::Value {
            argument: shown(),
            expected,
        };
        let twice = |name| ArgumentError::Conflict(shown(), name);

        let (name, value) = match argument.iter().position(|&byte| byte == b'=') {
            Some(at) => (&argument[..at], Some(&argument[at + 1..])),
            None => (argument, None),
        };
        match (name, value) {
            (b"socket", Some(path)) => {
                let path = socket(path).ok_or_else(|| refused(SOCKET_EXPECTED))?;
                once(&mut self.socket, path).map_err(|()| twice("socket="))
            }
            (b"timeout", Some(seconds)) => {
                let timeout = timeout(seconds).ok_or_else(|| refused(TIMEOUT_EXPECTED))?;
                once(&mut self.timeout, timeout).map_err(|()| twice("timeout="))
            }
            (b"on_unavailable", Some(word)) => {
                let choice = match word {
                    b"deny" => OnUnavailable::Deny,
                    b"ignore" => OnUnavailable::Ignore,
                    _ => {
                        return Err(refused(
                            "expected on_unavailable=deny or on_unavailable=ignore",
                        ));
                    }
                };
                once(&mut self.on_unavailable, choice).map_err(|()| twice("on_unavailable="))
            }
            (b"ticket", None) => once(&mut self.ticket, ()).map_err(|()| twice("ticket")),
            (b"password_failed", None) => {
                once(&mut self.password_failed, ()).map_err(|()| twice("password_failed"))
            }
            (b"echo_code", None) => once(&mut self.echo_code, ()).map_err(|()| twice("echo_code")),
            (b"quiet", None) => once(&mut self.quiet, ()).map_err(|()| twice("quiet")),
            (b"debug", None) => once(&mut self.debug, ()).map_err(|()| twice("debug")),
            (_, None) => self.take_authtok(argument, shown),
            _ => Err(ArgumentError::Unknown(shown())),
        }
    }

    fn take_authtok(
        &mut self,
        argument: &[u8],
        shown: impl Fn() -> String,
    ) -> Result<(), ArgumentError> {
        let choice = match argument {
            b"forward_pass" => (Authtok::Forward, "forward_pass"),
            b"use_first_pass" => (Authtok::Use, "use_first_pass"),
            b"try_first_pass" => (Authtok::Try, "try_first_pass"),
            _ => return Err(ArgumentError::Unknown(shown())),
        };
        match self.authtok.replace(choice) {
            None => Ok(()),
            Some((_, before)) => Err(ArgumentError::Conflict(shown(), before)),
        }
    }
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<(), ()> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(()),
    }
}

fn socket(path: &[u8]) -> Option<PathBuf> {
    let fits = path.starts_with(b"/") && path.len() <= MAX_SOCKET_PATH && !path.contains(&0);
    fits.then(|| OsStr::from_bytes(path).into())
}

fn timeout(text: &[u8]) -> Option<Duration> {
    if !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let seconds: u64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (1..=600)
        .contains(&seconds)
        .then(|| Duration::from_secs(seconds))
}

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// One agent ends, and the next one, which has as much time for it, begins.
const LONGEST_RESTART: Duration = Duration::from_secs(2 * LONGEST_SILENCE.as_secs());

const _: () = assert!(DEFAULT_TIMEOUT.as_secs() >= LONGEST_RESTART.as_secs());

const SOCKET_EXPECTED: &str = "expected an absolute path of at most 107 bytes";

const TIMEOUT_EXPECTED: &str = "expected a whole number of seconds from 1 to 600";

#[cfg(test)]
mod tests;
