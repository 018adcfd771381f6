//! Whether anybody would be left who can log in, become root and change the settings, and who would not.
//!
//! Administrators are root, the members of the `[admin]` groups, and all users who may become root: the users that
//! `mfactl` found as root ([`super::host`]), or else the members of the usual groups. For each, samples of all logins
//! through sshd and at the console are decided like real logins, until one can succeed. It is an error only if no
//! administrator has such a login. If a policy has more cases than the budget, the review reports nothing.

use jiff::Timestamp;
use mfa_protocol::admin::{Finding, Severity};

use super::can_log_in::is_locked_for_good;
use super::person::{Person, Role};
use super::premises::Premises;
use super::samples::EntryPoint;
use super::survey::Survey;
use super::warning;
use mfa_core::policy::{Decision, Verdict};

/// The most logins that are decided.
const MOST_LOGINS: usize = 4_000;

/// The same, where all users of a host are looked at.
const MOST_LOGINS_OF_ALL: usize = 40_000;

/// The error if no administrator can log in, or the warning if root can't at the console. The first of `people` is
/// root; without people there is no finding.
pub(super) fn lockout_risk(premises: &Premises<'_>, people: &[Person]) -> Option<Finding> {
    let mut survey = Survey::of(premises, MOST_LOGINS);
    let root = people.first()?;
    let obstacle = survey.obstacle(root, EntryPoint::Console);
    if people.iter().any(|person| survey.administers(person)) {
        // Where root has no password, nothing would help.
        let obstacle = obstacle.filter(|_| root.entry_points.contains(&EntryPoint::Console))?;
        survey.is_asked = matches!(obstacle.verdict, Verdict::Ask(_));
        return Some(root_is_shut_out(root, &obstacle, &survey));
    }
    Some(nobody(root, obstacle.as_ref(), &survey))
}

/// The error when who typed the command could not become root again.
pub(super) fn caller_lockout_risk(
    premises: &Premises<'_>,
    people: &[Person],
    caller: &str,
) -> Option<Finding> {
    let mut survey = Survey::of(premises, MOST_LOGINS);
    let root = people.first()?;
    let person = people.iter().find(|one| one.name.as_str() == caller)?;
    let lets_in = survey.lets_in(person);
    let by_su = root.entry_points.contains(&EntryPoint::Console)
        && survey.obstacle(root, EntryPoint::Su).is_none();
    if survey.lets_in(root) || lets_in && (survey.becomes_root(person) || by_su) {
        return None;
    }
    let why = match (lets_in, person.role) {
        (false, _) => "no login through sshd or at the console would succeed",
        (true, Role::Powerless) => "they have no password, which sudo asks for",
        (true, Role::User | Role::Manager) => "they may not use sudo, and root can't log in",
        (true, _) => "sudo asks for a factor that they don't have",
    };
    let message = format!(
        "{caller}, who ran this command, could not become root again: {why}; enrol them first \
         ({}), or enrol root and set a password for it",
        survey.enroll_command(caller)
    );
    Some(Finding {
        severity: Severity::Error,
        ..warning(None, message)
    })
}

/// Whether each of them can log in somewhere.
pub(super) fn let_in(premises: &Premises<'_>, people: &[Person]) -> Vec<bool> {
    let mut survey = Survey::of(premises, MOST_LOGINS_OF_ALL);
    people.iter().map(|person| survey.lets_in(person)).collect()
}

fn nobody(root: &Person, obstacle: Option<&Decision>, survey: &Survey<'_>) -> Finding {
    let why = match obstacle {
        Some(obstacle) => why(root, obstacle, survey.now),
        None => "it has no password, and sshd refuses it".to_owned(),
    };
    let message = format!(
        "no administrator of this host could log in, neither through sshd nor at the console (for \
         root: {why}); {}",
        survey.remedy("enrol one first")
    );
    Finding {
        severity: Severity::Error,
        ..warning(obstacle.and_then(Decision::place), message)
    }
}

fn root_is_shut_out(root: &Person, obstacle: &Decision, survey: &Survey<'_>) -> Finding {
    let message = format!(
        "root could not log in at the console in an emergency: {}; {}",
        why(root, obstacle, survey.now),
        survey.remedy("enrol root")
    );
    warning(obstacle.place(), message)
}

fn why(root: &Person, obstacle: &Decision, now: Timestamp) -> String {
    let lacking = match (&obstacle.verdict, &root.account) {
        (Verdict::Ask(_), Some(account)) if is_locked_for_good(account, now) => {
            ", and root is locked (mfactl unlock root)"
        }
        (Verdict::Ask(_), _) => ", which root does not have",
        (Verdict::Skip | Verdict::Deny, _) => "",
    };
    obstacle.reason() + lacking
}
