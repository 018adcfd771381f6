//! Decodes replies, or says what is wrong with a datagram.
//!
//! A datagram must be whole, carry the request's identifier and a reply code, and two digests over
//! the request's random bytes: the Response Authenticator and a Message-Authenticator (RFC 2869
//! §5.14), wherever that one is. This excludes replies to other requests, replays, and replies made
//! without the shared secret. Only then are the attributes read.
//!
//! Attributes that grant a service (addresses, protocols, Class) are ignored, because this client
//! only authenticates. That includes Service-Type, which NPS adds to every Accept.

use subtle::ConstantTimeEq;

use crate::attribute::{Attribute, HEADER, MAX_PACKET, kind, split};
use crate::crypt::{AUTHENTICATOR, message_authenticator, response_authenticator};
use crate::request::Packet;
use crate::secret::SharedSecret;
use crate::state::State;
use crate::text;

/// Packet codes (RFC 2865 §3).
const ACCESS_ACCEPT: u8 = 2;
const ACCESS_REJECT: u8 = 3;
const ACCESS_CHALLENGE: u8 = 11;

/// Prompt "Echo" (RFC 2869 §5.10).
const ECHO: u32 = 1;

/// A valid reply to this request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Access-Accept.
    Accept {
        /// Reply-Message, empty if there was none; at most [`crate::MAX_MESSAGE`] bytes without control
        /// characters but line breaks.
        message: String,
    },
    /// Access-Reject: the answer is wrong, or the server does not accept this user.
    Reject {
        /// As above.
        message: String,
    },
    /// Access-Challenge: the server asks for more (RFC 2865 §4.4). Never a pass.
    Challenge {
        /// Must be sent back with the answer.
        state: Option<State>,
        /// The question; as above.
        message: String,
        /// Whether the answer may be shown while the user types it (RFC 2869 §5.10). False by
        /// default.
        echo: bool,
    },
}

/// Why a datagram is no reply. None of these ends a login: the right reply may still come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// Shorter than a header, or than its length field says (RFC 2865 §3).
    #[error("a datagram of {0} bytes was cut short, or is not a RADIUS packet")]
    Short(usize),
    /// The length field is out of range (RFC 2865 §3).
    #[error("its length field says {0}, but RADIUS packets have 20 to 4096 bytes")]
    Length(usize),
    /// Neither Accept nor Reject nor Challenge.
    #[error("it has code {0}, which does not answer an Access-Request; check the port")]
    Code(u8),
    /// It answers another request.
    #[error("it answers another request (late, replayed or forged)")]
    Identifier,
    /// The Response Authenticator is wrong.
    #[error(
        "its Response Authenticator is wrong: the shared secret differs from the server's, or it is a \
         replay or a forgery"
    )]
    ResponseAuthenticator,
    /// The attributes can't be split.
    #[error("its attributes are damaged from byte {0} on")]
    Attributes(usize),
    /// There is no Message-Authenticator: an old server, or a forgery as in CVE-2024-3596.
    #[error(
        "it has no Message-Authenticator, which protects against forgery (CVE-2024-3596); update \
         the server, or configure it to send one"
    )]
    NoMessageAuthenticator,
    /// The Message-Authenticator is wrong.
    #[error(
        "its Message-Authenticator is wrong: a forgery, or the shared secret differs from the server's"
    )]
    MessageAuthenticator,
    /// An attribute occurs twice that may occur once (RFC 2865 §5.44, RFC 2869 §5.19).
    #[error("it has attribute {0} more than once; the server is at fault")]
    Repeated(u8),
    /// A State or a Prompt has an invalid length.
    #[error("its attribute {0} has an invalid length; the server is at fault")]
    AttributeLength(u8),
}

/// Reads a datagram as the reply to `request`.
///
/// # Errors
///
/// [`ReplyError`] for everything that is not certainly this server's reply to this request.
pub fn decode(
    datagram: &[u8],
    request: &Packet,
    secret: &SharedSecret,
) -> Result<Reply, ReplyError> {
    let frame = Frame::read(datagram, request)?;
    if !matches!(frame.code, ACCESS_ACCEPT | ACCESS_REJECT | ACCESS_CHALLENGE) {
        return Err(ReplyError::Code(frame.code));
    }
    let attributes = frame.check(request, secret)?;
    if !frame.check_mac(&attributes, request, secret)? {
        return Err(ReplyError::NoMessageAuthenticator);
    }
    meaning(frame.code, &attributes)
}

