//! From answers to a verdict.
//!
//! What takes long (hashing) is done first, outside any record; then the account judges everything in
//! one change that is durable before anybody hears of it (rules 1 and 3 of the architecture). A locked
//! account costs no hashing, but takes as long as if it did (rule 8).

use jiff::Timestamp;

use super::Agent;
use super::error::Failure;
use super::peer::Peer;
use crate::audit::Event;
use crate::hasher::Claim;
use crate::repository::{After, Key};
use mfa_core::account::{
    Account, Attempt, ConfirmedRecipient, NewSession, PreparedAnswer, Remote, Verdict,
};
use mfa_core::factors::device::Windows;
use mfa_core::factors::{FactorRow, Verification};
use mfa_core::lockout::{Admission, Limits, LoginEpoch};
use mfa_core::login::Answer;

/// How often answers are prepared again because the account changed under them.
const MAX_PREPARATIONS: u32 = 3;

/// What an attempt is judged by.
pub(super) struct VerifyContext<'a> {
    pub(super) key: &'a Key,
    /// In whose name answers are hashed.
    pub(super) claim: Claim,
    pub(super) epoch: LoginEpoch,
    pub(super) limits: Limits,
    pub(super) windows: Windows,
    /// The session that a pass begins.
    pub(super) opening: Option<&'a NewSession>,
    /// Whether one by a recovery code begins none.
    pub(super) renews: bool,
    /// The account at a RADIUS server that judged an answer.
    pub(super) remote: Option<&'a Remote>,
    /// The note on the record of the guess that it rejected.
    pub(super) rejected: Option<u64>,
    /// Whether all answers are the password that was checked before.
    pub(super) is_password: bool,
    /// Who asks.
    pub(super) peer: Peer,
    /// What the audit log says of a verdict.
    pub(super) told: &'a dyn Fn(&Verdict) -> Vec<Event>,
}

impl Agent {
    /// Judges `given`. When this returns, what it did to the account is durable, with what the audit log says
    /// of it; a stale verdict does nothing to the account, and is not recorded.
    pub(super) fn verify(
        &self,
        context: &VerifyContext<'_>,
        given: &[Answer],
    ) -> Result<Verdict, Failure> {
        // Codes need no preparation: they are checked as they are, within the change itself.
        let codes: Vec<PreparedAnswer> = given
            .iter()
            .filter_map(|given| code(context, given))
            .collect();
        if codes.len() == given.len() {
            return self.commit_attempt(context, codes);
        }
        // What goes with an answer that a server has rejected helps nobody, so it is not hashed. It takes as
        // long; should that be refused, the rejection counts all the same.
        if context.rejected.is_some() {
            let _ = self.decoy(&context.claim, given);
            return self.commit_attempt(context, codes);
        }
        for _ in 0..MAX_PREPARATIONS {
            let account = self.repository.load(context.key)?.unwrap_or_default();
            let lockout = account.lockout();
            let answers = match lockout.admit(context.epoch, Timestamp::now(), &context.limits) {
                Admission::Open => self.prepare(context, &account, given)?,
                Admission::Locked(_) | Admission::BudgetExhausted => {
                    self.decoy(&context.claim, given)?
                }
            };
            let verdict = self.commit_attempt(context, answers)?;
            if verdict != Verdict::Stale {
                return Ok(verdict);
            }
        }
        Ok(Verdict::Stale)
    }

    fn commit_attempt(
        &self,
        context: &VerifyContext<'_>,
        answers: Vec<PreparedAnswer>,
    ) -> Result<Verdict, Failure> {
        let VerifyContext {
            epoch,
            limits,
            windows,
            renews,
            ..
        } = *context;
        let mut attempt = Attempt {
            epoch,
            answers,
            now: Timestamp::now(),
            windows,
            limits,
            opening: context.opening.cloned(),
            renews,
            pepper: self.repository.pepper().clone(),
            rejected: context.rejected,
            is_password: context.is_password,
        };
        self.commit(context.key, context.peer, |account| {
            attempt.now = Timestamp::now();
            let mut account = account.unwrap_or_default();
            let verdict = account.attempt(&attempt);
            Ok(match verdict {
                Verdict::Stale => (After::Same, Vec::new(), verdict),
                _ => (
                    After::Put(account.into()),
                    (context.told)(&verdict),
                    verdict,
                ),
            })
        })
    }

    fn prepare(
        &self,
        context: &VerifyContext<'_>,
        account: &Account,
        given: &[Answer],
    ) -> Result<Vec<PreparedAnswer>, Failure> {
        given
            .iter()
            .map(|given| self.prepare_one(context, account, given))
            .collect()
    }

    /// Users who lack the factor cost the same hashing as those who have it.
    fn prepare_one(
        &self,
        context: &VerifyContext<'_>,
        account: &Account,
        given: &Answer,
    ) -> Result<PreparedAnswer, Failure> {
        if let Some(code) = code(context, given) {
            return Ok(code);
        }
        let (who, factor) = (&context.claim, given.factor);
        let typed = match factor.row().verification {
            Verification::Hash(form) => form(&given.typed),
            Verification::Device | Verification::Sent | Verification::Radius => given.typed.clone(),
        };
        let Some(phc) = account.hash_of(factor) else {
            self.hasher.verify(who, &typed, self.hasher.decoy_phc())?;
            return Ok(PreparedAnswer::Impossible);
        };
        let matches = self.hasher.verify(who, &typed, phc)?;
        Ok(PreparedAnswer::Hashed {
            factor,
            phc: phc.to_owned(),
            matches,
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

/// A code, as it is judged within the change; none if it has to be hashed first.
fn code(context: &VerifyContext<'_>, given: &Answer) -> Option<PreparedAnswer> {
    let (factor, typed) = (given.factor, given.typed.clone());
    Some(match factor.row().verification {
        Verification::Hash(_) => return None,
        Verification::Device => PreparedAnswer::Code {
            typed,
            tail: given.tail,
        },
        Verification::Sent => PreparedAnswer::Sent {
            factor,
            came_back: came_back(given),
            typed,
        },
        Verification::Radius => match (given.accepted, context.remote) {
            (None, _) => PreparedAnswer::Sent {
                factor,
                typed,
                came_back: None,
            },
            (Some(accepted), Some(remote)) => PreparedAnswer::Remote {
                remote: remote.clone(),
                accepted,
            },
            (Some(_), None) => PreparedAnswer::Impossible,
        },
    })
}

fn came_back(given: &Answer) -> Option<ConfirmedRecipient> {
    let sent = given.sent.as_ref();
    let sent = sent.filter(|sent| sent.is(given.typed.expose()))?;
    Some(ConfirmedRecipient {
        to: sent.to.clone(),
        unless_changed_since: sent.unless_changed_since,
    })
}
