//! `mfactl config check`: what is wrong or strange about the agent's settings, before they are loaded.
//!
//! The agent reads its own files, since nobody else may; this prints what it says of them, and what sshd makes of
//! rules that go by addresses.

use std::path::Path;

use mfa_protocol::admin::{
    AddressRule, CheckConfig, CheckConfigReply, Finding, Refused, Severity, Terms, TermsParameters,
};

use crate::args::Config;
use crate::commands::Verdict;
use crate::commands::doctor::sshd::gives_names;
use crate::commands::findings::{errors, said};
use crate::context::Context;
use crate::failure::Failure;
use crate::host;
use crate::output::{clean, clean_lines};

pub(crate) fn run(context: &mut Context, what: Config) -> Result<Verdict, Failure> {
    match what {
        Config::Check(sshd) => check(context, &sshd.program),
    }
}

fn check(context: &mut Context, sshd: &Path) -> Result<Verdict, Failure> {
    let mut reply = context.call::<CheckConfig>(&host::parameters())?;
    if reply.valid && gives_names(sshd) {
        let rules = by_address(context)?;
        reply.findings.extend(rules.iter().map(in_vain));
    }
    context.output.result(&reply, || screen(&reply))?;
    Ok(if reply.valid && errors(&reply).next().is_none() {
        Verdict::Done
    } else {
        Verdict::Refused
    })
}

/// The rules of the files that go by the address of who logs in by sshd.
fn by_address(context: &mut Context) -> Result<Vec<AddressRule>, Failure> {
    let parameters = TermsParameters {
        services: vec!["sshd".to_owned()],
        from_files: true,
    };
    let terms = context.call::<Terms>(&parameters)?.terms.into_iter();
    Ok(terms.flat_map(|terms| terms.by_address).collect())
}

/// sshd's own settings are not the agent's, so that it can't know of this.
fn in_vain(rule: &AddressRule) -> Finding {
    let AddressRule { name, denies, .. } = rule;
    let consequence = match denies {
        true => "it denies every host that has a name, whatever its address",
        false => "it does not fit a host that has a name",
    };
    Finding {
        severity: Severity::Warning,
        place: Some(rule.place.clone()),
        message: format!(
            "rule {name:?} can't hold for sshd: \"from\" needs an address, and with UseDNS yes sshd gives the name \
             of the remote host, so that {consequence}; in sshd_config: UseDNS no"
        ),
    }
}

fn screen(reply: &CheckConfigReply) -> String {
    let mut screen: String = reply.findings.iter().map(line).collect();
    screen += &refused(reply);
    let file = clean(&reply.file);
    screen += &match (reply.valid, errors(reply).next(), reply.findings.is_empty()) {
        (false, ..) => {
            format!("{file}: can't be put in force; a reload would keep the settings that are\n")
        }
        (true, Some(_), _) => format!("{file}: could be put in force, but see the errors first\n"),
        (true, None, false) => format!("{file}: could be put in force\n"),
        (true, None, true) => format!("{file}: nothing wrong\n"),
    };
    screen
}

/// Who is let in nowhere, by name.
fn refused(reply: &CheckConfigReply) -> String {
    let name = |refused: &Refused| match refused.administers {
        true => format!("{} (administers this host)", clean(&refused.user)),
        false => clean(&refused.user).into_owned(),
    };
    let names: Vec<String> = reply.refused.iter().map(name).collect();
    let more = match reply.refused_more {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match names.is_empty() {
        true => String::new(),
        false => format!(
            "refused wherever pam_mfa asks: {}{more}\n",
            names.join(", ")
        ),
    }
}

/// What keeps the settings from being put in force, or somebody from logging in.
fn line(finding: &Finding) -> String {
    let severity = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    format!("{severity}: {}\n", clean_lines(&said(finding)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(severity: Severity, place: Option<&str>, message: &str) -> Finding {
        Finding {
            severity,
            place: place.map(str::to_owned),
            message: message.to_owned(),
        }
    }

    fn reply(valid: bool, findings: Vec<Finding>) -> CheckConfigReply {
        CheckConfigReply {
            file: "/etc/mfa/agent.toml".to_owned(),
            valid,
            findings,
            ..CheckConfigReply::default()
        }
    }

    #[test]
    fn findings_are_listed_with_their_place_and_what_they_come_to() {
        let warning = finding(Severity::Warning, Some("a.toml:7"), "rule \"x\" never fits");
        let error = finding(
            Severity::Error,
            None,
            "every administrator is locked out\u{7}",
        );
        assert_eq!(
            screen(&reply(true, vec![])),
            "/etc/mfa/agent.toml: nothing wrong\n"
        );
        assert_eq!(
            screen(&reply(true, vec![warning.clone()])),
            "warning: a.toml:7: rule \"x\" never fits\n/etc/mfa/agent.toml: could be put in force\n"
        );
        assert_eq!(
            screen(&reply(true, vec![warning, error])),
            "warning: a.toml:7: rule \"x\" never fits\n\
             error: every administrator is locked out\\u{7}\n\
             /etc/mfa/agent.toml: could be put in force, but see the errors first\n"
        );
    }

    #[test]
    fn who_is_refused_is_listed_by_name_and_administrators_are_marked() {
        let refused = |user: &str, administers| Refused {
            user: user.to_owned(),
            administers,
        };
        let reply = CheckConfigReply {
            refused: vec![refused("anna", true), refused("bob", false)],
            refused_more: 3,
            ..reply(true, vec![])
        };
        assert_eq!(
            screen(&reply),
            "refused wherever pam_mfa asks: anna (administers this host), bob and 3 more\n\
             /etc/mfa/agent.toml: nothing wrong\n"
        );
    }

    #[test]
    fn settings_that_can_t_be_put_in_force_are_never_called_right() {
        let screen = screen(&reply(false, vec![]));
        assert!(screen.contains("can't be put in force"), "{screen}");
    }
}
