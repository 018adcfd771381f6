//! Codes that are made here and sent to the user.
//!
//! Pure. A code exists in the memory of one login only: it is not valid for another login, a restart makes it invalid,
//! and it is never stored.

use jiff::Timestamp;
use mfa_protocol::Secret;
use subtle::ConstantTimeEq;

use super::address::{Channel, Recipient};
use super::device::unspaced;
use super::{AnswerForm, Need, Row, Stored, Verification};

/// The properties of codes by mail.
pub const EMAIL: Row = row(
    Channel::Email,
    "prompt-email",
    "way-email",
    "notice-factor-email",
);

/// The properties of codes by text message.
pub const SMS: Row = row(Channel::Sms, "prompt-sms", "way-sms", "notice-factor-sms");

const fn row(
    channel: Channel,
    prompt: &'static str,
    choice: &'static str,
    in_notice: &'static str,
) -> Row {
    Row {
        prompt: Some(prompt),
        choice,
        in_notice,
        form: AnswerForm::SentCode,
        verification: Verification::Sent,
        stored: Stored::Contacts(channel),
        needs: Need::Delivery(channel),
        enroll_arguments: " ADDRESS",
        enroll_note: "",
        may_be_required_first: false,
        fits_one_answer: false,
        enrolls_in_login: true,
    }
}

/// A code that was sent.
#[derive(Clone, Debug)]
pub struct SentCode {
    /// The code.
    pub code: Secret,
    /// Where it went.
    pub to: Recipient,
    /// What the user could pass then, if the address was not among theirs
    /// ([`Account::generation`](crate::account::Account::generation)).
    pub unless_changed_since: Option<u64>,
}

/// When a code that is sent at `now` is no longer good.
#[must_use]
pub fn expiry(now: Timestamp, lifetime: std::time::Duration) -> Timestamp {
    crate::clock::after(now, lifetime)
}

impl SentCode {
    /// Whether `typed` is this code.
    #[must_use]
    pub fn is(&self, typed: &str) -> bool {
        let typed = unspaced(typed);
        typed.as_bytes().ct_eq(self.code.expose().as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_itself_with_or_without_blanks_and_nothing_else() {
        let sent = SentCode {
            code: "483920".into(),
            to: Recipient::read(Channel::Email, "anna@example.org", None).unwrap(),
            unless_changed_since: None,
        };
        assert!(sent.is("483920") && sent.is("483 920"));
        for wrong in ["", "483921", "48392", "4839200", "４８３９２０"] {
            assert!(!sent.is(wrong), "{wrong:?}");
        }
    }
}
