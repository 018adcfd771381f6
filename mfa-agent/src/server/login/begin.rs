//! How a login begins: who it is for, what the policy says, and the first prompt.

use std::cell::OnceCell;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::HEXLOWER;
use jiff::{Timestamp, Zoned};
use mfa_protocol::login::{BeginParameters, Outcome};
use mfa_protocol::message::ErrorKind;

use super::super::Agent;
use super::super::error::Failure;
use super::super::limits::OpenLogin;
use super::super::peer::{Peer, Subject};
use super::super::random;
use super::login_context::LoginContext;
use super::recall::Recall;
use super::{Context, Ended, Progress, conclude};
use crate::config::Settings;
use crate::repository::{Found, Key, Remembered};
use mfa_core::account::{Account, SessionHost};
use mfa_core::login::entry::{KnownUser, PolicyEnd, by_policy, holds_without_account};
use mfa_core::names::{Groups, UserName};
use mfa_core::policy::{Ask, Decision, Facts, Personal, Policy, Request};

/// A login of which it is known who it is for and what is asked of them.
pub(super) struct ResolvedLogin<'a> {
    pub(super) context: Context,
    pub(super) settings: Arc<Settings>,
    pub(super) subject: &'a Subject,
    pub(super) login_context: &'a LoginContext,
    /// The host of the login.
    pub(super) session_host: SessionHost,
    /// It demands a factor even where the policy asks for none, because the caller is about to change
    /// their own factors.
    pub(super) proof: bool,
    pub(super) key: Key,
    pub(super) account: Account,
    /// What a change has to prove of the record, if it was not read just now.
    pub(super) remembered: Option<Remembered>,
    /// How long it took to read it from servers.
    pub(super) read_in: Duration,
    pub(super) now: Timestamp,
    /// What the host knows of the user, once that was looked up.
    pub(super) known: OnceCell<KnownUser>,
}

/// What a login is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Purpose {
    /// A login.
    Login,
    /// The caller is about to change their own factors.
    Proof,
}

/// What the policy makes of a login.
pub(super) enum Resolved<'a> {
    /// It asks for this.
    Asks(Box<ResolvedLogin<'a>>, Arc<Ask>),
    /// It asks for nothing, or denies.
    Ended(Box<Ended>),
}

impl Agent {
    /// Begins a login.
    pub(in crate::server) fn begin(
        &self,
        peer: Peer,
        begin: BeginParameters,
        purpose: Purpose,
    ) -> Result<Progress, Failure> {
        let settings = self.settings();
        let (subject, known) =
            self.login_subject(peer, &settings, &begin.user, Recall::Remembered)?;
        let open_login = self.open_login(&subject.user, &settings)?;
        let proof = purpose == Purpose::Proof;
        let login_context = self.login_context(peer, begin, proof)?;
        let session = session_id()?;
        let context = Context::new(session, &subject.user, &login_context, (peer, "login"));
        let known = known.or_else(|| self.repository.remembered(&subject.user));
        match self.resolve(context, settings, (&subject, known), &login_context, proof)? {
            Resolved::Asks(resolved, ask) => self.ask(*resolved, open_login, &ask),
            Resolved::Ended(ended) => Ok(ended.into()),
        }
    }

