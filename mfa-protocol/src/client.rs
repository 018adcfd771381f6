//! The blocking client that the module and the command line share.
//!
//! It runs inside programs that are not ours: it starts no thread, touches no signal disposition
//! (a closed socket is an error here, never a `SIGPIPE`) and leaks no descriptor into child processes.
//! Connecting, writing a call and waiting for its reply each end at the time-out. Only silence after the whole call is
//! written is [`ClientError::TimedOut`]: what came before can be the doing of other callers, or of the user who stops
//! the program (^Z).

mod stream;
mod trust;

use std::borrow::Cow;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::value::RawValue;

use crate::frame::{FrameError, FrameReader, write_frame};
use crate::message::{Call, ErrorKind, ErrorParameters, Method};
use crate::private_socket;
pub use stream::DeadlineStream;

/// The longest that an agent may ask to be waited for.
const MOST_PATIENCE: Duration = Duration::from_secs(600);

const INVALID_PARAMETER: &str = "org.varlink.service.InvalidParameter";

/// What can go wrong with a call.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No agent listens at the socket, or it can't be reached.
    #[error(
        "the agent is not reachable at {path}: {reason}. Check that it is running: systemctl \
         status mfa-agent. Check its settings: mfa-agent --check"
    )]
    Unreachable {
        /// The socket.
        path: String,
        /// What the system said.
        reason: std::io::Error,
    },
    /// The listener must not be trusted with answers.
    #[error(
        "{path} is served by user id {uid}, who is neither root, nor this process's user, nor the \
         owner of a folder that only they can write to; it is not trusted"
    )]
    Untrusted {
        /// The socket.
        path: String,
        /// Who listens.
        uid: u32,
    },
    /// The agent lives, but so many callers wait that this one did not get through.
    #[error("the agent is busy with other callers; try again in a moment")]
    Busy,
    /// The call was written, and no reply came for the whole time-out.
    #[error("the agent did not answer in time")]
    TimedOut,
    /// The connection failed or a message was out of bounds.
    #[error("the connection to the agent failed: {0}")]
    Connection(FrameError),
    /// The reply is not one.
    #[error(
        "can't use the agent's reply: {0}. Check that agent and mfactl have the same version: mfactl doctor"
    )]
    Garbled(serde_json::Error),
    /// The agent refused, in the terms of the interface.
    #[error("{reason}")]
    Refused {
        /// Which refusal, if it is one of ours.
        kind: Option<ErrorKind>,
        /// The agent's words.
        reason: String,
    },
}

impl ClientError {
    /// Whether the agent could not be reached at all, as opposed to having said no.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        !matches!(self, Self::Refused { .. })
    }

    /// Whether the agent refused a parameter, such as one that it does not know because it is older.
    #[must_use]
    pub fn is_about_a_parameter(&self) -> bool {
        matches!(self, Self::Refused { kind: None, reason } if reason.starts_with(INVALID_PARAMETER))
    }

    /// Whether a socket is not there, not for this process, or not the agent's.
    fn says_no_such_socket(&self) -> bool {
        use std::io::ErrorKind::{ConnectionRefused, NotADirectory, NotFound, PermissionDenied};
        match self {
            Self::Unreachable { reason, .. } => matches!(
                reason.kind(),
                NotFound | NotADirectory | ConnectionRefused | PermissionDenied
            ),
            Self::Untrusted { .. } => true,
            _ => false,
        }
    }
}

impl From<FrameError> for ClientError {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Io(e) if e.kind() == std::io::ErrorKind::TimedOut => Self::TimedOut,
            other => Self::Connection(other),
        }
    }
}

/// A connection to the agent.
pub struct Client {
    stream: DeadlineStream,
    reader: FrameReader,
    timeout: Duration,
    /// What the next exchange may take, if that is more than `timeout`.
    patience: Option<Duration>,
    /// Whether the next call says that the connection is for one login only.
    only_login: bool,
    doubt: Option<Doubt>,
}

/// When to ask whether a reply can still come.
#[derive(Clone, Copy)]
struct Doubt {
    after: Duration,
    is_hopeless: fn() -> bool,
}

impl Client {
    /// Connects to the agent at `path`, by its private socket if there is one that this process may use. Connecting
    /// and each exchange may take `timeout`.
    ///
    /// # Errors
    ///
    /// [`ClientError::Unreachable`], [`ClientError::Untrusted`] or [`ClientError::Busy`].
    pub fn connect(path: &Path, timeout: Duration) -> Result<Self, ClientError> {
        let private = private_socket(path).map(|private| Self::open(&private, path, timeout));
        match private {
            // If the private socket is busy, don't try the public one, which any user can fill.
            Some(Err(error)) if !error.says_no_such_socket() => Err(error),
            Some(Ok(client)) => Ok(client),
            Some(Err(_)) | None => Self::open(path, path, timeout),
        }
    }

