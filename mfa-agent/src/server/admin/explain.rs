//! Explaining a decision. Nothing is changed, nothing is counted.

use jiff::Timestamp;
use jiff::civil::DateTime;
use mfa_protocol::admin::{Considered, ExplainParameters, ExplainReply, Explanation};
use mfa_protocol::login::{Authtok, BeginParameters};
use mfa_protocol::policy::Action;

use super::super::connection::Connection;
use super::super::error::Failure;
use super::super::login::{
    FallbackRecipients, LoginContext, asks_number_first, cannot_enrol, plan,
};
use super::super::peer::Subject;
use super::fit;
use crate::config::Settings;
use mfa_core::account::{Account, Session, SessionQuery, SessionScope};
use mfa_core::login::{Dialogue, Plan, Screen, UserFactors, enrolment_prompts};
use mfa_core::policy::{Ask, Facts, Source, Unenrolled, Verdict, remote_address};

impl Connection {
    pub(super) fn explain(&self, parameters: &ExplainParameters) -> Result<ExplainReply, Failure> {
        let agent = &self.agent;
        let settings = agent.settings();
        let subject = agent.subject(&parameters.user)?;
        let administrator = agent.require_sight(self.peer, &settings, &subject)?;
        let login_context = imagined(parameters)?;
        let request = login_context.request(&subject.user, moment(parameters.at.as_deref())?);
        let (federated, groups) = agent.all_facts(&settings.policy, &subject)?;
        let facts = Facts {
            federated,
            groups: &groups,
        };
        let account = agent.repository.account(&subject.user)?;
        let personal = account.personal();
        let mut explanation = settings.policy.explain(&request, &facts, &personal);
        explanation.source = if federated {
            Source::Federated
        } else {
            Source::Local
        };
        if !administrator {
            hide_lists(&mut explanation.considered);
        }
        shorten(&mut explanation.considered);
        explanation.enrolled = account.enrolled();
        let decision = settings.policy.decide(&request, &facts, &personal);
        if let Verdict::Ask(ask) = &decision.verdict {
            let explained = Explained {
                settings: &settings,
                subject: &subject,
                account: &account,
                spot: login_context.spot.as_ref(),
                is_operation: request.operation.is_some(),
                screen: Screen::of(&login_context.service),
            };
            self.explain_ask(&explained, ask, &mut explanation);
        }
        Ok(ExplainReply { explanation })
    }

    /// What becomes of being asked: prompts, or being let in without.
    fn explain_ask(&self, it: &Explained<'_>, ask: &Ask, into: &mut Explanation) {
        let now = Timestamp::now();
        let Some(plan) = plan(ask, Authtok::None, it.settings, it.screen) else {
            into.action = Action::Deny;
            into.reason += "; but one answer for password and code has no room for that";
            return;
        };
        if let Some(session) = self.explain_session(it, ask, &plan, now) {
            into.action = Action::Skip;
            into.reason += &format!("; but a session lasts since {}", session.begun);
            return;
        }
        let mut reach = self.explain_reach(it, &plan);
        let by_mail = reach.enables_combination(it.account, &plan, now);
        if it.account.has_never_enrolled()
            && !by_mail
            && explain_newcomer(it, ask, &plan, into, now)
        {
            return;
        }
        let first = asks_number_first(it.settings, it.account, &plan, ask);
        let beside = || {
            self.agent
                .asks_number_beside(it.settings, it.account, &plan, ask)
        };
        reach.number = it.subject.entry.is_some()
            && !it.is_operation
            && !by_mail
            && if it.account.has_never_enrolled() {
                first
            } else {
                beside()
            };
        let decoy = self.agent.prompt_decoy(it.settings, it.subject, &plan);
        let holdings = UserFactors::of(it.account, &plan, &decoy, &reach.beside(), now);
        into.prompts = Dialogue::begin(plan, holdings).0.prompts();
    }

