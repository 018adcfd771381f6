//! The store that many hosts share: etcd, through its JSON gateway.
//!
//! ```text
//!   PREFIXid             which store this is; every request compares it
//!   PREFIXrecords/KEY    the sealed records
//!   PREFIXhosts/NAME     what each host tells the others
//! ```
//!
//! A revision is etcd's `mod_revision`: it is unique in the whole history of the store, so a record that was removed and
//! made again has another one. Reads are linearizable: they show every change that any host was told of. What comes in and
//! goes out is sealed. Nothing here waits longer than a login may; without a majority of the servers every call fails, and
//! the callers fail closed. A shared store keeps no lines of the audit log: they are durable on their own host before the
//! answer leaves ([`crate::audit::Audit::commit`]).

mod cache;
mod certificates;
mod client;
mod clock;
mod commit;
mod endpoint;
mod history;
mod hosts;
mod http;
mod identity;
mod keeper;
mod last_words;
mod outage;
mod pause;
mod reading;
mod refusal;
#[cfg(test)]
pub(crate) mod tests;
mod url;
mod wire;

use std::path::PathBuf;
use std::sync::Arc;

use self::cache::Cache;
use self::certificates::Files;
pub use self::certificates::{ClientIdentity, IdentityError};
use self::client::{Client, Login};
use self::endpoint::Endpoint;
pub use self::history::{SET_BACK, other_cluster, set_back};
use self::hosts::Hosts;
use self::http::Http;
use self::identity::Standing;
pub use self::identity::{Contact, Looked, Memory};
use self::refusal::Problem;
pub use self::url::{EndpointUrl, EndpointUrlError};
use self::wire::Header;
pub use self::wire::examine;
use super::{
    Change, Fleet, Guard, Moment, Revision, Snapshot, Store, StoreError, Stored, Swap, WriteOut,
};
use crate::delivery::{Roots, SecretError, read_secret};

/// The most bytes of records that are remembered.
const REMEMBERED: usize = 32 << 20;

/// Where the servers are, and how this host shows them who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// At least one.
    pub endpoints: Vec<EndpointUrl>,
    /// What all keys begin with.
    pub prefix: String,
    /// Who signs the certificates of the servers.
    pub roots: Roots,
    /// This host's own certificate.
    pub identity: Option<ClientIdentity>,
    /// The user for etcd, and the file of the password.
    pub login: Option<(String, PathBuf)>,
}

/// Why a file that the access needs is no good.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error("[store] password_file: {0}")]
    Password(#[from] SecretError),
}

/// The store. It has one thread, which looks after the servers and tells the other hosts of this one.
pub struct EtcdStore {
    core: Arc<Core>,
    hosts: Hosts,
}

/// What the store and its thread share.
pub(in crate::store) struct Core {
    client: Client,
    prefix: Vec<u8>,
    cache: Cache,
    standing: Standing,
}

impl EtcdStore {
    /// Prepares the way to the servers; it asks none. [`EtcdStore::contact`] or the thread of the store does.
    ///
    /// # Errors
    ///
    /// [`AccessError`] when a certificate, key or password can't be used.
    pub fn new(access: &Access) -> Result<Self, AccessError> {
        let http = Http::new(Files {
            roots: access.roots.clone(),
            identity: access.identity.clone(),
        })?;
        let login = match &access.login {
            Some((user, file)) => Some(Login {
                user: user.clone(),
                password: read_secret(file)?,
            }),
            None => None,
        };
        let endpoints = access
            .endpoints
            .iter()
            .cloned()
            .map(Endpoint::new)
            .collect();
        let core = Arc::new(Core {
            client: Client::new(http, endpoints, login),
            prefix: access.prefix.clone().into_bytes(),
            cache: Cache::new(REMEMBERED),
            standing: Standing::default(),
        });
        Ok(Self {
            hosts: Hosts::new(Arc::clone(&core)),
            core,
        })
    }

    /// Starts the thread. It admits the store once a server answers, if that was not done before, and leaves in `memory`
    /// how far the store has come.
    ///
    /// # Errors
    ///
    /// [`std::io::Error`] when there is no thread.
    pub fn start(&self, memory: Arc<dyn Memory>) -> std::io::Result<()> {
        self.hosts.start(memory)
    }

    /// Asks all servers which store this is, and uses the first one that `memory` admits.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when no server answers.
    pub fn contact(&self, memory: &dyn Memory) -> Result<Contact, StoreError> {
        self.core.contact(memory)
    }

