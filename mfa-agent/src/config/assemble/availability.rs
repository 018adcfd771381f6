//! Whether what is asked for is configured: codes need a channel, and RADIUS needs servers.

use crate::config::error::Problem;
use crate::config::settings::{Delivery, Radius};
use mfa_core::factors::address::Channel;
use mfa_core::factors::{Factor, FactorCombination};
use mfa_core::policy::Place;

/// What these settings have outside of this host.
#[derive(Clone, Copy)]
pub(super) struct FactorAvailability<'a> {
    pub(super) delivery: &'a Delivery,
    pub(super) radius: &'a [Radius],
}

impl FactorAvailability<'_> {
    /// The combinations that no user could satisfy, and why.
    pub(super) fn problems(self, combinations: &[(Place, FactorCombination)]) -> Vec<Problem> {
        let factors = combinations.iter().flat_map(|(place, combination)| {
            combination
                .factors()
                .iter()
                .map(move |factor| (place, *factor))
        });
        let problem = |(place, factor): (&Place, Factor)| {
            self.lack(factor).map(|message| Problem {
                place: place.clone(),
                message,
            })
        };
        factors.filter_map(problem).collect()
    }

    /// What is missing for `factor`.
    fn lack(self, factor: Factor) -> Option<String> {
        if self.delivery.is_available(factor, self.radius) {
            return None;
        }
        let Some(channel) = Channel::of(factor) else {
            return Some(
                "\"radius\" is asked for, but no server is configured; expected a [[radius]] with \
                 name, servers and secret_file, or another factor"
                    .to_owned(),
            );
        };
        let (name, used) = (channel.name(), self.delivery.channel.name());
        if self.delivery.channel != channel {
            return Some(format!(
                "{name:?} is asked for, but codes are sent by {used:?}, and only one channel is \
                 possible; expected {used:?} here, or channel = {name:?} in [delivery]"
            ));
        }
        // Turned off for a while: the policy stays as it is, and the review warns.
        if self.delivery.is_turned_off(channel) {
            return None;
        }
        let first = match channel {
            Channel::Email => "from and server or sendmail",
            Channel::Sms => "provider",
        };
        Some(format!(
            "{name:?} is asked for, but nothing is configured to send it; expected \
             [delivery.{name}] with {first}, or another factor"
        ))
    }
}
