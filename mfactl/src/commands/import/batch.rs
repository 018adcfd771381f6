//! As many entries as one call can carry.
//!
//! Two bounds hold: the call must fit into a frame, and so must its reply, in which every entry may
//! come back with its user and a sentence why it was refused.

use mfa_protocol::admin::{ImportAccount, ImportDevice, ImportEntry};
use mfa_protocol::frame::MAX_FRAME;

const MAX_ENTRIES: usize = 150;

/// Room for the envelope of a call or a reply.
const ENVELOPE: usize = 256;

/// Names, quotes, commas and the line number of an entry, in both directions.
const FRAMING: usize = 104;

/// The longest reason that the agent may give with each entry of a full batch.
const REASON: usize = 300;

/// The notes that the agent may add, with all field names of an account's result.
const NOTES: usize = 400;

/// Names, quotes, commas and numbers of a device.
const DEVICE: usize = 220;

/// An entry of a call.
pub(super) trait Entry {
    /// Its size in the call, at most.
    fn call_size(&self) -> usize;
    /// The size of its result in the reply, at most.
    fn reply_size(&self) -> usize;
}

/// The entries of the next call.
pub(super) struct Batch<T> {
    entries: Vec<T>,
    call_size: usize,
    reply_size: usize,
}

impl<T> Default for Batch<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            call_size: 0,
            reply_size: 0,
        }
    }
}

impl<T: Entry> Batch<T> {
    /// Whether call and reply still fit with this entry. An empty batch has room for any entry.
    pub(super) fn has_room_for(&self, entry: &T) -> bool {
        let limit = MAX_FRAME - ENVELOPE;
        self.entries.is_empty()
            || self.entries.len() < MAX_ENTRIES
                && self.call_size + entry.call_size() <= limit
                && self.reply_size + entry.reply_size() <= limit
    }

    pub(super) fn push(&mut self, entry: T) {
        self.call_size += entry.call_size();
        self.reply_size += entry.reply_size();
        self.entries.push(entry);
    }

    /// Empties the batch.
    pub(super) fn take(&mut self) -> Vec<T> {
        std::mem::take(self).entries
    }
}

/// Whether a call can carry this entry at all.
pub(super) fn fits(entry: &impl Entry) -> bool {
    entry.call_size() <= MAX_FRAME - ENVELOPE
}

impl Entry for ImportEntry {
    fn call_size(&self) -> usize {
        FRAMING + escaped(&self.user) + escaped(self.uri.expose())
    }

    fn reply_size(&self) -> usize {
        FRAMING + escaped(&self.user) + REASON
    }
}

impl Entry for ImportAccount {
    fn call_size(&self) -> usize {
        let codes = self.scratch_codes.iter().flatten().chain(&self.pin);
        FRAMING
            + escaped(&self.user)
            + codes.map(|code| escaped(code.expose()) + 12).sum::<usize>()
            + self.devices.iter().map(device_size).sum::<usize>()
    }

    fn reply_size(&self) -> usize {
        FRAMING + escaped(&self.user) + REASON + NOTES
    }
}

fn device_size(device: &ImportDevice) -> usize {
    let names = [&device.label, &device.credential_id];
    let algorithm = device.algorithm.map_or(0, |it| it.name().len());
    DEVICE
        + algorithm
        + escaped(device.secret.expose())
        + names
            .into_iter()
            .flatten()
            .map(|name| escaped(name))
            .sum::<usize>()
}

