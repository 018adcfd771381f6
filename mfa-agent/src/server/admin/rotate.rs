//! A change of the key, some records at a time.

use data_encoding::BASE64;
use mfa_protocol::admin::{
    HostKeys, KeyStatusReply, RotateBeginReply, RotateEndParameters, RotateEndReply,
    RotateNextParameters, RotateNextReply, RotatePrepareReply,
};
use mfa_protocol::message::ErrorKind;

use super::super::commit::settle;
use super::super::connection::Connection;
use super::super::error::Failure;
use super::{Peer, fit};
use crate::audit::Event;
use crate::repository::{AccountRepository, RotateError};
use crate::vault::KeySource;

/// Records that are sealed with one write.
const RECORDS_A_STEP: usize = 500;

/// Records that are counted at a time.
const COUNTED_A_STEP: usize = 5_000;

impl Connection {
    pub(super) fn key_status(&self) -> Result<KeyStatusReply, Failure> {
        self.agent.require_root(self.peer)?;
        let state = self.agent.repository.key_state()?;
        let hosts = self.agent.repository.host_keys()?.into_iter();
        let mut hosts: Vec<HostKeys> = hosts
            .map(|host| HostKeys {
                name: host.name,
                live: host.is_live,
                current: host.has_current,
                prepared: host.has_prepared,
            })
            .collect();
        // Those that lack a key first: they may not all fit.
        hosts.sort_by_key(|host| (host.current && host.prepared != Some(false), !host.live));
        let more_hosts = fit(&mut hosts) as u64;
        // The next one has not sealed anything yet.
        let is_earlier = |id: &String| state.prepared.as_ref() != Some(id);
        Ok(KeyStatusReply {
            earlier: state.others.into_iter().filter(is_earlier).collect(),
            prepared: state.prepared.clone(),
            hosts,
            more_hosts,
            key_id: state.key_id,
            rotating: state.rotating,
            credential: self.key_source().is_credential(),
        })
    }

    pub(super) fn rotate_prepare(&self) -> Result<RotatePrepareReply, Failure> {
        self.agent.require_root(self.peer)?;
        let repository = &self.agent.repository;
        let next = self.recorded("rotate-key", "prepared", |lines| {
            let next = repository.prepare_rotation(&self.key_source(), lines)?;
            Ok((next.is_new, next))
        })?;
        Ok(RotatePrepareReply {
            key_id: next.key_id,
            file: next.file.map(|file| file.display().to_string()),
            new: next.is_new,
        })
    }

    pub(super) fn rotate_begin(&self) -> Result<RotateBeginReply, Failure> {
        self.agent.require_root(self.peer)?;
        let repository = &self.agent.repository;
        let new = self.recorded("rotate-key", "begun", |lines| {
            let new = repository.begin_rotation(&self.key_source(), lines)?;
            Ok((new, new))
        })?;
        let key_id = repository.key_state()?.key_id;
        Ok(RotateBeginReply { key_id, new })
    }

    pub(super) fn rotate_next(
        &self,
        parameters: &RotateNextParameters,
    ) -> Result<RotateNextReply, Failure> {
        self.agent.require_root(self.peer)?;
        let after = position(parameters.after.as_deref())?;
        let limit = match parameters.dry_run {
            true => COUNTED_A_STEP,
            false => RECORDS_A_STEP,
        };
        let done = self
            .agent
            .repository
            .reseal(after.as_deref(), limit, parameters.dry_run)?;
        Ok(RotateNextReply {
            records: done.records,
            earlier: done.earlier,
            damaged: done.damaged,
            next: done.next.map(|next| BASE64.encode(&next)),
        })
    }

    pub(super) fn rotate_end(
        &self,
        parameters: &RotateEndParameters,
    ) -> Result<RotateEndReply, Failure> {
        self.agent.require_root(self.peer)?;
        let repository = &self.agent.repository;
        let earlier = self.recorded("rotate-key", "done", |lines| {
            let earlier = repository.end_rotation(parameters.key_id.as_deref(), lines)?;
            Ok((earlier.is_some(), earlier))
        })?;
        let source = self.key_source();
        let file = earlier
            .as_deref()
            .and_then(|id| AccountRepository::earlier_key(&source, id));
        let is_in_place = |id: &String| source.file_of(id).as_ref() == Some(&source.file);
        let replace = earlier.as_ref().filter(|id| is_in_place(id));
        Ok(RotateEndReply {
            replace: replace.map(|_| source.file.display().to_string()),
            earlier,
            file: file.map(|file| file.display().to_string()),
        })
    }

    /// Makes a change together with its event. `change` says whether it changed anything.
    fn recorded<T>(
        &self,
        event: &'static str,
        result: &'static str,
        change: impl FnOnce(Option<&[u8]>) -> Result<(bool, T), RotateError>,
    ) -> Result<T, Failure> {
        let agent = &self.agent;
        let event = by(self.peer, event, result);
        let changed = agent.audit.commit(self.peer.origin(), |outcomes| {
            let (entry, line) = agent.event_line(event);
            let changed = change(line.as_deref());
            match &changed {
                Ok((false, _)) => {}
                _ => settle(outcomes, [entry], &changed),
            }
            changed
        });
        Ok(changed?.1)
    }

    fn key_source(&self) -> KeySource {
        KeySource::new(self.agent.settings().store.key_file.clone())
    }
}

/// An event about no user.
pub(super) fn by(peer: Peer, event: &'static str, result: &'static str) -> Event {
    Event {
        event,
        result,
        by_uid: Some(peer.uid),
        by_pid: Some(peer.pid),
        ..Event::default()
    }
}

/// Where a list goes on.
pub(super) fn position(after: Option<&str>) -> Result<Option<Vec<u8>>, Failure> {
    let decoded = after.map(|after| BASE64.decode(after.as_bytes()));
    decoded
        .transpose()
        .map_err(|_| Failure::Parameter("after".to_owned()))
}

impl From<RotateError> for Failure {
    fn from(error: RotateError) -> Self {
        match error {
            RotateError::Repository(error) => error.into(),
            RotateError::Key(_) => Self::unavailable(error),
            RotateError::Restoring | RotateError::Unfinished => {
                Self::new(ErrorKind::Busy, error.to_string())
            }
            RotateError::Credential
            | RotateError::SharedCredential
            | RotateError::NotShared
            | RotateError::NotPrepared
            | RotateError::Missing { .. }
            | RotateError::Double(_)
            | RotateError::Unwritable { .. }
            | RotateError::NotHere { .. } => Self::refused(error),
        }
    }
}
