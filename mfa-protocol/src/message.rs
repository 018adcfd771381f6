//! The envelope of Varlink: calls, replies, errors.
//!
//! A call is `{"method": …, "parameters": {…}}`; a reply `{"parameters": {…}}`, or
//! `{"error": …, "parameters": {…}}`. `more` and `upgrade` are not offered: long lists come in pages.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A method of one of our interfaces: its name, and what goes in and comes out.
pub trait Method {
    /// The qualified name, such as `org.pam-mfa.Login.Begin`.
    const NAME: &'static str;
    /// The parameters of the call.
    type Parameters: Serialize + DeserializeOwned;
    /// The parameters of the reply.
    type Reply: Serialize + DeserializeOwned;
}

/// A call as it is sent.
#[derive(Serialize)]
pub struct Call<'a, P> {
    /// The qualified name of the method.
    pub method: &'a str,
    /// Its parameters.
    pub parameters: &'a P,
    /// Ours: the connection is for one login only ([`AnyCall::only_login`]).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub only_login: bool,
}

/// A call as it arrives; the parameters are parsed once the method is known.
#[derive(Deserialize)]
pub struct AnyCall<'a> {
    /// The qualified name of the method.
    #[serde(borrow)]
    pub method: std::borrow::Cow<'a, str>,
    /// The parameters, not parsed yet; a call without any is a call with none.
    #[serde(borrow, default)]
    pub parameters: Option<&'a serde_json::value::RawValue>,
    /// Varlink: the caller wants no reply.
    #[serde(default)]
    pub oneway: bool,
    /// Varlink: the caller takes several replies; we send one.
    #[serde(default)]
    pub more: bool,
    /// Varlink: the caller wants to leave the protocol; refused.
    #[serde(default)]
    pub upgrade: bool,
    /// Ours: the caller uses the connection for one login only, so the agent may close it after the reply that ends
    /// the login. It is no parameter of `Begin`, since an agent that does not know it must not refuse the login.
    #[serde(default)]
    pub only_login: bool,
}

/// A reply as it is sent.
#[derive(Serialize)]
pub struct Reply<P> {
    /// The parameters of the reply.
    pub parameters: P,
}

/// A refusal as it is sent.
#[derive(Debug, Serialize)]
pub struct ErrorReply {
    /// The qualified name of the error.
    pub error: String,
    /// What went wrong.
    pub parameters: ErrorParameters,
}

/// The parameters of every error that we send; which are filled in depends on the error.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct ErrorParameters {
    /// For people: what went wrong and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// `org.varlink.service.InvalidParameter`: which one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// `org.varlink.service.MethodNotFound` and `MethodNotImplemented`: which one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// `org.varlink.service.InterfaceNotFound`: which one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
}

/// The errors that both of our interfaces declare.
///
/// Varlink qualifies an error with the interface that it belongs to, so the same refusal reads
/// `org.pam-mfa.Login.NotAllowed` or `org.pam-mfa.Admin.NotAllowed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The caller may not do this, or not for this user.
    NotAllowed,
    /// The caller may do this once they have passed a factor on this connection.
    NotVerified,
    /// What was asked for is not possible; the reason says why and what would be.
    Refused,
    /// There is no such login on this connection, or it has ended.
    NoLogin,
    /// A limit is reached; later it may work.
    Busy,
    /// The store, the clock or another thing that the agent needs does not work.
    Unavailable,
}

impl ErrorKind {
    /// All of them, as the `.varlink` files declare them.
    pub const ALL: [Self; 6] = [
        Self::NotAllowed,
        Self::NotVerified,
        Self::Refused,
        Self::NoLogin,
        Self::Busy,
        Self::Unavailable,
    ];

    /// The name, without its interface.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotAllowed => "NotAllowed",
            Self::NotVerified => "NotVerified",
            Self::Refused => "Refused",
            Self::NoLogin => "NoLogin",
            Self::Busy => "Busy",
            Self::Unavailable => "Unavailable",
        }
    }

    /// The kind that a qualified error of one of our interfaces names.
    #[must_use]
    pub fn of(qualified: &str) -> Option<Self> {
        let (interface, name) = qualified.rsplit_once('.')?;
        if !matches!(interface, "org.pam-mfa.Login" | "org.pam-mfa.Admin") {
            return None;
        }
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}
