//! Explains decisions, for the log, `mfactl explain` and `mfactl status`.

use std::sync::Arc;
use std::time::Duration;

use mfa_protocol::admin::{self, Considered, Explanation};
use mfa_protocol::policy as wire;

use super::{
    Action, Ask, Decision, Enforcement, Facts, GracePeriod, Guesses, Mode, Origin, Own, Patterns,
    Personal, Place, Policy, PolicyVerdict, Prompting, Request, Rule, SessionHosts, SessionRule,
    Unenrolled, in_order,
};
use crate::factors::{Factor, FactorCombination};
use crate::names::UserName;

impl Policy {
    /// The decision and all its reasons. The caller fills in what depends on the account
    /// (`enrolled`, `prompts`).
    #[must_use]
    pub fn explain(
        &self,
        request: &Request<'_>,
        facts: &Facts<'_>,
        personal: &Personal,
    ) -> Explanation {
        let decision = self.decide(request, facts, personal);
        let ask = decision.verdict.ask();
        let limits = ask.map(|ask| ask.limits_for(Guesses::OF_GUARDED_LOGINS));
        Explanation {
            user: request.user.to_string(),
            service: request.service.to_owned(),
            action: decision.verdict.action(),
            rule: decision.rule_name().map(str::to_owned),
            place: decision.place().map(Place::to_string),
            reason: decision.reason(),
            require: ask.map(combinations).unwrap_or_default(),
            session: ask
                .and_then(|ask| ask.session.as_ref())
                .map(|session| length_of_time(session.duration)),
            unenrolled: ask.map(|ask| ask.unenrolled),
            lockout_attempts: limits.map(|limits| limits.attempts),
            lockout_duration: limits.map(|limits| length_of_time(limits.duration)),
            prompting: ask.map_or(Prompting::default(), |ask| ask.prompting),
            enrolled: Vec::new(),
            prompts: Vec::new(),
            considered: self.consider(request, facts),
            ..Explanation::default()
        }
    }

    /// Every rule that is considered for a login, in order; the last one matches, if one does.
    #[must_use]
    pub fn consider(&self, request: &Request<'_>, facts: &Facts<'_>) -> Vec<Considered> {
        let fits = |rule: &&Arc<Rule>| rule.misfit(request, facts).is_none();
        let considered = |rule: &Arc<Rule>| {
            let misfit = rule.misfit(request, facts);
            Considered {
                name: rule.name.clone(),
                place: rule.place.to_string(),
                fits: misfit.is_none(),
                field: misfit.map(|misfit| misfit.field()),
                reason: misfit.map(|misfit| misfit.to_string()),
            }
        };
        let asked = in_order(&self.rules, |_| true, fits).flatten();
        asked.map(considered).collect()
    }

    /// The rules that can apply to a user on a host, in order, each with its result under the enforcement
    /// mode and the user's settings, without their networks. The last is a rule for every login, or
    /// `[policy]`, called `default`.
    #[must_use]
    pub fn rules_for_user(
        &self,
        host: Option<&str>,
        user: &UserName,
        facts: &Facts<'_>,
        personal: &Personal,
    ) -> Vec<admin::Rule> {
        let fits = |rule: &&Arc<Rule>| {
            rule.misfit_of_user(user, facts).is_none() && rule.misfit_of_host(host).is_none()
        };
        let rules = in_order(&self.rules, fits, |rule| rule.is_for_every_login());
        let shown = |rule: Option<&Arc<Rule>>| {
            let decision = self.decision(rule, facts, personal);
            match rule {
                Some(rule) => shown_rule(rule, &decision),
                None => shown_default(&decision),
            }
        };
        rules.map(shown).collect()
    }
}

impl Decision {
    /// The rule that decided, if one did.
    #[must_use]
    pub fn rule(&self) -> Option<&Arc<Rule>> {
        match &self.origin {
            Origin::Rule(rule) | Origin::NamedHost(rule) => Some(rule),
            Origin::Mode(..) | Origin::Default(_) | Origin::Personal(_) => None,
        }
    }

