//! `mfactl remove`: removing factors.

use mfa_protocol::admin::{Account, Remove, RemoveParameters, Status, StatusReply, UserParameters};
use mfa_protocol::factor::Authenticator;
use serde::Serialize;

use crate::args;
use crate::commands::{Verdict, confirm};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{clean, clean_lines};

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
    if args.label.is_none() && confirm::asks(context, args.yes) {
        ask_about_several(context, args.user.as_deref(), factor)?;
    }
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
            (n, None) if factor == Authenticator::Key => {
                format!("{user}: {n} security keys removed")
            }
            (n, None) => format!("{user}: {n} {factor} devices removed"),
        };
        match &reply.note {
            Some(note) => format!("{done}\n{}", clean_lines(note)),
            None => done,
        }
    })?;
    Ok(Verdict::Done)
}

/// Asks first if more than one device, key or address would be removed, because the command names none of them.
fn ask_about_several(
    context: &mut Context,
    user: Option<&str>,
    factor: Authenticator,
) -> Result<(), Failure> {
    let parameters = UserParameters {
        user: user.map(str::to_owned),
    };
    // The agent decides about the removal itself; a caller who may not look is not asked.
    let Ok(StatusReply { account }) = context.call::<Status>(&parameters) else {
        return Ok(());
    };
    let names = names(&account, factor);
    if names.len() < 2 {
        return Ok(());
    }
    let kind = match factor.channel() {
        Some(_) => format!("{factor} addresses"),
        None if factor == Authenticator::Key => "security keys".to_owned(),
        None => format!("{factor} devices"),
    };
    let what = format!(
        "{} has {} {kind}: {}. To remove only one, name it with --label.",
        clean(&account.user),
        names.len(),
        clean(&names.join(", "))
    );
    confirm::agreed(context, &what, "Remove all?")
}

/// The devices, keys or addresses that a removal without a label removes.
fn names(account: &Account, factor: Authenticator) -> Vec<&str> {
    let devices = account.devices.iter();
    let devices = devices.filter(|device| Authenticator::from(device.factor) == factor);
    let addresses = account.addresses.iter();
    let addresses = addresses.filter(|address| factor.channel() == Some(address.factor));
    let addresses = addresses.map(|address| &*address.address);
    let keys = account.keys.iter();
    let keys = keys.filter(|_| factor == Authenticator::Key);
    devices
        .map(|device| &*device.label)
        .chain(keys.map(|key| &*key.label))
        .chain(addresses)
        .collect()
}
