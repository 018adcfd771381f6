//! One connection: frames in, replies out, and what is remembered between them.
//!
//! Input is bounded in size (`frame`), in time, and in what it may ask (`peer`). An invalid message ends the
//! connection; a refused call does not.

mod body;
mod call_outcome;
mod interfaces;
mod login;

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mfa_protocol::frame::{FrameError, FrameReader, write_frame, write_reply};
use mfa_protocol::message::{AnyCall, ErrorKind};
use serde_json::value::RawValue;

use super::Agent;
use super::channel::{self, Until};
use super::counter::Held;
use super::error::Failure;
use super::limits::Terms;
use super::login::{LearnedLate, PromptedLogin};
use super::peer::Peer;
use super::pending::{
    BackupCall, Confirmation, PendingCodes, PendingDevice, PendingKey, RestoreCall,
};
use crate::log::{self, Level};
use crate::repository::MergeRun;
pub(super) use body::{Body, body, parse};
use call_outcome::Resumed;
pub(super) use call_outcome::{CallOutcome, Waiting, done};
use login::Proof;

/// How long a connection may be silent outside a login: a user may be scanning a QR code.
const PATIENCE: Duration = Duration::from_secs(600);

/// How long a connection may be silent before its first call. No user types then, but a user may have stopped the
/// program.
const FIRST_CALL: Duration = Duration::from_secs(30);

/// How long the other side may take to accept a reply.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);

/// Why a login ends without an answer.
const CLOSED: &str = "the connection was closed";

/// One connection's state.
pub(super) struct Connection {
    pub(super) agent: Arc<Agent>,
    pub(super) peer: Peer,
    terms: Terms,
    has_called: bool,
    /// The caller has said that it makes no call after its login.
    only_login: bool,
    login: Option<PromptedLogin>,
    /// An active login, of a program that guards logins.
    active_logins: Option<Held<()>>,
    /// Its first call has not arrived yet, or is running.
    arriving: Option<Held<()>>,
    /// The user and service for which the active login leaves a ticket.
    ticket_for: Option<(u32, String)>,
    proof: Option<Proof>,
    /// A change was refused for want of a factor: the next login of this caller asks for one.
    pub(super) proof_wanted: bool,
    pub(super) pending: Option<PendingDevice>,
    pub(super) pending_key: Option<Box<PendingKey>>,
    pub(super) pending_codes: Option<Box<PendingCodes>>,
    /// An address that waits for the code that was sent there.
    pub(super) confirmation: Option<Box<Confirmation>>,
    pub(super) backup: Option<Box<BackupCall>>,
    pub(super) restore: Option<Box<RestoreCall>>,
    pub(super) merge: Option<Box<MergeRun>>,
}

impl Connection {
    pub(super) fn new(agent: Arc<Agent>, peer: Peer) -> Self {
        Self {
            agent,
            peer,
            terms: Terms::usual(peer.uid),
            has_called: false,
            only_login: false,
            login: None,
            active_logins: None,
            arriving: None,
            ticket_for: None,
            proof: None,
            proof_wanted: false,
            pending: None,
            pending_key: None,
            pending_codes: None,
            confirmation: None,
            backup: None,
            restore: None,
            merge: None,
        }
    }

    /// The same where room is scarce.
    pub(super) fn under(self, terms: Terms) -> Self {
        Self { terms, ..self }
    }

    /// A program that guards logins is waited for at the end from before it is accepted: its first call may be a
    /// login, which has come too late to be anybody else's.
    pub(super) fn expect_first_call(&mut self, arriving: Option<Held<()>>) {
        self.arriving = arriving;
    }

    /// Serves until the other side goes away, is silent for too long, or talks nonsense.
    pub(super) fn serve(mut self, stream: &UnixStream) {
        let end = self.serve_calls(stream);
        let Some(login) = self.login.take() else {
            if let Some(FrameError::TooLong | FrameError::Encode) = end {
                let (uid, pid) = (self.peer.uid, self.peer.pid);
                log::limited(
                    "invalid messages",
                    format_args!("process {pid} of user id {uid} sent an invalid message"),
                );
            }
            return;
        };
        let reason = match end {
            Some(FrameError::Io(e)) if e.kind() == io::ErrorKind::TimedOut => "no answer in time",
            _ => CLOSED,
        };
        self.agent.abandon(&login.login, reason);
    }

