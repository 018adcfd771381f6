//! `mfactl enroll totp` and `enroll hotp`: a device that shows codes.
//!
//! The agent makes the key, or uses the given key, and stores it only when a code proves that the device has it: a
//! device with a wrong key would lock its owner out. Key and URI are shown once, here.

use mfa_protocol::Secret;
use mfa_protocol::admin::{
    ConfirmDevice, ConfirmParameters, EnrollDeviceParameters, EnrollHotp, EnrollTotp, Enrollment,
    Status, UserParameters,
};
use mfa_protocol::factor::DeviceKind;
use serde::Serialize;

use super::{code, picture};
use crate::args::{self, EnrollDevice};
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{clean, colours_wanted};

pub(super) fn totp(context: &mut Context, args: args::EnrollTotp) -> Result<Verdict, Failure> {
    let user = args.device.user.clone();
    enroll_totp(context, args)?;
    remind(context, user)?;
    Ok(Verdict::Done)
}

/// As [`totp`], without the hint about recovery codes.
pub(super) fn enroll_totp(context: &mut Context, args: args::EnrollTotp) -> Result<(), Failure> {
    let parameters = EnrollDeviceParameters {
        period: args.period,
        ..parameters(context, args.device)?
    };
    let made = context.change::<EnrollTotp>(&parameters)?.enrollment;
    finish(context, made, parameters.confirm)
}

pub(super) fn hotp(context: &mut Context, args: args::EnrollHotp) -> Result<Verdict, Failure> {
    let parameters = EnrollDeviceParameters {
        counter: args.counter,
        ..parameters(context, args.device)?
    };
    let made = context.change::<EnrollHotp>(&parameters)?.enrollment;
    finish(context, made, parameters.confirm)?;
    remind(context, parameters.user)?;
    Ok(Verdict::Done)
}

/// The parameters of a device of either kind.
fn parameters(
    context: &mut Context,
    args: EnrollDevice,
) -> Result<EnrollDeviceParameters, Failure> {
    let given = given(context, &args)?;
    Ok(EnrollDeviceParameters {
        user: args.user,
        label: args.label,
        algorithm: args.algorithm,
        digits: args.digits,
        secret: given.secret,
        uri: given.uri,
        credential_id: args.credential_id,
        confirm: !args.no_confirm,
        ..EnrollDeviceParameters::default()
    })
}

/// What the caller brings.
#[derive(Default)]
struct Given {
    secret: Option<Secret>,
    uri: Option<Secret>,
}

fn given(context: &mut Context, args: &EnrollDevice) -> Result<Given, Failure> {
    let mut given = Given::default();
    if args.secret_stdin {
        let key = context
            .console()?
            .demand("Key (base32): ", false, "the base32 key")?;
        given.secret = Some(key);
    } else if args.uri_stdin {
        let uri = context
            .console()?
            .demand("otpauth URI: ", false, "the otpauth URI")?;
        given.uri = Some(uri);
    }
    Ok(given)
}

/// Shows what was made, and has it confirmed and stored.
fn finish(context: &mut Context, made: Enrollment, confirm: bool) -> Result<(), Failure> {
    let already = confirm && made.stored;
    show(context, &made)?;
    let stored = if made.stored {
        made
    } else {
        confirmed(context)?
    };
    report(context, &stored, already)
}

/// Shows what the device needs. With `--json`, a person sees it on the terminal, and a script gets it in the result.
fn show(context: &mut Context, made: &Enrollment) -> Result<(), Failure> {
    if !context.output.is_json() {
        let screen = picture::screen(made, context.output.is_painted());
        return context.output.text(&screen);
    }
    let console = context.console()?;
    if console.is_terminal() {
        console.say(&picture::screen(made, colours_wanted()));
    }
    Ok(())
}

fn confirmed(context: &mut Context) -> Result<Enrollment, Failure> {
    let prompt = "Code on the device: ";
    code::ask_until_right(context, prompt, NO_CODE, |context, code| {
        let reply = context.call::<ConfirmDevice>(&ConfirmParameters { code })?;
        Ok(reply.enrollment)
    })
}

const NO_CODE: &str = "nothing was stored: standard input ended before a code of the new device. Put the code on the \
                       next line, or add --no-confirm to store the device without a code";

#[derive(Serialize)]
struct Made<'a> {
    user: &'a str,
    factor: DeviceKind,
    label: &'a str,
    secret: &'a str,
    uri: &'a str,
}

fn report(context: &Context, made: &Enrollment, already: bool) -> Result<(), Failure> {
    let value = Made {
        user: &made.user,
        factor: made.factor,
        label: &made.label,
        secret: made.secret.expose(),
        uri: made.uri.expose(),
    };
    let what = if already {
        "is already enrolled; nothing changed"
    } else {
        "enrolled"
    };
    context.output.result(&value, || {
        format!(
            "{}: device {:?} {what}",
            clean(&made.user),
            clean(&made.label)
        )
    })
}

/// Tells a person who has a device, but no recovery codes. A script reads `status`.
fn remind(context: &mut Context, user: Option<String>) -> Result<(), Failure> {
    if context.output.is_json() || !context.console()?.is_terminal() {
        return Ok(());
    }
    let of_another = user.is_some();
    // The device is stored even if the caller may not look at the account.
    let Ok(reply) = context.call::<Status>(&UserParameters { user }) else {
        return Ok(());
    };
    if reply.account.recovery_left.unwrap_or(0) == 0 {
        let whose = match of_another {
            true => format!(" {}", clean(&reply.account.user)),
            false => String::new(),
        };
        let text = format!(
            "No recovery codes yet. Create some in case the device is lost:\n  \
             mfactl enroll recovery{whose}"
        );
        context.console()?.say(&text);
    }
    Ok(())
}
