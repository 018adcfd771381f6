//! `mfactl enroll totp`: a device that shows codes.
//!
//! The agent makes the key, or takes the one given, and holds it back until a code proves that the
//! device has it: a device that was set up wrong would lock its owner out. Key and URI are shown once
//! here and never again.

use mfa_protocol::admin::{
    ConfirmDevice, ConfirmParameters, EnrollTotp, EnrollTotpParameters, Enrolment,
};
use serde::Serialize;
use zeroize::Zeroizing;

use super::TRIES;
use crate::args;
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{clean, clean_lines, colours_wanted};

pub(super) fn run(context: &mut Context, args: args::EnrollTotp) -> Result<Verdict, Failure> {
    let confirm = !args.no_confirm;
    let parameters = parameters(context, args)?;
    let made = context.change::<EnrollTotp>(&parameters)?.enrolment;
    let already = confirm && made.stored;
    show(context, &made)?;
    let stored = if made.stored {
        made
    } else {
        confirmed(context)?
    };
    report(context, &stored, already)?;
    Ok(Verdict::Done)
}

fn parameters(
    context: &mut Context,
    args: args::EnrollTotp,
) -> Result<EnrollTotpParameters, Failure> {
    let mut parameters = EnrollTotpParameters {
        user: args.user,
        label: args.label,
        algorithm: args.algorithm.map(|algorithm| algorithm.name().to_owned()),
        digits: args.digits,
        period: args.period,
        credential_id: args.credential_id,
        confirm: !args.no_confirm,
        ..EnrollTotpParameters::default()
    };
    if args.secret_stdin {
        let key = context
            .console()?
            .demand("Key (base32): ", false, "the base32 key")?;
        parameters.secret = Some(key);
    } else if args.uri_stdin {
        let uri = context
            .console()?
            .demand("otpauth URI: ", false, "the otpauth URI")?;
        parameters.uri = Some(uri);
    }
    Ok(parameters)
}

/// Shows what the device needs. With `--json`, a person still has to see it, on the terminal; a script
/// gets it in the result.
fn show(context: &mut Context, made: &Enrolment) -> Result<(), Failure> {
    if !context.output.is_json() {
        return context
            .output
            .text(&screen(made, context.output.is_painted()));
    }
    let console = context.console()?;
    if console.is_terminal() {
        console.say(&screen(made, colours_wanted()));
    }
    Ok(())
}

fn screen(made: &Enrolment, painted: bool) -> Zeroizing<String> {
    let uri = made.uri.expose();
    let picture = mfa_qr::draw(uri, painted, mfa_qr::USUAL_ROWS).unwrap_or_else(|| {
        Zeroizing::new("(The URI is too long for a QR code in 80 columns.)\n".to_owned())
    });
    let grouped = in_fours(made.secret.expose());
    Zeroizing::new(format!(
        "{}\nScan the code with the authenticator app of {}, or type the key into it:\n\n\
         Key     {}\nURI     {}\nLabel   {}\n{}",
        *picture,
        clean(&made.user),
        clean(&grouped),
        clean(uri),
        clean(&made.label),
        unusual(uri),
    ))
}

/// `JBSW Y3DP …`: easier to type without losing one's place.
fn in_fours(key: &str) -> Zeroizing<String> {
    let mut grouped = Zeroizing::new(String::with_capacity(key.len() * 5 / 4 + 1));
    for (i, c) in key.chars().enumerate() {
        if i > 0 && i % 4 == 0 {
            grouped.push(' ');
        }
        grouped.push(c);
    }
    grouped
}

/// What must be set in the app by hand when the key is typed, as a line; empty when the app's own
/// defaults are right.
fn unusual(uri: &str) -> String {
    let query = uri.split_once('?').map_or("", |(_, query)| query);
    let value = |name: &str, default: &'static str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let mut found = pairs
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value);
        found.next_back().unwrap_or(default).to_owned()
    };
    let algorithm = value("algorithm", "SHA1").to_ascii_uppercase();
    let (digits, period) = (value("digits", "6"), value("period", "30"));
    if (algorithm.as_str(), digits.as_str(), period.as_str()) == ("SHA1", "6", "30") {
        return String::new();
    }
    let text = format!("{algorithm}, {digits} digits, a new code every {period} seconds");
    format!("Set     {}\n", clean(&text))
}

/// Asks for a code until it is right, the person gives up, or the tries are used up.
fn confirmed(context: &mut Context) -> Result<Enrolment, Failure> {
    let mut refused = None;
    for _ in 0..TRIES {
        // Shown while it is typed: it is worth nothing in half a minute, and mistyping it is common.
        let code = match context
            .console()?
            .ask("Code that the device shows now: ", true)?
        {
            Some(code) if !code.is_empty() => code,
            _ if context.console()?.is_terminal() => return Err(Failure::Cancelled),
            _ => return Err(refused.unwrap_or_else(no_code)),
        };
        match context.call::<ConfirmDevice>(&ConfirmParameters { code }) {
            Err(failure) if failure.is_correctable() => {
                context.console()?.say(&clean_lines(&failure.to_string()));
                refused = Some(failure);
            }
            outcome => return Ok(outcome?.enrolment),
        }
    }
    Err(refused.unwrap_or_else(no_code))
}

fn no_code() -> Failure {
    Failure::Usage(
        "nothing was stored: a code of the new device was expected as the next line of standard \
         input; use --no-confirm to store without one"
            .to_owned(),
    )
}

#[derive(Serialize)]
struct Made<'a> {
    user: &'a str,
    factor: &'a str,
    label: &'a str,
    secret: &'a str,
    uri: &'a str,
}

fn report(context: &Context, made: &Enrolment, already: bool) -> Result<(), Failure> {
    let value = Made {
        user: &made.user,
        factor: &made.factor,
        label: &made.label,
        secret: made.secret.expose(),
        uri: made.uri.expose(),
    };
    let what = if already {
        "was stored already; nothing was changed"
    } else {
        "is stored"
    };
    context.output.result(&value, || {
        format!(
            "{}: the device {:?} {what}",
            clean(&made.user),
            clean(&made.label)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_grouped_in_fours() {
        assert_eq!(*in_fours("JBSWY3DPEHPK3PXPA"), "JBSW Y3DP EHPK 3PXP A");
        assert_eq!(*in_fours(""), "");
    }

    #[test]
    fn only_settings_that_an_app_would_not_assume_are_shown() {
        assert_eq!(
            unusual("otpauth://totp/a?secret=X&digits=6&period=30&algorithm=SHA1"),
            ""
        );
        assert_eq!(unusual("otpauth://totp/a?secret=X"), "");
        assert_eq!(
            unusual("otpauth://totp/a?secret=X&algorithm=sha256&digits=8"),
            "Set     SHA256, 8 digits, a new code every 30 seconds\n"
        );
    }
}
