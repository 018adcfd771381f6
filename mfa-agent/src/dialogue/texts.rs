//! The words of the dialogue.
//!
//! They are the same for everybody: no text depends on whether the user exists, is enrolled or locked.

use mfa_protocol::login::{Message, Prompt, Style};

use crate::factors::address::Channel;
use crate::factors::{Factor, Way};

/// The texts that the settings can change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts {
    /// Asks for a code.
    pub totp: String,
    /// Asks for the PIN.
    pub pin: String,
    /// Asks for a code that was sent by mail.
    pub email: String,
    /// Asks for a code that was sent by text message.
    pub sms: String,
    /// Asks for what a RADIUS server judges.
    pub radius: String,
    /// Asks for the number of a telephone.
    pub number: String,
}

impl Default for Texts {
    fn default() -> Self {
        Self {
            totp: "OTP code: ".to_owned(),
            pin: "PIN: ".to_owned(),
            email: "Code from your e-mail: ".to_owned(),
            sms: "Code from your text message: ".to_owned(),
            radius: "Passcode: ".to_owned(),
            number: "Mobile number, with its country code: ".to_owned(),
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

/// How a message with a code fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Somebody has taken it, or is about to.
    OnItsWay,
    /// Nobody takes it, for now or for good.
    Failed,
    /// It was one too many.
    TooMany,
}

/// Says what became of a message. It is the same for those who have no address: they are sent nothing.
pub(super) fn news(news: News, channel: Channel, other_way: bool) -> Message {
    let where_to = match channel {
        Channel::Email => "to your e-mail address",
        Channel::Sms => "to your phone",
    };
    let or_another = match other_way {
        true => ", or ? for another way to log in",
        false => "",
    };
    match news {
        News::OnItsWay => info(&format!(
            "A code is on its way {where_to}. Type resend to have it sent again{or_another}."
        )),
        News::Failed => error(&format!(
            "The code could not be sent now. Type resend to try again{or_another}. If it goes on, tell your \
             administrator."
        )),
        News::TooMany => error(&format!(
            "Too many codes were sent to you, so none is sent for a while. One that has arrived in this login \
             is still good.{}",
            if other_way {
                " Type ? for another way to log in."
            } else {
                ""
            }
        )),
    }
}

/// Says that a code has run out.
pub(super) fn expired() -> Message {
    error("This code is no longer valid. Log in again for a new one.")
}

/// Says that a server gave no answer.
pub(super) fn silent(other_way: bool) -> Message {
    error(match other_way {
        true => "The server that checks your passcode does not answer now.",
        false => {
            "The server that checks your passcode does not answer now. Try again later; if it goes on, tell \
             your administrator."
        }
    })
}

/// Says what is wrong with a number.
pub(super) fn no_number(reason: &str) -> Message {
    let mut letters = reason.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    let sentence: String = first.into_iter().chain(letters).chain(['.']).collect();
    error(&sentence)
}

/// Says that somebody who was let in elsewhere has not met the policy.
#[must_use]
pub fn not_met() -> Message {
    error(
        "This login needs a second factor and had none. Log in with your password and your code; if you \
         can't, tell your administrator.",
    )
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
        Factor::Email => "a code by e-mail",
        Factor::Sms => "a code by text message",
        Factor::Radius => "a passcode that another server checks",
    }
}

fn info(text: &str) -> Message {
    Message {
        style: Style::Info,
        text: text.to_owned(),
    }
}

fn error(text: &str) -> Message {
    Message {
        style: Style::Error,
        text: text.to_owned(),
    }
}
