//! A restore, chunk by chunk: nothing changes before the last step, and all of it then.

use std::path::Path;
use std::sync::Arc;

use data_encoding::BASE64;
use jiff::Timestamp;
use mfa_protocol::Secret;
use mfa_protocol::admin::{
    RestoreAbandonReply, RestoreBeginParameters, RestoreEndReply, RestoreNextParameters,
    RestoreNextReply,
};
use mfa_protocol::login::Nothing;
use mfa_protocol::message::ErrorKind;
use zeroize::Zeroizing;

use super::super::commit::settle;
use super::super::connection::Connection;
use super::super::error::Failure;
use super::super::pending::RestoreCall;
use super::backup::failed;
use super::rotate::by;
use crate::audit::Event;
use crate::backup::BackupError;
use crate::repository::{RestoreError, RestoreSummary, Step};
use crate::vault::KeySource;

/// Records that a step looks at.
const RECORDS_A_STEP: usize = 500;

impl Connection {
    pub(super) fn restore_begin(
        &mut self,
        parameters: &RestoreBeginParameters,
    ) -> Result<Nothing, Failure> {
        let agent = &self.agent;
        agent.require_root(self.peer)?;
        self.restore = None;
        let file_key = file_key(parameters.file_key.as_ref())?;
        let run = agent.repository.begin_restore(
            &parameters.head,
            file_key.as_ref().map(|key| key.as_slice()),
            parameters.size,
            parameters.replace,
            Timestamp::now(),
        );
        let run = run.map_err(|error| with_key_file(error, &agent.settings().store.key_file))?;
        self.restore = Some(Box::new(RestoreCall {
            agent: Arc::clone(agent),
            run,
            records: 0,
            is_done: false,
        }));
        Ok(Nothing {})
    }

    pub(super) fn restore_next(
        &mut self,
        parameters: &RestoreNextParameters,
    ) -> Result<RestoreNextReply, Failure> {
        self.agent.require_root(self.peer)?;
        let chunk = BASE64.decode(parameters.chunk.as_bytes());
        let chunk = chunk.map_err(|_| Failure::Parameter("chunk".to_owned()))?;
        let restore = self.restore.as_mut().ok_or_else(none)?;
        let repository = &self.agent.repository;
        match repository.restore_chunk(&mut restore.run, &chunk, parameters.last) {
            Ok(records) => restore.records += records,
            Err(error) => {
                self.restore = None;
                return Err(error.into());
            }
        }
        Ok(RestoreNextReply {
            records: restore.records,
        })
    }

    pub(super) fn restore_end(&mut self) -> Result<RestoreEndReply, Failure> {
        self.agent.require_root(self.peer)?;
        let (agent, peer) = (Arc::clone(&self.agent), self.peer);
        let restore = self.restore.as_mut().ok_or_else(none)?;
        let step = agent.audit.commit(peer.origin(), |outcomes| {
            let mut entries = Vec::new();
            let step =
                agent
                    .repository
                    .finish_restore(&mut restore.run, RECORDS_A_STEP, |summary| {
                        let (entry, line) = agent.event_line(event(summary, peer));
                        entries.push(entry);
                        line
                    });
            settle(outcomes, entries, &step);
            step
        });
        match step {
            Ok(Step::More) => Ok(RestoreEndReply::default()),
            Ok(Step::Done(summary)) => {
                restore.is_done = true;
                self.restore = None;
                Ok(reply(&summary))
            }
            Err(error) => {
                self.restore = None;
                Err(error.into())
            }
        }
    }

    pub(super) fn restore_abandon(&mut self) -> Result<RestoreAbandonReply, Failure> {
        let (agent, peer) = (&self.agent, self.peer);
        agent.require_root(peer)?;
        let abandoned = agent.audit.commit(peer.origin(), |outcomes| {
            let (entry, line) = agent.event_line(by(peer, "restore", "abandoned"));
            let abandoned = agent.repository.abandon_any_restore(line.as_deref());
            match &abandoned {
                Ok(None) => {}
                _ => settle(outcomes, [entry], &abandoned),
            }
            abandoned
        })?;
        agent.sweep();
        let Some(abandoned) = abandoned else {
            return Ok(RestoreAbandonReply::default());
        };
        Ok(RestoreAbandonReply {
            abandoned: true,
            host: Some(abandoned.host),
            begun_at: Some(format!("{:.0}", abandoned.at)),
            stopped_logins: abandoned.was_frozen,
        })
    }
}

/// The key of a backup for a recipient.
pub(super) fn file_key(key: Option<&Secret>) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
    let key = key.map(|key| BASE64.decode(key.expose().as_bytes()).map(Zeroizing::new));
    key.transpose()
        .map_err(|_| Failure::Parameter("file_key".to_owned()))
}

fn reply(summary: &RestoreSummary) -> RestoreEndReply {
    RestoreEndReply {
        unnamed: summary.unnamed,
        done: true,
        accounts: summary.accounts,
        damaged: summary.damaged,
        assumed: summary.assumed,
        unknown_counters: summary.unknown_counters,
        unknown_codes: summary.unknown_codes,
        kept: summary.kept,
        returned: summary.returned,
        returned_users: summary.returned_users.clone(),
        gone: summary.gone,
        gone_users: summary.gone_users.clone(),
    }
}

/// What was restored, and over what.
fn reason(summary: &RestoreSummary) -> String {
    let made_at = summary.made_at.map_or_else(
        || "an unknown time".to_owned(),
        |made_at| format!("{made_at:.0}"),
    );
    let key = match &summary.key_id {
        Some(id) => format!("key {id}"),
        None => "the key of a recipient".to_owned(),
    };
    let replaced = match summary.replaced {
        true => "replaced the accounts that were here",
        false => "the store was empty",
    };
    format!(
        "backup of {made_at}, sealed with {key}; {replaced}; epoch {}",
        summary.epoch
    )
}

fn event(summary: &RestoreSummary, peer: super::Peer) -> Event {
    Event {
        event: "restore",
        result: "done",
        count: Some(summary.accounts),
        reason: Some(reason(summary)),
        by_uid: Some(peer.uid),
        by_pid: Some(peer.pid),
        ..Event::default()
    }
}

/// A key that is there and not used is an administrator's mistake, which the message names.
pub(super) fn with_key_file(error: RestoreError, key: &Path) -> RestoreError {
    let RestoreError::Backup(BackupError::OtherKey { needed, .. }) = &error else {
        return error;
    };
    let (needed, source) = (needed.clone(), KeySource::new(key.to_owned()));
    RestoreError::Backup(match source.why_unused(&needed) {
        Some((path, reason)) => BackupError::UnusedKey {
            needed,
            path: path.display().to_string(),
            reason,
        },
        None => BackupError::MissingKey {
            path: source.earlier_path(&needed).display().to_string(),
            needed,
        },
    })
}

fn none() -> Failure {
    Failure::refused("no restore was begun on this connection, or it has failed")
}

impl From<RestoreError> for Failure {
    fn from(error: RestoreError) -> Self {
        match error {
            RestoreError::Repository(error) => error.into(),
            RestoreError::Backup(error) => failed(error),
            RestoreError::Busy
            | RestoreError::TooBusy
            | RestoreError::Elsewhere(..)
            | RestoreError::Rotating(_) => Self::new(ErrorKind::Busy, error.to_string()),
            RestoreError::Record(..)
            | RestoreError::NotEmpty
            | RestoreError::Incomplete
            | RestoreError::Abandoned => Self::refused(error),
        }
    }
}
