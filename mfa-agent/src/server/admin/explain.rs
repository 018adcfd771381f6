//! Explaining a decision. Nothing is changed, nothing is counted.

use std::convert::Infallible;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use mfa_protocol::admin::{
    Considered, ExplainParameters, ExplainReply, Explanation, NO_ROOM_IN_ONE_ANSWER,
};
use mfa_protocol::factor::FactorCombination;
use mfa_protocol::login::{Authtok, BeginParameters};
use mfa_protocol::policy::Action;

use super::super::connection::Connection;
use super::super::error::Failure;
use super::super::login::{LoginContext, plan, wording};
use super::super::peer::Subject;
use super::fit;
use crate::config::Settings;
use crate::entry_facts::entry_facts;
use crate::profile::known_user;
use mfa_core::account::{Account, SessionHost};
use mfa_core::login::entry::{
    Asked, Entry, EntryContext, Grace, KnownUser, LetIn, by_policy, entry,
};
use mfa_core::login::{
    AskTerms, KeyReach, KeyService, Screen, UserFactors, enrollment_prompts, has_key, prompts,
};
use mfa_core::policy::{Ask, Facts, remote_address};

impl Connection {
    pub(super) fn explain(&self, parameters: &ExplainParameters) -> Result<ExplainReply, Failure> {
        let agent = &self.agent;
        let settings = agent.settings();
        let subject = agent.subject(&parameters.user)?;
        let administrator = agent.require_sight(self.peer, &settings, &subject)?;
        let login_context = imagined(parameters)?;
        let moment = moment(parameters.at.as_deref())?;
        let request = login_context.request(&subject.user, moment.datetime());
        let (federated, groups) = agent.all_facts(&settings.policy, &subject)?;
        let facts = Facts {
            federated,
            groups: &groups,
        };
        let account = agent.repository.account(&subject.user)?;
        let personal = account.personal();
        let mut explanation = settings.policy.explain(&request, &facts, &personal);
        explanation.source = facts.source();
        if !administrator {
            hide_lists(&mut explanation.considered);
        }
        shorten(&mut explanation.considered);
        explanation.enrolled = account.enrolled();
        explanation.not_enrolled = Some(false);
        explanation.only_codes = Some(false);
        let decision = settings.policy.decide(&request, &facts, &personal);
        // The decision of the policy alone is already included.
        if let Ok(ask) = by_policy(&decision, None) {
            let explained = Explained {
                settings: &settings,
                subject: &subject,
                account: &account,
                login_context: &login_context,
                session_host: agent.session_host(login_context.host.clone()),
                ask,
                known: known_user(
                    &*agent.names,
                    &settings,
                    &subject.user,
                    subject.entry.as_ref(),
                ),
                now: moment.timestamp(),
            };
            self.explain_ask(&explained, &mut explanation);
        }
        Ok(ExplainReply { explanation })
    }

    /// The result of asking: prompts, or a login without one.
    fn explain_ask(&self, it: &Explained<'_>, into: &mut Explanation) {
        let context = EntryContext {
            user: &it.subject.user,
            authtok: it.login_context.authtok,
            is_operation: it.login_context.operation.is_some(),
            is_proof: false,
            is_guarded: true,
            is_own_record: true,
            counts_suspension: true,
            keys: KeyReach::at_best(it.way(), &[]),
            scope: it.login_context.spot.as_ref(),
            host: &it.session_host,
            now: it.now,
        };
        let keys = it.account.keys_of_use();
        let with_key = EntryContext {
            keys: KeyReach::at_best(it.way(), &keys),
            ..context
        };
        let is_refused = is_refused_after_grace(it, it.account, with_key);
        let without_codes = it.account.with_codes_used_up();
        into.not_enrolled = Some(is_refused);
        into.only_codes = Some(!is_refused && is_refused_after_grace(it, &without_codes, with_key));
        let entry = entry(it.ask, it.account, entry_facts(it.settings), context);
        let Ok(entry) = entry.decide(|| known(it));
        let screen = Screen::of(&it.login_context.service);
        match entry {
            Entry::NoRoom => {
                into.action = Action::Deny;
                into.reason += "; but a single answer with password and code has no room for that";
            }
            Entry::LetIn(let_in) => explain_let_in(let_in, it.account, context.now, into),
            Entry::Enroll(set_up) => {
                let combination = &set_up.combination;
                into.reason += &format!(
                    "; the user has nothing enrolled and enrols {combination} in the login"
                );
                into.prompts = enrollment_prompts(&wording(it.settings, screen).asking, &set_up);
            }
            Entry::Ask(asked) => {
                into.reason += &lacking(&asked, it);
                self.explain_prompts(it, asked, into);
                let by_sshd = it.way() == KeyService::Verifies;
                if let Some(key) = by_sshd
                    .then(|| self.with_verified_key(it, with_key))
                    .flatten()
                {
                    into.reason += &key;
                }
            }
        }
    }

