//! A backup, chunk by chunk, while logins go on.

use data_encoding::BASE64;
use jiff::Timestamp;
use mfa_protocol::admin::{BackupBeginParameters, BackupBeginReply, BackupNextReply};
use mfa_protocol::login::Nothing;

use super::super::connection::Connection;
use super::super::error::Failure;
use super::super::pending::BackupCall;
use crate::audit::Event;
use crate::backup::{BackupError, Recipient};

impl Connection {
    pub(super) fn backup_begin(
        &mut self,
        parameters: &BackupBeginParameters,
    ) -> Result<BackupBeginReply, Failure> {
        let agent = &self.agent;
        agent.require_root(self.peer)?;
        self.backup = None;
        let place = agent.maintenance.enter_backup()?;
        let recipient = parameters.recipient.as_deref().map(Recipient::parse);
        let recipient = recipient.transpose().map_err(Failure::refused)?;
        let begun = agent
            .repository
            .backup(recipient.as_ref(), Timestamp::now());
        let (head, run) = begun.map_err(failed)?;
        let sealed_for = match (&head.key_id, &head.recipient) {
            (Some(id), _) => format!("sealed with key {id}"),
            (None, recipient) => {
                format!("sealed for {}", recipient.as_deref().unwrap_or_default())
            }
        };
        self.backup = Some(Box::new(BackupCall {
            run,
            sealed_for,
            is_at_its_end: false,
            _place: place,
        }));
        Ok(BackupBeginReply { head })
    }

    pub(super) fn backup_next(&mut self) -> Result<BackupNextReply, Failure> {
        self.agent.require_root(self.peer)?;
        let backup = self.backup.as_mut().ok_or_else(none)?;
        let next = backup.run.next_chunk().map_err(failed)?;
        let progress = next.ok_or_else(none)?;
        backup.is_at_its_end = progress.is_last;
        Ok(BackupNextReply {
            chunk: BASE64.encode(&progress.chunk),
            last: progress.is_last,
            records: progress.records.records,
            damaged: progress.records.damaged,
        })
    }

    pub(super) fn backup_end(&mut self) -> Result<Nothing, Failure> {
        self.agent.require_root(self.peer)?;
        let backup = self.backup.take().filter(|backup| backup.is_at_its_end);
        let backup = backup.ok_or_else(none)?;
        let note = backup.run.note();
        self.agent.repository.note_backup(&note)?;
        let event = Event {
            event: "backup",
            result: "done",
            count: Some(note.records),
            reason: Some(backup.sealed_for.clone()),
            by_uid: Some(self.peer.uid),
            by_pid: Some(self.peer.pid),
            ..Event::default()
        };
        self.agent.record(event, self.peer);
        Ok(Nothing {})
    }
}

fn none() -> Failure {
    Failure::refused("no backup is being made on this connection, or it is not at its end")
}

/// The reason is one that another backup may not have.
pub(super) fn failed(error: BackupError) -> Failure {
    match error {
        BackupError::Random(_) | BackupError::Store(_) => Failure::unavailable(error),
        _ => Failure::refused(error),
    }
}
