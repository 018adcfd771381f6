//! Accounts of a backup in addition to those that are stored, chunk by chunk.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use jiff::Timestamp;
use mfa_core::account::MergedPart;
use mfa_protocol::admin::{
    MergeBeginParameters, MergeNextParameters, MergeNextReply, MergeOutcome, MergedAccount,
};
use mfa_protocol::login::Nothing;

use super::super::connection::Connection;
use super::super::error::Failure;
use super::Peer;
use super::restore::{file_key, with_key_file};
use super::rotate::by;
use crate::audit::Event;
use crate::repository::{self, MergeRow, RestoreError};

impl Connection {
    pub(super) fn merge_begin(
        &mut self,
        parameters: &MergeBeginParameters,
    ) -> Result<Nothing, Failure> {
        let agent = &self.agent;
        agent.require_root(self.peer)?;
        self.merge = None;
        let file_key = file_key(parameters.file_key.as_ref())?;
        let run = agent.repository.begin_merge(
            &parameters.head,
            file_key.as_ref().map(|key| key.as_slice()),
            parameters.dry_run,
            Timestamp::now(),
        );
        let run = run.map_err(|error| with_key_file(error, &agent.settings().store.key_file))?;
        self.merge = Some(Box::new(run));
        Ok(Nothing {})
    }

    pub(super) fn merge_next(
        &mut self,
        parameters: &MergeNextParameters,
    ) -> Result<MergeNextReply, Failure> {
        let (agent, peer) = (&self.agent, self.peer);
        agent.require_root(peer)?;
        let chunk = BASE64.decode(parameters.chunk.as_bytes());
        let chunk = chunk.map_err(|_| Failure::Parameter("chunk".to_owned()))?;
        // It does not go on after a failure: it is repeated from the beginning.
        let mut run = self.merge.take().ok_or_else(none)?;
        let merged = agent.audit.commit(peer.origin(), |outcomes| {
            let mut entries = BTreeMap::new();
            let merged =
                agent
                    .repository
                    .merge_chunk(&mut run, &chunk, parameters.last, |row| {
                        let (entry, line) = agent.event_line(event(row, peer)?);
                        entries.insert(row.user.clone(), entry);
                        line
                    })?;
            let changed = merged.rows.iter().filter(|row| row.is_changed());
            outcomes.made(changed.filter_map(|row| entries.remove(&row.user)));
            if let Some(error) = &merged.error {
                let unknown = merged.unknown.iter();
                let unknown = unknown.filter_map(|user| entries.remove(user));
                outcomes.unknown(unknown, &error.to_string());
            }
            Ok::<_, RestoreError>(merged)
        })?;
        if let Some(error) = merged.error {
            return Err(error.into());
        }
        if !run.is_at_its_end() {
            self.merge = Some(run);
        }
        let (told, silent): (Vec<_>, Vec<_>) =
            merged.rows.into_iter().partition(MergeRow::says_something);
        Ok(MergeNextReply {
            accounts: told.into_iter().map(shown).collect(),
            unchanged: silent.len() as u64,
        })
    }
}

/// What changed on an account; none for a record of no user.
fn event(row: &MergeRow, peer: Peer) -> Option<Event> {
    let parts = [
        ("added", &row.added),
        ("kept", &row.kept),
        ("left out", &row.lost),
    ];
    let said: Vec<String> = parts
        .iter()
        .filter(|(_, parts)| !parts.is_empty())
        .map(|(what, parts)| format!("{what}: {}", names(parts).join(", ")))
        .collect();
    (!row.user.is_empty()).then(|| Event {
        user: Some(row.user.clone()),
        reason: (!said.is_empty()).then(|| said.join("; ")),
        ..by(peer, "merge", "done")
    })
}

fn shown(row: MergeRow) -> MergedAccount {
    MergedAccount {
        result: match row.outcome {
            repository::MergeOutcome::Added => MergeOutcome::Added,
            repository::MergeOutcome::Merged => MergeOutcome::Merged,
            repository::MergeOutcome::Unchanged => MergeOutcome::Unchanged,
            repository::MergeOutcome::Damaged => MergeOutcome::Damaged,
        },
        added: names(&row.added),
        kept: names(&row.kept),
        lost: names(&row.lost),
        user: row.user,
    }
}

fn names(parts: &[MergedPart]) -> Vec<String> {
    parts.iter().map(|part| part.name().to_owned()).collect()
}

fn none() -> Failure {
    Failure::refused(
        "no merge was begun on this connection, or it has ended; repeat it from the beginning",
    )
}