    /// What is asked for once sshd has verified an enrolled key, if that counts for anything.
    fn with_verified_key(&self, it: &Explained<'_>, context: EntryContext<'_>) -> Option<String> {
        if !it.settings.key.can_be_met(it.account, context.keys) {
            return None;
        }
        let entry = entry(it.ask, it.account, entry_facts(it.settings), context);
        let Ok(Entry::Ask(asked)) = entry.decide(|| known(it)) else {
            return None;
        };
        let has_key = asked.terms.combinations.iter().any(has_key);
        let prompts = self.prompts(it, asked, context.keys);
        let more = match prompts.is_empty() {
            true => "nothing more is asked for".to_owned(),
            false => format!("asked for: {prompts:?}"),
        };
        has_key.then(|| {
            format!("; in a login for which sshd has verified a key of the user that is enrolled: {more}")
        })
    }

    fn explain_prompts(&self, it: &Explained<'_>, asked: Asked, into: &mut Explanation) {
        // An operation has no stack.
        let has_stack = it.login_context.operation.is_none();
        if has_stack && AskTerms::of(it.ask, Authtok::Forward).is_none() {
            into.reason += NO_ROOM_IN_ONE_ANSWER;
        }
        into.prompts = self.prompts(it, asked, KeyReach::at_best(it.way(), &[]));
    }

    fn prompts(&self, it: &Explained<'_>, asked: Asked, keys: KeyReach<'_>) -> Vec<String> {
        let screen = Screen::of(&it.login_context.service);
        let mut plan = plan(asked.terms, it.settings, screen);
        plan.keys.verified = keys.verified.to_vec();
        plan.keys.can_sign = keys.can_sign;
        let decoy = self.agent.prompt_decoy(it.settings, it.subject, &plan);
        let factors = UserFactors::of(it.account, &plan, &decoy, asked.fallback, it.now);
        prompts(plan, factors)
    }
}

/// Whether the user lacks what is required, and neither sets it up in the login nor gets in without it. The same
/// decision as for the login, with no days of grace left, and no suspension.
fn is_refused_after_grace(
    it: &Explained<'_>,
    account: &Account,
    context: EntryContext<'_>,
) -> bool {
    let ask = Ask {
        grace: None,
        ..it.ask.clone()
    };
    let context = EntryContext {
        counts_suspension: false,
        ..context
    };
    let Ok(entry) = entry(&ask, account, entry_facts(it.settings), context).decide(|| known(it));
    matches!(entry, Entry::Ask(asked) if asked.is_unenrolled)
}

fn known(it: &Explained<'_>) -> Result<KnownUser, Infallible> {
    Ok(it.known.clone())
}

