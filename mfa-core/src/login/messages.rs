//! What the dialogue says, as messages.
//!
//! They are the same for everybody: no text depends on whether the user exists, is enrolled or locked.

use mfa_protocol::login::{Message, Prompt, Style};

use crate::factors::FactorCombination;
use crate::factors::address::{Channel, RecipientError};
use crate::texts::{Text, Texts};

/// How a message with a code fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryStatus {
    /// The provider accepted it, or is about to.
    OnItsWay,
    /// It is not accepted, temporarily or permanently.
    Failed,
    /// It was one too many.
    TooMany,
}

/// Says what became of a message. It is the same for those who have no address: they are sent nothing.
pub(super) fn news(
    texts: &Texts,
    news: DeliveryStatus,
    channel: Channel,
    other_way: bool,
) -> Message {
    match news {
        DeliveryStatus::OnItsWay => info(texts, &Text::CodeOnItsWay(channel, other_way)),
        DeliveryStatus::Failed => error(texts, &Text::CodeNotSent(other_way)),
        DeliveryStatus::TooMany => error(texts, &Text::CodeTooMany(other_way)),
    }
}

/// Says what is wrong with an address or a number that was typed.
pub(super) fn no_recipient(texts: &Texts, wrong: &RecipientError) -> Message {
    error(
        texts,
        &match wrong {
            RecipientError::Phone(wrong) => Text::Number(*wrong),
            RecipientError::Email(_) => Text::AddressUnknown,
        },
    )
}

/// Asks which way to go.
pub(super) fn choice(texts: &Texts, combinations: &[FactorCombination]) -> Prompt {
    let then = texts.prompt(&Text::WaysThen);
    let mut text = texts.say(&Text::Ways);
    text.push('\n');
    for (number, combination) in (1..).zip(combinations) {
        let factors = combination.factors().iter();
        let names: Vec<String> = factors
            .map(|f| texts.say(&Text::FactorCombination(*f)))
            .collect();
        text.push_str(&format!("  {number}  {}\n", names.join(&then)));
    }
    text.push_str(&texts.prompt(&Text::WaysPrompt));
    Prompt {
        text,
        echo: true,
        tail: None,
        optional: false,
    }
}

/// Says how long a user can log in without a factor.
#[must_use]
pub fn grace(texts: &Texts, days: u32) -> Message {
    info(texts, &Text::Grace(days))
}

/// Says that a user that the program accepted has not met the policy.
#[must_use]
pub fn not_met(texts: &Texts) -> Message {
    error(texts, &Text::NotMet)
}

/// Something to know.
pub(super) fn info(texts: &Texts, text: &Text) -> Message {
    Message {
        style: Style::Info,
        text: texts.say(text),
    }
}

/// Something that went wrong.
pub(super) fn error(texts: &Texts, text: &Text) -> Message {
    Message {
        style: Style::Error,
        text: texts.say(text),
    }
}