/// Whether a datagram answers a Status-Server (RFC 5997 §3). It proves only that the server is
/// alive, so a missing Message-Authenticator is accepted here.
#[must_use]
pub(crate) fn shows_life(datagram: &[u8], status: &Packet, secret: &SharedSecret) -> bool {
    let Ok(frame) = Frame::read(datagram, status) else {
        return false;
    };
    let Ok(attributes) = frame.check(status, secret) else {
        return false;
    };
    frame.code == ACCESS_ACCEPT && frame.check_mac(&attributes, status, secret).is_ok()
}

/// A datagram, cut to the length of its packet.
struct Frame<'a> {
    code: u8,
    /// Code, identifier, length.
    header: &'a [u8],
    authenticator: &'a [u8],
    attributes: &'a [u8],
}

impl<'a> Frame<'a> {
    fn read(datagram: &'a [u8], request: &Packet) -> Result<Self, ReplyError> {
        let &[code, identifier, high, low, ..] = datagram else {
            return Err(ReplyError::Short(datagram.len()));
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if !(HEADER..=MAX_PACKET).contains(&length) {
            return Err(ReplyError::Length(length));
        }
        // Bytes beyond the length field are padding (RFC 2865 §3).
        let Some((header, attributes)) = datagram.get(..length).map(|p| p.split_at(HEADER)) else {
            return Err(ReplyError::Short(datagram.len()));
        };
        if identifier != request.identifier() {
            return Err(ReplyError::Identifier);
        }
        let (header, authenticator) = header.split_at(HEADER - AUTHENTICATOR);
        Ok(Self {
            code,
            header,
            authenticator,
            attributes,
        })
    }

    /// The attributes, if the Response Authenticator is right.
    fn check(
        &self,
        request: &Packet,
        secret: &SharedSecret,
    ) -> Result<Vec<Attribute<'a>>, ReplyError> {
        let right = response_authenticator(
            self.header,
            request.authenticator(),
            self.attributes,
            secret,
        );
        if !bool::from(right.ct_eq(self.authenticator)) {
            return Err(ReplyError::ResponseAuthenticator);
        }
        split(self.attributes).map_err(|garbled| ReplyError::Attributes(garbled.0))
    }

    /// Whether there is a Message-Authenticator; a wrong one is an error.
    fn check_mac(
        &self,
        attributes: &[Attribute<'_>],
        request: &Packet,
        secret: &SharedSecret,
    ) -> Result<bool, ReplyError> {
        let Some(mac) = only(attributes, kind::MESSAGE_AUTHENTICATOR)? else {
            return Ok(false);
        };
        if mac.value.len() != AUTHENTICATOR {
            return Err(ReplyError::MessageAuthenticator);
        }
        let (before, rest) = self.attributes.split_at(mac.at);
        let (_, after) = rest.split_at(AUTHENTICATOR);
        let right = message_authenticator(
            secret,
            &[
                self.header,
                request.authenticator(),
                before,
                &[0; AUTHENTICATOR],
                after,
            ],
        );
        if !bool::from(right.ct_eq(mac.value)) {
            return Err(ReplyError::MessageAuthenticator);
        }
        Ok(true)
    }
}

fn meaning(code: u8, attributes: &[Attribute<'_>]) -> Result<Reply, ReplyError> {
    let parts = attributes.iter().filter(|a| a.kind == kind::REPLY_MESSAGE);
    let message = text::message(parts.map(|a| a.value));
    match code {
        ACCESS_ACCEPT => Ok(Reply::Accept { message }),
        ACCESS_REJECT => Ok(Reply::Reject { message }),
        ACCESS_CHALLENGE => Ok(Reply::Challenge {
            state: state(attributes)?,
            message,
            echo: echo(attributes)?,
        }),
        other => Err(ReplyError::Code(other)),
    }
}

fn state(attributes: &[Attribute<'_>]) -> Result<Option<State>, ReplyError> {
    let Some(state) = only(attributes, kind::STATE)? else {
        return Ok(None);
    };
    let state = State::new(state.value).ok_or(ReplyError::AttributeLength(kind::STATE))?;
    Ok(Some(state))
}

fn echo(attributes: &[Attribute<'_>]) -> Result<bool, ReplyError> {
    let Some(prompt) = only(attributes, kind::PROMPT)? else {
        return Ok(false);
    };
    let value: [u8; 4] = prompt
        .value
        .try_into()
        .map_err(|_| ReplyError::AttributeLength(kind::PROMPT))?;
    Ok(u32::from_be_bytes(value) == ECHO)
}

/// The attribute of a type that may occur at most once.
fn only<'a>(
    attributes: &'a [Attribute<'a>],
    kind: u8,
) -> Result<Option<&'a Attribute<'a>>, ReplyError> {
    let mut all = attributes.iter().filter(|a| a.kind == kind);
    let first = all.next();
    match all.next() {
        None => Ok(first),
        Some(_) => Err(ReplyError::Repeated(kind)),
    }
}

#[cfg(test)]
mod tests;