fn explain_let_in(let_in: LetIn<'_>, account: &Account, now: Timestamp, into: &mut Explanation) {
    into.action = Action::Skip;
    into.reason += &match let_in {
        LetIn::Session(session) => format!("; but a session lasts since {}", session.begun),
        LetIn::Suspended(until) => {
            into.suspended_until = Some(format!("{until:.0}"));
            format!("; but the second factor is suspended until {until:.0}")
        }
        LetIn::Unenrolled => {
            "; but the user has nothing enrolled and is not required to".to_owned()
        }
        LetIn::Grace(Grace { days, ends, .. }) => {
            into.grace_days_left = Some(days);
            let since = account.grace_since(now);
            into.grace_since = since.map(|since| since.to_string());
            into.grace_until = ends.map(|ends| ends.to_string());
            format!("; but the user has nothing enrolled yet; days of grace left: {days}")
        }
    };
}

/// What keeps the user from answering, as the audit log says it of a login.
fn lacking(asked: &Asked, it: &Explained<'_>) -> String {
    let user = it.subject.user.as_str();
    let required = it.ask.combinations.iter();
    let has_part = required
        .flat_map(FactorCombination::factors)
        .any(|factor| it.account.has(*factor));
    match (asked.hint, asked.is_unenrolled) {
        (Some(hint), _) => format!("; but {}", hint.words().replace("USER", user)),
        (None, true) if has_part => {
            "; but the user has not enrolled all factors of a combination".to_owned()
        }
        (None, true) => "; but the user has none of the required factors enrolled".to_owned(),
        (None, false) => String::new(),
    }
}

/// Whose login is explained, and where and when it would be.
struct Explained<'a> {
    settings: &'a Settings,
    subject: &'a Subject,
    account: &'a Account,
    login_context: &'a LoginContext,
    session_host: SessionHost,
    ask: &'a Ask,
    known: KnownUser,
    now: Timestamp,
}

impl Explained<'_> {
    /// How such a login meets keys.
    fn way(&self) -> KeyService {
        self.settings.key.at(&self.login_context.service)
    }
}

fn imagined(parameters: &ExplainParameters) -> Result<LoginContext, Failure> {
    let parameters = parameters.clone();
    if let Some(from) = parameters.from.as_deref()
        && remote_address(from).is_none()
        && !is_name(from)
    {
        return Err(Failure::refused(format!(
            "{from:?} is neither an address nor a host name"
        )));
    }
    let begin = BeginParameters {
        user: parameters.user,
        service: parameters.service,
        rhost: parameters.from,
        ruser: parameters.ruser,
        tty: parameters.tty,
        after: parameters.after,
        operation: parameters.operation,
        ..BeginParameters::default()
    };
    if let Some(host) = parameters.host.as_deref()
        && !is_name(host)
    {
        return Err(Failure::refused(format!(
            "{host:?} is not the name of a host"
        )));
    }
    LoginContext::imagined(begin, parameters.host)
}

/// Whether this can be a host name. Digits only are a mistyped address.
fn is_name(text: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    text.chars().all(is_part) && text.chars().any(char::is_alphabetic)
}

/// When the login would be. Rules go by the wall clock, and what an account holds by the time that this is.
fn moment(at: Option<&str>) -> Result<Zoned, Failure> {
    let Some(text) = at else {
        return Ok(Zoned::now());
    };
    let moment = text
        .parse()
        .and_then(|at: DateTime| at.to_zoned(TimeZone::system()));
    moment.map_err(|_| {
        Failure::refused(format!(
            "{text:?} is not a time; expected local time such as 2026-11-23T09:30"
        ))
    })
}

/// Keeps what a reply has room for; the rule that decides is the last, and stays.
fn shorten(considered: &mut Vec<Considered>) {
    let last = considered.pop();
    let left_out = fit(considered);
    if left_out > 0 {
        considered.push(Considered {
            name: format!("… and {left_out} more"),
            ..Considered::default()
        });
    }
    considered.extend(last);
}

/// The reasons quote whole rules, and not every user may read who a rule is for.
fn hide_lists(considered: &mut [Considered]) {
    for rule in considered {
        rule.reason = None;
    }
}
