//! `mfactl bypass`: a one-time code for a user who lost their device.
//!
//! It is read out on a phone, so it is shown in groups of three. It is a secret, and is wiped once it is printed.

use std::fmt::Write as _;

use mfa_protocol::admin::{
    Bypass, BypassParameters, BypassReply, RevokeBypass, RevokeBypassParameters,
};
use zeroize::Zeroizing;

use crate::args;
use crate::clock::Clock;
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{clean, folded};

pub(crate) fn run(context: &mut Context, args: args::Bypass) -> Result<Verdict, Failure> {
    if args.off {
        return revoke(context, args.user);
    }
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

fn revoke(context: &mut Context, user: String) -> Result<Verdict, Failure> {
    let reply = context.call::<RevokeBypass>(&RevokeBypassParameters { user })?;
    context.output.result(&reply, || {
        let user = clean(&reply.user);
        match reply.changed {
            true => format!("{user}: the bypass code no longer works"),
            false => format!("{user} has no valid bypass code; nothing changed"),
        }
    })?;
    Ok(Verdict::Done)
}

fn screen(reply: &BypassReply, clock: &Clock) -> Zeroizing<String> {
    let user = clean(&reply.user);
    let grouped = in_threes(reply.code.expose());
    let mut around = format!(
        "\nIt works once, until {}, wherever {user} is asked for a code.\n\
         The blanks are only for reading: leave them out where password and code share\n\
         one prompt. Earlier bypass codes no longer work.\n\
         To take it back: mfactl bypass {user} --off\n",
        clock.future(&reply.expires_at),
    );
    if reply.locked {
        around += &format!(
            "\n{user} is LOCKED: the code works only once {user} is unlocked:\n  mfactl unlock {user}\n"
        );
    }
    if let Some(note) = &reply.note {
        around += &format!("\n{}\n", folded(&format!("Note: {}", clean(note))));
    }
    // Large enough from the start: growing would leave an unwiped copy.
    let mut screen = Zeroizing::new(String::with_capacity(
        64 + user.len() + grouped.len() * 8 + around.len(),
    ));
    // Writing to a string does not fail.
    let _ = write!(
        screen,
        "Bypass code for {user}\n\n  {}\n{around}",
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
            note: None,
        }
    }

    #[test]
    fn a_code_is_shown_in_threes_with_all_that_the_caller_must_be_told() {
        assert_eq!(*screen(&reply(false), &Clock::for_tests()), OPEN);
        let screen = screen(&reply(true), &Clock::for_tests());
        assert_eq!(*screen, format!("{OPEN}{LOCKED}"));
        assert!(screen.lines().all(|line| line.chars().count() <= 80));
    }

    #[test]
    fn the_caller_hears_where_the_code_is_of_no_use() {
        let reply = BypassReply {
            note: Some("no code is asked for in sshd".to_owned()),
            ..reply(false)
        };
        let screen = screen(&reply, &Clock::for_tests());
        assert_eq!(
            *screen,
            format!("{OPEN}\nNote: no code is asked for in sshd\n")
        );
    }

    const OPEN: &str = "\
Bypass code for alice

  483 920 137

It works once, until 14:52 (in 30 minutes), wherever alice is asked for a code.
The blanks are only for reading: leave them out where password and code share
one prompt. Earlier bypass codes no longer work.
To take it back: mfactl bypass alice --off
";

    const LOCKED: &str = "
alice is LOCKED: the code works only once alice is unlocked:
  mfactl unlock alice
";
}
