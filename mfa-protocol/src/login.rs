//! `org.pam-mfa.Login`: one login, from its first prompt to its outcome.
//!
//! One connection holds one login. The caller begins it, shows what it is told to show, and sends
//! back what was typed, until a [`Step`] carries an [`Outcome`]. Closing the connection cancels.

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::Secret;
use crate::message::Method;

/// Begins a login.
pub struct Begin;

/// Hands over what was typed at the last prompt.
pub struct Answer;

/// Ends the login: nothing was answered, nothing is counted.
pub struct Cancel;

/// Asks whether the policy was met, after a program has accepted a user by any means.
pub struct Admit;

impl Method for Begin {
    const NAME: &'static str = "org.pam-mfa.Login.Begin";
    type Parameters = BeginParameters;
    type Reply = LoginReply;
}

impl Method for Answer {
    const NAME: &'static str = "org.pam-mfa.Login.Answer";
    type Parameters = AnswerParameters;
    type Reply = LoginReply;
}

impl Method for Cancel {
    const NAME: &'static str = "org.pam-mfa.Login.Cancel";
    type Parameters = CancelParameters;
    type Reply = Nothing;
}

impl Method for Admit {
    const NAME: &'static str = "org.pam-mfa.Login.Admit";
    type Parameters = AdmitParameters;
    type Reply = LoginReply;
}

/// Who wants to log in, where, and from where. Missing and empty mean the same: not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeginParameters {
    /// The user, as PAM knows them (`PAM_USER`).
    pub user: String,
    /// The PAM service (`PAM_SERVICE`).
    pub service: String,
    /// The remote host (`PAM_RHOST`): an address, or a name that nothing is decided by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rhost: Option<String>,
    /// The user on the remote host (`PAM_RUSER`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruser: Option<String>,
    /// The terminal (`PAM_TTY`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tty: Option<String>,
    /// What sshd has verified by then, such as `password` or `publickey:sk-ssh-ed25519@openssh.com`: the method, and the
    /// key's type where there is a key (from `SSH_AUTH_INFO_0`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Vec<String>>,
    /// The keys that sshd has verified by then, each `TYPE BASE64`: at most [`MAX_VERIFIED_KEYS`]. Believed only from
    /// root, as sshd.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_keys: Option<Vec<String>>,
    /// Whether the caller can relay a message to the user's ssh-agent ([`Step::sign`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub can_sign: Option<bool>,
    /// The operation, if this is not a login but guards an operation (`mfactl verify --operation`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Whether the code is at the end of a password; missing means [`Authtok::None`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authtok: Option<Authtok>,
    /// Whether codes may be visible while they are typed (`echo_code`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub echo_code: Option<bool>,
    /// Asks for a ticket if the login meets the policy, and names the process that may use it other than the caller:
    /// its parent, to which sshd's child passes what it knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket_for: Option<u32>,
}

/// Who was accepted, as in [`BeginParameters`], and the ticket that proves a second factor.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdmitParameters {
    /// The user, as PAM knows them (`PAM_USER`).
    pub user: String,
    /// The PAM service (`PAM_SERVICE`).
    pub service: String,
    /// The remote host (`PAM_RHOST`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rhost: Option<String>,
    /// The user on the remote host (`PAM_RUSER`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruser: Option<String>,
    /// The terminal (`PAM_TTY`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tty: Option<String>,
    /// What sshd has verified by then, as in [`BeginParameters`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Vec<String>>,
    /// The keys that sshd has verified by then, as in [`BeginParameters`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_keys: Option<Vec<String>>,
    /// The ticket of the login that came before, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Secret>,
}

/// Where the code comes from when it shares one answer with the password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Authtok {
    /// It does not, unless the policy says `prompting = "single"`.
    #[default]
    None,
    /// One prompt for both; the rest goes on to the next module (`forward_pass`).
    Forward,
    /// The password was typed before, and the code is at its end (`use_first_pass`).
    Use,
    /// The same, but when it does not fit, the user is asked (`try_first_pass`).
    Try,
}

/// An answer: what was typed, or what came of a step that says [`Step::sign`].
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerParameters {
    /// The login's session ID, from [`LoginReply`].
    pub session: String,
    /// What was typed, or its end where [`Prompt::tail`] says so.
    pub answer: Secret,
    /// Whether all that was typed is the password that a module before checked in this login. Believed only from root
    /// and the users in `[server] trusted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_password: Option<bool>,
    /// To a step that says [`Step::sign`]: the ssh-agent's reply, in base64, without its length. `answer` is empty, and
    /// that is no cancellation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<String>,
    /// The same, where there is no reply: why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsigned: Option<Unsigned>,
}

