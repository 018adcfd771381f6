//! `mfactl enroll email` and `enroll sms`: an address that codes are sent to.
//!
//! The agent sends a code and stores the address only when the code comes back: a mistyped address locks its owner out
//! and may let another person in. Administrators can't read the user's mail, so they may store an address at once; the
//! user's next login confirms it.

use mfa_protocol::admin::{
    Address, ConfirmAddress, ConfirmAddressParameters, EnrollAddress, EnrollAddressParameters,
    EnrollAddressReply,
};
use mfa_protocol::factor::Channel;
use serde::Serialize;

use super::code;
use crate::args;
use crate::commands::Verdict;
use crate::context::{Context, DELIVERY_TIMEOUT, acts_for_oneself};
use crate::failure::Failure;
use crate::output::clean;

const NO_CODE: &str = "nothing was stored: standard input ended before the code that was sent. Put the code on the \
                       next line; administrators can store a user's address without --confirm";

pub(super) fn run(
    context: &mut Context,
    channel: Channel,
    args: args::EnrollAddress,
) -> Result<Verdict, Failure> {
    let confirm = args.confirm || acts_for_oneself(args.user.as_deref());
    let parameters = EnrollAddressParameters {
        user: args.user,
        factor: channel,
        address: args.address,
        confirm,
    };
    context.set_timeout(DELIVERY_TIMEOUT);
    let reply = context.change::<EnrollAddress>(&parameters)?;
    let was = match (confirm, reply.stored) {
        (true, true) => Was::ThereBefore,
        (true, false) => Was::Confirmed,
        (false, _) => Was::StoredAtOnce,
    };
    let stored = if reply.stored {
        reply
    } else {
        confirmed(context, &reply.address)?
    };
    let value = Enrolled {
        user: &stored.user,
        address: &stored.address,
        stored: stored.stored,
    };
    context.output.result(&value, || screen(&stored, was))?;
    Ok(Verdict::Done)
}

fn confirmed(context: &mut Context, address: &Address) -> Result<EnrollAddressReply, Failure> {
    context.console()?.say(&format!(
        "Sent a code to {}. It may take a minute to arrive.",
        clean(&address.address)
    ));
    code::ask_until_right(context, "Code that was sent: ", NO_CODE, |context, code| {
        context.call::<ConfirmAddress>(&ConfirmAddressParameters { code })
    })
}

#[derive(Serialize)]
struct Enrolled<'a> {
    user: &'a str,
    #[serde(flatten)]
    address: &'a Address,
    stored: bool,
}

/// How the address came to be stored.
#[derive(Clone, Copy)]
enum Was {
    ThereBefore,
    Confirmed,
    StoredAtOnce,
}

fn screen(reply: &EnrollAddressReply, was: Was) -> String {
    let (user, address) = (clean(&reply.user), clean(&reply.address.address));
    match was {
        Was::ThereBefore => {
            format!("{user}: {address} is already enrolled; nothing changed")
        }
        Was::Confirmed => format!("{user}: {address} confirmed and enrolled"),
        Was::StoredAtOnce if reply.address.confirmed_at.is_some() => {
            format!("{user}: {address} enrolled; it was confirmed before")
        }
        Was::StoredAtOnce => {
            // Only root sees the whole address.
            let whole = match address.contains('*') || address.contains('…') {
                true => "ADDRESS",
                false => &*address,
            };
            format!(
                "{user}: {address} enrolled, not confirmed yet\n\
                 The first login with a code from there confirms it. To test now whether messages\n\
                 arrive: mfactl test-delivery {} {whole}",
                reply.address.factor
            )
        }
    }
}
