//! Explaining decisions.

use serde::{Deserialize, Serialize};

use crate::factor::{Factor, FactorCombination};
use crate::policy::{Action, Prompting, RuleField, Source, Unenrolled};

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
    /// The user on the remote host, or the one who calls sudo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruser: Option<String>,
    /// What sshd has verified by then, such as `publickey`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Vec<String>>,
    /// The operation, for `mfactl verify --operation`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// When: the host's own time such as `2026-11-23T09:30`; none means now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The name of the host, for its rules; none means this host. Users and groups are always looked up on this host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// What an [`Explanation`] says at the end of its reason if a stack with one answer would refuse the login. The agent
/// does not know the stack; mfactl does, and leaves it out for others.
pub const NO_ROOM_IN_ONE_ANSWER: &str = "; a stack with password and code in one answer \
                                         (forward_pass, use_first_pass, try_first_pass) is refused";

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
    /// What is decided.
    pub action: Action,
    /// The rule that decided; none if no rule matches or the enforcement mode decided.
    pub rule: Option<String>,
    /// File and line of what decided.
    pub place: Option<String>,
    /// In words.
    pub reason: String,
    /// What is required: any one of them.
    pub require: Vec<FactorCombination>,
    /// Whether the program can hold a conversation.
    pub prompting: Prompting,
    /// Where the user's entry comes from.
    pub source: Source,
    /// For how long the same is not asked again, such as `15m`; none if every login is asked.
    pub session: Option<String>,
    /// What happens to users who have none of it.
    pub unenrolled: Option<Unenrolled>,
    /// Days that a user without a factor can log in for, if this applies to this login.
    pub grace_days_left: Option<u32>,
    /// When these days began; none before the first such login.
    pub grace_since: Option<String>,
    /// When they end; none before the first such login.
    pub grace_until: Option<String>,
    /// Until when an administrator has suspended the second factor, if that is why this login is not asked.
    #[serde(default)]
    pub suspended_until: Option<String>,
    /// Whether the login is refused because the user has not enrolled what is required (or only an address of a channel
    /// that is turned off), now or once grace or a
    /// suspension is over. None from an agent that is older than the field.
    pub not_enrolled: Option<bool>,
    /// Whether only recovery or bypass codes let the user in: once they are used up, `not_enrolled` is true. None from an
    /// agent that is older than the field.
    pub only_codes: Option<bool>,
    /// Failures that lock.
    pub lockout_attempts: Option<u32>,
    /// For how long, such as `1h`.
    pub lockout_duration: Option<String>,
    /// The factors that the user has.
    pub enrolled: Vec<Factor>,
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
    /// Whether it matches.
    pub fits: bool,
    /// The field that does not.
    pub field: Option<RuleField>,
    /// Why it does not.
    pub reason: Option<String>,
}
