//! Hosts that share a store, and the servers that keep it.
//!
//! Each host writes now and then what the others need to know of it ([`HostNotice`]): its version, the formats and keys
//! that it has, and how far its clock is from the clocks of the servers. Nobody who logs in waits for this, and no login
//! depends on it. No secret is in it; only IDs of keys are.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::StoreError;

/// A clock that differs by more than this is named: codes of devices depend on it.
pub const TOLERATED_DIFFERENCE: Duration = Duration::from_secs(1);

/// The hosts and servers of a shared store.
pub trait Fleet: Send + Sync {
    /// From now on the other hosts are told this of this host. It returns at once.
    fn announce(&self, notice: HostNotice);

    /// Keeps for the next start of this host how far the store has come, as far as this host knows. It asks no server.
    fn keep(&self);

    /// Notes a state of all records ([`crate::repository`]) that `sealer` has sealed, unless it does not fit what this host
    /// has seen, in this start or an earlier one.
    fn note_state(&self, state: &KnownState, sealer: &str) -> StateFit;

    /// What this host has seen of the states of all records, in this start or an earlier one.
    fn known_state(&self) -> KnownState;

    /// A state was put back, by what was `known`. From now on none is used, in later starts neither: others change it, and
    /// soon it has the number that it had. Nothing happens if an administrator has accepted it meanwhile.
    fn refuse_older_states(&self, known: &KnownState);

    /// All hosts that ever used the store, in the order of their names, until they are forgotten.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when they can't be read.
    fn hosts(&self) -> Result<Vec<HostSeen>, StoreError>;

    /// Up to `limit` of them after the name `after`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when they can't be read.
    fn some_hosts(&self, after: Option<&str>, limit: usize) -> Result<Vec<HostSeen>, StoreError>;

    /// About how many there are, as far as this host knows. It asks no server.
    fn count(&self) -> u64;

    /// Forgets a host that is gone. Returns whether it was known. A host that is alive is back with its next notice.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when that can't be written.
    fn forget(&self, name: &str) -> Result<bool, StoreError>;

    /// Asks each server how it is. It waits for the slowest one, for a bounded time.
    fn servers(&self) -> Vec<Server>;

    /// The certificates of `[store]`, as they are in their files now.
    fn certificates(&self) -> Vec<StoreCertificate>;

    /// Reads the files of the certificates again. From now on new ones are used; if they can't be, those of before are.
    fn renew_certificates(&self);
}

/// What a host remembers of the states of all records that it has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownState {
    /// The highest number of one; zero if none was seen.
    pub number: u64,
    /// The IDs of the keys that sealed before the newest one, which is none of them.
    pub retired: Vec<String>,
    /// The random number of the acceptance by an administrator since which this was seen; zero without one. What was seen
    /// before that counts no more.
    pub accepted: u64,
}

/// Whether a state may follow what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateFit {
    /// It may.
    Fits,
    /// A later one was seen.
    Older,
    /// A key sealed it that had been replaced.
    Retired,
}

/// Retired keys that are remembered, the newest.
const MOST_RETIRED: usize = 64;

impl KnownState {
    /// In the place of a number: a state was put back, and none fits any more.
    const PUT_BACK: u64 = u64::MAX;

    /// From now on none fits.
    pub fn end(&mut self) {
        self.number = Self::PUT_BACK;
    }

    /// Whether a state with this number may follow, which this key sealed.
    #[must_use]
    pub fn fits(&self, number: u64, sealer: &str) -> StateFit {
        match () {
            () if number < self.number => StateFit::Older,
            () if self.retired.iter().any(|key| key == sealer) => StateFit::Retired,
            () => StateFit::Fits,
        }
    }

    /// Adds what another one knows, of the same acceptance.
    pub fn learn(&mut self, other: &Self) {
        self.number = self.number.max(other.number);
        for key in &other.retired {
            if !self.retired.contains(key) {
                self.retired.push(key.clone());
            }
        }
        let surplus = self.retired.len().saturating_sub(MOST_RETIRED);
        self.retired.drain(..surplus);
    }
}

