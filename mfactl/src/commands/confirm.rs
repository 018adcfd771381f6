//! Asks a person before a command destroys or imports much. Scripts are not asked.

use std::io::IsTerminal;

use crate::context::Context;
use crate::failure::Failure;

/// Whether a person is asked. `is_settled` says that the arguments have answered already.
pub(super) fn asks(context: &Context, is_settled: bool) -> bool {
    !is_settled && !context.output.is_json() && std::io::stdin().is_terminal()
}

/// Says what will happen, and asks `question`; another answer than yes ends the command.
pub(super) fn agreed(context: &mut Context, what: &str, question: &str) -> Result<(), Failure> {
    // A person takes time to type, and the agent closes idle connections.
    context.hang_up();
    let console = context.console()?;
    if !what.is_empty() {
        console.say(what);
    }
    match console.ask(&format!("{question} Type yes: "), true)? {
        Some(answer) if answer.expose().trim() == "yes" => Ok(()),
        _ => Err(Failure::Cancelled),
    }
}
