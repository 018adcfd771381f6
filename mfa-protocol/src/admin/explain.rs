//! Explaining decisions.

use serde::{Deserialize, Serialize};

/// The decision for a login, and why.
pub struct Explain;

/// The login to explain.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplainParameters {
    /// The user.
    pub user: String,
    /// The PAM service.
    pub service: String,
    /// The remote address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The terminal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tty: Option<String>,
}

/// The reply to [`Explain`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExplainReply {
    /// The explanation.
    pub explanation: Explanation,
}

/// A decision and its reasons. `mfactl explain --json` prints it as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The canonical name.
    pub user: String,
    /// The PAM service.
    pub service: String,
    /// `ask`, `skip` or `deny`.
    pub action: String,
    /// The rule that decided; none if none fits or the enforcement mode decided.
    pub rule: Option<String>,
    /// File and line of what decided.
    pub place: Option<String>,
    /// In words.
    pub reason: String,
    /// What is required: any one of them.
    pub require: Vec<String>,
    /// `dialogue` or `single`.
    pub prompting: String,
    /// The factors that the user has.
    pub enrolled: Vec<String>,
    /// The prompts that would be shown, in order.
    pub prompts: Vec<String>,
    /// Every rule that was looked at, in order.
    pub considered: Vec<Considered>,
}

/// A rule that was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Considered {
    /// Its `name`, or its number.
    pub name: String,
    /// File and line.
    pub place: String,
    /// Whether it fits.
    pub fits: bool,
    /// The field that does not.
    pub field: Option<String>,
    /// Why it does not.
    pub reason: Option<String>,
}
