//! What comes of an effect.

use jiff::Timestamp;
use mfa_protocol::Secret;

use super::messages::DeliveryStatus;
use crate::account::{Device, Remote};
use crate::factors::device::Windows;
use crate::factors::sent_code::SentCode;

/// What the user has typed.
#[derive(Clone, Debug)]
pub struct AnswerEvent {
    /// The text.
    pub text: Secret,
    /// Whether it is the password that was checked before in this login.
    pub is_password: bool,
    /// When.
    pub now: Timestamp,
    /// How far off a code may be.
    pub windows: Windows,
}

/// The result of a message.
#[derive(Clone, Debug)]
pub struct SendResult {
    /// The code that was sent; none to a user who has no address.
    pub code: Option<SentCode>,
    /// Until when a first code is good.
    pub expires: Timestamp,
    /// How the message fares.
    pub news: DeliveryStatus,
}

/// What a RADIUS server said. `C` is what the driver keeps of a challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RadiusReply<C> {
    /// Right, for this account there.
    Accepted(Remote),
    /// Wrong.
    Rejected {
        /// The account there; none if no server was asked because the user has none.
        remote: Option<Remote>,
        /// The guess that was reserved on the record before the server heard of it.
        reserved: Option<u64>,
    },
    /// It asks for more (RFC 2865 §4.4). Never a pass.
    Challenged {
        /// The question.
        message: String,
        /// Whether the answer may be seen while it is typed (RFC 2869 §5.10).
        echo: bool,
        /// What goes back to the server with the answer: the machine keeps it, and hands it back
        /// ([`QueryingRadius::follows`](super::QueryingRadius::follows)).
        challenge: C,
    },
    /// Nothing: the answer was not verified.
    Silent,
    /// It was not asked, or its question is not shown: the user was asked too often in a short time.
    TooMany,
}

/// A device and its recovery codes, made and drawn, and not stored yet.
pub struct FreshDevice {
    /// The device.
    pub device: Device,
    /// The recovery codes.
    pub codes: Vec<Secret>,
    /// The QR code, if it can be drawn.
    pub picture: Option<zeroize::Zeroizing<String>>,
}
