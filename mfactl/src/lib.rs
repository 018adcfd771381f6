//! `mfactl`: manages second factors.
//!
//! It decides nothing and stores nothing. Each command turns arguments into calls of `org.pam-mfa.Admin` or
//! `org.pam-mfa.Login`, and replies into a screen or one JSON value. The agent knows from the socket who calls, and
//! decides what they may do.
//!
//! Standard output has the result, and with `--json` nothing else. Prompts go to the terminal, errors to standard
//! error. Secrets come from standard input or a prompt without echo, never from arguments, and are wiped after use.
//! What the agent sends is cleaned of control characters before it reaches a terminal.

#![forbid(unsafe_code)]

mod args;
mod clock;
mod commands;
mod console;
mod context;
mod conversation;
mod failure;
mod host;
mod lines;
mod output;
mod progress;
mod ssh_agent;
mod sshd;
mod table;
mod tty;

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use args::{Args, Command};
use clock::Clock;
use commands::Verdict;
use context::Context;
use failure::Failure;
use nix::unistd::User;
use output::{Output, clean};

/// Runs the command that the process's arguments name.
///
/// The exit status is 0 for done, 1 for refused or not verified, 2 for wrong usage, and 3 when the
/// agent is not reachable.
#[must_use]
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return misused(&args::with_tip(error)),
    };
    if args.needs_a_person(at_a_terminal())
        && let Some(error) = Args::complaint()
    {
        return misused(&error);
    }
    let output = Output::new(args.json);
    match run(args, output) {
        Ok(Verdict::Done) => ExitCode::SUCCESS,
        Ok(Verdict::Refused) => ExitCode::from(1),
        Ok(Verdict::Unreachable) => ExitCode::from(3),
        Err(failure) => {
            let text = Clock::system().localized(&failure.to_string());
            output.failure(&failure, &text);
            ExitCode::from(failure.exit_status())
        }
    }
}

/// The arguments, for the manual and the completions, which would show a hidden option of every command.
#[must_use]
pub fn command() -> clap::Command {
    Args::command().mut_arg("pam_dir", |hidden| hidden.global(false))
}

/// Whether a person sees what is printed, and can answer.
fn at_a_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

fn run(args: Args, output: Output) -> Result<Verdict, Failure> {
    let mut context = Context::new(
        args.socket,
        args.pam_dir,
        output,
        commands::agent_fails_to_start,
    );
    let Some(command) = args.command else {
        return commands::home::run(&mut context);
    };
    warn_of_unknown_user(&command, output);
    match command {
        Command::Enroll(what) => commands::enroll::run(&mut context, what.factor),
        Command::Import(format) => commands::import::run(&mut context, format),
        Command::Remove(what) => commands::remove::run(&mut context, what),
        Command::Rename(what) => commands::rename::run(&mut context, what),
        Command::Primary(which) => commands::address::primary(&mut context, which),
        Command::Enable(which) => commands::address::enable(&mut context, which, true),
        Command::Disable(which) => commands::address::enable(&mut context, which, false),
        Command::Status(whose) => commands::status::run(&mut context, whose),
        Command::Users(which) => commands::users::run(&mut context, which),
        Command::Lockouts => commands::lists::lockouts(&mut context),
        Command::Unlock(whom) => commands::unlock::run(&mut context, whom),
        Command::Require(what) => commands::settings::require(&mut context, what),
        Command::Enforce(what) => commands::settings::enforce(&mut context, what),
        Command::Prefer(args) => commands::settings::prefer(&mut context, args),
        Command::SelfManage(what) => commands::settings::self_manage(&mut context, what),
        Command::AllowFrom(what) => commands::settings::allow_from(&mut context, what),
        Command::Sessions(whose) => commands::sessions::list(&mut context, whose),
        Command::Revoke(whom) => commands::sessions::revoke(&mut context, whom),
        Command::Bypass(whom) => commands::bypass::run(&mut context, whom),
        Command::Suspend(whom) => commands::suspend::suspend(&mut context, whom),
        Command::Resume(whom) => commands::suspend::resume(&mut context, whom),
        Command::Verify(login) => commands::verify::run(&mut context, login),
        Command::Explain(login) => commands::explain::run(&mut context, login),
        Command::Config(what) => commands::config::run(&mut context, what),
        Command::Mode(what) => commands::mode::run(&mut context, &what),
        Command::Backup(to) => commands::backup::run(&mut context, &to),
        Command::Restore(from) => commands::restore::run(&mut context, &from),
        Command::BackupKey(file) => commands::backup::key::run(&mut context, &file),
        Command::RotateKey(how) => commands::rotate_key::run(&mut context, &how),
        Command::Hosts(what) => commands::hosts::run(&mut context, what),
        Command::Metrics => commands::metrics::run(&mut context),
        Command::Store(what) => commands::store::run(&mut context, what),
        Command::TestDelivery(where_to) => commands::test_delivery::run(&mut context, where_to),
        Command::Doctor(where_to) => commands::doctor::run(&mut context, &where_to),
        Command::Stacks(what) => commands::stacks::run(&context, &what),
    }
}

/// Warns if the host does not know the named user: it may be a typing error. This is no refusal, since users of a VPN
/// often have no entry.
fn warn_of_unknown_user(command: &Command, output: Output) {
    if let Some(user) = command.named_user()
        && let Ok(None) = User::from_name(user)
    {
        output.complain(&format!(
            "mfactl: warning: this host does not know the user {:?}. Check the spelling, unless it is a VPN user without an \
             entry",
            clean(user)
        ));
    }
}

/// Help and version are no errors. Everything else is one, and `--json` applies to it too.
fn misused(error: &clap::Error) -> ExitCode {
    // If the pipe is closed, nobody reads more.
    let _ = error.print();
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        return ExitCode::SUCCESS;
    }
    if std::env::args_os()
        .take_while(|arg| arg != "--")
        .any(|arg| arg == "--json")
    {
        let text = error.to_string();
        let reason = text
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches("error: ");
        Output::new(true).failure_object(&Failure::Usage(reason.to_owned()));
    }
    ExitCode::from(2)
}
