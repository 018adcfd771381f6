//! What happens to a login before anything is typed: the one decision that a login, `mfactl explain` and the review of
//! settings share (rule 10 of the architecture).
//!
//! Pure. Whether the host knows the user costs a look-up in the name service, so [`entry`] says whether the decision
//! needs it ([`Preparation::NeedsKnownUser`]), and most logins need none.
//!
//! 1. The policy denies or asks for nothing ([`by_policy`]).
//! 2. A suspended user is accepted, also if they are locked: they are not asked, so there is nothing to guess.
//! 3. If password and code are one answer, and no combination fits into it, the login is denied.
//! 4. A session accepts the login.
//! 5. A user who has never enrolled anything, and can't get a code either, is accepted (`unenrolled = "allow"`, days of
//!    grace) or enrols all of the first combination that a login can set up (`unenrolled = "enroll"`).
//! 6. All other users are asked, whether they have what they are asked for or not.

mod facts;
mod outcome;

use std::sync::Arc;

use jiff::Timestamp;

use super::{AskTerms, FallbackRecipients};
use crate::account::{Account, ByAnswer, NewSession, Session, SessionQuery};
use crate::factors::address::{Channel, Recipient};
use crate::factors::{Factor, FactorCombination, FactorRow, Stored};
use crate::names::UserName;
use crate::policy::{Ask, Decision, PolicyVerdict, Unenrolled};
pub use facts::{EntryContext, EntryFacts};
pub use outcome::{Asked, Entry, Grace, Hint, LetIn, PolicyEnd, SetUp};

/// A decision, or what it still needs.
#[derive(Clone, Debug)]
pub enum Preparation<'a> {
    /// It is made.
    Decided(Entry<'a>),
    /// It depends on whether the host knows the user by this very name ([`Undecided::decide`]).
    NeedsKnownUser(Undecided<'a>),
}

/// A decision that depends on whether the host knows the user.
#[derive(Clone, Debug)]
pub struct Undecided<'a> {
    ask: &'a Ask,
    account: &'a Account,
    facts: EntryFacts<'a>,
    context: EntryContext<'a>,
    terms: AskTerms,
    /// The address that the template makes, if the user may be sent a code there.
    address: Option<Recipient>,
}

/// What the policy asks for. `proof` is what a user must verify before a change if logins are not asked.
///
/// # Errors
///
/// What happens to the login if it is not asked.
pub fn by_policy<'a>(
    decision: &'a Decision,
    proof: Option<&'a Arc<Ask>>,
) -> Result<&'a Arc<Ask>, PolicyEnd> {
    match &decision.verdict {
        PolicyVerdict::Ask(ask) => Ok(ask),
        PolicyVerdict::Deny => Err(PolicyEnd::Denied),
        PolicyVerdict::Skip => proof.ok_or(PolicyEnd::Skipped),
    }
}

/// Whether the policy decides even if the account can't be read. Only a rule does, so that emergency access by a rule
/// stays open; other reasons to accept a login may be restricted for this user.
#[must_use]
pub fn holds_without_account(decision: &Decision) -> bool {
    match decision.verdict {
        PolicyVerdict::Deny => true,
        PolicyVerdict::Skip => decision.rule().is_some(),
        PolicyVerdict::Ask(_) => false,
    }
}

/// What happens to a login that the policy asks for `ask`.
#[must_use]
pub fn entry<'a>(
    ask: &'a Ask,
    account: &'a Account,
    facts: EntryFacts<'a>,
    context: EntryContext<'a>,
) -> Preparation<'a> {
    if let Some(until) = suspended_until(account, &context) {
        return Preparation::Decided(Entry::LetIn(LetIn::Suspended(until)));
    }
    let Some(mut terms) = AskTerms::of(ask, context.authtok) else {
        return Preparation::Decided(Entry::NoRoom);
    };
    let preferred = account.settings().preferred;
    if let Some(preferred) = preferred.filter(|factor| account.has(*factor)) {
        terms.prefer(preferred);
    }
    if let Some(session) = session(ask, account, &terms, &context) {
        return Preparation::Decided(Entry::LetIn(LetIn::Session(session)));
    }
    let address = template_address(account, &terms, &facts, &context);
    let undecided = Undecided {
        ask,
        account,
        facts,
        context,
        terms,
        address,
    };
    match undecided.needs_known_user() {
        true => Preparation::NeedsKnownUser(undecided),
        false => Preparation::Decided(undecided.decide(false)),
    }
}

