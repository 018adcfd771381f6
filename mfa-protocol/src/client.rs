//! The blocking client that the module and the command line share.
//!
//! It runs inside programs that are not ours: it starts no thread, touches no signal disposition
//! (a closed socket is an error here, never a `SIGPIPE`), leaks no descriptor into child processes,
//! and is never slower than its time-out, which spans connecting, writing and reading together. If
//! the host program itself was stopped meanwhile, an agent that lives still gets [`GRACE`] to answer.

mod stream;
mod trust;

use std::path::Path;
use std::time::{Duration, Instant};

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::value::RawValue;

use crate::frame::{FrameError, FrameReader, write_frame};
use crate::message::{AnyReply, Call, ErrorKind, ErrorParameters, Method};
use stream::DeadlineStream;

/// What an agent has to answer at the least, once a call is written. The time-out may have passed
/// before that: whoever runs `su` can stop it (^Z) where they like, and must not thereby make an agent
/// that lives look like one that hangs.
pub const GRACE: Duration = Duration::from_millis(250);

/// The longest that an agent may ask to be waited for.
const MOST_PATIENCE: Duration = Duration::from_secs(600);

/// What can go wrong with a call.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens at the socket, or it can't be reached.
    #[error(
        "the agent is not reachable at {path}: {reason}; is mfa-agent running? mfa-agent --check tells what is wrong with its settings"
    )]
    Unreachable {
        /// The socket.
        path: String,
        /// What the system said.
        reason: std::io::Error,
    },
    /// Somebody listens who must not be trusted with answers.
    #[error(
        "{path} is served by user id {uid}, who is neither root, nor this process's user, nor the \
         owner of a folder that only they can write to; refusing to talk to it"
    )]
    Untrusted {
        /// The socket.
        path: String,
        /// Who listens.
        uid: u32,
    },
    /// The time-out ran out while connecting, writing or waiting for the reply.
    #[error("the agent did not answer in time")]
    TimedOut,
    /// The connection failed or a message was out of bounds.
    #[error("the connection to the agent failed: {0}")]
    Connection(FrameError),
    /// The reply is not one.
    #[error("the agent's reply is not understood: {0}")]
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
    /// Set by [`Client::connect`], so that connecting and the first exchange share one time-out.
    first_deadline: Option<Instant>,
    /// What the next exchange may take, if that is more than `timeout`.
    patience: Option<Duration>,
}

impl Client {
    /// Connects to the agent at `path`. Each exchange may take `timeout`; connecting counts towards
    /// the first.
    ///
    /// # Errors
    ///
    /// [`ClientError::Unreachable`], [`ClientError::Untrusted`] or [`ClientError::TimedOut`].
    pub fn connect(path: &Path, timeout: Duration) -> Result<Self, ClientError> {
        let deadline = Instant::now() + timeout;
        let stream = DeadlineStream::connect(path, deadline).map_err(|e| match e.kind() {
            std::io::ErrorKind::TimedOut => ClientError::TimedOut,
            _ => ClientError::Unreachable {
                path: path.display().to_string(),
                reason: e,
            },
        })?;
        trust::check(path, &stream)?;
        Ok(Self {
            stream,
            reader: FrameReader::new(),
            timeout,
            first_deadline: Some(deadline),
            patience: None,
        })
    }

    /// Lets the next exchange take so many seconds, if that is more than usual, but never more than ten
    /// minutes: the agent may have to wait for somebody to pick up a phone
    /// ([`Step::patience`](crate::login::Step::patience)).
    pub fn allow(&mut self, seconds: Option<u32>) {
        let patience = seconds.map(|seconds| Duration::from_secs(seconds.into()));
        self.patience = patience.map(|patience| patience.min(MOST_PATIENCE));
    }

    /// Calls a method and waits for its reply.
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`] when the agent says no; every other kind means that the connection is
    /// of no more use.
    pub fn call<M: Method>(&mut self, parameters: &M::Parameters) -> Result<M::Reply, ClientError> {
        let patience = self.patience.take().unwrap_or_default().max(self.timeout);
        let deadline = self
            .first_deadline
            .take()
            .unwrap_or_else(|| Instant::now() + patience);
        self.stream.set_deadline(deadline);
        let call = Call {
            method: M::NAME,
            parameters,
        };
        let written = write_frame(&mut self.stream, &call);
        self.stream
            .set_deadline(deadline.max(Instant::now() + GRACE));
        if let Err(failed) = written {
            return Err(self.last_word().unwrap_or_else(|| failed.into()));
        }
        read_reply(self.reader.next(&mut self.stream)?)
    }

    /// Why the agent closed a connection before the call was written. One that turns a caller away says
    /// so first, and that says more than "broken pipe". It can't have judged what it never read, so
    /// nothing but a refusal counts.
    fn last_word(&mut self) -> Option<ClientError> {
        let frame = self.reader.next(&mut self.stream).ok()?;
        match read_reply::<IgnoredAny>(frame) {
            Err(refused @ ClientError::Refused { .. }) => Some(refused),
            _ => None,
        }
    }
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
