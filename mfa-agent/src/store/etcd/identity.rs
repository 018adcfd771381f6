//! Whether the servers hold the store that this host knows.
//!
//! The ID of a store is a key beside its records. It is made once, by `mfa-agent --init` on the first host; every request
//! compares its revision, so no record of another store, or of an emptied one, is ever taken for one of this store.

use std::sync::{PoisonError, RwLock};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Core;
use super::client::PATIENCE;
use super::refusal::Problem;
use super::wire::{Compare, KeyValue, Operation, RANGE, Range, RangeAnswer, TXN, Txn, TxnAnswer};
use crate::log;
use crate::store::{StoreError, StoreId};

const ID: &[u8] = b"id";

/// The format of the keys, for later versions.
const FORMAT: u32 = 1;

/// What the key of the ID holds.
#[derive(Serialize, Deserialize)]
struct Written {
    format: u32,
    id: String,
    #[serde(default)]
    made_at: String,
}

/// What the servers hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Looked {
    /// No key begins with the prefix.
    Nothing,
    /// There are keys, but no ID.
    NoId,
    /// A store.
    Store {
        id: StoreId,
        /// The revision that etcd had reached: it never goes back.
        reached: u64,
    },
}

/// What a first contact came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contact {
    /// The store is used from now on.
    Admitted(Looked),
    /// The servers hold this, and it is not used, for this reason.
    Refused(Looked, String),
}

/// Decides whether a store is the one of this host, or says why not.
pub type Admit = Box<dyn Fn(&Looked) -> Result<(), String> + Send + Sync>;

/// The store that is used.
#[derive(Default)]
pub(super) struct Standing(RwLock<State>);

#[derive(Clone, Default)]
enum State {
    /// No server has answered since the start.
    #[default]
    Unknown,
    /// The revision of the key of the ID.
    Admitted(u64),
    Refused(String),
}

impl Standing {
    /// The revision of the ID that each request compares.
    pub(super) fn revision(&self) -> Result<u64, StoreError> {
        match &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            State::Admitted(revision) => Ok(*revision),
            State::Unknown => Err(StoreError::new(
                "no server of etcd has answered since the agent started; it keeps trying",
            )),
            State::Refused(reason) => Err(StoreError::new(reason.clone())),
        }
    }

    pub(super) fn is_admitted(&self) -> bool {
        self.revision().is_ok()
    }

    fn set(&self, state: State) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

impl Core {
    /// See [`super::EtcdStore::contact`].
    pub(super) fn contact(
        &self,
        admit: &dyn Fn(&Looked) -> Result<(), String>,
    ) -> Result<Contact, StoreError> {
        let (looked, key, cluster) = self.look()?;
        let outcome = match (admit(&looked), key) {
            (Ok(()), Some(key)) => {
                self.client.keep_to(cluster);
                self.standing.set(State::Admitted(key.mod_revision));
                return Ok(Contact::Admitted(looked));
            }
            (Ok(()), None) => "there is no store".to_owned(),
            (Err(reason), _) => reason,
        };
        self.standing.set(State::Refused(outcome.clone()));
        Ok(Contact::Refused(looked, outcome))
    }

    fn look(&self) -> Result<(Looked, Option<KeyValue>, u64), StoreError> {
        let id = self.id_key();
        let reply = self
            .client
            .call::<RangeAnswer>(RANGE, &Range::of(id.as_slice()), PATIENCE)?;
        let header = reply.answer.header;
        let Some(found) = reply.answer.kvs.into_iter().next() else {
            let any = Range::between(self.prefix.clone(), super::end_of(&self.prefix), 1).keys();
            let any = self.client.call::<RangeAnswer>(RANGE, &any, PATIENCE)?;
            let looked = match any.answer.kvs.is_empty() {
                true => Looked::Nothing,
                false => Looked::NoId,
            };
            return Ok((looked, None, header.cluster_id));
        };
        let written: Option<Written> = serde_json::from_slice(&found.value).ok();
        let Some(written) = written else {
            return Ok((Looked::NoId, None, header.cluster_id));
        };
        if written.format > FORMAT {
            return Err(StoreError::new(format!(
                "the store in etcd has format {}, but this version knows only {FORMAT}; upgrade mfa-agent",
                written.format
            )));
        }
        let Ok(id) = written.id.parse() else {
            return Ok((Looked::NoId, None, header.cluster_id));
        };
        let looked = Looked::Store {
            id,
            reached: header.revision,
        };
        Ok((looked, Some(found), header.cluster_id))
    }

    /// See [`super::EtcdStore::create`].
    pub(super) fn create(&self, id: StoreId) -> Result<(), StoreError> {
        let written = Written {
            format: FORMAT,
            id: id.to_string(),
            made_at: Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        };
        let value = serde_json::to_vec(&written).map_err(|e| StoreError::new(e.to_string()))?;
        let key = self.id_key();
        let txn = Txn {
            compare: vec![Compare::is_at(key.as_slice(), 0)],
            success: vec![Operation::Put {
                key: key.as_slice().into(),
                value: value.as_slice().into(),
            }],
            failure: vec![Operation::Range(Range::of(key.as_slice()))],
        };
        let reply = self.client.call::<TxnAnswer>(TXN, &txn, PATIENCE)?;
        if reply.answer.succeeded {
            return Ok(());
        }
        // An attempt that nobody heard of may have made it.
        let found = reply
            .answer
            .into_found()
            .and_then(|mut found| found.pop().flatten());
        match found.is_some_and(|found| found.value == value) {
            true => Ok(()),
            false => Err(StoreError::new(
                "another host made the store at the same moment; run mfa-agent --init again, which accepts it",
            )),
        }
    }

    /// The ID is not what it was: nothing of what is there now is of this store.
    pub(super) fn lost_id(&self) -> StoreError {
        let reason = format!(
            "the ID of the store, the key {}id in etcd, was removed or replaced while the agent ran. No user can log in \
             until it is back. If etcd was emptied, restore a backup; then restart the agent, which says what it finds",
            String::from_utf8_lossy(&self.prefix)
        );
        log::limited("store ID", &reason);
        self.standing.set(State::Refused(reason.clone()));
        StoreError::new(reason)
    }

    /// The condition of every request.
    pub(super) fn is_ours(&self) -> Result<Compare<'static>, StoreError> {
        Ok(Compare::is_at(self.id_key(), self.standing.revision()?))
    }

    /// Reads the ID, for the failure of that condition.
    pub(super) fn read_id(&self) -> Operation<'static> {
        Operation::Range(Range::of(self.id_key()).keys())
    }

    pub(super) fn id_key(&self) -> Vec<u8> {
        [&self.prefix, ID].concat()
    }
}

/// What a call that was refused because of a condition says of the store.
pub(super) fn unexpected() -> StoreError {
    StoreError::from(Problem::Refused(
        "its answer has another form than the request".to_owned(),
    ))
}
