//! `mfactl verify`: a real login on the terminal. It counts, locks and is audited like any other.
//!
//! Scripts guard an operation with it: `mfactl verify --quiet --operation NAME || exit 1`.

use mfa_protocol::admin::{Status, UserParameters};
use mfa_protocol::login::Outcome;
use serde::Serialize;

use crate::args;
use crate::clock::Clock;
use crate::commands::{Verdict, resync};
use crate::context::{Context, acts_for_oneself, caller};
use crate::conversation::Login;
use crate::failure::{Failure, words};
use crate::output::clean;

#[derive(Serialize)]
struct Verified<'a> {
    user: &'a str,
    service: &'a str,
    operation: Option<&'a str>,
    outcome: Outcome,
    /// The same as exit status 0; true if the policy asks for nothing here.
    verified: bool,
}

pub(crate) fn run(context: &mut Context, args: args::Verify) -> Result<Verdict, Failure> {
    if args.resync {
        return resync::run(context, args);
    }
    let user = args.user.map_or_else(caller, Ok)?;
    let login = Login {
        user: &user,
        service: &args.service,
        operation: args.operation.as_deref(),
        quiet: args.quiet,
    };
    let outcome = context.converse(&login)?;
    let verified = matches!(outcome, Outcome::Passed | Outcome::Skipped);
    let lock = match outcome {
        Outcome::Locked if !context.output.is_json() && !args.quiet => lock(context, &user),
        _ => None,
    };
    if context.output.is_json() || !args.quiet {
        let value = Verified {
            user: login.user,
            service: login.service,
            operation: login.operation,
            outcome,
            verified,
        };
        context
            .output
            .result(&value, || lock.unwrap_or_else(|| screen(&login, outcome)))?;
    }
    Ok(if verified {
        Verdict::Done
    } else {
        Verdict::Refused
    })
}

/// Until when the user is locked, as far as the caller may know.
fn lock(context: &mut Context, user: &str) -> Option<String> {
    let whose = UserParameters {
        user: Some(user.to_owned()),
    };
    let account = context.call::<Status>(&whose).ok()?.account;
    let until = match &account.locked_until {
        _ if account.locked_by_limit => "until an administrator unlocks".to_owned(),
        Some(time) => format!("until {}", Clock::system().future(time)),
        None => return None,
    };
    let (user, codes) = (clean(&account.user), account.consecutive_failures);
    let who = match acts_for_oneself(Some(&account.user)) {
        true => "An administrator can unlock it",
        false => "Unlock",
    };
    Some(format!(
        "{user} is locked {until}: {codes} wrong codes in a row. {who}: mfactl unlock {user}"
    ))
}

fn screen(login: &Login<'_>, outcome: Outcome) -> String {
    let user = clean(login.user);
    let what = clean(login.operation.unwrap_or(login.service));
    match outcome {
        Outcome::Passed => format!("{user}: passed"),
        Outcome::Skipped => {
            format!("{user}: not asked; the policy requires no second factor for {what} here")
        }
        other => format!("{user}: not verified; {}", words(other)),
    }
}