/// What becomes of a login that nobody has begun ([`EntryContext::foreseen`]). `is_known`: whether the host knows the user
/// by this very name.
#[must_use]
pub fn foresee<'a>(
    ask: &'a Ask,
    account: &'a Account,
    facts: EntryFacts<'a>,
    (user, is_known): (&'a UserName, bool),
    now: Timestamp,
) -> Entry<'a> {
    match entry(ask, account, facts, EntryContext::foreseen(user, now)) {
        Preparation::Decided(entry) => entry,
        Preparation::NeedsKnownUser(undecided) => undecided.decide(is_known),
    }
}

/// Whether a login of a program that guards logins can set up all of `combination`.
#[must_use]
pub fn can_be_set_up(combination: &FactorCombination, facts: &EntryFacts<'_>) -> bool {
    let can = |factor: &Factor| {
        let is_sent = Channel::of(*factor);
        factor.row().enrolls_in_login && (is_sent.is_none() || is_sent == facts.sends)
    };
    combination.factors().iter().all(can)
}

/// Until when the user is not asked. A verification before a change must be new: a suspension proves nothing.
fn suspended_until(account: &Account, context: &EntryContext<'_>) -> Option<Timestamp> {
    let counts = context.counts_suspension && context.is_own_record && !context.is_proof;
    account.suspended_until(context.now).filter(|_| counts)
}

/// The session that the login belongs to. None if password and code are one answer: the user can't know whether the
/// code is needed this time, so the answer decides ([`ByAnswer`]). A verification before a change must be new, so no session counts for it.
fn session<'a>(
    ask: &Ask,
    account: &'a Account,
    terms: &AskTerms,
    context: &EntryContext<'_>,
) -> Option<&'a Session> {
    let (rule, scope) = (ask.session.as_ref()?, context.scope?);
    if terms.single || context.is_proof || !context.is_own_record {
        return None;
    }
    let query = SessionQuery {
        spot: scope,
        scope: &rule.scope,
        combinations: &terms.combinations,
        duration: rule.duration,
        boot: context.boot,
    };
    account.session(&query, context.now)
}

/// The address that the settings make of the user's name. A user who has disabled all addresses wants no mail.
fn template_address(
    account: &Account,
    terms: &AskTerms,
    facts: &EntryFacts<'_>,
    context: &EntryContext<'_>,
) -> Option<Recipient> {
    let template = facts.address?;
    if !terms.ask_for(Factor::Email) || has_any(account, Channel::Email) {
        return None;
    }
    template.address(context.user).map(Recipient::Email)
}

impl<'a> Preparation<'a> {
    /// The decision, for which `is_known` looks up whether the host knows the user by this very name, if that matters.
    ///
    /// # Errors
    ///
    /// What `is_known` returns.
    pub fn decide<E>(self, is_known: impl FnOnce() -> Result<bool, E>) -> Result<Entry<'a>, E> {
        match self {
            Self::Decided(entry) => Ok(entry),
            Self::NeedsKnownUser(undecided) => Ok(undecided.decide(is_known()?)),
        }
    }
}

impl<'a> Undecided<'a> {
    /// Only users of this host get something without a record: an unknown name may be another spelling of an enrolled
    /// user, and no one gets mail because a stranger typed their name.
    fn needs_known_user(&self) -> bool {
        let (ask, is_new) = (self.ask, self.account.has_never_enrolled());
        self.address.is_some()
            || match is_new {
                true => match ask.unenrolled {
                    Unenrolled::Allow => false,
                    Unenrolled::Deny => ask.grace.is_some(),
                    Unenrolled::Enroll => true,
                },
                false => self.asks_recipient_beside().is_some(),
            }
    }

