//! Lines that let somebody in past `pam_mfa`, whatever the modules may say.
//!
//! Every return code of every module is tried, as libpam would take it ([`mfa_stacks::paths`]); only what
//! can't be otherwise is supposed.

use mfa_stacks::chain::{Entry, Kind, Place, Step, entries_of};
use mfa_stacks::codes::{AUTH_ERR, IGNORE, NEW_AUTHTOK_REQD, SUCCESS};
use mfa_stacks::modules::{is_other_factor, is_ours, is_password, marks, stem};
use mfa_stacks::parse::Phase;
use mfa_stacks::paths::way_without;

/// Modules that tell who is asked and who is not: a line with one is an administrator's wish.
const GATES: [&str; 7] = [
    "pam_rootok",
    "pam_succeed_if",
    "pam_access",
    "pam_listfile",
    "pam_localuser",
    "pam_wheel",
    "pam_time",
];

/// In the account phase, what lets in whoever is in `/etc/passwd` lets in nearly everybody.
const NO_GATE_OF_ACCOUNTS: &str = "pam_localuser";

/// A line that leads past our module.
pub(super) struct Bypass {
    /// The line.
    pub(super) line: Place,
    /// Whether it is one that is meant to let somebody in.
    pub(super) is_gate: bool,
}

/// The first such line of a phase of `service`; one that nobody meant comes before one that somebody did.
pub(super) fn of<'a>(
    phase: Phase,
    service: &str,
    text: &dyn Fn(&str) -> Option<&'a str>,
) -> Option<Bypass> {
    let entries = entries_of(phase, service, text);
    first(phase, &entries, false).or_else(|| first(phase, &entries, true))
}

fn first(phase: Phase, entries: &[Entry], with_gates: bool) -> Option<Bypass> {
    let checks = |entry: &Entry| {
        module(entry).is_some_and(|step| is_ours(&step.call.module) && !marks(&step.call))
    };
    let ours = entries.iter().position(checks)?;
    let may = |at: usize, code| may(phase, &entries[at], code, with_gates);
    let is_met = |at: usize, code| {
        checks(&entries[at]) && (code == SUCCESS || code == IGNORE)
            || is(&entries[at], is_other_factor) && code == SUCCESS
    };
    let way = way_without(entries, ends(phase), may, is_met)?;
    // What came last before our line, or our line itself where its refusal does not count.
    let (last, _) = way.iter().rfind(|(at, _)| *at <= ours)?;
    let step = module(&entries[*last])?;
    Some(Bypass {
        line: step.place(),
        is_gate: with_gates,
    })
}

/// What lets somebody in. Whose password is too old comes in with a new one, and is not looked at again.
fn ends(phase: Phase) -> &'static [usize] {
    match phase {
        Phase::Account => &[SUCCESS, NEW_AUTHTOK_REQD],
        Phase::Auth | Phase::Session | Phase::Password => &[SUCCESS],
    }
}

/// Whether the module of an entry can say this. A module that checks passwords never says `ignore`.
fn may(phase: Phase, entry: &Entry, code: usize, with_gates: bool) -> bool {
    let Some(step) = module(entry) else {
        return true;
    };
    match stem(&step.call.module) {
        _ if marks(&step.call) => code == IGNORE,
        _ if is_ours(&step.call.module) => code != NEW_AUTHTOK_REQD,
        "pam_permit" => code == SUCCESS,
        "pam_deny" => code == AUTH_ERR,
        "pam_faillock" if step.call.arguments.iter().any(|word| word == "authfail") => {
            code == AUTH_ERR
        }
        NO_GATE_OF_ACCOUNTS if phase == Phase::Account => true,
        // Without gates those say what they say to everybody else, whichever that is.
        gate if GATES.contains(&gate) && !with_gates => !leaves(step, code),
        _ => !is_password(&step.call.module) || code != IGNORE,
    }
}

/// Whether the login leaves the order of the lines by this code.
fn leaves(step: &Step, code: usize) -> bool {
    let result = mfa_stacks::codes::CODES.get(code).copied();
    let action = step.call.control.on(result.unwrap_or_default());
    action == "done" || action.parse::<usize>().is_ok()
}

fn is(entry: &Entry, fits: impl Fn(&str) -> bool) -> bool {
    module(entry).is_some_and(|step| fits(&step.call.module))
}

fn module(entry: &Entry) -> Option<&Step> {
    match &entry.kind {
        Kind::Module(step) => Some(step),
        Kind::Substack | Kind::Broken(_) | Kind::Stopped(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(stack: &str) -> Option<(usize, bool)> {
        found_in(Phase::Auth, stack)
    }

    fn found_in(phase: Phase, stack: &str) -> Option<(usize, bool)> {
        let bypass = of(phase, "x", &|_| Some(stack))?;
        Some((bypass.line.number, bypass.is_gate))
    }

    #[test]
    fn a_line_that_leads_past_the_code_is_found() {
        let ours = "auth [success=ok ignore=ignore default=die] pam_mfa.so\n";
        for (lines, expected) in [
            ("auth required pam_unix.so\n", None),
            ("auth sufficient pam_unix.so\n", Some((1, false))),
            (
                "auth sufficient pam_rootok.so\nauth required pam_unix.so\n",
                Some((1, true)),
            ),
            (
                "auth required pam_unix.so\nauth sufficient pam_faillock.so authsucc\n",
                Some((2, false)),
            ),
            (
                "auth sufficient pam_u2f.so\nauth required pam_unix.so\n",
                None,
            ),
        ] {
            assert_eq!(found(&format!("{lines}{ours}")), expected, "{lines}");
        }
        let jump = format!(
            "auth [success=2 default=ignore] pam_unix.so\nauth requisite pam_deny.so\n{ours}auth required pam_permit.so\n"
        );
        assert_eq!(found(&jump), Some((1, false)));
    }

    #[test]
    fn an_account_line_that_is_no_check_is_found() {
        let ours = "account required pam_mfa.so\n";
        for (lines, expected) in [
            (ours.to_owned(), None),
            (format!("account required pam_nologin.so\n{ours}"), None),
            (
                "account optional pam_mfa.so\naccount required pam_unix.so\n".to_owned(),
                Some((1, false)),
            ),
            (
                format!("account sufficient pam_unix.so\n{ours}"),
                Some((1, false)),
            ),
            (
                format!("account sufficient pam_localuser.so\n{ours}"),
                Some((1, false)),
            ),
            (
                format!("account sufficient pam_access.so\n{ours}"),
                Some((1, true)),
            ),
            // As Debian has it: whose password is too old passes the rest by.
            (
                format!(
                    "account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\n\
                     account requisite pam_deny.so\naccount required pam_permit.so\n{ours}"
                ),
                Some((1, false)),
            ),
        ] {
            assert_eq!(found_in(Phase::Account, &lines), expected, "{lines}");
        }
    }
}
