//! Suspensions: an administrator stops asking one user for some time.

use std::time::Duration;

use jiff::Timestamp;
use mfa_protocol::admin::{ResumeParameters, ResumeReply, SuspendParameters, SuspendReply};

use super::super::commit::put_if;
use super::super::connection::Connection;
use super::super::error::Failure;
use super::change_event;
use crate::audit::Event;
use crate::repository::Key;
use mfa_core::account::{LONGEST_SUSPENSION, SHORTEST_SUSPENSION};

impl Connection {
    pub(super) fn suspend(&self, parameters: &SuspendParameters) -> Result<SuspendReply, Failure> {
        let agent = &self.agent;
        let subject = agent.subject(&parameters.user)?;
        agent.require_authority(self.peer, &agent.settings(), &subject)?;
        let lasts = Duration::from_secs(parameters.seconds.into());
        if !(SHORTEST_SUSPENSION..=LONGEST_SUSPENSION).contains(&lasts) {
            return Err(Failure::refused(
                "a suspension can last for one minute to 30 days, such as --for 7d. For a user who never needs a second \
                 factor, write a rule with action = \"skip\"",
            ));
        }
        let now = Timestamp::now();
        let (until, locked) = agent.commit(&Key::account(&subject.user), self.peer, |account| {
            let mut account = account.unwrap_or_default();
            let until = account.suspend(lasts, now);
            let locked = account.lockout().lock(now).is_some();
            let event = Event {
                reason: Some(format!("not asked until {until:.0}")),
                ..change_event("suspend", &subject, self.peer)
            };
            Ok(put_if(Some(event), account, (until, locked)))
        })?;
        Ok(SuspendReply {
            user: subject.user.to_string(),
            until: format!("{until:.0}"),
            locked,
        })
    }

    pub(super) fn end_suspension(
        &self,
        parameters: &ResumeParameters,
    ) -> Result<ResumeReply, Failure> {
        let now = Timestamp::now();
        let (user, changed) = self.change_if(&parameters.user, "resume", |it| it.resume(now))?;
        Ok(ResumeReply { user, changed })
    }
}