    /// The decision, once it is known whether the host knows the user by this very name.
    #[must_use]
    pub fn decide(mut self, is_known: bool) -> Entry<'a> {
        let address = self.address.take().filter(|_| is_known);
        let mut fallback = FallbackRecipients {
            address,
            asks: None,
        };
        // A user who has enrolled something, but not everything that is required, is asked: what they have counts.
        if self.account.has_never_enrolled() && !self.enables(&fallback) {
            return self.newcomer(is_known, fallback);
        }
        let asks = is_known && !self.account.has_never_enrolled() && fallback.address.is_none();
        fallback.asks = self.asks_recipient_beside().filter(|_| asks);
        Entry::Ask(self.asked(fallback, None))
    }

    /// What happens to a user who has never enrolled anything and can't get a code.
    fn newcomer(self, is_known: bool, fallback: FallbackRecipients) -> Entry<'a> {
        if self.ask.unenrolled == Unenrolled::Allow {
            return Entry::LetIn(LetIn::Unenrolled);
        }
        if let Some(grace) = self.grace().filter(|_| is_known) {
            return Entry::LetIn(LetIn::Grace(grace));
        }
        if !is_known || self.ask.unenrolled != Unenrolled::Enroll {
            return Entry::Ask(self.asked(fallback, None));
        }
        if let Some(combination) = self.combination_to_set_up() {
            let has_email = combination.factors().contains(&Factor::Email);
            return Entry::Enroll(SetUp {
                combination: combination.clone(),
                address: fallback.address.filter(|_| has_email),
                has_codes: self.asks_for_a_code(),
                session: self.new_session(),
            });
        }
        // An immediate refusal would reveal that this user has nothing enrolled.
        let hint = self.why_nothing_can_be_set_up();
        Entry::Ask(self.asked(FallbackRecipients::default(), hint))
    }

    fn asked(self, fallback: FallbackRecipients, hint: Option<Hint>) -> Asked {
        let (account, now) = (self.account, self.context.now);
        let factors = fallback.factors();
        let combinations = &self.terms.combinations;
        let is_unenrolled = !combinations
            .iter()
            .any(|combination| account.can(combination, &factors, now));
        let has_lost_all =
            is_unenrolled && account.has_no_usable_factor(now) && !account.has_never_enrolled();
        let session = self.new_session();
        let renews = self.facts.renews_devices && !self.terms.single && self.may_set_up_a_device();
        Asked {
            counts_on_own_record: self.enables(&fallback),
            is_unenrolled,
            hint: match has_lost_all {
                true => Some(Hint::NothingUsable),
                false => hint,
            },
            renews,
            session,
            terms: self.terms,
            fallback,
        }
    }

    fn enables(&self, fallback: &FallbackRecipients) -> bool {
        fallback.enables_combination(self.account, &self.terms.combinations, self.context.now)
    }

    fn grace(&self) -> Option<Grace> {
        let (grace, now) = (self.ask.grace?, self.context.now);
        let days = self.account.grace_days_left(grace, now)?;
        Some(Grace {
            days,
            ends: self.account.grace_ends(grace, now),
            single: self.terms.single,
        })
    }

    /// The session that a pass begins.
    fn new_session(&self) -> Option<NewSession> {
        let rule = self.ask.session.as_ref()?;
        let scope = self.context.scope.filter(|_| !self.context.is_proof)?;
        Some(NewSession {
            spot: scope.clone(),
            duration: rule.duration,
            boot: self.context.boot.to_owned(),
            by_answer: self.terms.single.then(|| ByAnswer {
                scope: rule.scope.clone(),
                combinations: self.terms.combinations.clone(),
            }),
        })
    }

    /// The first combination that the login can set up as a whole. There is no set-up where one answer holds all, and
    /// none when a user verifies a factor or confirms an operation.
    fn combination_to_set_up(&self) -> Option<&FactorCombination> {
        if self.terms.single || !self.is_plain_login() {
            return None;
        }
        let mut combinations = self.terms.combinations.iter();
        combinations.find(|combination| {
            let mut factors = combination.factors().iter();
            can_be_set_up(combination, &self.facts)
                && factors.all(|factor| self.may_set_up(*factor))
        })
    }

    /// An ordinary process can do only what self-service allows. A message to a typed number costs money, and one to a
    /// typed address may reach a stranger: only programs that guard logins, which have checked a password, ask for them.
    fn may_set_up(&self, factor: Factor) -> bool {
        let is_sent = Channel::of(factor).is_some();
        self.context.is_guarded || !is_sent && self.facts.self_service.contains(&factor)
    }

    fn may_set_up_a_device(&self) -> bool {
        let is_asked_for =
            |factor: &Factor| factor.row().stored == Stored::Devices && self.terms.ask_for(*factor);
        let mut devices = Factor::ALL.into_iter().filter(is_asked_for);
        self.is_plain_login() && devices.any(|factor| self.may_set_up(factor))
    }

    fn is_plain_login(&self) -> bool {
        !self.context.is_proof && !self.context.is_operation
    }

    /// Why a user who may set up something can't.
    fn why_nothing_can_be_set_up(&self) -> Option<Hint> {
        let may_enroll = self.context.is_guarded || !self.facts.self_service.is_empty();
        if !self.is_plain_login() || !may_enroll {
            return None;
        }
        if self.terms.single {
            return Some(Hint::NoConversation);
        }
        let mut combinations = self.terms.combinations.iter();
        let can_any = combinations.any(|combination| can_be_set_up(combination, &self.facts));
        (!can_any).then_some(Hint::NoCode)
    }

    /// Whether a recovery code can ever be typed instead of something that is asked for.
    fn asks_for_a_code(&self) -> bool {
        let mut factors = Factor::ALL.iter();
        factors.any(|factor| factor.is_code() && self.terms.ask_for(*factor))
    }

    /// Whether a user who has something already is asked where codes can be sent: only where each such code goes with
    /// something else that they have, and only if they have no other way: a thief of the PIN would get around the device.
    fn asks_recipient_beside(&self) -> Option<Channel> {
        let channel = self.may_ask_recipient()?;
        let sent = channel.factor();
        let has_rest = |combination: &FactorCombination| {
            let others = combination.factors().iter().filter(|f| **f != sent);
            combination.factors().len() > 1
                && others.copied().all(|factor| self.account.has(factor))
        };
        let by_it = |combination: &&FactorCombination| combination.factors().contains(&sent);
        let has_all = |combination: &FactorCombination| {
            let mut factors = combination.factors().iter();
            factors.all(|factor| self.account.has(*factor))
        };
        let combinations = &self.terms.combinations;
        let is_needed = !combinations.iter().any(has_all);
        (is_needed && combinations.iter().filter(by_it).all(has_rest)).then_some(channel)
    }

    /// A message to a typed number costs money, and one to a typed address may reach a stranger. So only programs that
    /// guard logins, which have checked a password, ask for them, and not for an operation or a verification.
    fn may_ask_recipient(&self) -> Option<Channel> {
        let may = self.ask.unenrolled == Unenrolled::Enroll
            && !self.terms.single
            && self.context.is_guarded
            && self.is_plain_login();
        self.facts.sends.filter(|channel| {
            may && self.terms.ask_for(channel.factor()) && !has_any(self.account, *channel)
        })
    }
}

fn has_any(account: &Account, channel: Channel) -> bool {
    let mut contacts = account.contacts().iter();
    contacts.any(|contact| contact.to.channel() == channel)
}

#[cfg(test)]
mod tests;
