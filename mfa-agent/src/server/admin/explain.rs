//! Explaining a decision. Nothing is changed, nothing is counted.

use jiff::Zoned;
use mfa_protocol::MAX_NAME;
use mfa_protocol::admin::{Considered, ExplainParameters, ExplainReply};
use mfa_protocol::login::Authtok;

use super::super::connection::Connection;
use super::super::error::Failure;
use super::super::login::plan;
use crate::dialogue::{Dialogue, Holdings};
use crate::policy::{Facts, Personal, Request, Unenrolled, Verdict, Whence, remote_address};

impl Connection {
    pub(super) fn explain(&self, parameters: &ExplainParameters) -> Result<ExplainReply, Failure> {
        let agent = &self.agent;
        let settings = agent.settings();
        let subject = agent.subject(&parameters.user)?;
        let administrator = agent.require_access(self.peer, &settings, &subject)?;
        check(parameters)?;
        let request = Request {
            user: &subject.user,
            service: &parameters.service,
            rhost: parameters.from.as_deref().and_then(remote_address),
            tty: parameters.tty.as_deref(),
            operation: None,
            after: &[],
            now: Zoned::now().datetime(),
            whence: Whence::of(
                &parameters.service,
                parameters.from.as_deref(),
                parameters.tty.as_deref(),
            ),
        };
        let (federated, groups) = agent.facts(&settings.policy, &subject, None)?;
        let personal = Personal::default();
        let facts = Facts {
            federated,
            groups: &groups,
        };
        let account = agent.ledger.account(&subject.user)?;
        let mut explanation = settings.policy.explain(&request, &facts, &personal);
        if !administrator {
            hide_lists(&mut explanation.considered);
        }
        explanation.enrolled = account.enrolled().iter().map(ToString::to_string).collect();
        let decision = settings.policy.decide(&request, &facts, &personal);
        if let Verdict::Ask(ask) = &decision.verdict {
            if ask.unenrolled == Unenrolled::Allow && account.enrolled().is_empty() {
                explanation.action = "skip".to_owned();
                explanation.reason += "; but the user has set up nothing, and need not";
            } else if let Some(plan) = plan(ask, Authtok::None, &settings) {
                let stand_in = agent.stand_in_question(&settings, &subject);
                let holdings = Holdings::of(&account, &plan, stand_in);
                explanation.prompts = Dialogue::begin(plan, holdings).0.prompts();
            }
        }
        Ok(ExplainReply { explanation })
    }
}

/// The reasons quote whole rules, and whom a rule is for is no business of everybody's.
fn hide_lists(considered: &mut [Considered]) {
    for rule in considered {
        rule.reason = None;
    }
}

fn check(parameters: &ExplainParameters) -> Result<(), Failure> {
    if parameters.service.is_empty() || parameters.service.len() > MAX_NAME {
        return Err(Failure::Parameter("service".to_owned()));
    }
    match parameters.from.as_deref() {
        Some(from) if remote_address(from).is_none() => Err(Failure::refused(format!(
            "{from:?} is not an address; rules know only addresses"
        ))),
        _ => Ok(()),
    }
}
