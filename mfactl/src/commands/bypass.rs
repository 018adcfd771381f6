//! `mfactl bypass`: a code that passes once, for a user whose device is lost.
//!
//! It is read out on a phone, so it is shown in threes. It is worth a login: nothing here keeps it
//! longer than it takes to print it.

use std::fmt::Write as _;

use mfa_protocol::admin::{Bypass, BypassParameters, BypassReply};
use zeroize::Zeroizing;

use crate::args;
use crate::clock::Clock;
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;

pub(crate) fn run(context: &mut Context, args: args::Bypass) -> Result<Verdict, Failure> {
    let reply = context.call::<Bypass>(&BypassParameters {
        user: args.user,
        seconds: args.seconds,
    })?;
    if context.output.is_json() {
        context.output.result(&reply, String::new)?;
    } else {
        context.output.text(&screen(&reply, &Clock::system()))?;
    }
    Ok(Verdict::Done)
}

fn screen(reply: &BypassReply, clock: &Clock) -> Zeroizing<String> {
    let user = clean(&reply.user);
    let grouped = in_threes(reply.code.expose());
    let mut around = format!(
        "\nGood once, until {}, wherever {user} is asked for a code.\n\
         The blanks are for reading: where the code stands at the end of the password,\n\
         it is typed without them. An earlier bypass code is not good any more.\n",
        clock.future(&reply.expires_at),
    );
    if reply.locked {
        around += &format!(
            "\n{user} is LOCKED, and the code is not taken before that ends:\n  mfactl unlock {user}\n"
        );
    }
    // As long as it gets at once: growing would leave a copy behind.
    let mut screen = Zeroizing::new(String::with_capacity(
        64 + user.len() + grouped.len() * 8 + around.len(),
    ));
    // Writing to a string does not fail.
    let _ = write!(
        screen,
        "Bypass code of {user}\n\n  {}\n{around}",
        clean(&grouped)
    );
    screen
}

/// `483 920 137`
fn in_threes(code: &str) -> Zeroizing<String> {
    let mut grouped = Zeroizing::new(String::with_capacity(code.len() * 4 / 3 + 1));
    for (i, digit) in code.chars().enumerate() {
        if i > 0 && i % 3 == 0 {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(locked: bool) -> BypassReply {
        BypassReply {
            user: "alice".to_owned(),
            code: mfa_protocol::Secret::from("483920137"),
            expires_at: "2026-11-22T13:52:00Z".to_owned(),
            locked,
        }
    }

    #[test]
    fn a_code_is_shown_in_threes_with_all_that_the_caller_must_be_told() {
        assert_eq!(*screen(&reply(false), &Clock::for_tests()), OPEN);
        let screen = screen(&reply(true), &Clock::for_tests());
        assert_eq!(*screen, format!("{OPEN}{LOCKED}"));
        assert!(screen.lines().all(|line| line.chars().count() <= 80));
    }

    const OPEN: &str = "\
Bypass code of alice

  483 920 137

Good once, until 14:52 (in 30 minutes), wherever alice is asked for a code.
The blanks are for reading: where the code stands at the end of the password,
it is typed without them. An earlier bypass code is not good any more.
";

    const LOCKED: &str = "
alice is LOCKED, and the code is not taken before that ends:
  mfactl unlock alice
";
}
