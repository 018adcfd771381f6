//! The module's arguments, as a stack file gives them.
//!
//! Bytes of an administrator's making come in; an [`Arguments`] that can't hold a wrong value leaves, or
//! an error that names the argument. An unknown argument, a repeated one or one that contradicts another
//! is an error: a typing mistake in `on_unavailable` must not pass in silence.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mfa_protocol::DEFAULT_SOCKET;
use mfa_protocol::login::Authtok;

/// The arguments, parsed. [`Default`] is what holds when a stack gives none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments {
    socket: PathBuf,
    timeout: Duration,
    authtok: Authtok,
    on_unavailable: OnUnavailable,
    ticket: bool,
    debug: bool,
}

/// What becomes of a login while there is no agent to judge it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnUnavailable {
    /// It is refused.
    #[default]
    Deny,
    /// The stack goes on as if the module were not there. Only while nobody listens, the agent is
    /// silent for the whole time-out, or says that its store is broken; not when it is too busy.
    Ignore,
}

/// An argument that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentError {
    /// No such argument.
    #[error(
        "unknown argument {0:?}; there are socket=PATH, timeout=SECONDS, forward_pass, \
         use_first_pass, try_first_pass, on_unavailable=deny|ignore, ticket and debug"
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
        "argument {0:?} has no meaning on an account line; there are socket=PATH, timeout=SECONDS, \
         on_unavailable=deny|ignore and debug"
    )]
    NotForAccount(&'static str),
    /// Said before, or contradicts what was said before.
    #[error("argument {0:?} is refused: {1} was given before; leave one of them out")]
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
        Ok(given.into())
    }

    /// The same for a line of the `account` phase, where nobody is asked for anything.
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
        match authtok.or(ticket) {
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

    /// Whether one answer holds password and code. What stands before the code goes on to the next
    /// module as `PAM_AUTHTOK`; when nothing stands there, `PAM_AUTHTOK` stays as it was.
    #[must_use]
    pub fn authtok(&self) -> Authtok {
        self.authtok
    }

    /// What becomes of a login without an agent.
    #[must_use]
    pub fn on_unavailable(&self) -> OnUnavailable {
        self.on_unavailable
    }

    /// Whether a login that passes leaves a ticket in PAM's environment, for the line of the `account` phase.
    #[must_use]
    pub fn ticket(&self) -> bool {
        self.ticket
    }

    /// Whether each step is to be logged.
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
            debug: given.debug.is_some(),
        }
    }
}

impl Given {
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
                    _ => return Err(refused("expected on_unavailable=deny or =ignore")),
                };
                once(&mut self.on_unavailable, choice).map_err(|()| twice("on_unavailable="))
            }
            (b"ticket", None) => once(&mut self.ticket, ()).map_err(|()| twice("ticket")),
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

/// `sun_path` of unix(7) has 108 bytes, the last of them for the NUL.
const MAX_SOCKET_PATH: usize = 107;

const SOCKET_EXPECTED: &str = "expected an absolute path of at most 107 bytes";

const TIMEOUT_EXPECTED: &str = "expected a whole number of seconds from 1 to 600";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(line: &str) -> Result<Arguments, ArgumentError> {
        Arguments::parse(line.split_whitespace().map(str::as_bytes))
    }

    #[test]
    fn without_arguments_the_defaults_hold() {
        let arguments = parse("").unwrap();
        assert_eq!(arguments, Arguments::default());
        assert_eq!(arguments.socket(), Path::new("/run/mfa/agent.sock"));
        assert_eq!(arguments.timeout(), Duration::from_secs(10));
        assert_eq!(arguments.on_unavailable(), OnUnavailable::Deny);
    }

    #[test]
    fn every_argument_is_understood() {
        let arguments =
            parse("socket=/x/a=b timeout=600 try_first_pass on_unavailable=ignore ticket debug")
                .unwrap();
        assert_eq!(arguments.socket(), Path::new("/x/a=b"));
        assert_eq!(arguments.timeout(), Duration::from_secs(600));
        assert_eq!(arguments.authtok(), Authtok::Try);
        assert_eq!(arguments.on_unavailable(), OnUnavailable::Ignore);
        assert!(arguments.debug() && arguments.ticket());
        assert_eq!(parse("forward_pass").unwrap().authtok(), Authtok::Forward);
        assert_eq!(parse("use_first_pass").unwrap().authtok(), Authtok::Use);
    }

    #[test]
    fn what_is_wrong_is_refused_and_named() {
        for wrong in [
            "nullok",
            "Debug",
            "debug=1",
            "ticket=1",
            "forward_pass=yes",
            "socket",
            "socket=",
            "socket=a.sock",
            "timeout=0",
            "timeout=601",
            "timeout=+5",
            "timeout=5s",
            "timeout=",
            "timeout",
            "timeout=99999999999999999999",
            "on_unavailable",
            "on_unavailable=Ignore",
            "on_unavailable=",
        ] {
            let message = parse(wrong).unwrap_err().to_string();
            assert!(message.contains(&format!("{wrong:?}")), "{message}");
        }
        assert!(parse(&format!("socket=/{}", "x".repeat(107))).is_err());
    }

    #[test]
    fn contradictions_and_repetitions_are_refused() {
        let error = parse("forward_pass use_first_pass")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("use_first_pass") && error.contains("forward_pass"),
            "{error}"
        );
        for wrong in [
            "debug debug",
            "ticket ticket",
            "timeout=3 timeout=3",
            "socket=/a socket=/b",
            "on_unavailable=deny on_unavailable=ignore",
            "try_first_pass try_first_pass",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_account_line_takes_nothing_that_is_about_asking() {
        let parse =
            |line: &str| Arguments::parse_account(line.split_whitespace().map(str::as_bytes));
        assert!(parse("socket=/x timeout=3 on_unavailable=ignore debug").is_ok());
        for wrong in ["ticket", "forward_pass", "use_first_pass", "try_first_pass"] {
            let message = parse(wrong).unwrap_err().to_string();
            assert!(message.contains(&format!("{wrong:?}")), "{message}");
        }
        assert!(parse("tickets").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_give_arguments_in_bounds_or_an_error(
            all in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..4)
        ) {
            if let Ok(arguments) = Arguments::parse(all.iter().map(Vec::as_slice)) {
                prop_assert!(arguments.socket().is_absolute());
                prop_assert!((1..=600).contains(&arguments.timeout().as_secs()));
            }
        }

        #[test]
        fn timeouts_from_1_to_600_are_taken(seconds in 0u64..2000) {
            prop_assert_eq!(
                parse(&format!("timeout={seconds}")).is_ok(),
                (1..=600).contains(&seconds)
            );
        }
    }
}