impl AnswerParameters {
    /// The answer to a step that says [`Step::sign`].
    #[must_use]
    pub fn of_ssh_agent(session: String, reply: Result<String, Unsigned>) -> Self {
        let (signed, unsigned) = match reply {
            Ok(signed) => (Some(signed), None),
            Err(why) => (None, Some(why)),
        };
        Self {
            session,
            signed,
            unsigned,
            ..Self::default()
        }
    }
}

/// Why an ssh-agent gave no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unsigned {
    /// There is no `SSH_AUTH_SOCK`, or nobody serves it.
    NoAgent,
    /// The socket may not be used: the user can't reach it, or somebody else serves it.
    Refused,
    /// No whole reply came in time.
    Timeout,
    /// The reply is longer than [`MAX_SIGNED`] bytes.
    TooLong,
    /// The ssh-agent closed the connection before its reply was complete.
    Closed,
    /// The user interrupted the wait (^C). This cancels the login.
    Interrupted,
}

impl Unsigned {
    /// The word for it on the wire and in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoAgent => "no-agent",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::TooLong => "too-long",
            Self::Closed => "closed",
            Self::Interrupted => "interrupted",
        }
    }
}

/// The most keys in [`BeginParameters::verified_keys`].
pub const MAX_VERIFIED_KEYS: usize = 8;

/// Bytes of a key in [`BeginParameters::verified_keys`]. All of them together are short enough for a frame: the caller
/// leaves out what does not fit.
pub const MAX_VERIFIED_KEY: usize = 8 * 1024;

/// The namespace of the signatures that security keys make for pam_mfa (OpenSSH, PROTOCOL.sshsig). In it, they are good for
/// nothing else.
pub const SIGNATURE_NAMESPACE: &str = "pam-mfa@pam-mfa.org";

/// Bytes of an ssh-agent's reply, before base64, so that it fits into a frame.
pub const MAX_SIGNED: usize = 43 * 1024;

/// A cancellation.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CancelParameters {
    /// The login's session ID, from [`LoginReply`].
    pub session: String,
}

/// A reply without content.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nothing {}

/// What the agent says to [`Begin`], [`Answer`] and [`Admit`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoginReply {
    /// Names this login here and in every audit event of it.
    pub session: String,
    /// What happens next.
    pub step: Step,
    /// After a pass, where one was asked for: good for one [`Admit`], soon, by this process or its parent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Secret>,
}

impl LoginReply {
    /// A reply that carries no ticket.
    #[must_use]
    pub fn of(session: String, step: Step) -> Self {
        Self {
            session,
            step,
            ticket: None,
        }
    }
}

/// Show the messages; then ask, wait, relay or end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// To be shown first, in this order.
    pub messages: Vec<Message>,
    /// To be asked, unless the login has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<Prompt>,
    /// How the login ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// After a pass: how many characters at the end of the answer were the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_length: Option<u32>,
    /// How many seconds the reply to the next answer may take, if more than usual: the user may have to answer a phone
    /// first. With [`Step::sign`]: how many seconds the ssh-agent has for its reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<u32>,
    /// Whether nothing is typed: show the messages, and send an empty answer at once. The user answers elsewhere, such
    /// as on a phone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waits: bool,
    /// A message for the user's ssh-agent, in base64, without its length. Relay it, wait for the reply for at most
    /// [`Step::patience`] seconds, and send it as [`AnswerParameters::signed`]. Only a caller that said
    /// [`BeginParameters::can_sign`] gets this step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign: Option<String>,
}

/// A line for the user that wants no answer. Wiped when dropped: it may show a key to be typed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct Message {
    /// How it is meant.
    #[zeroize(skip)]
    pub style: Style,
    /// What it says; may have several lines.
    pub text: String,
}

/// How a [`Message`] is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Style {
    /// `PAM_TEXT_INFO`
    Info,
    /// `PAM_ERROR_MSG`
    Error,
}

/// A question to the user. Wiped when dropped: it may contain secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct Prompt {
    /// The text, with its closing blank.
    pub text: String,
    /// Whether what is typed may be seen.
    pub echo: bool,
    /// If there: only this many characters of the end of what was typed leave the module. The rest
    /// is a password, and no business of the agent's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail: Option<u32>,
    /// Whether nothing typed is an answer too. An empty answer cancels otherwise.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

/// How a login ended. The module maps each to a PAM code and decides nothing itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// A factor was passed.
    Passed,
    /// The policy asks for no second factor here.
    Skipped,
    /// Wrong, or not enrolled although that is required.
    Wrong,
    /// Locked, or out of tries in this login.
    Locked,
    /// Denied by address or rule.
    Denied,
    /// The store, or another thing that a verdict needs, does not work.
    Unavailable,
    /// The user gave no answer.
    Cancelled,
}

impl Outcome {
    /// The word for it on the wire and in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Skipped => "skipped",
            Self::Wrong => "wrong",
            Self::Locked => "locked",
            Self::Denied => "denied",
            Self::Unavailable => "unavailable",
            Self::Cancelled => "cancelled",
        }
    }
}