    /// Its name.
    #[must_use]
    pub fn rule_name(&self) -> Option<&str> {
        self.rule().map(|rule| rule.name.as_str())
    }

    /// Where the deciding setting is; `None` if it is built in.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        match &self.origin {
            Origin::Rule(rule) | Origin::NamedHost(rule) => Some(&rule.place),
            Origin::Mode(_, place) | Origin::Default(place) => place.as_ref(),
            Origin::Personal(_) => None,
        }
    }

    /// The reason as text.
    #[must_use]
    pub fn reason(&self) -> String {
        let asked = || self.verdict.ask().map(one_of).unwrap_or_default();
        let reason = match &self.origin {
            Origin::Rule(rule) => match &rule.action {
                Action::Ask(_) => format!("rule {:?} asks for {}", rule.name, asked()),
                Action::Skip => format!("rule {:?} asks for nothing", rule.name),
                Action::Deny => format!("rule {:?} denies", rule.name),
            },
            Origin::NamedHost(rule) => format!(
                "rule {:?} denies by address, but the remote host is known only by name; to get \
                 addresses from sshd: UseDNS no",
                rule.name
            ),
            Origin::Mode(Mode::LocalUsers, _) => {
                "[enforcement] mode = \"local-users\" skips federated users".to_owned()
            }
            Origin::Mode(mode, _) => {
                format!("[enforcement] mode = \"{}\" asks no user", mode.name())
            }
            Origin::Default(_) => format!("no rule matches, and [policy] asks for {}", asked()),
            Origin::Personal(outside) => format!(
                "{outside}, and this user may log in only from networks set with \"mfactl \
                 allow-from\""
            ),
        };
        reason + &own_words(&self.own)
    }
}

/// The user's own settings, to be appended to a reason.
fn own_words(own: &Own) -> String {
    let mut words = String::new();
    if !own.require.is_empty() {
        let factors: Vec<_> = own
            .require
            .iter()
            .map(|factor| Factor::name(*factor))
            .collect();
        let factors = factors.join(" and ");
        words += &format!(", with {factors} required of this user (mfactl require)");
    }
    match own.enforce {
        Enforcement::Default => {}
        Enforcement::Required => words += ", without grace for this user (mfactl enforce)",
        Enforcement::Optional => words += ", which is optional for this user (mfactl enforce)",
    }
    words
}

impl Ask {
    /// The conditions of an ask, each as text.
    #[must_use]
    pub fn terms(&self) -> Vec<String> {
        let unenrolled = match (self.unenrolled, self.grace) {
            (Unenrolled::Allow, _) => {
                "users with nothing enrolled log in without a code".to_owned()
            }
            (Unenrolled::Deny, None) => "users with nothing enrolled are refused".to_owned(),
            (Unenrolled::Enroll, None) => {
                "users with nothing enrolled enrol a device in the login".to_owned()
            }
            (then, Some(grace)) => format!(
                "users with nothing enrolled log in without a code {}, then {}",
                match grace {
                    GracePeriod::Lasting(length) =>
                        format!("for {} from their first login", length_of_time(length)),
                    GracePeriod::Through { day, .. } => format!("through {day}"),
                },
                match then {
                    Unenrolled::Enroll => "enrol a device in the login",
                    Unenrolled::Deny | Unenrolled::Allow => "refused",
                }
            ),
        };
        let lock = format!(
            "{} wrong answers lock the account for {}",
            self.lockout.attempts,
            length_of_time(self.lockout.duration)
        );
        let session = self.session.as_ref().map(session_words);
        session.into_iter().chain([unenrolled, lock]).collect()
    }
}

fn session_words(session: &SessionRule) -> String {
    let duration = length_of_time(session.duration);
    let mut words = format!("not asked again for {duration}");
    if !session.scope.is_empty() {
        words += &format!(", shared by {}", session.scope.join(", "));
    }
    if session.hosts == SessionHosts::All {
        words += ", from the same address on every host";
    }
    words
}

