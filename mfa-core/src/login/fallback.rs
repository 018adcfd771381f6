//! Where a code can go other than to enrolled addresses: by mail, to the address that the settings make from the user
//! name; and to an address or a number that the user is asked for.

use jiff::Timestamp;

use crate::account::Account;
use crate::factors::address::{Channel, Recipient};
use crate::factors::{Factor, FactorCombination};

/// Where codes can go other than to enrolled addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FallbackRecipients {
    /// The address or number that a template makes of the user's name, or that the user database has.
    pub address: Option<Recipient>,
    /// Whether the user is asked for an address or a number.
    pub asks: Option<Channel>,
}

impl FallbackRecipients {
    /// The factors that they make possible.
    #[must_use]
    pub fn factors(&self) -> Vec<Factor> {
        let made = self.address.as_ref().map(|to| to.channel().factor());
        let asked = self.asks.map(Channel::factor);
        made.into_iter().chain(asked).collect()
    }

    /// Whether the user can go one of `ways` only because of them.
    pub(super) fn enables_combination(
        &self,
        account: &Account,
        combinations: &[FactorCombination],
        now: Timestamp,
    ) -> bool {
        let factors = self.factors();
        !factors.is_empty()
            && combinations.iter().any(|combination| {
                let by_it = combination
                    .factors()
                    .iter()
                    .any(|factor| factors.contains(factor));
                by_it && account.can(combination, &factors, now)
            })
    }
}
