//! `mfactl enroll` alone, at a terminal: a short dialogue that ends with a factor set up.
//!
//! It offers what the rules that hold for the person ask for, and nothing that would be of no use. Each
//! step is the command of its own that a script would call, so both store the same.

use mfa_protocol::admin::{Account, Device, Status, UserParameters};

use super::{TRIES, device, enroll};
use crate::args::{Enroll, EnrollDevice, EnrollKnowledge, EnrollRecovery, EnrollTotp, name};
use crate::commands::Verdict;
use crate::console::Console;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;

/// As many as the agent keeps for a user.
const MAX_DEVICES: usize = 5;

/// How many recovery codes are made, as by `mfactl enroll recovery`.
const CODES: u32 = 10;

pub(super) fn run(context: &mut Context) -> Result<Verdict, Failure> {
    let account = context.call::<Status>(&UserParameters::default())?.account;
    // A person takes their time; an idle connection need not wait for them.
    context.hang_up();
    let choices = choices(&account);
    let choice = match choices[..] {
        [] => return Err(Failure::Rejected(full(&account))),
        [only] => only,
        _ => choose(context.console()?, &account.user, &choices)?,
    };
    match choice {
        Choice::Device => set_up(context, &account),
        Choice::Pin | Choice::AnotherPin => enroll(context, Enroll::Pin(at_the_terminal())),
        Choice::Questions | Choice::OtherQuestions => {
            enroll(context, Enroll::Questions(at_the_terminal()))
        }
        Choice::Recovery | Choice::NewRecovery => recovery(context),
    }
}

/// What can be set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    Device,
    Pin,
    AnotherPin,
    Questions,
    OtherQuestions,
    Recovery,
    NewRecovery,
}

impl Choice {
    fn text(self) -> &'static str {
        match self {
            Self::Device => "An app that shows codes, on a phone or a computer",
            Self::Pin => "A PIN",
            Self::AnotherPin => "Another PIN, in place of the one that you have",
            Self::Questions => "Security questions",
            Self::OtherQuestions => "Other security questions, in place of those that you have",
            Self::Recovery => "Recovery codes, for the day when a device is lost",
            Self::NewRecovery => "New recovery codes, in place of those that you have",
        }
    }
}

/// A device always; the others where they would ever be asked for, or would help.
fn choices(account: &Account) -> Vec<Choice> {
    let mut choices = Vec::new();
    if account.devices.len() < MAX_DEVICES {
        choices.push(Choice::Device);
    }
    if is_asked_for(account, "pin") {
        choices.push(
            account
                .pin
                .as_ref()
                .map_or(Choice::Pin, |_| Choice::AnotherPin),
        );
    }
    if is_asked_for(account, "questions") {
        let there = account.questions.as_ref();
        choices.push(there.map_or(Choice::Questions, |_| Choice::OtherQuestions));
    }
    if !account.devices.is_empty() {
        choices.push(match account.recovery_left.unwrap_or(0) {
            0 => Choice::Recovery,
            _ => Choice::NewRecovery,
        });
    }
    choices
}

/// Whether a rule, alone or beside others ("totp+pin"), or a setting of the user asks for the factor.
fn is_asked_for(account: &Account, factor: &str) -> bool {
    let of_rules = account.rules.iter().flat_map(|rule| &rule.require);
    let set = account.settings.require.iter();
    let own = account.settings.own_require.iter();
    of_rules
        .chain(set)
        .chain(own)
        .any(|way| way.split('+').any(|part| part.trim() == factor))
}

fn full(account: &Account) -> String {
    format!(
        "{} has {MAX_DEVICES} devices, and nothing else is asked for; remove one first: mfactl \
         remove totp --label NAME",
        clean(&account.user)
    )
}

fn choose(console: &mut Console, user: &str, choices: &[Choice]) -> Result<Choice, Failure> {
    console.say(&format!(
        "What do you want to set up for {}?\n",
        clean(user)
    ));
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
            "A number from 1 to {last} is expected; an empty line ends this."
        ));
    }
    Err(Failure::Cancelled)
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
            ..EnrollDevice::default()
        },
        period: None,
    };
    device::enroll_totp(context, args)?;
    let console = context.console()?;
    if account.recovery_left.unwrap_or(0) > 0 {
        return Ok(Verdict::Done);
    }
    if !wants_codes(console)? {
        console.say("mfactl enroll recovery makes them later.");
        return Ok(Verdict::Done);
    }
    recovery(context)
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
            Err(reason) => console.say(&format!("That is no name: {reason}.")),
            Ok(label) if devices.iter().any(|device| device.label == label) => {
                console.say("You have a device of that name; choose another.");
            }
            Ok(label) => return Ok(label),
        }
    }
    Err(Failure::Cancelled)
}

/// The first of `device-1`, `device-2`, … that no device has, which is what the agent would take.
fn free_label(devices: &[Device]) -> String {
    let taken = |label: &String| devices.iter().any(|device| device.label == *label);
    // One more name than there are devices can't all be taken.
    let labels = (1..=devices.len()).map(|number| format!("device-{number}"));
    let mut free = labels.filter(|label| !taken(label));
    free.next()
        .unwrap_or_else(|| format!("device-{}", devices.len() + 1))
}

fn wants_codes(console: &mut Console) -> Result<bool, Failure> {
    console.say("\nIf the device is lost, recovery codes let you in; you have none.");
    for _ in 0..TRIES {
        match console.ask("Make them now? (yes/no): ", true) {
            // The device is stored; not to answer is an answer.
            Ok(None) | Err(Failure::Cancelled) => return Ok(false),
            typed => match typed?
                .as_ref()
                .map(|typed| typed.expose().trim().to_lowercase())
            {
                Some(word) if word == "yes" || word == "y" => return Ok(true),
                Some(word) if word == "no" || word == "n" => return Ok(false),
                _ => console.say("Type yes or no."),
            },
        }
    }
    Ok(false)
}

fn recovery(context: &mut Context) -> Result<Verdict, Failure> {
    let args = EnrollRecovery {
        user: None,
        count: CODES,
    };
    enroll(context, Enroll::Recovery(args))
}
