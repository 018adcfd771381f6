//! The results of accounts: a table for people, with notes under it, or one JSON object.

use mfa_protocol::admin::{ImportOutcome, ImportedAccount};
use serde::Serialize;

use crate::commands::Verdict;
use crate::failure::Failure;
use crate::output::{Output, clean};
use crate::table::table;

/// People see at most so many accounts.
const SHOWN: usize = 1000;

/// At most so many notes of an account are shown.
const MAX_NOTES: usize = 12;

/// At most so many characters of a note are shown.
const MAX_NOTE: usize = 300;

/// The result of a user's account. `mfactl import … --json` prints it as it is.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    /// The line of the file, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    user: Option<String>,
    result: ImportOutcome,
    reason: Option<String>,
    devices: u32,
    codes: u32,
    pin: bool,
    notes: Vec<String>,
}

impl Row {
    /// An account that is not imported.
    pub(super) fn refused(
        line: Option<u64>,
        user: Option<String>,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            line,
            user,
            result: ImportOutcome::Refused,
            reason: Some(reason.into()),
            devices: 0,
            codes: 0,
            pin: false,
            notes: Vec::new(),
        }
    }

    /// The agent's result, with the notes from the reading. `by_name` is the command that imports USER by name.
    pub(super) fn of(
        result: ImportedAccount,
        mut notes: Vec<String>,
        by_name: Option<&str>,
    ) -> Self {
        let refused = result.result == ImportOutcome::Refused;
        let silent = || "the agent gives no reason".to_owned();
        notes.extend(result.notes);
        // So that the commands in them can be pasted.
        for note in &mut notes {
            *note = note.replace(" USER ", &format!(" {} ", result.user));
        }
        bound(&mut notes);
        let reason = result.reason.or_else(|| refused.then(silent));
        let reason = reason.map(|reason| with_command(reason, by_name, &result.user));
        Self {
            line: Some(result.line),
            user: Some(result.user),
            result: result.result,
            reason,
            devices: result.devices,
            codes: result.codes,
            pin: result.pin,
            notes,
        }
    }
}

/// The result of an import so far.
#[derive(Debug, Serialize)]
pub(super) struct Table {
    dry_run: bool,
    stored: usize,
    updated: usize,
    unchanged: usize,
    refused: usize,
    /// Users without anything to import.
    #[serde(skip_serializing_if = "Option::is_none")]
    without: Option<u64>,
    accounts: Vec<Row>,
}

impl Table {
    pub(super) fn new(dry_run: bool, without: Option<u64>, refused: Vec<Row>) -> Self {
        Self {
            dry_run,
            stored: 0,
            updated: 0,
            unchanged: 0,
            refused: refused.len(),
            without,
            accounts: refused,
        }
    }

    pub(super) fn push(&mut self, row: Row) {
        match row.result {
            ImportOutcome::Stored => self.stored += 1,
            ImportOutcome::Updated => self.updated += 1,
            ImportOutcome::Unchanged => self.unchanged += 1,
            ImportOutcome::Refused => self.refused += 1,
        }
        self.accounts.push(row);
    }

    pub(super) fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// How many accounts are imported.
    pub(super) fn taken(&self) -> u64 {
        (self.stored + self.updated + self.unchanged) as u64
    }

    /// Whether anything is new, or would be.
    pub(super) fn changes(&self) -> bool {
        self.stored + self.updated > 0
    }

    /// Removes the numbers that only distinguish the accounts of a call.
    pub(super) fn without_lines(mut self) -> Self {
        self.accounts.iter_mut().for_each(|row| row.line = None);
        self
    }

    /// Prints the results, then why the import ended early if it did.
    pub(super) fn finish(
        mut self,
        output: Output,
        ended: Result<(), Failure>,
    ) -> Result<Verdict, Failure> {
        self.accounts.sort_by_key(|row| row.line);
        if ended.is_err() {
            // The failure is the one JSON value. People see the results until then.
            if !output.is_json() && !self.accounts.is_empty() {
                output.text(&self.screen())?;
            }
            ended?;
        }
        output.result(&self, || self.screen())?;
        Ok(if self.refused == 0 {
            Verdict::Done
        } else {
            Verdict::Refused
        })
    }

    /// The table, the reasons and notes under it, and the counts.
    pub(super) fn screen(&self) -> String {
        let shown = &self.accounts[..self.accounts.len().min(SHOWN)];
        let mut screen = String::new();
        if !shown.is_empty() {
            let headings = ["User", "Result", "Devices", "Codes", "PIN"];
            screen += &table(headings, shown.iter().map(|row| cells(row, self.dry_run)));
            screen.push('\n');
        }
        for row in shown {
            screen += &remarks(row);
        }
        let more = self.accounts.len() - shown.len();
        if more > 0 {
            screen += &format!("and {more} more (list all with --json)\n");
        }
        screen + &self.counts() + "\n"
    }

