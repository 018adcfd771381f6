//! Decisions in words, for the log, `mfactl explain` and `mfactl status`.

use std::sync::Arc;

use mfa_protocol::admin::{self, Considered, Explanation};

use super::{
    Action, Ask, Decision, Facts, Mode, Origin, Place, Policy, Prompting, Request, Rule, Verdict,
};
use crate::names::UserName;

impl Policy {
    /// The decision and all its reasons. What depends on the account (`enrolled`, `prompts`) is left empty
    /// for the caller to fill in.
    #[must_use]
    pub fn explain(&self, request: &Request<'_>, facts: &Facts<'_>) -> Explanation {
        let decision = self.decide(request, facts);
        Explanation {
            user: request.user.to_string(),
            service: request.service.to_owned(),
            action: decision.verdict.name().to_owned(),
            rule: decision.rule_name().map(str::to_owned),
            place: decision.place().map(Place::to_string),
            reason: decision.reason(),
            require: decision.verdict.ask().map(ways).unwrap_or_default(),
            prompting: decision
                .verdict
                .ask()
                .map_or(Prompting::default(), |ask| ask.prompting)
                .name()
                .to_owned(),
            enrolled: Vec::new(),
            prompts: Vec::new(),
            considered: self.consider(request, facts),
            ..Explanation::default()
        }
    }

    /// Every rule that is looked at for a login, in order; the last is the one that fits, if one does.
    #[must_use]
    pub fn consider(&self, request: &Request<'_>, facts: &Facts<'_>) -> Vec<Considered> {
        let mut considered = Vec::new();
        for rule in &self.rules {
            let misfit = rule.misfit(request, facts);
            let fits = misfit.is_none();
            considered.push(Considered {
                name: rule.name.clone(),
                place: rule.place.to_string(),
                fits,
                field: misfit.map(|misfit| misfit.field().to_owned()),
                reason: misfit.map(|misfit| misfit.to_string()),
            });
            if fits {
                break;
            }
        }
        considered
    }

    /// The rules that can apply to a user, in order, each with what it comes to under the enforcement
    /// mode. The last is what holds if none before does: a rule for every login, or `[policy]`, called
    /// `default`.
    #[must_use]
    pub fn rules_for_user(&self, user: &UserName, facts: &Facts<'_>) -> Vec<admin::Rule> {
        let mut shown = Vec::new();
        for rule in self
            .rules
            .iter()
            .filter(|rule| rule.misfit_of_user(user, facts).is_none())
        {
            shown.push(shown_rule(rule, &self.decision(Some(rule), facts)));
            if rule.is_for_every_login() {
                return shown;
            }
        }
        let decision = self.decision(None, facts);
        shown.push(admin::Rule {
            name: "default".to_owned(),
            place: decision
                .place()
                .map_or_else(|| "built in".to_owned(), Place::to_string),
            action: decision.verdict.name().to_owned(),
            require: decision.verdict.ask().map(ways).unwrap_or_default(),
            services: Vec::new(),
            from: Vec::new(),
        });
        shown
    }
}

impl Decision {
    /// The rule that decided, if one did.
    #[must_use]
    pub fn rule(&self) -> Option<&Arc<Rule>> {
        match &self.origin {
            Origin::Rule(rule) => Some(rule),
            Origin::Mode(..) | Origin::Default(_) => None,
        }
    }

    /// Its name.
    #[must_use]
    pub fn rule_name(&self) -> Option<&str> {
        self.rule().map(|rule| rule.name.as_str())
    }

    /// Where what decided stands; `None` if it is built in.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        match &self.origin {
            Origin::Rule(rule) => Some(&rule.place),
            Origin::Mode(_, place) | Origin::Default(place) => place.as_ref(),
        }
    }

    /// Why, in words.
    #[must_use]
    pub fn reason(&self) -> String {
        match &self.origin {
            Origin::Rule(rule) => match &rule.action {
                Action::Ask(ask) => format!("rule {:?} asks for {}", rule.name, one_of(ask)),
                Action::Skip => format!("rule {:?} asks for nothing", rule.name),
                Action::Deny => format!("rule {:?} denies", rule.name),
            },
            Origin::Mode(Mode::LocalUsers, _) => {
                "[enforcement] mode = \"local-users\" passes over federated users".to_owned()
            }
            Origin::Mode(mode, _) => {
                format!("[enforcement] mode = \"{}\" asks nobody", mode.name())
            }
            Origin::Default(_) => match self.verdict.ask() {
                Some(ask) => format!("no rule fits, and [policy] asks for {}", one_of(ask)),
                None => "no rule fits".to_owned(),
            },
        }
    }
}

impl Verdict {
    /// `ask`, `skip` or `deny`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Ask(_) => "ask",
            Self::Skip => "skip",
            Self::Deny => "deny",
        }
    }

    /// What is asked for, if anything is.
    #[must_use]
    pub fn ask(&self) -> Option<&Arc<Ask>> {
        match self {
            Self::Ask(ask) => Some(ask),
            Self::Skip | Self::Deny => None,
        }
    }
}

fn shown_rule(rule: &Rule, decision: &Decision) -> admin::Rule {
    let entries = |list: Option<&super::Patterns>| {
        list.map(|list| list.entries().iter().map(ToString::to_string).collect())
            .unwrap_or_default()
    };
    let networks = rule
        .from
        .as_ref()
        .map(|from| from.entries().iter().map(ToString::to_string).collect());
    admin::Rule {
        name: rule.name.clone(),
        place: rule.place.to_string(),
        action: decision.verdict.name().to_owned(),
        require: decision.verdict.ask().map(ways).unwrap_or_default(),
        services: entries(rule.services.as_ref()),
        from: networks.unwrap_or_default(),
    }
}

fn ways(ask: &Arc<Ask>) -> Vec<String> {
    ask.ways.iter().map(ToString::to_string).collect()
}

fn one_of(ask: &Arc<Ask>) -> String {
    ways(ask).join(" or ")
}
