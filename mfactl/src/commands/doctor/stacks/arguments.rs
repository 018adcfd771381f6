//! Our own lines: arguments that the module refuses, phases in which it does nothing, and a second line that asks
//! again.

use std::collections::BTreeMap;

use mfa_protocol::arguments::{ArgumentError, Arguments, OnUnavailable};
use mfa_protocol::login::Authtok;
use mfa_stacks::chain::{Place, Step, steps, steps_of};
use mfa_stacks::modules::{asks, is_ours, is_password};
use mfa_stacks::parse::{Call, Phase};

use super::files::Files;
use super::walk::{Result as Says, leads_to};
use super::{Check, NAME, names};

/// What is wrong with our lines in these services.
pub(super) fn checks(files: &Files, services: &[&str]) -> Vec<Check> {
    let mut found: BTreeMap<(Vec<Place>, Wrong), Vec<&str>> = BTreeMap::new();
    for service in services {
        for wrong in of(service, files) {
            found.entry(wrong).or_default().push(service);
        }
    }
    let said = |((places, wrong), services): (&(Vec<Place>, Wrong), &Vec<&str>)| {
        let at: Vec<_> = places.iter().map(|place| files.place(place)).collect();
        let (services, at) = (names(services), at.join(" and "));
        let (what, remedy) = wrong.said();
        Check::problem(NAME, format!("{services}: {what} ({at})"), remedy)
    };
    found.iter().map(said).collect()
}

