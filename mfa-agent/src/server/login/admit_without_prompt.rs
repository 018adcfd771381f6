//! Lets in a user whom the policy would ask: by a session, by grace, or because they need not set up anything. Each is
//! looked at again in the change that makes it durable.

use mfa_protocol::login::{Message, Outcome};

use super::super::Agent;
use super::super::error::Failure;
use super::ask::wording;
use super::begin::ResolvedLogin;
use super::{Context, Ended, conclude, conclude_with};
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
    ) -> Result<Option<Box<Ended>>, Failure> {
        match let_in {
            LetIn::Session(_) => self.pass_in_session(resolved, ask),
            LetIn::Grace(grace) => self.pass_in_grace(resolved, grace),
            LetIn::Unenrolled => {
                let reason = "not enrolled, and need not be";
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
    ) -> Result<Option<Box<Ended>>, Failure> {
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
            let ended = conclude(&context, Outcome::Passed, &reason);
            let (ended, events) = ended.into_committed();
            Ok((After::Put(account.into()), events, Some(ended)))
        })
    }

    /// Lets in a user who has set up nothing yet. The days are counted on the user's own record, and that the first
    /// login came is durable before it is let in. `None` if they have set up something meanwhile, or the days are over.
    fn pass_in_grace(
        &self,
        resolved: &ResolvedLogin<'_>,
        found: Grace,
    ) -> Result<Option<Box<Ended>>, Failure> {
        let (own, now) = (Key::account(&resolved.subject.user), resolved.now);
        let has_begun = resolved.key == own && resolved.account.grace_since(now).is_some();
        match has_begun {
            true => Ok(Some(in_grace(resolved, found.single, found.days))),
            false => self.begin_grace(resolved, &own, found),
        }
    }

    /// Lets in, and begins the days if they have not begun. `None` if none are left.
    fn begin_grace(
        &self,
        resolved: &ResolvedLogin<'_>,
        own: &Key,
        found: Grace,
    ) -> Result<Option<Box<Ended>>, Failure> {
        let now = resolved.now;
        self.commit(own, resolved.context.peer, |account| {
            let mut account = account.unwrap_or_default();
            if !account.has_never_enrolled() {
                return Ok((After::Same, Vec::new(), None));
            }
            let has_begun = account.begin_grace(now);
            let left = account.grace_days_left(found.length, now);
            let ended = left.map(|days| in_grace(resolved, found.single, days));
            if !has_begun {
                return Ok((After::Same, Vec::new(), ended));
            }
            let (ended, events) = ended.map(Ended::into_committed).unzip();
            let events = events.unwrap_or_default();
            Ok((After::Put(account.into()), events, ended))
        })
    }
}

/// Let in while days of grace are left.
fn in_grace(resolved: &ResolvedLogin<'_>, is_single: bool, days: u32) -> Box<Ended> {
    let messages: Vec<Message> = match is_single {
        true => Vec::new(),
        false => {
            let wording = wording(&resolved.settings, resolved.context.screen());
            vec![grace(&wording.asking, days)]
        }
    };
    let reason = format!("not enrolled yet; days of grace left: {days}");
    conclude_with(&resolved.context, messages, Outcome::Skipped, &reason)
}

/// Passed once, and within its time not asked again.
fn in_session(context: &Context, session: &Session) -> (Context, String) {
    let reason = format!(
        "a session, begun {} with {} by {}",
        session.begun, session.passed, session.spot.service
    );
    let mut context = context.clone();
    context.set_combination(Some("session".to_owned()));
    (context, reason)
}
