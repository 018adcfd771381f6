//! `mfactl status`: one account on one screen, for the administrator on call.
//!
//! First the lock, then the user's factors, settings and rules.

mod addresses;
mod tables;

pub(super) use addresses::messages;
use mfa_protocol::admin::{Account, Status, UserParameters};

use crate::args::Whose;
use crate::clock::Clock;
use crate::commands::{Verdict, settings};
use crate::context::Context;
use crate::failure::Failure;
use crate::table::{field, list, table};

pub(crate) fn run(context: &mut Context, args: Whose) -> Result<Verdict, Failure> {
    let named = args.user.is_some();
    let account = context
        .call::<Status>(&UserParameters { user: args.user })?
        .account;
    context
        .output
        .result(&account, || screen(&account, named, &Clock::system()))?;
    Ok(Verdict::Done)
}

/// `named` says whether commands have to name the user, because it is not the caller.
fn screen(account: &Account, named: bool, clock: &Clock) -> String {
    let mut screen = field("User", &account.user);
    screen += &state(account, clock);
    screen += &field("Failures", &failures(account));
    screen += &field("Factors", &list(&account.enrolled, "none yet"));
    if account.enrolled.is_empty() {
        let command = if named {
            format!("mfactl enroll totp {}", account.user)
        } else {
            "mfactl enroll".to_owned()
        };
        screen += &field("", &format!("enrol one: {command}"));
    }
    screen += &passing(account, clock);
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
    screen += &tables::out_of_sync(account, named, clock);
    screen += &addresses::addresses(account, clock);
    screen += &tables::rules(&account.rules);
    screen
}

/// Whether at least one factor of the user asks for a code: a recovery code can replace that.
pub(super) fn has_codes(account: &Account) -> bool {
    !account.devices.is_empty() || !account.addresses.is_empty() || account.radius.is_some()
}

/// Whether the account is locked, and the command that unlocks it.
pub(super) fn state(account: &Account, clock: &Clock) -> String {
    let mut state = field("State", &lock(account, clock));
    if account.locked_by_limit || account.locked_until.is_some() {
        state += &field("", &format!("unlock: mfactl unlock {}", account.user));
    }
    state
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
pub(super) fn passing(account: &Account, clock: &Clock) -> String {
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
    }
    if let Some(time) = &account.grace_since {
        let text = format!("let in without a factor since {}", clock.past(time));
        lines += &field("Grace", &text);
    }
    if account.sessions > 0 {
        lines += &field("Sessions", &account.sessions.to_string());
        lines += &field("", &format!("end them: mfactl revoke {}", account.user));
    }
    lines
}

#[cfg(test)]
mod tests;
