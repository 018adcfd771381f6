//! Answers that a RADIUS server verifies.
//!
//! The guess is reserved on the record before the server gets it, so that no more guesses are open at once than may be
//! wrong, and a locked account asks no server. The server's answer is recorded in a separate change; if no server
//! answers, the reservation is released, unless the answer was also a guess at a bypass or recovery code.

use std::time::Duration;

use jiff::Timestamp;
use mfa_radius::{Answer, ClientError, MAX_PASSWORD, Outcome as Said};

use super::super::Agent;
use super::super::error::Failure;
use super::super::push_decoy::PushEnd;
use super::super::random;
use super::super::wait::{Question, RadiusOutcome, RadiusWait, ServerAnswer};
use super::following::Following;
use super::{Login, QueryingRadius};
use crate::config::Radius;
use crate::log;
use crate::repository::After;
use mfa_core::account::{Account, Counted, Refused, Remote};
use mfa_core::lockout::Admission;
use mfa_core::login::RadiusReply;

/// How much longer than a server takes it takes to note what it said.
const AFTERWARDS: Duration = Duration::from_secs(10);

/// Bytes of an attribute's value.
const LONGEST_ATTRIBUTE: usize = 253;

/// A guess that may be out, and what was done about it on the record.
#[derive(Clone, Copy)]
pub(in crate::server) enum ReservedGuess {
    /// Nothing: the user has no account at a server, and it can't be a bypass or recovery code.
    None,
    /// Nothing, and nobody is asked: the account is locked.
    Locked,
    /// It is on the record under this number, for a server to judge.
    ForServer(u64),
    /// The same, and it might have been a bypass or recovery code, and is none: that was judged here.
    VerifiedHere(u64),
}

impl ReservedGuess {
    /// Its number on the record.
    const fn id(self) -> Option<u64> {
        match self {
            Self::None | Self::Locked => None,
            Self::ForServer(id) | Self::VerifiedHere(id) => Some(id),
        }
    }
}

/// Whether a guess may go out.
enum Reservation {
    /// It may, or no server is asked because the user has no account at a server.
    Granted(Option<Remote>, ReservedGuess),
    /// It is a bypass or recovery code.
    Other,
    /// The account is locked.
    Locked,
    /// As many guesses are out as may be.
    BudgetExhausted,
    /// The user was asked on the phone as often as may be.
    TooManyPushes,
}

/// What asking a server comes to.
pub(super) enum Queried {
    /// This must be waited for.
    Waiting(RadiusWait, QueryingRadius, ReservedGuess),
    /// This follows at once.
    AtOnce(Following),
}

impl Agent {
    /// Has a server verify an answer.
    pub(super) fn query(
        &self,
        login: &mut Login,
        state: QueryingRadius,
    ) -> Result<Queried, Failure> {
        let (remote, guess) = match self.reserve(login, &state)? {
            Reservation::Granted(remote, guess) => (remote, guess),
            Reservation::Other => {
                return Ok(Queried::AtOnce(Following::due(state.take_other_code())));
            }
            Reservation::Locked => (None, ReservedGuess::Locked),
            Reservation::TooManyPushes => {
                let too_many = state.replied(RadiusReply::TooMany);
                return Ok(Queried::AtOnce(Following::due(too_many)));
            }
            Reservation::BudgetExhausted => {
                let refused = Refused::BudgetExhausted;
                login.context.note(&refused.into(), state.is_unenrolled());
                return Ok(Queried::AtOnce(Following::due(state.refused(refused))));
            }
        };
        self.send_query(login, state, remote, guess)
    }

