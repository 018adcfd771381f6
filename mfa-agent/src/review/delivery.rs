//! Findings about codes that are sent, from the settings alone.

use mfa_protocol::admin::Finding;

use super::warning;
use crate::config::Settings;
use mfa_core::factors::Factor;
use mfa_core::factors::address::Channel;
use mfa_core::policy::{Action, Ask, Policy};

/// Channels that are turned off, and who is hit.
pub(super) fn of_turned_off(settings: &Settings) -> Vec<Finding> {
    let delivery = &settings.delivery;
    let off = Channel::ALL
        .into_iter()
        .filter(|channel| delivery.is_turned_off(*channel));
    let finding = |channel: Channel| {
        let name = channel.name();
        let is_asked = delivery.channel == channel && asks_for(&settings.policy, channel.factor());
        let who = match is_asked {
            true => {
                ". Users who have no other required factor are refused; to list them: mfactl users --not-enrolled"
            }
            false => "",
        };
        let message =
            format!("[delivery.{name}] active = false, so nothing is sent by {name}{who}");
        warning(None, message)
    };
    off.map(finding).collect()
}

/// A configured channel that sends nothing. Notices use all channels.
pub(super) fn of_delivery(settings: &Settings) -> Option<Finding> {
    let delivery = &settings.delivery;
    let used = delivery.channel;
    if !settings.notify.events.is_empty() || delivery.is_turned_off(used) {
        return None;
    }
    let name = used.name();
    if !delivery.is_configured(used) {
        let other = Channel::ALL
            .into_iter()
            .find(|channel| delivery.is_configured(*channel))?;
        let other = other.name();
        let message = format!(
            "[delivery.{other}] is configured, but [delivery] channel is {name:?}, so no codes \
             are sent; set channel = {other:?}"
        );
        return Some(warning(None, message));
    }
    let in_vain = !asks_for(&settings.policy, used.factor());
    in_vain.then(|| {
        let message = format!(
            "[delivery.{name}] is configured, but neither [policy] nor a rule asks for {name:?}, \
             so only users with \"mfactl require {name}\" get codes; add {name:?} to require"
        );
        warning(None, message)
    })
}

/// Notices that nobody gets.
pub(super) fn of_notices(settings: &Settings) -> Option<Finding> {
    let delivery = &settings.delivery;
    let is_off = settings.notify.events.is_empty();
    if is_off
        || Channel::ALL
            .iter()
            .any(|channel| delivery.is_configured(*channel))
    {
        return None;
    }
    let message = "[notify] events is set, but no channel can send anything, so users are told nothing; configure \
                   [delivery.email] or [delivery.sms] (with active = true), or set events = []";
    Some(warning(None, message))
}

fn asks_for(policy: &Policy, factor: Factor) -> bool {
    let by_rules = policy.rules.iter().filter_map(|rule| match &rule.action {
        Action::Ask(ask) => Some(&**ask),
        Action::Skip | Action::Deny => None,
    });
    let asks = |ask: &Ask| {
        ask.combinations
            .iter()
            .any(|combination| combination.factors().contains(&factor))
    };
    by_rules.chain([&*policy.default]).any(asks)
}
