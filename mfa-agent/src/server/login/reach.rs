//! Whom a code can be sent to who has enrolled no address: by mail, to the address that the settings make
//! of their name; by text message, to a number that they are asked for.
//!
//! Both are for users of this host only: a name that it does not know may be another spelling of one that
//! has set up something, and nobody should be sent mail because a stranger typed their name. A number is
//! asked for where users may set up something in the login, and either have nothing, or have to give
//! something else that they have along with the code.

use jiff::Timestamp;

use super::super::Agent;
use super::super::error::Failure;
use super::super::peer::Subject;
use crate::config::Settings;
use mfa_core::account::Account;
use mfa_core::factors::address::{Channel, Recipient};
use mfa_core::factors::{Factor, FactorCombination};
use mfa_core::login::{FallbackFactors, Plan};
use mfa_core::policy::{Ask, Unenrolled};

/// Where codes can go besides to enrolled addresses.
#[derive(Clone, Debug, Default)]
pub(in crate::server) struct FallbackRecipients {
    /// The address that a template makes.
    pub(in crate::server) template: Option<Recipient>,
    /// Whether a number is asked for.
    pub(in crate::server) number: bool,
}

impl FallbackRecipients {
    pub(in crate::server) fn beside(&self) -> FallbackFactors {
        FallbackFactors {
            email: self.template.is_some(),
            number: self.number,
        }
    }

    /// Whether it makes a way possible.
    pub(in crate::server) fn enables_combination(
        &self,
        account: &Account,
        plan: &Plan,
        now: Timestamp,
    ) -> bool {
        let factors = self.beside().factors();
        !factors.is_empty()
            && plan.ways.iter().any(|way| {
                let by_it = way.factors().iter().any(|factor| factors.contains(factor));
                by_it && account.can(way, &factors, now)
            })
    }
}

impl Agent {
    /// The address that the settings make of the user's name, if a code may go there.
    pub(in crate::server) fn template(
        &self,
        settings: &Settings,
        subject: &Subject,
        account: &Account,
        plan: &Plan,
    ) -> Result<Option<Recipient>, Failure> {
        let email = settings.delivery.email.as_ref();
        let email = email.filter(|_| settings.delivery.is_on(Channel::Email));
        let Some(template) = email.and_then(|email| email.address.as_ref()) else {
            return Ok(None);
        };
        // Who has disabled all addresses wants no mail.
        if !asks(plan, Factor::Email) || has_any(account, Channel::Email) {
            return Ok(None);
        }
        let Some(address) = template.address(&subject.user) else {
            return Ok(None);
        };
        let is_known = self.is_known(subject)?;
        Ok(is_known.then_some(Recipient::Email(address)))
    }

    /// Whether a user who has something already is asked for a number: only where each code goes with
    /// something else that they have.
    pub(in crate::server) fn asks_number_beside(
        &self,
        settings: &Settings,
        account: &Account,
        plan: &Plan,
        ask: &Ask,
    ) -> bool {
        let holds_rest = |way: &FactorCombination| {
            let mut rest = way
                .factors()
                .iter()
                .filter(|factor| **factor != Factor::Sms);
            way.factors().len() > 1 && rest.all(|factor| account.has(*factor))
        };
        let mut by_text = plan
            .ways
            .iter()
            .filter(|way| way.factors().contains(&Factor::Sms));
        may_ask_number(settings, account, plan, ask) && by_text.all(holds_rest)
    }
}

/// Whether a user who has nothing is asked for a number: a code that is sent there is all that some way
/// takes, and no way before it can be set up in a login.
pub(in crate::server) fn asks_number_first(
    settings: &Settings,
    account: &Account,
    plan: &Plan,
    ask: &Ask,
) -> bool {
    let sms = FactorCombination::from(Factor::Sms);
    let totp = FactorCombination::from(Factor::Totp);
    let first = plan.ways.iter().find(|way| **way == sms || **way == totp);
    may_ask_number(settings, account, plan, ask) && first == Some(&sms)
}

fn may_ask_number(settings: &Settings, account: &Account, plan: &Plan, ask: &Ask) -> bool {
    ask.unenrolled == Unenrolled::Enroll
        && !plan.single
        && settings.delivery.is_on(Channel::Sms)
        && asks(plan, Factor::Sms)
        && !has_any(account, Channel::Sms)
}

fn asks(plan: &Plan, factor: Factor) -> bool {
    plan.ways.iter().any(|way| way.factors().contains(&factor))
}

fn has_any(account: &Account, channel: Channel) -> bool {
    let mut contacts = account.contacts().iter();
    contacts.any(|contact| contact.to.channel() == channel)
}
