//! pam_oath's users file (`UsersFile` of the OATH Toolkit): a device a line.
//!
//! A line is `type user PIN key [counter [code time]]`, parted by blanks: the key in hexadecimal, the
//! counter where the search begins, the last code that was accepted, and when, in local time. A PIN of
//! `-` is none; with `+` another module checks what was typed before the code. Codes are always
//! HMAC-SHA-1. Comments begin with `#`, because pam_oath passes over types that it does not know.
//!
//! A user may have several lines, which pam_oath tries one after the other: they become the devices of
//! one account. A line takes its own PIN there; here a user has one, so different ones are refused.

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

/// The file's lines, by user.
#[derive(Debug, Default)]
pub struct UsersFile {
    /// In the order in which they first appear.
    pub accounts: Vec<UserAccount>,
    /// Lines that can't be used.
    pub refused: Vec<RefusedLine>,
}

/// What is taken over for a user.
#[derive(Debug)]
pub struct UserAccount {
    /// The user.
    pub user: String,
    /// The user's first line.
    pub line: u64,
    /// The devices and the PIN.
    pub account: Account,
}

/// A line that can't be used.
#[derive(Debug)]
pub struct RefusedLine {
    /// The user, where one could be made out.
    pub user: Option<String>,
    /// The line.
    pub line: u64,
    /// What is wrong with it, and what was expected.
    pub reason: String,
}

/// Where, when and how a file is read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The zone of the host that wrote the file.
    pub zone: TimeZone,
    /// The present: where a time in the file does not help, the codes of these minutes are tried.
    pub now: Timestamp,
    /// Whether PINs are left out.
    pub without_pins: bool,
}

/// Takes the lines of a file one after the other.
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
    /// For a file that is read so.
    #[must_use]
    pub fn new(reading: Reading) -> Self {
        Self {
            reading,
            shares: Vec::new(),
            places: BTreeMap::new(),
            refused: Vec::new(),
        }
    }

    /// Takes a line without its end; `number` counts from 1.
    pub fn take(&mut self, number: u64, bytes: &[u8]) {
        match line::parse(number, bytes) {
            Ok(None) => {}
            Ok(Some(entry)) => self.add(entry),
            Err(refused) => self.refused.push(refused),
        }
    }

    /// Notes a line that whoever reads the file could not even hand over.
    pub fn refuse(&mut self, number: u64, reason: impl Into<String>) {
        self.refused.push(RefusedLine {
            user: None,
            line: number,
            reason: reason.into(),
        });
    }

    /// What the file holds.
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
