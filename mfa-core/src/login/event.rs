//! What comes of an effect.

use jiff::Timestamp;
use mfa_protocol::Secret;
use zeroize::Zeroizing;

use super::messages::DeliveryStatus;
use super::plan::Echo;
use crate::account::{Device, Remote};
use crate::factors::address::{Channel, Recipient, Region};
use crate::factors::device::Windows;
use crate::factors::pin::Banned;
use crate::factors::security_key::PublicKey;
use crate::factors::sent_code::SentCode;
use crate::names::UserName;

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
    pub picture: Option<Zeroizing<String>>,
}

/// What a set-up consists of.
pub struct FreshFactors {
    /// One for each factor, in the order in which they are set up. Not empty.
    pub factors: Vec<FreshFactor>,
    /// The recovery codes; none where nothing takes them.
    pub codes: Vec<Secret>,
}

/// What the set-up of a factor begins with.
pub enum FreshFactor {
    /// A device that was made, and its QR code, if it can be drawn.
    Device(Device, Option<Zeroizing<String>>),
    /// What a PIN must not be.
    Pin(Banned),
    /// The questions to choose from.
    Questions(QuestionChoice),
    /// Where codes are sent.
    Address(AddressChoice),
    /// The security key that sshd has verified.
    Key(PublicKey),
}

/// The questions that a user chooses from.
#[derive(Clone, Debug)]
pub struct QuestionChoice {
    /// The list.
    pub catalogue: Vec<String>,
    /// Whether users may write their own.
    pub own: bool,
    /// Who chooses: the name is no answer.
    pub user: UserName,
}

/// How it is learned where codes are sent.
#[derive(Clone, Debug)]
pub struct AddressChoice {
    /// By which channel.
    pub channel: Channel,
    /// The address, where the settings make it of the user's name; without one the user is asked.
    pub to: Option<Recipient>,
    /// The country of numbers that are typed without one.
    pub region: Option<Region>,
    /// What is visible while it is typed.
    pub echo: Echo,
}

impl From<FreshDevice> for FreshFactors {
    fn from(made: FreshDevice) -> Self {
        Self {
            factors: vec![FreshFactor::Device(made.device, made.picture)],
            codes: made.codes,
        }
    }
}
