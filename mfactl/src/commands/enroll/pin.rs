//! `mfactl enroll pin`: typed twice by a person, or one line of standard input.
//!
//! The agent decides which PINs are too easy; a person may then choose another.

use mfa_protocol::Secret;
use mfa_protocol::admin::{EnrollPin, EnrollPinParameters};
use mfa_protocol::factor::Authenticator;

use super::TRIES;
use crate::args::EnrollKnowledge;
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean_lines;

pub(super) fn run(context: &mut Context, args: EnrollKnowledge) -> Result<Verdict, Failure> {
    let user = if args.stdin {
        let pin = context.console()?.demand("New PIN: ", false, "the PIN")?;
        store(context, args.user, pin)?
    } else {
        context.insist_on_terminal("--stdin")?;
        context.probe()?;
        ask_and_store(context, args.user.as_deref())?
    };
    super::report(context, &user, Authenticator::Pin, "PIN")
}

fn ask_and_store(context: &mut Context, user: Option<&str>) -> Result<String, Failure> {
    let mut last = None;
    for _ in 0..TRIES {
        match asked_twice(context).and_then(|pin| store(context, user.map(str::to_owned), pin)) {
            Err(failure) if failure.is_correctable() || matches!(failure, Failure::Rejected(_)) => {
                context.console()?.say(&clean_lines(&failure.to_string()));
                // A person takes time to type, and the agent closes idle connections.
                context.hang_up();
                last = Some(failure);
            }
            outcome => return outcome,
        }
    }
    Err(last.unwrap_or(Failure::Cancelled))
}

fn asked_twice(context: &mut Context) -> Result<Secret, Failure> {
    let console = context.console()?;
    let pin = console.demand("New PIN (4 to 8 digits): ", false, "the PIN")?;
    if pin.is_empty() {
        return Err(Failure::Cancelled);
    }
    let again = console.demand("Repeat the PIN: ", false, "the PIN again")?;
    if pin.expose() != again.expose() {
        return Err(Failure::Rejected(
            "the PINs differ; nothing was stored".to_owned(),
        ));
    }
    Ok(pin)
}

fn store(context: &mut Context, user: Option<String>, pin: Secret) -> Result<String, Failure> {
    Ok(context
        .change::<EnrollPin>(&EnrollPinParameters { user, pin })?
        .user)
}
