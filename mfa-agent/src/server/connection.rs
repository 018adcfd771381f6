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
    AnswerParameters, BeginParameters, CancelParameters, LoginReply, Nothing,
};
use mfa_protocol::message::{AnyCall, ErrorKind, Reply};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::Agent;
use super::admin::Pending;
use super::channel::Until;
use super::error::Failure;
use super::login::{Login, Progress};
use super::peer::Peer;
use crate::log::{self, Level};
use crate::names::UserName;

/// How long a connection may be silent outside a login: somebody may be scanning a QR code.
const PATIENCE: Duration = Duration::from_secs(600);

/// How long the other side may take to accept a reply.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);

/// How long a factor that was passed on a connection stands for changes made on it.
const PROOF: Duration = Duration::from_secs(600);

/// Bytes of the longest reply of `org.pam-mfa.Admin` that shows a key or codes.
const KEY_REPLY: usize = 4096;

/// One connection's state.
pub(super) struct Connection {
    pub(super) agent: Arc<Agent>,
    pub(super) peer: Peer,
    login: Option<Box<Login>>,
    proof: Option<Proof>,
    /// A change was refused for want of a factor: the next login of this caller asks for one.
    pub(super) proof_wanted: bool,
    pub(super) pending: Option<Pending>,
}

/// A factor that was passed on a connection, for a change.
struct Proof {
    user: UserName,
    when: Instant,
    /// What the account could be passed with then.
    generation: u64,
}

/// The parameters of a reply as JSON. Wiped, because some replies carry a key.
pub(super) struct Body(Zeroizing<Vec<u8>>);

impl Connection {
    pub(super) fn new(agent: Arc<Agent>, peer: Peer) -> Self {
        Self {
            agent,
            peer,
            login: None,
            proof: None,
            proof_wanted: false,
            pending: None,
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
        loop {
            let deadline = self.deadline();
            let frame = match reader.next(&mut Until { stream, deadline }) {
                Ok(frame) => frame,
                Err(e) => return Some(e),
            };
            let Ok(call) = serde_json::from_slice::<AnyCall<'_>>(frame) else {
                return Some(FrameError::Encode);
            };
            let agent = Arc::clone(&self.agent);
            let pass = agent.gate.enter()?;
            let outcome = self.carry_out(&call);
            // What the reply says is durable: nobody has to wait for it to be taken.
            drop(pass);
            let replied = if call.oneway {
                Ok(())
            } else {
                reply(&call, outcome, stream)
            };
            if let Err(e) = replied {
                return Some(e);
            }
        }
    }

    /// When the next message has to be there.
    fn deadline(&self) -> Instant {
        let patience = Instant::now() + PATIENCE;
        self.login.as_ref().map_or(patience, |login| login.deadline)
    }

    fn carry_out(&mut self, call: &AnyCall<'_>) -> Result<Body, Failure> {
        let (interface, method) = split(&call.method);
        let outcome = if call.upgrade {
            Err(Failure::Parameter("upgrade".to_owned()))
        } else if self.may_call() {
            self.dispatch(interface, method, call.parameters)
        } else {
            Err(Failure::new(
                ErrorKind::Busy,
                "you are calling too often; try again in a few seconds",
            ))
        };
        if let Err(failure) = &outcome {
            self.note_refusal(&call.method, failure);
        }
        outcome
    }

