//! Our lines in the account phase, which refuse a login without a ticket of the `auth` line.

use mfa_stacks::chain::{Place, steps, steps_of};
use mfa_stacks::modules::{asks, is_ours};
use mfa_stacks::parse::Phase;

/// Why nobody passes an account line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unmet {
    /// The `auth` line leaves no ticket.
    NoTicket,
    /// There is no `auth` line that could.
    NoCode,
}

/// Our account line of `service`.
pub(super) fn line<'a>(service: &str, text: &dyn Fn(&str) -> Option<&'a str>) -> Option<Place> {
    let steps = steps_of(Phase::Account, service, text);
    let ours = steps.iter().find(|step| is_ours(&step.call.module));
    ours.map(|step| step.place())
}

/// Our account line, if it refuses a login that passed a code.
pub(super) fn unmet<'a>(
    service: &str,
    text: &dyn Fn(&str) -> Option<&'a str>,
) -> Option<(Unmet, Place)> {
    let line = line(service, text)?;
    let own = steps(service, text);
    // Without a line of that phase libpam goes by those of "other".
    let steps = match own.is_empty() {
        true => steps("other", text),
        false => own,
    };
    let Some(code) = steps.iter().find(|step| asks(&step.call)) else {
        return Some((Unmet::NoCode, line));
    };
    let mut arguments = code.call.arguments.iter();
    let leaves = arguments.any(|word| word == "ticket");
    (!leaves).then_some((Unmet::NoTicket, line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_line_needs_an_auth_line_that_leaves_a_ticket() {
        let found =
            |text: &str| unmet("x", &|_| Some(text)).map(|(why, place)| (why, place.number));
        let account = "account required pam_mfa.so\n";
        for (auth, expected) in [
            ("auth required pam_mfa.so ticket\n", None),
            ("auth required pam_mfa.so\n", Some((Unmet::NoTicket, 2))),
            ("auth required pam_unix.so\n", Some((Unmet::NoCode, 2))),
        ] {
            assert_eq!(found(&format!("{auth}{account}")), expected, "{auth}");
            assert_eq!(found(auth), None);
        }
    }
}
