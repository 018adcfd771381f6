//! Ways to log in through sshd on which it never asks the agent, such as a key alone.

use std::net::IpAddr;
use std::path::Path;

use mfa_protocol::admin::ServiceTerms;
use nix::unistd::geteuid;

use super::super::Check;
use super::super::stacks::files::Files;
use super::super::stacks::{self, Service};
use super::{KEY, KEY_CHOSEN, NAME, change, drop_in, way};
use crate::sshd::{Settings, for_all, for_user};

/// At most so many rules are named.
const MOST_RULES: usize = 3;

/// Ways to log in through sshd without a code.
pub(super) fn alone(settings: &Settings, service: &Service, way: Option<&str>) -> Vec<Check> {
    let first = |words: &str, by_hand: String| match way {
        Some(way) => format!("{words}{way}\nor by hand, {by_hand}"),
        None => by_hand,
    };
    let ways = unasked_ways(settings, service).into_iter();
    ways.map(
        |way| match way.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["publickey"] => Check::note(NAME, KEY_ALONE, key_and_code(service)),
            ["hostbased"] => Check::problem(
                NAME,
                HOST_ALONE,
                first("", change("HostbasedAuthentication no")),
            ),
            ["gssapi-with-mic" | "gssapi-keyex"] => Check::note(
                NAME,
                TICKET_ALONE,
                first("to change it: ", TICKET_AND_CODE.to_owned()),
            ),
            _ => {
                let message = format!(
                    "{} alone is enough to log in, without a code (AuthenticationMethods)",
                    way.join(",")
                );
                Check::note(NAME, message, key_and_code(service))
            }
        },
    )
    .collect()
}

/// A key alone is usual if it was chosen, unless rules expect to decide about it.
pub(super) fn of_key_alone(check: &mut Check, is_chosen: bool, evaded: Option<&str>) {
    if is_chosen {
        check.remedy = Some(KEY_AND_CODE.to_owned());
    }
    match evaded {
        Some(rules) => check.message += &format!("; {rules}"),
        None => check.is_usual = is_chosen,
    }
}

/// The ways to log in on which sshd does not ask the agent.
fn unasked_ways(settings: &Settings, service: &Service) -> Vec<Vec<String>> {
    let asks = |method: &str| {
        method == "keyboard-interactive" || method == "password" && service.one_answer
    };
    settings.unasked_ways(asks)
}

fn key_and_code(service: &Service) -> String {
    match way(service) == Some(KEY) {
        true => format!("if you want that: {KEY}\n{KEY_AND_CODE}"),
        false => KEY_AND_CODE.to_owned(),
    }
}

/// Says which rules do not decide about a login by a key alone, if there are any.
pub(super) fn evaded(terms: Option<&ServiceTerms>) -> Option<String> {
    let rules = terms.map_or(&[][..], |terms| &terms.for_keys);
    let shown = rules.iter().take(MOST_RULES);
    let shown: Vec<_> = shown
        .map(|rule| format!("{:?} ({})", rule.name, rule.place))
        .collect();
    let shown = shown.join(", ");
    match (rules.len(), rules.len().saturating_sub(MOST_RULES)) {
        (0, _) => None,
        (1, _) => Some(format!("this rule does not apply to it: {shown}")),
        (_, 0) => Some(format!("these rules do not apply to it: {shown}")),
        (_, more) => Some(format!(
            "these rules do not apply to it: {shown} and {more} more"
        )),
    }
}

/// The ways to log in at `service` on which this sshd never asks the agent about `user`, each in words; without a user,
/// for everybody without a `Match` block. None if that can't be seen, or if the account phase asks the agent.
pub(crate) fn unasked(
    program: &Path,
    files: &Files,
    (service, user): (&str, Option<&str>),
    from: Option<IpAddr>,
) -> Vec<String> {
    let Some(stack) = stacks::service(files, service).filter(|stack| !stack.account) else {
        return Vec::new();
    };
    let settings = match user {
        Some(user) => for_user(program, user, from),
        None => for_all(program),
    };
    let Ok(settings) = settings else {
        // Only root can ask sshd, but each user can read what mfa-pam wrote.
        let is_chosen = !geteuid().is_root() && drop_in().is_some_and(|it| it.contains(KEY_CHOSEN));
        let key = is_chosen.then(|| A_KEY_ALONE.to_owned());
        return key.into_iter().collect();
    };
    let words = |way: Vec<String>| match &*way.join(",") {
        "publickey" => A_KEY_ALONE.to_owned(),
        "gssapi-with-mic" | "gssapi-keyex" => "a Kerberos ticket alone".to_owned(),
        way => format!("{way} alone"),
    };
    let ways = unasked_ways(&settings, &stack).into_iter();
    ways.map(words).collect()
}

/// A public key alone, as [`unasked`] says it.
pub(crate) const A_KEY_ALONE: &str = "a key alone";
pub(super) const KEY_ALONE: &str = "a public key alone is enough to log in, without a code";
pub(super) const HOST_ALONE: &str = "host-based authentication alone is enough to log in, without a code (HostbasedAuthentication yes)";
pub(super) const TICKET_ALONE: &str =
    "a Kerberos ticket alone is enough to log in, without a code (GSSAPIAuthentication yes)";
const TICKET_AND_CODE: &str = "in sshd_config: GSSAPIAuthentication no\nor add the account line of \
                               /usr/share/doc/pam-mfa/examples/pam.d/sshd-account";
const KEY_AND_CODE: &str = "to ask for a code after the key: mfa-pam sshd key+code,\nand copy \
                            /usr/share/doc/pam-mfa/examples/pam.d/sshd-publickey to /etc/pam.d/sshd";

#[cfg(test)]
mod tests {
    use super::*;
    use mfa_protocol::admin::KeyRule;

    const STACK: Service = Service {
        one_answer: false,
        code_only: false,
        account: false,
    };

    #[test]
    fn a_key_alone_that_was_chosen_is_a_warning_only_if_rules_expect_to_decide() {
        let rule = |name: &str| KeyRule {
            name: name.to_owned(),
            place: "a.toml:3".to_owned(),
        };
        let judged = |rules: Vec<KeyRule>| {
            let terms = ServiceTerms {
                for_keys: rules,
                ..ServiceTerms::default()
            };
            let mut check = Check::note(NAME, KEY_ALONE, key_and_code(&STACK));
            of_key_alone(&mut check, true, evaded(Some(&terms)).as_deref());
            (check.is_usual, check.message)
        };
        assert_eq!(judged(vec![]), (true, KEY_ALONE.to_owned()));
        let (is_usual, message) = judged(vec![rule("no root")]);
        assert!(
            !is_usual
                && message.ends_with("; this rule does not apply to it: \"no root\" (a.toml:3)")
        );
        let (_, message) = judged(["a", "b", "c", "d"].map(rule).into());
        assert!(
            message.ends_with("\"c\" (a.toml:3) and 1 more"),
            "{message}"
        );
    }
}
