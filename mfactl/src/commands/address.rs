//! `mfactl primary`, `enable` and `disable`: the addresses that codes go to.

use mfa_protocol::admin::{
    Address, AddressReply, EnableAddress, EnableAddressParameters, Primary, PrimaryParameters,
};
use serde::Serialize;

use crate::args::NamedAddress;
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;

pub(crate) fn primary(context: &mut Context, args: NamedAddress) -> Result<Verdict, Failure> {
    let reply = context.change::<Primary>(&PrimaryParameters {
        user: args.user,
        factor: args.factor,
        address: args.address,
    })?;
    report(context, &reply, |reply| {
        let (said, unused) = (
            said(reply, "primary"),
            "it is disabled, so no code goes to it",
        );
        match reply.address.enabled {
            true => said,
            false => format!(
                "{said}\nWarning: {unused}. Enable it: mfactl enable {} {} {}",
                reply.address.factor,
                clean(&reply.user),
                clean(&reply.address.address)
            ),
        }
    })
}

pub(crate) fn enable(
    context: &mut Context,
    args: NamedAddress,
    enabled: bool,
) -> Result<Verdict, Failure> {
    let reply = context.change::<EnableAddress>(&EnableAddressParameters {
        user: args.user,
        factor: args.factor,
        address: args.address,
        enabled,
    })?;
    let state = match enabled {
        true => "enabled",
        false => "disabled",
    };
    report(context, &reply, |reply| said(reply, state))
}

#[derive(Serialize)]
struct Changed<'a> {
    user: &'a str,
    #[serde(flatten)]
    address: &'a Address,
    changed: bool,
}

fn report(
    context: &Context,
    reply: &AddressReply,
    screen: impl FnOnce(&AddressReply) -> String,
) -> Result<Verdict, Failure> {
    let value = Changed {
        user: &reply.user,
        address: &reply.address,
        changed: reply.changed,
    };
    context.output.result(&value, || screen(reply))?;
    Ok(Verdict::Done)
}

fn said(reply: &AddressReply, state: &str) -> String {
    let (user, address) = (clean(&reply.user), clean(&reply.address.address));
    if reply.changed {
        format!("{user}: {address} is now {state}")
    } else {
        format!("{user}: {address} is already {state}; nothing changed")
    }
}
