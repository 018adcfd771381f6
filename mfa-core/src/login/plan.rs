//! The input of a dialogue, and what it hands over.

use jiff::Timestamp;
use mfa_protocol::Secret;

use super::FallbackRecipients;
use super::keys::{KeyPlan, UserKeys, has_key};
use crate::account::{Account, KeyProof, Label, Remote};
use crate::factors::address::{Channel, Recipient, Region};
use crate::factors::sent_code::SentCode;
use crate::factors::{Factor, FactorCombination, FactorRow, Verification};
use crate::texts::Wording;

/// The prompts of a login.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The combinations that the policy allows, in its order. Not empty.
    pub combinations: Vec<FactorCombination>,
    /// One hidden prompt for password and code; nothing else is shown.
    pub single: bool,
    /// How many times wrong answers may be tried again in this login, the first included.
    pub tries: u32,
    /// Whether the first answer was typed at an earlier prompt and may be no code at all
    /// (`try_first_pass`).
    pub first_is_a_guess: bool,
    /// Its texts.
    pub wording: Wording,
    /// The digits of codes that are sent.
    pub code_digits: u32,
    /// The digits of a device's code, where the user has none.
    pub usual_digits: u32,
    /// The country of numbers that are typed without one.
    pub region: Option<Region>,
    /// How many seconds the answer of a RADIUS server may take.
    pub patience: Option<u32>,
    /// Whether a user must enrol a new device after a recovery code.
    pub renews: bool,
    /// How many requests to a phone a login sends.
    pub pushes: u32,
    /// The RADIUS servers that ask users on their phones, so that nothing is typed.
    pub push_servers: Vec<Label>,
    /// What is visible while it is typed.
    pub echo: Echo,
    /// How security keys are met.
    pub keys: KeyPlan,
}

/// What is visible while it is typed. An answer that holds the password never is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Echo {
    /// Answers for these factors.
    pub factors: Vec<Factor>,
    /// Codes that are good once: of devices, and codes that were sent.
    pub codes: bool,
}

impl Echo {
    pub(in crate::login) fn shows(&self, factor: Factor) -> bool {
        let is_good_once = matches!(
            factor.row().verification,
            Verification::Device | Verification::Sent
        );
        self.factors.contains(&factor) || self.codes && is_good_once
    }
}

/// What users are asked for if they can satisfy no combination. Another user of the same policy could be asked for it
/// too, so the prompt reveals nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct PromptDecoy<'a> {
    /// The way, by its position in the plan.
    pub combination: usize,
    /// The question that is asked of users without questions.
    pub question: &'a str,
    /// Whether a phone would be asked, where the user has no account at a RADIUS server.
    pub is_pushed: bool,
}

/// What the user can be asked for.
#[derive(Clone, Debug)]
pub struct UserFactors {
    /// The way that is gone if the user can go none.
    pub(super) decoy_combination: usize,
    /// Which ways of the plan the user can go, by position.
    pub(super) able: Vec<bool>,
    /// Which ways they can go with what they have, without a recovery code. A bypass code is issued to be typed, so there
    /// is none with one.
    pub(super) has: Vec<bool>,
    /// Which ways they could go with any key: they have the rest.
    pub(super) able_by_key: Vec<bool>,
    /// Their security keys.
    pub(super) keys: UserKeys,
    /// The longest code that the user may type, in digits.
    pub(super) code_digits: u32,
    /// The digits of a device's code, if all are alike.
    pub(super) device_digits: Option<u32>,
    /// The question that would be asked.
    pub(super) question: String,
    /// Whether the user is asked where codes can be sent.
    pub(super) asks: Option<Channel>,
    /// Where a code goes if the user has enrolled no address.
    pub(super) address: Option<Recipient>,
    /// Whether their RADIUS server asks them on a phone.
    pub(super) is_pushed: bool,
}

