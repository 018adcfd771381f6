//! From answers to a verdict.
//!
//! Hashing takes long, so it is done first, outside of any record; then the account verifies everything in one change
//! that is durable before any answer (rules 1 and 3 of the architecture). A locked account costs no hashing, but takes
//! as long (rule 8).

use jiff::Timestamp;
use mfa_protocol::Secret;
use mfa_protocol::login::Outcome;

use super::super::Agent;
use super::super::error::Failure;
use super::Login;
use crate::hasher::Claim;
use crate::repository::After;
use mfa_core::account::{Account, Attempt, ConfirmedRecipient, PreparedAnswer, Verdict};
use mfa_core::factors::{FactorRow, Verification};
use mfa_core::lockout::Admission;
use mfa_core::login::{Answer, Consequence, RadiusDecision, Verifying};

/// How often answers are prepared again because the account changed under them.
const MAX_PREPARATIONS: u32 = 3;

/// An answer that was compared with a hash. A login that begins again does not do this twice: how long an answer takes must
/// not tell that another host has changed the record.
pub(super) struct HashedAnswer {
    typed: Secret,
    phc: String,
    matches: bool,
}

impl Agent {
    /// Verifies the answers. When this returns, what it did to the account is durable, with what the audit log says
    /// of it; a stale verdict does nothing to the account, and is not recorded. There is no verdict if the login began with
    /// a record that is not the newest.
    pub(super) fn verify(
        &self,
        login: &mut Login,
        state: &Verifying,
    ) -> Result<Option<Verdict>, Failure> {
        let given = state.answers();
        // Codes need no preparation: they are checked as they are, within the change itself.
        let codes: Vec<PreparedAnswer> = given.iter().filter_map(code).collect();
        if codes.len() == given.len() {
            return self.commit_attempt(login, state, codes);
        }
        // Answers that come with a rejected answer can't help, so they are not hashed. This takes as long; if it is
        // refused, the rejection still counts.
        if rejected(given).is_some() {
            let _ = self.decoy(&login.context.claim(), given);
            return self.commit_attempt(login, state, codes);
        }
        for round in 0..MAX_PREPARATIONS {
            let account = match round {
                0 => self.repository.load_for_change(&login.key)?,
                _ => self.repository.load(&login.key)?,
            };
            let account = account.unwrap_or_default();
            let lockout = account.lockout();
            let answers = match lockout.admit(login.epoch, Timestamp::now(), &login.limits) {
                Admission::Open => self.prepare(login, &account, given)?,
                // The time was taken before it was known that the account is locked.
                _ if !login.hashed.is_empty() => Vec::new(),
                Admission::Locked(_) | Admission::BudgetExhausted => {
                    self.decoy(&login.context.claim(), given)?
                }
            };
            let verdict = self.commit_attempt(login, state, answers)?;
            if verdict != Some(Verdict::Stale) {
                return Ok(verdict);
            }
        }
        Ok(Some(Verdict::Stale))
    }

    fn commit_attempt(
        &self,
        login: &Login,
        state: &Verifying,
        answers: Vec<PreparedAnswer>,
    ) -> Result<Option<Verdict>, Failure> {
        let mut attempt = Attempt {
            epoch: login.epoch,
            answers,
            now: Timestamp::now(),
            windows: login.settings.windows(),
            limits: login.limits,
            opening: login.new_session.clone(),
            renews: state.renews(),
            pepper: self.repository.pepper(),
            rejected: rejected(state.answers()),
            is_password: state.is_password(),
            is_key_counted: state.is_key_counted(),
        };
        let remembered = login.unproven.as_ref().map(|it| &it.remembered);
        self.commit_if(&login.key, remembered, login.context.peer, |account| {
            attempt.now = Timestamp::now();
            let mut account = account.unwrap_or_default();
            let verdict = account.attempt(&attempt);
            Ok(match verdict {
                Verdict::Stale => (After::Same, Vec::new(), verdict),
                _ => {
                    let consequence = state.consequence(&verdict);
                    if consequence == Consequence::Ends(Outcome::Passed) {
                        login.note_network(&mut account, &attempt.pepper);
                    }
                    let (_, events) = login.told(&verdict, consequence, state.is_unenrolled());
                    (After::Put(account.into()), events, verdict)
                }
            })
        })
    }