    /// Uses only servers of the cluster of those that answer now. Returns whether all did.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when they are of different clusters, or none answers.
    pub fn keep_to_one_cluster(&self) -> Result<bool, StoreError> {
        self.core.keep_to_one_cluster()
    }

    /// Makes an empty store. Another host may be faster; then nothing is made.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when it can't be made, or there is one.
    pub fn create(&self, id: super::StoreId) -> Result<(), StoreError> {
        self.core.create(id)
    }

    /// Gives the admitted store another ID, so that no host that knows it takes it for the same; it has to be admitted
    /// once more. Another host may be faster; then nothing is changed.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when that can't be written, or the ID is another one already.
    pub fn replace(&self, id: super::StoreId) -> Result<(), StoreError> {
        self.core.replace(id)
    }
}

impl Store for EtcdStore {
    fn load(&self, key: &[u8]) -> Result<Option<Stored>, StoreError> {
        Ok(self.core.load_all(&[key])?.pop().flatten())
    }

    fn load_all(&self, keys: &[&[u8]]) -> Result<Vec<Option<Stored>>, StoreError> {
        self.core.load_all(keys)
    }

    fn load_for_swap(&self, key: &[u8]) -> Result<Option<Stored>, StoreError> {
        match self.core.cache.get(key) {
            Some(known) => Ok(known),
            None => self.load(key),
        }
    }

    fn remembered(&self, keys: &[&[u8]]) -> Option<Vec<Option<Stored>>> {
        let core = &self.core;
        if !core.standing.is_admitted() || core.client.outage().is_some() {
            return None;
        }
        keys.iter().map(|key| core.cache.get(key)).collect()
    }

    fn is_succession(&self, key: &[u8], from: &Revision) -> bool {
        mod_revision(from).is_some_and(|from| self.core.cache.is_succession(key, from))
    }

    fn known_moment(&self) -> Moment {
        Moment(self.core.client.history.reached())
    }

    fn was_by(&self, revision: &Revision, moment: Moment) -> bool {
        mod_revision(revision).is_some_and(|made| made <= moment.0)
    }

    fn swap_all_if(
        &self,
        guards: &[Guard<'_>],
        changes: &[Change<'_>],
    ) -> Result<Option<Vec<Swap>>, StoreError> {
        self.core.swap_all_if(guards, changes)
    }

    fn fleet(&self) -> Option<&dyn Fleet> {
        Some(&self.hosts)
    }

    fn page(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Stored)>, StoreError> {
        self.core.page(prefix, after, limit)
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        Ok(Box::new(self.core.snapshot_of(&self.core)?))
    }

    fn moment(&self) -> Result<Moment, StoreError> {
        self.core.moment()
    }

    fn changed_since(
        &self,
        since: Moment,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Stored)>, StoreError> {
        self.core.changed_since(since, prefix, after, limit)
    }

    /// None: they are on their own host.
    fn lines(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        Ok(Vec::new())
    }

    fn before_forgetting(&self, _: WriteOut) {}
}

impl Core {
    /// The key of a record in etcd.
    fn record(&self, key: &[u8]) -> Vec<u8> {
        [&self.prefix, RECORDS, key].concat()
    }

    /// Remembers what an answer says of a record.
    fn remember(
        &self,
        key: &[u8],
        header: Header,
        record: Option<Stored>,
    ) -> Result<(), StoreError> {
        let noted = self.cache.note(key, header.revision, record);
        noted.map_err(|before| {
            let key = self.record(key);
            self.client.history.contradicted(header, key, before)
        })
    }

    /// The key of a record for the store.
    fn of_record<'a>(&self, stored: &'a [u8]) -> Option<&'a [u8]> {
        stored
            .strip_prefix(self.prefix.as_slice())?
            .strip_prefix(RECORDS)
    }
}

const RECORDS: &[u8] = b"records/";

impl From<Problem> for StoreError {
    fn from(problem: Problem) -> Self {
        Self::new(problem.to_string())
    }
}

/// A revision of etcd, as the callers of a store keep it.
fn revision(mod_revision: u64) -> Revision {
    Revision(mod_revision.to_be_bytes().to_vec())
}

/// The other way; none if it is not one of this store.
fn mod_revision(revision: &Revision) -> Option<u64> {
    revision
        .0
        .as_slice()
        .try_into()
        .map(u64::from_be_bytes)
        .ok()
}

/// The first key after all that begin with `prefix`.
fn end_of(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end;
        }
    }
    // "\0": to the end of all keys.
    vec![0]
}
