//! A user's own state, and what they can do next. Problems come first.

use std::path::Path;

use mfa_protocol::admin::{Account, Address, Status, UserParameters};

use super::{Step, next, step};
use crate::clock::Clock;
use crate::commands::{Verdict, drift, status};
use crate::context::Context;
use crate::failure::Failure;
use crate::sshd::PROGRAM;
use crate::table::{field, paragraph};

/// With fewer recovery codes, a user should create new ones.
const FEW: u32 = 3;

pub(super) fn run(context: &mut Context) -> Result<Verdict, Failure> {
    let account = context.call::<Status>(&UserParameters::default())?.account;
    let newcomer = status::newcomer(context, &account, Path::new(PROGRAM));
    let screen = screen(&account, newcomer.as_ref(), &Clock::system());
    context.output.text(&screen)?;
    Ok(Verdict::Done)
}

fn screen(account: &Account, newcomer: Option<&status::Newcomer>, clock: &Clock) -> String {
    let mut screen = field("You", &account.user);
    screen += &status::state(account, true, clock);
    screen += &field("Factors", &status::factors_in_use(account));
    for device in &account.devices {
        if let Some(drift) = &device.drift {
            let text = format!("{}: {}", device.label, drift::words(drift));
            screen += &paragraph("Out of sync", &text);
        }
    }
    screen += &status::passing(account, newcomer, clock);
    screen += &status::messages(account, false, clock);
    screen + "\nNext steps\n" + &next(&next_steps(account))
}

/// What is most needed first.
fn next_steps(account: &Account) -> Vec<Step> {
    let mut steps = Vec::new();
    // While no code is accepted, users can't change anything either.
    if !status::is_locked(account) {
        changes(account, &mut steps);
    }
    steps.push(step("mfactl status", "see details, and the rules for you"));
    steps.push(step("mfactl --help", "see all commands"));
    steps
}

fn changes(account: &Account, steps: &mut Vec<Step>) {
    let to_confirm = awaits_a_login(account);
    if to_confirm {
        steps.push(step(
            "mfactl verify",
            "log in once to confirm your new address",
        ));
    }
    if account.enrolled.is_empty() {
        steps.push(step("mfactl enroll", "enrol a second factor, step by step"));
        return;
    }
    if account.devices.iter().any(|device| device.drift.is_some()) {
        steps.push(step("mfactl verify --resync", "resynchronise the device"));
    }
    let codes = "mfactl enroll recovery";
    match account.recovery_left.unwrap_or(0) {
        _ if !status::has_codes(account) => {}
        0 => steps.push(step(codes, "create codes in case a device is lost")),
        left if left < FEW => steps.push(step(codes, "create new recovery codes")),
        _ => {}
    }
    steps.push(step("mfactl enroll", "enrol another factor"));
    if !to_confirm {
        steps.push(step("mfactl verify", "test your login"));
    }
}

/// Whether a new address can be confirmed now.
fn awaits_a_login(account: &Account) -> bool {
    let is_new = |address: &Address| address.enabled && address.confirmed_at.is_none();
    account.messages.paused_until.is_none() && account.addresses.iter().any(is_new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mfa_protocol::admin::{Device, Drift};
    use mfa_protocol::factor::{Authenticator, Channel};

    fn commands(account: &Account) -> Vec<String> {
        next_steps(account)
            .into_iter()
            .map(|(command, _)| command)
            .collect()
    }

    fn alice() -> Account {
        Account {
            user: "alice".to_owned(),
            enrolled: vec![Authenticator::Totp],
            devices: vec![Device {
                label: "phone".to_owned(),
                ..Device::default()
            }],
            recovery_left: Some(10),
            ..Account::default()
        }
    }

    #[test]
    fn who_has_nothing_is_told_to_set_up_something() {
        let nothing = Account::default();
        assert_eq!(
            commands(&nothing),
            ["mfactl enroll", "mfactl status", "mfactl --help"]
        );
    }

    #[test]
    fn who_has_few_recovery_codes_is_told_to_make_some() {
        assert!(!commands(&alice()).contains(&"mfactl enroll recovery".to_owned()));
        for left in [None, Some(0), Some(2)] {
            let account = Account {
                recovery_left: left,
                ..alice()
            };
            assert_eq!(commands(&account)[0], "mfactl enroll recovery", "{left:?}");
        }
    }

    #[test]
    fn a_new_address_is_confirmed_by_a_login_unless_nothing_is_sent_now() {
        let new = Address {
            factor: Channel::Email,
            enabled: true,
            ..Address::default()
        };
        let mut account = Account {
            enrolled: vec![Authenticator::Email],
            addresses: vec![new],
            ..Account::default()
        };
        let steps = next_steps(&account);
        assert_eq!(steps[0].0, "mfactl verify");
        assert!(steps[0].1.contains("confirm"), "{steps:?}");
        assert_eq!(commands(&account)[1], "mfactl enroll recovery");
        account.messages.paused_until = Some("2026-11-22T14:04:00Z".to_owned());
        assert_eq!(commands(&account)[0], "mfactl enroll recovery");
        let screen = screen(&account, None, &Clock::for_tests());
        assert!(screen.contains("PAUSED until 15:04"), "{screen}");
    }

    #[test]
    fn a_device_astray_comes_first_unless_nothing_is_taken() {
        let mut account = alice();
        account.devices[0].drift = Some(Drift::default());
        assert_eq!(commands(&account)[0], "mfactl verify --resync");
        account.locked_by_limit = true;
        assert_eq!(commands(&account), ["mfactl status", "mfactl --help"]);
        let screen = screen(&account, None, &Clock::for_tests());
        assert!(screen.contains("mfactl unlock alice"), "{screen}");
    }
}
