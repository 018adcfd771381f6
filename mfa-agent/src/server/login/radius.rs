//! Having a RADIUS server judge an answer.
//!
//! The guess is noted on the record before the server hears of it, so that no more are out at once than
//! may be wrong, and a locked account asks nobody. What the server said is noted in a change of its own;
//! silence gives the guess back, unless it was one at a bypass or recovery code as well.

mod pace;

use std::time::Duration;

use jiff::Timestamp;
use mfa_protocol::Secret;
use mfa_radius::{Answer, ClientError, MAX_PASSWORD, Outcome as Said};

use super::super::Agent;
use super::super::errand::{Errand, Question};
use super::super::error::Failure;
use super::super::random;
use super::Login;
use crate::account::{Account, Remote, Verdict};
use crate::config::Radius;
use crate::dialogue::{Inquiry, Next, Reply};
use crate::ledger::After;
use crate::lockout::Gate;
use crate::log;
pub(in crate::server) use pace::Pace;

/// How much longer than a server takes it takes to note what it said.
const AFTERWARDS: Duration = Duration::from_secs(10);

/// An answer that a login waits for.
pub(in crate::server) struct Asking {
    typed: Secret,
    /// None if nobody is asked.
    asked: Option<Asked>,
}

/// A question that is out.
struct Asked {
    remote: Remote,
    /// Of the note on the record.
    id: u64,
    /// Whether what was typed might have been a bypass or recovery code, and was none.
    is_other_guess: bool,
}

/// Whether a guess may go out.
enum Leave {
    Granted(Asked),
    /// The server is asked nothing: there is no account at one, or the user's own is locked.
    Pretended,
    Spent,
}

impl Agent {
    /// Has a server judge an answer. Returns what is to be waited for, or what happens at once.
    pub(super) fn inquire(
        &self,
        login: &mut Login,
        inquiry: Inquiry,
    ) -> Result<Result<Errand, Next>, Failure> {
        let Inquiry { typed, is_first } = inquiry;
        let Some(place) = self.errands.enter(&login.settings) else {
            log::limited(
                "radius places",
                "too many logins wait for RADIUS servers; see [server] max_connections",
            );
            return Ok(Err(login.nobody_answers(
                typed,
                "too many logins wait for RADIUS servers",
            )?));
        };
        // What can't be sent is wrong, as it is for those who have no account at a server.
        let leave = match typed.expose().len() > MAX_PASSWORD {
            true => Leave::Pretended,
            false => self.leave(login, &typed)?,
        };
        let asked = match leave {
            Leave::Granted(asked) => asked,
            Leave::Pretended => {
                login.asking = Some(Asking { typed, asked: None });
                let time = self.pace.time();
                login.outlive(time + login.settings.server.login_timeout);
                return Ok(Ok(Errand::Rest(time, place)));
            }
            Leave::Spent => return Ok(Err(login.judged(&Verdict::Spent)?)),
        };
        let client = self.radius_client(asked.remote.server.as_str());
        let (Some(wait), Some(client)) = (login.wait(&asked.remote), client) else {
            return self.server_is_gone(login, typed, &asked).map(Err);
        };
        let challenge = login.challenge.take().filter(|_| !is_first);
        let question = Question {
            client,
            user: login.remote_name(&asked.remote).to_owned(),
            typed: typed.clone(),
            calling_station: login.context.rhost().map(str::to_owned),
            follows: challenge,
            wait,
        };
        login.outlive(wait + login.settings.server.login_timeout);
        let asked = Some(asked);
        login.asking = Some(Asking { typed, asked });
        Ok(Ok(Errand::Radius(Box::new(question), place)))
    }

    /// Nobody was asked: what was typed is wrong, or not judged at all, as it was for who asked last.
    pub(super) fn rested(&self, login: &mut Login) -> Result<Next, Failure> {
        let Asking { typed, .. } = take(login)?;
        match self.pace.is_silent() {
            true => login.nobody_answers(typed, "no RADIUS server was asked"),
            false => Ok(login.dialogue()?.inquired(typed, Reply::Rejected)),
        }
    }

    /// What a server said.
    pub(super) fn answered(
        &self,
        login: &mut Login,
        answer: Result<Answer, ClientError>,
        took: Duration,
    ) -> Result<Next, Failure> {
        let Asking { typed, asked } = take(login)?;
        let Some(asked) = asked else {
            return Err(Failure::unavailable("a server answered out of turn"));
        };
        note(login, &answer);
        login.remote = Some(asked.remote.clone());
        match answer.map(|answer| answer.outcome) {
            Ok(Said::Accepted { .. }) => {
                self.settle(login, asked.id)?;
                Ok(login.dialogue()?.inquired(typed, Reply::Accepted))
            }
            Ok(Said::Rejected { .. }) => {
                self.pace.note(took, false);
                // The note on the record becomes a failure in the change that judges the answers.
                login.rejected = Some(asked.id);
                Ok(login.dialogue()?.inquired(typed, Reply::Rejected))
            }
            Ok(Said::Challenged(challenge)) => {
                if let Some(locked) = self.unjudged(login, &asked)? {
                    return Ok(locked);
                }
                let (message, echo) = (challenge.message.clone(), challenge.echo);
                login.challenge = Some(challenge);
                let reply = Reply::Challenged { message, echo };
                Ok(login.dialogue()?.inquired(typed, reply))
            }
            Err(error) => {
                self.pace.note(took, true);
                if let Some(locked) = self.unjudged(login, &asked)? {
                    return Ok(locked);
                }
                login.nobody_answers(typed, &error.to_string())
            }
        }
    }

