//! `mfactl test-delivery`: a message that holds no code, sent as those are that do.
//!
//! What is judged is whether somebody took the message. Whether it arrives is for the person to see to whom
//! it goes.

use mfa_protocol::admin::{TestDelivery, TestDeliveryParameters, TestDeliveryReply};
use mfa_protocol::factor::Channel;

use crate::args;
use crate::commands::Verdict;
use crate::context::{Context, DELIVERY_TIMEOUT};
use crate::failure::Failure;
use crate::output::clean;
use crate::table::remark;

const NEXT: &str = "\
What is wrong with the settings:  mfactl config check
What the agent wrote in its log:  journalctl -u mfa-agent
";

pub(crate) fn run(context: &mut Context, args: args::TestDelivery) -> Result<Verdict, Failure> {
    context.set_timeout(DELIVERY_TIMEOUT);
    context.probe()?;
    if !context.output.is_json() && context.console()?.is_terminal() {
        context.console()?.say("Sending; this can take a minute.");
    }
    let reply = context.call::<TestDelivery>(&TestDeliveryParameters {
        channel: args.channel,
        address: args.address,
    })?;
    context
        .output
        .result(&reply, || screen(&reply, args.channel))?;
    Ok(match reply.sent {
        true => Verdict::Done,
        false => Verdict::Refused,
    })
}

fn screen(reply: &TestDeliveryReply, channel: Channel) -> String {
    let address = clean(&reply.address);
    if reply.sent {
        let taker = match channel {
            Channel::Email => "the mail server",
            Channel::Sms => "the provider",
        };
        return format!("{address}: {taker} took the message; look there whether it arrives");
    }
    let reason = reply
        .error
        .as_deref()
        .unwrap_or("the agent names no reason");
    let reason = remark(reason);
    format!("{address}: the message could not be sent\n{reason}{NEXT}")
}
