//! The terms on which a login is asked, once it is known whether its program holds a conversation.

use jiff::Timestamp;
use mfa_protocol::login::Authtok;

use crate::account::Account;
use crate::factors::{Factor, FactorCombination, FactorRow};
use crate::policy::{Ask, Prompting};

/// The terms on which a login is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskTerms {
    /// The remaining combinations, in the policy's order. Not empty.
    pub combinations: Vec<FactorCombination>,
    /// Whether one hidden answer holds password and code; nothing else is shown then.
    pub single: bool,
    /// How many wrong answers the login takes.
    pub tries: u32,
    /// Whether the first answer was typed at an earlier prompt and may be no code at all (`try_first_pass`).
    pub first_is_a_guess: bool,
}

impl AskTerms {
    /// The terms of `ask` if the code comes from `authtok`. `None` if there is one answer only, and no combination fits
    /// into it.
    #[must_use]
    pub fn of(ask: &Ask, authtok: Authtok) -> Option<Self> {
        let single = ask.prompting == Prompting::Single || authtok != Authtok::None;
        let fits = |combination: &&FactorCombination| matches!(combination.factors(), [factor] if factor.row().fits_one_answer);
        let combinations: Vec<_> = match single {
            true => ask.combinations.iter().filter(fits).cloned().collect(),
            false => ask.combinations.clone(),
        };
        if combinations.is_empty() {
            return None;
        }
        let first_is_a_guess = authtok == Authtok::Try;
        Some(Self {
            combinations,
            single,
            tries: match first_is_a_guess {
                true => ask.tries.max(2),
                false => ask.tries,
            },
            first_is_a_guess,
        })
    }

    /// Puts the combinations with this factor first, and leaves the order otherwise as it is.
    pub(super) fn prefer(&mut self, factor: Factor) {
        let is_other = |combination: &FactorCombination| !combination.factors().contains(&factor);
        self.combinations.sort_by_key(is_other);
    }

    /// Without the combinations that need this factor, unless all do.
    pub(super) fn without(mut self, factor: Factor) -> Self {
        let needs = |combination: &FactorCombination| combination.factors().contains(&factor);
        if !self.combinations.iter().all(needs) {
            self.combinations.retain(|combination| !needs(combination));
        }
        self
    }

    /// Whether `account` can satisfy one of the combinations; `beside` are factors that need nothing in it.
    pub(super) fn any_can(&self, account: &Account, beside: &[Factor], now: Timestamp) -> bool {
        let mut combinations = self.combinations.iter();
        combinations.any(|combination| account.can(combination, beside, now))
    }

    pub(super) fn ask_for(&self, factor: Factor) -> bool {
        self.combinations
            .iter()
            .any(|combination| combination.factors().contains(&factor))
    }
}
