//! Whether anybody would be left who can log in, become root and change the settings, and who would not.
//!
//! Administrators are root, the members of the `[admin]` groups, and all users who may become root: the users that
//! `mfactl` found as root ([`super::host`]), or else the members of the usual groups. For each, samples of all logins
//! through sshd and at the console are decided like real logins, until one can succeed. It is an error only if no
//! administrator has such a login. If a policy has more cases than may be tried, a login that was not tried lets no
//! user in, and the finding says that not all were tried.

use jiff::Timestamp;
use mfa_protocol::admin::{Finding, Severity};

use super::can_log_in::is_locked_for_good;
use super::person::{Person, Role};
use super::premises::Premises;
use super::samples::EntryPoint;
use super::survey::{Access, BREAK_GLASS, MOST_LOGINS_OF_A_SEARCH, Search, Survey};
use super::warning;
use mfa_core::factors::{Factor, FactorRow};
use mfa_core::login::has_key;
use mfa_core::policy::{Decision, PolicyVerdict};

/// Where root logs in in an emergency.
const CONSOLE: &[EntryPoint] = &[EntryPoint::Console];

/// The error if no administrator is found who can log in, or the warning if root can't at the console. The first of
/// `people` is root; without people there is no finding.
pub(super) fn lockout_risk(premises: &Premises<'_>, people: &[Person]) -> Option<Finding> {
    let mut survey = Survey::of(premises);
    let root = people.first()?;
    let console = survey.search(root, EntryPoint::Console);
    let mut is_cut_short = false;
    for person in people {
        match survey.administers(person) {
            Access::GetsIn => return at_console(root, &console, &mut survey),
            Access::NotTried => is_cut_short = true,
            Access::Refused => {}
        }
    }
    let obstacle = match &console {
        Search::Obstacle(obstacle) => Some(obstacle),
        Search::GetsIn | Search::NotTried => None,
    };
    Some(match is_cut_short {
        true => nobody_found(obstacle),
        false => nobody(people, root, obstacle, &survey),
    })
}

/// The warning about root's login at the console, where somebody else is left to help.
fn at_console(root: &Person, console: &Search, survey: &mut Survey<'_>) -> Option<Finding> {
    // Where root has no password, nothing would help.
    if !root.entry_points.contains(&EntryPoint::Console) {
        return None;
    }
    match console {
        Search::GetsIn => None,
        Search::NotTried => Some(warning(
            None,
            format!("{NOT_ALL_TRIED}: none was found that root can pass at the console"),
        )),
        Search::Obstacle(obstacle) => {
            survey.is_asked = matches!(obstacle.verdict, PolicyVerdict::Ask(_));
            Some(root_is_shut_out(root, obstacle, survey))
        }
    }
}

/// The error when who typed the command was not found to become root again.
pub(super) fn caller_lockout_risk(
    premises: &Premises<'_>,
    people: &[Person],
    caller: &str,
) -> Option<Finding> {
    let mut survey = Survey::of(premises);
    let root = people.first()?;
    let person = people.iter().find(|one| one.name.as_str() == caller)?;
    let as_root = survey.lets_in(root);
    if as_root == Access::GetsIn {
        return only_root(root, person, &mut survey);
    }
    let lets_in = survey.lets_in(person);
    let by_su = match root.entry_points.contains(&EntryPoint::Console) {
        true => survey.search(root, EntryPoint::Su).access(),
        false => Access::Refused,
    };
    let becomes_root = survey.becomes_root(person).max(by_su);
    let why = match (as_root.max(lets_in.min(becomes_root)), lets_in, person.role) {
        (Access::GetsIn, ..) => return None,
        (Access::NotTried, ..) => NOT_ALL_TRIED,
        (_, Access::Refused, _) => "no login through sshd or at the console would succeed",
        (.., Role::Powerless) => "they have no password, which sudo asks for",
        (.., Role::User | Role::Manager) => "they may not use sudo, and root can't log in",
        (.., Role::Root | Role::Unasked | Role::Sudoer) => {
            "sudo asks for a factor that they don't have"
        }
    };
    let could_not = match why == NOT_ALL_TRIED {
        true => "was not found to become root again",
        false => "could not become root again",
    };
    let enroll = match survey.enroll_command(caller, &with_sudo(person)) {
        Some(command) => format!("enrol them first ({command})"),
        None => "add \"totp\" to require and enrol them first".to_owned(),
    };
    let message = format!(
        "{caller}, who ran this command, {could_not}: {why}; {enroll}, or enrol root and set a password for it"
    );
    Some(Finding {
        severity: Severity::Error,
        ..warning(None, message)
    })
}

