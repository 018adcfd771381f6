//! Addresses and what was sent there, as they go over the wire.

use jiff::Timestamp;
use mfa_protocol::admin as wire;

use super::super::super::peer::Peer;
use mfa_core::account::{Account, Contact, MessageLimits};
use mfa_core::factors::address::Recipient;

/// The addresses of an account.
pub(in crate::server::admin) fn addresses(peer: Peer, account: &Account) -> Vec<wire::Address> {
    let contacts = account.contacts().iter();
    contacts
        .map(|contact| show(peer, account, contact))
        .collect()
}

/// One of them.
pub(super) fn address(peer: Peer, account: &Account, to: &Recipient) -> wire::Address {
    let mut contacts = account.contacts().iter();
    let contact = contacts.find(|contact| contact.to == *to);
    contact.map_or_else(wire::Address::default, |contact| {
        show(peer, account, contact)
    })
}

/// The account at a RADIUS server.
pub(in crate::server::admin) fn radius(user: &str, account: &Account) -> Option<wire::Radius> {
    let remote = account.remote()?;
    let name = remote.user.as_ref().map_or(user, |name| name.as_str());
    Some(wire::Radius {
        server: remote.server.to_string(),
        remote_user: name.to_owned(),
        enabled: remote.enabled,
        enrolled_at: remote.dates.enrolled_at.to_string(),
        last_used_at: remote.dates.last_used_at.map(|at| at.to_string()),
    })
}

/// What was sent of late.
pub(in crate::server::admin) fn messages(
    account: &Account,
    limits: &MessageLimits,
    now: Timestamp,
) -> wire::Messages {
    let messages = account.messages();
    wire::Messages {
        sent: messages.counted(now, limits),
        paused_until: messages
            .paused_until(now, limits)
            .map(|until| until.to_string()),
        last_sent_at: messages.last_sent().map(|at| at.to_string()),
        last_error: messages.last_error().map(str::to_owned),
    }
}

fn show(peer: Peer, account: &Account, contact: &Contact) -> wire::Address {
    wire::Address {
        primary: account.is_primary(contact),
        address: shown(peer, &contact.to, |to| account.contact_label(to)),
        ..unstored(peer, contact)
    }
}

/// An address that the account does not have yet.
pub(super) fn unstored(peer: Peer, contact: &Contact) -> wire::Address {
    let to = &contact.to;
    wire::Address {
        factor: to.channel(),
        address: shown(peer, to, Recipient::masked),
        primary: false,
        enabled: contact.enabled,
        confirmed_at: contact.confirmed_at.map(|at| at.to_string()),
        enrolled_at: contact.dates.enrolled_at.to_string(),
        last_used_at: contact.dates.last_used_at.map(|at| at.to_string()),
    }
}

/// Only root can read whole addresses from the agent: the caller may be any program.
fn shown(peer: Peer, to: &Recipient, label: impl Fn(&Recipient) -> String) -> String {
    match peer.uid {
        0 => to.as_str().to_owned(),
        _ => label(to),
    }
}
