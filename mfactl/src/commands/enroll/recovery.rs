//! Recovery codes, shown once: by `mfactl enroll recovery`, and at the end of a set-up.
//!
//! On a terminal the agent stores them only when the user says that they are in a safe place. If the connection breaks
//! before, they are void, and the device and earlier codes stay.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use mfa_protocol::admin::{
    ConfirmRecovery, EnrollRecovery, EnrollRecoveryParameters, RecoveryReply, Status,
    UserParameters,
};
use mfa_protocol::login::Nothing;
use zeroize::Zeroizing;

use crate::args;
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;

pub(super) fn run(context: &mut Context, args: args::EnrollRecovery) -> Result<Verdict, Failure> {
    // A script that keeps what is printed has no person who could say yes.
    let is_script = context.output.is_json() || !std::io::stdout().is_terminal();
    if !is_script && context.console()?.is_terminal() {
        return at_a_terminal(context, args);
    }
    let reply = context.change::<EnrollRecovery>(&EnrollRecoveryParameters {
        user: args.user,
        count: Some(args.count),
        confirm: false,
    })?;
    if context.output.is_json() {
        context.output.result(&reply, String::new)?;
    } else {
        context.output.text(&screen(&head(&reply), &reply))?;
    }
    Ok(Verdict::Done)
}

/// The earlier codes work until the person says that the new ones are in a safe place.
fn at_a_terminal(context: &mut Context, args: args::EnrollRecovery) -> Result<Verdict, Failure> {
    let reply = context.change::<EnrollRecovery>(&EnrollRecoveryParameters {
        user: args.user,
        count: Some(args.count),
        confirm: true,
    })?;
    let user = clean(&reply.user);
    let head = format!("New recovery codes for {user}\n\n");
    context.output.text(&screen(&head, &reply))?;
    let is_stored = said_yes(context)?;
    let words = match (is_stored, reply.replaced) {
        (true, true) => "The recovery codes are stored. Earlier ones no longer work.",
        (true, false) => STORED,
        (false, true) => {
            "\nThe recovery codes above do not work, because you did not type yes. The earlier ones still work."
        }
        (false, false) => "\nThe recovery codes above do not work, because you did not type yes.",
    };
    context.console()?.say(words);
    Ok(match is_stored {
        true => Verdict::Done,
        false => Verdict::Refused,
    })
}

/// The end of a set-up at a terminal, unless the user has recovery codes. A script runs `enroll recovery`. If `makes_codes` is not set, or the person
/// does not say yes, they read how to create codes later.
pub(super) fn at_the_end(
    context: &mut Context,
    user: Option<String>,
    makes_codes: bool,
) -> Result<(), Failure> {
    if context.output.is_json() || !context.console()?.is_terminal() {
        return Ok(());
    }
    // The device is stored even if the caller may not look at the account.
    let Some(whose) = without_codes(context, user.as_deref()) else {
        return Ok(());
    };
    if makes_codes && acknowledged(context, user.clone())? {
        return Ok(());
    }
    let whose = user.map_or_else(String::new, |_| format!(" {}", clean(&whose)));
    context.console()?.say(&format!(
        "No recovery codes yet. Create some in case the device is lost:\n  mfactl enroll recovery{whose}"
    ));
    Ok(())
}

/// Shows the first codes of a user.
fn show(context: &Context, reply: &RecoveryReply) -> Result<(), Failure> {
    let head = format!(
        "\nRecovery codes for {}, in case the device is lost\n\n",
        clean(&reply.user)
    );
    context.output.text(&screen(&head, reply))
}

/// The name of the user if they have no recovery codes left.
fn without_codes(context: &mut Context, user: Option<&str>) -> Option<String> {
    let user = user.map(str::to_owned);
    let account = context
        .call::<Status>(&UserParameters { user })
        .ok()?
        .account;
    (account.recovery_left.unwrap_or(0) == 0).then_some(account.user)
}

/// Shows codes, and has them stored once the person says that they are in a safe place. Returns whether they are.
fn acknowledged(context: &mut Context, user: Option<String>) -> Result<bool, Failure> {
    let reply = context.change::<EnrollRecovery>(&EnrollRecoveryParameters {
        user,
        count: None,
        confirm: true,
    })?;
    show(context, &reply)?;
    let is_stored = said_yes(context)?;
    let words = match is_stored {
        true => STORED,
        false => {
            "\nThe recovery codes above do not work, because you did not type yes. Everything else is enrolled."
        }
    };
    context.console()?.say(words);
    Ok(is_stored)
}

const STORED: &str = "The recovery codes are stored.";

/// Asks whether the codes are in a safe place, and has them stored if they are.
fn said_yes(context: &mut Context) -> Result<bool, Failure> {
    for _ in 0..QUESTIONS {
        let typed = match context.console()?.ask(SAFE, true) {
            Ok(Some(typed)) => typed,
            Ok(None) | Err(Failure::Cancelled) => break,
            Err(failure) => return Err(failure),
        };
        if is_yes(typed.expose()) {
            context.call::<ConfirmRecovery>(&Nothing {})?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// How often it is asked.
const QUESTIONS: u32 = 5;

const SAFE: &str = "Type yes when they are in a safe place: ";

fn is_yes(typed: &str) -> bool {
    ["yes", "y"].contains(&typed.trim().to_lowercase().as_str())
}

fn head(reply: &RecoveryReply) -> String {
    let earlier = match reply.replaced {
        true => " (earlier ones no longer work)",
        false => "",
    };
    format!("New recovery codes for {}{earlier}\n\n", clean(&reply.user))
}

fn screen(head: &str, reply: &RecoveryReply) -> Zeroizing<String> {
    // Large enough from the start: growing would leave an unwiped copy.
    let size = head.len() + reply.codes.len() * 64 + END.len();
    let mut screen = Zeroizing::new(String::with_capacity(size));
    screen.push_str(head);
    for (number, code) in (1..).zip(&reply.codes) {
        let (first, second) = halves(code.expose());
        let is_last = number == reply.codes.len();
        let (before, after) = match number % 2 {
            1 => ("  ", if is_last { "\n" } else { "" }),
            _ => ("     ", "\n"),
        };
        // Writing to a string does not fail.
        let _ = write!(screen, "{before}{} {}{after}", clean(first), clean(second));
    }
    screen.push_str(END);
    screen
}

const END: &str = "
Each code works once, wherever a code is asked for. They are not shown again:
print them or write them down. The blanks are only for reading: leave them out
where password and code share one prompt.
";

fn halves(code: &str) -> (&str, &str) {
    code.split_at_checked(code.len() / 2).unwrap_or((code, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_screen_shows_two_codes_a_line_and_what_they_are_for() {
        let codes = ["0123456789", "1111122222", "3333344444"].map(Into::into);
        let first = RecoveryReply {
            user: "alice".to_owned(),
            codes: codes.into(),
            replaced: false,
        };
        let text = screen(&head(&first), &first);
        assert!(
            text.starts_with("New recovery codes for alice\n"),
            "{text:?}"
        );
        let later = RecoveryReply {
            replaced: true,
            ..first
        };
        let screen = screen(&head(&later), &later);
        assert_eq!(screen.as_str(), format!("{SHOWN}{END}"));
        assert!(screen.lines().all(|line| line.chars().count() <= 80));
    }

    const SHOWN: &str = "New recovery codes for alice (earlier ones no longer work)

  01234 56789     11111 22222
  33333 44444
";
}
