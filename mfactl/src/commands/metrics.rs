//! `mfactl metrics`: what a monitor reads, in the format of OpenMetrics.

use mfa_protocol::admin::Metrics;
use mfa_protocol::login::Nothing;

use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean_lines;

pub(crate) fn run(context: &mut Context) -> Result<Verdict, Failure> {
    let reply = context.call::<Metrics>(&Nothing {})?;
    context
        .output
        .result(&reply, || clean_lines(&reply.metrics).into_owned())?;
    Ok(Verdict::Done)
}
