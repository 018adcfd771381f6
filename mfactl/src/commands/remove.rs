//! `mfactl remove`: taking factors away.

use mfa_protocol::admin::{Remove, RemoveParameters};
use mfa_protocol::factor::Authenticator;
use serde::Serialize;

use crate::args;
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;

#[derive(Serialize)]
struct Removed<'a> {
    user: &'a str,
    factor: Authenticator,
    removed: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
}

pub(crate) fn run(context: &mut Context, args: args::Remove) -> Result<Verdict, Failure> {
    let factor = args.factor;
    let parameters = RemoveParameters {
        user: args.user,
        factor,
        label: args.label,
    };
    let reply = context.change::<Remove>(&parameters)?;
    let value = Removed {
        user: &reply.user,
        factor,
        removed: reply.removed,
        note: reply.note.as_deref(),
    };
    context.output.result(&value, || {
        let named = parameters
            .label
            .as_ref()
            .map(|l| format!(" {:?}", clean(l)))
            .unwrap_or_default();
        let user = clean(&reply.user);
        let things = match factor.channel() {
            Some(_) => "addresses",
            None => "devices",
        };
        let done = match reply.removed {
            0 => format!("{user} has no {factor}{named}; nothing was changed"),
            1 => format!("{user}: {factor}{named} is removed"),
            n => format!("{user}: {n} {things} of {factor} are removed"),
        };
        match &reply.note {
            Some(note) => format!("{done}\n{}", clean(note)),
            None => done,
        }
    })?;
    Ok(Verdict::Done)
}
