//! `mfactl unlock`: unlocks a user and resets the failure counters.

use mfa_protocol::admin::{Unlock, UnlockParameters};

use crate::args::Whom;
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;

pub(crate) fn run(context: &mut Context, args: Whom) -> Result<Verdict, Failure> {
    let reply = context.change::<Unlock>(&UnlockParameters { user: args.user })?;
    context.output.result(&reply, || {
        let user = clean(&reply.user);
        if reply.changed {
            format!("{user}: unlocked, and the failure counters are reset")
        } else {
            format!("{user} was not locked and had no failures; nothing changed")
        }
    })?;
    Ok(Verdict::Done)
}
