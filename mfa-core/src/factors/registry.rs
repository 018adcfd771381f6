//! One row a factor: what sets it apart from the others.
//!
//! The rest of the program asks the row, never which factor it is. A new factor is a file with its row, a line here, and
//! what is its own alone: its record, its texts, its command.

use mfa_protocol::Secret;

use super::address::Channel;
use super::{Factor, pin, questions, radius, sent_code, totp};

/// What sets a factor apart.
#[derive(Debug)]
pub struct Row {
    /// The text of the catalogue that asks for it; none where the account holds the question.
    pub prompt: Option<&'static str>,
    /// The text of the catalogue that names it in a list of combinations.
    pub choice: &'static str,
    /// What an answer looks like.
    pub form: AnswerForm,
    /// How an answer is verified.
    pub verification: Verification,
    /// Where an account keeps it.
    pub stored: Stored,
    /// What it needs outside of the account.
    pub needs: Need,
    /// What follows the user in the command that enrols it; an address or a server can't be known.
    pub enroll_arguments: &'static str,
    /// What there is to say of how much of it has to be set up.
    pub enroll_note: &'static str,
    /// Whether an administrator may require it of a user who has not set it up yet.
    pub may_be_required_first: bool,
    /// Whether one answer holds it behind a password (`prompting = "single"`).
    pub fits_one_answer: bool,
}

/// What an answer looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerForm {
    /// As many digits as the codes of the user's devices have.
    DeviceCode,
    /// As many digits as the codes that are sent have.
    SentCode,
    /// Digits.
    Digits,
    /// Words.
    Words,
    /// Whatever another server takes.
    Anything,
}

/// How an answer is verified.
#[derive(Clone, Copy, Debug)]
pub enum Verification {
    /// As the code of any device, within the change of the record.
    Device,
    /// By a slow hash of this form of it, before the change.
    Hash(fn(&Secret) -> Secret),
    /// As the code that was sent in this login.
    Sent,
    /// By a RADIUS server.
    Radius,
}

/// Where an account keeps a factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// Among the devices.
    Devices,
    /// As the PIN.
    Pin,
    /// As the set of questions.
    Questions,
    /// Among the addresses, those of a channel.
    Contacts(Channel),
    /// As the account at a RADIUS server.
    Remote,
}

/// What a factor needs outside of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing.
    Nothing,
    /// A way to send codes.
    Delivery(Channel),
    /// A RADIUS server.
    RadiusServer,
}

/// Asks the registry of a factor.
pub trait FactorRow {
    /// What sets it apart.
    fn row(self) -> &'static Row;

    /// Whether it asks for a code, which a recovery or a bypass code may stand in for.
    fn is_code(&self) -> bool;

    /// The command that sets it up for a user.
    fn enroll_command(self, user: &str) -> String;
}

impl FactorRow for Factor {
    fn row(self) -> &'static Row {
        match self {
            Self::Totp => &totp::ROW,
            Self::Pin => &pin::ROW,
            Self::Questions => &questions::ROW,
            Self::Email => &sent_code::EMAIL,
            Self::Sms => &sent_code::SMS,
            Self::Radius => &radius::ROW,
        }
    }

    fn is_code(&self) -> bool {
        !matches!(self.row().verification, Verification::Hash(_))
    }

    fn enroll_command(self, user: &str) -> String {
        format!("mfactl enroll {self} {user}{}", self.row().enroll_arguments)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_factors_share_a_text_or_a_place_in_the_record() {
        let rows = Factor::ALL.map(FactorRow::row);
        let texts = |text: fn(&Row) -> Option<&'static str>| {
            let texts: Vec<_> = rows.iter().filter_map(|row| text(row)).collect();
            assert_eq!(texts.iter().collect::<BTreeSet<_>>().len(), texts.len());
        };
        texts(|row| row.prompt);
        texts(|row| Some(row.choice));
        for (number, row) in rows.iter().enumerate() {
            assert!(
                rows[..number]
                    .iter()
                    .all(|other| other.stored != row.stored)
            );
        }
    }

    #[test]
    fn what_is_sent_needs_the_channel_that_carries_it() {
        for factor in Factor::ALL {
            let row = factor.row();
            let channel = Channel::of(factor);
            let needed = match row.needs {
                Need::Delivery(channel) => Some(channel),
                Need::Nothing | Need::RadiusServer => None,
            };
            assert_eq!(needed, channel, "{factor}");
            let is_sent = matches!(row.verification, Verification::Sent);
            assert_eq!(is_sent, channel.is_some(), "{factor}");
        }
    }

    #[test]
    fn only_what_is_a_code_fits_behind_a_password() {
        for factor in Factor::ALL
            .into_iter()
            .filter(|it| it.row().fits_one_answer)
        {
            assert!(factor.is_code(), "{factor}");
        }
    }
}
