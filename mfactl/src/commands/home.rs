//! `mfactl` alone, for a person who knows no command yet: the state, and what to do next.
//!
//! Root sees the state of this host, other users see their own.

mod host;
mod own;

use nix::unistd::geteuid;

use super::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use crate::table::remark;

/// How wide the column of commands is.
const COMMANDS: usize = 29;

pub(crate) fn run(context: &mut Context) -> Result<Verdict, Failure> {
    match geteuid().is_root() {
        true => host::run(context),
        false => own::run(context),
    }
}

/// A command to run next, and why.
type Step = (String, &'static str);

fn next(steps: &[Step]) -> String {
    let lines = steps.iter();
    lines
        .map(|(command, why)| remark(&format!("{command:<COMMANDS$}{why}")))
        .collect()
}

fn step(command: &str, why: &'static str) -> Step {
    (command.to_owned(), why)
}
