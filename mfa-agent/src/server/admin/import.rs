//! Taking over many devices at once, or whole accounts of other programs.
//!
//! The input is read and checked first, and then changes the records. A dry run does the same without changing them.

mod accounts;

use std::collections::BTreeMap;

use jiff::Timestamp;
use mfa_protocol::admin::{
    ImportEntry, ImportOutcome, ImportParameters, ImportReply, ImportResult,
};
use mfa_protocol::message::ErrorKind;

use super::super::connection::Connection;
use super::super::error::{Failure, about};
use super::super::peer::Subject;
use super::change_event;
use crate::audit::Event;
use crate::log;
use crate::repository::{After, Key};
use mfa_core::account::{Account, Added, Device, Label};
use mfa_core::factors::device::Windows;
use mfa_core::factors::uri::from_uri;

/// The entries of one user, with their place in the call.
struct Share {
    subject: Subject,
    devices: Vec<(usize, Device)>,
}

impl Share {
    fn is_unknown_user(&self) -> bool {
        self.subject.entry.is_none()
    }
}

impl Connection {
    pub(super) fn import_uris(&self, parameters: ImportParameters) -> Result<ImportReply, Failure> {
        self.agent
            .require_administrator(self.peer, &self.agent.settings())?;
        let entries = &parameters.entries;
        let mut results: Vec<Option<ImportResult>> = vec![None; entries.len()];
        let mut shares: BTreeMap<Key, Share> = BTreeMap::new();
        for (place, entry) in entries.iter().enumerate() {
            match self.read(entry) {
                Ok((subject, device)) => {
                    let share = shares
                        .entry(Key::account(&subject.user))
                        .or_insert_with(|| Share {
                            subject,
                            devices: Vec::new(),
                        });
                    share.devices.push((place, device));
                }
                Err(Failure::Ours(ErrorKind::Refused, reason)) => {
                    results[place] = Some(result(entry, ImportOutcome::Refused, Some(reason)));
                }
                Err(broken) => return Err(broken),
            }
        }
        if !parameters.dry_run {
            self.agent.repository.check_room_for_import()?;
        }
        let keys: Vec<Key> = shares.keys().cloned().collect();
        let (dry_run, windows) = (parameters.dry_run, self.agent.settings().windows());
        let changed = self.agent.commit_all(&keys, self.peer, |key, account| {
            let devices = shares.get(key).map_or(&[][..], |share| &share.devices);
            let (after, outcomes) = add_all(account.unwrap_or_default(), devices, &windows);
            if dry_run {
                return (After::Same, Vec::new(), outcomes);
            }
            let share = shares.get(key);
            let event = share.and_then(|share| self.import_event(share, &outcomes));
            (after, event.into_iter().collect(), outcomes)
        })?;
        // What was changed before is in the log. A repeated import finds it there.
        if let Some(error) = changed.error {
            return Err(error.into());
        }
        let refused = changed.damaged.into_iter().map(|(key, error)| {
            let devices = shares.get(&key).map_or(&[][..], |share| &share.devices);
            let reason = Some(error.to_string());
            let refused = devices
                .iter()
                .map(|(place, _)| (*place, ImportOutcome::Refused, reason.clone()));
            (key, refused.collect())
        });
        for (key, outcome) in changed.said.into_iter().chain(refused) {
            let unknown_user = shares.get(&key).is_some_and(Share::is_unknown_user);
            for (place, outcome, reason) in outcome {
                results[place] = Some(ImportResult {
                    unknown_user,
                    ..result(&entries[place], outcome, reason)
                });
            }
        }
        Ok(ImportReply {
            results: results.into_iter().flatten().collect(),
        })
    }

    fn read(&self, entry: &ImportEntry) -> Result<(Subject, Device), Failure> {
        let subject = self.importing(&entry.user)?;
        let read = from_uri(&entry.uri).map_err(Failure::refused)?;
        let named = read
            .issuer
            .as_deref()
            .and_then(|issuer| issuer.parse().ok());
        let label = named.unwrap_or_else(|| Label::numbered(1));
        let mut device = Device::new(label, read.generator, Timestamp::now());
        device.last_step = read.next.checked_sub(1);
        Ok((subject, device))
    }

    /// The user of an entry. What is not the caller's to change is refused for that entry only.
    fn importing(&self, user: &str) -> Result<Subject, Failure> {
        let subject = self.agent.subject(user)?;
        let settings = self.agent.settings();
        match self.agent.require_authority(self.peer, &settings, &subject) {
            Err(Failure::Ours(ErrorKind::NotAllowed, reason)) => {
                let (uid, pid) = (self.peer.uid, self.peer.pid);
                log::limited(
                    "refused calls",
                    format_args!(
                        "import for {user:?} refused to process {pid} of user id {uid}: {reason}"
                    ),
                );
                Err(Failure::refused(reason))
            }
            other => other.map(|()| subject),
        }
    }

    /// The audit event of an import for one user, if anything was imported.
    fn import_event(&self, share: &Share, outcome: &[Outcome]) -> Option<Event> {
        let count = |wanted| outcome.iter().filter(|(_, is, _)| *is == wanted).count();
        let (stored, updated) = (count(ImportOutcome::Stored), count(ImportOutcome::Updated));
        if stored + updated == 0 {
            return None;
        }
        let mut kinds: Vec<&str> = share.devices.iter().map(|(_, d)| d.kind().name()).collect();
        kinds.dedup();
        let mut parts = Vec::new();
        if stored > 1 {
            parts.push(format!("{stored} devices"));
        }
        if updated > 0 {
            parts.push("codes used elsewhere".to_owned());
        }
        Some(Event {
            factor: Some(kinds.join(", ")),
            reason: (!parts.is_empty()).then(|| parts.join(", ")),
            ..change_event("import", &share.subject, self.peer)
        })
    }
}

/// What became of the entry at a place of the call.
type Outcome = (usize, ImportOutcome, Option<String>);

fn add_all(
    mut account: Account,
    devices: &[(usize, Device)],
    windows: &Windows,
) -> (After, Vec<Outcome>) {
    let now = Timestamp::now();
    let mut outcomes = Vec::with_capacity(devices.len());
    for (place, device) in devices {
        outcomes.push(match account.import_device(device.clone(), windows, now) {
            Ok(Added::Stored) => (*place, ImportOutcome::Stored, None),
            Ok(Added::Updated) => (*place, ImportOutcome::Updated, None),
            Ok(Added::Unchanged) => (*place, ImportOutcome::Unchanged, None),
            Err(e) => (*place, ImportOutcome::Refused, Some(e.to_string())),
        });
    }
    let changed = outcomes
        .iter()
        .any(|(_, outcome, _)| matches!(outcome, ImportOutcome::Stored | ImportOutcome::Updated));
    (
        if changed {
            After::Put(account.into())
        } else {
            After::Same
        },
        outcomes,
    )
}

fn result(entry: &ImportEntry, result: ImportOutcome, reason: Option<String>) -> ImportResult {
    ImportResult {
        line: entry.line,
        user: entry.user.clone(),
        result,
        reason: reason.map(|reason| about(&reason, &entry.user)),
        unknown_user: false,
    }
}
