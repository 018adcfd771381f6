//! Which cluster the answers have to be of, and how far it has come.
//!
//! A revision of etcd never goes back, and a cluster keeps its ID. One of both changes when a snapshot is restored: then
//! records are as they were, used codes pass once more, and locks are gone. So such an answer is refused, until an
//! administrator accepts the state and the agent starts again: what it has in memory is of the state before.
//!
//! A revision that went back soon comes to where it was, by the writes of others. So it is remembered that it did. A host
//! that was not there when it was lower sees it by a record: one that differs from what this host remembers was changed
//! since, or the store is not the one of then.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::cache::Before;
use super::wire::Header;
use crate::store::StoreError;
use crate::store::fleet::{KnownState, StateFit};

/// What accepts a store that was set back.
const ACCEPT: &str = "This is expected only after a restore of etcd. To accept it, on each host: mfa-agent --init, and \
                      restart the agent: systemctl restart mfa-agent";

/// What this process knows.
#[derive(Default)]
pub(super) struct History {
    /// The ID of the cluster; zero until a store is admitted.
    cluster: AtomicU64,
    /// The highest revision that any answer of it had.
    reached: AtomicU64,
    /// What was seen of the states of all records.
    state: Mutex<KnownState>,
    /// An answer did not fit since this was looked at.
    was_refused: AtomicBool,
    /// What contradicted last.
    proof: Mutex<Option<Proof>>,
    /// The servers that gave an answer of the cluster that was too old. None of them is used again.
    older: Mutex<BTreeSet<u64>>,
    /// Why nothing is used again, whoever answers what.
    ended: OnceLock<String>,
    /// Later starts do not know that yet.
    is_to_be_kept: AtomicBool,
}

/// What was known of a key that an answer contradicts.
#[derive(Clone, Debug)]
pub(super) struct Proof {
    /// Its name in etcd.
    pub(super) key: Vec<u8>,
    before: Before,
}

impl History {
    /// The highest revision so far.
    pub(super) fn reached(&self) -> u64 {
        self.reached.load(Ordering::Acquire)
    }

    /// What was seen of the states of all records so far.
    pub(super) fn state(&self) -> KnownState {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.clone()
    }

    /// Whether it is known which cluster the answers have to be of.
    pub(super) fn is_admitted(&self) -> bool {
        self.cluster.load(Ordering::Acquire) != 0
    }

    /// What is known of the states, with what is kept for later starts. After an acceptance only that counts.
    pub(super) fn state_with(&self, kept: Option<&KnownState>) -> KnownState {
        self.with(kept).clone()
    }

    /// Notes a state that `sealer` has sealed, if it fits that.
    pub(super) fn note_state(
        &self,
        kept: Option<&KnownState>,
        state: &KnownState,
        sealer: &str,
    ) -> StateFit {
        let mut known = self.with(kept);
        let fit = known.fits(state.number, sealer);
        if fit == StateFit::Fits {
            known.learn(state);
        }
        fit
    }

    /// No state fits any more, unless something was accepted after `known`. Returns whether it is so.
    pub(super) fn end_states(&self, kept: Option<&KnownState>, known: &KnownState) -> bool {
        let mut own = self.with(kept);
        let is_same = own.accepted == known.accepted;
        if is_same {
            own.end();
        }
        is_same
    }

