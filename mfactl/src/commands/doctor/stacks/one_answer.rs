//! Whether a stack and the rules for its service expect the same number of answers.

use mfa_protocol::admin::{ServiceAsk, ServiceTerms};
use mfa_protocol::login::Authtok;

use super::files::Files;
use super::{Check, NAME, arguments};

/// The contradictions of all services.
pub(super) fn checks(files: &Files, terms: &[ServiceTerms]) -> Vec<Check> {
    let of = |terms: &ServiceTerms| {
        let (place, authtok) = arguments::asking_line(&terms.service, files)?;
        let at = files.place(&place);
        let checks = terms.asks.iter().filter_map(|ask| {
            let (what, remedy) = mismatch(ask, authtok)?;
            let by = match &ask.place {
                Some(place) => format!("{} ({place})", ask.by),
                None => ask.by.clone(),
            };
            let message = format!("{}: {by} {what} ({at})", terms.service);
            Some(Check::problem(NAME, message, remedy))
        });
        Some(checks.collect::<Vec<_>>())
    };
    terms.iter().filter_map(of).flatten().collect()
}

fn mismatch(ask: &ServiceAsk, authtok: Authtok) -> Option<(&'static str, &'static str)> {
    match authtok {
        Authtok::None if ask.single => Some((TWO_PROMPTS, OWN_FILE)),
        Authtok::None => None,
        _ if !ask.one_answer => Some((NO_ROOM, ONE_CODE)),
        _ => None,
    }
}

const TWO_PROMPTS: &str = "has prompting = \"single\", but the line of pam_mfa.so takes no password, so every login of \
                           a single-prompt program fails";
const OWN_FILE: &str = "give the service its own file after /usr/share/doc/pam-mfa/examples/pam.d/password+code, with \
                        the line before the password and with forward_pass; or remove prompting from the rule";
const NO_ROOM: &str = "requires more than fits into one answer, but the line of pam_mfa.so takes password and code \
                       in one answer, so these logins are denied";
const ONE_CODE: &str = "write a rule for the service with require = [\"totp\"], or move the line after the \
                        password, without arguments";

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn said(stack: &str, single: bool, one_answer: bool) -> Vec<Check> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("vsftpd"), stack).unwrap();
        let files = Files::read(&[folder.path().to_owned()]);
        let terms = ServiceTerms {
            service: "vsftpd".to_owned(),
            asks: vec![ServiceAsk {
                by: "rule \"ftp\"".to_owned(),
                place: Some("ftp.toml:1".to_owned()),
                single,
                one_answer,
                seconds: 30,
            }],
            ..ServiceTerms::default()
        };
        checks(&files, &[terms])
    }

    #[test]
    fn a_rule_for_one_answer_needs_a_line_that_takes_the_password_and_the_other_way_round() {
        let after = "auth requisite pam_unix.so\nauth required pam_mfa.so\n";
        let before =
            "auth required pam_mfa.so forward_pass\nauth required pam_unix.so use_first_pass\n";
        for (stack, single, one_answer, words) in [
            (after, true, true, Some(TWO_PROMPTS)),
            (after, false, false, None),
            (before, true, true, None),
            (before, false, true, None),
            (before, false, false, Some(NO_ROOM)),
        ] {
            let checks = said(stack, single, one_answer);
            let told = checks.first().map(|check| check.message.as_str());
            match (told, words) {
                (None, None) => {}
                (Some(told), Some(words)) => {
                    assert!(
                        told.starts_with("vsftpd: rule \"ftp\" (ftp.toml:1) "),
                        "{told}"
                    );
                    assert!(told.contains(words) && told.contains("/vsftpd:"), "{told}");
                }
                other => panic!("{stack} {single} {one_answer}: {other:?}"),
            }
        }
    }
}