/// The length as a JSON string. Control characters, which take more, do not get this far.
fn escaped(text: &str) -> usize {
    text.len() + text.bytes().filter(|b| matches!(b, b'"' | b'\\')).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mfa_protocol::Secret;
    use mfa_protocol::admin::{
        ImportAccounts, ImportAccountsParameters, ImportAccountsReply, ImportOutcome,
        ImportParameters, ImportReply, ImportResult, ImportUris, ImportedAccount,
    };
    use mfa_protocol::factor::HashAlgorithm;
    use mfa_protocol::frame::write_frame;
    use mfa_protocol::message::{Call, Method, Reply};

    fn entry(user: &str, uri: &str) -> ImportEntry {
        ImportEntry {
            line: u64::MAX,
            user: user.to_owned(),
            uri: Secret::from(uri),
        }
    }

    fn fill<T: Entry + Clone>(entry: &T) -> Vec<T> {
        let mut batch = Batch::default();
        while batch.has_room_for(entry) {
            batch.push(entry.clone());
        }
        batch.take()
    }

    fn account(user: &str, codes: usize) -> ImportAccount {
        let device = ImportDevice {
            label: Some("\"".repeat(64)),
            secret: "A".repeat(205).as_str().into(),
            algorithm: Some(HashAlgorithm::Sha512),
            digits: Some(u32::MAX),
            period: Some(u64::MAX),
            offset: Some(i64::MIN),
            used: Some(u64::MAX),
            credential_id: Some("\\".repeat(64)),
        };
        ImportAccount {
            line: u64::MAX,
            user: user.to_owned(),
            devices: vec![device; 5],
            scratch_codes: Some(vec!["12345678".into(); codes]),
            pin: Some("12345678".into()),
        }
    }

    #[test]
    fn a_full_batch_of_accounts_and_its_reply_fit_into_frames() {
        let small = ImportAccount {
            devices: Vec::new(),
            ..account("u", 0)
        };
        for account in [small, account(&"\"".repeat(256), 100), account("u", 5)] {
            let parameters = ImportAccountsParameters {
                accounts: fill(&account),
                newcomers: false,
                dry_run: true,
            };
            let call = Call {
                method: ImportAccounts::NAME,
                parameters: &parameters,
                only_login: false,
            };
            assert!(write_frame(&mut Vec::new(), &call).is_ok());
            let result = ImportedAccount {
                line: u64::MAX,
                user: account.user,
                result: ImportOutcome::Unchanged,
                reason: Some("r".repeat(REASON)),
                devices: u32::MAX,
                codes: u32::MAX,
                pin: false,
                notes: vec!["n".repeat(150); 2],
            };
            let results = vec![result; parameters.accounts.len()];
            let reply = Reply {
                parameters: ImportAccountsReply { results },
            };
            assert!(write_frame(&mut Vec::new(), &reply).is_ok());
        }
    }

    #[test]
    fn an_account_larger_than_a_call_is_known_before_it_is_sent() {
        assert!(fits(&account("u", 1000)));
        assert!(!fits(&account("u", 7000)));
    }

    #[test]
    fn a_full_batch_and_its_reply_fit_into_frames() {
        let short = entry("u", "otpauth://totp/u");
        let long = entry(
            &"\"".repeat(256),
            &format!("otpauth://{}", "\\".repeat(8000)),
        );
        let wide = entry(&"u".repeat(256), "otpauth://totp/u");
        for entry in [short, long, wide] {
            let parameters = ImportParameters {
                entries: fill(&entry),
                dry_run: true,
            };
            let call = Call {
                method: ImportUris::NAME,
                parameters: &parameters,
                only_login: false,
            };
            assert!(write_frame(&mut Vec::new(), &call).is_ok());
            let result = ImportResult {
                line: u64::MAX,
                user: entry.user,
                result: ImportOutcome::Refused,
                reason: Some("r".repeat(REASON)),
                unknown_user: false,
            };
            let results = vec![result; parameters.entries.len()];
            let reply = Reply {
                parameters: ImportReply { results },
            };
            assert!(write_frame(&mut Vec::new(), &reply).is_ok());
        }
    }

    #[test]
    fn usual_entries_come_150_at_a_time() {
        let uri = format!(
            "otpauth://totp/host:user?secret={}&issuer=host",
            "A".repeat(52)
        );
        assert_eq!(fill(&entry("user12345", &uri)).len(), MAX_ENTRIES);
    }

    #[test]
    fn a_batch_starts_anew_once_taken() {
        let mut batch = Batch::default();
        batch.push(entry("u", "otpauth://totp/u"));
        assert_eq!(batch.take().len(), 1);
        assert!(batch.take().is_empty());
        assert_eq!((batch.call_size, batch.reply_size), (0, 0));
    }
}
