//! Accepts a user without a prompt although the policy asks: because of a session, a suspension, grace, or optional enrolment. It is
//! decided again in the change that makes it durable, on the very record that is changed.

use jiff::Timestamp;
use mfa_protocol::login::Outcome;

use super::super::Agent;
use super::super::error::Failure;
use super::ask::wording;
use super::begin::ResolvedLogin;
use super::{Ended, conclude_with};
use crate::repository::{After, Key};
use mfa_core::account::{Account, Session};
use mfa_core::login::entry::{Entry, EntryContext, Grace, LetIn, Preparation, entry};
use mfa_core::login::grace;
use mfa_core::policy::Ask;

impl Agent {
    /// Lets in. `None` if the account has changed under that decision. Days of grace count on the user's own record, also
    /// where they had none.
    pub(super) fn let_in(
        &self,
        resolved: &ResolvedLogin<'_>,
        ask: &Ask,
    ) -> Result<Option<Box<Ended>>, Failure> {
        let own = Key::account(&resolved.subject.user);
        let remembered = resolved.remembered.as_ref();
        let ended = self.commit_if(&own, remembered, resolved.context.peer, |account| {
            let mut account = account.unwrap_or_default();
            let Some(Entry::LetIn(let_in)) = self.entry_again(resolved, ask, &account) else {
                return Ok((After::Same, Vec::new(), None));
            };
            let ended = in_without_prompt(resolved, let_in);
            let is_kept = match let_in {
                LetIn::Session(_) => true,
                LetIn::Grace(_) => account.begin_grace(resolved.now),
                LetIn::Suspended(_) | LetIn::Unenrolled => false,
            };
            if !is_kept {
                return Ok((After::Same, Vec::new(), Some(ended)));
            }
            let (ended, events) = ended.into_committed();
            Ok((After::Put(account.into()), events, Some(ended)))
        })?;
        Ok(ended.flatten())
    }

    /// What becomes of the login by the record that is changed. `None` if that needs a look-up that was not made yet:
    /// no change waits for the name service.
    fn entry_again<'a>(
        &'a self,
        resolved: &'a ResolvedLogin<'_>,
        ask: &'a Ask,
        account: &'a Account,
    ) -> Option<Entry<'a>> {
        let context = EntryContext {
            is_own_record: true,
            ..self.entry_context(resolved)
        };
        match entry(ask, account, resolved.facts(), context) {
            Preparation::Decided(entry) => Some(entry),
            Preparation::NeedsKnownUser(undecided) => Some(undecided.decide(resolved.known.get()?)),
        }
    }
}

/// How a login ends that asks nothing.
fn in_without_prompt(resolved: &ResolvedLogin<'_>, let_in: LetIn<'_>) -> Box<Ended> {
    let (mut context, mut messages) = (resolved.context.clone(), Vec::new());
    let (outcome, reason) = match let_in {
        LetIn::Session(session) => {
            context.set_combination(Some("session".to_owned()));
            (Outcome::Passed, in_session(session))
        }
        LetIn::Suspended(until) => (Outcome::Skipped, suspended(until)),
        LetIn::Grace(Grace { days, single, .. }) => {
            if !single {
                let wording = wording(&resolved.settings, context.screen());
                messages.push(grace(&wording.asking, days));
            }
            (Outcome::Skipped, days_left(days))
        }
        LetIn::Unenrolled => {
            let reason = "not enrolled and not required to be".to_owned();
            (Outcome::Skipped, reason)
        }
    };
    conclude_with(&context, messages, outcome, &reason)
}

fn suspended(until: Timestamp) -> String {
    format!("the second factor is suspended until {until:.0}")
}

fn days_left(days: u32) -> String {
    format!("not enrolled yet; days of grace left: {days}")
}

/// Passed once, and within its time not asked again.
fn in_session(session: &Session) -> String {
    format!(
        "a session, started {} with {} by {}",
        session.begun, session.passed, session.spot.service
    )
}
