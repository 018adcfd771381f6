//! One connection: frames in, replies out, and what is remembered between them.
//!
//! What comes in is bounded in size (`frame`), in time, and in what it may ask (`peer`). A message
//! that is none ends the connection; a call that is refused does not.

mod interfaces;

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mfa_protocol::frame::{FrameError, FrameReader, write_frame};
use mfa_protocol::login::{
    AnswerParameters, BeginParameters, CancelParameters, LoginReply, Nothing, Outcome,
};
use mfa_protocol::message::{AnyCall, ErrorKind, Reply};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::Agent;
use super::admin::Pending;
use super::error::Failure;
use super::login::{Login, Progress};
use super::peer::Peer;
use crate::audit::Event;
use crate::log::{self, Level};
use crate::names::UserName;

/// How long a connection may be silent outside a login: somebody may be scanning a QR code.
const PATIENCE: Duration = Duration::from_secs(600);

/// How long the other side may take to accept a reply.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);

/// How long a factor that was passed on a connection stands for changes made on it.
const PROOF: Duration = Duration::from_secs(600);

/// One connection's state.
pub(super) struct Connection {
    pub(super) agent: Arc<Agent>,
    pub(super) peer: Peer,
    login: Option<Box<Login>>,
    /// A user who passed a factor here, and when.
    passed: Option<(UserName, Instant)>,
    /// A change was refused for want of a factor: the next login of this caller asks for one.
    pub(super) proof_wanted: bool,
    pub(super) pending: Option<Pending>,
    /// What is to be recorded once the reply is on its way.
    events: Vec<Event>,
}

/// A reply, ready to be framed.
pub(super) type Body = Box<RawValue>;

impl Connection {
    pub(super) fn new(agent: Arc<Agent>, peer: Peer) -> Self {
        Self {
            agent,
            peer,
            login: None,
            passed: None,
            proof_wanted: false,
            pending: None,
            events: Vec::new(),
        }
    }

    /// Serves until the other side goes away, is silent for too long, or talks nonsense.
    pub(super) fn serve(mut self, stream: &UnixStream) {
        let end = self.serve_calls(stream);
        let Some(login) = self.login.take() else {
            if let Some(FrameError::TooLong | FrameError::Encode) = end {
                let (uid, pid) = (self.peer.uid, self.peer.pid);
                log::limited(
                    "what is no message",
                    format_args!("process {pid} of user id {uid} sent what is no message"),
                );
            }
            return;
        };
        let reason = match end {
            Some(FrameError::Io(e)) if e.kind() == io::ErrorKind::TimedOut => "no answer in time",
            _ => "the connection was closed",
        };
        self.agent.abandon(&login, reason);
    }

