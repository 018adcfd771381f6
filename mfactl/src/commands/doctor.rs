//! `mfactl doctor`: what is wrong with this host's second factors, and the command that mends it.
//!
//! Each group of checks is a room of its own below and returns [`Check`]s; nothing here changes
//! anything. An agent that is not reachable ends it at once, since nearly all is asked of the agent.

mod agent;
mod clock;
mod config;
mod devices;
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
use crate::table::paragraph;
use stacks::files::Files;

/// Something that was looked at.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Check {
    /// One word.
    name: &'static str,
    /// Whether all is well.
    ok: bool,
    /// What was found.
    message: String,
    /// What to do about it.
    remedy: Option<String>,
}

impl Check {
    fn ok(name: &'static str, message: impl Into<String>) -> Self {
        Self {
            name,
            ok: true,
            message: message.into(),
            remedy: None,
        }
    }

    /// Nothing wrong, and yet something to know or to do.
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
    checks.extend(devices::checks(context, &clock)?);
    let files = Files::read(&args.stacks.pam_dir);
    let (found, service) = stacks::checks(&files, "sshd");
    checks.extend(found);
    checks.extend(stacks::unloadable(&files));
    let terms = terms::of(context, &stacks::asking(&files))?;
    checks.extend(stacks::against(&files, &terms));
    let of_sshd = terms.iter().find(|terms| terms.service == "sshd");
    checks.extend(sshd::checks(&args.sshd.program, service.as_ref(), of_sshd));
    let report = Report { checks };
    context.output.result(&report, || screen(&report.checks))?;
    Ok(if report.checks.iter().all(|check| check.ok) {
        Verdict::Done
    } else {
        Verdict::Refused
    })
}

fn screen(checks: &[Check]) -> String {
    let mut screen: String = checks.iter().map(line).collect();
    let problems = checks.iter().filter(|check| !check.ok).count();
    screen += &match problems {
        0 => "\nNo problem was found.\n".to_owned(),
        1 => "\n1 problem was found.\n".to_owned(),
        n => format!("\n{n} problems were found.\n"),
    };
    screen
}

fn line(check: &Check) -> String {
    let verdict = match (check.ok, &check.remedy) {
        (true, None) => "ok",
        (true, Some(_)) => "note",
        (false, _) => "PROBLEM",
    };
    let text = format!("{}: {}", check.name, check.message);
    let remedy = check.remedy.as_deref().unwrap_or_default();
    paragraph(verdict, &text) + &paragraph("", remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_check_has_its_line_and_each_problem_its_remedy() {
        let checks = [
            Check::ok("agent", "it answers at /run/mfa/agent.sock"),
            Check::note("config", "warnings: 1", "mfactl config check lists them"),
            Check::problem(
                "store",
                "the agent can't read it: the checksum of the record of alice\u{7} is wrong",
                "journalctl -u mfa-agent tells more",
            ),
        ];
        assert_eq!(screen(&checks), SCREEN);
        assert!(screen(&checks[..1]).ends_with("\nNo problem was found.\n"));
    }

    const SCREEN: &str = r"ok          agent: it answers at /run/mfa/agent.sock
note        config: warnings: 1
            mfactl config check lists them
PROBLEM     store: the agent can't read it: the checksum of the record of
            alice\u{7} is wrong
            journalctl -u mfa-agent tells more

1 problem was found.
";
}
