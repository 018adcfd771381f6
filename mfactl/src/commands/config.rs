//! `mfactl config check`: checks the agent's settings before they are loaded.
//!
//! The agent reads its own files, since no other user may. This prints its findings, and adds rules by address that
//! sshd's settings defeat.

use std::path::Path;

use mfa_protocol::admin::{
    AddressRule, CheckConfig, CheckConfigReply, Finding, Refused, Severity, Terms, TermsParameters,
};

use crate::args::Config;
use crate::commands::Verdict;
use crate::commands::asking::{Asking, alone};
use crate::commands::doctor::sshd::gives_names;
use crate::commands::doctor::stacks::files::Files;
use crate::commands::findings::{errors, said, said_of_host};
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
    let files = Files::read(context.pam_dir());
    let asking = Asking::of(&files, SERVICE);
    let alone = alone(sshd, &files, SERVICE, None);
    context
        .output
        .result(&reply, || screen(&reply, asking, alone.as_deref()))?;
    Ok(if reply.valid && errors(&reply).next().is_none() {
        Verdict::Done
    } else {
        Verdict::Refused
    })
}

/// The service whose logins by address are checked, and whose reason is shown.
const SERVICE: &str = "sshd";

/// The rules of the files that match sshd logins by address.
fn by_address(context: &mut Context) -> Result<Vec<AddressRule>, Failure> {
    let parameters = TermsParameters {
        services: vec![SERVICE.to_owned()],
        from_files: true,
    };
    let terms = context.call::<Terms>(&parameters)?.terms.into_iter();
    Ok(terms.flat_map(|terms| terms.by_address).collect())
}

/// The agent does not know sshd's settings.
fn in_vain(rule: &AddressRule) -> Finding {
    let AddressRule { name, denies, .. } = rule;
    let consequence = match denies {
        true => "the rule denies every host that has a name, whatever its address",
        false => "the rule does not match hosts that have a name",
    };
    Finding {
        severity: Severity::Warning,
        place: Some(rule.place.clone()),
        message: format!(
            "rule {name:?} can't work for sshd: \"from\" needs an address, but with UseDNS yes sshd passes the name of \
             the remote host, so {consequence}. Fix: UseDNS no in sshd_config"
        ),
    }
}

/// `alone` is what lets users in through sshd without the agent, such as "a key alone".
fn screen(reply: &CheckConfigReply, asking: Asking, alone: Option<&str>) -> String {
    let findings = reply.findings.iter();
    let mut screen: String = findings
        .map(|finding| line(reply, finding, asking))
        .collect();
    screen += &refused(reply, asking, alone);
    let is_warning = |finding: &&Finding| finding.severity == Severity::Warning;
    let warnings = reply.findings.iter().filter(is_warning).count();
    let warnings = warnings + usize::from(!reply.refused.is_empty());
    screen += &files(reply);
    screen += &match (reply.valid, errors(reply).next(), warnings) {
        (false, ..) => ": invalid; a reload would keep the current settings\n".to_owned(),
        (true, Some(_), _) => ": valid, but fix the errors above first\n".to_owned(),
        (true, None, 0) => ": valid, no findings\n".to_owned(),
        (true, None, 1) => ": valid; 1 warning\n".to_owned(),
        (true, None, warnings) => format!(": valid; {warnings} warnings\n"),
    };
    screen
}

/// The most files that are named; of more, the first is, and their number.
const MOST_NAMED: usize = 4;

/// All files that were checked.
fn files(reply: &CheckConfigReply) -> String {
    let names: Vec<_> = reply.files.iter().map(|name| clean(name)).collect();
    match &names[..] {
        [] | [_] => clean(&reply.file).into_owned(),
        [first, rest @ ..] if names.len() > MOST_NAMED => {
            format!("{first} and {} files of agent.d", rest.len())
        }
        [but_last @ .., last] => format!("{} and {last}", but_last.join(", ")),
    }
}

