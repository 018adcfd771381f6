//! `mfactl doctor`: what is wrong with the second factors of this host, and how to fix it.
//!
//! Each group of checks is a room of its own below and returns [`Check`]s; [`screen`] prints them. Nothing here changes
//! anything. If the agent does not answer, the checks that need no agent are made.

mod agent;
mod backups;
mod clock;
mod config;
mod devices;
mod fleet;
mod keys;
mod modules;
mod screen;
pub(super) mod sshd;
pub(super) mod stacks;
mod terms;
mod units;

use std::path::Path;
use std::time::Duration;

use mfa_protocol::DEFAULT_SOCKET;
use mfa_protocol::admin::{Health, HealthReply, ServiceTerms};
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
    let unit = units::state(context.socket());
    if unit.is_some_and(units::State::is_failing) {
        context.set_timeout(WHILE_FAILING);
    }
    let files = Files::read(context.pam_dir());
    let health = match context.call::<Health>(&Nothing {}) {
        Err(failure) if failure.exit_status() == 3 => {
            // It may have begun to fail since.
            let unit = match failure {
                Failure::DoesNotStart => Some(units::State::Failing),
                _ => unit,
            };
            let mut checks = vec![agent::silent(&failure, unit)];
            checks.extend(units::checks(context.socket()));
            checks.extend(clock::checks(clock::TIMESYNC));
            checks.extend(of_stacks(&files, args, &[]));
            checks.extend(modules::checks(modules::PROC));
            show(context, args, checks)?;
            return Ok(Verdict::Unreachable);
        }
        health => health?,
    };
    let clock = Clock::system();
    // The first of the warnings, because it makes all else void.
    let mut checks: Vec<_> = config::mode(context)?.into_iter().collect();
    checks.extend(agent::checks(&health, context.socket()));
    checks.extend(units::checks(context.socket()));
    // What can't be read may ask.
    let is_asked = !files.unread().is_empty() || !stacks::asking(&files).is_empty();
    checks.extend(config::checks(context, &health, &clock, is_asked)?);
    if health.store_shared {
        checks.extend(fleet::checks(context, &clock)?);
    }
    checks.extend(clock::checks(clock::TIMESYNC));
    checks.extend(backups::check(&health, context.socket(), &clock));
    checks.extend(devices::checks(
        context,
        &clock,
        health.clock_error.as_deref(),
    )?);
    checks.extend(keys::checks(context, &args.sshd.program, &clock)?);
    let terms = terms::of(context, &stacks::asking(&files))?;
    checks.extend(of_stacks(&files, args, &terms));
    checks.extend(modules::checks(modules::PROC));
    Ok(match show(context, args, checks)? {
        true => Verdict::Done,
        false => Verdict::Refused,
    })
}

/// Whether backups need attention, and what is to say about them; nothing if the store can't be read.
pub(super) fn backup_state(
    health: &HealthReply,
    socket: &Path,
    clock: &Clock,
) -> Option<(bool, String)> {
    let check = backups::check(health, socket, clock)?;
    Some((check.remedy.is_some() && !check.is_usual, check.message))
}

/// Whether systemd runs the agent, and can't start it.
pub(crate) fn agent_fails_to_start() -> bool {
    units::state(Path::new(DEFAULT_SOCKET)).is_some_and(units::State::is_failing)
}

/// How long an agent has to answer that systemd restarts again and again.
const WHILE_FAILING: Duration = Duration::from_secs(5);

/// The stacks and sshd, which are read here; `terms` are the agent's rules for them.
fn of_stacks(files: &Files, args: &args::Doctor, terms: &[ServiceTerms]) -> Vec<Check> {
    let program = &args.sshd.program;
    let (mut checks, service) = stacks::checks(files, "sshd", sshd::asks_after_a_key(program));
    checks.extend(stacks::unloadable(files));
    checks.extend(stacks::against(files, terms));
    let of_sshd = terms.iter().find(|terms| terms.service == "sshd");
    let drop_in = sshd::drop_in();
    checks.extend(sshd::checks(
        program,
        service.as_ref(),
        of_sshd,
        drop_in.as_deref(),
    ));
    checks
}

/// Prints the report, and returns whether all is well.
fn show(context: &Context, args: &args::Doctor, checks: Vec<Check>) -> Result<bool, Failure> {
    let report = Report { checks };
    let view = screen::View {
        is_verbose: args.verbose,
        is_painted: context.output.is_painted(),
    };
    context
        .output
        .result(&report, || screen::of(&report.checks, view))?;
    Ok(report.checks.iter().all(|check| check.ok))
}
