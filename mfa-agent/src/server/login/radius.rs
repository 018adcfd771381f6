//! Having a RADIUS server judge an answer.
//!
//! The guess is noted on the record before the server hears of it, so that no more are out at once than
//! may be wrong, and a locked account asks nobody. What the server said is noted in a change of its own;
//! silence gives the guess back, unless it was one at a bypass or recovery code as well.

use std::time::Duration;

use jiff::Timestamp;
use mfa_protocol::Secret;
use mfa_radius::{Answer, ClientError, MAX_PASSWORD, Outcome as Said};

use super::super::Agent;
use super::super::effect::{Effect, Question};
use super::super::error::Failure;
use super::super::random;
use super::Login;
use crate::config::Radius;
use crate::log;
use crate::repository::After;
use mfa_core::account::{Account, Remote, Verdict};
use mfa_core::lockout::Admission;
use mfa_core::login::{Next, RadiusQuery, Reply};

/// How much longer than a server takes it takes to note what it said.
const AFTERWARDS: Duration = Duration::from_secs(10);

/// Bytes of an attribute's value.
const LONGEST_ATTRIBUTE: usize = 253;

/// An answer that a login waits for.
pub(in crate::server) struct PendingQuery {
    typed: Secret,
    asked: Asked,
}

/// What becomes of an answer.
#[derive(Default)]
struct Asked {
    /// The account at the server that judges it; none: nobody does.
    remote: Option<Remote>,
    /// Of the note on the record.
    note: Option<u64>,
    /// Whether it might have been a bypass or recovery code, and is none: that was judged here.
    is_other_guess: bool,
    /// Whether nobody is asked because the account is locked.
    is_locked: bool,
}

/// Whether a guess may go out.
enum Reservation {
    /// It may, or nobody is asked because there is no account at a server.
    Granted(Asked),
    /// It is a bypass or recovery code.
    Other,
    /// The account is locked.
    Locked,
    /// As many guesses are out as may be.
    Spent,
}

impl Agent {
    /// Has a server judge an answer. Returns what is to be waited for, or what happens at once.
    pub(super) fn inquire(
        &self,
        login: &mut Login,
        inquiry: RadiusQuery,
    ) -> Result<Result<Effect, Next>, Failure> {
        let RadiusQuery { typed, is_first } = inquiry;
        let asked = match self.leave(login, &typed)? {
            Reservation::Granted(asked) => asked,
            Reservation::Other => return Ok(Err(login.dialogue()?.gave_other_code(typed))),
            Reservation::Locked => Asked {
                is_locked: true,
                ..Asked::default()
            },
            Reservation::Spent => return Ok(Err(login.judged(&Verdict::BudgetExhausted)?)),
        };
        let is_privileged = login.context.peer.privileged;
        let Some(place) = self.effect_limits.enter(&login.settings, is_privileged) else {
            let why = "too many logins wait for RADIUS servers; see [server] max_connections";
            log::limited("radius places", why);
            return self.unanswered(login, typed, &asked, why).map(Err);
        };
        let Some(remote) = asked.remote.clone() else {
            let time = self.typical_latency.time().min(login.longest_wait());
            login.outlive(time + login.settings.server.login_timeout);
            login.asking = Some(PendingQuery { typed, asked });
            return Ok(Ok(Effect::Rest(time, place)));
        };
        let client = self.radius_client(remote.server.as_str());
        let (Some(wait), Some(client)) = (login.wait(&remote), client) else {
            let server = &remote.server;
            let why = format!(
                "the user is at the RADIUS server {server}, and no [[radius]] has that name"
            );
            log::limited("radius", format_args!("{}: {why}", login.context.user));
            return self.unanswered(login, typed, &asked, &why).map(Err);
        };
        let question = Question {
            client,
            user: login.remote_name(&remote).to_owned(),
            typed: typed.clone(),
            calling_station: login.calling_station(),
            follows: login.challenge.take().filter(|_| !is_first),
            wait,
        };
        login.outlive(wait + login.settings.server.login_timeout);
        login.asking = Some(PendingQuery { typed, asked });
        Ok(Ok(Effect::Radius(Box::new(question), place)))
    }

    /// Nobody was asked: what was typed is wrong, or not judged at all, as it was for who asked last.
    pub(super) fn rested(&self, login: &mut Login) -> Result<Next, Failure> {
        let PendingQuery { typed, asked } = take(login)?;
        login.remote = None;
        if self.typical_latency.end() {
            let why = match asked.is_locked {
                true => "the account is locked, so no RADIUS server was asked",
                false => "the user has no account at a RADIUS server, so none was asked",
            };
            return self.unanswered(login, typed, &asked, why);
        }
        login.rejected = asked.note;
        Ok(login.dialogue()?.inquired(typed, Reply::Rejected))
    }

