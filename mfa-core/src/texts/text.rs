//! The texts, and the variables of each.

use fluent_bundle::FluentArgs;

use crate::account::NoticeKind;
use crate::factors::address::{Channel, LONGEST_NUMBER, NumberError};
use crate::factors::pin::{MAX_PIN, MIN_PIN, PinError};
use crate::factors::questions::{MAX_QUESTION, MIN_ANSWER};
use crate::factors::security_key::service::KeyService;
use crate::factors::{Factor, FactorRow};

/// A text, with its variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// Asks for a factor. The account holds the question where a row has none.
    Prompt(&'static str),
    /// Asks for the password and a code in one answer.
    PromptPasswordAndCode,
    /// Asks for the number of a telephone.
    PromptNumber,
    /// Asks for an e-mail address.
    PromptAddress,
    /// What was typed is no e-mail address.
    AddressUnknown,
    /// Asks to approve a request on a phone, or for a passcode instead.
    PromptPush,
    /// The word for yes.
    WordYes,
    /// The word for sending the code again.
    WordResend,
    /// The answer was wrong. It does not say why, because that would help a guesser.
    NotAccepted,
    /// The user authenticated by other means, but has not met the policy.
    NotMet,
    /// The number of days for which the user gets in without a second factor.
    Grace(u32),
    /// The number of unused recovery codes.
    FewRecoveryCodes(u32),
    /// Introduces the list of ways to log in.
    Ways,
    /// Asks for the number of one.
    WaysPrompt,
    /// The number is not in the list.
    WaysUnknown,
    /// Joins the factors of one way.
    WaysThen,
    /// A factor in a way to log in.
    FactorCombination(Factor),
    /// The code is sent, or about to be. Here and below: whether there is another way to log in.
    CodeOnItsWay(Channel, bool),
    /// The code could not be sent, for now or for good.
    CodeNotSent(bool),
    /// Too many codes were sent.
    CodeTooMany(bool),
    /// The sent code has expired.
    CodeExpired,
    /// No RADIUS server answered.
    ServerSilent(bool),
    /// A request goes to the user's phone.
    PushSent,
    /// The user did not approve the request, or the account is locked.
    PushNotApproved,
    /// Too many requests went to the user's phone.
    PushTooMany,
    /// A RADIUS server asks too many questions.
    ChallengeTooMany,
    /// The security key is about to be asked.
    TouchKey,
    /// The security key was asked and did not sign.
    KeySilent,
    /// No security key of the user's can be asked. How such a program could meet one.
    KeyOutOfReach(KeyService),
    /// The signature of a security key was wrong, or the account is locked.
    KeyNotAccepted,
    /// The security key signs without being touched.
    KeyNotTouched,
    /// The security key did not verify its owner.
    KeyNotVerified,
    /// The security key counts fewer signatures than before.
    KeyWentBack,
    /// What is wrong with a telephone number.
    Number(NumberError),
    /// Before anything but a device is enrolled first.
    EnrollNone,
    /// Before a first device is enrolled.
    EnrollFirst(How),
    /// Before a device is enrolled after something else.
    EnrollDevice(How),
    /// The same after a recovery code.
    EnrollLost(How),
    /// Introduces the key.
    EnrollKey,
    /// Says how to ask for the QR code, where it may not be readable.
    EnrollPicture,
    /// After the QR code and the key: what to do if the terminal does not show the code.
    EnrollGarbled,
    /// Asks for the first code.
    EnrollCode,
    /// The first code was wrong.
    EnrollWrongCode,
    /// Introduces the recovery codes.
    EnrollRecovery,
    /// Asks whether the recovery codes are stored.
    EnrollStored,
    /// The device and the codes are stored.
    EnrollDone,
    /// Before a PIN is chosen.
    EnrollPin,
    /// Asks for a new PIN.
    PromptNewPin,
    /// Asks for the same PIN again.
    PromptPinAgain,
    /// The two were not the same.
    PinsDiffer,
    /// Why a new PIN is refused.
    Pin(PinError),
    /// Introduces the list of questions. Whether users may write their own.
    EnrollQuestions(bool),
    /// Asks for a question. Here and below: which one, from 1.
    PromptQuestion(u32),
    /// Asks for its answer.
    PromptAnswer(u32),
    /// Asks for the same answer again.
    PromptAnswerAgain(u32),
    /// The two answers were not the same.
    AnswersDiffer,
    /// Why a question or an answer is refused.
    Question(QuestionRefusal),
    /// Introduces the security key that sshd has verified.
    EnrollSecurityKey,
    /// Asks whether it is set up.
    PromptEnrollKey,
    /// Introduces the recovery codes of what is not a device alone.
    EnrollCodes,
    /// All is stored, and it is not a device alone.
    EnrollAllDone,
    /// The subject of a notice.
    NoticeSubject,
    /// What a notice tells.
    Notice(NoticeKind),
    /// What to do about a notice.
    NoticeAdvice,
    /// Recovery codes, where a notice names a factor.
    NoticeCodes,
    /// What a notice calls a factor.
    NoticeFactor(Factor),
}

