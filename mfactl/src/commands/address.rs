//! `mfactl primary`, `enable` and `disable`: the addresses that codes go to, and what else can be disabled.

use mfa_protocol::admin::{
    Address, AddressReply, EnableAddress, EnableAddressParameters, EnableFactor,
    EnableFactorParameters, Primary, PrimaryParameters,
};
use mfa_protocol::factor::{Authenticator, Channel};
use serde::Serialize;

use crate::args::{NamedAddress, Switched, Target};
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{clean, clean_lines};

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
    args: Switched,
    enabled: bool,
) -> Result<Verdict, Failure> {
    match args.target().map_err(Failure::Usage)? {
        Target::Address(user, factor, address) => {
            enable_address(context, (user, factor, address), enabled)
        }
        Target::Factor(user, factor, label) => {
            enable_factor(context, (user, factor, label), enabled)
        }
    }
}

fn enable_address(
    context: &mut Context,
    (user, factor, address): (Option<String>, Channel, String),
    enabled: bool,
) -> Result<Verdict, Failure> {
    let reply = context.change::<EnableAddress>(&EnableAddressParameters {
        user,
        factor,
        address,
        enabled,
    })?;
    report(context, &reply, |reply| said(reply, state(enabled)))
}

fn enable_factor(
    context: &mut Context,
    (user, factor, label): (Option<String>, Authenticator, Option<String>),
    enabled: bool,
) -> Result<Verdict, Failure> {
    let reply = context.change::<EnableFactor>(&EnableFactorParameters {
        user,
        factor,
        label,
        enabled,
    })?;
    let value = FactorChanged {
        user: &reply.user,
        factor,
        label: &reply.label,
        enabled,
        changed: reply.changed,
        note: reply.note.as_deref(),
    };
    context.output.result(&value, || {
        let (user, label) = (clean(&reply.user), clean(&reply.label));
        let what = format!("{user}: {factor} {label:?} is");
        let done = match reply.changed {
            true => format!("{what} now {}", state(enabled)),
            false => format!("{what} already {}; nothing changed", state(enabled)),
        };
        match &reply.note {
            Some(note) => format!("{done}\n{}", clean_lines(note)),
            None => done,
        }
    })?;
    Ok(Verdict::Done)
}

fn state(enabled: bool) -> &'static str {
    match enabled {
        true => "enabled",
        false => "disabled",
    }
}

#[derive(Serialize)]
struct FactorChanged<'a> {
    user: &'a str,
    factor: Authenticator,
    label: &'a str,
    enabled: bool,
    changed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
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