    /// What a server said.
    pub(super) fn answered(
        &self,
        login: &mut Login,
        answer: Result<Answer, ClientError>,
        took: Duration,
    ) -> Result<Next, Failure> {
        let PendingQuery { typed, asked } = take(login)?;
        note(login, &answer);
        login.remote.clone_from(&asked.remote);
        match answer.map(|answer| answer.outcome) {
            Ok(Said::Accepted { .. }) => {
                self.settle(login, &asked)?;
                Ok(login.dialogue()?.inquired(typed, Reply::Accepted))
            }
            Ok(Said::Rejected { .. }) => {
                self.typical_latency.note(took, false);
                // The note on the record becomes a failure in the change that judges the answers.
                login.rejected = asked.note;
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
                if matches!(error, ClientError::NoAnswer(_)) {
                    self.typical_latency.note(took, true);
                }
                self.unanswered(login, typed, &asked, &error.to_string())
            }
        }
    }

    /// Notes the guess, if it may go out. Bypass and recovery codes are looked for in the same change, so that
    /// no more guesses at them are out at once than may be wrong either.
    fn leave(&self, login: &Login, typed: &Secret) -> Result<Reservation, Failure> {
        let id = u64::from_le_bytes(random()?);
        let pepper = self.repository.pepper();
        // What can't be sent is wrong, as it is for those who have no account at a server.
        let can_be_sent = typed.expose().len() <= MAX_PASSWORD;
        self.repository.change(&login.key, |account| {
            let mut account = account.unwrap_or_default();
            let now = Timestamp::now();
            match account.lockout().admit(login.epoch, now, &login.limits) {
                Admission::Open => {}
                Admission::Locked(_) => return Ok((After::Same, Reservation::Locked)),
                Admission::BudgetExhausted => return Ok((After::Same, Reservation::Spent)),
            }
            let is_other_guess = account.may_be_other_code(typed.expose(), now);
            if is_other_guess && account.has_other_code(typed.expose(), now, pepper) {
                return Ok((After::Same, Reservation::Other));
            }
            let remote = account.remote().filter(|_| can_be_sent).cloned();
            if remote.is_none() && !is_other_guess {
                return Ok((After::Same, Reservation::Granted(Asked::default())));
            }
            let wait = remote.as_ref().and_then(|remote| login.wait(remote));
            let wait = wait.unwrap_or_else(|| login.longest_wait()) + AFTERWARDS;
            if account.reserve(id, wait, login.epoch, now, &login.limits) != Admission::Open {
                return Ok((After::Same, Reservation::Spent));
            }
            let asked = Asked {
                remote,
                note: Some(id),
                is_other_guess,
                is_locked: false,
            };
            Ok((After::Put(account.into()), Reservation::Granted(asked)))
        })
    }

    /// No server has judged the guess.
    fn unanswered(
        &self,
        login: &mut Login,
        typed: Secret,
        asked: &Asked,
        why: &str,
    ) -> Result<Next, Failure> {
        if let Some(locked) = self.unjudged(login, asked)? {
            return Ok(locked);
        }
        login.silence = Some(match asked.is_other_guess {
            true => {
                format!("{why}; none of the user's bypass or recovery codes either, which counts")
            }
            false => format!("{why}; nothing was judged"),
        });
        Ok(login.dialogue()?.inquired(typed, Reply::Silent))
    }

    /// The server did not judge the guess, so it is given back. What might have been another code was judged
    /// here, and counts; what follows if that locks the account.
    fn unjudged(&self, login: &mut Login, asked: &Asked) -> Result<Option<Next>, Failure> {
        let is_guess = asked.is_other_guess && login.is_password != Some(true);
        let Some(id) = asked.note.filter(|_| is_guess) else {
            self.settle(login, asked)?;
            return Ok(None);
        };
        let verdict = self.commit(&login.key, login.context.peer, |account| {
            let mut account: Account = account.unwrap_or_default();
            let now = Timestamp::now();
            let verdict = account.missed_other_code(id, login.epoch, now, &login.limits);
            let (_, events) = login.told_unjudged(&verdict);
            Ok((After::Put(account.into()), events, verdict))
        })?;
        login.context = login.told_unjudged(&verdict).0;
        match verdict {
            Verdict::Wrong { lock: Some(_), .. } => {
                login.is_end_recorded = true;
                Ok(Some(login.dialogue()?.judged(&verdict)))
            }
            _ => Ok(None),
        }
    }

    fn settle(&self, login: &Login, asked: &Asked) -> Result<(), Failure> {
        let Some(id) = asked.note else {
            return Ok(());
        };
        self.repository.change(&login.key, |account| {
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

    /// The longest that any server may take.
    fn longest_wait(&self) -> Duration {
        let waits = self.settings.radius.iter().map(|radius| radius.wait);
        waits.max().unwrap_or_default()
    }

    /// Where the user comes from; an attribute has no room for more (RFC 2865 §5).
    fn calling_station(&self) -> Option<String> {
        let rhost = self
            .context
            .rhost()
            .filter(|rhost| rhost.len() <= LONGEST_ATTRIBUTE);
        rhost.map(str::to_owned)
    }
}

fn take(login: &mut Login) -> Result<PendingQuery, Failure> {
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
