//! What the settings say about a PAM service, for any user: its stack and its program must match this.

use std::sync::Arc;
use std::time::Duration;

use mfa_protocol::admin::{
    AddressRule, KeyRule, ServiceAsk, ServiceTerms, TermsParameters, TermsReply,
};
use mfa_protocol::login::Authtok;

use super::super::connection::Connection;
use super::super::error::Failure;
use super::fit;
use crate::config::{Files, Settings};
use crate::host_name;
use mfa_core::factors::{Factor, FactorCombination, FactorRow, Need};
use mfa_core::login::AskTerms;
use mfa_core::policy::{Action, Ask, Place, Prompting, Rule, in_order};

/// As many services as are spoken of at once.
const MOST_SERVICES: usize = 512;

/// How long a person takes to type a password or a code.
const TYPING: Duration = Duration::from_secs(15);

/// How long a person waits for a message and takes to type what is in it.
const MESSAGE: Duration = Duration::from_secs(45);

impl Connection {
    pub(super) fn terms(&self, parameters: &TermsParameters) -> Result<TermsReply, Failure> {
        let agent = &self.agent;
        let in_force = agent.settings();
        agent.require_administrator(self.peer, &in_force)?;
        let services = parameters.services.iter().take(MOST_SERVICES);
        let mut terms: Vec<_> = match parameters.from_files {
            false => services.map(|name| of(&in_force, name)).collect(),
            true => {
                let files = Files::read(&agent.active_config().file);
                let settings = files.and_then(Files::settings);
                let settings = settings.map_err(|error| Failure::refused(error.to_string()))?;
                services.map(|name| of(&settings, name)).collect()
            }
        };
        fit(&mut terms);
        Ok(TermsReply { terms })
    }
}

fn of(settings: &Settings, service: &str) -> ServiceTerms {
    let policy = &settings.policy;
    let mut terms = ServiceTerms {
        service: service.to_owned(),
        ..ServiceTerms::default()
    };
    let host = host_name::own();
    let is_for_service = |rule: &&Arc<Rule>| {
        rule.is_for_service(service) && rule.misfit_of_host(host.as_deref()).is_none()
    };
    for rule in in_order(&policy.rules, is_for_service, |rule| {
        rule.is_for_whole_services()
    }) {
        let Some(rule) = rule else {
            let (by, place) = ("[policy]".to_owned(), policy.default_place.as_ref());
            terms.asks.push(asked(settings, &policy.default, by, place));
            break;
        };
        if rule.from.is_some() {
            terms.by_address.push(AddressRule {
                name: rule.name.clone(),
                place: rule.place.to_string(),
                denies: rule.action == Action::Deny,
            });
        }
        if rule.action == Action::Deny || rule.action != Action::Skip && rule.after.is_some() {
            terms.for_keys.push(KeyRule {
                name: rule.name.clone(),
                place: rule.place.to_string(),
            });
        }
        if let Action::Ask(ask) = &rule.action {
            let by = format!("rule {:?}", rule.name);
            terms.asks.push(asked(settings, ask, by, Some(&rule.place)));
        }
    }
    if policy.asks_nobody() {
        terms.asks.clear();
    }
    terms
}

fn asked(settings: &Settings, ask: &Ask, by: String, place: Option<&Place>) -> ServiceAsk {
    ServiceAsk {
        by,
        place: place.map(Place::to_string),
        single: ask.prompting == Prompting::Single,
        one_answer: AskTerms::of(ask, Authtok::Forward).is_some(),
        seconds: longest(settings, ask).as_secs(),
    }
}

/// The password, then every try of the way that takes longest; the agent itself ends it at `login_timeout`.
fn longest(settings: &Settings, ask: &Ask) -> Duration {
    let of_factor = |factor: &Factor| match factor.row().needs {
        Need::Delivery(_) => MESSAGE,
        Need::RadiusServer => settings
            .radius
            .iter()
            .map(|radius| radius.wait)
            .max()
            .unwrap_or(TYPING),
        Need::Nothing => TYPING,
    };
    let of_combination = |combination: &FactorCombination| {
        combination
            .factors()
            .iter()
            .map(of_factor)
            .sum::<Duration>()
    };
    let combination = ask
        .combinations
        .iter()
        .map(of_combination)
        .max()
        .unwrap_or_default();
    let all = combination.saturating_mul(ask.tries);
    TYPING + all.min(settings.server.login_timeout)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(text: &str, service: &str) -> ServiceTerms {
        let settings = Settings::parse(vec![("agent.toml".into(), text.to_owned())]).unwrap();
        of(&settings, service)
    }

    #[test]
    fn a_service_has_the_rules_that_can_fit_it_up_to_the_one_that_always_does() {
        let text = "[policy]\nrequire = ['pin']\n\
                    [[rule]]\nname = 'net'\nfrom = ['192.0.2.0/24']\naction = 'deny'\n\
                    [[rule]]\nname = 'ftp'\nservices = ['vsftpd']\nrequire = ['totp']\n\
                    prompting = 'single'\n\
                    [[rule]]\nname = 'later'\nrequire = ['totp+pin']\ntries = 3\nusers = ['anna']\n";
        let by = |terms: &ServiceTerms| {
            let asks = terms.asks.iter();
            asks.map(|ask| (ask.by.clone(), ask.single, ask.one_answer, ask.seconds))
                .collect::<Vec<_>>()
        };
        let ftp = terms(text, "vsftpd");
        assert_eq!(by(&ftp), [("rule \"ftp\"".to_owned(), true, true, 30)]);
        assert!(ftp.by_address[0].denies && ftp.by_address[0].place == "agent.toml:3");
        let sshd = terms(text, "sshd");
        let expected = [
            ("rule \"later\"".to_owned(), false, false, 105),
            ("[policy]".to_owned(), false, false, 30),
        ];
        assert_eq!(by(&sshd), expected);
        assert_eq!(sshd.asks[1].place.as_deref(), Some("agent.toml:2"));
    }

    #[test]
    fn rules_that_deny_or_ask_after_a_key_are_named() {
        let text = "[[rule]]\nname = 'root'\nusers = ['root']\nservices = ['sshd']\naction = 'deny'\n\
                    [[rule]]\nname = 'sudo'\nservices = ['sudo']\naction = 'deny'\n\
                    [[rule]]\nname = 'office'\nafter = ['publickey']\naction = 'skip'\n\
                    [[rule]]\nname = 'key'\nafter = ['publickey']\nrequire = ['totp']\n";
        let found = terms(text, "sshd").for_keys;
        let found: Vec<_> = found
            .iter()
            .map(|rule| (&*rule.name, &*rule.place))
            .collect();
        assert_eq!(found, [("root", "agent.toml:1"), ("key", "agent.toml:14")]);
    }

    #[test]
    fn where_nobody_is_asked_nothing_is_asked_for() {
        let text = "[enforcement]\nmode = 'none'\n";
        assert_eq!(terms(text, "sshd").asks, []);
    }
}