    fn prepare(
        &self,
        login: &mut Login,
        account: &Account,
        given: &[Answer],
    ) -> Result<Vec<PreparedAnswer>, Failure> {
        let who = login.context.claim();
        given
            .iter()
            .map(|given| self.prepare_one(&who, account, given, &mut login.hashed))
            .collect()
    }

    /// Users who lack the factor cost the same hashing as those who have it.
    fn prepare_one(
        &self,
        who: &Claim,
        account: &Account,
        given: &Answer,
        hashed: &mut Vec<HashedAnswer>,
    ) -> Result<PreparedAnswer, Failure> {
        if let Some(code) = code(given) {
            return Ok(code);
        }
        let factor = given.factor;
        let typed = match factor.row().verification {
            Verification::Hash(form) => form(&given.typed),
            Verification::Device
            | Verification::Sent
            | Verification::Radius
            | Verification::Key => given.typed.clone(),
        };
        let own = account.hash_of(factor);
        let phc = own.unwrap_or(self.hasher.decoy_phc());
        let is_known = |it: &&HashedAnswer| it.phc == phc && it.typed.expose() == typed.expose();
        let matches = match hashed.iter().find(is_known) {
            Some(known) => known.matches,
            None => self.hasher.verify(who, &typed, phc)?,
        };
        let answer = HashedAnswer {
            typed,
            phc: phc.to_owned(),
            matches,
        };
        let phc = own.map(|_| answer.phc.clone());
        hashed.push(answer);
        Ok(match phc {
            None => PreparedAnswer::Impossible,
            Some(phc) => PreparedAnswer::Hashed {
                factor,
                phc,
                matches,
            },
        })
    }

    /// Takes the time and the places of [`Self::prepare`] without its work, so that guesses at a locked
    /// account can neither be told from others by their time nor keep the processors busy.
    fn decoy(&self, who: &Claim, given: &[Answer]) -> Result<Vec<PreparedAnswer>, Failure> {
        for given in given {
            if !given.factor.is_code() {
                self.hasher.decoy(who)?;
            }
        }
        Ok(Vec::new())
    }
}

/// The guess that a server has rejected, as it was reserved on the record.
fn rejected(given: &[Answer]) -> Option<u64> {
    let mut decisions = given.iter().filter_map(|given| given.decision.as_ref());
    let rejected = decisions.find(|decision| !decision.accepted)?;
    rejected.reserved
}

/// A code, as it is verified within the change; none if it must be hashed first.
fn code(given: &Answer) -> Option<PreparedAnswer> {
    let (factor, typed) = (given.factor, given.typed.clone());
    Some(match factor.row().verification {
        Verification::Hash(_) => return None,
        Verification::Device => PreparedAnswer::Code {
            factor,
            typed,
            tail: given.tail,
        },
        Verification::Sent => PreparedAnswer::Sent {
            factor,
            came_back: came_back(given),
            typed,
        },
        Verification::Key => match given.key.clone() {
            Some(proof) => PreparedAnswer::Key(proof),
            None => PreparedAnswer::Impossible,
        },
        Verification::Radius => match given.decision.clone() {
            None => PreparedAnswer::Sent {
                factor,
                typed,
                came_back: None,
            },
            Some(RadiusDecision {
                accepted,
                remote: Some(remote),
                ..
            }) => PreparedAnswer::Remote { remote, accepted },
            Some(RadiusDecision { remote: None, .. }) => PreparedAnswer::Impossible,
        },
    })
}

fn came_back(given: &Answer) -> Option<ConfirmedRecipient> {
    let sent = given.sent.as_ref().filter(|_| given.has_come_back())?;
    Some(ConfirmedRecipient {
        to: sent.to.clone(),
        unless_changed_since: sent.unless_changed_since,
    })
}
