//! What the hosts tell each other, and how the servers are.
//!
//! No lease is used: whether a host is alive is told from the time that it wrote, by the clock of the servers.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::cache::Before;
use super::client::{PATIENCE, PROBE};
use super::identity::{Memory, unexpected};
use super::keeper::{self, Desk};
use super::reading::{after_key, goes_on};
use super::wire::{Compare, Operation, RANGE, Range, RangeAnswer, Response, TXN, Txn, TxnAnswer};
use super::{Core, clock, end_of};
use crate::store::StoreError;
use crate::store::fleet::{
    ClockDifference, Fleet, HostNotice, HostSeen, KnownState, Server, ServerStatus, StateFit,
    StoreCertificate,
};

const HOSTS: &[u8] = b"hosts/";

/// A host is alive until it missed two notices, and this.
const LEEWAY: Duration = Duration::from_secs(15);

/// Hosts that are read at a time.
const PART: u64 = 1_000;

/// The longest name of a host, in bytes.
const MAX_NAME: usize = 255;

/// How etcd writes an alarm, such as NOSPACE, among the errors of each member.
const ALARM: &str = "alarm:";

/// What a host writes.
#[derive(Serialize, Deserialize)]
struct Written {
    #[serde(flatten)]
    notice: HostNotice,
    /// Which start of the agent wrote it: two hosts of one name are noticed by that.
    run: String,
    /// Another start of an agent wrote in between, so there are two of one name.
    #[serde(default)]
    is_double: bool,
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    at: Timestamp,
    /// The next notice comes in this many seconds.
    every: u64,
    clock: Option<ClockDifference>,
}

/// A notice that was written.
pub(super) struct PutNotice {
    /// Another start of an agent wrote under this name before.
    pub(super) is_of_another: bool,
    /// Its revision.
    pub(super) revision: u64,
}

/// The hosts, and the thread.
pub(super) struct Hosts {
    core: Arc<Core>,
    desk: Arc<Desk>,
    memory: OnceLock<Arc<dyn Memory>>,
}

impl Hosts {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            desk: Arc::default(),
            memory: OnceLock::new(),
        }
    }

    pub(super) fn start(&self, memory: Arc<dyn Memory>) -> std::io::Result<()> {
        let memory = Arc::clone(self.memory.get_or_init(|| memory));
        keeper::start(Arc::clone(&self.core), Arc::clone(&self.desk), memory)
    }
}

impl Drop for Hosts {
    /// The thread ends by itself: it may wait for a server.
    fn drop(&mut self) {
        self.desk.close();
    }
}

impl Core {
    pub(super) fn hosts_prefix(&self) -> Vec<u8> {
        [&self.prefix, HOSTS].concat()
    }

    fn host_key(&self, name: &str) -> Vec<u8> {
        [&self.prefix, HOSTS, name.as_bytes()].concat()
    }

    /// How far this host's clock is ahead of the clocks of the servers.
    pub(super) fn clock(&self) -> Option<ClockDifference> {
        let endpoints = self.client.endpoints().iter();
        clock::median(
            endpoints
                .filter_map(super::endpoint::Endpoint::clock)
                .collect(),
        )
    }

    /// Writes what others need to know. `last` is the revision at which this process has done so last.
    pub(super) fn put_notice(
        &self,
        notice: HostNotice,
        run: &str,
        interval: Duration,
        (is_double, last): (bool, u64),
    ) -> Result<PutNotice, StoreError> {
        let key = self.host_key(&notice.name);
        let written = Written {
            notice,
            run: run.to_owned(),
            is_double,
            at: Timestamp::now(),
            every: interval.as_secs(),
            clock: self.clock(),
        };
        let value = serde_json::to_vec(&written).map_err(|e| StoreError::new(e.to_string()))?;
        let read = || Operation::Range(Range::of(key.as_slice()));
        let put = || Operation::Put {
            key: key.as_slice().into(),
            value: value.as_slice().into(),
        };
        // An earlier notice than the last one is a proof that the store was set back, and is not written over.
        let is_last = (last > 0).then(|| Compare::is_at(key.as_slice(), last));
        let first = Txn {
            compare: [self.is_ours()?].into_iter().chain(is_last).collect(),
            success: vec![read(), put()],
            failure: vec![self.read_id(), read()],
        };
        let mut answer = self.client.call::<TxnAnswer>(TXN, &first, PATIENCE)?.answer;
        if !answer.succeeded {
            self.check_last(answer, &key, last)?;
            // It was forgotten, or another agent of this name has written it.
            let again = Txn {
                compare: vec![self.is_ours()?],
                success: vec![read(), put()],
                failure: vec![self.read_id()],
            };
            answer = self.client.call::<TxnAnswer>(TXN, &again, PATIENCE)?.answer;
        }
        if !answer.succeeded {
            return Err(self.lost_id());
        }
        let revision = answer.header.revision;
        let Some(Response::Range(before)) = answer.responses.into_iter().next() else {
            return Err(unexpected());
        };
        let before = before.kvs.first();
        let before = before.and_then(|kv| serde_json::from_slice::<Written>(&kv.value).ok());
        Ok(PutNotice {
            is_of_another: before.is_some_and(|before| before.run != run),
            revision,
        })
    }

