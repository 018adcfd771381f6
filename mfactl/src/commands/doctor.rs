//! `mfactl doctor`: what is wrong with the second factors of this host, and how to fix it.
//!
//! Each group of checks is a room of its own below and returns [`Check`]s; [`screen`] prints them. Nothing here changes
//! anything. It ends at once if the agent is not reachable, since nearly all checks ask the agent.

mod agent;
mod clock;
mod config;
mod devices;
mod screen;
pub(super) mod sshd;
pub(super) mod stacks;
mod terms;
mod units;

use mfa_protocol::admin::Health;
use mfa_protocol::login::Nothing;
use serde::Serialize;

use crate::args;
use crate::clock::Clock;
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use stacks::files::Files;

/// A result of a check.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Check {
    /// One word.
    name: &'static str,
    /// False for a problem.
    ok: bool,
    /// What was found.
    message: String,
    /// What to do about it.
    remedy: Option<String>,
    /// Whether most hosts have it, so that it is no warning.
    #[serde(skip)]
    is_usual: bool,
}

impl Check {
    fn ok(name: &'static str, message: impl Into<String>) -> Self {
        Self {
            name,
            ok: true,
            message: message.into(),
            remedy: None,
            is_usual: false,
        }
    }

    /// No problem, but perhaps not intended.
    fn note(name: &'static str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            remedy: Some(remedy.into()),
            ..Self::ok(name, message)
        }
    }

    fn problem(name: &'static str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            name,
            ok: false,
            message: message.into(),
            remedy: Some(remedy.into()),
            is_usual: false,
        }
    }

    /// As [`Self::note`], for what most hosts have.
    fn usual(name: &'static str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            is_usual: true,
            ..Self::note(name, message, remedy)
        }
    }
}

#[derive(Serialize)]
struct Report {
    checks: Vec<Check>,
}

pub(crate) fn run(context: &mut Context, args: &args::Doctor) -> Result<Verdict, Failure> {
    let health = context.call::<Health>(&Nothing {})?;
    let clock = Clock::system();
    let mut checks = agent::checks(&health, context.socket());
    checks.extend(units::checks(context.socket()));
    checks.push(config::in_force(&health, &clock));
    checks.extend(config::files(context, &health)?);
    checks.extend(clock::checks(clock::TIMESYNC));
    checks.extend(devices::checks(
        context,
        &clock,
        health.clock_error.as_deref(),
    )?);
    let files = Files::read(&args.stacks.pam_dir);
    let (found, service) = stacks::checks(&files, "sshd");
    checks.extend(found);
    checks.extend(stacks::unloadable(&files));
    let terms = terms::of(context, &stacks::asking(&files))?;
    checks.extend(stacks::against(&files, &terms));
    let of_sshd = terms.iter().find(|terms| terms.service == "sshd");
    checks.extend(sshd::checks(&args.sshd.program, service.as_ref(), of_sshd));
    let report = Report { checks };
    let view = screen::View {
        is_verbose: args.verbose,
        is_painted: context.output.is_painted(),
    };
    context
        .output
        .result(&report, || screen::of(&report.checks, view))?;
    Ok(if report.checks.iter().all(|check| check.ok) {
        Verdict::Done
    } else {
        Verdict::Refused
    })
}
