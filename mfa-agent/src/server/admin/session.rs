//! Sessions and bypass codes.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use mfa_protocol::admin::{
    self as wire, BypassParameters, BypassReply, RevokeBypassParameters, RevokeBypassReply,
    RevokeReply, SessionsParameters, SessionsReply, UserParameters,
};

use super::super::commit::put_if;
use super::super::connection::Connection;
use super::super::error::Failure;
use super::super::random;
use super::RECORDS_A_PAGE;
use super::change_event;
use crate::audit::Event;
use crate::repository::Key;
use mfa_core::account::Session;
use mfa_core::factors::bypass::{BYPASS_DIGITS, LONGEST_BYPASS};
use mfa_core::factors::random_code::RandomCode;

/// Sessions on a page; a user has at most sixteen, and they stay together.
const SESSIONS_A_PAGE: usize = 64;

/// The shortest time that a bypass code may be good for.
const SHORTEST_BYPASS: Duration = Duration::from_secs(60);

impl Connection {
    pub(super) fn sessions(
        &self,
        parameters: &SessionsParameters,
    ) -> Result<SessionsReply, Failure> {
        let agent = &self.agent;
        let settings = agent.settings();
        let user = parameters.user.as_deref();
        if user.is_none() && agent.is_administrator(self.peer, &settings)? {
            return self.all_sessions(parameters.after.as_deref());
        }
        let subject = agent.subject_or_caller(user, self.peer)?;
        agent.require_sight(self.peer, &settings, &subject)?;
        let account = agent.repository.account(&subject.user)?;
        let host = agent.session_host(None);
        let live = account.sessions(&host, Timestamp::now());
        Ok(SessionsReply {
            sessions: live.map(|it| show(subject.user.as_str(), it)).collect(),
            next: None,
        })
    }

    fn all_sessions(&self, after: Option<&str>) -> Result<SessionsReply, Failure> {
        let (agent, now) = (&self.agent, Timestamp::now());
        let page = agent.repository.page(after, RECORDS_A_PAGE)?;
        let whole = page.len() < RECORDS_A_PAGE;
        let mut reply = SessionsReply::default();
        let host = agent.session_host(None);
        for (user, account) in page {
            let live = account.sessions(&host, now);
            reply.sessions.extend(live.map(|it| show(&user, it)));
            reply.next = Some(user);
            if reply.sessions.len() >= SESSIONS_A_PAGE {
                return Ok(reply);
            }
        }
        if whole {
            reply.next = None;
        }
        Ok(reply)
    }

    /// Users may end their own sessions: this accepts no login.
    pub(super) fn revoke(&self, parameters: &UserParameters) -> Result<RevokeReply, Failure> {
        let agent = &self.agent;
        let subject = agent.subject_or_caller(parameters.user.as_deref(), self.peer)?;
        agent.require_access(self.peer, &agent.settings(), &subject)?;
        let now = Timestamp::now();
        let ended = agent.commit(&Key::account(&subject.user), self.peer, |account| {
            let mut account = account.unwrap_or_default();
            let ended = account.revoke(&agent.session_host(None), now);
            let event = Event {
                count: Some(ended.into()),
                ..change_event("revoke", &subject, self.peer)
            };
            Ok(put_if((ended > 0).then_some(event), account, ended))
        })?;
        Ok(RevokeReply {
            user: subject.user.to_string(),
            ended,
        })
    }

    pub(super) fn bypass(&self, parameters: &BypassParameters) -> Result<BypassReply, Failure> {
        let agent = &self.agent;
        let subject = agent.subject(&parameters.user)?;
        let settings = agent.settings();
        agent.require_authority(self.peer, &settings, &subject)?;
        let prospects = agent.prospects(&settings, &subject)?;
        let lasts = Duration::from_secs(parameters.seconds.into());
        if !(SHORTEST_BYPASS..=LONGEST_BYPASS).contains(&lasts) {
            return Err(Failure::refused(
                "a bypass code can be valid for one minute to three hours, such as --for 30m",
            ));
        }
        let code = RandomCode::new(random()?, BYPASS_DIGITS).text();
        let now = Timestamp::now();
        let issued = agent.commit(&Key::account(&subject.user), self.peer, |account| {
            let mut account = account.unwrap_or_default();
            let until = account.issue_bypass(code.clone(), lasts, now);
            let locked = account.lockout().lock(now).is_some();
            let vain = prospects.without_code(&account);
            let event = Event {
                reason: Some(format!("a one-time code, valid until {until:.0}")),
                ..change_event("bypass", &subject, self.peer)
            };
            Ok(put_if(Some(event), account, (until, locked, vain)))
        })?;
        let (until, locked, vain) = issued;
        Ok(BypassReply {
            user: subject.user.to_string(),
            code,
            expires_at: format!("{until:.0}"),
            locked,
            note: of_no_use(subject.user.as_str(), vain),
        })
    }

    pub(super) fn revoke_bypass(
        &self,
        parameters: &RevokeBypassParameters,
    ) -> Result<RevokeBypassReply, Failure> {
        let now = Timestamp::now();
        let (user, changed) = self.change_if(&parameters.user, "bypass-revoke", |it| {
            it.revoke_bypass(now)
        })?;
        Ok(RevokeBypassReply { user, changed })
    }
}

/// What an administrator hears of `services` that ask the user for no code.
fn of_no_use(user: &str, services: BTreeSet<String>) -> Option<String> {
    if services.is_empty() {
        return None;
    }
    let services = services.into_iter().collect::<Vec<_>>().join(", ");
    Some(format!(
        "no code is asked for in {services}: a bypass code is of no use there. To let {user} in without \
         a second factor: mfactl suspend {user} --for 1h"
    ))
}

fn show(user: &str, session: &Session) -> wire::Session {
    let spot = &session.spot;
    wire::Session {
        user: user.to_owned(),
        host: session.host().map(str::to_owned),
        service: spot.service.clone(),
        operation: spot.operation.clone(),
        rhost: spot.address.map(|address| address.to_string()),
        ruser: spot.ruser.clone(),
        tty: spot.tty.clone(),
        factor: session.passed.to_string(),
        begun_at: session.begun.to_string(),
        ends_at: session.ends().to_string(),
    }
}
