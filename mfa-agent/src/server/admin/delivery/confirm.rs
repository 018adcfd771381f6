//! An address that is stored once a code that was sent there has come back.
//!
//! The code is valid on its connection only. Messages count towards the limit of the user's account, so that a user
//! can't fill another mailbox by enrolling it again and again.

use std::time::{Duration, Instant};

use jiff::{Timestamp, Zoned};
use mfa_protocol::admin::{ConfirmAddressParameters, EnrollAddressReply};

use super::super::super::authorization::Permit;
use super::super::super::connection::{CallOutcome, Connection, Waiting, done};
use super::super::super::error::Failure;
use super::super::super::peer::Subject;
use super::super::super::pending::Confirmation;
use super::super::super::random;
use super::super::super::wait::MessageWait;
use super::{message_event, now, show, turned_off};
use crate::audit::Event;
use crate::config::Settings;
use crate::delivery::{Content, Delivery, Job, MessagePurpose, Notice};
use crate::repository::{After, Key};
use mfa_core::account::Contact;
use mfa_core::factors::random_code::RandomCode;
use mfa_core::factors::sent_code::SentCode;

/// Wrong codes that are taken before it has to be begun again.
const CONFIRMATIONS: u32 = 5;

/// How long the provider may take to accept the message.
const PATIENCE: Duration = Duration::from_secs(15);

impl Connection {
    pub(super) fn send_confirmation(
        &self,
        settings: &Settings,
        subject: Subject,
        permit: Permit,
        contact: Contact,
    ) -> Result<CallOutcome, Failure> {
        let delivery = &settings.delivery;
        let channel = contact.to.channel();
        if delivery.is_turned_off(channel) {
            return Err(turned_off(channel));
        }
        if !delivery.is_configured(channel) {
            return Err(Failure::refused(format!(
                "codes can't be sent by {0} here; an administrator must configure [delivery.{0}] \
                 in agent.toml",
                channel.name()
            )));
        }
        self.count_confirmation(settings, &subject, &permit)?;
        let code = SentCode {
            code: RandomCode::new(random()?, delivery.digits).text(),
            to: contact.to.clone(),
            unless_changed_since: None,
        };
        let expires = Instant::now() + delivery.lifetime;
        let job = Job {
            user: subject.user.to_string(),
            to: contact.to.clone(),
            content: Content::Code(self.notice(&code, delivery.lifetime)),
            deadline: expires,
        };
        let event = Event {
            user: Some(subject.user.to_string()),
            by_uid: Some(self.peer.uid),
            by_pid: Some(self.peer.pid),
            ..message_event("confirmation", channel, format!("to {}", contact.to))
        };
        let ticket = self.submit_recorded(job, event)?;
        let confirmation = Confirmation {
            subject,
            permit,
            contact,
            code,
            tries_left: CONFIRMATIONS,
            expires,
        };
        Ok(CallOutcome::Waiting(Waiting::Confirmation(
            MessageWait::Ticket(ticket, PATIENCE),
            confirmation.into(),
        )))
    }

    /// The message was taken, or was not.
    pub(in crate::server) fn confirmation_sent(
        &mut self,
        confirmation: Confirmation,
        delivery: Delivery,
    ) -> Result<CallOutcome, Failure> {
        if let Delivery::Failed(error) | Delivery::Retrying(error) = delivery {
            return Err(Failure::refused(format!(
                "the code could not be sent, so nothing was stored: {error}"
            )));
        }
        let reply = EnrollAddressReply {
            user: confirmation.subject.user.to_string(),
            address: show::unstored(self.peer, &confirmation.contact),
            stored: false,
        };
        self.confirmation = Some(confirmation.into());
        done(&reply)
    }

    pub(in crate::server::admin) fn confirm_address(
        &mut self,
        parameters: &ConfirmAddressParameters,
    ) -> Result<EnrollAddressReply, Failure> {
        let confirmation = self.confirmation.take();
        let confirmation = confirmation.filter(|it| Instant::now() < it.expires);
        let mut confirmation = confirmation.ok_or_else(|| {
            Failure::refused(
                "there is no code to confirm on this connection, or it has expired; start the \
                 enrolment again",
            )
        })?;
        if !confirmation.code.is(parameters.code.expose()) {
            return Err(self.wrong_confirmation(confirmation));
        }
        confirmation.permit = self.permit_now(&confirmation.subject, &confirmation.permit)?;
        confirmation.contact.confirmed_at = Some(now());
        let Confirmation {
            subject,
            permit,
            contact,
            ..
        } = *confirmation;
        let reply = self.store_contact(&subject, &permit, &contact)?;
        if permit.is_unproven() {
            let generation = self.agent.repository.account(&subject.user)?.generation();
            self.prove(&subject.user, generation);
        }
        Ok(reply)
    }

    fn wrong_confirmation(&mut self, mut confirmation: Box<Confirmation>) -> Failure {
        confirmation.tries_left -= 1;
        if confirmation.tries_left == 0 {
            return Failure::refused(
                "too many wrong codes; nothing was stored. Start the \
                                     enrolment again",
            );
        }
        self.confirmation = Some(confirmation);
        Failure::refused("wrong code; check the message, and type the code again")
    }

    fn count_confirmation(
        &self,
        settings: &Settings,
        subject: &Subject,
        permit: &Permit,
    ) -> Result<(), Failure> {
        let budget = settings.delivery.budget;
        let key = Key::account(&subject.user);
        self.agent.repository.change(&key, |account| {
            let mut account = account.unwrap_or_default();
            permit.check(&account)?;
            let counted = account.count_message(Timestamp::now(), &budget);
            counted.map_err(|until| {
                Failure::refused(format!(
                    "too many codes were sent to this user; the next one can be sent at {until:.0}"
                ))
            })?;
            Ok((After::Put(account.into()), ()))
        })
    }

    fn notice(&self, code: &SentCode, lifetime: Duration) -> Notice {
        Notice {
            purpose: MessagePurpose::Confirmation,
            code: code.code.clone(),
            host: self.agent.host_name(),
            service: "setting up this address".to_owned(),
            address: None,
            at: Zoned::now().strftime("%Y-%m-%d %H:%M %Z").to_string(),
            minutes: u32::try_from(lifetime.as_secs().div_ceil(60)).unwrap_or(u32::MAX),
        }
    }
}
