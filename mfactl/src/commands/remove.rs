//! `mfactl remove`: removing factors.

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
        let recovery = Authenticator::Recovery;
        let done = match (reply.removed, factor.channel()) {
            (0, _) if factor == recovery && reply.note.is_some() => {
                format!("{user} has no recovery codes")
            }
            (0, _) => format!("{user} has no {factor}{named}; nothing changed"),
            (1, _) if factor == recovery => format!("{user}: 1 recovery code removed"),
            (n, _) if factor == recovery => format!("{user}: {n} recovery codes removed"),
            (1, _) => format!("{user}: {factor}{named} removed"),
            (n, Some(_)) => format!("{user}: {n} {factor} addresses removed"),
            (n, None) => format!("{user}: {n} {factor} devices removed"),
        };
        match &reply.note {
            Some(note) => format!("{done}\n{}", clean(note)),
            None => done,
        }
    })?;
    Ok(Verdict::Done)
}
