//! The code that proves that a device or an address works, asked for before it is stored.

use mfa_protocol::Secret;

use super::TRIES;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean_lines;

/// Asks for a code until `confirm` accepts it, the person gives up, or the tries are used up. `missing` is the error
/// for a script without a code.
pub(super) fn ask_until_right<T>(
    context: &mut Context,
    prompt: &str,
    missing: &str,
    mut confirm: impl FnMut(&mut Context, Secret) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut refused = None;
    for _ in 0..TRIES {
        // Shown while it is typed: a used code is worthless, and typing errors are common.
        let code = match context.console()?.ask(prompt, true)? {
            Some(code) if !code.is_empty() => code,
            _ if context.console()?.is_terminal() => return Err(Failure::Cancelled),
            _ => break,
        };
        match confirm(context, code) {
            Err(failure) if failure.is_correctable() => {
                context.console()?.say(&clean_lines(&failure.to_string()));
                refused = Some(failure);
            }
            outcome => return outcome,
        }
    }
    Err(refused.unwrap_or_else(|| Failure::Usage(missing.to_owned())))
}
