//! `mfactl status`: one account on one screen, for the administrator on call.
//!
//! First the lock, then the user's factors, settings and rules.

mod addresses;
mod tables;

use std::path::Path;

pub(super) use addresses::messages;
use mfa_protocol::admin::{
    Account, Explain, ExplainParameters, Explanation, Status, UserParameters,
};
use mfa_protocol::policy::Action;
pub(super) use tables::POLICY;

use crate::args;
use crate::clock::Clock;
use crate::commands::asking::{Asking, alone};
use crate::commands::doctor::stacks::files::Files;
use crate::commands::{Verdict, settings};
use crate::context::{Context, acts_for_oneself};
use crate::failure::Failure;
use crate::table::{field, list, paragraph, table};

pub(crate) fn run(context: &mut Context, args: args::Status) -> Result<Verdict, Failure> {
    let named = args.user.is_some();
    let own = acts_for_oneself(args.user.as_deref());
    let account = context
        .call::<Status>(&UserParameters { user: args.user })?
        .account;
    let newcomer = match context.output.is_json() {
        true => None,
        false => newcomer(context, &account, &args.sshd.program),
    };
    let reader = Reader { named, own };
    let newcomer = newcomer.as_ref();
    context.output.result(&account, || {
        screen(&account, newcomer, reader, &Clock::system())
    })?;
    Ok(Verdict::Done)
}

/// Who reads a screen.
#[derive(Clone, Copy)]
struct Reader {
    /// Whether commands have to name the user, because it is not the caller.
    named: bool,
    /// Whether it is the user, and not an administrator.
    own: bool,
}

/// The service whose logins tell whether a user without a factor gets in.
const SERVICE: &str = "sshd";

/// An ssh login of a user with nothing enrolled.
pub(super) struct Newcomer {
    login: Explanation,
    asking: Asking,
    /// What lets the user in without the agent, such as "a key alone".
    alone: Option<String>,
}

/// The ssh login of this user, if they have nothing enrolled; `sshd` is the program.
pub(super) fn newcomer(context: &mut Context, account: &Account, sshd: &Path) -> Option<Newcomer> {
    if !account.enrolled.is_empty() {
        return None;
    }
    let parameters = ExplainParameters {
        user: account.user.clone(),
        service: SERVICE.to_owned(),
        ..ExplainParameters::default()
    };
    // It is an addition to the screen, which has to come without it too.
    let reply = context.call::<Explain>(&parameters).ok()?;
    let files = Files::read(context.pam_dir());
    Some(Newcomer {
        login: reply.explanation,
        asking: Asking::of(&files, SERVICE),
        alone: alone(sshd, &files, SERVICE, Some(&account.user)),
    })
}

fn screen(account: &Account, newcomer: Option<&Newcomer>, reader: Reader, clock: &Clock) -> String {
    let Reader { named, own } = reader;
    let mut screen = field("User", &account.user);
    screen += &state(account, own, clock);
    screen += &field("Failures", &failures(account));
    screen += &field("Factors", &factors_in_use(account));
    if account.enrolled.is_empty() {
        let command = if named {
            format!("mfactl enroll totp {}", account.user)
        } else {
            "mfactl enroll".to_owned()
        };
        screen += &field("", &format!("enrol one: {command}"));
    }
    screen += &passing(account, newcomer, clock);
    screen += &messages(account, true, clock);
    let set = settings::screen(&account.settings);
    if !set.is_empty() {
        screen += "\nSettings of this user\n";
        screen += &set;
    }
    let factors = tables::factors(account, clock);
    if !factors.is_empty() {
        screen += "\nDevices and other factors\n";
        screen += &table(["Factor", "Label", "Enrolled", "Last used"], factors);
    }
    screen += &account
        .devices
        .iter()
        .filter_map(tables::particular)
        .collect::<String>();
    screen += &account.keys.iter().map(tables::key).collect::<String>();
    screen += &tables::out_of_sync(account, named, clock);
    screen += &tables::counted_back(account, clock);
    screen += &addresses::addresses(account, clock);
    screen += &tables::rules(&account.rules);
    screen
}

/// The factors that a login may ask for, or why there are none.
pub(super) fn factors_in_use(account: &Account) -> String {
    let devices = account.devices.iter().map(|device| device.enabled);
    let keys = account.keys.iter().map(|key| key.enabled);
    let addresses = account.addresses.iter().map(|address| address.enabled);
    let radius = account.radius.iter().map(|radius| radius.enabled);
    let disabled = devices
        .chain(keys)
        .chain(addresses)
        .chain(radius)
        .filter(|enabled| !enabled)
        .count();
    let none = match disabled {
        0 => "none yet".to_owned(),
        disabled => format!("none in use ({disabled} disabled)"),
    };
    list(&account.enrolled, &none)
}

