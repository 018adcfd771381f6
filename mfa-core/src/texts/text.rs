//! Which texts there are, and what each takes in.

use fluent_bundle::FluentArgs;

use crate::factors::address::{Channel, LONGEST_NUMBER, NumberError};
use crate::factors::{Factor, FactorRow};

/// A text, with what it takes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// Asks for a factor. The account holds the question where a row has none.
    Prompt(&'static str),
    /// Asks for the password and a code in one answer.
    PromptPasswordAndCode,
    /// Asks for the number of a telephone.
    PromptNumber,
    /// Is typed: it is so.
    WordYes,
    /// Is typed: send the code again.
    WordResend,
    /// An answer did not help. Not why, since that would tell a guesser.
    NotAccepted,
    /// Somebody who was let in elsewhere has not met the policy.
    NotMet,
    /// For so many days a user is let in without a factor.
    Grace(u32),
    /// So many recovery codes are left.
    FewRecoveryCodes(u32),
    /// Stands before the ways to log in.
    Ways,
    /// Asks for the number of one.
    WaysPrompt,
    /// That was none.
    WaysUnknown,
    /// Stands between the factors of one.
    WaysThen,
    /// A factor in one.
    FactorCombination(Factor),
    /// Somebody has taken the message with the code, or is about to. Here and below: whether there is another
    /// way to log in.
    CodeOnItsWay(Channel, bool),
    /// Nobody takes it, for now or for good.
    CodeNotSent(bool),
    /// It was one too many.
    CodeTooMany(bool),
    /// The code that was sent has run out.
    CodeExpired,
    /// A RADIUS server gave no answer.
    ServerSilent(bool),
    /// What is wrong with a number.
    Number(NumberError),
    /// Before a first device is set up.
    EnrolFirst(How),
    /// The same after a recovery code.
    EnrolLost(How),
    /// Stands before the key.
    EnrolKey,
    /// Says how the QR code is asked for, where it may not be readable.
    EnrolPicture,
    /// Asks for the first code.
    EnrolCode,
    /// It was wrong.
    EnrolWrongCode,
    /// Stands before the recovery codes.
    EnrolRecovery,
    /// Asks whether they are stored.
    EnrolStored,
    /// The device is stored, and so are the codes.
    EnrolDone,
}

/// How a key gets into a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// From a picture.
    Scan,
    /// By hand.
    Type,
}

impl Text {
    /// What asks for a factor; none where the account holds the question.
    #[must_use]
    pub fn prompt_for(factor: Factor) -> Option<Self> {
        factor.row().prompt.map(Self::Prompt)
    }