    fn may_call(&self) -> bool {
        let agent = &self.agent;
        self.peer.privileged || agent.limits.may_call(self.peer.uid, Instant::now())
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
            "Begin" => self.begin(parse(parameters)?),
            "Answer" => self.answer(parse(parameters)?),
            "Cancel" => self.cancel(&parse(parameters)?),
            _ => Err(Failure::NoMethod(format!("org.pam-mfa.Login.{method}"))),
        }
    }

    fn begin(&mut self, parameters: BeginParameters) -> Result<Body, Failure> {
        if let Some(earlier) = self.login.take() {
            self.agent
                .abandon(&earlier, "another login was begun on its connection");
        }
        let proof = std::mem::take(&mut self.proof_wanted);
        let progress = self.agent.begin(self.peer, parameters, proof)?;
        login_body(&self.keep(progress))
    }

    fn answer(&mut self, parameters: AnswerParameters) -> Result<Body, Failure> {
        let login = self.take_login(&parameters.session)?;
        let progress = self.agent.answer(login, parameters.answer)?;
        login_body(&self.keep(progress))
    }

    fn cancel(&mut self, parameters: &CancelParameters) -> Result<Body, Failure> {
        let login = self.take_login(&parameters.session)?;
        self.agent.abandon(&login, "cancelled");
        body(&Nothing {})
    }

    fn keep(&mut self, progress: Progress) -> LoginReply {
        match progress {
            Progress::Open(mut login, reply) => {
                if let Some(attempt) = login.attempt.take() {
                    self.agent.record(attempt, self.peer);
                }
                self.login = Some(login);
                reply
            }
            Progress::Ended(ended) => {
                self.agent.record(ended.event, self.peer);
                if let Some(generation) = ended.proven {
                    let (user, when) = (ended.user, Instant::now());
                    self.proof = Some(Proof {
                        user,
                        when,
                        generation,
                    });
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

    /// The state of the account that `user` has proven to be theirs on this connection, if they did
    /// so not long ago.
    pub(super) fn proven(&self, user: &UserName) -> Option<u64> {
        let proof = self.proof.as_ref()?;
        (proof.user == *user && proof.when.elapsed() < PROOF).then_some(proof.generation)
    }

    /// The user has shown by a code that they have what they set up first. Nothing else could have been
    /// passed before, and the code is used up now.
    pub(super) fn prove(&mut self, user: &UserName, generation: u64) {
        self.proof = Some(Proof {
            user: user.clone(),
            when: Instant::now(),
            generation,
        });
    }

    /// The user's own change moves their proof on with the account.
    pub(super) fn renew_proof(&mut self, user: &UserName, generation: u64) {
        if let Some(proof) = self.proof.as_mut().filter(|proof| proof.user == *user) {
            proof.generation = generation;
        }
    }
}

fn reply(
    call: &AnyCall<'_>,
    outcome: Result<Body, Failure>,
    stream: &UnixStream,
) -> Result<(), FrameError> {
    let (interface, _) = split(&call.method);
    let mut until = Until {
        stream,
        deadline: Instant::now() + WRITE_PATIENCE,
    };
    let failure = match outcome {
        Ok(body) => {
            let parameters: &RawValue =
                serde_json::from_slice(&body.0).map_err(|_| FrameError::Encode)?;
            match write_frame(&mut until, &Reply { parameters }) {
                // Nothing of it has left yet.
                Err(FrameError::TooLong) => Failure::refused("the reply is too long for a message"),
                written => return written,
            }
        }
        Err(failure) => failure,
    };
    write_frame(&mut until, &failure.reply(interface))
}

fn split(method: &str) -> (&str, &str) {
    method.rsplit_once('.').unwrap_or(("", method))
}

/// The parameters of a call. The error names the field, and nothing of its value.
pub(super) fn parse<T: DeserializeOwned>(parameters: Option<&RawValue>) -> Result<T, Failure> {
    let text = parameters.map_or("{}", RawValue::get);
    serde_json::from_str(text).map_err(|e| Failure::Parameter(interfaces::field_of(&e)))
}

/// The reply of a login. A set-up shows a QR code and a key in its messages; in JSON a text takes at most six
/// times its bytes, and ours, which have no control characters but line breaks, twice.
fn login_body(reply: &LoginReply) -> Result<Body, Failure> {
    let texts: usize = reply
        .step
        .messages
        .iter()
        .map(|m| 64 + 2 * m.text.len())
        .sum();
    body_within(reply, 1024 + texts)
}

/// The parameters of a reply.
pub(super) fn body(reply: &impl Serialize) -> Result<Body, Failure> {
    body_within(reply, KEY_REPLY)
}

/// The same, in so many bytes: growing would leave an unwiped copy of a key behind, and all of them are
/// wiped.
fn body_within(reply: &impl Serialize, size: usize) -> Result<Body, Failure> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(size));
    serde_json::to_writer(&mut *bytes, reply).map_err(Failure::unavailable)?;
    Ok(Body(bytes))
}