/// The error when sudo would refuse the caller for want of a factor, so that only root's own login is left.
fn only_root(root: &Person, person: &Person, survey: &mut Survey<'_>) -> Option<Finding> {
    let account = person.account.as_ref()?;
    if person.role != Role::Sudoer || is_locked_for_good(account, survey.now) {
        return None;
    }
    match survey.search(person, EntryPoint::Sudo) {
        Search::Obstacle(Decision {
            verdict: PolicyVerdict::Ask(_),
            ..
        }) => {}
        Search::Obstacle(_) | Search::GetsIn | Search::NotTried => return None,
    }
    let place = match root.entry_points.contains(&EntryPoint::Console) {
        true => "at the console",
        false => "through sshd",
    };
    let user = person.name.as_str();
    let enroll = survey.enroll_command(user, &[EntryPoint::Sudo]);
    let enroll = enroll.unwrap_or_else(|| Factor::Totp.enroll_command(user));
    let message = format!(
        "{user}, you have no device: sudo would refuse you, and only root {place} could become root. Enrol first: {enroll}"
    );
    Some(Finding {
        severity: Severity::Error,
        ..warning(None, message)
    })
}

/// Whether each of them can log in somewhere.
pub(super) fn let_in(premises: &Premises<'_>, people: &[Person]) -> Vec<Access> {
    let mut survey = Survey::of(premises);
    people.iter().map(|person| survey.lets_in(person)).collect()
}

/// What a finding says where the search ended early.
pub(super) const NOT_ALL_TRIED: &str = "the rules distinguish too many logins to try all";

/// Nothing is known for certain, so that whoever asks before they let the stacks ask is told to stop.
fn nobody_found(obstacle: Option<&Decision>) -> Finding {
    let message = format!(
        "{NOT_ALL_TRIED}: in {MOST_LOGINS_OF_A_SEARCH} logins for each service, none was found that an \
         administrator of this host can pass; add a rule such as {BREAK_GLASS} before all others"
    );
    Finding {
        severity: Severity::Error,
        ..warning(obstacle.and_then(Decision::place), message)
    }
}

fn nobody(
    people: &[Person],
    root: &Person,
    obstacle: Option<&Decision>,
    survey: &Survey<'_>,
) -> Finding {
    let why = match obstacle {
        Some(obstacle) => why(root, obstacle, survey.now),
        None => "it has no password, and sshd refuses it".to_owned(),
    };
    let message = format!(
        "no administrator of this host could log in, neither through sshd nor at the console (for \
         root: {why}); {}",
        match root.entry_points.is_empty() {
            true => without_root(people, obstacle, survey),
            false => survey.remedy("enrol one first", &root.entry_points),
        }
    );
    Finding {
        severity: Severity::Error,
        ..warning(obstacle.and_then(Decision::place), message)
    }
}

/// The remedy if root has no password and no way through sshd: a factor for root alone does not help.
fn without_root(people: &[Person], obstacle: Option<&Decision>, survey: &Survey<'_>) -> String {
    let administers =
        |person: &&Person| matches!(person.role, Role::Manager | Role::Sudoer | Role::Unasked);
    let root = match obstacle {
        None => "set a password for root (passwd root)".to_owned(),
        Some(_) if !survey.is_asked => return survey.remedy("", CONSOLE),
        Some(_) => match survey.enroll_command("root", CONSOLE) {
            Some(command) => {
                format!("enrol root ({command}) and set a password for it (passwd root)")
            }
            None => survey.remedy("", CONSOLE),
        },
    };
    let other = people.iter().find(administers).and_then(|person| {
        let user = person.name.as_str();
        let command = survey.enroll_command(user, &with_sudo(person))?;
        Some(format!(", or enrol {user} ({command})"))
    });
    root + &other.unwrap_or_default()
}

/// Where a person is to be let in who becomes root by sudo. One of the ways in is enough: through sshd, where they log in
/// from afar.
fn with_sudo(person: &Person) -> Vec<EntryPoint> {
    let has_sshd = person.entry_points.contains(&EntryPoint::Sshd);
    let first = match has_sshd {
        true => EntryPoint::Sshd,
        false => EntryPoint::Console,
    };
    let sudo = (person.role == Role::Sudoer).then_some(EntryPoint::Sudo);
    std::iter::once(first).chain(sudo).collect()
}

fn root_is_shut_out(root: &Person, obstacle: &Decision, survey: &Survey<'_>) -> Finding {
    let message = format!(
        "root could not log in at the console in an emergency: {}; {}",
        why(root, obstacle, survey.now),
        survey.remedy("enrol root", CONSOLE)
    );
    warning(obstacle.place(), message)
}

fn why(root: &Person, obstacle: &Decision, now: Timestamp) -> String {
    let lacking = match (&obstacle.verdict, &root.account) {
        (PolicyVerdict::Ask(_), Some(account)) if is_locked_for_good(account, now) => {
            ", and root is locked (mfactl unlock root)"
        }
        (PolicyVerdict::Ask(ask), _) if ask.combinations.iter().any(has_key) => {
            ", which root does not have, or can't use there"
        }
        (PolicyVerdict::Ask(_), _) => ", which root does not have",
        (PolicyVerdict::Skip | PolicyVerdict::Deny, _) => "",
    };
    obstacle.reason() + lacking
}
