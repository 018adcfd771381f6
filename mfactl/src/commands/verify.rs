//! `mfactl verify`: a real login, held on the terminal. It counts, locks and is audited like any other.

use mfa_protocol::login::Outcome;
use serde::Serialize;

use crate::args;
use crate::commands::Verdict;
use crate::context::{Context, caller};
use crate::failure::{Failure, words};
use crate::output::clean;

#[derive(Serialize)]
struct Verified<'a> {
    user: &'a str,
    service: &'a str,
    outcome: Outcome,
}

pub(crate) fn run(context: &mut Context, args: args::Verify) -> Result<Verdict, Failure> {
    let user = args.user.map_or_else(caller, Ok)?;
    let outcome = context.converse(&user, &args.service)?;
    let value = Verified {
        user: &user,
        service: &args.service,
        outcome,
    };
    context.output.result(&value, || {
        let (user, service) = (clean(&user), clean(&args.service));
        match outcome {
            Outcome::Passed => format!("{user}: passed"),
            Outcome::Skipped => {
                format!("{user}: not asked; the policy wants no second factor for {service} here")
            }
            other => format!("{user}: not verified; {}", words(other)),
        }
    })?;
    Ok(match outcome {
        Outcome::Passed | Outcome::Skipped => Verdict::Done,
        _ => Verdict::Refused,
    })
}