    fn serve_calls(&mut self, stream: &UnixStream) -> Option<FrameError> {
        let mut reader = FrameReader::new();
        stream.set_write_timeout(Some(WRITE_PATIENCE)).ok()?;
        loop {
            if let Err(e) = stream.set_read_timeout(Some(self.patience())) {
                return Some(e.into());
            }
            let frame = match reader.next(&mut &*stream) {
                Ok(frame) => frame,
                Err(e) => return Some(e),
            };
            let Ok(call) = serde_json::from_slice::<AnyCall<'_>>(frame) else {
                return Some(FrameError::Encode);
            };
            // A shutdown waits for whoever is in here, and lets nobody in any more.
            let agent = Arc::clone(&self.agent);
            let _serving = agent.serving();
            let replied = self.reply(&call, stream);
            for event in self.events.drain(..) {
                agent.record(event, self.peer);
            }
            if let Err(e) = replied {
                return Some(e);
            }
        }
    }

    fn patience(&self) -> Duration {
        let limit = |login: &Login| login.deadline.saturating_duration_since(Instant::now());
        // A time-out of zero would mean none.
        self.login
            .as_ref()
            .map_or(PATIENCE, |l| limit(l))
            .max(Duration::from_millis(1))
    }

    fn reply(&mut self, call: &AnyCall<'_>, mut stream: &UnixStream) -> Result<(), FrameError> {
        let (interface, method) = call.method.rsplit_once('.').unwrap_or(("", &call.method));
        let outcome = if call.upgrade {
            Err(Failure::Parameter("upgrade".to_owned()))
        } else {
            self.dispatch(interface, method, call.parameters)
        };
        if call.oneway {
            return Ok(());
        }
        match outcome {
            Ok(parameters) => write_frame(&mut stream, &Reply { parameters }),
            Err(failure) => {
                self.note_refusal(&call.method, &failure);
                write_frame(&mut stream, &failure.reply(interface))
            }
        }
    }

    /// A refusal that an operator should know of.
    fn note_refusal(&mut self, method: &str, failure: &Failure) {
        let (uid, pid) = (self.peer.uid, self.peer.pid);
        match failure {
            Failure::Ours(ErrorKind::NotVerified, _) => self.proof_wanted = true,
            Failure::Ours(ErrorKind::NotAllowed, reason) => {
                log::limited(
                    "refused calls",
                    format_args!("{method} refused to process {pid} of user id {uid}: {reason}"),
                );
            }
            Failure::Ours(ErrorKind::Unavailable | ErrorKind::Busy, reason) => {
                let kind = match self.peer.privileged {
                    true => "failed calls",
                    false => "failed calls of ordinary users",
                };
                log::limited_at(
                    Level::Error,
                    kind,
                    format_args!("{method} failed: {reason}"),
                );
            }
            _ => {}
        }
    }

    fn dispatch(
        &mut self,
        interface: &str,
        method: &str,
        parameters: Option<&RawValue>,
    ) -> Result<Body, Failure> {
        match interface {
            "org.pam-mfa.Login" => self.login(method, parameters),
            "org.pam-mfa.Admin" => self.admin(method, parameters),
            "org.varlink.service" => interfaces::service(method, parameters),
            _ => Err(Failure::NoInterface(interface.to_owned())),
        }
    }

    fn login(&mut self, method: &str, parameters: Option<&RawValue>) -> Result<Body, Failure> {
        match method {
            "Begin" => self.begin(&parse(parameters)?),
            "Answer" => self.answer(parse(parameters)?),
            "Cancel" => self.cancel(&parse(parameters)?),
            _ => Err(Failure::NoMethod(format!("org.pam-mfa.Login.{method}"))),
        }
    }

    fn begin(&mut self, parameters: &BeginParameters) -> Result<Body, Failure> {
        if let Some(earlier) = self.login.take() {
            self.agent
                .abandon(&earlier, "another login was begun on its connection");
        }
        let proof = std::mem::take(&mut self.proof_wanted);
        let progress = self.agent.begin(self.peer, parameters, proof)?;
        body(&self.keep(progress))
    }

    fn answer(&mut self, parameters: AnswerParameters) -> Result<Body, Failure> {
        let login = self.take_login(&parameters.session)?;
        let progress = self.agent.answer(login, parameters.answer)?;
        body(&self.keep(progress))
    }

    fn cancel(&mut self, parameters: &CancelParameters) -> Result<Body, Failure> {
        let login = self.take_login(&parameters.session)?;
        self.agent.abandon(&login, "cancelled");
        body(&Nothing {})
    }

    fn keep(&mut self, progress: Progress) -> LoginReply {
        match progress {
            Progress::Open(mut login, reply) => {
                self.events.extend(login.attempt.take());
                self.login = Some(login);
                reply
            }
            Progress::Ended(ended) => {
                self.events.push(ended.event);
                if ended.outcome == Outcome::Passed {
                    self.passed = Some((ended.user, Instant::now()));
                }
                ended.reply
            }
        }
    }

    fn take_login(&mut self, session: &str) -> Result<Box<Login>, Failure> {
        let held = self.login.take_if(|login| login.context.session == session);
        held.ok_or_else(|| {
            Failure::new(
                ErrorKind::NoLogin,
                "there is no such login on this connection; begin one",
            )
        })
    }

    /// Whether `user` passed a factor on this connection not long ago.
    pub(super) fn has_passed(&self, user: &UserName) -> bool {
        self.passed
            .as_ref()
            .is_some_and(|(passed, when)| passed == user && when.elapsed() < PROOF)
    }
}

/// The parameters of a call. The error names the field, and nothing of its value.
pub(super) fn parse<T: DeserializeOwned>(parameters: Option<&RawValue>) -> Result<T, Failure> {
    let text = parameters.map_or("{}", RawValue::get);
    serde_json::from_str(text).map_err(|e| Failure::Parameter(interfaces::field_of(&e)))
}

/// The parameters of a reply.
pub(super) fn body(reply: &impl Serialize) -> Result<Body, Failure> {
    serde_json::value::to_raw_value(reply).map_err(Failure::unavailable)
}
