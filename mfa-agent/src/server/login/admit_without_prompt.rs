//! Accepts a user without a prompt although the policy asks: because of a session, grace, or optional enrolment. Each
//! is checked again in the change that makes it durable.

use mfa_protocol::login::{Message, Outcome};

use super::super::Agent;
use super::super::error::Failure;
use super::ask::wording;
use super::begin::ResolvedLogin;
use super::{Context, Progress, conclude, conclude_with};
use crate::repository::{After, Key};
use mfa_core::account::Session;
use mfa_core::login::entry::{Entry, Grace, LetIn, Preparation, entry};
use mfa_core::login::grace;
use mfa_core::policy::Ask;

impl Agent {
    /// Lets in. `None` if the account has changed under that decision.
    pub(super) fn let_in(
        &self,
        resolved: &ResolvedLogin<'_>,
        ask: &Ask,
        let_in: LetIn<'_>,
    ) -> Result<Option<Progress>, Failure> {
        match let_in {
            LetIn::Session(_) => self.pass_in_session(resolved, ask),
            LetIn::Grace(grace) => self.pass_in_grace(resolved, grace),
            LetIn::Unenrolled => {
                let reason = "not enrolled and not required to be";
                Ok(Some(conclude(&resolved.context, Outcome::Skipped, reason)))
            }
        }
    }

    /// Lets in by a session, which is looked up again in the change that makes the line of the pass durable. `None` if
    /// it has ended meanwhile.
    fn pass_in_session(
        &self,
        resolved: &ResolvedLogin<'_>,
        ask: &Ask,
    ) -> Result<Option<Progress>, Failure> {
        self.commit(&resolved.key, resolved.context.peer, |account| {
            let account = account.unwrap_or_default();
            let entry = entry(
                ask,
                &account,
                resolved.facts(),
                self.entry_context(resolved),
            );
            let Preparation::Decided(Entry::LetIn(LetIn::Session(session))) = entry else {
                return Ok((After::Same, Vec::new(), None));
            };
            let (context, reason) = in_session(&resolved.context, session);
            let event = context.event(Outcome::Passed, Some(&reason));
            let ended = conclude(&context, Outcome::Passed, &reason).recorded();
            Ok((After::Put(account.into()), vec![event], Some(ended)))
        })
    }

    /// Accepts a user who has nothing enrolled yet. The days are counted on the user's own record, and the time of the
    /// first login is durable before it is accepted. `None` if they have enrolled something meanwhile, or the days are
    /// over.
    fn pass_in_grace(
        &self,
        resolved: &ResolvedLogin<'_>,
        found: Grace,
    ) -> Result<Option<Progress>, Failure> {
        let (own, now) = (Key::account(&resolved.subject.user), resolved.now);
        let has_begun = resolved.key == own && resolved.account.grace_since(now).is_some();
        let (left, is_recorded) = match has_begun {
            true => (Some(found.days), false),
            false => self.begin_grace(resolved, &own, found)?,
        };
        let Some(days) = left else {
            return Ok(None);
        };
        let messages: Vec<Message> = match found.single {
            true => Vec::new(),
            false => {
                let wording = wording(&resolved.settings, resolved.context.screen());
                vec![grace(&wording.asking, days)]
            }
        };
        let ended = conclude_with(
            &resolved.context,
            messages,
            Outcome::Skipped,
            &days_left(days),
        );
        Ok(Some(match is_recorded {
            true => ended.recorded(),
            false => ended,
        }))
    }

    /// The days that are left, and whether they have begun with this login.
    fn begin_grace(
        &self,
        resolved: &ResolvedLogin<'_>,
        own: &Key,
        found: Grace,
    ) -> Result<(Option<u32>, bool), Failure> {
        let now = resolved.now;
        self.commit(own, resolved.context.peer, |account| {
            let mut account = account.unwrap_or_default();
            if !account.has_never_enrolled() {
                return Ok((After::Same, Vec::new(), (None, false)));
            }
            let has_begun = account.begin_grace(now);
            let left = account.grace_days_left(found.length, now);
            let event = left.map(|days| {
                let reason = days_left(days);
                resolved.context.event(Outcome::Skipped, Some(&reason))
            });
            let after = match has_begun {
                true => After::Put(account.into()),
                false => After::Same,
            };
            Ok((after, event.into_iter().collect(), (left, has_begun)))
        })
    }
}

fn days_left(days: u32) -> String {
    format!("not enrolled yet; days of grace left: {days}")
}

/// Passed once, and within its time not asked again.
fn in_session(context: &Context, session: &Session) -> (Context, String) {
    let reason = format!(
        "a session, started {} with {} by {}",
        session.begun, session.passed, session.spot.service
    );
    let mut context = context.clone();
    context.set_combination(Some("session".to_owned()));
    (context, reason)
}