/// The users that no service lets in.
fn refused(reply: &CheckConfigReply, asking: Asking, alone: Option<&str>) -> String {
    let name = |refused: &Refused| match refused.administers {
        true => format!("{} (administrator)", clean(&refused.user)),
        false => clean(&refused.user).into_owned(),
    };
    let names: Vec<String> = reply.refused.iter().map(name).collect();
    let more = match reply.refused_more {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    if names.is_empty() {
        return String::new();
    }
    let once = asking.once(SERVICE).map(|once| format!("{once}, "));
    let (with, alone) = match alone {
        Some(alone) => (
            " with a password",
            format!(" Through sshd, {alone} still lets them in."),
        ),
        None => ("", String::new()),
    };
    format!(
        "warning: {}these users can't log in{with}: {}{more}.{alone} Enrol them: mfactl enroll totp USER. See \
         the reason: mfactl explain --user USER --service {SERVICE}\n",
        once.unwrap_or_default(),
        names.join(", ")
    )
}

/// "error: …" or "warning: …".
fn line(reply: &CheckConfigReply, finding: &Finding, asking: Asking) -> String {
    let severity = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let said = match finding.severity {
        Severity::Error => said_of_host(reply, finding, asking != Asking::Nowhere),
        Severity::Warning => said(finding),
    };
    format!("{severity}: {}\n", clean_lines(&said))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(reply: &CheckConfigReply) -> String {
        super::screen(reply, Asking::Asks, None)
    }

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
            "/etc/mfa/agent.toml: valid, no findings\n"
        );
        assert_eq!(
            screen(&reply(true, vec![warning.clone()])),
            "warning: a.toml:7: rule \"x\" never fits\n/etc/mfa/agent.toml: valid; 1 warning\n"
        );
        assert_eq!(
            screen(&reply(true, vec![warning, error])),
            "warning: a.toml:7: rule \"x\" never fits\n\
             error: every administrator is locked out\\u{7}\n\
             /etc/mfa/agent.toml: valid, but fix the errors above first\n"
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
            "warning: these users can't log in: anna (administrator), bob and 3 more. Enrol them: \
             mfactl enroll totp USER. See the reason: mfactl explain --user USER --service sshd\n\
             /etc/mfa/agent.toml: valid; 1 warning\n"
        );
        let before = super::screen(&reply, Asking::Nowhere, None);
        let start = "warning: once pam_mfa is in a PAM stack (now it is in none), these users can't log in: anna";
        assert!(before.starts_with(start), "{before}");
        let with_a_key = super::screen(&reply, Asking::Asks, Some("a key alone"));
        let start = "warning: these users can't log in with a password: anna (administrator), bob and 3 more. \
                     Through sshd, a key alone still lets them in. Enrol them: ";
        assert!(with_a_key.starts_with(start), "{with_a_key}");
    }

    #[test]
    fn before_a_stack_asks_administrators_would_be_locked_out_once_it_does() {
        let said = |valid, place, asking| {
            let message = "no administrator of this host could log in";
            let reply = reply(valid, vec![finding(Severity::Error, place, message)]);
            super::screen(&reply, asking, None)
        };
        assert!(said(true, Some("a.toml:7"), Asking::Nowhere).starts_with(
            "error: a.toml:7: once pam_mfa is in a PAM stack (now it is in none), no \
                 administrator of this host could log in\n"
        ));
        for text in [
            said(true, None, Asking::OtherServices),
            said(true, None, Asking::Asks),
            said(false, None, Asking::Nowhere),
        ] {
            assert!(text.starts_with("error: no administrator"), "{text}");
        }
    }

    #[test]
    fn every_file_that_was_checked_is_named() {
        let files = |count: usize| {
            let drop_ins = (1..count).map(|n| format!("/etc/mfa/agent.d/{n}.toml"));
            let first = std::iter::once("/etc/mfa/agent.toml".to_owned());
            let files = first.chain(drop_ins).collect();
            screen(&CheckConfigReply {
                files,
                ..reply(true, vec![])
            })
        };
        assert_eq!(files(1), "/etc/mfa/agent.toml: valid, no findings\n");
        assert_eq!(
            files(2),
            "/etc/mfa/agent.toml and /etc/mfa/agent.d/1.toml: valid, no findings\n"
        );
        assert_eq!(
            files(9),
            "/etc/mfa/agent.toml and 8 files of agent.d: valid, no findings\n"
        );
    }

    #[test]
    fn settings_that_can_t_be_put_in_force_are_never_called_right() {
        let screen = screen(&reply(false, vec![]));
        assert!(screen.contains("agent.toml: invalid;"), "{screen}");
    }
}
