//! What the settings say of any login, for the decision that a login, `explain` and the review share
//! ([`mfa_core::login::entry`]).

use crate::config::Settings;
use mfa_core::factors::FactorRow;
use mfa_core::factors::address::Channel;
use mfa_core::login::entry::EntryFacts;

/// What `settings` say.
pub(crate) fn entry_facts(settings: &Settings) -> EntryFacts<'_> {
    let delivery = &settings.delivery;
    // Also while mail is turned off: a user with such an address is no newcomer then.
    let email = delivery.email.as_ref();
    let email = email.filter(|_| delivery.channel == Channel::Email);
    let service = &settings.self_service;
    EntryFacts {
        address: email.and_then(|email| email.address.as_ref()),
        sends: [Channel::Email, Channel::Sms]
            .into_iter()
            .find(|channel| delivery.is_on(*channel)),
        turned_off: Some(delivery.channel).filter(|channel| delivery.is_turned_off(*channel)),
        is_self_service: service.enabled
            && service
                .factors
                .iter()
                .any(|factor| factor.row().enrolls_in_login),
        renews_devices: settings.recovery.new_device,
    }
}
