//! `mfactl verify --resync`: two consecutive codes resynchronise a device.
//!
//! They prove that it is the enrolled device, and show its clock or counter. A wrong pair counts as a failure, so two
//! equal codes are not sent.
//!
//! Users resynchronise their own device only after passing another factor. They pass it first, or the two codes would
//! be too old. Root and administrators are not asked. If the agent wants a proof from them all the same, they type two
//! new codes after it.

use mfa_protocol::Secret;
use mfa_protocol::admin::{Resync, ResyncParameters, ResyncReply};

use super::drift;
use crate::args;
use crate::commands::Verdict;
use crate::context::{Context, acts_for_oneself};
use crate::failure::Failure;
use crate::output::clean;

const FIRST: &str = "Code on the device: ";
const SECOND: &str = "Next code: ";

const WHY: &str =
    "Before you can resynchronise a device, pass another factor. A recovery code works too.";
const NEW_CODES: &str = "Type two new codes. The earlier ones are too old or used.";

/// How often a person may type the first code again instead of the second.
const TRIES: u32 = 3;

pub(super) fn run(context: &mut Context, args: args::Verify) -> Result<Verdict, Failure> {
    context.probe()?;
    if acts_for_oneself(args.user.as_deref()) {
        prove_first(context, &args)?;
    }
    let (first, second) = two_codes(context)?;
    let mut parameters = ResyncParameters {
        user: args.user,
        label: args.label,
        first,
        second,
    };
    let reply = match context.call::<Resync>(&parameters) {
        Err(failure) if failure.wants_proof() => {
            prove(context)?;
            context.console()?.say(NEW_CODES);
            (parameters.first, parameters.second) = two_codes(context)?;
            context.call::<Resync>(&parameters)?
        }
        reply => reply?,
    };
    if context.output.is_json() || !args.quiet {
        context.output.result(&reply, || screen(&reply))?;
    }
    Ok(Verdict::Done)
}

/// The agent accepts a login as proof only after it has refused a call without one. This call has no codes, so it
/// verifies and counts nothing.
fn prove_first(context: &mut Context, args: &args::Verify) -> Result<(), Failure> {
    let nothing = ResyncParameters {
        user: args.user.clone(),
        label: args.label.clone(),
        first: Secret::from(""),
        second: Secret::from(""),
    };
    match context.call::<Resync>(&nothing) {
        Err(failure) if failure.wants_proof() => prove(context),
        other => other.map(drop),
    }
}

fn prove(context: &mut Context) -> Result<(), Failure> {
    context.prove(WHY).map_err(|failure| match failure {
        Failure::NotVerified(outcome) => Failure::NotVerifiedForDevice(outcome),
        other => other,
    })
}

/// Shown while they are typed, as in an enrolment: they are used a moment later.
fn two_codes(context: &mut Context) -> Result<(Secret, Secret), Failure> {
    let console = context.console()?;
    let first = console.demand(FIRST, true, "a code")?;
    if digits(&first).is_empty() {
        return Err(Failure::Cancelled);
    }
    for _ in 0..TRIES {
        let second = console.demand(SECOND, true, "the next code")?;
        if digits(&second).is_empty() {
            return Err(Failure::Cancelled);
        }
        if digits(&second) != digits(&first) {
            return Ok((first, second));
        }
        if !console.is_terminal() {
            break;
        }
        console.say("Same code. Wait until the device shows the next one.");
    }
    Err(Failure::Rejected(
        "the two codes are the same; nothing was sent or counted. Wait for the next code and run it again".to_owned(),
    ))
}

/// The code without the blanks that some devices show it with.
fn digits(code: &Secret) -> zeroize::Zeroizing<String> {
    let blank = |c: &char| !c.is_whitespace();
    zeroize::Zeroizing::new(code.expose().chars().filter(blank).collect())
}

fn screen(reply: &ResyncReply) -> String {
    let label = clean(&reply.label);
    match (reply.clock_offset, reply.skipped) {
        (Some(0), _) => format!("{label} is in sync: its clock is right."),
        (Some(ahead), _) => format!(
            "{label} is in sync again. Its clock is {}, now corrected.",
            drift::seconds(ahead)
        ),
        (None, Some(1)) => format!("{label} is in sync again: 1 code was skipped."),
        (None, Some(0) | None) => format!("{label} is in sync."),
        (None, Some(codes)) => {
            format!("{label} is in sync again: {codes} codes were skipped.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mfa_protocol::factor::DeviceKind;

    #[test]
    fn the_screen_says_what_came_of_it() {
        let said = |clock_offset, skipped| {
            screen(&ResyncReply {
                user: "alice".to_owned(),
                factor: DeviceKind::default(),
                label: "phone".to_owned(),
                clock_offset,
                skipped,
            })
        };
        assert_eq!(
            said(Some(-150), None),
            "phone is in sync again. Its clock is 150 seconds behind, now corrected."
        );
        assert_eq!(said(Some(0), None), "phone is in sync: its clock is right.");
        assert_eq!(
            said(None, Some(23)),
            "phone is in sync again: 23 codes were skipped."
        );
        assert_eq!(said(None, Some(0)), "phone is in sync.");
    }
}
