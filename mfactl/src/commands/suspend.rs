//! `mfactl suspend` and `resume`: for some days a user is not asked, and then asked again.

use mfa_protocol::admin::{Resume, ResumeParameters, Suspend, SuspendParameters, SuspendReply};

use crate::args::{self, Whom};
use crate::clock::Clock;
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;

pub(crate) fn suspend(context: &mut Context, args: args::Suspend) -> Result<Verdict, Failure> {
    let reply = context.change::<Suspend>(&SuspendParameters {
        user: args.user,
        seconds: args.seconds,
    })?;
    context
        .output
        .result(&reply, || screen(&reply, &Clock::system()))?;
    Ok(Verdict::Done)
}

pub(crate) fn resume(context: &mut Context, args: Whom) -> Result<Verdict, Failure> {
    let reply = context.change::<Resume>(&ResumeParameters { user: args.user })?;
    context.output.result(&reply, || {
        let user = clean(&reply.user);
        match reply.changed {
            true => format!("{user}: asked for a second factor again, as the policy says"),
            false => format!("{user} was not suspended; nothing changed"),
        }
    })?;
    Ok(Verdict::Done)
}

fn screen(reply: &SuspendReply, clock: &Clock) -> String {
    let user = clean(&reply.user);
    let until = clock.future(&reply.until);
    let mut screen = format!(
        "{user}: not asked for a second factor until {until}. Everything that {user} has enrolled stays.\n\
         To end it earlier: mfactl resume {user}\n"
    );
    if reply.locked {
        screen += &format!(
            "{user} is LOCKED. That matters again when the suspension is over. Unlock: mfactl unlock {user}\n"
        );
    }
    screen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_screen_says_until_when_and_how_to_end_it() {
        let mut reply = SuspendReply {
            user: "alice".to_owned(),
            until: "2026-11-22T13:52:00Z".to_owned(),
            locked: false,
        };
        let screen_of = |reply: &SuspendReply| screen(reply, &Clock::for_tests());
        assert_eq!(screen_of(&reply), OPEN);
        reply.locked = true;
        assert_eq!(screen_of(&reply), format!("{OPEN}{LOCKED}"));
    }

    const OPEN: &str = "\
alice: not asked for a second factor until 14:52 (in 30 minutes). Everything that alice has enrolled stays.
To end it earlier: mfactl resume alice
";

    const LOCKED: &str = "\
alice is LOCKED. That matters again when the suspension is over. Unlock: mfactl unlock alice
";
}
