//! The result of an import: counts, and each refused line with its reason.

use mfa_protocol::admin::{ImportOutcome, ImportResult};
use serde::Serialize;

use crate::commands::{Verdict, confirm};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Output, clean};

/// People see at most so many refused lines; more would scroll the counts away.
const SHOWN: usize = 20;

const OF_A_VPN: &str = "check the spelling, unless they are VPN users without an entry";

/// The result of an import so far. `mfactl import uris --json` prints it as it is.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
    stored: u64,
    unchanged: u64,
    refused: Vec<RefusedLine>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<Note>,
    /// What the numbers count, where it is not lines.
    #[serde(skip)]
    unit: Option<&'static str>,
    /// Entries of users that the host does not know: how many, and line and user of the first.
    #[serde(skip)]
    unknown: Option<(u64, u64, String)>,
}

/// The results of a pass over the entries, and why it ended early if it did.
type Passed = (Report, Result<(), Failure>);

/// Imports by `pass`, which reads and sends all entries. A person sees the results of a dry run first, and is asked.
pub(super) fn import(
    context: &mut Context,
    dry_run: bool,
    yes: bool,
    mut pass: impl FnMut(&mut Context, bool) -> Result<Passed, Failure>,
) -> Result<Verdict, Failure> {
    if confirm::asks(context, dry_run || yes) {
        let (mut report, ended) = pass(context, true)?;
        if ended.is_err() || report.stored == 0 {
            return report.finish(context.output, ended);
        }
        report.show(context.output)?;
        confirm::agreed(context, "", super::QUESTION)?;
    }
    let (report, ended) = pass(context, dry_run)?;
    report.finish(context.output, ended)
}

/// A note about a line.
#[derive(Debug, Serialize)]
struct Note {
    line: u64,
    note: String,
}

#[derive(Debug, Serialize)]
struct RefusedLine {
    line: u64,
    user: Option<String>,
    reason: String,
}

impl Report {
    pub(super) fn new(dry_run: bool) -> Self {
        Self {
            dry_run,
            ..Self::default()
        }
    }

    /// The same, of a file whose entries are numbered by `unit`.
    pub(super) fn of(unit: &'static str, dry_run: bool) -> Self {
        Self {
            unit: Some(unit),
            ..Self::new(dry_run)
        }
    }

    /// What the numbers count.
    pub(super) fn unit(&self) -> &'static str {
        self.unit.unwrap_or("line")
    }

    /// Adds a note about a line.
    pub(super) fn note(&mut self, line: u64, note: String) {
        self.notes.push(Note { line, note });
    }

    /// Adds a line that is no entry.
    pub(super) fn refuse(&mut self, line: u64, user: Option<String>, reason: String) {
        self.refused.push(RefusedLine { line, user, reason });
    }

    /// Adds the agent's results.
    pub(super) fn take(&mut self, results: Vec<ImportResult>) {
        for ImportResult {
            line,
            user,
            result,
            reason,
            unknown_user,
        } in results
        {
            if unknown_user {
                let (count, ..) = self.unknown.get_or_insert((0, line, user.clone()));
                *count += 1;
            }
            match result {
                ImportOutcome::Stored => self.stored += 1,
                ImportOutcome::Updated | ImportOutcome::Unchanged => self.unchanged += 1,
                ImportOutcome::Refused => {
                    let reason = reason.unwrap_or_else(|| "the agent gives no reason".to_owned());
                    self.refuse(line, Some(user), reason);
                }
            }
        }
    }

    /// How many entries are imported.
    pub(super) fn taken(&self) -> u64 {
        self.stored + self.unchanged
    }

    /// What a person reads before they are asked.
    fn show(&mut self, output: Output) -> Result<(), Failure> {
        self.prepare();
        self.complaints()
            .iter()
            .for_each(|complaint| output.complain(complaint));
        output.text(&self.counts())
    }

    /// Prints the report. If the import ended early, it shows the refused lines until then, and why it ended.
    pub(super) fn finish(
        mut self,
        output: Output,
        ended: Result<(), Failure>,
    ) -> Result<Verdict, Failure> {
        self.prepare();
        if !output.is_json() {
            self.complaints()
                .iter()
                .for_each(|complaint| output.complain(complaint));
        }
        ended?;
        output.result(&self, || self.counts())?;
        Ok(if self.refused.is_empty() {
            Verdict::Done
        } else {
            Verdict::Refused
        })
    }

    fn prepare(&mut self) {
        self.refused.sort_by_key(|refused| refused.line);
        if let Some((count, line, user)) = self.unknown.take() {
            let note = match count {
                1 => format!("this host does not know {user:?}; {OF_A_VPN}"),
                _ => format!(
                    "this host does not know {count} of the users, first {user:?}; {OF_A_VPN}"
                ),
            };
            self.notes.insert(0, Note { line, note });
        }
    }

    fn complaints(&self) -> Vec<String> {
        let shown = self.refused.iter().take(SHOWN);
        let notes = self.notes.iter().take(SHOWN);
        let notes =
            notes.map(|Note { line, note }| format!("{} {line}: {}", self.unit(), clean(note)));
        let mut lines: Vec<_> = notes.collect();
        lines.extend(shown.map(|RefusedLine { line, user, reason }| {
            let user = user.as_ref().map(|user| format!("{}: ", clean(user)));
            format!(
                "{} {line}: {}{}",
                self.unit(),
                user.unwrap_or_default(),
                clean(reason)
            )
        }));
        let more = self.refused.len().saturating_sub(SHOWN);
        if more > 0 {
            lines.push(format!("and {more} more (list all with --json)"));
        }
        lines
    }

    fn counts(&self) -> String {
        let Self {
            stored, unchanged, ..
        } = self;
        let refused = self.refused.len();
        if self.dry_run {
            return format!(
                "dry run: would import {stored}, {unchanged} unchanged, would refuse {refused}; nothing \
                 changed"
            );
        }
        format!("{stored} imported, {unchanged} unchanged, {refused} refused")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_twenty_refused_lines_are_shown_and_the_rest_counted() {
        let mut report = Report::default();
        for line in 1..=23 {
            report.refuse(
                line,
                (line == 1).then(|| "al\u{1b}ice".to_owned()),
                "bad".to_owned(),
            );
        }
        let lines = report.complaints();
        assert_eq!(lines.len(), SHOWN + 1);
        assert_eq!(lines[0], "line 1: al\\u{1b}ice: bad");
        assert_eq!(lines[1], "line 2: bad");
        assert_eq!(lines[SHOWN], "and 3 more (list all with --json)");
    }

    #[test]
    fn each_result_is_counted_where_it_belongs() {
        let mut report = Report::default();
        let result = |result| ImportResult {
            line: 1,
            user: "u".to_owned(),
            result,
            reason: None,
            unknown_user: false,
        };
        report.take(vec![
            result(ImportOutcome::Stored),
            result(ImportOutcome::Unchanged),
            result(ImportOutcome::Refused),
        ]);
        assert_eq!(report.counts(), "1 imported, 1 unchanged, 1 refused");
        assert_eq!(report.taken(), 2);
    }
}