impl UserFactors {
    /// What `account` can be asked for at `now`, and what `decoy` asks for instead of missing factors.
    #[must_use]
    pub fn of(
        account: &Account,
        plan: &Plan,
        decoy: &PromptDecoy<'_>,
        fallback: FallbackRecipients,
        now: Timestamp,
    ) -> Self {
        let factors = fallback.factors();
        let keys = UserKeys::of(account, &plan.keys.terms, plan.keys.reach());
        let meets_keys = keys.can_be_met(plan.keys.can_sign);
        let in_reach = |combination: &FactorCombination| meets_keys || !has_key(combination);
        let able = |combination: &FactorCombination| {
            account.can(combination, &factors, now) && in_reach(combination)
        };
        let with_key: Vec<_> = factors.iter().copied().chain([Factor::Key]).collect();
        let by_key = |combination: &FactorCombination| account.can(combination, &with_key, now);
        let has = |factor: &Factor| account.has(*factor) || factors.contains(factor);
        let has_bypass = account.bypass_until(now).is_some();
        let has_all = |combination: &FactorCombination| {
            !has_bypass && combination.factors().iter().all(has) && in_reach(combination)
        };
        let device_digits = match account.usable_devices().next() {
            None => Some(plan.usual_digits),
            Some(_) => account.device_digits(),
        };
        Self {
            decoy_combination: decoy.combination,
            able: plan.combinations.iter().map(able).collect(),
            has: plan.combinations.iter().map(has_all).collect(),
            able_by_key: plan.combinations.iter().map(by_key).collect(),
            keys,
            code_digits: account.code_digits(now),
            device_digits,
            question: account
                .questions()
                .map_or(decoy.question, |set| &set.current().text)
                .to_owned(),
            asks: fallback.asks,
            address: fallback.address,
            is_pushed: match account.remote() {
                Some(remote) => plan.push_servers.contains(&remote.server),
                None => decoy.is_pushed,
            },
        }
    }

    /// The first of these ways that the user can go with what they have, else with a recovery code, else that of the decoy,
    /// else any of them; none if there is none.
    pub(super) fn way(
        &self,
        combinations: &[FactorCombination],
        is_meant: impl Fn(&FactorCombination) -> bool,
    ) -> Option<usize> {
        let meant: Vec<bool> = combinations.iter().map(is_meant).collect();
        let first_of = |ways: &[bool]| {
            let mut both = meant.iter().zip(ways);
            both.position(|(meant, goes)| *meant && *goes)
        };
        let decoy = Some(self.decoy_combination).filter(|way| meant.get(*way) == Some(&true));
        first_of(&self.has)
            .or_else(|| first_of(&self.able))
            .or(decoy)
            .or_else(|| meant.iter().position(|meant| *meant))
    }

    pub(super) fn is_unenrolled(&self) -> bool {
        !self.able.contains(&true)
    }
}

/// An answer to be verified.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What was asked for.
    pub factor: Factor,
    /// What was typed.
    pub typed: Secret,
    /// Whether a password may be before it.
    pub tail: bool,
    /// The code that was sent, if one was.
    pub sent: Option<SentCode>,
    /// What a RADIUS server said, if one was asked.
    pub decision: Option<RadiusDecision>,
    /// The security key that was met, if one was asked for.
    pub key: Option<KeyProof>,
}

/// The decision of a RADIUS server about an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RadiusDecision {
    /// Whether it is right.
    pub accepted: bool,
    /// The account there; none if no server was asked because the user has none.
    pub remote: Option<Remote>,
    /// A rejected guess that was reserved on the record.
    pub reserved: Option<u64>,
}

impl Answer {
    pub(super) fn of(factor: Factor, typed: Secret) -> Self {
        Self {
            factor,
            typed,
            tail: false,
            sent: None,
            decision: None,
            key: None,
        }
    }

    /// Whether it is the code that was sent.
    #[must_use]
    pub fn has_come_back(&self) -> bool {
        let sent = self.sent.as_ref();
        sent.is_some_and(|sent| sent.is(self.typed.expose()))
    }
}
