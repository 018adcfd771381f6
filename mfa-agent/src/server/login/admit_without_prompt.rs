//! Who is let in without being asked where the policy asks: by a session, by grace for those who have set up
//! nothing yet, or because they need not set up anything.

use std::ops::ControlFlow;
use std::time::Duration;

use mfa_protocol::login::{Message, Outcome};

use super::super::Agent;
use super::super::error::Failure;
use super::begin::ResolvedLogin;
use super::reach::FallbackRecipients;
use super::{Context, Progress, conclude, conclude_with};
use crate::repository::{After, Key};
use mfa_core::account::{Account, Session, SessionQuery};
use mfa_core::login::{Plan, grace};
use mfa_core::policy::{Ask, Unenrolled};

impl Agent {
    /// How the login ends without a question; or else where codes could go besides to enrolled addresses.
    pub(super) fn admit_without_prompt(
        &self,
        resolved: &ResolvedLogin<'_>,
        ask: &Ask,
        plan: &Plan,
    ) -> Result<ControlFlow<Progress, FallbackRecipients>, Failure> {
        let (context, account) = (&resolved.context, &resolved.account);
        if let Some(ended) = self.pass_in_session(resolved, ask, plan)? {
            return Ok(ControlFlow::Break(ended));
        }
        let template = self.template(&resolved.settings, resolved.subject, account, plan)?;
        let reach = FallbackRecipients {
            template,
            number: false,
        };
        // Who has set up something, but not all that is required, is asked: what they set up counts.
        if !account.has_never_enrolled() || reach.enables_combination(account, plan, resolved.now) {
            return Ok(ControlFlow::Continue(reach));
        }
        if ask.unenrolled == Unenrolled::Allow {
            let reason = "not enrolled, and need not be";
            let ended = conclude(context, Outcome::Skipped, reason);
            return Ok(ControlFlow::Break(ended));
        }
        // What is given to somebody new is for users of this host: a name that it does not know may be
        // another spelling of one that has set up something.
        if let Some(length) = ask.grace
            && self.is_known(resolved.subject)?
            && let Some(ended) = self.grace(resolved, plan, length)?
        {
            return Ok(ControlFlow::Break(ended));
        }
        Ok(ControlFlow::Continue(reach))
    }

    /// Lets in by a session. It is looked up again in the change that makes the line of the pass durable.
    fn pass_in_session(
        &self,
        resolved: &ResolvedLogin<'_>,
        ask: &Ask,
        plan: &Plan,
    ) -> Result<Option<Progress>, Failure> {
        if self
            .session(resolved, &resolved.account, ask, plan)
            .is_none()
        {
            return Ok(None);
        }
        self.commit(&resolved.key, resolved.context.peer, |account| {
            let account = account.unwrap_or_default();
            let Some(session) = self.session(resolved, &account, ask, plan) else {
                return Ok((After::Same, Vec::new(), None));
            };
            let (context, reason) = in_session(&resolved.context, session);
            let event = context.event(Outcome::Passed, Some(&reason));
            let ended = conclude(&context, Outcome::Passed, &reason).recorded();
            Ok((After::Put(account.into()), vec![event], Some(ended)))
        })
    }

    /// The session that lets the login in. None where password and code share one answer: the user
    /// can't know whether the code belongs to it this time. A proof is fresh, or it is none.
    fn session<'a>(
        &self,
        resolved: &ResolvedLogin<'_>,
        account: &'a Account,
        ask: &Ask,
        plan: &Plan,
    ) -> Option<&'a Session> {
        let (rule, spot) = (ask.session.as_ref()?, resolved.login_context.spot.as_ref()?);
        if plan.single || resolved.proof || !resolved.key.is_account() {
            return None;
        }
        let wanted = SessionQuery {
            spot,
            scope: &rule.scope,
            ways: &plan.ways,
            duration: rule.duration,
            boot: &self.boot,
        };
        account.session(&wanted, resolved.now)
    }

    /// Lets in a user who has set up nothing yet, if their days of grace are not over. They are counted on
    /// the user's own record, and that the first login came is durable before it is let in.
    fn grace(
        &self,
        resolved: &ResolvedLogin<'_>,
        plan: &Plan,
        length: Duration,
    ) -> Result<Option<Progress>, Failure> {
        let (own, now) = (Key::account(&resolved.subject.user), resolved.now);
        let begun = resolved.key == own && resolved.account.grace_since(now).is_some();
        let (left, is_recorded) = match begun {
            true => (resolved.account.grace_days_left(length, now), false),
            false => self.commit(&own, resolved.context.peer, |account| {
                let mut account = account.unwrap_or_default();
                if !account.has_never_enrolled() {
                    return Ok((After::Same, Vec::new(), (None, false)));
                }
                let has_begun = account.begin_grace(now);
                let left = account.grace_days_left(length, now);
                let event = left.map(|days| {
                    let reason = days_left(days);
                    resolved.context.event(Outcome::Skipped, Some(&reason))
                });
                let after = match has_begun {
                    true => After::Put(account.into()),
                    false => After::Same,
                };
                Ok((after, event.into_iter().collect(), (left, has_begun)))
            })?,
        };
        let Some(days) = left else {
            return Ok(None);
        };
        let messages: Vec<Message> = match plan.single {
            true => Vec::new(),
            false => vec![grace(&plan.wording.asking, days)],
        };
        let (context, reason) = (&resolved.context, days_left(days));
        let ended = conclude_with(context, messages, Outcome::Skipped, &reason);
        Ok(Some(match is_recorded {
            true => ended.recorded(),
            false => ended,
        }))
    }
}

fn days_left(days: u32) -> String {
    format!("not enrolled yet; days of grace left: {days}")
}

/// Passed once, and within its time not asked again.
fn in_session(context: &Context, session: &Session) -> (Context, String) {
    let reason = format!(
        "a session, begun {} with {} by {}",
        session.begun, session.passed, session.spot.service
    );
    let mut context = context.clone();
    context.set_way(Some("session".to_owned()));
    (context, reason)
}
