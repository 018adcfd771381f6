//! What the settings say of any login, for the decision that a login, `explain` and the review share
//! ([`mfa_core::login::entry`]).

use crate::config::{Delivery, Settings};
use mfa_core::factors::address::Channel;
use mfa_core::login::entry::{EntryFacts, FallbackSource};

/// What `settings` say.
pub(crate) fn entry_facts(settings: &Settings) -> EntryFacts<'_> {
    let delivery = &settings.delivery;
    let service = &settings.self_service;
    EntryFacts {
        fallback: fallback(delivery),
        sends: [Channel::Email, Channel::Sms]
            .into_iter()
            .find(|channel| delivery.is_on(*channel)),
        turned_off: Some(delivery.channel).filter(|channel| delivery.is_turned_off(*channel)),
        self_service: match service.enabled {
            true => &service.factors,
            false => &[],
        },
        renews_devices: settings.recovery.new_device,
        keys: settings.key,
    }
}

/// Where codes go for users who have enrolled no address. Also while the channel is turned off: a user with such an
/// address is no newcomer then.
fn fallback(delivery: &Delivery) -> Option<FallbackSource<'_>> {
    match delivery.channel {
        Channel::Email => {
            let email = delivery.email.as_ref()?;
            let template = email.address.as_ref().map(FallbackSource::Address);
            let profile = email.address_from;
            template.or(profile.map(|_| FallbackSource::Profile(Channel::Email)))
        }
        Channel::Sms => {
            let sms = delivery.sms.as_ref()?;
            let template = sms.template.as_ref().map(FallbackSource::Number);
            let profile = sms.number_from.as_ref();
            template.or(profile.map(|_| FallbackSource::Profile(Channel::Sms)))
        }
    }
}
