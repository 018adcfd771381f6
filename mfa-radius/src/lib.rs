//! A RADIUS client: asks a server whether a password, a code or a push is valid, and relays what it
//! asks back.
//!
//! Three layers. The codec ([`Request`], [`decode`]) is pure: every datagram becomes a [`Reply`] or
//! a [`ReplyError`], never a panic. The [`Client`] knows several servers in order, retransmits,
//! waits as long as a phone call takes, and skips servers that stayed silent. [`Outside`] provides
//! a clock, randomness and a socket.
//!
//! It follows RFC 2865 (the protocol), RFC 2869 (Message-Authenticator, Prompt), RFC 5080
//! (retransmission) and RFC 5997 (Status-Server). **A reply without a valid Message-Authenticator
//! is ignored**: without one, an attacker on the path can turn a Reject into an Accept
//! (CVE-2024-3596, "BlastRADIUS"). For the same reason each request carries one as its first
//! attribute.
//!
//! Passwords and shared secrets are wiped when dropped and appear in no error and no debug output.
//! The crate starts no thread, and remembers only which servers were silent until when.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod attribute;
pub mod client;
mod crypt;
pub mod outside;
pub mod reply;
pub mod request;
mod secret;
mod state;
#[cfg(test)]
mod testing;
mod text;

pub use client::{
    Answer, Attempt, Challenge, Client, ClientError, Outcome, Server, Settings, SetupError,
    Silence, Tried,
};
pub use outside::{Outside, System, Wire};
pub use reply::{Reply, ReplyError, decode};
pub use request::{MAX_PASSWORD, NasIdentifier, Packet, Request, RequestError};
pub use secret::{SecretError, SharedSecret};
pub use state::State;
pub use text::MAX_MESSAGE;
