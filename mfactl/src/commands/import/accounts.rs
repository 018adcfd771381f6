//! Sends accounts to the agent, and collects the results.

use mfa_import::{Account, Device, Kind};
use mfa_protocol::admin::{
    ImportAccount, ImportAccounts, ImportAccountsParameters, ImportDevice, ImportOutcome,
};

use super::batch::{self, Batch};
use super::table::{Row, Table};
use crate::commands::{Verdict, confirm};
use crate::context::Context;
use crate::failure::Failure;
use crate::progress::Progress;

/// What was read of a user.
#[derive(Clone)]
pub(super) struct Read {
    /// The line of the file, or the place among the users.
    pub(super) line: u64,
    pub(super) user: String,
    pub(super) account: Account,
}

/// What was read of many users.
#[derive(Clone, Default)]
pub(super) struct Gathered {
    pub(super) accounts: Vec<Read>,
    /// What can't be imported, for whatever reason.
    pub(super) refused: Vec<Row>,
    /// How many users have nothing to import; none if that was not checked.
    pub(super) without: Option<u64>,
}

/// How to import.
#[derive(Clone, Copy)]
pub(super) struct How<'a> {
    /// Whether users who have or had a factor get no new device: it may have been removed since, and anybody who used
    /// the account for a moment may have written a file in its home. Not if an administrator names the user.
    pub(super) newcomers: bool,
    /// Whether to report only.
    pub(super) dry_run: bool,
    /// Whether a person has agreed already.
    pub(super) yes: bool,
    /// What an error about an account begins with if an import ends early.
    pub(super) place: Place,
    /// Whether the numbers of the accounts mean something to a reader.
    pub(super) is_numbered: bool,
    /// The command that imports USER by name.
    pub(super) by_name: Option<&'a str>,
}

/// What an error about an account begins with if an import ends early.
pub(super) type Place = fn(&ImportAccount) -> String;

/// Imports what `read` finds. A person sees the results of a dry run first, and is asked.
pub(super) fn import(
    context: &mut Context,
    how: How<'_>,
    mut read: impl FnMut() -> Result<Gathered, Failure>,
) -> Result<Verdict, Failure> {
    if confirm::asks(context, how.dry_run || how.yes) {
        let trial = How {
            dry_run: true,
            ..how
        };
        let (table, ended) = send(context, read()?, trial);
        if ended.is_err() || !table.changes() {
            return table.finish(context.output, ended);
        }
        context.output.text(&table.screen())?;
        confirm::agreed(context, "", super::QUESTION)?;
    }
    let (table, ended) = send(context, read()?, how);
    table.finish(context.output, ended)
}

/// Sends the accounts to the agent. The table has the results until the end, or until an error.
fn send(context: &mut Context, gathered: Gathered, how: How<'_>) -> (Table, Result<(), Failure>) {
    let mut sending = Sending {
        batch: Batch::default(),
        notes: Vec::new(),
        how,
        table: Table::new(how.dry_run, gathered.without, gathered.refused),
        progress: Progress::new(context.output),
    };
    let ended = sending.all(context, gathered.accounts);
    let table = match how.is_numbered {
        true => sending.table,
        false => sending.table.without_lines(),
    };
    (table, ended)
}

struct Sending<'a> {
    how: How<'a>,
    batch: Batch<ImportAccount>,
    /// The notes on each account of the batch from its reading.
    notes: Vec<Vec<String>>,
    table: Table,
    progress: Progress,
}

impl Sending<'_> {
    fn all(&mut self, context: &mut Context, accounts: Vec<Read>) -> Result<(), Failure> {
        for Read {
            line,
            user,
            account,
        } in accounts
        {
            let (entry, notes) = entry(line, user, account);
            if !batch::fits(&entry) {
                self.table.push(Row::refused(
                    Some(line),
                    Some(entry.user),
                    "too large for one call to the agent",
                ));
                continue;
            }
            if !self.batch.has_room_for(&entry) {
                self.flush(context)?;
            }
            self.batch.push(entry);
            self.notes.push(notes);
        }
        self.flush(context)
    }

    fn flush(&mut self, context: &mut Context) -> Result<(), Failure> {
        let parameters = ImportAccountsParameters {
            accounts: self.batch.take(),
            newcomers: self.how.newcomers,
            dry_run: self.table.is_dry_run(),
        };
        let Some(first) = parameters.accounts.first() else {
            return Ok(());
        };
        let outcome = context.change::<ImportAccounts>(&parameters);
        let results = outcome.and_then(|reply| {
            if reply.results.len() == parameters.accounts.len() {
                return Ok(reply.results);
            }
            Err(Failure::Garbled(
                "it has no result for some accounts".to_owned(),
            ))
        });
        let results = results.map_err(|source| Failure::Import {
            place: (self.how.place)(first),
            taken: self.table.taken(),
            source: Box::new(source),
        })?;
        for (result, read) in results.into_iter().zip(self.notes.drain(..)) {
            // Nothing of a refused account is imported, so notes on left-out parts do not matter.
            let read = match result.result {
                ImportOutcome::Refused => Vec::new(),
                _ => read,
            };
            self.table.push(Row::of(result, read, self.how.by_name));
        }
        self.progress.show(self.table.taken());
        Ok(())
    }
}

fn entry(line: u64, user: String, account: Account) -> (ImportAccount, Vec<String>) {
    let Account {
        devices,
        scratch_codes,
        pin,
        notes,
    } = account;
    let entry = ImportAccount {
        line,
        user,
        devices: devices.into_iter().map(device).collect(),
        scratch_codes,
        pin,
    };
    (entry, notes)
}

fn device(device: Device) -> ImportDevice {
    let (period, offset) = match device.kind {
        Kind::Time { period, offset } => (Some(period), Some(offset).filter(|o| *o != 0)),
        Kind::Counter => (None, None),
    };
    ImportDevice {
        label: device.label,
        secret: device.secret,
        algorithm: Some(device.algorithm),
        digits: Some(device.digits),
        period,
        offset,
        used: device.used,
        credential_id: device.credential_id,
    }
}
