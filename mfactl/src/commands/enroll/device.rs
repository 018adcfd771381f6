//! `mfactl enroll totp` and `enroll hotp`: a device that shows codes.
//!
//! The agent makes the key, or uses the given key, and stores it only when a code proves that the device has it: a
//! device with a wrong key would lock its owner out. Key and URI are shown once, here.

use mfa_protocol::Secret;
use mfa_protocol::admin::{
    ConfirmDevice, ConfirmParameters, EnrollDeviceParameters, EnrollHotp, EnrollTotp, Enrollment,
};
use mfa_protocol::factor::DeviceKind;
use serde::Serialize;

use super::{code, picture, recovery};
use crate::args::{self, EnrollDevice};
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{clean, colours_wanted};

pub(super) fn totp(context: &mut Context, args: args::EnrollTotp) -> Result<Verdict, Failure> {
    let no_recovery = args.device.no_recovery;
    let parameters = EnrollDeviceParameters {
        period: args.period,
        ..parameters(context, args.device)?
    };
    let made = context.change::<EnrollTotp>(&parameters)?.enrollment;
    finish(context, made, parameters, no_recovery)
}

pub(super) fn hotp(context: &mut Context, args: args::EnrollHotp) -> Result<Verdict, Failure> {
    let no_recovery = args.device.no_recovery;
    let parameters = EnrollDeviceParameters {
        counter: args.counter,
        ..parameters(context, args.device)?
    };
    let made = context.change::<EnrollHotp>(&parameters)?.enrollment;
    finish(context, made, parameters, no_recovery)
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

/// Shows what was made, has it confirmed and stored, and ends with recovery codes.
fn finish(
    context: &mut Context,
    made: Enrollment,
    parameters: EnrollDeviceParameters,
    no_recovery: bool,
) -> Result<Verdict, Failure> {
    let already = parameters.confirm && made.stored;
    let is_confirmed = parameters.confirm && !made.stored;
    show(context, &made)?;
    let stored = if made.stored {
        made
    } else {
        confirmed(context)?
    };
    report(context, &stored, already)?;
    if !no_recovery {
        recovery::at_the_end(context, parameters.user, is_confirmed)?;
    }
    Ok(Verdict::Done)
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
