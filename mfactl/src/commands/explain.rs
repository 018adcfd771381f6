//! `mfactl explain`: what would be decided for a login, the rule that decides it and where it stands.

use std::path::Path;

use mfa_protocol::admin::{
    Considered, Explain, ExplainParameters, Explanation, Status, UserParameters,
};
use mfa_protocol::policy::{Action, RuleField, Source, Unenrolled};
use serde::Serialize;

use crate::args;
use crate::clock::Clock;
use crate::commands::doctor::sshd::gives_names;
use crate::commands::{Verdict, status};
use crate::context::Context;
use crate::failure::Failure;
use crate::table::{field, joined, list, paragraph, table};

pub(crate) fn run(context: &mut Context, args: args::Explain) -> Result<Verdict, Failure> {
    let sshd = args.sshd.program.clone();
    let parameters = ExplainParameters {
        service: args.service().to_owned(),
        user: args.user,
        from: args.from,
        tty: args.tty,
        ruser: args.ruser,
        after: Some(args.after).filter(|methods| !methods.is_empty()),
        operation: args.operation,
        at: args.at,
    };
    let explanation = context.call::<Explain>(&parameters)?.explanation;
    let beware = beware(&explanation, &parameters, &sshd);
    if context.output.is_json() {
        let shown = Shown {
            explanation: &explanation,
            beware,
        };
        context.output.result(&shown, String::new)?;
        return Ok(Verdict::Done);
    }
    // Who asks why a login fails wants to know of a lock before everything else.
    let whose = UserParameters {
        user: Some(explanation.user.clone()),
    };
    let account = context.call::<Status>(&whose)?.account;
    let state = status::state(&account, &Clock::system());
    let operation = parameters.operation.as_deref().unwrap_or_default();
    let head = state + &field("Service", &explanation.service) + &field("Operation", operation);
    let beware = paragraph("Beware", beware.unwrap_or_default());
    context
        .output
        .text(&screen(&explanation, &(head + &beware)))?;
    Ok(Verdict::Done)
}

/// What the agent says, and what this host makes of it.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    explanation: &'a Explanation,
    #[serde(skip_serializing_if = "Option::is_none")]
    beware: Option<&'static str>,
}

/// That a login by sshd will not come from the address that is asked about, where that can be seen and matters.
fn beware(it: &Explanation, asked: &ExplainParameters, sshd: &Path) -> Option<&'static str> {
    let by_address = it
        .considered
        .iter()
        .any(|rule| rule.field == Some(RuleField::From));
    let matters = asked.from.is_some() || by_address;
    let is_sshd = it.service.starts_with("sshd");
    (matters && is_sshd && gives_names(sshd)).then_some(NAMES)
}

const NAMES: &str = "sshd has UseDNS yes, and gives the name of a remote host in place of its address where it finds \
                     one: a rule that denies by address denies every such host, no other rule with from fits it, \
                     and nor does allow-from. In sshd_config: UseDNS no";

/// `head` says what is known of the user and the login before anything is decided.
fn screen(it: &Explanation, head: &str) -> String {
    let mut screen = field("User", &it.user) + head;
    screen += &field("Source", source(it.source));
    screen += &field("Decision", &decision(it));
    screen += &paragraph("Because", &it.reason);
    screen += &field("Rule", it.rule.as_deref().unwrap_or("none"));
    screen += &field("Where", it.place.as_deref().unwrap_or_default());
    screen += &field("Enrolled", &list(&it.enrolled, "nothing"));
    screen += &paragraph("Without", &unenrolled(it));
    screen += &field("Prompting", it.prompting.name());
    for (i, prompt) in it.prompts.iter().enumerate() {
        screen += &field(if i == 0 { "Asked" } else { "" }, &format!("{prompt:?}"));
    }
    screen += &field("Session", &session(it));
    screen += &field("Lockout", &lockout(it));
    if !it.considered.is_empty() {
        screen += "\nRules looked at, in order\n";
        screen += &table(
            ["Rule", "Fits", "Where"],
            it.considered.iter().map(considered),
        );
    }
    screen
}

fn source(source: Source) -> &'static str {
    match source {
        Source::Local => {
            "local: the user stands in /etc/passwd, or in no source that this host knows"
        }
        Source::Federated => "federated: the user does not stand in /etc/passwd",
    }
}

/// What becomes of a user who has none of what is asked for.
fn unenrolled(it: &Explanation) -> String {
    let what = match it.unenrolled {
        Some(Unenrolled::Deny) => "denied",
        Some(Unenrolled::Allow) => "let in",
        Some(Unenrolled::Enroll) => "asked to set up a factor",
        None => "",
    };
    let grace = match it.grace_days_left {
        Some(1) => "let in for 1 day more",
        Some(days) => &format!("let in for {days} days more"),
        None => "",
    };
    match (what, grace) {
        ("", "") => String::new(),
        (what, "") => format!("a user who has set up nothing is {what}"),
        ("", grace) => format!("a user who has set up nothing is {grace}"),
        (what, grace) => format!("a user who has set up nothing is {grace}, then {what}"),
    }
}

