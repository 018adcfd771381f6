//! Who is let in without being asked where the policy asks: by a session, by grace for those who have set up
//! nothing yet, or because they need not set up anything.

use std::ops::ControlFlow;
use std::time::Duration;

use mfa_protocol::login::{Message, Outcome};

use super::super::Agent;
use super::super::error::Failure;
use super::begin::Opened;
use super::reach::Reach;
use super::{Context, Progress, conclude, conclude_with};
use crate::account::{Session, Wanted};
use crate::dialogue::{Plan, grace};
use crate::ledger::{After, Key};
use crate::policy::{Ask, Unenrolled};

impl Agent {
    /// How the login ends without a question; or else where codes could go besides to enrolled addresses.
    pub(super) fn without_asking(
        &self,
        opened: &Opened<'_>,
        ask: &Ask,
        plan: &Plan,
    ) -> Result<ControlFlow<Progress, Reach>, Failure> {
        let (context, account) = (&opened.context, &opened.account);
        if let Some(session) = self.session(opened, ask, plan) {
            return Ok(ControlFlow::Break(conclude_in_session(context, session)));
        }
        let template = self.template(&opened.settings, opened.subject, account, plan)?;
        let reach = Reach {
            template,
            number: false,
        };
        // Who has set up something, but not all that is required, is asked: what they set up counts.
        if !account.is_bare() || reach.opens_one(account, plan, opened.now) {
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
            && self.is_known(opened.subject)?
            && let Some(ended) = self.grace(opened, plan, length)?
        {
            return Ok(ControlFlow::Break(ended));
        }
        Ok(ControlFlow::Continue(reach))
    }

    /// The session that lets the login in. None where password and code share one answer: the user
    /// can't know whether the code belongs to it this time. A proof is fresh, or it is none.
    fn session<'a>(&self, opened: &'a Opened<'_>, ask: &Ask, plan: &Plan) -> Option<&'a Session> {
        let (rule, spot) = (ask.session.as_ref()?, opened.circumstances.spot.as_ref()?);
        if plan.single || opened.proof || !opened.key.is_account() {
            return None;
        }
        let wanted = Wanted {
            spot,
            scope: &rule.scope,
            ways: &plan.ways,
            duration: rule.duration,
            boot: &self.boot,
        };
        opened.account.session(&wanted, opened.now)
    }

    /// Lets in a user who has set up nothing yet, if their days of grace are not over. They are counted on
    /// the user's own record, and that the first login came is durable before it is let in.
    fn grace(
        &self,
        opened: &Opened<'_>,
        plan: &Plan,
        length: Duration,
    ) -> Result<Option<Progress>, Failure> {
        let (own, now) = (Key::account(&opened.subject.user), opened.now);
        let begun = opened.key == own && opened.account.grace_since(now).is_some();
        let left = match begun {
            true => opened.account.grace_days_left(length, now),
            false => self.ledger.change(&own, |account| {
                let mut account = account.unwrap_or_default();
                let after = match account.begin_grace(now) {
                    true => After::Put(account.clone().into()),
                    false => After::Same,
                };
                Ok::<_, Failure>((after, account.grace_days_left(length, now)))
            })?,
        };
        let Some(days) = left else {
            return Ok(None);
        };
        let reason = format!("not enrolled yet; days of grace left: {days}");
        let messages: Vec<Message> = match plan.single {
            true => Vec::new(),
            false => vec![grace(&plan.wording.asking, days)],
        };
        Ok(Some(conclude_with(
            &opened.context,
            messages,
            Outcome::Skipped,
            &reason,
        )))
    }
}

/// Passed once, and within its time not asked again.
fn conclude_in_session(context: &Context, session: &Session) -> Progress {
    let reason = format!(
        "a session, begun {} with {} by {}",
        session.begun, session.passed, session.spot.service
    );
    let mut context = context.clone();
    context.way = Some("session".to_owned());
    conclude(&context, Outcome::Passed, &reason)
}
