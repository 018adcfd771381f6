//! Reads pam_oath's users file (`UsersFile` of the OATH Toolkit), which has one device a line.
//!
//! A line is `type user PIN key [counter [code time]]`, separated by blanks: the key in
//! hexadecimal, the counter where the search begins, the last accepted code, and its local time.
//! The PIN `-` means none; `+` means that another module checks the password before the code. Codes
//! are always HMAC-SHA-1. Comments begin with `#`, because pam_oath ignores types that it does not
//! know.
//!
//! All lines of a user become devices of one account. In pam_oath each line has its own PIN; here a
//! user has one, so different PINs are refused.

mod kind;
mod line;
mod pin;
mod spent;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::account::{Account, Device};
use line::Entry;
use pin::Pin;

/// The accounts in the file, and the lines that can't be used.
#[derive(Debug, Default)]
pub struct UsersFile {
    /// In the order in which they first appear.
    pub accounts: Vec<UserAccount>,
    /// Lines that can't be used.
    pub refused: Vec<RefusedLine>,
}

/// One user of the file.
#[derive(Debug)]
pub struct UserAccount {
    /// The user's name.
    pub user: String,
    /// The user's first line.
    pub line: u64,
    /// The devices and the PIN.
    pub account: Account,
}

/// A line that can't be used.
#[derive(Debug)]
pub struct RefusedLine {
    /// The user, if the line names one.
    pub user: Option<String>,
    /// The line.
    pub line: u64,
    /// What is wrong, and what was expected.
    pub reason: String,
}

/// How a file is read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The time zone of the host that wrote the file.
    pub zone: TimeZone,
    /// The present: if the time in the file does not help, codes around it are tried.
    pub now: Timestamp,
    /// Whether to leave PINs out.
    pub without_pins: bool,
}

/// Reads a file line by line.
#[derive(Debug)]
pub struct Reader {
    reading: Reading,
    shares: Vec<Share>,
    places: BTreeMap<String, usize>,
    refused: Vec<RefusedLine>,
}

/// The lines of one user.
#[derive(Debug)]
struct Share {
    user: String,
    line: u64,
    devices: Vec<Device>,
    pins: Vec<Pin>,
}

impl Reader {
    /// A reader with these options.
    #[must_use]
    pub fn new(reading: Reading) -> Self {
        Self {
            reading,
            shares: Vec::new(),
            places: BTreeMap::new(),
            refused: Vec::new(),
        }
    }

    /// Adds a line without its line break; `number` counts from 1.
    pub fn take(&mut self, number: u64, bytes: &[u8]) {
        match line::parse(number, bytes) {
            Ok(None) => {}
            Ok(Some(entry)) => self.add(entry),
            Err(refused) => self.refused.push(refused),
        }
    }

    /// Records a line that the caller could not read at all.
    pub fn refuse(&mut self, number: u64, reason: impl Into<String>) {
        self.refused.push(RefusedLine {
            user: None,
            line: number,
            reason: reason.into(),
        });
    }

    /// The accounts, after the last line.
    #[must_use]
    pub fn finish(self) -> UsersFile {
        let mut file = UsersFile {
            accounts: Vec::with_capacity(self.shares.len()),
            refused: self.refused,
        };
        for share in self.shares {
            let (user, line) = (share.user.clone(), share.line);
            match share.into_account(self.reading.without_pins) {
                Ok(account) => file.accounts.push(UserAccount {
                    user,
                    line,
                    account,
                }),
                Err(reason) => file.refused.push(RefusedLine {
                    user: Some(user),
                    line,
                    reason,
                }),
            }
        }
        file.refused.sort_by_key(|refused| refused.line);
        file
    }

    fn add(&mut self, entry: Entry) {
        let used = spent::used(&entry, &self.reading);
        let next = self.shares.len();
        let place = *self.places.entry(entry.user.clone()).or_insert(next);
        if place == next {
            self.shares.push(Share {
                user: entry.user.clone(),
                line: entry.line,
                devices: Vec::new(),
                pins: Vec::new(),
            });
        }
        let share = &mut self.shares[place];
        share.devices.push(entry.device(used));
        share.pins.push(entry.pin);
    }
}

impl Share {
    fn into_account(self, without_pins: bool) -> Result<Account, String> {
        let (pin, note) = if without_pins {
            (None, pin::left_out(&self.pins))
        } else {
            pin::of_all(self.pins)?
        };
        Ok(Account {
            devices: self.devices,
            scratch_codes: None,
            pin,
            notes: note.into_iter().collect(),
        })
    }
}

#[cfg(test)]
mod tests;
