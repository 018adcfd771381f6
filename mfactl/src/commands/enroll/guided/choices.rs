//! What is worth setting up for somebody, and the words for it.

use mfa_protocol::admin::Account;
use mfa_protocol::factor::Factor;

use super::MAX_DEVICES;
use crate::commands::status::has_codes;

/// What can be set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    Device,
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
    /// What a person is told of it.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Device => "An app that shows codes, on a phone or a computer",
            Self::Email => "An e-mail address that codes are sent to",
            Self::Number => "A mobile number that codes are sent to",
            Self::Pin => "A PIN",
            Self::AnotherPin => "Another PIN, in place of the one that you have",
            Self::Questions => "Security questions",
            Self::OtherQuestions => "Other security questions, in place of those that you have",
            Self::Recovery => "Recovery codes, for the day when a device is lost",
            Self::NewRecovery => "New recovery codes, in place of those that you have",
        }
    }
}

/// A device always; the others where they would ever be asked for, or would help.
pub(super) fn choices(account: &Account) -> Vec<Choice> {
    let mut choices = Vec::new();
    if account.devices.len() < MAX_DEVICES {
        choices.push(Choice::Device);
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

/// Whether a rule, alone or beside others ("totp+pin"), or a setting of the user asks for the factor.
fn is_asked_for(account: &Account, factor: Factor) -> bool {
    let settings = &account.settings;
    let mut of_rules = account.rules.iter().flat_map(|rule| &rule.require);
    of_rules.any(|combination| combination.factors().contains(&factor))
        || settings.require.contains(&factor)
        || settings.own_require.contains(&factor)
}
