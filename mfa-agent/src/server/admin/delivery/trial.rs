//! `TestDelivery`: a message without a real code, to see whether it is accepted.

use std::time::{Duration, Instant};

use jiff::Zoned;
use mfa_protocol::Secret;
use mfa_protocol::admin::{TestDeliveryParameters, TestDeliveryReply};

use super::super::super::connection::{CallOutcome, Connection, Waiting};
use super::super::super::error::Failure;
use super::super::super::pending::Trial;
use super::super::super::wait::MessageWait;
use super::{message_event, recipient, turned_off};
use crate::audit::Event;
use crate::delivery::{Content, Delivery, Job, MessagePurpose, Notice};

/// How long the provider may take to accept or refuse the message.
const PATIENCE: Duration = Duration::from_secs(25);

/// Replaces the code.
const NO_CODE: &str = "000000";

impl Connection {
    pub(in crate::server::admin) fn test_delivery(
        &self,
        parameters: &TestDeliveryParameters,
    ) -> Result<CallOutcome, Failure> {
        let agent = &self.agent;
        let settings = agent.settings();
        agent.require_administrator(self.peer, &settings)?;
        let channel = parameters.channel;
        if settings.delivery.is_turned_off(channel) {
            return Err(turned_off(channel));
        }
        if !settings.delivery.is_configured(channel) {
            return Err(Failure::refused(format!(
                "{0} is not configured; see [delivery.{0}] in agent.toml",
                channel.name()
            )));
        }
        let to = recipient(&settings, channel, &parameters.address)?;
        let job = Job {
            user: format!("a trial of user id {}", self.peer.uid),
            to: to.clone(),
            content: Content::Code(notice(agent.host_name(), settings.delivery.lifetime)),
            deadline: Instant::now() + PATIENCE,
        };
        let event = Event {
            by_uid: Some(self.peer.uid),
            by_pid: Some(self.peer.pid),
            ..message_event("trial", channel, format!("to {to}"))
        };
        let ticket = self.submit_recorded(job, event)?;
        Ok(CallOutcome::Waiting(Waiting::Trial(
            MessageWait::Ticket(ticket, PATIENCE),
            Trial { to },
        )))
    }
}

impl Trial {
    pub(in crate::server) fn reply(self, delivery: Delivery) -> TestDeliveryReply {
        let error = match delivery {
            Delivery::Sent => None,
            Delivery::Failed(error) => Some(error.to_string()),
            Delivery::Retrying(error) => {
                Some(format!("{error}; in a login the agent would try again"))
            }
            Delivery::Pending => Some(
                "it was not accepted in time; check whether the provider is \
                                       slow"
                    .to_owned(),
            ),
        };
        TestDeliveryReply {
            address: self.to.as_str().to_owned(),
            sent: error.is_none(),
            error,
        }
    }
}

fn notice(host: String, lifetime: Duration) -> Notice {
    Notice {
        purpose: MessagePurpose::Trial,
        code: Secret::from(NO_CODE),
        host,
        service: "a test (there is no login and no code to type)".to_owned(),
        address: None,
        at: Zoned::now().strftime("%Y-%m-%d %H:%M %Z").to_string(),
        minutes: u32::try_from(lifetime.as_secs().div_ceil(60)).unwrap_or(u32::MAX),
    }
}