    fn serve_calls(&mut self, stream: &UnixStream) -> Option<FrameError> {
        let mut reader = FrameReader::new();
        loop {
            let deadline = self.deadline();
            if !self.has_called {
                channel::await_soon(stream);
            }
            let frame = match reader.next(&mut Until { stream, deadline }) {
                Ok(frame) => frame,
                Err(e) => return Some(e),
            };
            let Ok(call) = serde_json::from_slice::<AnyCall<'_>>(frame) else {
                return Some(FrameError::Encode);
            };
            self.has_called = true;
            self.only_login |= call.only_login;
            let agent = Arc::clone(&self.agent);
            let mut call_outcome = {
                // The content of the reply is durable by then, so nothing must wait until the caller reads it.
                let _pass = agent.shutdown.enter(())?;
                self.carry_out(&call)
            };
            let (outcome, afterwards) = loop {
                call_outcome = match call_outcome {
                    CallOutcome::Done(outcome) => break (outcome, None),
                    CallOutcome::Ahead(body, late) => break (Ok(body), Some(late)),
                    CallOutcome::Waiting(waiting) => {
                        let resumed = waiting.run();
                        let Some(_pass) = agent.shutdown.enter(()) else {
                            self.abandon_resumed(&resumed);
                            return None;
                        };
                        self.resume(&call, resumed)
                    }
                };
            };
            let replied = if call.oneway {
                Ok(())
            } else {
                reply(&call, outcome, stream)
            };
            if let Some(late) = afterwards {
                let learned = late.run();
                let _pass = agent.shutdown.enter(())?;
                self.learn(learned);
            }
            if let Err(e) = replied {
                return Some(e);
            }
            self.arriving = None;
            // Not before the waiting caller has the reply.
            if self.login.is_none() {
                self.active_logins = None;
                if self.only_login {
                    return None;
                }
            }
        }
    }

    /// When the next message has to be there.
    fn deadline(&self) -> Instant {
        let patience = match self.has_called {
            true => PATIENCE,
            false => FIRST_CALL,
        };
        let patience = Instant::now() + patience;
        let login = self.login.as_ref();
        login.map_or(patience, |prompted| prompted.login.deadline)
    }

    fn carry_out(&mut self, call: &AnyCall<'_>) -> CallOutcome {
        let (interface, method) = split(&call.method);
        let call_outcome = if call.upgrade {
            Err(Failure::Parameter("upgrade".to_owned()))
        } else if self.may_call() {
            self.dispatch(interface, method, call.parameters)
        } else {
            Err(Failure::new(
                ErrorKind::Busy,
                "too many calls; try again in a few seconds",
            ))
        };
        self.noted(call, call_outcome)
    }

    /// Goes on with a call once what it waited for is done.
    fn resume(&mut self, call: &AnyCall<'_>, resumed: Resumed) -> CallOutcome {
        let call_outcome = match resumed {
            Resumed::Login(login) => match self.agent.resume(login) {
                Ok(progress) => self.keep(progress),
                Err(failure) => Err(failure),
            },
            Resumed::Trial(delivery, trial) => done(&trial.reply(delivery)),
            Resumed::Confirmation(delivery, pending) => self.confirmation_sent(*pending, delivery),
        };
        self.noted(call, call_outcome)
    }

    /// Records a login that the shutdown came before.
    fn abandon_resumed(&self, resumed: &Resumed) {
        if let Resumed::Login(login) = resumed {
            self.agent.abandon(login.login(), CLOSED);
        }
    }

    /// Takes what became of a message that the reply did not wait for.
    fn learn(&mut self, learned: LearnedLate) {
        let Some(login) = self.login.as_mut() else {
            return;
        };
        if let Err(failure) = self.agent.learn_late(login, learned) {
            self.note_refusal("org.pam-mfa.Login.Begin", &failure);
        }
    }

    fn noted(
        &mut self,
        call: &AnyCall<'_>,
        call_outcome: Result<CallOutcome, Failure>,
    ) -> CallOutcome {
        call_outcome.unwrap_or_else(|failure| {
            self.note_refusal(&call.method, &failure);
            CallOutcome::Done(Err(failure))
        })
    }

    fn may_call(&self) -> bool {
        let agent = &self.agent;
        self.peer.privileged || agent.limits.may_call(self.terms.calls_as, Instant::now())
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
    ) -> Result<CallOutcome, Failure> {
        match interface {
            "org.pam-mfa.Login" => self.login(method, parameters),
            "org.pam-mfa.Admin" => self.admin(method, parameters),
            "org.varlink.service" => Ok(interfaces::service(method, parameters)?.into()),
            _ => Err(Failure::NoInterface(interface.to_owned())),
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
            match write_reply(&mut until, &body.0) {
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