    fn with(&self, kept: Option<&KnownState>) -> MutexGuard<'_, KnownState> {
        let mut known = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match kept {
            // Only an acceptance takes back what was seen, and what can't be read is none.
            None => {}
            Some(kept) if known.accepted == kept.accepted => known.learn(kept),
            Some(kept) => kept.clone_into(&mut known),
        }
        known
    }

    /// From now on all answers have to be of this cluster, and none may be older than this.
    pub(super) fn keep_to(&self, cluster: u64, revision: u64) {
        self.reached.fetch_max(revision, Ordering::AcqRel);
        self.cluster.store(cluster, Ordering::Release);
    }

    /// Notes an answer. `floor` is what was reached before its request was sent.
    pub(super) fn note(&self, header: Header, floor: u64) -> Result<(), String> {
        if self.cluster.load(Ordering::Acquire) == 0 {
            // Nobody has said yet that it is the right one.
            return Ok(());
        }
        self.fits(header, floor).inspect_err(|_| {
            self.was_refused.store(true, Ordering::Release);
            if self.is_older(header, floor) {
                self.older().insert(header.member_id);
            }
        })?;
        self.reached.fetch_max(header.revision, Ordering::AcqRel);
        Ok(())
    }

    /// Whether an answer is of the cluster, and not older than `floor`; if not, why it is refused.
    pub(super) fn fits(&self, header: Header, floor: u64) -> Result<(), String> {
        if let Some(reason) = self.ended.get() {
            return Err(reason.clone());
        }
        let cluster = self.cluster.load(Ordering::Acquire);
        match cluster {
            0 => Ok(()),
            known if header.cluster_id != known => Err(other_cluster(header.cluster_id, known)),
            _ if self.is_older(header, floor) => Err(set_back(header.revision, floor)),
            _ => Ok(()),
        }
    }

    /// Whether an answer of the cluster is older than `floor`, or its server has once given one that was.
    pub(super) fn is_older(&self, header: Header, floor: u64) -> bool {
        let is_of_the_cluster = header.cluster_id == self.cluster.load(Ordering::Acquire);
        is_of_the_cluster && (header.revision < floor || self.older().contains(&header.member_id))
    }

    /// An answer contradicts what was known of a key, though the store has come farther since: it was set back in between.
    /// The server is not used again, and the others are put to the same test. Returns what is said of that.
    pub(super) fn contradicted(&self, header: Header, key: Vec<u8>, before: Before) -> StoreError {
        self.older().insert(header.member_id);
        self.was_refused.store(true, Ordering::Release);
        let mut proof = self.proof.lock().unwrap_or_else(PoisonError::into_inner);
        *proof = Some(Proof { key, before });
        StoreError::new(set_back(header.revision, header.revision))
    }

    /// What contradicted last, if anything did.
    pub(super) fn proof(&self) -> Option<Proof> {
        let proof = self.proof.lock().unwrap_or_else(PoisonError::into_inner);
        proof.clone()
    }

    /// A server says that this key has this revision. If that contradicts what is known of it, the server is not used again.
    pub(super) fn test(&self, proof: &Proof, header: Header, revision: u64) {
        if proof.before.contradicts(header.revision, revision) {
            self.older().insert(header.member_id);
        }
    }

    /// The store was set back: from now on nothing fits. Of a process that has used no store yet, an administrator's
    /// consent is enough.
    pub(super) fn end(&self, reason: &str) {
        let is_first =
            self.cluster.load(Ordering::Acquire) == 0 || self.ended.set(reason.to_owned()).is_ok();
        if is_first {
            self.is_to_be_kept.store(true, Ordering::Release);
        }
    }

    /// Whether later starts do not know yet that the store was set back.
    pub(super) fn is_to_be_kept(&self) -> bool {
        self.is_to_be_kept.load(Ordering::Acquire)
    }

    /// Now they know.
    pub(super) fn note_kept(&self) {
        self.is_to_be_kept.store(false, Ordering::Release);
    }

    fn older(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.older.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an answer was refused since the last time that this was called.
    pub(super) fn take_refused(&self) -> bool {
        self.was_refused.swap(false, Ordering::AcqRel)
    }

    #[cfg(test)]
    pub(super) fn cluster_for_test(&self) -> u64 {
        self.cluster.load(Ordering::Acquire)
    }
}

/// What is said of a store whose revision went back.
#[must_use]
pub fn set_back(revision: u64, reached: u64) -> String {
    let how_far = match reached {
        // It has come as far again since, or farther.
        _ if reached <= revision => format!("it is at revision {revision} now"),
        SET_BACK => "this host has noticed that before".to_owned(),
        _ => format!("revision {revision}; it had reached {reached}"),
    };
    format!(
        "etcd was set back to an older state ({how_far}): used codes, failures and locks since then are lost. {ACCEPT}"
    )
}

