//! `mfactl enroll email` and `enroll sms`: an address that codes are sent to.
//!
//! The agent sends a code there and stores nothing before it came back: codes that go to a mistyped address
//! lock one person out and may let another in. Administrators, who type the address of somebody else and
//! don't read their mail, may store it at once; the first login confirms it then.

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

const NO_CODE: &str = "nothing was stored: the code that was sent was expected as the next line of \
                       standard input; administrators store an address of another without one when \
                       --confirm is left out";

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
        "A code is on its way to {}; it may take a minute.",
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

/// How an address came to be stored.
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
            format!("{user}: {address} was stored already; nothing was changed")
        }
        Was::Confirmed => format!("{user}: {address} is confirmed and stored"),
        Was::StoredAtOnce if reply.address.confirmed_at.is_some() => {
            format!("{user}: {address} is stored, and was confirmed before")
        }
        Was::StoredAtOnce => {
            // Nobody but root is told the whole of it.
            let whole = match address.contains('*') || address.contains('…') {
                true => "ADDRESS",
                false => &*address,
            };
            format!(
                "{user}: {address} is stored\n\
                 The first login with a code that was sent there confirms it. To see now whether\n\
                 messages arrive: mfactl test-delivery {} {whole}",
                reply.address.factor
            )
        }
    }
}