/// What the other hosts need to know of one host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostNotice {
    /// The name of the host.
    pub name: String,
    /// The version of its agent.
    pub version: String,
    /// The newest format of records that it knows.
    pub schema: u32,
    /// The ID of the key that it seals with.
    pub key: String,
    /// The IDs of the other keys that it has.
    pub other_keys: Vec<String>,
}

/// A host, as its last notice shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostSeen {
    /// What it said.
    pub notice: HostNotice,
    /// Whether this is the host that asks.
    pub is_here: bool,
    /// When it said that, by its own clock.
    pub at: Timestamp,
    /// How long ago that was.
    pub age: Duration,
    /// Whether its next notice is not overdue.
    pub is_live: bool,
    /// Whether two agents give notice under this name.
    pub is_double: bool,
    /// How far its clock is from the clocks of the servers; none if it could not tell.
    pub clock: Option<ClockDifference>,
}

/// How far a clock is ahead of the clocks of the servers, in milliseconds: between these two. Negative: it is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockDifference {
    /// At least.
    pub least: i64,
    /// At most.
    pub most: i64,
}

impl ClockDifference {
    /// The middle, in milliseconds.
    #[must_use]
    pub const fn middle(self) -> i64 {
        self.least.midpoint(self.most)
    }

    /// Whether the clock is surely wrong by more than [`TOLERATED_DIFFERENCE`].
    #[must_use]
    pub fn is_wrong(self) -> bool {
        let most = TOLERATED_DIFFERENCE.as_millis() as i64;
        self.least > most || self.most < -most
    }
}

/// A server of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// As the settings name it.
    pub endpoint: String,
    /// What it answered, or why it can't be used.
    pub status: Result<ServerStatus, String>,
}

/// How a server is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerStatus {
    /// How long its answer took.
    pub latency: Duration,
    /// Its version.
    pub version: String,
    /// Whether it leads the cluster.
    pub is_leader: bool,
    /// Whether it follows a leader: without one, the servers in reach are fewer than half.
    pub has_leader: bool,
    /// The bytes of its database.
    pub database: u64,
    /// How many of them are in use.
    pub in_use: u64,
    /// What it complains about, such as "NOSPACE".
    pub complaints: Vec<String>,
    /// Whether an alarm keeps the whole cluster from taking changes.
    pub is_read_only: bool,
    /// How far this host's clock is from its clock.
    pub clock: Option<ClockDifference>,
}

/// A certificate that connections to the servers need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreCertificate {
    /// The key of `[store]`, such as `cert_file`.
    pub key: &'static str,
    /// Its file.
    pub file: PathBuf,
    /// When it holds, or why the file can't be used.
    pub term: Result<Term, String>,
}

/// The time in which a certificate holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// From then on.
    pub begins: Timestamp,
    /// Until then.
    pub ends: Timestamp,
}

/// So long before its end a certificate is to be renewed.
const RENEWAL: SignedDuration = SignedDuration::from_hours(30 * 24);

impl Term {
    /// Whether it holds at `now`.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        self.begins <= now && now <= self.ends
    }

    /// Whether it ends within thirty days after `now`, or has ended.
    #[must_use]
    pub fn ends_soon(&self, now: Timestamp) -> bool {
        self.ends.duration_since(now) <= RENEWAL
    }
}

/// The hosts of a store in memory: each is alive as soon as it is announced.
#[derive(Debug, Default)]
pub(super) struct MemoryFleet {
    hosts: Mutex<BTreeMap<String, (HostNotice, Timestamp)>>,
    state: Mutex<KnownState>,
}

impl MemoryFleet {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, (HostNotice, Timestamp)>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fleet for MemoryFleet {
    fn announce(&self, notice: HostNotice) {
        self.lock()
            .insert(notice.name.clone(), (notice, Timestamp::UNIX_EPOCH));
    }

    fn keep(&self) {}

    fn note_state(&self, state: &KnownState, sealer: &str) -> StateFit {
        let mut known = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let fit = known.fits(state.number, sealer);
        if fit == StateFit::Fits {
            known.learn(state);
        }
        fit
    }

    fn known_state(&self) -> KnownState {
        let known = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        known.clone()
    }

    fn refuse_older_states(&self, _: &KnownState) {
        let mut known = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        known.end();
    }

