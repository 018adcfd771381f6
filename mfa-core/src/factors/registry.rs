//! One row a factor: what sets it apart from the others.
//!
//! The rest of the program asks the row, never which factor it is. A new factor is a file with its row, a line here, and
//! what is its own alone: its record, its texts, its command.

use super::{Factor, Row, Verification, pin, questions, radius, security_key, sent_code, totp};

/// Asks the registry of a factor.
pub trait FactorRow {
    /// Its properties.
    fn row(self) -> &'static Row;

    /// Whether it asks for a code, which a recovery or bypass code can replace.
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
            Self::Key => &security_key::ROW,
        }
    }

    fn is_code(&self) -> bool {
        !matches!(
            self.row().verification,
            Verification::Hash(_) | Verification::Key
        )
    }

    fn enroll_command(self, user: &str) -> String {
        format!("mfactl enroll {self} {user}{}", self.row().enroll_arguments)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::factors::address::Channel;
    use crate::factors::{Need, Stored};

    #[test]
    fn no_two_factors_share_a_text_or_a_place_in_the_record() {
        let rows = Factor::ALL.map(FactorRow::row);
        let texts = |text: fn(&Row) -> Option<&'static str>| {
            let texts: Vec<_> = rows.iter().filter_map(|row| text(row)).collect();
            assert_eq!(texts.iter().collect::<BTreeSet<_>>().len(), texts.len());
        };
        texts(|row| row.prompt);
        texts(|row| Some(row.choice));
        texts(|row| Some(row.in_notice));
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

    /// Only an administrator knows the account of a user at another server.
    #[test]
    fn all_but_an_account_at_another_server_is_set_up_in_a_login() {
        for factor in Factor::ALL {
            let is_elsewhere = factor.row().stored == Stored::Remote;
            assert_eq!(factor.row().enrolls_in_login, !is_elsewhere, "{factor}");
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
