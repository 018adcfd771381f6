//! Addresses that codes are sent to, accounts at RADIUS servers, and trying out that messages arrive.
//!
//! An administrator may enrol an address without a check; the first code that is typed back confirms it. Users must
//! first show that the address is theirs: with a typing mistake in their only address they could not log in any more.

mod confirm;
mod show;
mod trial;

use std::sync::Arc;

use jiff::Timestamp;
use mfa_protocol::admin::{
    AddressReply, EnableAddressParameters, EnrollAddressParameters, EnrollAddressReply,
    EnrollRadiusParameters, EnrollRadiusReply, PrimaryParameters,
};

use super::super::authorization::{Change, Permit};
use super::super::connection::{CallOutcome, Connection, done};
use super::super::error::Failure;
use super::super::peer::Subject;
use super::factor_event;
use crate::audit::Event;
use crate::config::Settings;
use crate::delivery::{AtEnd, Delivery, Job, Ticket};
use mfa_core::account::{Account, By, Contact, ContactError, Dates, Remote};
use mfa_core::factors::Factor;
use mfa_core::factors::address::{Channel, Recipient};
pub(super) use show::{addresses, messages, radius};

impl Connection {
    pub(super) fn enroll_address(
        &mut self,
        parameters: &EnrollAddressParameters,
    ) -> Result<CallOutcome, Failure> {
        self.confirmation = None;
        let settings = self.agent.settings();
        let channel = parameters.factor;
        let to = recipient(&settings, channel, &parameters.address)?;
        let what = Change::Enroll(channel.factor());
        let user = parameters.user.as_deref();
        let (subject, permit) = self.changing(user, &settings, what)?;
        let account = self.agent.repository.account(&subject.user)?;
        permit.check(&account)?;
        let contact = Contact::new(to, now());
        // What would be refused after the code is refused before it is sent.
        let is_new = account.clone().add_contact(contact.clone());
        let is_new = is_new.map_err(Failure::refused)?;
        let is_confirmed = |known: &Contact| known.to == contact.to && known.confirmed_at.is_some();
        if parameters.confirm && !account.contacts().iter().any(is_confirmed) {
            return self.send_confirmation(&settings, subject, permit, contact);
        }
        if is_new && permit.by() == By::User {
            return Err(Failure::refused(
                "your address is stored after you type the code that was sent there; confirm it",
            ));
        }
        done(&self.store_contact(&subject, &permit, &contact)?)
    }

    /// Stores an address. Returns what there is to reply.
    fn store_contact(
        &mut self,
        subject: &Subject,
        permit: &Permit,
        contact: &Contact,
    ) -> Result<EnrollAddressReply, Failure> {
        let (factor, by) = (contact.to.channel(), (subject, self.peer));
        let (_, address) = self.change_factors(subject, permit, |account| {
            let added = account.add_contact(contact.clone());
            let added = added.map_err(Failure::refused)?;
            let label = account.contact_label(&contact.to);
            let event = || factor_event("enroll", by, factor, Some(label));
            Ok((added.then(event), account.clone()))
        })?;
        Ok(EnrollAddressReply {
            user: subject.user.to_string(),
            address: show::address(self.peer, &address, &contact.to),
            stored: true,
        })
    }

    pub(super) fn enroll_radius(
        &mut self,
        parameters: &EnrollRadiusParameters,
    ) -> Result<EnrollRadiusReply, Failure> {
        let settings = self.agent.settings();
        self.agent.require_administrator(self.peer, &settings)?;
        let remote = remote(&settings, parameters)?;
        let what = Change::Enroll(Factor::Radius);
        let (subject, permit) = self.changing(Some(&parameters.user), &settings, what)?;
        let (name, server) = (Factor::Radius, remote.server.to_string());
        let event = factor_event("enroll", (&subject, self.peer), name, Some(server));
        let (changed, account) = self.change_factors(&subject, &permit, |account| {
            let changed = account.set_remote(remote.clone());
            Ok((changed.then(|| event.clone()), account.clone()))
        })?;
        let user = subject.user.to_string();
        Ok(EnrollRadiusReply {
            radius: radius(&user, &account).unwrap_or_default(),
            user,
            changed,
        })
    }

    pub(super) fn primary(
        &mut self,
        parameters: &PrimaryParameters,
    ) -> Result<AddressReply, Failure> {
        let PrimaryParameters {
            user,
            factor,
            address,
        } = parameters;
        self.change_contact(
            "primary",
            user.as_deref(),
            (*factor, address),
            |account, to| account.make_primary(to).map_err(Failure::refused),
        )
    }

    pub(super) fn enable_address(
        &mut self,
        parameters: &EnableAddressParameters,
    ) -> Result<AddressReply, Failure> {
        let EnableAddressParameters {
            user,
            factor,
            address,
            enabled,
        } = parameters;
        let event = if *enabled { "enable" } else { "disable" };
        self.change_contact(event, user.as_deref(), (*factor, address), |account, to| {
            account
                .enable_contact(to, *enabled)
                .map_err(Failure::refused)
        })
    }

