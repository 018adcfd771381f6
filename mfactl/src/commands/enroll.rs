//! `mfactl enroll`: enrolling a factor.

mod address;
mod code;
mod device;
mod guided;
mod key;
mod picture;
mod pin;
mod questions;
mod radius;
mod recovery;

use mfa_protocol::factor::{Authenticator, Channel};

use crate::args::Enroll;
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;

/// How often a person may retry.
const TRIES: u32 = 3;

pub(crate) fn run(context: &mut Context, factor: Option<Enroll>) -> Result<Verdict, Failure> {
    match factor {
        None => guided::run(context),
        Some(factor) => enroll(context, factor),
    }
}

fn enroll(context: &mut Context, factor: Enroll) -> Result<Verdict, Failure> {
    match factor {
        Enroll::Totp(args) => device::totp(context, args),
        Enroll::Hotp(args) => device::hotp(context, args),
        Enroll::Key(args) => key::run(context, args),
        Enroll::Pin(args) => pin::run(context, args),
        Enroll::Questions(args) => questions::run(context, args),
        Enroll::Recovery(args) => recovery::run(context, args),
        Enroll::Email(args) => address::run(context, Channel::Email, args),
        Enroll::Sms(args) => address::run(context, Channel::Sms, args),
        Enroll::Radius(args) => radius::run(context, args),
    }
}

/// The result of enrolling something that is not shown again.
#[derive(serde::Serialize)]
struct Enrolled<'a> {
    user: &'a str,
    factor: Authenticator,
}

fn report(
    context: &Context,
    user: &str,
    factor: Authenticator,
    what: &str,
) -> Result<Verdict, Failure> {
    context.output.result(&Enrolled { user, factor }, || {
        format!("{}: {what} enrolled", clean(user))
    })?;
    Ok(Verdict::Done)
}