    /// What is known of a login and what is asked of it, or how the policy ends it. The account phase shares this.
    pub(super) fn resolve<'a>(
        &self,
        mut context: Context,
        settings: Arc<Settings>,
        (subject, known): (&'a Subject, Option<Found>),
        login_context: &'a LoginContext,
        proof: bool,
    ) -> Result<Resolved<'a>, Failure> {
        let mut found = match known {
            Some(known) => Ok(known),
            None => self.account_or_placeholder(&subject.user),
        };
        let now = Zoned::now();
        let request = login_context.request(&subject.user, now.datetime());
        let ask = loop {
            let personal = found.as_ref().map(|found| found.account.personal());
            let personal = personal.unwrap_or_default();
            let decision = self.decide(&settings.policy, subject, &request, &personal)?;
            context.rule = decision.rule_name().map(str::to_owned);
            // A proof takes a factor wherever logins take none.
            let of_proof = proof.then(|| settings.policy.proof_ask(&personal));
            match by_policy(&decision, of_proof.as_ref()) {
                Ok(ask) => break Arc::clone(ask),
                // This changes nothing, so nothing would prove what is remembered.
                Err(_) if found.as_ref().is_ok_and(|found| found.remembered.is_some()) => {
                    found = self.account_or_placeholder(&subject.user);
                }
                Err(end) => {
                    if !holds_without_account(&decision) {
                        found?;
                    }
                    let ended = conclude_by_policy(&context, end, &decision);
                    return Ok(Resolved::Ended(ended));
                }
            }
        };
        let found = found?;
        let resolved = ResolvedLogin {
            context,
            settings,
            subject,
            login_context,
            session_host: self.session_host(login_context.host.clone()),
            proof,
            key: found.key,
            account: found.account,
            remembered: found.remembered,
            read_in: found.read_in,
            now: now.timestamp(),
            known: OnceCell::new(),
        };
        Ok(Resolved::Asks(Box::new(resolved), ask))
    }

    /// The user of a login, once it is sure that the caller may begin it, and their account, or the placeholder of a name
    /// without one, if it was found on the way.
    ///
    /// Most logins need no look-up in the name service: a program that may ask for any user asks for a user with an
    /// account. Accounts are enrolled under canonical names, so an account under exactly the given name belongs to this
    /// user. The look-up, which costs as much as the rest of this function, is skipped.
    pub(super) fn login_subject(
        &self,
        peer: Peer,
        settings: &Settings,
        name: &str,
        recall: Recall,
    ) -> Result<(Subject, Option<Found>), Failure> {
        let mut found = None;
        if peer.privileged && !settings.policy.needs_names() {
            let user: UserName = name.parse().map_err(Failure::refused)?;
            // A store that can't be read is met again where its record is needed.
            if let Ok(known) = self.recalled(&user, recall) {
                if known.key.is_account() {
                    return Ok((Subject { user, entry: None }, Some(known)));
                }
                found = Some((user, known));
            }
        }
        let subject = self.subject(name)?;
        self.require_login_right(peer, settings, &subject)?;
        // An unknown name must not cost a store that is far away one more answer than a known one.
        let found = found.filter(|(user, _)| *user == subject.user);
        Ok((subject, found.map(|(_, found)| found)))
    }

    /// The right to have one more login of `user` open.
    pub(super) fn open_login(
        &self,
        user: &UserName,
        settings: &Settings,
    ) -> Result<OpenLogin, Failure> {
        let open_login = self.limits.logins.enter(user, settings);
        open_login.ok_or_else(|| {
            Failure::new(
                ErrorKind::Busy,
                format!(
                    "too many logins of {user} are waiting for an answer; try again when some \
                     have ended"
                ),
            )
        })
    }

    fn decide(
        &self,
        policy: &Policy,
        subject: &Subject,
        request: &Request<'_>,
        personal: &Personal,
    ) -> Result<Decision, Failure> {
        let (federated, groups) = self.facts(policy, subject, request)?;
        let facts = Facts {
            federated,
            groups: &groups,
        };
        Ok(policy.decide(request, &facts, personal))
    }

    /// What the policy needs to know about the user, and no more: each look-up costs every login.
    fn facts(
        &self,
        policy: &Policy,
        subject: &Subject,
        request: &Request<'_>,
    ) -> Result<(bool, Groups), Failure> {
        let entry = subject.entry.as_ref();
        let federated = policy.needs_locality(request) && self.names.is_federated(entry)?;
        let groups = match policy.needs_groups(request) {
            true => self.names.groups(&subject.user, entry, &policy.groups())?,
            false => Groups::new(),
        };
        Ok((federated, groups))
    }

    /// All that the policy could want to know of the user.
    pub(in crate::server) fn all_facts(
        &self,
        policy: &Policy,
        subject: &Subject,
    ) -> Result<(bool, Groups), Failure> {
        let entry = subject.entry.as_ref();
        let groups = self.names.groups(&subject.user, entry, &policy.groups())?;
        Ok((self.names.is_federated(entry)?, groups))
    }

    /// The user's record, or the shared record for users without one, as they are now.
    pub(super) fn account_or_placeholder(&self, user: &UserName) -> Result<Found, Failure> {
        Ok(self.repository.account_or_placeholder(user)?)
    }
}

fn conclude_by_policy(context: &Context, end: PolicyEnd, decision: &Decision) -> Box<Ended> {
    let outcome = match end {
        PolicyEnd::Denied => Outcome::Denied,
        PolicyEnd::Skipped => Outcome::Skipped,
    };
    conclude(context, outcome, &decision.reason())
}

pub(super) fn session_id() -> Result<String, Failure> {
    Ok(HEXLOWER.encode(&random::<16>()?))
}