    fn send_query(
        &self,
        login: &mut Login,
        state: QueryingRadius,
        remote: Option<Remote>,
        guess: ReservedGuess,
    ) -> Result<Queried, Failure> {
        let is_privileged = login.context.peer.privileged;
        let Some(place) = self.radius_places.enter(&login.settings, is_privileged) else {
            let why =
                "too many logins are waiting for RADIUS servers; see [server] max_connections";
            log::limited("radius places", why);
            let following = self.unanswered(login, state, guess, why)?;
            return Ok(Queried::AtOnce(following));
        };
        let Some(remote) = remote else {
            let time = match state.is_push() {
                true => self.push_decoy.time(),
                false => self.typical_latency.time(),
            };
            let time = time.min(login.longest_wait());
            login.outlive(time + login.settings.server.login_timeout);
            let wait = RadiusWait::Nobody(time, place);
            return Ok(Queried::Waiting(wait, state, guess));
        };
        let client = self.radius_client(remote.server.as_str());
        let (Some(wait), Some(client)) = (login.wait(&remote), client) else {
            let server = &remote.server;
            let why = format!(
                "the user is enrolled at the RADIUS server {server}, but no [[radius]] has that \
                 name"
            );
            log::limited("radius", format_args!("{}: {why}", login.context.user));
            let following = self.unanswered(login, state, guess, &why)?;
            return Ok(Queried::AtOnce(following));
        };
        let question = Question {
            client,
            user: login.remote_name(&remote).to_owned(),
            typed: login.passcode(&remote, &state),
            calling_station: login.calling_station(),
            follows: state.follows().cloned(),
            wait,
            remote,
        };
        login.outlive(wait + login.settings.server.login_timeout);
        let wait = RadiusWait::Server(Box::new(question), place);
        Ok(Queried::Waiting(wait, state, guess))
    }

    /// What follows from what a server said, or from having asked none.
    pub(super) fn replied(
        &self,
        login: &mut Login,
        state: QueryingRadius,
        guess: ReservedGuess,
        outcome: RadiusOutcome,
    ) -> Result<Following, Failure> {
        match outcome {
            RadiusOutcome::Server(said) => {
                note(login, &said.answer);
                self.answered(login, state, guess, *said)
            }
            RadiusOutcome::Nobody => self.rested(login, state, guess),
        }
    }

    /// No server was asked: the answer is wrong, or was not verified at all, like the last answer.
    fn rested(
        &self,
        login: &mut Login,
        state: QueryingRadius,
        guess: ReservedGuess,
    ) -> Result<Following, Failure> {
        let is_silent = match (state.is_push(), self.push_decoy.end()) {
            (true, PushEnd::Challenged) => return self.question_of_nobody(login, state, guess),
            (true, end) => end == PushEnd::Silent,
            (false, _) => self.typical_latency.end(),
        };
        if is_silent {
            let why = match guess {
                ReservedGuess::Locked => "the account is locked, so no RADIUS server was asked",
                ReservedGuess::None
                | ReservedGuess::ForServer(_)
                | ReservedGuess::VerifiedHere(_) => {
                    "the user has no account at a RADIUS server, so none was asked"
                }
            };
            return self.unanswered(login, state, guess, why);
        }
        let rejected = RadiusReply::Rejected {
            remote: None,
            reserved: guess.id(),
        };
        Ok(Following::due(state.replied(rejected)))
    }

    /// What a server said.
    fn answered(
        &self,
        login: &mut Login,
        state: QueryingRadius,
        guess: ReservedGuess,
        said: ServerAnswer,
    ) -> Result<Following, Failure> {
        let ServerAnswer {
            remote,
            answer,
            took,
        } = said;
        let reply = match answer.map(|answer| answer.outcome) {
            Ok(Said::Accepted { .. }) => {
                self.settle(login, guess)?;
                RadiusReply::Accepted(remote)
            }
            Ok(Said::Rejected { .. }) => {
                self.note_end(&state, took, PushEnd::Rejected);
                // The reservation becomes a failure in the change that verifies the answers.
                RadiusReply::Rejected {
                    remote: Some(remote),
                    reserved: guess.id(),
                }
            }
            Ok(Said::Challenged(challenge)) => {
                if let Some(locked) = self.unverified(login, &state, guess)? {
                    return Ok(Following::committed(state.refused(locked)));
                }
                let (message, echo) = (challenge.message.clone(), challenge.echo);
                if state.is_push() {
                    self.note_end(&state, took, PushEnd::Challenged);
                    let user = &login.context.user;
                    self.push_decoy.note_question(user, &message, echo);
                }
                match self.count_question(login)? {
                    true => RadiusReply::Challenged {
                        message,
                        echo,
                        challenge,
                    },
                    false => RadiusReply::TooMany,
                }
            }
            Err(error) => {
                if matches!(error, ClientError::NoAnswer(_)) {
                    self.note_end(&state, took, PushEnd::Silent);
                }
                return self.unanswered(login, state, guess, &error.to_string());
            }
        };
        Ok(Following::due(state.replied(reply)))
    }

