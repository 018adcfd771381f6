//! Whether the servers hold the store that this host knows.
//!
//! The ID of a store is a key beside its records. It is made once, by `mfa-agent --init` on the first host; every request
//! compares its revision, so no record of another store, or of an emptied one, is ever taken for one of this store.

use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};
use std::thread;
use std::time::Instant;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Core;
use super::client::{BETWEEN_ROUNDS, LEAST_TRY, PATIENCE, PROBE};
use super::endpoint::Endpoint;
use super::refusal::Problem;
use super::wire::{Compare, Header, Operation, RANGE, Range, RangeAnswer, TXN, Txn, TxnAnswer};
use crate::log;
use crate::store::{KnownState, StoreError, StoreId};

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

/// What a server holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Looked {
    /// No key begins with the prefix.
    Nothing,
    /// There are keys, but no ID.
    NoId,
    /// A store.
    Store {
        id: StoreId,
        /// The ID of the cluster: a restore of a snapshot makes another one, as a rule.
        cluster: u64,
        /// The revision that etcd had reached: it never goes back.
        reached: u64,
    },
}

/// What a first contact came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contact {
    /// The store is used from now on.
    Admitted(Looked),
    /// The servers, all of them, hold this, and it is not used, for this reason.
    Refused(Looked, String),
    /// The servers that answered hold this, and it is not used, for this reason. Others may hold the store.
    Undecided(Looked, String),
}

/// What a host knows of its store from earlier starts.
pub trait Memory: Send + Sync {
    /// Whether a store is the one of this host, and not older than it was.
    ///
    /// # Errors
    ///
    /// Why it is not used, and what an administrator can do.
    fn admit(&self, looked: &Looked) -> Result<(), String>;

    /// Keeps for later starts that the store has reached this revision, and what was seen of its states. Returns false, and
    /// keeps nothing, if what is kept was changed by somebody else: then the store has to be admitted once more.
    fn keep(&self, reached: u64, state: KnownState) -> bool;

    /// What was kept of its states; none if that can't be told now: what is known of them stays.
    fn state(&self) -> Option<KnownState> {
        None
    }

    /// Whether this is the store of this host, as it was before.
    fn is_older(&self, _: &Looked) -> bool {
        false
    }

    /// Keeps for later starts that the store was set back: it is not enough that it comes as far again. Returns whether there
    /// is nothing left to keep.
    fn keep_set_back(&self, _: &Looked) -> bool {
        true
    }
}

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

/// What one server holds.
pub(super) struct Sight {
    /// Its place in the settings.
    index: usize,
    pub(super) looked: Looked,
    header: Header,
    /// The revision of the key of the ID; zero without one.
    key: u64,
}

/// Why nothing is known of what a server holds.
enum Miss {
    Server(Problem),
    /// What is there is of no use to this version.
    Store(StoreError),
}

impl Miss {
    fn lost() -> Self {
        Self::Server(Problem::Unreachable("it could not be asked".to_owned()))
    }
}

impl From<Problem> for Miss {
    fn from(problem: Problem) -> Self {
        Self::Server(problem)
    }
}

/// What those servers hold that answered, and why the others did not.
pub(super) struct Round {
    pub(super) sights: Vec<Sight>,
    silent: Vec<String>,
    /// Asking again would not help: the servers have refused.
    is_final: bool,
}

impl Round {
    fn no_sight(&self) -> StoreError {
        StoreError::new(format!(
            "no server of etcd can be used ({})",
            self.silent.join("; ")
        ))
    }
}

impl Core {
    /// See [`super::EtcdStore::contact`].
    pub(super) fn contact(&self, memory: &dyn Memory) -> Result<Contact, StoreError> {
        // Before the servers are asked: changes go on meanwhile.
        let floor = self.client.history.reached();
        Ok(self.decide(self.look_at_all()?, memory, floor))
    }

    /// The same, and each server is asked once only: who calls this again and again makes pauses.
    pub(super) fn contact_once(&self, memory: &dyn Memory) -> Result<Contact, StoreError> {
        let floor = self.client.history.reached();
        let until = Instant::now() + self.client.patience(PROBE);
        let round = self.look_once(until)?;
        match round.sights.is_empty() {
            true => Err(round.no_sight()),
            false => Ok(self.decide(round, memory, floor)),
        }
    }

