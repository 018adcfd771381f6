//! What a person may want to enrol, and the words for it.

use mfa_protocol::admin::Account;
use mfa_protocol::factor::Factor;

use super::{MAX_DEVICES, MAX_KEYS};
use crate::commands::status::has_codes;

/// What a person can enrol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    Device,
    Key,
    Email,
    Number,
    Pin,
    AnotherPin,
    Questions,
    OtherQuestions,
    Recovery,
    NewRecovery,
}

impl Choice {
    /// Its line in the menu.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Device => "An authenticator app on a phone or computer",
            Self::Key => "A security key, such as a YubiKey, that your ssh-agent holds",
            Self::Email => "An e-mail address for codes",
            Self::Number => "A mobile number for codes",
            Self::Pin => "A PIN",
            Self::AnotherPin => "A new PIN (replaces your PIN)",
            Self::Questions => "Security questions",
            Self::OtherQuestions => "New security questions (replace your questions)",
            Self::Recovery => "Recovery codes, in case a device is lost",
            Self::NewRecovery => "New recovery codes (earlier ones no longer work)",
        }
    }
}

/// A device always; the others if a rule or setting asks for them, or if they help.
pub(super) fn choices(account: &Account) -> Vec<Choice> {
    let mut choices = Vec::new();
    if account.devices.len() < MAX_DEVICES {
        choices.push(Choice::Device);
    }
    if is_asked_for(account, Factor::Key) && account.keys.len() < MAX_KEYS {
        choices.push(Choice::Key);
    }
    if is_asked_for(account, Factor::Email) {
        choices.push(Choice::Email);
    }
    if is_asked_for(account, Factor::Sms) {
        choices.push(Choice::Number);
    }
    if is_asked_for(account, Factor::Pin) {
        choices.push(
            account
                .pin
                .as_ref()
                .map_or(Choice::Pin, |_| Choice::AnotherPin),
        );
    }
    if is_asked_for(account, Factor::Questions) {
        let there = account.questions.as_ref();
        choices.push(there.map_or(Choice::Questions, |_| Choice::OtherQuestions));
    }
    if has_codes(account) {
        choices.push(match account.recovery_left.unwrap_or(0) {
            0 => Choice::Recovery,
            _ => Choice::NewRecovery,
        });
    }
    choices
}

/// Whether a rule, alone or with others ("totp+pin"), or a setting of the user asks for the factor.
fn is_asked_for(account: &Account, factor: Factor) -> bool {
    let settings = &account.settings;
    let mut of_rules = account.rules.iter().flat_map(|rule| &rule.require);
    of_rules.any(|combination| combination.factors().contains(&factor))
        || settings.require.contains(&factor)
        || settings.own_require.contains(&factor)
}