    /// Whether the ID and the notice that are there may follow the last notice of this process, which was of the revision
    /// `last`.
    fn check_last(&self, found: TxnAnswer, key: &[u8], last: u64) -> Result<(), StoreError> {
        let header = found.header;
        let found = found.into_found().ok_or_else(unexpected)?;
        let [_, notice] = <[_; 2]>::try_from(found).map_err(|_| unexpected())?;
        let before = Before {
            at: last,
            revision: last,
        };
        let revision = notice.map_or(0, |kv| kv.mod_revision);
        match before.contradicts(header.revision, revision) {
            true => Err(self
                .client
                .history
                .contradicted(header, key.to_vec(), before)),
            false => Ok(()),
        }
    }

    /// Now, by the clock of the servers.
    fn time(&self) -> Timestamp {
        corrected(Timestamp::now(), self.clock())
    }

    /// Up to `limit` hosts after the name `after`.
    fn hosts_after(
        &self,
        after: Option<&str>,
        limit: usize,
        here: Option<&str>,
    ) -> Result<Vec<HostSeen>, StoreError> {
        let all = self.hosts_prefix();
        let end = end_of(&all);
        let mut from = match after {
            Some(after) => after_key(self.host_key(after)),
            None => all,
        };
        let mut hosts = Vec::new();
        self.standing.revision()?;
        while hosts.len() < limit {
            let part = PART.min((limit - hosts.len()) as u64);
            let range = Range::between(from.clone(), end.clone(), part);
            let answer = self
                .client
                .call::<RangeAnswer>(RANGE, &range, PATIENCE)?
                .answer;
            if !goes_on(&answer, &from) {
                return Err(unexpected());
            }
            let now = self.time();
            let written = answer.kvs.iter().filter_map(|kv| {
                let written: Written = serde_json::from_slice(&kv.value).ok()?;
                // A page goes on after the name of its last one.
                (self.host_key(&written.notice.name) == kv.key).then_some(written)
            });
            hosts.extend(written.map(|written| seen(written, now, here)));
            match answer.kvs.last() {
                Some(last) if answer.more => from = after_key(last.key.clone()),
                _ => break,
            }
        }
        Ok(hosts)
    }
}

impl Hosts {
    /// What is kept of the states for later starts.
    fn kept_state(&self) -> Option<KnownState> {
        self.memory.get()?.state()
    }
}

impl Fleet for Hosts {
    fn announce(&self, notice: HostNotice) {
        if (1..=MAX_NAME).contains(&notice.name.len()) {
            self.desk.leave(notice);
        }
    }

    fn keep(&self) {
        if let Some(memory) = self.memory.get()
            && self.core.standing.is_admitted()
        {
            memory.keep(
                self.core.client.history.reached(),
                self.core.client.history.state(),
            );
        }
    }

    fn note_state(&self, state: &KnownState, sealer: &str) -> StateFit {
        let history = &self.core.client.history;
        history.note_state(self.kept_state().as_ref(), state, sealer)
    }

    fn known_state(&self) -> KnownState {
        self.core
            .client
            .history
            .state_with(self.kept_state().as_ref())
    }

    fn refuse_older_states(&self, known: &KnownState) {
        let history = &self.core.client.history;
        if history.end_states(self.kept_state().as_ref(), known) {
            self.keep();
        }
    }

    fn hosts(&self) -> Result<Vec<HostSeen>, StoreError> {
        self.some_hosts(None, usize::MAX)
    }

    fn some_hosts(&self, after: Option<&str>, limit: usize) -> Result<Vec<HostSeen>, StoreError> {
        let here = self.desk.notice().map(|notice| notice.name);
        self.core.hosts_after(after, limit, here.as_deref())
    }

    fn count(&self) -> u64 {
        self.desk.hosts()
    }

    fn forget(&self, name: &str) -> Result<bool, StoreError> {
        let key = self.core.host_key(name);
        let txn = Txn {
            compare: vec![self.core.is_ours()?],
            success: vec![
                Operation::Range(Range::of(key.as_slice()).keys()),
                Operation::Delete {
                    key: key.as_slice().into(),
                },
            ],
            failure: vec![self.core.read_id()],
        };
        let reply = self.core.client.call::<TxnAnswer>(TXN, &txn, PATIENCE)?;
        let is_repeated = reply.is_repeated;
        if !reply.answer.succeeded {
            return Err(self.core.lost_id());
        }
        match reply.answer.responses.into_iter().next() {
            Some(Response::Range(found)) => Ok(is_repeated || !found.kvs.is_empty()),
            _ => Err(unexpected()),
        }
    }