    fn hosts(&self) -> Result<Vec<HostSeen>, StoreError> {
        let seen = |(notice, at): &(HostNotice, Timestamp)| HostSeen {
            notice: notice.clone(),
            is_here: false,
            at: *at,
            age: Duration::ZERO,
            is_live: true,
            is_double: false,
            clock: None,
        };
        Ok(self.lock().values().map(seen).collect())
    }

    fn some_hosts(&self, after: Option<&str>, limit: usize) -> Result<Vec<HostSeen>, StoreError> {
        let hosts = self.hosts()?.into_iter();
        let later = hosts.filter(|host| after.is_none_or(|after| *host.notice.name > *after));
        Ok(later.take(limit).collect())
    }

    fn count(&self) -> u64 {
        self.lock().len() as u64
    }

    fn forget(&self, name: &str) -> Result<bool, StoreError> {
        Ok(self.lock().remove(name).is_some())
    }

    fn servers(&self) -> Vec<Server> {
        Vec::new()
    }

    fn certificates(&self) -> Vec<StoreCertificate> {
        Vec::new()
    }

    fn renew_certificates(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_wrong_only_if_it_surely_differs_by_more_than_a_second() {
        let is_wrong = |least, most| ClockDifference { least, most }.is_wrong();
        for (least, most) in [(0, 0), (-1000, 1000), (900, 1900), (-1900, -900)] {
            assert!(!is_wrong(least, most), "{least} {most}");
        }
        for (least, most) in [(1001, 1001), (1500, 2500), (-1001, -1001), (-90_000, -2000)] {
            assert!(is_wrong(least, most), "{least} {most}");
        }
    }

    #[test]
    fn a_certificate_is_renewed_a_month_before_it_ends() {
        let at = |second| Timestamp::from_second(second).unwrap();
        const DAY: i64 = 24 * 60 * 60;
        let term = Term {
            begins: at(0),
            ends: at(100 * DAY),
        };
        for (now, holds, ends_soon) in [
            (-1, false, false),
            (0, true, false),
            (70 * DAY - 1, true, false),
            (70 * DAY, true, true),
            (100 * DAY, true, true),
            (100 * DAY + 1, false, true),
        ] {
            let found = (term.holds(at(now)), term.ends_soon(at(now)));
            assert_eq!(found, (holds, ends_soon), "{now}");
        }
    }

    #[test]
    fn a_state_fits_unless_it_is_older_or_a_retired_key_sealed_it() {
        let mut known = KnownState::default();
        assert_eq!(known.fits(0, "one"), StateFit::Fits);
        known.learn(&KnownState {
            number: 3,
            retired: vec!["one".to_owned()],
            ..KnownState::default()
        });
        assert_eq!(known.fits(3, "two"), StateFit::Fits);
        assert_eq!(known.fits(2, "two"), StateFit::Older);
        assert_eq!(known.fits(4, "one"), StateFit::Retired);
        for number in 0..200 {
            known.learn(&KnownState {
                number: 1,
                retired: vec![number.to_string()],
                ..KnownState::default()
            });
        }
        assert_eq!((known.number, known.retired.len()), (3, MOST_RETIRED));
        assert_eq!(known.fits(3, "199"), StateFit::Retired);
    }

    #[test]
    fn hosts_in_memory_are_there_until_they_are_forgotten() {
        let fleet = MemoryFleet::default();
        for name in ["web-2", "web-1", "web-2"] {
            fleet.announce(HostNotice {
                name: name.to_owned(),
                ..HostNotice::default()
            });
        }
        let names = || -> Vec<String> {
            let hosts = fleet.hosts().unwrap().into_iter();
            hosts.map(|host| host.notice.name).collect()
        };
        assert_eq!(names(), ["web-1", "web-2"]);
        assert_eq!(fleet.count(), 2);
        assert_eq!(fleet.some_hosts(Some("web-1"), 9).unwrap().len(), 1);
        assert_eq!(fleet.some_hosts(None, 1).unwrap().len(), 1);
        assert!(fleet.forget("web-1").unwrap());
        assert!(!fleet.forget("web-1").unwrap());
        assert_eq!(names(), ["web-2"]);
    }
}
