//! Every text: a catalogue is checked with all of them.

use super::text::{How, QuestionRefusal, Text};
use crate::account::NoticeKind;
use crate::factors::Factor;
use crate::factors::address::{Channel, NumberError};
use crate::factors::pin::PinError;
use crate::factors::security_key::service::KeyService;

impl Text {
    /// Every text, with all values that change it.
    pub(super) fn samples() -> Vec<Self> {
        let mut samples = vec![
            Self::PromptNumber,
            Self::PromptAddress,
            Self::AddressUnknown,
            Self::PromptPasswordAndCode,
            Self::PromptPush,
            Self::PushSent,
            Self::PushNotApproved,
            Self::PushTooMany,
            Self::ChallengeTooMany,
            Self::WordYes,
            Self::WordResend,
            Self::NotAccepted,
            Self::NotMet,
            Self::Ways,
            Self::WaysPrompt,
            Self::WaysUnknown,
            Self::WaysThen,
            Self::CodeExpired,
            Self::EnrollKey,
            Self::EnrollPicture,
            Self::EnrollGarbled,
            Self::EnrollCode,
            Self::EnrollWrongCode,
            Self::EnrollRecovery,
            Self::EnrollStored,
            Self::EnrollDone,
            Self::EnrollNone,
            Self::EnrollPin,
            Self::PromptNewPin,
            Self::PromptPinAgain,
            Self::PinsDiffer,
            Self::AnswersDiffer,
            Self::EnrollCodes,
            Self::EnrollAllDone,
            Self::EnrollSecurityKey,
            Self::PromptEnrollKey,
            Self::TouchKey,
            Self::KeySilent,
            Self::KeyOutOfReach(KeyService::Verifies),
            Self::KeyOutOfReach(KeyService::Signs),
            Self::KeyOutOfReach(KeyService::Neither),
            Self::KeyNotAccepted,
            Self::KeyNotTouched,
            Self::KeyNotVerified,
            Self::KeyWentBack,
            Self::NoticeSubject,
            Self::NoticeAdvice,
            Self::NoticeCodes,
        ];
        samples.extend(NoticeKind::ALL.map(Self::Notice));
        let counts = [0, 1, 2, 3, 5, 11, 21, 100];
        samples.extend(counts.map(Self::Grace));
        samples.extend(counts.map(Self::FewRecoveryCodes));
        samples.extend(Factor::ALL.into_iter().filter_map(Self::prompt_for));
        samples.extend(Factor::ALL.map(Self::FactorCombination));
        samples.extend(Factor::ALL.map(Self::NoticeFactor));
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
            samples.extend([
                Self::EnrollFirst(how),
                Self::EnrollDevice(how),
                Self::EnrollLost(how),
            ]);
        }
        samples.extend(knowledge_samples());
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

/// What the set-up of a PIN and of questions says, with all values.
fn knowledge_samples() -> Vec<Text> {
    let pins = [
        PinError::NotDigits,
        PinError::Length,
        PinError::Run,
        PinError::Repeat,
        PinError::Year,
        PinError::Banned,
    ];
    let mut samples: Vec<Text> = pins.map(Text::Pin).into();
    for number in [1, 2, 3] {
        samples.extend([
            Text::PromptQuestion(number),
            Text::PromptAnswer(number),
            Text::PromptAnswerAgain(number),
        ]);
    }
    for own in [true, false] {
        samples.extend([
            Text::EnrollQuestions(own),
            Text::Question(QuestionRefusal::Unknown(own)),
        ]);
    }
    let refusals = [
        QuestionRefusal::Form,
        QuestionRefusal::Twice,
        QuestionRefusal::ShortAnswer,
        QuestionRefusal::AnswerIsQuestion,
        QuestionRefusal::AnswerIsUser,
        QuestionRefusal::SameAnswer,
    ];
    samples.extend(refusals.map(Text::Question));
    samples
}