/// The line of `service` that asks, and how it uses earlier answers; none if no line asks, or if the module refuses
/// its arguments.
pub(super) fn asking_line(service: &str, files: &Files) -> Option<(Place, Authtok)> {
    let steps = steps(service, &|name| files.text(name));
    let ours = steps.iter().find(|step| asks(&step.call))?;
    let arguments = parsed(Phase::Auth, &ours.call).ok()?;
    Some((ours.place(), arguments.authtok()))
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wrong {
    Argument(String),
    Idle(Phase),
    Twice,
    /// `on_unavailable=ignore` with a time-out that a restart of the agent outlasts.
    Impatient,
    /// `use_first_pass` after a module that has already checked the answer.
    NothingLeft,
}

impl Wrong {
    fn said(&self) -> (String, &'static str) {
        match self {
            Self::Argument(why) => (
                format!("pam_mfa.so refuses every login by this line: {why}"),
                "see the arguments: man pam_mfa",
            ),
            Self::Idle(phase) => (
                format!("pam_mfa.so checks nothing in the {} phase", phase.name()),
                "remove the line; pam_mfa.so works on auth and account lines",
            ),
            Self::Twice => (
                "a login is asked for two codes, and the first one does not work twice".to_owned(),
                "remove one of the two lines",
            ),
            Self::Impatient => (
                "a login during a restart of mfa-agent may succeed without the code, because timeout= is shorter than a \
                 restart"
                    .to_owned(),
                "remove timeout=, or raise it to 10, or remove on_unavailable=ignore",
            ),
            Self::NothingLeft => (
                "use_first_pass finds no code, because the password before it has none"
                    .to_owned(),
                "remove use_first_pass, or move the line before the password, with forward_pass",
            ),
        }
    }
}

fn of(service: &str, files: &Files) -> Vec<(Vec<Place>, Wrong)> {
    let text = |name: &str| files.text(name);
    let mut found = Vec::new();
    for phase in Phase::ALL {
        let steps = steps_of(phase, service, &text);
        for step in steps.iter().filter(|step| is_ours(&step.call.module)) {
            let wrong = match parsed(phase, &step.call) {
                _ if matches!(phase, Phase::Session | Phase::Password) => Wrong::Idle(phase),
                Err(error) => Wrong::Argument(shown(&error)),
                Ok(arguments) if is_impatient(&arguments) => Wrong::Impatient,
                Ok(_) => continue,
            };
            found.push((vec![step.place()], wrong));
        }
        if phase == Phase::Auth {
            found.extend(twice(&steps));
            found.extend(nothing_left(&steps));
        }
    }
    found
}

fn is_impatient(arguments: &Arguments) -> bool {
    arguments.on_unavailable() == OnUnavailable::Ignore && !arguments.outlasts_restart()
}

fn parsed(phase: Phase, call: &Call) -> Result<Arguments, ArgumentError> {
    let words = call.arguments.iter().map(|word| word.as_bytes());
    match phase {
        Phase::Account => Arguments::parse_account(words),
        Phase::Auth | Phase::Session | Phase::Password => Arguments::parse(words),
    }
}

/// What the module would say, without the value of a word that it does not know: it may be a secret.
fn shown(error: &ArgumentError) -> String {
    match error {
        ArgumentError::Unknown(word) => {
            let name = word.split('=').next().unwrap_or_default();
            ArgumentError::Unknown(name.to_owned()).to_string()
        }
        other => other.to_string(),
    }
}

/// Two lines that ask in one login.
fn twice(steps: &[Step]) -> Option<(Vec<Place>, Wrong)> {
    let asking = |at: &usize| asks(&steps[*at].call);
    let mut asking = (0..steps.len()).filter(asking);
    let first = asking.next()?;
    let says = |at: usize| match at == first {
        true => Says::Success,
        false => super::order::supposed(&steps[at], Says::Success),
    };
    let second = asking.find(|&second| leads_to(steps, first, second, says).well)?;
    Some((
        vec![steps[first].place(), steps[second].place()],
        Wrong::Twice,
    ))
}

fn nothing_left(steps: &[Step]) -> Option<(Vec<Place>, Wrong)> {
    let at = steps.iter().position(|step| asks(&step.call))?;
    let arguments = parsed(Phase::Auth, &steps[at].call).ok()?;
    let has_password = steps[..at]
        .iter()
        .any(|step| is_password(&step.call.module));
    let is_it = arguments.authtok() == Authtok::Use && has_password;
    is_it.then(|| (vec![steps[at].place()], Wrong::NothingLeft))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn said(stack: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("sshd"), stack).unwrap();
        let files = Files::read(&[folder.path().to_owned()]);
        let checks = checks(&files, &["sshd"]).into_iter();
        checks.map(|check| check.message + "\n").collect()
    }

    #[test]
    fn a_line_that_the_module_refuses_is_told_as_the_module_tells_it() {
        let unix = "auth requisite pam_unix.so\n";
        for (line, words) in [
            (
                "auth required pam_mfa.so nullok",
                "unknown argument \"nullok\"",
            ),
            (
                "auth required pam_mfa.so timeout=9999",
                "seconds from 1 to 600",
            ),
            ("auth required pam_mfa.so debug debug", "was given before"),
            (
                "auth required pam_mfa.so passwd=Secret1",
                "unknown argument \"passwd\"",
            ),
            (
                "auth required pam_mfa.so\naccount required pam_mfa.so ticket",
                "no meaning",
            ),
            (
                "password required pam_mfa.so",
                "nothing in the password phase",
            ),
            (
                "session optional pam_mfa.so debug",
                "nothing in the session phase",
            ),
            ("auth required pam_mfa.so use_first_pass", "finds no code"),
            (
                "auth required pam_mfa.so timeout=5 on_unavailable=ignore",
                "during a restart of mfa-agent",
            ),
            (
                "auth required pam_mfa.so\naccount required pam_mfa.so timeout=1 on_unavailable=ignore",
                "during a restart of mfa-agent",
            ),
        ] {
            let said = said(&format!("{unix}{line}\n"));
            assert!(said.contains(words), "{line}: {said}");
            assert_eq!(said.lines().count(), 1, "{said}");
            assert!(!said.contains("Secret1"), "{said}");
        }
        for well in [
            "debug",
            "timeout=2",
            "on_unavailable=ignore",
            "timeout=6 on_unavailable=ignore",
        ] {
            assert_eq!(
                said(&format!("{unix}auth required pam_mfa.so {well}\n")),
                ""
            );
        }
    }

    #[test]
    fn two_lines_that_ask_in_one_login_are_told_with_both_places() {
        let ours = "auth [success=ok ignore=ignore default=die] pam_mfa.so\n";
        let told = said(&format!("auth requisite pam_unix.so\n{ours}{ours}"));
        assert!(
            told.contains("two codes") && told.contains("sshd:2 and "),
            "{told}"
        );
        let either = "auth requisite pam_unix.so\n\
                      auth [success=1 default=ignore] pam_succeed_if.so user ingroup vpn\n\
                      auth [success=done default=die] pam_mfa.so\n\
                      auth required pam_mfa.so timeout=30\n";
        assert_eq!(
            said(either),
            "",
            "the second is for users that the first passes over"
        );
    }
}
