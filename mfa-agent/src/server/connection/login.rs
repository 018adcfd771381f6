//! `org.pam-mfa.Login`, and what a login that was passed proves for changes on the same connection.

use std::time::{Duration, Instant};

use mfa_protocol::login::{
    AdmitParameters, AnswerParameters, BeginParameters, CancelParameters, LoginReply, Nothing,
    Outcome,
};
use mfa_protocol::message::ErrorKind;
use serde_json::value::RawValue;

use super::super::error::Failure;
use super::super::login::{Answered, Bearer, Ended, Progress, PromptedLogin, Purpose, Record};
use super::body::{login_body, parse};
use super::call_outcome::done;
use super::{CallOutcome, Connection, Waiting};
use mfa_core::names::UserName;

/// How long a verified factor allows changes on the same connection.
const PROOF: Duration = Duration::from_secs(600);

/// A factor that was passed on a connection, for a change.
pub(super) struct Proof {
    user: UserName,
    when: Instant,
    /// What the account could be passed with then.
    generation: u64,
}

impl Connection {
    pub(super) fn login(
        &mut self,
        method: &str,
        parameters: Option<&RawValue>,
    ) -> Result<CallOutcome, Failure> {
        if !self.terms.may_log_in {
            return Err(Failure::new(
                ErrorKind::Busy,
                "the agent has too many connections, and the last ones are reserved for \
                 administrators; try again",
            ));
        }
        match method {
            "Begin" => self.begin(parse(parameters)?),
            "Answer" => self.answer(parse(parameters)?),
            "Cancel" => self.cancel(&parse(parameters)?),
            "Admit" => self.admit(parse(parameters)?),
            _ => Err(Failure::NoMethod(format!("org.pam-mfa.Login.{method}"))),
        }
    }

    fn begin(&mut self, parameters: BeginParameters) -> Result<CallOutcome, Failure> {
        if let Some(earlier) = self.login.take() {
            self.agent.abandon(
                &earlier.login,
                "another login was started on its connection",
            );
        }
        if self.peer.privileged {
            self.active_logins = self.agent.active_logins.enter(());
        }
        let purpose = match std::mem::take(&mut self.proof_wanted) {
            true => Purpose::Proof,
            false => Purpose::Login,
        };
        let is_login = matches!(purpose, Purpose::Login) && parameters.operation.is_none();
        let service = || parameters.service.clone();
        let wanted = parameters.ticket_for.filter(|_| is_login);
        self.ticket_for = wanted.map(|parent| (parent, service()));
        let progress = self.agent.begin(self.peer, parameters, purpose)?;
        self.keep(progress)
    }

    fn answer(&mut self, parameters: AnswerParameters) -> Result<CallOutcome, Failure> {
        let login = self.take_login(&parameters.session)?;
        let answered = match (parameters.signed, parameters.unsigned) {
            (None, None) => Answered::Typed(parameters.answer, parameters.is_password),
            (Some(signed), _) => Answered::ByAgent(Ok(signed)),
            (None, Some(why)) => Answered::ByAgent(Err(why)),
        };
        let progress = self.agent.answer(login, answered)?;
        self.keep(progress)
    }

    fn cancel(&mut self, parameters: &CancelParameters) -> Result<CallOutcome, Failure> {
        let login = self.take_login(&parameters.session)?;
        self.agent.abandon(&login.login, "cancelled");
        done(&Nothing {})
    }

    /// The account phase. An admission by ticket is logged together with its login.
    fn admit(&mut self, parameters: AdmitParameters) -> Result<CallOutcome, Failure> {
        let Ended { reply, record, .. } = *self.agent.admit(self.peer, parameters)?;
        let is_told = reply.step.outcome == Some(Outcome::Passed);
        match record {
            Record::Due(event) if !is_told || event.factor.is_some() => {
                self.agent.record(*event, self.peer);
            }
            Record::Due(_) | Record::Committed => {}
        }
        Ok(login_body(&reply)?.into())
    }

    /// Adds the ticket, where one was asked for and the policy was met: by a factor, or by a rule that asks
    /// for none.
    fn with_ticket(
        &mut self,
        user: UserName,
        mut reply: LoginReply,
    ) -> Result<LoginReply, Failure> {
        let wanted = self.ticket_for.take();
        if let Some((parent, service)) = wanted
            && matches!(reply.step.outcome, Some(Outcome::Passed | Outcome::Skipped))
        {
            reply.ticket = self.agent.ticket(Bearer {
                user,
                service,
                peer: self.peer,
                parent: Some(parent),
            })?;
        }
        Ok(reply)
    }

    pub(super) fn keep(&mut self, progress: Progress) -> Result<CallOutcome, Failure> {
        let reply = match progress {
            Progress::Open(login, reply) => {
                self.login = Some(login);
                reply
            }
            Progress::Ahead(login, reply, late) => {
                self.login = Some(login);
                return Ok(CallOutcome::Ahead(login_body(&reply)?, late));
            }
            Progress::Waiting(wait) => {
                return Ok(CallOutcome::Waiting(Waiting::Login(wait)));
            }
            Progress::Ended(ended) => {
                if let Record::Due(event) = ended.record {
                    self.agent.record(*event, self.peer);
                }
                if let Some(generation) = ended.proven {
                    let (user, when) = (ended.user.clone(), Instant::now());
                    self.proof = Some(Proof {
                        user,
                        when,
                        generation,
                    });
                }
                self.with_ticket(ended.user, ended.reply)?
            }
        };
        Ok(login_body(&reply)?.into())
    }

    fn take_login(&mut self, session: &str) -> Result<PromptedLogin, Failure> {
        let is_meant = |prompted: &mut PromptedLogin| prompted.login.context.session == session;
        let held = self.login.take_if(is_meant);
        held.ok_or_else(|| {
            Failure::new(
                ErrorKind::NoLogin,
                "there is no such login on this connection; start one",
            )
        })
    }

    /// The state of the account that `user` has proven to be theirs on this connection, if they did
    /// so not long ago.
    pub(in crate::server) fn proven(&self, user: &UserName) -> Option<u64> {
        let proof = self.proof.as_ref()?;
        (proof.user == *user && proof.when.elapsed() < PROOF).then_some(proof.generation)
    }

    /// The user has shown by a code that they have what they set up first. Nothing else could have been
    /// passed before, and the code is used up now.
    pub(in crate::server) fn prove(&mut self, user: &UserName, generation: u64) {
        self.proof = Some(Proof {
            user: user.clone(),
            when: Instant::now(),
            generation,
        });
    }

    /// The user's own change moves their proof on with the account.
    pub(in crate::server) fn renew_proof(&mut self, user: &UserName, generation: u64) {
        if let Some(proof) = self.proof.as_mut().filter(|proof| proof.user == *user) {
            proof.generation = generation;
        }
    }
}
