//! A RADIUS client: asks a server whether a password, a code or a push is good, and relays what it asks back.
//!
//! Three layers. The codec ([`Request`], [`decode`]) is pure: random bytes and the shared secret come in, a
//! datagram goes out, and whatever comes back is a [`Reply`] or a [`ReplyError`], never a panic. The
//! [`Client`] knows several servers in order, retransmits, waits as long as a phone call takes, and passes
//! over servers that stayed silent. [`Outside`] is all it knows of the world: a clock, randomness, a socket.
//!
//! Rules: RFC 2865 (the protocol), RFC 2869 (Message-Authenticator, Prompt), RFC 5080 (retransmission),
//! RFC 5997 (Status-Server). **A reply without a right Message-Authenticator is no reply**, whatever else it
//! shows: without one, who sits on the path turns a Reject into an Accept (CVE-2024-3596, "BlastRADIUS").
//! For the same reason each request has one, as its first attribute.
//!
//! Passwords and shared secrets are wiped when dropped, and stand in no error and no debug output. Nothing
//! here starts a thread, and nothing is kept but which server stayed silent until when.

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
