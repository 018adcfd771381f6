//! `mfactl test-delivery`: a message without a code, sent like a message with one.
//!
//! It tells whether the mail server or provider accepted the message. Only the recipient knows whether it arrives.

use mfa_protocol::admin::{TestDelivery, TestDeliveryParameters, TestDeliveryReply};
use mfa_protocol::factor::Channel;

use crate::args;
use crate::commands::Verdict;
use crate::context::{Context, DELIVERY_TIMEOUT};
use crate::failure::Failure;
use crate::output::clean;
use crate::table::remark;

const NEXT: &str = "\
Check the settings:  mfactl config check
Agent's log:         journalctl -u mfa-agent
";

pub(crate) fn run(context: &mut Context, args: args::TestDelivery) -> Result<Verdict, Failure> {
    context.set_timeout(DELIVERY_TIMEOUT);
    context.probe()?;
    if !context.output.is_json() && context.console()?.is_terminal() {
        context.console()?.say("Sending. This can take a minute.");
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
        return format!("{address}: {taker} accepted the message. Check that it arrives");
    }
    let reason = reply
        .error
        .as_deref()
        .unwrap_or("the agent gives no reason");
    let reason = remark(reason);
    format!("{address}: the message was not sent\n{reason}{NEXT}")
}