    fn decide(&self, round: Round, memory: &dyn Memory, floor: u64) -> Contact {
        let mut refused: Vec<(usize, String)> = Vec::new();
        for sight in &round.sights {
            let fits = self.client.history.fits(sight.header, floor);
            match fits.and_then(|()| memory.admit(&sight.looked)) {
                Ok(()) if sight.key != 0 => {
                    for (other, reason) in &refused {
                        self.client.refuse(*other, reason);
                    }
                    self.admit(sight);
                    return Contact::Admitted(sight.looked.clone());
                }
                Ok(()) => refused.push((sight.index, "there is no store".to_owned())),
                Err(reason) => refused.push((sight.index, reason)),
            }
        }
        let history = &self.client.history;
        let mut sights = round.sights.iter();
        let older = sights
            .find(|sight| history.is_older(sight.header, floor) || memory.is_older(&sight.looked));
        // A server that this host has never used may be a forgotten copy, while those that hold the store are silent.
        let endpoints = self.client.endpoints();
        let was_used = |index: usize| endpoints.get(index).is_some_and(Endpoint::was_used);
        let older = older.map(|sight| (sight.looked.clone(), was_used(sight.index)));
        let contact = self.refuse(round, refused);
        let is_all = matches!(contact, Contact::Refused(..));
        if let Contact::Refused(_, reason) | Contact::Undecided(_, reason) = &contact
            && let Some((older, was_used)) = older
            && (is_all || was_used)
        {
            history.end(reason);
            self.standing.set(State::Refused(reason.clone()));
            // What can't be written now is written at the next look.
            if history.is_to_be_kept() && memory.keep_set_back(&older) {
                history.note_kept();
            }
        }
        contact
    }

    fn admit(&self, sight: &Sight) {
        let Header {
            cluster_id,
            revision,
            ..
        } = sight.header;
        self.client.history.keep_to(cluster_id, revision);
        self.client.prefer(sight.index);
        self.standing.set(State::Admitted(sight.key));
    }

    fn refuse(&self, round: Round, refused: Vec<(usize, String)>) -> Contact {
        let is_same = refused.windows(2).all(|two| two[0].1 == two[1].1);
        let mut reasons: Vec<String> = match refused.first() {
            Some((_, reason)) if is_same => vec![reason.clone()],
            _ => {
                let named = |(index, reason): &(usize, String)| self.named(*index, reason);
                refused.iter().map(named).collect()
            }
        };
        let is_all = round.silent.is_empty();
        reasons.extend(round.silent);
        let reason = reasons.join("; ");
        // While those are silent that hold it, it stays the store: their silence is told.
        if is_all || !self.standing.is_admitted() {
            self.standing.set(State::Refused(reason.clone()));
        }
        // A store says more than none.
        let telling = |looked: &Looked| match looked {
            Looked::Store { .. } => 2,
            Looked::NoId => 1,
            Looked::Nothing => 0,
        };
        let looked = round.sights.into_iter().map(|sight| sight.looked);
        let looked = looked.max_by_key(telling).unwrap_or(Looked::Nothing);
        match is_all {
            true => Contact::Refused(looked, reason),
            false => Contact::Undecided(looked, reason),
        }
    }

    fn named(&self, index: usize, reason: &str) -> String {
        let endpoint = self.client.endpoints().get(index);
        let url = endpoint.map(|endpoint| endpoint.url.to_string());
        format!("{}: {reason}", url.unwrap_or_default())
    }

    /// Asks all servers at once, until one of them answers or no time is left.
    fn look_at_all(&self) -> Result<Round, StoreError> {
        let until = Instant::now() + self.client.patience(PATIENCE);
        loop {
            let round = self.look_once(until)?;
            if !round.sights.is_empty() {
                return Ok(round);
            }
            let left = until.saturating_duration_since(Instant::now());
            // A round without the time for an answer would only hide what this one found.
            if round.is_final || left <= BETWEEN_ROUNDS + LEAST_TRY {
                return Err(round.no_sight());
            }
            thread::sleep(BETWEEN_ROUNDS);
        }
    }