fn session(it: &Explanation) -> String {
    match (&it.session, it.action) {
        (Some(length), _) => format!("the same is not asked again for {length}"),
        (None, Action::Ask) => "none: every login is asked".to_owned(),
        (None, _) => String::new(),
    }
}

fn lockout(it: &Explanation) -> String {
    match (it.lockout_attempts, &it.lockout_duration) {
        (Some(attempts), Some(length)) => format!("{attempts} failures lock for {length}"),
        (Some(attempts), None) => format!("{attempts} failures lock"),
        (None, _) => String::new(),
    }
}

fn decision(it: &Explanation) -> String {
    match it.action {
        Action::Ask if it.require.is_empty() => "ask for nothing".to_owned(),
        Action::Ask => format!("ask for {}", joined(&it.require, " or ")),
        Action::Skip => "skip: no second factor is asked for".to_owned(),
        Action::Deny => "deny: the login is refused".to_owned(),
        Action::SeeSettings => it.action.to_string(),
    }
}

fn considered(rule: &Considered) -> [String; 3] {
    let fits = match (rule.fits, rule.field, &rule.reason) {
        (true, ..) => "yes".to_owned(),
        (false, Some(field), Some(reason)) => format!("no: {field}: {reason}"),
        (false, Some(field), None) => format!("no: {field}"),
        (false, None, Some(reason)) => format!("no: {reason}"),
        (false, None, None) => "no".to_owned(),
    };
    [rule.name.clone(), fits, rule.place.clone()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use mfa_protocol::factor::Factor;
    use mfa_protocol::policy::Prompting;

    #[test]
    fn the_screen_names_the_decision_the_rule_and_why_others_do_not_fit() {
        let explanation = Explanation {
            user: "alice".to_owned(),
            service: "openvpn".to_owned(),
            action: Action::Ask,
            rule: Some("vpn".to_owned()),
            place: Some("/etc/mfa/agent.toml:31".to_owned()),
            reason: "rule \"vpn\" is the first that fits".to_owned(),
            require: vec![Factor::Totp.into(), Factor::Pin.into()],
            prompting: Prompting::Single,
            source: Source::Local,
            session: Some("15m".to_owned()),
            unenrolled: Some(Unenrolled::Deny),
            grace_days_left: Some(12),
            grace_since: None,
            grace_until: None,
            not_enrolled: None,
            lockout_attempts: Some(5),
            lockout_duration: Some("1h".to_owned()),
            enrolled: vec![Factor::Totp],
            prompts: vec!["OTP code: ".to_owned(), "PIN:\u{1b} ".to_owned()],
            considered: vec![
                Considered {
                    name: "console break-glass".to_owned(),
                    place: "/etc/mfa/agent.toml:24".to_owned(),
                    fits: false,
                    field: Some(RuleField::Users),
                    reason: Some("alice is not among them".to_owned()),
                },
                Considered {
                    name: "vpn".to_owned(),
                    place: "/etc/mfa/agent.toml:31".to_owned(),
                    fits: true,
                    ..Considered::default()
                },
            ],
        };
        let head = "State       not locked\nService     openvpn\n";
        assert_eq!(screen(&explanation, head), EXPLAINED);
    }

    #[test]
    fn what_does_not_hold_for_a_login_takes_no_line() {
        let explanation = Explanation {
            user: "alice".to_owned(),
            action: Action::Skip,
            source: Source::Federated,
            reason: "the enforcement mode is local-users, and the user is federated".to_owned(),
            prompting: Prompting::Dialogue,
            ..Explanation::default()
        };
        assert_eq!(screen(&explanation, "Service     mfactl\n"), SKIPPED);
    }

    const SKIPPED: &str = "\
User        alice
Service     mfactl
Source      federated: the user does not stand in /etc/passwd
Decision    skip: no second factor is asked for
Because     the enforcement mode is local-users, and the user is federated
Rule        none
Enrolled    nothing
Prompting   dialogue
";

    const EXPLAINED: &str = r#"User        alice
State       not locked
Service     openvpn
Source      local: the user stands in /etc/passwd, or in no source that this host knows
Decision    ask for totp or pin
Because     rule "vpn" is the first that fits
Rule        vpn
Where       /etc/mfa/agent.toml:31
Enrolled    totp
Without     a user who has set up nothing is let in for 12 days more, then
            denied
Prompting   single
Asked       "OTP code: "
            "PIN:\u{1b} "
Session     the same is not asked again for 15m
Lockout     5 failures lock for 1h

Rules looked at, in order
  Rule                 Fits                             Where
  console break-glass  no: users: alice is not among    /etc/mfa/agent.toml:24
                       them
  vpn                  yes                              /etc/mfa/agent.toml:31
"#;
}