    /// Its name in a catalogue.
    pub(super) fn id(&self) -> &'static str {
        match self {
            Self::Prompt(id) => id,
            Self::PromptPasswordAndCode => "prompt-password-and-code",
            Self::PromptNumber => "prompt-number",
            Self::WordYes => "word-yes",
            Self::WordResend => "word-resend",
            Self::NotAccepted => "not-accepted",
            Self::NotMet => "not-met",
            Self::Grace(_) => "grace",
            Self::FewRecoveryCodes(_) => "few-recovery-codes",
            Self::Ways => "ways",
            Self::WaysPrompt => "ways-prompt",
            Self::WaysUnknown => "ways-unknown",
            Self::WaysThen => "ways-then",
            Self::FactorCombination(factor) => factor.row().choice,
            Self::CodeOnItsWay(..) => "code-on-its-way",
            Self::CodeNotSent(_) => "code-not-sent",
            Self::CodeTooMany(_) => "code-too-many",
            Self::CodeExpired => "code-expired",
            Self::ServerSilent(_) => "server-silent",
            Self::Number(error) => number(error),
            Self::EnrolFirst(_) => "enrol-first",
            Self::EnrolLost(_) => "enrol-lost",
            Self::EnrolKey => "enrol-key",
            Self::EnrolPicture => "enrol-picture",
            Self::EnrolCode => "enrol-code",
            Self::EnrolWrongCode => "enrol-wrong-code",
            Self::EnrolRecovery => "enrol-recovery",
            Self::EnrolStored => "enrol-stored",
            Self::EnrolDone => "enrol-done",
        }
    }

    /// What it takes in, by the names that a catalogue has for it.
    pub(super) fn arguments(&self) -> FluentArgs<'static> {
        let mut arguments = FluentArgs::new();
        match self {
            Self::Grace(days) => arguments.set("days", *days),
            Self::FewRecoveryCodes(left) => arguments.set("left", *left),
            Self::CodeOnItsWay(channel, other) => {
                arguments.set("channel", channel.name());
                arguments.set("other", yes_or_no(*other));
            }
            Self::CodeNotSent(other) | Self::CodeTooMany(other) | Self::ServerSilent(other) => {
                arguments.set("other", yes_or_no(*other));
            }
            Self::Number(NumberError::Characters) => {
                arguments.set("longest", LONGEST_NUMBER.to_string());
            }
            Self::EnrolFirst(how) | Self::EnrolLost(how) => {
                let how = match how {
                    How::Scan => "scan",
                    How::Type => "type",
                };
                arguments.set("how", how);
            }
            _ => {}
        }
        arguments
    }

    /// Whether a line break in it would end what is typed.
    pub(super) fn is_one_line(&self) -> bool {
        use Text::{EnrolCode, EnrolKey, EnrolStored, WaysPrompt, WaysThen, WordResend, WordYes};
        let id = self.id();
        id.starts_with("prompt-")
            || id.starts_with("way-")
            || matches!(
                self,
                EnrolCode | EnrolKey | EnrolStored | WaysPrompt | WaysThen | WordResend | WordYes
            )
    }

    /// Every text, with whatever makes a difference to it.
    pub(super) fn samples() -> Vec<Self> {
        let mut samples = vec![
            Self::PromptNumber,
            Self::PromptPasswordAndCode,
            Self::WordYes,
            Self::WordResend,
            Self::NotAccepted,
            Self::NotMet,
            Self::Ways,
            Self::WaysPrompt,
            Self::WaysUnknown,
            Self::WaysThen,
            Self::CodeExpired,
            Self::EnrolKey,
            Self::EnrolPicture,
            Self::EnrolCode,
            Self::EnrolWrongCode,
            Self::EnrolRecovery,
            Self::EnrolStored,
            Self::EnrolDone,
        ];
        let counts = [0, 1, 2, 3, 5, 11, 21, 100];
        samples.extend(counts.map(Self::Grace));
        samples.extend(counts.map(Self::FewRecoveryCodes));
        samples.extend(Factor::ALL.into_iter().filter_map(Self::prompt_for));
        samples.extend(Factor::ALL.map(Self::FactorCombination));
        for other in [true, false] {
            samples.extend([
                Self::CodeOnItsWay(Channel::Email, other),
                Self::CodeOnItsWay(Channel::Sms, other),
                Self::CodeNotSent(other),
                Self::CodeTooMany(other),
                Self::ServerSilent(other),
            ]);
        }
        for how in [How::Scan, How::Type] {
            samples.extend([Self::EnrolFirst(how), Self::EnrolLost(how)]);
        }
        samples.extend(
            [
                NumberError::Characters,
                NumberError::NoCountry,
                NumberError::NoSuchNumber,
                NumberError::Kind,
            ]
            .map(Self::Number),
        );
        samples
    }
}

/// The last two do not come up where somebody types a number.
fn number(error: &NumberError) -> &'static str {
    match error {
        NumberError::Characters => "number-characters",
        NumberError::NoCountry => "number-no-country",
        NumberError::Kind => "number-kind",
        NumberError::NoSuchNumber | NumberError::Form | NumberError::Region => "number-unknown",
    }
}

fn yes_or_no(is_so: bool) -> &'static str {
    match is_so {
        true => "yes",
        false => "no",
    }
}