    fn look_once(&self, until: Instant) -> Result<Round, StoreError> {
        let until = until.min(Instant::now() + self.client.patience(PROBE));
        let looks: Vec<_> = thread::scope(|scope| {
            let count = self.client.endpoints().len();
            let threads: Vec<_> = (0..count)
                .map(|index| {
                    let look = move || self.look(index, until);
                    let name = "etcd-look".to_owned();
                    thread::Builder::new().name(name).spawn_scoped(scope, look)
                })
                .collect();
            let ended = threads.into_iter().map(|thread| match thread {
                Ok(thread) => thread.join().unwrap_or_else(|_| Err(Miss::lost())),
                Err(error) => Err(Miss::Server(Problem::Unreachable(error.to_string()))),
            });
            ended.collect()
        });
        let (mut sights, mut silent, mut is_final) = (Vec::new(), Vec::new(), true);
        for (index, look) in looks.into_iter().enumerate() {
            match look {
                Ok(sight) => sights.push(sight),
                Err(Miss::Server(problem)) => {
                    is_final &= matches!(problem, Problem::Refused(_));
                    silent.push(self.named(index, &problem.to_string()));
                }
                Err(Miss::Store(error)) => return Err(error),
            }
        }
        Ok(Round {
            sights,
            silent,
            is_final,
        })
    }

    /// Looks what one server holds.
    fn look(&self, index: usize, until: Instant) -> Result<Sight, Miss> {
        let id = self.id_key();
        let ask = |range: &Range<'_>| self.client.look::<RangeAnswer>(index, RANGE, range, until);
        let answer = ask(&Range::of(id.as_slice()))?;
        let header = answer.header;
        if let Some(proof) = self.client.history.proof() {
            let answer = ask(&Range::of(proof.key.as_slice()).keys())?;
            let revision = answer.kvs.first().map_or(0, |kv| kv.mod_revision);
            self.client.history.test(&proof, answer.header, revision);
        }
        let without = |looked| Sight {
            index,
            looked,
            header,
            key: 0,
        };
        let Some(found) = answer.kvs.into_iter().next() else {
            let any = Range::between(self.prefix.clone(), super::end_of(&self.prefix), 1).keys();
            return Ok(without(match ask(&any)?.kvs.is_empty() {
                true => Looked::Nothing,
                false => Looked::NoId,
            }));
        };
        let Ok(written) = serde_json::from_slice::<Written>(&found.value) else {
            return Ok(without(Looked::NoId));
        };
        if written.format > FORMAT {
            return Err(Miss::Store(StoreError::new(format!(
                "the store in etcd has format {}, but this version knows only {FORMAT}; upgrade mfa-agent",
                written.format
            ))));
        }
        let Ok(id) = written.id.parse() else {
            return Ok(without(Looked::NoId));
        };
        Ok(Sight {
            key: found.mod_revision,
            ..without(Looked::Store {
                id,
                cluster: header.cluster_id,
                reached: header.revision,
            })
        })
    }

    /// See [`super::EtcdStore::keep_to_one_cluster`].
    pub(super) fn keep_to_one_cluster(&self) -> Result<bool, StoreError> {
        let round = self.look_at_all()?;
        let clusters: BTreeSet<u64> = round
            .sights
            .iter()
            .map(|sight| sight.header.cluster_id)
            .collect();
        if clusters.len() > 1 {
            let each = round.sights.iter().map(|sight| {
                let cluster = format!("cluster {:x}", sight.header.cluster_id);
                self.named(sight.index, &cluster)
            });
            return Err(StoreError::new(format!(
                "the servers are of different clusters, and only one of them can be right; correct [store] endpoints ({})",
                each.collect::<Vec<_>>().join("; ")
            )));
        }
        for sight in &round.sights {
            let Header {
                cluster_id,
                revision,
                ..
            } = sight.header;
            self.client.history.keep_to(cluster_id, revision);
        }
        Ok(round.silent.is_empty())
    }

    /// See [`super::EtcdStore::create`].
    pub(super) fn create(&self, id: StoreId) -> Result<(), StoreError> {
        self.write_id(id, 0)
    }

    /// See [`super::EtcdStore::replace`].
    pub(super) fn replace(&self, id: StoreId) -> Result<(), StoreError> {
        self.write_id(id, self.standing.revision()?)
    }

    /// Writes an ID over the one of this revision; zero: where there is none.
    fn write_id(&self, id: StoreId, over: u64) -> Result<(), StoreError> {
        let written = Written {
            format: FORMAT,
            id: id.to_string(),
            made_at: Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        };
        let value = serde_json::to_vec(&written).map_err(|e| StoreError::new(e.to_string()))?;
        let key = self.id_key();
        let txn = Txn {
            compare: vec![Compare::is_at(key.as_slice(), over)],
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
                "another host made the store at the same moment. Copy its key to this host, in the place of one that was made \
                 here, and run mfa-agent --init again, which accepts the store",
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