/// Whether at least one factor of the user asks for a code: a recovery code can replace that.
pub(super) fn has_codes(account: &Account) -> bool {
    !account.devices.is_empty() || !account.addresses.is_empty() || account.radius.is_some()
}

/// Whether the account is locked, and the command that unlocks it. `own` says that its user reads it, who can't unlock it.
pub(super) fn state(account: &Account, own: bool, clock: &Clock) -> String {
    let state = field("State", &lock(account, clock));
    let command = format!("mfactl unlock {}", account.user);
    match is_locked(account) {
        false => state,
        true if own => state + &field("", NO_CODE_NOW) + &field("", &command),
        true => state + &field("", &format!("unlock: {command}")),
    }
}

const NO_CODE_NOW: &str = "No code is accepted until then. An administrator can unlock it:";

pub(super) fn is_locked(account: &Account) -> bool {
    account.locked_by_limit || account.locked_until.is_some()
}

pub(super) fn lock(account: &Account, clock: &Clock) -> String {
    if account.locked_by_limit {
        return "LOCKED until an administrator unlocks: too many failures in a row".to_owned();
    }
    match &account.locked_until {
        Some(time) => format!("LOCKED until {}", clock.future(time)),
        None => "not locked".to_owned(),
    }
}

fn failures(account: &Account) -> String {
    let Account {
        failures,
        consecutive_failures,
        ..
    } = account;
    let mut text = format!("{failures} counted, {consecutive_failures} in a row");
    if account.refused_while_locked > 0 {
        text += &format!(", {} refused while locked", account.refused_while_locked);
    }
    text
}

/// What expires: a suspension, recovery and bypass codes, grace, sessions.
pub(super) fn passing(account: &Account, newcomer: Option<&Newcomer>, clock: &Clock) -> String {
    let mut lines = String::new();
    if let Some(time) = &account.suspended_until {
        let text = format!("not asked for a second factor until {}", clock.future(time));
        lines += &field("Suspended", &text);
        lines += &field("", &format!("end it: mfactl resume {}", account.user));
    }
    if let Some(left) = account.recovery_left {
        let codes = if left == 1 { "code" } else { "codes" };
        lines += &field("Recovery", &format!("{left} {codes} left"));
    }
    if let Some(time) = &account.bypass_until {
        lines += &field(
            "Bypass",
            &format!("a bypass code is valid until {}", clock.future(time)),
        );
        let off = format!("take it back: mfactl bypass {} --off", account.user);
        lines += &field("", &off);
    }
    lines += &grace(account, newcomer, clock);
    if account.sessions > 0 {
        lines += &field("Sessions", &account.sessions.to_string());
        lines += &field("", &format!("end them: mfactl revoke {}", account.user));
    }
    lines
}

/// Until when a user without a factor gets in, and that one who does not has to enrol.
fn grace(account: &Account, newcomer: Option<&Newcomer>, clock: &Clock) -> String {
    let since = account.grace_since.as_ref();
    // The record keeps it for a user who has enrolled since.
    let since = since.filter(|_| account.enrolled.is_empty());
    let Some(newcomer) = newcomer else {
        let text = since.map(|time| format!("let in without a factor since {}", clock.past(time)));
        return field("Grace", &text.unwrap_or_default());
    };
    let it = &newcomer.login;
    let after = match (it.not_enrolled, &newcomer.alone) {
        (Some(true), Some(_)) => "; then ssh logins with a password are refused",
        (Some(true), None) => "; then logins are refused",
        _ => "",
    };
    match (&it.grace_until, it.grace_days_left, it.action) {
        (Some(until), ..) => {
            let text = format!(
                "let in without a factor until {}{after}",
                clock.future(until)
            );
            field("Grace", &text)
        }
        (None, Some(days), _) => {
            let days = match days {
                1 => "1 day".to_owned(),
                days => format!("{days} days"),
            };
            let text = format!("let in without a factor for {days} from the first login{after}");
            field("Grace", &text)
        }
        (None, None, Action::Ask) if it.not_enrolled == Some(true) => {
            paragraph("Logins", &refused(newcomer))
        }
        (None, None, _) => String::new(),
    }
}

fn refused(newcomer: &Newcomer) -> String {
    match (newcomer.asking.once(SERVICE), &newcomer.alone) {
        (Some(once), _) => format!("ssh logins without a factor are refused {once}"),
        (None, None) => "ssh logins are refused until a factor is enrolled".to_owned(),
        (None, Some(alone)) => format!(
            "ssh logins with a password are refused until a factor is enrolled; {alone} still lets the user in"
        ),
    }
}

#[cfg(test)]
mod tests;
