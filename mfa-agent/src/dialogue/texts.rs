//! The words of the dialogue.
//!
//! They are the same for everybody: no text depends on whether the user exists, is enrolled or locked.

use mfa_protocol::login::{Message, Prompt, Style};

use crate::factors::{Factor, Way};

/// The texts that the settings can change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts {
    /// Asks for a code.
    pub totp: String,
    /// Asks for the PIN.
    pub pin: String,
}

impl Default for Texts {
    fn default() -> Self {
        Self {
            totp: "OTP code: ".to_owned(),
            pin: "PIN: ".to_owned(),
        }
    }
}

impl Texts {
    /// Says that an answer did not help; not why, since that would tell a guesser.
    pub(super) fn not_accepted(&self) -> Message {
        error(
            "That was not accepted: it is wrong, was used before, or this account is locked for now. \
             A code works once; wait for the next one. If it goes on, ask your administrator.",
        )
    }

    /// Says that a choice was none.
    pub(super) fn no_such_way(&self) -> Message {
        error("Please type one of the numbers.")
    }

    /// Asks which way to go.
    pub(super) fn choice(&self, ways: &[Way]) -> Prompt {
        let mut text = String::from("Ways to log in:\n");
        for (number, way) in (1..).zip(ways) {
            let names: Vec<&str> = way.factors().iter().map(|f| describe(*f)).collect();
            text.push_str(&format!("  {number}  {}\n", names.join(", then ")));
        }
        text.push_str("Number: ");
        Prompt {
            text,
            echo: true,
            tail: None,
        }
    }
}

/// Says for how long a user is let in without a factor.
#[must_use]
pub fn grace(days: u32) -> Message {
    let left = match days {
        1 => "This is the last day that".to_owned(),
        days => format!("For {days} more days"),
    };
    Message {
        style: Style::Info,
        text: format!(
            "{left} you can log in here without a second factor.\n\
             Set one up before: mfactl enroll totp"
        ),
    }
}

/// Says that the recovery codes come to their end.
pub(super) fn few_codes(left: u32) -> Message {
    let left = match left {
        0 => "You have no recovery codes left".to_owned(),
        1 => "You have one recovery code left".to_owned(),
        left => format!("You have {left} recovery codes left"),
    };
    Message {
        style: Style::Info,
        text: format!("{left}; mfactl enroll recovery makes new ones."),
    }
}

fn describe(factor: Factor) -> &'static str {
    match factor {
        Factor::Totp => "a code from your device",
        Factor::Pin => "your PIN",
        Factor::Questions => "a security question",
    }
}

fn error(text: &str) -> Message {
    Message {
        style: Style::Error,
        text: text.to_owned(),
    }
}
