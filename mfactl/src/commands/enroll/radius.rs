//! `mfactl enroll radius`: an authenticator of another maker, behind a RADIUS server of the settings.
//!
//! What it asks and takes is between the server and the user; only the name there is kept.

use mfa_protocol::admin::{EnrollRadius, EnrollRadiusParameters, EnrollRadiusReply, Radius};
use mfa_protocol::factor::Authenticator;
use serde::Serialize;

use crate::args;
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;

#[derive(Serialize)]
struct Enrolled<'a> {
    user: &'a str,
    factor: Authenticator,
    #[serde(flatten)]
    radius: &'a Radius,
    changed: bool,
}

pub(super) fn run(context: &mut Context, args: args::EnrollRadius) -> Result<Verdict, Failure> {
    let reply = context.change::<EnrollRadius>(&EnrollRadiusParameters {
        user: args.user,
        server: args.server,
        remote_user: args.remote,
    })?;
    let value = Enrolled {
        user: &reply.user,
        factor: Authenticator::Radius,
        radius: &reply.radius,
        changed: reply.changed,
    };
    context.output.result(&value, || screen(&reply))?;
    Ok(Verdict::Done)
}

fn screen(reply: &EnrollRadiusReply) -> String {
    let user = clean(&reply.user);
    let (remote, server) = (
        clean(&reply.radius.remote_user),
        clean(&reply.radius.server),
    );
    if reply.changed {
        format!(
            "{user} is {remote} at the RADIUS server {server} now\n\
             To try it: mfactl verify {user}"
        )
    } else {
        format!("{user} is {remote} at the RADIUS server {server} already; nothing was changed")
    }
}
