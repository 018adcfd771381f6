//! What happens to a login before anything is typed: the one decision that a login, `mfactl explain` and the review of
//! settings share (rule 10 of the architecture).
//!
//! Pure. What the host knows of the user costs a look-up in the name service, so [`entry`] says whether the decision
//! needs it ([`Preparation::NeedsKnownUser`]), and most logins need none.
//!
//! 1. The policy denies or asks for nothing ([`by_policy`]).
//! 2. A suspended user is accepted, also if they are locked: they are not asked, so there is nothing to guess.
//! 3. If password and code are one answer, and no combination fits into it, the login is denied.
//! 4. A session accepts the login.
//! 5. A user who has never enrolled anything, and can't get a code either, is accepted (`unenrolled = "allow"`, days of
//!    grace) or enrols all of the first combination that a login can set up (`unenrolled = "enroll"`).
//! 6. All other users are asked, whether they have what they are asked for or not. While a channel is turned off, what
//!    needs it is asked for only if all that is required needs it.

mod facts;
mod known_user;
mod outcome;

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;

use super::{AskTerms, FallbackRecipients};
use crate::account::{Account, ByAnswer, NewSession, Session, SessionQuery};
use crate::factors::address::{Channel, Recipient};
use crate::factors::{Factor, FactorCombination, FactorRow, Stored};
use crate::policy::{Ask, Decision, PolicyVerdict, Unenrolled};
pub use facts::{EntryContext, EntryFacts};
pub use known_user::{FallbackSource, KnownUser, Profile};
pub use outcome::{Asked, Entry, Grace, Hint, LetIn, PolicyEnd, SetUp};

/// A decision, or what it still needs.
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "each login has one, for a moment: a box would cost more than it spares"
)]
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
    /// The address or number that a template makes, if the user may be sent a code there.
    made: Option<Recipient>,
    /// The channel of what the user database may have, if the user may be sent a code there.
    profile: Option<Channel>,
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
    let fallback = usable_fallback(account, &terms, &facts);
    let undecided = Undecided {
        ask,
        account,
        facts,
        context,
        terms,
        made: fallback.and_then(|source| source.made_of(context.user)),
        profile: match fallback {
            Some(FallbackSource::Profile(channel)) => Some(channel),
            _ => None,
        },
    };
    match undecided.needs_known_user() {
        true => Preparation::NeedsKnownUser(undecided),
        false => Preparation::Decided(undecided.decide(&KnownUser::default())),
    }
}

/// What becomes of a login that nobody has begun, as a rule [`EntryContext::foreseen`].
#[must_use]
pub fn foresee<'a>(
    ask: &'a Ask,
    account: &'a Account,
    facts: EntryFacts<'a>,
    context: EntryContext<'a>,
    known: &KnownUser,
) -> Entry<'a> {
    match entry(ask, account, facts, context) {
        Preparation::Decided(entry) => entry,
        Preparation::NeedsKnownUser(undecided) => undecided.decide(known),
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
        host: context.host,
        hosts: rule.hosts,
    };
    account.session(&query, context.now)
}

/// Where codes can go if the user has enrolled no address. A user who has disabled all addresses wants no messages.
fn usable_fallback<'a>(
    account: &Account,
    terms: &AskTerms,
    facts: &EntryFacts<'a>,
) -> Option<FallbackSource<'a>> {
    facts.fallback.filter(|source| {
        let channel = source.channel();
        terms.ask_for(channel.factor()) && !has_any(account, channel)
    })
}

impl<'a> Preparation<'a> {
    /// The decision, for which `known` looks up what the host knows of the user, if that matters.
    ///
    /// # Errors
    ///
    /// What `known` returns.
    pub fn decide<E>(self, known: impl FnOnce() -> Result<KnownUser, E>) -> Result<Entry<'a>, E> {
        match self {
            Self::Decided(entry) => Ok(entry),
            Self::NeedsKnownUser(undecided) => Ok(undecided.decide(&known()?)),
        }
    }
}

impl<'a> Undecided<'a> {
    /// Only users of this host get something without a record: an unknown name may be another spelling of an enrolled
    /// user, and no one gets mail because a stranger typed their name.
    fn needs_known_user(&self) -> bool {
        let (ask, is_new) = (self.ask, self.account.has_never_enrolled());
        self.made.is_some()
            || self.profile.is_some()
            || match is_new {
                true => match ask.unenrolled {
                    Unenrolled::Allow => false,
                    Unenrolled::Deny => ask.grace.is_some(),
                    Unenrolled::Enroll => true,
                },
                false => self.asks_recipient_beside().is_some(),
            }
    }

