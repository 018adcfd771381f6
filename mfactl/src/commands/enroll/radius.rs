//! `mfactl enroll radius`: a third-party authenticator behind a RADIUS server of the settings.
//!
//! The server asks and verifies; only the user's name on the server is stored.

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
            "{user} is now {remote} at the RADIUS server {server}\n\
             Test it: mfactl verify {user}"
        )
    } else {
        format!("{user} is already {remote} at the RADIUS server {server}; nothing changed")
    }
}
