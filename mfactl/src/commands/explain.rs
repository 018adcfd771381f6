//! `mfactl explain`: what would be decided for a login, the rule that decides it and where it stands.

use mfa_protocol::admin::{
    Considered, Explain, ExplainParameters, Explanation, Status, UserParameters,
};

use crate::args;
use crate::clock::Clock;
use crate::commands::{Verdict, status};
use crate::context::Context;
use crate::failure::Failure;
use crate::table::{field, list, table};

pub(crate) fn run(context: &mut Context, args: args::Explain) -> Result<Verdict, Failure> {
    let parameters = ExplainParameters {
        user: args.user,
        service: args.service,
        from: args.from,
        tty: args.tty,
        ..ExplainParameters::default()
    };
    let explanation = context.call::<Explain>(&parameters)?.explanation;
    if context.output.is_json() {
        context.output.result(&explanation, String::new)?;
        return Ok(Verdict::Done);
    }
    // Who asks why a login fails wants to know of a lock before everything else.
    let parameters = UserParameters {
        user: Some(explanation.user.clone()),
    };
    let account = context.call::<Status>(&parameters)?.account;
    let state = status::state(&account, &Clock::system());
    context.output.text(&screen(&explanation, &state))?;
    Ok(Verdict::Done)
}

fn screen(it: &Explanation, state: &str) -> String {
    let mut screen = field("User", &it.user) + state;
    screen += &field("Service", &it.service);
    screen += &field("Decision", &decision(it));
    screen += &field("Because", &it.reason);
    screen += &field("Rule", it.rule.as_deref().unwrap_or("none"));
    screen += &field("Where", it.place.as_deref().unwrap_or_default());
    screen += &field("Enrolled", &list(&it.enrolled, "nothing"));
    screen += &field("Prompting", &it.prompting);
    for (i, prompt) in it.prompts.iter().enumerate() {
        screen += &field(if i == 0 { "Asked" } else { "" }, &format!("{prompt:?}"));
    }
    if !it.considered.is_empty() {
        screen += "\nRules looked at, in order\n";
        screen += &table(
            ["Rule", "Fits", "Where"],
            it.considered.iter().map(considered),
        );
    }
    screen
}

fn decision(it: &Explanation) -> String {
    match it.action.as_str() {
        "ask" => format!(
            "ask for {}",
            list(&it.require, "nothing").replace(", ", " or ")
        ),
        "skip" => "skip: no second factor is asked for".to_owned(),
        "deny" => "deny: the login is refused".to_owned(),
        other => other.to_owned(),
    }
}

fn considered(rule: &Considered) -> [String; 3] {
    let fits = match (rule.fits, &rule.field, &rule.reason) {
        (true, ..) => "yes".to_owned(),
        (false, Some(field), Some(reason)) => format!("no: {field}: {reason}"),
        (false, Some(text), None) | (false, None, Some(text)) => format!("no: {text}"),
        (false, None, None) => "no".to_owned(),
    };
    [rule.name.clone(), fits, rule.place.clone()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_screen_names_the_decision_the_rule_and_why_others_do_not_fit() {
        let explanation = Explanation {
            user: "alice".to_owned(),
            service: "openvpn".to_owned(),
            action: "ask".to_owned(),
            rule: Some("vpn".to_owned()),
            place: Some("/etc/mfa/agent.toml:31".to_owned()),
            reason: "rule \"vpn\" is the first that fits".to_owned(),
            require: vec!["totp".to_owned(), "pin".to_owned()],
            prompting: "single".to_owned(),
            enrolled: vec!["totp".to_owned()],
            prompts: vec!["OTP code: ".to_owned(), "PIN:\u{1b} ".to_owned()],
            considered: vec![
                Considered {
                    name: "console break-glass".to_owned(),
                    place: "/etc/mfa/agent.toml:24".to_owned(),
                    fits: false,
                    field: Some("users".to_owned()),
                    reason: Some("alice is not among them".to_owned()),
                },
                Considered {
                    name: "vpn".to_owned(),
                    place: "/etc/mfa/agent.toml:31".to_owned(),
                    fits: true,
                    ..Considered::default()
                },
            ],
            ..Explanation::default()
        };
        assert_eq!(screen(&explanation, "State       not locked\n"), EXPLAINED);
    }

    const EXPLAINED: &str = r#"User        alice
State       not locked
Service     openvpn
Decision    ask for totp or pin
Because     rule "vpn" is the first that fits
Rule        vpn
Where       /etc/mfa/agent.toml:31
Enrolled    totp
Prompting   single
Asked       "OTP code: "
            "PIN:\u{1b} "

Rules looked at, in order
  Rule                 Fits                             Where
  console break-glass  no: users: alice is not among    /etc/mfa/agent.toml:24
                       them
  vpn                  yes                              /etc/mfa/agent.toml:31
"#;
}
