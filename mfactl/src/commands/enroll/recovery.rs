//! `mfactl enroll recovery`: new recovery codes, shown once.

use std::fmt::Write as _;

use mfa_protocol::admin::{EnrollRecovery, EnrollRecoveryParameters, RecoveryReply};
use zeroize::Zeroizing;

use crate::args;
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;

pub(super) fn run(context: &mut Context, args: args::EnrollRecovery) -> Result<Verdict, Failure> {
    let reply = context.change::<EnrollRecovery>(&EnrollRecoveryParameters {
        user: args.user,
        count: Some(args.count),
    })?;
    if context.output.is_json() {
        context.output.result(&reply, String::new)?;
    } else {
        context.output.text(&screen(&reply))?;
    }
    Ok(Verdict::Done)
}

fn screen(reply: &RecoveryReply) -> Zeroizing<String> {
    let user = clean(&reply.user);
    let earlier = match reply.replaced {
        true => " (earlier ones no longer work)",
        false => "",
    };
    let head = format!("New recovery codes for {user}{earlier}\n\n");
    // Large enough from the start: growing would leave an unwiped copy.
    let size = head.len() + reply.codes.len() * 64 + END.len();
    let mut screen = Zeroizing::new(String::with_capacity(size));
    screen.push_str(&head);
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
        let text = screen(&first);
        assert!(
            text.starts_with("New recovery codes for alice\n"),
            "{text:?}"
        );
        let screen = screen(&RecoveryReply {
            replaced: true,
            ..first
        });
        assert_eq!(screen.as_str(), format!("{SHOWN}{END}"));
        assert!(screen.lines().all(|line| line.chars().count() <= 80));
    }

    const SHOWN: &str = "New recovery codes for alice (earlier ones no longer work)

  01234 56789     11111 22222
  33333 44444
";
}
