//! Enrolling and removing factors.

use serde::{Deserialize, Serialize};

use crate::Secret;
use crate::factor::{Authenticator, DeviceKind, HashAlgorithm};

/// A new TOTP device.
pub struct EnrollTotp;
/// A new HOTP device.
pub struct EnrollHotp;
/// The code that proves the device of [`EnrollTotp`] or [`EnrollHotp`] was set up.
pub struct ConfirmDevice;
/// A new PIN.
pub struct EnrollPin;
/// The catalogue of security questions.
pub struct Questions;
/// New recovery codes; the earlier ones are void.
pub struct EnrollRecovery;
/// Stores the recovery codes that the user has written down.
pub struct ConfirmRecovery;
/// Three questions with their answers.
pub struct EnrollQuestions;
/// What [`EnrollQuestions`] would say of up to three of them; nothing is stored.
pub struct CheckQuestions;
/// Takes factors away.
pub struct Remove;

/// The parameters of the new device; missing ones get the configured default. [`EnrollTotp`] refuses `counter`, and
/// [`EnrollHotp`] refuses `period`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrollDeviceParameters {
    /// The user, or none for the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The device's name; none takes the first free `device-N`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The hash function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<HashAlgorithm>,
    /// 6 to 8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digits: Option<u32>,
    /// Seconds that a code of a TOTP device is valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<u64>,
    /// The counter of the next code of a device that counts; none means 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counter: Option<u64>,
    /// A base32 key to be used instead of a fresh one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    /// An otpauth URI to be used instead of all of the above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<Secret>,
    /// The maker's ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_id: Option<String>,
    /// Whether a code must be confirmed before anything is stored.
    pub confirm: bool,
}

/// A code of the device being enrolled.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfirmParameters {
    /// The code.
    pub code: Secret,
}

/// The reply to [`EnrollTotp`], [`EnrollHotp`] and [`ConfirmDevice`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EnrollmentReply {
    /// What was made.
    pub enrollment: Enrollment,
}

/// A device that was made, or is about to be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Enrollment {
    /// The canonical name.
    pub user: String,
    /// The kind of device.
    pub factor: DeviceKind,
    /// The device's name.
    pub label: String,
    /// The key in base32, for typing.
    pub secret: Secret,
    /// The otpauth URI, for the QR code.
    pub uri: Secret,
    /// Whether it is stored, or a code is awaited.
    pub stored: bool,
}

/// A new PIN.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrollPinParameters {
    /// The user, or none for the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// 4 to 8 digits.
    pub pin: Secret,
}

/// A reply that names the user whose account was changed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UserReply {
    /// The canonical name.
    pub user: String,
}

/// See [`EnrollRecovery`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrollRecoveryParameters {
    /// The user, or none for the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// How many codes, 1 to 20; none means ten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// Whether [`ConfirmRecovery`] stores them, on the same connection.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confirm: bool,
}

/// The reply to [`EnrollRecovery`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecoveryReply {
    /// The canonical name.
    pub user: String,
    /// Ten digits each. Each is good once, wherever a code is asked for.
    pub codes: Vec<Secret>,
    /// Whether there were codes that could still be used; they no longer work.
    #[serde(default)]
    pub replaced: bool,
}

/// The reply to [`Questions`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct QuestionsReply {
    /// The questions to choose from.
    pub questions: Vec<String>,
    /// Whether users can write their own questions.
    pub own: bool,
}

/// Three questions; fewer for [`CheckQuestions`].
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrollQuestionsParameters {
    /// The user, or none for the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Exactly three.
    pub questions: Vec<QuestionAnswer>,
}

/// A question with its answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuestionAnswer {
    /// From the catalogue, or the user's own.
    pub question: String,
    /// The answer.
    pub answer: Secret,
}

/// What to remove.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoveParameters {
    /// The user, or none for the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// What is removed.
    pub factor: Authenticator,
    /// One device or address; none means all of the factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// The reply to [`Remove`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RemoveReply {
    /// The canonical name.
    pub user: String,
    /// How many were there to be removed.
    pub removed: u32,
    /// What follows, where the user must have what was removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
