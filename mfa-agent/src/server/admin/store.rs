//! Damaged records: finding them all, and dropping one.

use std::time::Duration;

use data_encoding::BASE64;
use jiff::Timestamp;
use mfa_protocol::admin::{
    DamagedRecord, StoreCheckParameters, StoreCheckReply, StoreDropParameters, StoreDropReply,
};

use super::super::commit::settle;
use super::super::connection::Connection;
use super::super::error::Failure;
use super::rotate::{by, position};
use crate::audit::Event;
use crate::repository::Dropped;
use mfa_core::clock::is_within;

/// Records that are read at a time.
const RECORDS_A_STEP: usize = 2_000;

/// Damaged records that fit into a reply.
const MOST: usize = 100;

/// How old the last backup may be when a record is dropped.
const LAST_BACKUP: Duration = Duration::from_secs(24 * 60 * 60);

impl Connection {
    pub(super) fn store_check(
        &self,
        parameters: &StoreCheckParameters,
    ) -> Result<StoreCheckReply, Failure> {
        self.agent
            .require_administrator(self.peer, &self.agent.settings())?;
        let mut after = position(parameters.after.as_deref())?;
        let mut reply = StoreCheckReply::default();
        // Small steps where many are damaged: the reply must fit.
        let mut limit = RECORDS_A_STEP;
        loop {
            let checked = self.agent.repository.check(after.as_deref(), limit)?;
            if checked.damaged.len() > MOST && limit > MOST {
                limit = MOST;
                continue;
            }
            reply.records = checked.records;
            let damaged = checked.damaged.into_iter();
            reply.damaged = damaged
                .map(|(record, reason)| DamagedRecord { record, reason })
                .collect();
            after = checked.next;
            reply.next = after.as_deref().map(|next| BASE64.encode(next));
            return Ok(reply);
        }
    }

    pub(super) fn store_drop(
        &self,
        parameters: &StoreDropParameters,
    ) -> Result<StoreDropReply, Failure> {
        let (agent, peer) = (&self.agent, self.peer);
        agent.require_root(peer)?;
        let record = &parameters.record;
        self.require_backup()?;
        let user = record.strip_prefix("account/").map(str::to_owned);
        let event = Event {
            reason: Some(format!("the damaged record {record:?} was dropped")),
            user,
            ..by(peer, "repair", "done")
        };
        let dropped = agent.audit.commit(peer.origin(), |outcomes| {
            let (entry, line) = agent.event_line(event);
            let dropped = agent.repository.drop_damaged(record, line.as_deref());
            match &dropped {
                Ok(Dropped::Missing | Dropped::Intact) => {}
                _ => settle(outcomes, [entry], &dropped),
            }
            dropped
        })?;
        match dropped {
            Dropped::Done => Ok(StoreDropReply { dropped: true }),
            Dropped::Missing => Ok(StoreDropReply { dropped: false }),
            Dropped::Intact => Err(Failure::refused(format!(
                "the record {record:?} is not damaged, so it stays; to remove what a user has: mfactl remove"
            ))),
        }
    }

    fn require_backup(&self) -> Result<(), Failure> {
        let last = self.agent.repository.last_backup()?;
        let now = Timestamp::now();
        if last.is_some_and(|last| is_within(last.at, now, LAST_BACKUP)) {
            return Ok(());
        }
        Err(Failure::refused(
            "there is no backup of the last 24 hours, and a dropped record is gone; first: mfactl backup FILE",
        ))
    }
}
