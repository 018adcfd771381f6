//! What a user could still log in with if their account were another.
//!
//! Who gets in is the one decision of every login ([`mod@mfa_core::login::entry`]), foreseen for everything that the policy
//! may ask of the user. Two things are policy of removals, and say nothing of who gets in: a code that is good once is
//! nothing that lasts, and nobody makes a newcomer of themselves.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::Agent;
use super::error::Failure;
use super::peer::Subject;
use crate::config::Settings;
use crate::entry_facts::entry_facts;
use crate::host_name;
use crate::profile::known_user;
use mfa_core::account::Account;
use mfa_core::factors::FactorRow;
use mfa_core::login::KeyReach;
use mfa_core::login::entry::{
    Entry, EntryContext, EntryFacts, KnownUser, LetIn, by_policy, foresee,
};
use mfa_core::names::{Groups, UserName};
use mfa_core::policy::{Ask, Facts, Pattern, Patterns, Policy, Unenrolled};

/// Where a user logs in, besides the services that rules name.
const SERVICES: [&str; 2] = ["sshd", "login"];

/// Where a user who is in becomes another one.
const AS_ANOTHER: [&str; 2] = ["su", "sudo"];

/// Services that let nobody in who is not in already.
const NO_LOGINS: [&str; 14] = [
    "atd",
    "chfn",
    "chsh",
    "cron",
    "crond",
    "mfactl",
    "passwd",
    "polkit-1",
    "runuser",
    "runuser-l",
    "su",
    "su-l",
    "sudo",
    "sudo-i",
];

/// What is left to log in with where a user is asked, the best of all such logins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Remains {
    /// Nothing: they are refused.
    Nothing,
    /// Nothing, but a newcomer is let in for some days, or sets up something in the login.
    AsNewcomer,
    /// Recovery codes or a bypass code, and nothing once they are used up.
    OnlyCodes,
    /// Something that lasts, or nothing is needed.
    Enough,
}

/// All that it depends on besides the account.
pub(super) struct Prospects<'a> {
    pub(super) policy: &'a Policy,
    pub(super) host: Option<String>,
    pub(super) facts: EntryFacts<'a>,
    pub(super) user: &'a UserName,
    pub(super) known: KnownUser,
    pub(super) federated: bool,
    pub(super) groups: Groups,
    pub(super) now: Timestamp,
}

impl Agent {
    /// What the user's logins depend on.
    pub(super) fn prospects<'a>(
        &self,
        settings: &'a Settings,
        subject: &'a Subject,
    ) -> Result<Prospects<'a>, Failure> {
        let (federated, groups) = self.all_facts(&settings.policy, subject)?;
        Ok(Prospects {
            policy: &settings.policy,
            host: host_name::own(),
            facts: entry_facts(settings),
            user: &subject.user,
            known: known_user(
                &*self.names,
                settings,
                &subject.user,
                subject.entry.as_ref(),
            ),
            federated,
            groups,
            now: Timestamp::now(),
        })
    }
}

impl Prospects<'_> {
    /// What such an account leaves the user.
    pub(super) fn remains(&self, account: &Account) -> Remains {
        let mut best = None;
        self.each_ask(account, |ask, service| {
            best = best.max(Some(self.remains_of(ask, account, service)));
        });
        best.unwrap_or(Remains::Enough)
    }

    /// Whether a user who has never set up anything would be let in somewhere, for good.
    pub(super) fn newcomers_are_let_in(&self, account: &Account) -> bool {
        let mut are_let_in = false;
        self.each_ask(account, |ask, _| {
            are_let_in |= ask.unenrolled == Unenrolled::Allow
        });
        are_let_in
    }

    /// The services in which the user is asked for something, and never for a code.
    pub(super) fn without_code(&self, account: &Account) -> BTreeSet<String> {
        let (mut asked, mut by_code) = (BTreeSet::new(), BTreeSet::new());
        let services = self.services().into_iter().chain(AS_ANOTHER);
        self.each_ask_at(services, account, |ask, service| {
            asked.insert(service.to_owned());
            let mut factors = ask.combinations.iter().flat_map(|way| way.factors().iter());
            if factors.any(|factor| factor.is_code()) {
                by_code.insert(service.to_owned());
            }
        });
        asked.retain(|service| !by_code.contains(service));
        asked
    }

    /// Everything that logins of the user may be asked for.
    fn each_ask(&self, account: &Account, take: impl FnMut(&Ask, &str)) {
        self.each_ask_at(self.services(), account, take);
    }

    /// Everything that logins of the user through these services may be asked for.
    fn each_ask_at<'s>(
        &self,
        services: impl IntoIterator<Item = &'s str>,
        account: &Account,
        mut take: impl FnMut(&Ask, &str),
    ) {
        let facts = Facts {
            federated: self.federated,
            groups: &self.groups,
        };
        let personal = account.personal();
        for service in services {
            for decision in self.policy.decisions_at(
                (self.host.as_deref(), service),
                self.user,
                &facts,
                &personal,
            ) {
                if let Ok(ask) = by_policy(&decision, None) {
                    take(ask, service);
                }
            }
        }
    }

    fn services(&self) -> BTreeSet<&str> {
        let lists = self
            .policy
            .rules
            .iter()
            .filter_map(|rule| rule.services.as_ref());
        let named = lists.flat_map(Patterns::entries).filter_map(Pattern::name);
        let named = named.filter(|name| !NO_LOGINS.iter().any(|no| no.eq_ignore_ascii_case(name)));
        named.chain(SERVICES).collect()
    }

    fn remains_of(&self, ask: &Ask, account: &Account, service: &str) -> Remains {
        let keys = account.keys_of_use();
        let keys = KeyReach::at_best(self.facts.keys.at(service), &keys);
        match self.foresee(ask, account, keys) {
            Entry::LetIn(LetIn::Session(_) | LetIn::Suspended(_) | LetIn::Unenrolled) => {
                Remains::Enough
            }
            Entry::LetIn(LetIn::Grace(_)) | Entry::Enroll(_) => Remains::AsNewcomer,
            Entry::NoRoom => Remains::Nothing,
            Entry::Ask(asked) if asked.is_unenrolled => Remains::Nothing,
            Entry::Ask(_) => match self.foresee(ask, &account.with_codes_used_up(), keys) {
                Entry::LetIn(LetIn::Unenrolled) => Remains::Enough,
                entry @ Entry::Ask(_) if entry.can_be_passed() => Remains::Enough,
                _ => Remains::OnlyCodes,
            },
        }
    }

    fn foresee<'a>(&'a self, ask: &'a Ask, account: &'a Account, keys: KeyReach<'a>) -> Entry<'a> {
        let context = EntryContext::foreseen(self.user, keys, self.now);
        foresee(ask, account, self.facts, context, &self.known)
    }
}