/// How a key gets into a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// By scanning the QR code.
    Scan,
    /// By typing it.
    Type,
}

/// Why a question or an answer is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuestionRefusal {
    /// It is not in the list. Whether users may write their own.
    Unknown(bool),
    /// It is too long, or could draw on a terminal.
    Form,
    /// It was chosen before.
    Twice,
    /// The answer has too few characters.
    ShortAnswer,
    /// The answer is the question.
    AnswerIsQuestion,
    /// The answer is the name of the user.
    AnswerIsUser,
    /// Another question has this answer.
    SameAnswer,
}

impl QuestionRefusal {
    /// Whether another answer is needed, not another question.
    #[must_use]
    pub fn is_of_answer(self) -> bool {
        !matches!(self, Self::Unknown(_) | Self::Form | Self::Twice)
    }

    fn id(self) -> &'static str {
        match self {
            Self::Unknown(_) => "question-unknown",
            Self::Form => "question-form",
            Self::Twice => "question-twice",
            Self::ShortAnswer => "answer-short",
            Self::AnswerIsQuestion => "answer-is-question",
            Self::AnswerIsUser => "answer-is-user",
            Self::SameAnswer => "answer-twice",
        }
    }
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
            Self::PromptAddress => "prompt-address",
            Self::PromptPush => "prompt-push",
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
            Self::PushSent => "push-sent",
            Self::PushNotApproved => "push-not-approved",
            Self::PushTooMany => "push-too-many",
            Self::ChallengeTooMany => "challenge-too-many",
            Self::TouchKey => "touch-key",
            Self::KeySilent => "key-silent",
            Self::KeyOutOfReach(_) => "key-out-of-reach",
            Self::KeyNotAccepted => "key-not-accepted",
            Self::KeyNotTouched => "key-not-touched",
            Self::KeyNotVerified => "key-not-verified",
            Self::KeyWentBack => "key-went-back",
            Self::Number(error) => number(error),
            Self::AddressUnknown => "address-unknown",
            Self::EnrollNone => "enroll-none",
            Self::EnrollFirst(_) => "enroll-first",
            Self::EnrollDevice(_) => "enroll-device",
            Self::EnrollLost(_) => "enroll-lost",
            Self::EnrollKey => "enroll-key",
            Self::EnrollPicture => "enroll-picture",
            Self::EnrollGarbled => "enroll-garbled",
            Self::EnrollCode => "enroll-code",
            Self::EnrollWrongCode => "enroll-wrong-code",
            Self::EnrollRecovery => "enroll-recovery",
            Self::EnrollStored => "enroll-stored",
            Self::EnrollDone => "enroll-done",
            Self::EnrollPin => "enroll-pin",
            Self::PromptNewPin => "prompt-new-pin",
            Self::PromptPinAgain => "prompt-pin-again",
            Self::PinsDiffer => "pins-differ",
            Self::Pin(error) => pin(*error),
            Self::EnrollQuestions(_) => "enroll-questions",
            Self::PromptQuestion(_) => "prompt-question",
            Self::PromptAnswer(_) => "prompt-answer",
            Self::PromptAnswerAgain(_) => "prompt-answer-again",
            Self::AnswersDiffer => "answers-differ",
            Self::Question(why) => why.id(),
            Self::EnrollSecurityKey => "enroll-security-key",
            Self::PromptEnrollKey => "prompt-enroll-key",
            Self::EnrollCodes => "enroll-codes",
            Self::EnrollAllDone => "enroll-all-done",
            Self::NoticeSubject => "notice-subject",
            Self::Notice(kind) => notice(*kind),
            Self::NoticeAdvice => "notice-advice",
            Self::NoticeCodes => "notice-recovery-codes",
            Self::NoticeFactor(factor) => factor.row().in_notice,
        }
    }

    /// Its variables, by their names in a catalogue.
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
            Self::PromptNewPin | Self::Pin(PinError::Length) => {
                arguments.set("least", MIN_PIN.to_string());
                arguments.set("most", MAX_PIN.to_string());
            }
            Self::EnrollQuestions(own) | Self::Question(QuestionRefusal::Unknown(own)) => {
                arguments.set("own", yes_or_no(*own));
            }
            Self::PromptQuestion(number)
            | Self::PromptAnswer(number)
            | Self::PromptAnswerAgain(number) => {
                arguments.set("number", number.to_string());
            }
            Self::Question(QuestionRefusal::Form) => {
                arguments.set("longest", MAX_QUESTION.to_string());
            }
            Self::Question(QuestionRefusal::ShortAnswer) => {
                arguments.set("least", MIN_ANSWER.to_string());
            }
            Self::EnrollFirst(how) | Self::EnrollDevice(how) | Self::EnrollLost(how) => {
                let how = match how {
                    How::Scan => "scan",
                    How::Type => "type",
                };
                arguments.set("how", how);
            }
            Self::KeyOutOfReach(program) => {
                let program = match program {
                    KeyService::Verifies => "sshd",
                    KeyService::Signs => "agent",
                    KeyService::Neither => "none",
                };
                arguments.set("program", program);
            }
            // The values of a notice replace these.
            Self::NoticeSubject | Self::Notice(_) => {
                for name in NOTICE_VALUES {
                    arguments.set(name, "?");
                }
            }
            _ => {}
        }
        arguments
    }

    /// Whether a line break in it would end a line of input.
    pub(super) fn is_one_line(&self) -> bool {
        use Text::{
            EnrollCode, EnrollKey, EnrollStored, NoticeCodes, NoticeSubject, WaysPrompt, WaysThen,
            WordResend, WordYes,
        };
        let id = self.id();
        id.starts_with("prompt-")
            || id.starts_with("way-")
            || id.starts_with("notice-factor-")
            || matches!(
                self,
                EnrollCode
                    | EnrollKey
                    | EnrollStored
                    | NoticeCodes
                    | NoticeSubject
                    | WaysPrompt
                    | WaysThen
                    | WordResend
                    | WordYes
            )
    }
}

