//! `mfactl enroll` alone, on a terminal: a short dialogue that enrols a factor.
//!
//! It offers the factors that the person's rules ask for. Each step runs the command that a script would run, so both
//! store the same.

mod choices;

use mfa_protocol::admin::{Account, Device, Status, UserParameters};
use mfa_protocol::factor::{MAX_DEVICES, MAX_KEYS, RECOVERY_CODES};

use self::choices::{Choice, choices};
use super::{TRIES, device, enroll, recovery};
use crate::args::{
    Enroll, EnrollAddress, EnrollDevice, EnrollKey, EnrollKnowledge, EnrollRecovery, EnrollTotp,
    address, name,
};
use crate::commands::Verdict;
use crate::console::Console;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;

const NO_ADDRESS: &str = "Type an address such as anna@example.org or a number such as +491701234567. An empty line \
                          cancels.";

pub(super) fn run(context: &mut Context) -> Result<Verdict, Failure> {
    let account = context.call::<Status>(&UserParameters::default())?.account;
    // A person takes time to type, and the agent closes idle connections.
    context.hang_up();
    let choices = choices(&account);
    let choice = match choices[..] {
        [] => return Err(Failure::Rejected(full(&account))),
        [only] => only,
        _ => choose(context.console()?, &account.user, &choices)?,
    };
    match choice {
        Choice::Device => set_up(context, &account),
        Choice::Key => enroll(context, Enroll::Key(EnrollKey::default())),
        Choice::Email => {
            let args = reached_at(context.console()?, "E-mail address: ")?;
            reached(context, &account, Enroll::Email(args))
        }
        Choice::Number => {
            let args = reached_at(context.console()?, "Mobile number, with its country code: ")?;
            reached(context, &account, Enroll::Sms(args))
        }
        Choice::Pin | Choice::AnotherPin => enroll(context, Enroll::Pin(at_the_terminal())),
        Choice::Questions | Choice::OtherQuestions => {
            enroll(context, Enroll::Questions(at_the_terminal()))
        }
        Choice::Recovery | Choice::NewRecovery => new_codes(context),
    }
}

fn full(account: &Account) -> String {
    format!(
        "{} already has {MAX_DEVICES} devices, which is the limit, and the rules ask for nothing else. Remove a device \
         first: mfactl remove totp --label NAME",
        clean(&account.user)
    )
}

fn choose(console: &mut Console, user: &str, choices: &[Choice]) -> Result<Choice, Failure> {
    console.say(&format!("What do you want to enrol for {}?\n", clean(user)));
    for (number, choice) in (1..).zip(choices) {
        console.say(&format!("{number:>3}  {}", choice.text()));
    }
    console.say("");
    let last = choices.len();
    for _ in 0..TRIES {
        let typed = console.demand(&format!("Number (1 to {last}): "), true, "a number")?;
        let typed = typed.expose().trim();
        if typed.is_empty() {
            return Err(Failure::Cancelled);
        }
        let number = typed.parse::<usize>().ok();
        if let Some(choice) = number.and_then(|n| choices.get(n.checked_sub(1)?)) {
            return Ok(*choice);
        }
        console.say(&format!(
            "Type a number from 1 to {last}. An empty line cancels."
        ));
    }
    Err(Failure::Cancelled)
}

/// The person has the mail or the phone at hand, so the code is always asked for.
fn reached_at(console: &mut Console, prompt: &str) -> Result<EnrollAddress, Failure> {
    for _ in 0..TRIES {
        let typed = console.demand(prompt, true, "an address")?;
        let typed = typed.expose().trim();
        if typed.is_empty() {
            return Err(Failure::Cancelled);
        }
        match address(typed) {
            Ok(address) => {
                return Ok(EnrollAddress {
                    user: None,
                    address,
                    confirm: true,
                });
            }
            Err(_) => console.say(NO_ADDRESS),
        }
    }
    Err(Failure::Cancelled)
}

/// A lost phone or mailbox leaves the user without codes too.
fn reached(context: &mut Context, account: &Account, address: Enroll) -> Result<Verdict, Failure> {
    let verdict = enroll(context, address)?;
    if !has_codes(account) {
        recovery::at_the_end(context, None, true)?;
    }
    Ok(verdict)
}

fn has_codes(account: &Account) -> bool {
    account.recovery_left.unwrap_or(0) > 0
}

fn at_the_terminal() -> EnrollKnowledge {
    EnrollKnowledge {
        user: None,
        stdin: false,
    }
}

fn set_up(context: &mut Context, account: &Account) -> Result<Verdict, Failure> {
    let label = label(context.console()?, &account.devices)?;
    let args = EnrollTotp {
        device: EnrollDevice {
            label: Some(label),
            no_recovery: has_codes(account),
            ..EnrollDevice::default()
        },
        period: None,
    };
    device::totp(context, args)
}

/// A name that no other device has.
fn label(console: &mut Console, devices: &[Device]) -> Result<String, Failure> {
    let free = free_label(devices);
    for _ in 0..TRIES {
        let typed = console.demand(&format!("Name of the device [{free}]: "), true, "a name")?;
        let typed = typed.expose().trim();
        if typed.is_empty() {
            return Ok(free);
        }
        match name(typed) {
            Err(reason) => console.say(&format!("Not a valid name: {reason}.")),
            Ok(label) if devices.iter().any(|device| device.label == label) => {
                console.say("You already have a device of that name. Choose another name.");
            }
            Ok(label) => return Ok(label),
        }
    }
    Err(Failure::Cancelled)
}

/// The first free name of `device-1`, `device-2`, …, as the agent would choose it.
fn free_label(devices: &[Device]) -> String {
    let taken = |label: &String| devices.iter().any(|device| device.label == *label);
    // There are more names than devices, so one is free.
    let labels = (1..=devices.len()).map(|number| format!("device-{number}"));
    let mut free = labels.filter(|label| !taken(label));
    free.next()
        .unwrap_or_else(|| format!("device-{}", devices.len() + 1))
}

fn new_codes(context: &mut Context) -> Result<Verdict, Failure> {
    let args = EnrollRecovery {
        user: None,
        count: RECOVERY_CODES,
    };
    enroll(context, Enroll::Recovery(args))
}