    /// Reserves the guess, if it may be sent. Bypass and recovery codes are checked in the same change, so that no more
    /// guesses at them are open at once than may be wrong.
    fn reserve(&self, login: &Login, state: &QueryingRadius) -> Result<Reservation, Failure> {
        let (typed, may_ring) = (state.typed(), state.may_ring());
        let requests = login.settings.request_limits();
        let id = u64::from_le_bytes(random()?);
        let pepper = self.repository.pepper();
        // What can't be sent is wrong, as it is for those who have no account at a server.
        let can_be_sent = typed.expose().len() <= MAX_PASSWORD;
        self.repository.change(&login.key, |account| {
            let mut account = account.unwrap_or_default();
            let now = Timestamp::now();
            // Counted for everybody, also where no phone rings: the limit must not show who has one.
            if may_ring && !account.count_request(now, &requests) {
                return Ok((After::Same, Reservation::TooManyPushes));
            }
            let unguessed = |account: Account| match may_ring {
                true => After::Put(account.into()),
                false => After::Same,
            };
            match account.lockout().admit(login.epoch, now, &login.limits) {
                Admission::Open => {}
                Admission::Locked(_) => return Ok((unguessed(account), Reservation::Locked)),
                Admission::BudgetExhausted => {
                    return Ok((After::Same, Reservation::BudgetExhausted));
                }
            }
            let is_other_guess = account.may_be_other_code(typed.expose(), now);
            if is_other_guess && account.has_other_code(typed.expose(), now, &pepper) {
                return Ok((After::Same, Reservation::Other));
            }
            let remote = account.usable_remote().filter(|_| can_be_sent).cloned();
            if remote.is_none() && !is_other_guess {
                let granted = Reservation::Granted(None, ReservedGuess::None);
                return Ok((unguessed(account), granted));
            }
            let wait = remote.as_ref().and_then(|remote| login.wait(remote));
            let wait = wait.unwrap_or_else(|| login.longest_wait()) + AFTERWARDS;
            if account.reserve(id, wait, login.epoch, now, &login.limits) != Admission::Open {
                return Ok((After::Same, Reservation::BudgetExhausted));
            }
            let guess = match is_other_guess {
                true => ReservedGuess::VerifiedHere(id),
                false => ReservedGuess::ForServer(id),
            };
            let granted = Reservation::Granted(remote, guess);
            Ok((After::Put(account.into()), granted))
        })
    }

    /// No server verified the guess.
    fn unanswered(
        &self,
        login: &mut Login,
        state: QueryingRadius,
        guess: ReservedGuess,
        why: &str,
    ) -> Result<Following, Failure> {
        if let Some(locked) = self.unverified(login, &state, guess)? {
            return Ok(Following::committed(state.refused(locked)));
        }
        let silence = match guess {
            ReservedGuess::VerifiedHere(_) => {
                format!(
                    "{why}; the answer is not a bypass or recovery code either and counts as a failure"
                )
            }
            ReservedGuess::None | ReservedGuess::Locked | ReservedGuess::ForServer(_) => {
                format!("{why}; nothing was verified")
            }
        };
        login.silence = Some(silence.clone());
        let effect = state.replied(RadiusReply::Silent);
        Ok(Following::silence(effect, silence))
    }

    /// No server verified the guess, so the reservation is released. What could have been another code was checked here
    /// and counts; returns the refusal if this locks the account.
    fn unverified(
        &self,
        login: &mut Login,
        state: &QueryingRadius,
        guess: ReservedGuess,
    ) -> Result<Option<Refused>, Failure> {
        let id = match guess {
            ReservedGuess::VerifiedHere(id) if !state.is_password() => id,
            _ => {
                self.settle(login, guess)?;
                return Ok(None);
            }
        };
        let counted = self.commit(&login.key, login.context.peer, |account| {
            let mut account: Account = account.unwrap_or_default();
            let now = Timestamp::now();
            let counted = account.missed_other_code(id, login.epoch, now, &login.limits);
            let (_, events) = login.told_unverified(counted, state);
            Ok((After::Put(account.into()), events, counted))
        })?;
        login.context = login.told_unverified(counted, state).0;
        Ok(match counted {
            Counted::Failure { .. } => None,
            Counted::Refused(refused) => Some(refused),
        })
    }

    pub(super) fn settle(&self, login: &Login, guess: ReservedGuess) -> Result<(), Failure> {
        let Some(id) = guess.id() else {
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
                        "{refused} datagrams from {server} were not valid replies; the last: {why}"
                    ),
                );
            }
        }
    }
}
