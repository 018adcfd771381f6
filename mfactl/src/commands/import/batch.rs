//! As many entries as one call can carry.
//!
//! Two bounds hold: the call must fit into a frame, and so must its reply, in which every entry may
//! come back with its user and a sentence why it was refused.

use mfa_protocol::admin::{ImportEntry, ImportParameters};
use mfa_protocol::frame::MAX_FRAME;

const MAX_ENTRIES: usize = 150;

/// Room for the envelope of a call or a reply.
const ENVELOPE: usize = 256;

/// Names, quotes, commas and the line number of an entry, in either direction.
const FRAMING: usize = 80;

/// The longest reason that the agent may give with each entry of a full batch.
const REASON: usize = 300;

/// Entries on their way.
#[derive(Default)]
pub(super) struct Batch {
    entries: Vec<ImportEntry>,
    call_size: usize,
    reply_size: usize,
}

impl Batch {
    /// Whether the call and its reply still fit with this entry. An empty batch has room for any.
    pub(super) fn has_room_for(&self, entry: &ImportEntry) -> bool {
        let limit = MAX_FRAME - ENVELOPE;
        self.entries.is_empty()
            || self.entries.len() < MAX_ENTRIES
                && self.call_size + call_size(entry) <= limit
                && self.reply_size + reply_size(entry) <= limit
    }

    pub(super) fn push(&mut self, entry: ImportEntry) {
        self.call_size += call_size(&entry);
        self.reply_size += reply_size(&entry);
        self.entries.push(entry);
    }

    /// Empties the batch into the parameters of a call.
    pub(super) fn take(&mut self) -> ImportParameters {
        ImportParameters {
            entries: std::mem::take(self).entries,
            dry_run: false,
        }
    }
}

fn call_size(entry: &ImportEntry) -> usize {
    FRAMING + escaped(&entry.user) + escaped(entry.uri.expose())
}

fn reply_size(entry: &ImportEntry) -> usize {
    FRAMING + escaped(&entry.user) + REASON
}

/// The length as a JSON string. Control characters, which take more, do not get this far.
fn escaped(text: &str) -> usize {
    text.len() + text.bytes().filter(|b| matches!(b, b'"' | b'\\')).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mfa_protocol::Secret;
    use mfa_protocol::admin::{ImportOutcome, ImportReply, ImportResult, ImportUris};
    use mfa_protocol::frame::write_frame;
    use mfa_protocol::message::{Call, Method, Reply};

    fn entry(user: &str, uri: &str) -> ImportEntry {
        ImportEntry {
            line: u64::MAX,
            user: user.to_owned(),
            uri: Secret::from(uri),
        }
    }

    fn fill(entry: &ImportEntry) -> ImportParameters {
        let mut batch = Batch::default();
        while batch.has_room_for(entry) {
            batch.push(entry.clone());
        }
        batch.take()
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
            let parameters = fill(&entry);
            let call = Call {
                method: ImportUris::NAME,
                parameters: &parameters,
            };
            assert!(write_frame(&mut Vec::new(), &call).is_ok());
            let result = ImportResult {
                line: u64::MAX,
                user: entry.user,
                result: ImportOutcome::Refused,
                reason: Some("r".repeat(REASON)),
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
        assert_eq!(fill(&entry("user12345", &uri)).entries.len(), MAX_ENTRIES);
    }

    #[test]
    fn a_batch_starts_anew_once_taken() {
        let mut batch = Batch::default();
        batch.push(entry("u", "otpauth://totp/u"));
        assert_eq!(batch.take().entries.len(), 1);
        assert!(batch.take().entries.is_empty());
        assert_eq!((batch.call_size, batch.reply_size), (0, 0));
    }
}