/// In the place of the revision that was reached: it went back, and no revision is enough any more.
pub const SET_BACK: u64 = u64::MAX;

/// What is said of the same store in another cluster.
#[must_use]
pub fn other_cluster(cluster: u64, known: u64) -> String {
    format!(
        "etcd is the cluster {cluster:x}, and the store of this host was in the cluster {known:x}: it is another one, or \
         was restored from a snapshot, and then used codes, failures and locks since that are lost. Check [store] \
         endpoints. {ACCEPT}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(cluster_id: u64, revision: u64) -> Header {
        Header {
            cluster_id,
            revision,
            ..Header::default()
        }
    }

    #[test]
    fn nothing_counts_before_a_store_is_admitted_and_nothing_else_afterwards() {
        let history = History::default();
        history.note(header(9, 301), 0).unwrap();
        assert_eq!(history.reached(), 0, "nobody admitted it");
        history.keep_to(1, 7);
        history.note(header(1, 8), 7).unwrap();
        assert!(!history.take_refused());
        let other = history.note(header(9, 301), 8).unwrap_err();
        let older = history.note(header(1, 7), 8).unwrap_err();
        for text in [other, older] {
            assert!(text.contains("mfa-agent --init"), "{text}");
        }
        assert!(history.take_refused() && !history.take_refused());
        assert_eq!(history.reached(), 8);
        history.keep_to(1, 3);
        assert_eq!(history.reached(), 8, "it never goes back");
    }

    #[test]
    fn what_was_seen_of_the_states_stays_until_another_acceptance_is_read() {
        let history = History::default();
        let kept = |accepted| KnownState {
            accepted,
            ..KnownState::default()
        };
        let seen = |number, retired: &str| KnownState {
            number,
            retired: vec![retired.to_owned()],
            ..KnownState::default()
        };
        let fit = |kept: Option<&KnownState>, number, sealer: &str| {
            history.note_state(kept, &seen(number, "aa"), sealer)
        };
        assert_eq!(fit(Some(&kept(7)), 3, "bb"), StateFit::Fits);
        for known in [Some(&kept(7)), None] {
            assert_eq!(fit(known, 2, "bb"), StateFit::Older, "{known:?}");
            assert_eq!(fit(known, 9, "aa"), StateFit::Retired, "{known:?}");
        }
        assert_eq!(fit(Some(&kept(8)), 2, "aa"), StateFit::Fits);
        assert_eq!(history.state_with(None).accepted, 8);
    }

    #[test]
    fn a_server_that_went_back_is_refused_for_good_and_all_are_once_none_is_left() {
        let of_server = |member_id, revision| Header {
            member_id,
            ..header(1, revision)
        };
        let history = History::default();
        for _ in 0..2 {
            history.end("it was set back");
            assert!(history.is_to_be_kept(), "nothing was used yet");
            history.note_kept();
            history.note(of_server(5, 9), 7).unwrap();
        }
        history.keep_to(1, 7);
        history.note(of_server(5, 9), 7).unwrap();
        let told = history.note(of_server(6, 8), 9).unwrap_err();
        assert!(told.contains("revision 8; it had reached 9"), "{told}");
        // It has come as far again by the writes of others.
        for revision in [9, 99] {
            let told = history.note(of_server(6, revision), 9).unwrap_err();
            assert!(told.contains("set back"), "{told}");
            assert!(history.is_older(of_server(6, revision), 9));
        }
        assert_eq!(history.reached(), 9);
        history.note(of_server(5, 10), 9).unwrap();
        assert!(!history.is_older(of_server(5, 10), 9));
        history.end("it was set back");
        assert!(history.is_to_be_kept());
        history.note_kept();
        history.end("again");
        assert!(!history.is_to_be_kept());
        for member in [5, 6, 7] {
            let told = history.note(of_server(member, 999), 9).unwrap_err();
            assert_eq!(told, "it was set back");
        }
    }
}