    /// Changes an address that is there, as it was named.
    fn change_contact(
        &mut self,
        event: &'static str,
        user: Option<&str>,
        (channel, shown): (Channel, &str),
        change: impl Fn(&mut Account, &Recipient) -> Result<bool, Failure>,
    ) -> Result<AddressReply, Failure> {
        let settings = self.agent.settings();
        // A disabled address is as good as none.
        let what = Change::Remove(channel.factor());
        let (subject, permit) = self.changing(user, &settings, what)?;
        let whole = Recipient::read(channel, shown, region(&settings)).ok();
        let by = (&subject, self.peer);
        let prospects = self.agent.prospects(&settings, &subject)?;
        let (changed, (account, to)) = self.change_factors(&subject, &permit, |account| {
            let to = account.find_contact(channel, whole.as_ref(), shown.trim());
            let to = to.map_err(Failure::refused)?;
            let before = account.clone();
            let changed = change(account, &to)?;
            permit.check_left(account, channel.factor())?;
            permit.check_last(&before, account, &prospects)?;
            let label = before.contact_label(&to);
            let event = || factor_event(event, by, channel, Some(label));
            Ok((changed.then(event), (account.clone(), to)))
        })?;
        Ok(AddressReply {
            user: subject.user.to_string(),
            changed,
            address: show::address(self.peer, &account, &to),
        })
    }

    /// Has a message sent that is no login's, and records that it was ordered and, where it was not sent, why.
    fn submit_recorded(&self, job: Job, event: Event) -> Result<Ticket, Failure> {
        let (agent, peer) = (Arc::downgrade(&self.agent), self.peer);
        let (said, ordered) = (event.clone(), event.reason.clone().unwrap_or_default());
        let at_end: AtEnd = Box::new(move |delivery| {
            if let (Delivery::Failed(error), Some(agent)) = (delivery, agent.upgrade()) {
                let reason = Some(format!("{} {ordered}: {error}", said.result));
                let failed = Event {
                    result: "failed",
                    reason,
                    ..said
                };
                agent.record(failed, peer);
            }
        });
        let ticket = self.agent.delivery_queue.submit_and_tell(job, at_end);
        let ticket = ticket.map_err(Failure::refused)?;
        self.agent.record(event, peer);
        Ok(ticket)
    }

    /// The address that is named so, if it is there.
    ///
    /// # Errors
    ///
    /// When several look like that.
    pub(super) fn named_contact(
        settings: &Settings,
        account: &Account,
        channel: Channel,
        shown: &str,
    ) -> Result<Option<Recipient>, Failure> {
        let whole = Recipient::read(channel, shown, region(settings)).ok();
        match account.find_contact(channel, whole.as_ref(), shown.trim()) {
            Ok(to) => Ok(Some(to)),
            Err(ContactError::Unknown(_)) => Ok(None),
            Err(error) => Err(Failure::refused(error)),
        }
    }
}

/// The time as a record keeps it.
fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

fn recipient(settings: &Settings, channel: Channel, text: &str) -> Result<Recipient, Failure> {
    let recipient = Recipient::read(channel, text, region(settings));
    recipient.map_err(Failure::refused)
}

fn region(settings: &Settings) -> Option<mfa_core::factors::address::Region> {
    settings.delivery.sms.as_ref().and_then(|sms| sms.region)
}

fn remote(settings: &Settings, parameters: &EnrollRadiusParameters) -> Result<Remote, Failure> {
    let mut servers = settings.radius.iter().map(|radius| &radius.name);
    let Some(server) = servers.find(|name| name.as_str() == parameters.server) else {
        let names: Vec<&str> = settings.radius.iter().map(|r| r.name.as_str()).collect();
        return Err(Failure::refused(match names.is_empty() {
            true => "no RADIUS server is configured; add [[radius]] to agent.toml".to_owned(),
            false => format!(
                "there is no [[radius]] {:?} in agent.toml; there are: {}",
                parameters.server,
                names.join(", ")
            ),
        }));
    };
    let user = parameters
        .remote_user
        .as_deref()
        .map(str::parse)
        .transpose();
    Ok(Remote {
        server: server.clone(),
        user: user.map_err(Failure::refused)?,
        enabled: true,
        dates: Dates::enrolled(now()),
    })
}

fn turned_off(channel: Channel) -> Failure {
    Failure::refused(format!(
        "nothing is sent by {0}, because [delivery.{0}] has active = false in agent.toml; an administrator can set \
         active = true and reload: systemctl reload mfa-agent",
        channel.name()
    ))
}

/// The event of a message that was no login's.
fn message_event(result: &'static str, channel: Channel, reason: String) -> Event {
    Event {
        event: "message",
        result,
        factor: Some(channel.name().to_owned()),
        reason: Some(reason),
        ..Event::default()
    }
}