    /// Connects to `path`, which is `public` or the private socket beside it.
    fn open(path: &Path, public: &Path, timeout: Duration) -> Result<Self, ClientError> {
        let deadline = Instant::now() + timeout;
        let stream = DeadlineStream::connect(path, deadline).map_err(|e| match e.kind() {
            std::io::ErrorKind::TimedOut => ClientError::Busy,
            _ => ClientError::Unreachable {
                path: path.display().to_string(),
                reason: e,
            },
        })?;
        trust::check(path, public, &stream)?;
        Ok(Self {
            stream,
            reader: FrameReader::new(),
            timeout,
            patience: None,
            only_login: false,
            doubt: None,
        })
    }

    /// Asks each time `after` so long without a reply whether to give up. A call that gives up ends as
    /// [`ClientError::TimedOut`].
    pub fn on_silence(&mut self, after: Duration, is_hopeless: fn() -> bool) {
        self.doubt = Some(Doubt { after, is_hopeless });
    }

    /// Tells the agent with the first call that this connection is for one login only. The agent closes it after the
    /// reply that ends the login, and need not wait for us to do so.
    #[must_use]
    pub fn for_one_login(self) -> Self {
        Self {
            only_login: true,
            ..self
        }
    }

    /// Lets the next exchange take so many seconds, if this is more than usual, but never more than ten minutes: the
    /// agent may have to wait for a user to answer a phone ([`Step::patience`](crate::login::Step::patience)).
    pub fn allow(&mut self, seconds: Option<u32>) {
        let patience = seconds.map(|seconds| Duration::from_secs(seconds.into()));
        self.patience = patience.map(|patience| patience.min(MOST_PATIENCE));
    }

    /// Calls a method and waits for its reply.
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`] when the agent refuses; after any other error the connection is unusable.
    pub fn call<M: Method>(&mut self, parameters: &M::Parameters) -> Result<M::Reply, ClientError> {
        let patience = self.patience.take().unwrap_or_default().max(self.timeout);
        let call = Call {
            method: M::NAME,
            parameters,
            only_login: std::mem::take(&mut self.only_login),
        };
        self.stream.set_deadline(Instant::now() + self.timeout);
        if let Err(failed) = write_frame(&mut self.stream, &call) {
            return Err(self.not_written(failed));
        }
        let until = Instant::now() + patience;
        while let Some(Doubt { after, is_hopeless }) = self.doubt {
            let next = Instant::now() + after;
            if next >= until {
                break;
            }
            self.stream.set_deadline(next);
            match self
                .reader
                .next(&mut self.stream)
                .map_err(ClientError::from)
            {
                Err(ClientError::TimedOut) if !is_hopeless() => {}
                frame => return read_reply(frame?),
            }
        }
        self.stream.set_deadline(until);
        read_reply(self.reader.next(&mut self.stream)?)
    }

    /// Why a call could not be written. An agent that refuses a connection says so before it closes it, which is
    /// clearer than "broken pipe". It can't have verified what it never read, so only a refusal counts.
    fn not_written(&mut self, failed: FrameError) -> ClientError {
        if matches!(&failed, FrameError::Io(e) if e.kind() == std::io::ErrorKind::TimedOut) {
            return ClientError::Busy;
        }
        let last_word = self
            .reader
            .next(&mut self.stream)
            .map(read_reply::<IgnoredAny>);
        match last_word {
            Ok(Err(refused @ ClientError::Refused { .. })) => refused,
            _ => failed.into(),
        }
    }
}

/// A reply as it arrives.
#[derive(Deserialize)]
struct AnyReply<'a> {
    #[serde(borrow, default)]
    error: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    parameters: Option<&'a RawValue>,
}

fn read_reply<R: DeserializeOwned>(frame: &[u8]) -> Result<R, ClientError> {
    let reply: AnyReply<'_> = serde_json::from_slice(frame).map_err(ClientError::Garbled)?;
    // As bytes again: a parser for `&str` would be a second copy of the parser in the module.
    let parameters = reply.parameters.map_or("{}", RawValue::get).as_bytes();
    match reply.error {
        None => serde_json::from_slice(parameters).map_err(ClientError::Garbled),
        Some(error) => Err(refusal(&error, parameters)),
    }
}

fn refusal(error: &str, parameters: &[u8]) -> ClientError {
    let details: ErrorParameters = serde_json::from_slice(parameters).unwrap_or_default();
    let reason = match details {
        ErrorParameters {
            reason: Some(reason),
            ..
        } => reason,
        ErrorParameters {
            parameter: Some(name),
            ..
        } => format!("{error}: {name}"),
        _ => error.to_owned(),
    };
    ClientError::Refused {
        kind: ErrorKind::of(error),
        reason,
    }
}