    fn counts(&self) -> String {
        let Self {
            stored,
            updated,
            unchanged,
            refused,
            ..
        } = self;
        let without = self
            .without
            .map(|without| format!(", {without} without a file"))
            .unwrap_or_default();
        if self.dry_run {
            return format!(
                "dry run: would import {stored}, update {updated}, {unchanged} unchanged, would refuse \
                 {refused}{without}; nothing changed"
            );
        }
        format!(
            "{stored} imported, {updated} updated, {unchanged} unchanged, {refused} refused{without}"
        )
    }
}

/// The agent does not know which command it is.
fn with_command(reason: String, by_name: Option<&str>, user: &str) -> String {
    match by_name {
        Some(command) if reason.ends_with("by name") => {
            format!("{reason}: {}", command.replace("USER", user))
        }
        _ => reason,
    }
}

/// Notes must not flood the report: users wrote part of them.
fn bound(notes: &mut Vec<String>) {
    let more = notes.len().saturating_sub(MAX_NOTES);
    if more > 0 {
        notes.truncate(MAX_NOTES - 1);
        notes.push(format!("and {} more notes", more + 1));
    }
    for note in notes {
        if let Some((end, _)) = note.char_indices().nth(MAX_NOTE) {
            note.truncate(end);
            note.push('…');
        }
    }
}

fn cells(row: &Row, dry_run: bool) -> [String; 5] {
    let count = |number: u32| match number {
        0 => String::new(),
        number => number.to_string(),
    };
    [
        row.user.clone().unwrap_or_else(|| "?".to_owned()),
        word(row.result, dry_run).to_owned(),
        count(row.devices),
        count(row.codes),
        if row.pin { "yes" } else { "" }.to_owned(),
    ]
}

fn word(outcome: ImportOutcome, dry_run: bool) -> &'static str {
    match (outcome, dry_run) {
        (ImportOutcome::Stored, false) => "imported",
        (ImportOutcome::Stored, true) => "would import",
        (ImportOutcome::Updated, false) => "updated",
        (ImportOutcome::Updated, true) => "would update",
        (ImportOutcome::Unchanged, _) => "unchanged",
        (ImportOutcome::Refused, false) => "refused",
        (ImportOutcome::Refused, true) => "would refuse",
    }
}

/// The reason and the notes, each on a line of its own.
fn remarks(row: &Row) -> String {
    let user = row.user.as_ref().map(|user| format!("{}: ", clean(user)));
    let line = row
        .line
        .filter(|_| row.result == ImportOutcome::Refused)
        .map(|line| format!("line {line}: "));
    let begin = line.unwrap_or_default() + &user.unwrap_or_default();
    row.reason
        .iter()
        .chain(&row.notes)
        .map(|remark| format!("{begin}{}\n", clean(remark)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imported(user: &str, result: ImportOutcome) -> ImportedAccount {
        ImportedAccount {
            line: 4,
            user: user.to_owned(),
            result,
            reason: None,
            devices: 1,
            codes: 5,
            pin: true,
            notes: vec!["from the agent".to_owned()],
        }
    }

    #[test]
    fn a_table_shows_every_account_with_its_remarks() {
        let refused = Row::refused(Some(9), Some("bob\u{1b}".to_owned()), "no key");
        let mut table = Table::new(false, Some(12), vec![refused]);
        table.push(Row::of(
            imported("alice", ImportOutcome::Stored),
            vec!["from the file".to_owned()],
            None,
        ));
        let expected = "  User       Result    Devices  Codes  PIN
  bob\\u{1b}  refused
  alice      imported  1        5      yes

line 9: bob\\u{1b}: no key
alice: from the file
alice: from the agent
1 imported, 0 updated, 0 unchanged, 1 refused, 12 without a file
";
        assert_eq!(table.screen(), expected);
        assert_eq!(table.taken(), 1);
    }

    #[test]
    fn who_must_be_imported_by_name_is_told_the_command() {
        let refused = ImportedAccount {
            reason: Some("is enrolled here; import this user by name".to_owned()),
            ..imported("bob", ImportOutcome::Refused)
        };
        let row = Row::of(
            refused,
            Vec::new(),
            Some("mfactl import oath F --user USER"),
        );
        let expected =
            "is enrolled here; import this user by name: mfactl import oath F --user bob";
        assert_eq!(row.reason.as_deref(), Some(expected));
    }

    #[test]
    fn many_long_notes_are_cut() {
        let notes = |count| vec!["ä".repeat(1000); count];
        let row = |count| Row::of(imported("a", ImportOutcome::Stored), notes(count), None);
        assert_eq!(row(11).notes.len(), MAX_NOTES);
        let notes = row(4000).notes;
        assert_eq!(notes.len(), MAX_NOTES);
        assert_eq!(notes[0].chars().count(), MAX_NOTE + 1);
        assert_eq!(notes[MAX_NOTES - 1], "and 3990 more notes");
    }

    #[test]
    fn a_dry_run_says_that_nothing_was_changed() {
        let mut table = Table::new(true, None, Vec::new());
        assert!(!table.changes());
        let row = Row::of(imported("a", ImportOutcome::Updated), Vec::new(), None);
        table.push(row);
        assert!(table.changes());
        assert!(
            table.screen().contains("would update"),
            "{}",
            table.screen()
        );
        assert!(table.screen().ends_with("; nothing changed\n"));
    }
}