fn pin(error: PinError) -> &'static str {
    match error {
        PinError::NotDigits => "pin-digits",
        PinError::Length => "pin-length",
        PinError::Run => "pin-run",
        PinError::Repeat => "pin-repeat",
        PinError::Year => "pin-year",
        PinError::Banned => "pin-common",
    }
}

/// The last two can't happen when a user types a number.
fn number(error: &NumberError) -> &'static str {
    match error {
        NumberError::Characters => "number-characters",
        NumberError::NoCountry => "number-no-country",
        NumberError::Kind => "number-kind",
        NumberError::NoSuchNumber | NumberError::Form | NumberError::Region => "number-unknown",
    }
}

/// The values of a notice, by their names in a catalogue.
const NOTICE_VALUES: [&str; 6] = ["user", "host", "time", "factor", "address", "service"];

fn notice(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Enroll => "notice-enroll",
        NoticeKind::Remove => "notice-remove",
        NoticeKind::Locked => "notice-locked",
        NoticeKind::Bypass => "notice-bypass",
        NoticeKind::Suspended => "notice-suspended",
        NoticeKind::LessRequired => "notice-less-required",
        NoticeKind::Networks => "notice-networks",
        NoticeKind::SelfManage => "notice-self-manage",
        NoticeKind::Recovery => "notice-recovery",
        NoticeKind::NewNetwork => "notice-new-network",
    }
}

fn yes_or_no(is_so: bool) -> &'static str {
    match is_so {
        true => "yes",
        false => "no",
    }
}
