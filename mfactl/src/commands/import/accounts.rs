//! Accounts on their way to the agent, and what becomes of them.

use mfa_import::{Account, Device, Kind};
use mfa_protocol::admin::{
    ImportAccount, ImportAccounts, ImportAccountsParameters, ImportDevice, ImportOutcome,
};

use super::batch::{self, Batch};
use super::table::{Row, Table};
use crate::context::Context;
use crate::failure::Failure;

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
    /// What can't be taken over, for whatever reason.
    pub(super) refused: Vec<Row>,
    /// How many users have nothing to take over; none if nobody looked.
    pub(super) without: Option<u64>,
}

/// How it is taken over.
#[derive(Clone, Copy)]
pub(super) struct How {
    /// Whether users who have, or ever had, something get no new device: it may have been removed since, and
    /// a file in a home is the word of whoever had hold of that account for a moment. Where an
    /// administrator names the user, it is the administrator's word.
    pub(super) newcomers: bool,
    /// Whether it is only said what would become of it.
    pub(super) dry_run: bool,
}

/// What a complaint about an account begins with when an import ends early.
pub(super) type Place = fn(&ImportAccount) -> String;

/// Hands the accounts to the agent. The table says what became of them until the end, or until it
/// went wrong.
pub(super) fn send(
    context: &mut Context,
    gathered: Gathered,
    how: How,
    place: Place,
) -> (Table, Result<(), Failure>) {
    let mut sending = Sending {
        batch: Batch::default(),
        notes: Vec::new(),
        newcomers: how.newcomers,
        table: Table::new(how.dry_run, gathered.without, gathered.refused),
        place,
    };
    let ended = sending.all(context, gathered.accounts);
    (sending.table, ended)
}

struct Sending {
    newcomers: bool,
    batch: Batch<ImportAccount>,
    /// What was noted of each account of the batch when it was read.
    notes: Vec<Vec<String>>,
    table: Table,
    place: Place,
}

impl Sending {
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
                    "it holds more than one call to the agent can carry",
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
            newcomers: self.newcomers,
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
                "it does not say what became of every account".to_owned(),
            ))
        });
        let results = results.map_err(|source| Failure::Import {
            place: (self.place)(first),
            taken: self.table.taken(),
            source: Box::new(source),
        })?;
        for (result, read) in results.into_iter().zip(self.notes.drain(..)) {
            // Of a refused account nothing is taken over, so what would have been left out is no news.
            let read = match result.result {
                ImportOutcome::Refused => Vec::new(),
                _ => read,
            };
            self.table.push(Row::of(result, read));
        }
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
