//! `mfactl restore --merge`: the accounts of a backup in addition to those that are stored.
//!
//! The file is sent twice: first the agent only says what would become of the accounts, and then it changes them.

use data_encoding::BASE64;
use mfa_protocol::admin::{
    MergeBegin, MergeBeginParameters, MergeNext, MergeNextParameters, MergeOutcome, MergedAccount,
};
use serde::Serialize;

use super::super::backup::file::Source;
use super::super::backup::key;
use super::super::backup::progress::{Progress, counted};
use super::FROM_ANYONE;
use crate::args;
use crate::commands::{Verdict, confirm};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;
use crate::table::{remark, table};

/// What became of the accounts, or would become of them.
#[derive(Default)]
struct Report {
    /// Those of which there is something to say.
    accounts: Vec<MergedAccount>,
    unchanged: u64,
}

#[derive(Serialize)]
struct Shown<'a> {
    file: &'a std::path::Path,
    dry_run: bool,
    added: u64,
    merged: u64,
    unchanged: u64,
    damaged: u64,
    accounts: &'a [MergedAccount],
}

impl Report {
    fn count(&self, outcome: MergeOutcome) -> u64 {
        let same = |account: &&MergedAccount| account.result == outcome;
        self.accounts.iter().filter(same).count() as u64
    }

    fn unchanged(&self) -> u64 {
        self.unchanged + self.count(MergeOutcome::Unchanged)
    }

    fn changes(&self) -> u64 {
        self.count(MergeOutcome::Added) + self.count(MergeOutcome::Merged)
    }
}

pub(super) fn run(context: &mut Context, args: &args::Restore) -> Result<Verdict, Failure> {
    let source = Source::open(args.file())?;
    if !source.is_repeatable() {
        return Err(Failure::Usage(
            "--merge reads the file twice, so it needs a regular file".to_owned(),
        ));
    }
    super::check(&source)?;
    let would = sent(context, &source, args, true)?;
    let asks = confirm::asks(context, args.yes) && !args.dry_run && would.changes() > 0;
    if asks {
        confirm::agreed(context, &screen(&would, true), "Merge them?")?;
    }
    let report = match args.dry_run {
        true => would,
        false => sent(context, &source, args, false)?,
    };
    let shown = Shown {
        file: args.file(),
        dry_run: args.dry_run,
        added: report.count(MergeOutcome::Added),
        merged: report.count(MergeOutcome::Merged),
        unchanged: report.unchanged(),
        damaged: report.count(MergeOutcome::Damaged),
        accounts: &report.accounts,
    };
    context
        .output
        .result(&shown, || screen(&report, args.dry_run))?;
    Ok(Verdict::Done)
}

/// Sends the file, and collects what the agent says.
fn sent(
    context: &mut Context,
    source: &Source,
    args: &args::Restore,
    dry_run: bool,
) -> Result<Report, Failure> {
    let (head, mut reader) = source.read()?;
    let file_key = args.key_file.as_deref().map(|file| key::open(&head, file));
    if head.key_id.is_none() && dry_run {
        context.output.complain(FROM_ANYONE);
    }
    context.call::<MergeBegin>(&MergeBeginParameters {
        head,
        file_key: file_key.transpose()?,
        dry_run,
    })?;
    let mut report = Report::default();
    let mut progress = Progress::new(context.output, "accounts");
    loop {
        let (chunk, last) = reader.chunk()?;
        let reply = context.call::<MergeNext>(&MergeNextParameters {
            chunk: BASE64.encode(&chunk),
            last,
        })?;
        report.accounts.extend(reply.accounts);
        report.unchanged += reply.unchanged;
        progress.show(report.accounts.len() as u64 + report.unchanged);
        if last {
            report.accounts.sort_by(|a, b| a.user.cmp(&b.user));
            return Ok(report);
        }
    }
}

fn screen(report: &Report, dry_run: bool) -> String {
    let (new, both) = (
        report.count(MergeOutcome::Added),
        report.count(MergeOutcome::Merged),
    );
    let mut text = match dry_run {
        true => format!(
            "Would add {} and change {}",
            counted(new, "account"),
            counted(both, "account")
        ),
        false => format!(
            "Added {} and changed {}",
            counted(new, "account"),
            counted(both, "account")
        ),
    };
    text += &format!(
        "; {} stay as they are\n",
        counted(report.unchanged(), "account")
    );
    let is_told = |account: &&MergedAccount| {
        account.result != MergeOutcome::Added
            || !account.kept.is_empty()
            || !account.lost.is_empty()
    };
    let told: Vec<_> = report.accounts.iter().filter(is_told).collect();
    if !told.is_empty() {
        let rows = told.iter().map(|account| {
            [
                account.user.clone(),
                said(account.result).to_owned(),
                account.added.join(", "),
                account.kept.join(", "),
                account.lost.join(", "),
            ]
        });
        text += &table(
            ["User", "Result", "Taken", "Kept from here", "Not taken"],
            rows,
        );
    }
    for (users, what) in [
        (
            named(&told, |it| it.kept.iter().any(|part| part != "settings")),
            "have one of these here and another one in the backup. The one here stays. Tell them",
        ),
        (
            named(&told, |it| it.lost.iter().any(|part| part == "recovery")),
            "lose the recovery codes of the backup, which another key has hashed. New ones: mfactl enroll recovery USER",
        ),
    ] {
        if !users.is_empty() {
            text += &remark(&format!("{what}: {}", clean(&users)));
        }
    }
    text
}

/// Users are named only so often: the table has them all.
const NAMED: usize = 10;

fn named(accounts: &[&MergedAccount], is_meant: impl Fn(&MergedAccount) -> bool) -> String {
    let mut users = accounts
        .iter()
        .filter(|it| is_meant(it))
        .map(|it| it.user.as_str());
    let mut first: Vec<&str> = users.by_ref().take(NAMED).collect();
    if users.next().is_some() {
        first.push("…");
    }
    first.join(", ")
}

fn said(outcome: MergeOutcome) -> &'static str {
    match outcome {
        MergeOutcome::Added => "added",
        MergeOutcome::Merged => "changed",
        MergeOutcome::Unchanged => "as it was",
        MergeOutcome::Damaged => "damaged, left out",
    }
}