/// A duration as in settings: `90s`, `15m`, `14d`.
pub fn length_of_time(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [(24 * 60 * 60, "d"), (60 * 60, "h"), (60, "m")];
    let fitting = units
        .into_iter()
        .find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit));
    fitting.map_or_else(
        || format!("{seconds}s"),
        |(unit, sign)| format!("{}{sign}", seconds / unit),
    )
}

impl PolicyVerdict {
    /// The word for it.
    #[must_use]
    pub const fn action(&self) -> wire::Action {
        match self {
            Self::Ask(_) => wire::Action::Ask,
            Self::Skip => wire::Action::Skip,
            Self::Deny => wire::Action::Deny,
        }
    }

    /// What is asked for, if anything.
    #[must_use]
    pub fn ask(&self) -> Option<&Arc<Ask>> {
        match self {
            Self::Ask(ask) => Some(ask),
            Self::Skip | Self::Deny => None,
        }
    }
}

fn shown_rule(rule: &Rule, decision: &Decision) -> admin::Rule {
    let entries = |list: Option<&Patterns>| {
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
        action: decision.verdict.action(),
        require: decision.verdict.ask().map(combinations).unwrap_or_default(),
        services: entries(rule.services.as_ref()),
        from: networks.unwrap_or_default(),
        conditions: conditions(rule),
    }
}

fn shown_default(decision: &Decision) -> admin::Rule {
    admin::Rule {
        name: "default".to_owned(),
        place: decision
            .place()
            .map_or_else(|| "built in".to_owned(), Place::to_string),
        action: decision.verdict.action(),
        require: decision.verdict.ask().map(combinations).unwrap_or_default(),
        services: Vec::new(),
        from: Vec::new(),
        conditions: Vec::new(),
    }
}

/// The fields of a rule that have no list of their own on the wire.
fn conditions(rule: &Rule) -> Vec<String> {
    let given = [
        ("hosts", rule.hosts.as_ref().map(Patterns::to_string)),
        ("source", rule.source.map(|source| source.name().to_owned())),
        (
            "operations",
            rule.operations.as_ref().map(Patterns::to_string),
        ),
        ("tty", rule.tty.as_ref().map(Patterns::to_string)),
        ("after", rule.after.as_ref().map(Patterns::to_string)),
        ("hours", rule.hours.as_ref().map(ToString::to_string)),
        ("days", rule.days.as_ref().map(ToString::to_string)),
    ];
    let words = |(field, text): (&str, Option<String>)| Some(format!("{field}: {}", text?));
    given.into_iter().filter_map(words).collect()
}

fn combinations(ask: &Arc<Ask>) -> Vec<FactorCombination> {
    ask.combinations.clone()
}

fn one_of(ask: &Arc<Ask>) -> String {
    let combinations: Vec<String> = ask.combinations.iter().map(ToString::to_string).collect();
    combinations.join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_conditions_of_an_ask_are_described() {
        let told = |ask: &Ask| ask.terms();
        assert_eq!(
            told(&Ask::default()),
            [
                "users with nothing enrolled are refused",
                "5 wrong answers lock the account for 1h"
            ]
        );
        let days = |days: u64| Duration::from_secs(days * 24 * 60 * 60);
        let session = SessionRule {
            duration: Duration::from_secs(15 * 60),
            scope: vec!["sudo".to_owned(), "su".to_owned()],
            hosts: SessionHosts::This,
        };
        let ask = Ask {
            grace: Some(GracePeriod::Lasting(days(14))),
            session: Some(session),
            ..Ask::default()
        };
        assert_eq!(
            told(&ask)[..2],
            [
                "not asked again for 15m, shared by sudo, su",
                "users with nothing enrolled log in without a code for 14d from their first \
                 login, then refused"
            ]
        );
    }

    #[test]
    fn a_duration_is_shown_in_its_largest_whole_unit() {
        for (seconds, text) in [
            (0, "0s"),
            (90, "90s"),
            (900, "15m"),
            (5400, "90m"),
            (7200, "2h"),
            (14 * 86_400, "14d"),
        ] {
            assert_eq!(length_of_time(Duration::from_secs(seconds)), text);
        }
    }
}