    /// Where codes could go besides to enrolled addresses. A name service that does not answer counts as one
    /// that does not know the user.
    fn explain_reach(&self, it: &Explained<'_>, plan: &Plan) -> FallbackRecipients {
        let template = self
            .agent
            .template(it.settings, it.subject, it.account, plan);
        FallbackRecipients {
            template: template.ok().flatten(),
            number: false,
        }
    }

    fn explain_session<'a>(
        &self,
        it: &'a Explained<'_>,
        ask: &Ask,
        plan: &Plan,
        now: Timestamp,
    ) -> Option<&'a Session> {
        let (rule, spot) = (ask.session.as_ref()?, it.spot?);
        let wanted = SessionQuery {
            spot,
            scope: &rule.scope,
            ways: &plan.ways,
            duration: rule.duration,
            boot: &self.agent.boot,
        };
        let session = it.account.session(&wanted, now);
        session.filter(|_| !plan.single)
    }
}

/// What becomes of a user who has never set up anything; whether that is all there is to say.
fn explain_newcomer(
    it: &Explained<'_>,
    ask: &Ask,
    plan: &Plan,
    into: &mut Explanation,
    now: Timestamp,
) -> bool {
    let grace = |length| it.account.grace_days_left(length, now);
    if ask.unenrolled == Unenrolled::Allow {
        into.action = Action::Skip;
        into.reason += "; but the user has set up nothing, and need not";
        return true;
    }
    if it.subject.entry.is_none() {
        return false;
    }
    into.grace_days_left = ask.grace.and_then(grace);
    if let Some(days) = into.grace_days_left {
        into.action = Action::Skip;
        into.reason +=
            &format!("; but the user has set up nothing yet, and days of grace are left: {days}");
        return true;
    }
    if ask.unenrolled != Unenrolled::Enroll || it.is_operation {
        return false;
    }
    if asks_number_first(it.settings, it.account, plan, ask) {
        into.reason += "; the user has set up nothing, and is asked for a number";
        return false;
    }
    if let Some(reason) = cannot_enrol(plan) {
        into.reason += &format!("; but the user is {reason}");
        return false;
    }
    into.reason += "; the user has set up nothing, and sets up a device in the login";
    into.prompts = enrolment_prompts(&plan.wording.asking).into();
    true
}

/// Whose login is explained, and where it would be.
struct Explained<'a> {
    settings: &'a Settings,
    subject: &'a Subject,
    account: &'a Account,
    spot: Option<&'a SessionScope>,
    is_operation: bool,
    screen: Screen,
}

fn imagined(parameters: &ExplainParameters) -> Result<LoginContext, Failure> {
    let parameters = parameters.clone();
    if let Some(from) = parameters.from.as_deref()
        && remote_address(from).is_none()
        && !is_name(from)
    {
        return Err(Failure::refused(format!(
            "{from:?} is neither an address nor the name of a host"
        )));
    }
    LoginContext::imagined(BeginParameters {
        user: parameters.user,
        service: parameters.service,
        rhost: parameters.from,
        ruser: parameters.ruser,
        tty: parameters.tty,
        after: parameters.after,
        operation: parameters.operation,
        ..BeginParameters::default()
    })
}

/// Whether that may be the name of a host. What is made of digits only is an address that has gone wrong.
fn is_name(text: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    text.chars().all(is_part) && text.chars().any(char::is_alphabetic)
}

fn moment(at: Option<&str>) -> Result<DateTime, Failure> {
    let Some(text) = at else {
        return Ok(jiff::Zoned::now().datetime());
    };
    text.parse().map_err(|_| {
        Failure::refused(format!(
            "{text:?} is no time; expected the host's own time such as 2026-11-23T09:30"
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

/// The reasons quote whole rules, and whom a rule is for is no business of everybody's.
fn hide_lists(considered: &mut [Considered]) {
    for rule in considered {
        rule.reason = None;
    }
}
