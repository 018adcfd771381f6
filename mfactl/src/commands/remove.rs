//! `mfactl remove`: taking factors away.

use mfa_protocol::admin::{Remove, RemoveParameters};
use serde::Serialize;

use crate::args::{self, Removable};
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;

#[derive(Serialize)]
struct Removed<'a> {
    user: &'a str,
    factor: &'a str,
    removed: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
}

pub(crate) fn run(context: &mut Context, args: args::Remove) -> Result<Verdict, Failure> {
    let factor = args.factor.name();
    let parameters = RemoveParameters {
        user: args.user,
        factor: factor.to_owned(),
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
        let done = match (reply.removed, args.factor) {
            (0, Removable::Recovery) if reply.note.is_some() => {
                format!("{user} has no recovery codes")
            }
            (0, _) => format!("{user} has no {factor}{named}; nothing was changed"),
            (1, Removable::Recovery) => format!("{user}: 1 recovery code is removed"),
            (n, Removable::Recovery) => format!("{user}: {n} recovery codes are removed"),
            (1, _) => format!("{user}: {factor}{named} is removed"),
            (n, Removable::Email | Removable::Sms) => {
                format!("{user}: {n} addresses of {factor} are removed")
            }
            (n, _) => format!("{user}: {n} devices of {factor} are removed"),
        };
        match &reply.note {
            Some(note) => format!("{done}\n{}", clean(note)),
            None => done,
        }
    })?;
    Ok(Verdict::Done)
}
