//! What the settings say of any login, for the decision that a login, `explain` and the review share
//! ([`mfa_core::login::entry`]).

use crate::config::Settings;
use mfa_core::factors::address::Channel;
use mfa_core::login::entry::EntryFacts;

/// What `settings` say.
pub(crate) fn entry_facts(settings: &Settings) -> EntryFacts<'_> {
    let delivery = &settings.delivery;
    let email = delivery.email.as_ref();
    let email = email.filter(|_| delivery.is_on(Channel::Email));
    let service = &settings.self_service;
    EntryFacts {
        address: email.and_then(|email| email.address.as_ref()),
        sends: [Channel::Email, Channel::Sms]
            .into_iter()
            .find(|channel| delivery.is_on(*channel)),
        self_service: match service.enabled {
            true => &service.factors,
            false => &[],
        },
        renews_devices: settings.recovery.new_device,
    }
}