    fn servers(&self) -> Vec<Server> {
        let client = &self.core.client;
        let endpoints = client.endpoints();
        let mut asked: BTreeMap<usize, Result<ServerStatus, String>> = BTreeMap::new();
        thread::scope(|scope| {
            let threads: Vec<_> = (0..endpoints.len())
                .map(|index| {
                    let ask = move || self.core.server(index);
                    let name = "etcd-status".to_owned();
                    thread::Builder::new().name(name).spawn_scoped(scope, ask)
                })
                .collect();
            for (index, thread) in threads.into_iter().enumerate() {
                let lost = || Err("it could not be asked".to_owned());
                let status = match thread {
                    Ok(thread) => thread.join().unwrap_or_else(|_| lost()),
                    Err(error) => Err(error.to_string()),
                };
                asked.insert(index, status);
            }
        });
        let named = |(index, status): (usize, _)| Server {
            endpoint: endpoints
                .get(index)
                .map(|it| it.url.to_string())
                .unwrap_or_default(),
            status,
        };
        asked.into_iter().map(named).collect()
    }

    fn certificates(&self) -> Vec<StoreCertificate> {
        self.core.client.certificates()
    }

    fn renew_certificates(&self) {
        self.core.client.renew_certificates();
    }
}

impl Core {
    fn server(&self, index: usize) -> Result<ServerStatus, String> {
        let (status, latency) = self.client.status(index, PROBE)?;
        let endpoint = self.client.endpoints().get(index);
        // It answers, but what it answers is refused: another cluster, an older state.
        let complaint = endpoint.and_then(super::endpoint::Endpoint::down);
        let printable = |text: &String| super::wire::printable(text);
        let has_alarm = status.errors.iter().any(|error| error.contains(ALARM));
        let is_read_only = has_alarm && complaint.is_none();
        let mut complaints: Vec<String> = status.errors.iter().take(8).map(printable).collect();
        complaints.extend(complaint.filter(|it| !complaints.contains(it)));
        Ok(ServerStatus {
            latency,
            version: super::wire::printable(&status.version),
            is_leader: status.leader != 0 && status.leader == status.header.member_id,
            has_leader: status.leader != 0,
            database: status.db_size,
            in_use: status.db_size_in_use,
            is_read_only,
            complaints,
            clock: endpoint.and_then(super::endpoint::Endpoint::clock),
        })
    }
}

fn seen(written: Written, now: Timestamp, here: Option<&str>) -> HostSeen {
    let age = now.duration_since(time_of(&written));
    let age = Duration::try_from(age).unwrap_or_default();
    let every = Duration::from_secs(written.every.min(86_400));
    HostSeen {
        is_here: here == Some(written.notice.name.as_str()),
        is_double: written.is_double,
        at: written.at,
        age,
        is_live: age <= every * 2 + LEEWAY,
        clock: written.clock,
        notice: written.notice,
    }
}

/// When a notice was written, by the clock of the servers.
fn time_of(written: &Written) -> Timestamp {
    corrected(written.at, written.clock)
}

fn corrected(time: Timestamp, clock: Option<ClockDifference>) -> Timestamp {
    let ahead = SignedDuration::from_millis(clock.map_or(0, ClockDifference::middle));
    time.checked_sub(ahead).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(at: Timestamp, every: u64, ahead: i64) -> Written {
        Written {
            notice: HostNotice {
                name: "web-1".to_owned(),
                ..HostNotice::default()
            },
            run: String::new(),
            is_double: false,
            at,
            every,
            clock: Some(ClockDifference {
                least: ahead,
                most: ahead,
            }),
        }
    }

    #[test]
    fn a_host_is_alive_by_the_clock_of_the_servers() {
        let now: Timestamp = "2026-11-29T12:00:00Z".parse().unwrap();
        let at = |seconds: i64| now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
        // Its clock is an hour ahead, and it wrote ten seconds ago.
        let host = seen(written(at(3590), 60, 3_600_000), now, Some("web-1"));
        assert_eq!(
            (host.age.as_secs(), host.is_live, host.is_here),
            (10, true, true)
        );
        let host = seen(written(at(-134), 60, 0), now, None);
        assert!(host.is_live && !host.is_here);
        assert!(!seen(written(at(-136), 60, 0), now, None).is_live);
        assert_eq!(seen(written(at(5), 60, 0), now, None).age, Duration::ZERO);
    }
}
