//! Services whose programs can't hold a conversation: they give one answer to every prompt.

use mfa_protocol::admin::ServiceTerms;
use mfa_protocol::login::Authtok;

use super::files::Files;
use super::{Check, EXAMPLES, NAME, arguments};

/// A program, by the name of its PAM service: the stack of `config/pam.d` for it, and its page in
/// `docs/programs`.
struct Program {
    service: &'static str,
    name: &'static str,
    stack: &'static str,
    page: &'static str,
}

const fn program(
    service: &'static str,
    name: &'static str,
    stack: &'static str,
    page: &'static str,
) -> Program {
    Program {
        service,
        name,
        stack,
        page,
    }
}

/// Each was driven with a stack that asks twice. saslauthd asks under the name of the service that it
/// answers for.
const PROGRAMS: [Program; 15] = [
    program("apache", "Apache's mod_authnz_pam", "apache", "apache"),
    program("dovecot", "Dovecot", "dovecot", "dovecot"),
    program("httpd", "Apache's mod_authnz_pam", "apache", "apache"),
    program("i3lock", "i3lock", "i3lock", "screen-lockers"),
    program("imap", "saslauthd", "smtp", "saslauthd"),
    program("ldap", "saslauthd", "smtp", "saslauthd"),
    program("pop", "saslauthd", "smtp", "saslauthd"),
    program("postgresql", "PostgreSQL", "postgresql", "postgresql"),
    program("proftpd", "ProFTPD", "proftpd", "ftp"),
    program("radiusd", "FreeRADIUS", "radiusd", "freeradius"),
    program("sieve", "saslauthd", "smtp", "saslauthd"),
    program("smtp", "saslauthd", "smtp", "saslauthd"),
    program("squid", "Squid", "squid", "squid"),
    program("vsftpd", "vsftpd", "vsftpd", "ftp"),
    program("xrdp-sesman", "xrdp", "xrdp-sesman", "xrdp"),
];

/// The services that ask for a code in a prompt of its own, which their programs have no answer for. A
/// rule with `prompting = "single"` is compared with the stack elsewhere.
pub(super) fn checks(files: &Files, terms: &[ServiceTerms]) -> Vec<Check> {
    terms
        .iter()
        .filter_map(|terms| check(files, terms))
        .collect()
}

fn check(files: &Files, terms: &ServiceTerms) -> Option<Check> {
    let service = &terms.service;
    let program = PROGRAMS.iter().find(|program| program.service == service)?;
    let (place, authtok) = arguments::asking_line(service, files)?;
    if authtok != Authtok::None || terms.asks.is_empty() || terms.asks.iter().any(|ask| ask.single)
    {
        return None;
    }
    let message = format!(
        "{service}: {} gives one answer to every prompt, and pam_mfa.so asks for the code in a prompt of its own ({}): \
         users who need a code can't log in",
        program.name,
        files.place(&place)
    );
    let remedy = format!(
        "copy {EXAMPLES}/{} to /etc/pam.d/{service}, and write a rule with services = [\"{service}\"], \
         require = [\"totp\"] and prompting = \"single\" (/usr/share/doc/pam-mfa/docs/programs/{}.md)",
        program.stack, program.page
    );
    Some(Check::problem(NAME, message, remedy))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use mfa_protocol::admin::ServiceAsk;

    use super::*;

    const AFTER: &str = "auth requisite pam_unix.so\nauth required pam_mfa.so\n";
    const BEFORE: &str =
        "auth required pam_mfa.so forward_pass\nauth required pam_unix.so use_first_pass\n";

    fn said(service: &str, stack: &str, asks: &[bool]) -> Vec<Check> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(service), stack).unwrap();
        let files = Files::read(&[folder.path().to_owned()]);
        let ask = |single: &bool| ServiceAsk {
            by: "[policy]".to_owned(),
            place: None,
            single: *single,
            one_answer: true,
            seconds: 30,
        };
        let terms = ServiceTerms {
            service: service.to_owned(),
            asks: asks.iter().map(ask).collect(),
            ..ServiceTerms::default()
        };
        checks(&files, &[terms])
    }

    #[test]
    fn a_program_that_asks_once_needs_the_stack_for_it() {
        let checks = said("vsftpd", AFTER, &[false]);
        assert!(
            checks[0].message.contains("vsftpd gives one answer"),
            "{}",
            checks[0].message
        );
        let remedy = checks[0].remedy.as_deref().unwrap();
        assert!(remedy.contains("services = [\"vsftpd\"]"), "{remedy}");
        for (service, stack, asks) in [
            ("vsftpd", BEFORE, &[false][..]),
            ("vsftpd", AFTER, &[]),
            ("vsftpd", AFTER, &[true]),
            ("sshd", AFTER, &[false]),
        ] {
            assert!(said(service, stack, asks).is_empty(), "{service} {asks:?}");
        }
    }

    #[test]
    fn every_program_has_its_stack_and_its_page() {
        let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for program in &PROGRAMS {
            assert!(
                tree.join("config/pam.d").join(program.stack).exists(),
                "{}",
                program.stack
            );
            let page = format!("docs/programs/{}.md", program.page);
            assert!(tree.join(&page).exists(), "{page}");
        }
        assert!(PROGRAMS.is_sorted_by_key(|program| program.service));
    }
}
