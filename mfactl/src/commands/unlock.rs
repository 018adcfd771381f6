//! `mfactl unlock`: ending a lock and clearing what was counted.

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
            format!("{user} is unlocked, and no failures are counted any more")
        } else {
            format!("{user} was not locked and had no failures; nothing was changed")
        }
    })?;
    Ok(Verdict::Done)
}