    /// The server is no longer in the settings.
    fn server_is_gone(
        &self,
        login: &mut Login,
        typed: Secret,
        asked: &Asked,
    ) -> Result<Next, Failure> {
        let server = &asked.remote.server;
        let why =
            format!("the user is at the RADIUS server {server}, and no [[radius]] has that name");
        log::limited("radius", format_args!("{}: {why}", login.context.user));
        match self.unjudged(login, asked)? {
            Some(locked) => Ok(locked),
            None => login.nobody_answers(typed, &why),
        }
    }

    fn leave(&self, login: &Login, typed: &Secret) -> Result<Leave, Failure> {
        let id = u64::from_le_bytes(random()?);
        self.ledger.change(&login.key, |account| {
            let mut account = account.unwrap_or_default();
            let Some(remote) = account.remote().cloned() else {
                return Ok((After::Same, Leave::Pretended));
            };
            let now = Timestamp::now();
            let is_other_guess = account.may_be_other_code(typed.expose(), now);
            let wait = login.wait(&remote).unwrap_or_default() + AFTERWARDS;
            Ok(
                match account.reserve(id, wait, login.era, now, &login.limits) {
                    Gate::Open => {
                        let asked = Asked {
                            remote,
                            id,
                            is_other_guess,
                        };
                        (After::Put(account.into()), Leave::Granted(asked))
                    }
                    // Judging it says so, and counts that it was refused.
                    Gate::Locked(_) => (After::Same, Leave::Pretended),
                    Gate::Spent => (After::Same, Leave::Spent),
                },
            )
        })
    }

    /// The server did not judge the guess, so it is given back. What might have been another code was judged
    /// here, and counts; what follows if that locks the account.
    fn unjudged(&self, login: &mut Login, asked: &Asked) -> Result<Option<Next>, Failure> {
        if !asked.is_other_guess {
            self.settle(login, asked.id)?;
            return Ok(None);
        }
        let verdict = self.ledger.change(&login.key, |account| {
            let mut account: Account = account.unwrap_or_default();
            let now = Timestamp::now();
            let verdict = account.missed_other_code(asked.id, login.era, now, &login.limits);
            Ok::<_, Failure>((After::Put(account.into()), verdict))
        })?;
        login.context.note(&verdict, false);
        match verdict {
            Verdict::Wrong { lock: Some(_), .. } => Ok(Some(login.judged(&verdict)?)),
            _ => {
                login.attempt = Some(login.context.attempt());
                Ok(None)
            }
        }
    }

    fn settle(&self, login: &Login, id: u64) -> Result<(), Failure> {
        self.ledger.change(&login.key, |account| {
            let mut account: Account = account.unwrap_or_default();
            let after = match account.settle_reserved(id) {
                true => After::Put(account.into()),
                false => After::Same,
            };
            Ok((after, ()))
        })
    }
}

impl Login {
    /// How long the servers of an account may take; none if they are no longer in the settings.
    fn wait(&self, remote: &Remote) -> Option<Duration> {
        let is_theirs = |radius: &&Radius| radius.name == remote.server;
        let radius = self.settings.radius.iter().find(is_theirs)?;
        Some(radius.wait)
    }

    fn remote_name<'a>(&'a self, remote: &'a Remote) -> &'a str {
        let own = self.context.user.as_str();
        remote.user.as_ref().map_or(own, |name| name.as_str())
    }

    fn nobody_answers(&mut self, typed: Secret, why: &str) -> Result<Next, Failure> {
        self.silence = Some(format!("{why}; nothing was judged"));
        Ok(self.dialogue()?.inquired(typed, Reply::Silent))
    }
}

fn take(login: &mut Login) -> Result<Asking, Failure> {
    let asking = login.asking.take();
    asking.ok_or_else(|| Failure::unavailable("a server answered out of turn"))
}

/// Tells the log what an operator should know.
fn note(login: &Login, answer: &Result<Answer, ClientError>) {
    let user = &login.context.user;
    match answer {
        Err(error) => log::limited("radius", format_args!("{user}: {error}")),
        Ok(answer) => {
            for tried in &answer.in_vain {
                log::limited("radius", format_args!("{user}: {tried}"));
            }
            if let Some(why) = &answer.last_refusal {
                let (refused, server) = (answer.refused, answer.server);
                log::limited(
                    "radius replies refused",
                    format_args!(
                        "{refused} datagrams from {server} were no right reply; the last: {why}"
                    ),
                );
            }
        }
    }
}
