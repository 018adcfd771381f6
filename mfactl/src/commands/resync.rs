//! `mfactl verify --resync`: two codes, one after the other, take up a device that went astray.
//!
//! They prove that the device is the one that was enrolled, and where its clock or its counter stands.
//! A wrong pair counts as a failure, so what can't be a pair is not sent.
//!
//! Users take up a device of their own only after passing a factor. They are asked for that first: the
//! two codes would be too old by the time that it is passed. Root is not asked, nor who takes up another's
//! device; where the agent wants a proof of them all the same, two new codes are asked for after it.

use mfa_protocol::Secret;
use mfa_protocol::admin::{Resync, ResyncParameters, ResyncReply};

use super::drift;
use crate::args;
use crate::commands::Verdict;
use crate::context::{Context, acts_for_oneself};
use crate::failure::Failure;
use crate::output::clean;

const FIRST: &str = "Code that the device shows now: ";
const SECOND: &str = "Next code that it shows: ";

const WHY: &str = "To take up a device, first pass another factor that you have; a recovery code passes \
                   as well.";
const NEW_CODES: &str = "Now two new codes: those that were typed before are too old, or used.";

/// How often the first code may be typed again in place of the second.
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

/// The agent takes a login for a proof once it has refused something for want of one. What it is asked here
/// holds no codes, and so is judged by nobody and counted nowhere.
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

/// Shown while they are typed, as in an enrollment: they are used up a moment later.
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
        console.say("That is the same code; wait until it shows another.");
    }
    Err(Failure::Rejected(
        "the two codes are the same; nothing was sent, and nothing is counted".to_owned(),
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
        (Some(0), _) => format!("The clock of {label} is right."),
        (Some(ahead), _) => format!(
            "The clock of {label} is {}; that is reckoned with from now on.",
            drift::seconds(ahead)
        ),
        (None, Some(1)) => format!("{label}: 1 code was passed over; it is in step again."),
        (None, Some(0) | None) => format!("{label} is in step."),
        (None, Some(codes)) => {
            format!("{label}: {codes} codes were passed over; it is in step again.")
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
            "The clock of phone is 150 seconds behind; that is reckoned with from now on."
        );
        assert_eq!(said(Some(0), None), "The clock of phone is right.");
        assert_eq!(
            said(None, Some(23)),
            "phone: 23 codes were passed over; it is in step again."
        );
        assert_eq!(said(None, Some(0)), "phone is in step.");
    }
}