    /// The decision, once it is known what the host knows of the user.
    #[must_use]
    pub fn decide(mut self, known: &KnownUser) -> Entry<'a> {
        let is_known = known.is_known;
        let read = self.profile.and_then(|channel| known.recipient(channel));
        let address = self.made.take().or(read).filter(|_| is_known);
        if self.profile.is_some() && is_known && known.profile == Profile::Unread {
            return self.profile_unread();
        }
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

    /// What happens to a user who may have an address in the user database, which did not answer: they are asked, and
    /// what they have counts. Who was taken for a newcomer could enrol another user's factor.
    fn profile_unread(self) -> Entry<'a> {
        let fallback = FallbackRecipients::default();
        let hint = (!self.can_pass(&fallback)).then_some(Hint::ProfileUnread);
        Entry::Ask(self.asked(fallback, hint))
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
            let sets_up = |to: &Recipient| combination.factors().contains(&to.channel().factor());
            let key = self.facts.keys.new_key(self.context.keys);
            return Entry::Enroll(SetUp {
                combination: combination.clone(),
                address: fallback.address.filter(sets_up),
                key: key.cloned(),
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
        let is_unenrolled = !self.can_pass(&fallback);
        let has_lost_all =
            is_unenrolled && account.has_no_usable_factor(now) && !account.has_never_enrolled();
        let off = self.facts.turned_off;
        let off = off.filter(|_| is_unenrolled && self.can_pass_but_for_the_channel(&fallback));
        let key = self.why_no_key(&fallback).filter(|_| is_unenrolled);
        let session = self.new_session();
        let renews = self.facts.renews_devices && !self.terms.single && self.may_set_up_a_device();
        Asked {
            counts_on_own_record: self.enables(&fallback),
            is_unenrolled,
            hint: match has_lost_all {
                true => key.or(Some(Hint::NothingUsable)),
                false => off.map(Hint::TurnedOff).or(key).or(hint),
            },
            renews,
            session,
            terms: match self.facts.turned_off {
                Some(channel) => self.terms.without(channel.factor()),
                None => self.terms,
            },
            fallback,
        }
    }

    /// Whether the user can answer what is asked for.
    fn can_pass(&self, fallback: &FallbackRecipients) -> bool {
        let turned_off = self.facts.turned_off.map(Channel::factor);
        self.can_pass_without(turned_off, fallback)
    }

    /// The same, as if no channel were turned off.
    fn can_pass_but_for_the_channel(&self, fallback: &FallbackRecipients) -> bool {
        self.can_pass_without(None, fallback)
    }

    /// Why no key of the user's counts here, if one is all that they lack.
    fn why_no_key(&self, fallback: &FallbackRecipients) -> Option<Hint> {
        let mut factors = fallback.factors();
        factors.push(Factor::Key);
        let (account, now) = (self.account, self.context.now);
        if self.meets_keys() || !self.terms.any_can(account, &factors, now) {
            return None;
        }
        let mut keys = account.usable_keys();
        match account.has(Factor::Key) {
            true if keys.any(|key| self.facts.keys.take(&key.key)) => Some(Hint::KeyOutOfReach),
            true => Some(Hint::KeyOfOtherType),
            false => account.suspect_keys().next().map(|_| Hint::KeySuspect),
        }
    }

    fn can_pass_without(&self, missing: Option<Factor>, fallback: &FallbackRecipients) -> bool {
        let mut account = Cow::Borrowed(self.account);
        let key = Some(Factor::Key).filter(|key| account.has(*key) && !self.meets_keys());
        for factor in missing.into_iter().chain(key) {
            account.to_mut().remove(factor);
        }
        let mut factors = fallback.factors();
        factors.retain(|factor| Some(*factor) != missing);
        self.terms.any_can(&account, &factors, self.context.now)
    }

    /// Whether the user has a key that counts and can be met.
    fn meets_keys(&self) -> bool {
        let keys = &self.facts.keys;
        keys.can_be_met(self.account, self.context.keys)
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
            host: self.context.host.clone(),
            by_answer: self.terms.single.then(|| ByAnswer {
                scope: rule.scope.clone(),
                hosts: rule.hosts,
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
    /// typed address may reach a stranger: only programs that guard logins, which have checked a password, ask for them. A
    /// key is set up only where sshd has just verified it.
    fn may_set_up(&self, factor: Factor) -> bool {
        if factor.row().stored == Stored::Keys {
            return self.facts.keys.new_key(self.context.keys).is_some();
        }
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
