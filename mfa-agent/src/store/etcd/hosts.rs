//! The thread of the store: finds servers back, tells the other hosts of this one, and measures clocks.
//!
//! Notices are written every minute, by more hosts less often, so that all of them together are a small part of what etcd
//! can write. No lease is used: whether a host is alive is told from the time that it wrote, by the clock of the servers.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::client::{PATIENCE, Problem};
use super::identity::{Admit, Contact, unexpected};
use super::wire::{Operation, RANGE, Range, RangeAnswer, Response, TXN, Txn, TxnAnswer};
use super::{Core, clock, end_of};
use crate::log;
use crate::store::StoreError;
use crate::store::fleet::{ClockDifference, Fleet, HostNotice, HostSeen, Server, ServerStatus};

const HOSTS: &[u8] = b"hosts/";

/// How often the thread looks whether there is something to do.
const TICK: Duration = Duration::from_millis(250);

/// How long a server may take to answer whether it is back.
const PROBE: Duration = Duration::from_secs(2);

/// How often a host writes its notice.
const INTERVAL: Duration = Duration::from_secs(60);

/// All hosts together write at most about this many notices a second.
const NOTICES_A_SECOND: u64 = 50;

/// How often the hosts are counted, in notices of this host.
const COUNTED_EVERY: u64 = 8;

/// A host is alive until it missed two notices, and this.
const LEEWAY: Duration = Duration::from_secs(15);

/// Hosts that are read at a time.
const PART: u64 = 1_000;

/// The longest name of a host, in bytes.
const MAX_NAME: usize = 255;

/// What a host writes.
#[derive(Serialize, Deserialize)]
struct Written {
    #[serde(flatten)]
    notice: HostNotice,
    /// Which start of the agent wrote it: two hosts of one name are noticed by that.
    run: String,
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    at: Timestamp,
    /// The next notice comes in this many seconds.
    every: u64,
    clock: Option<ClockDifference>,
}

/// The hosts, and the thread.
pub(super) struct Hosts {
    core: Arc<Core>,
    desk: Arc<Desk>,
}

/// What the callers leave for the thread.
#[derive(Default)]
struct Desk {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    notice: Option<HostNotice>,
    /// The notice is new.
    is_new: bool,
    is_over: bool,
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hosts {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            desk: Arc::default(),
        }
    }

    pub(super) fn start(&self, admit: Admit) -> std::io::Result<()> {
        let mut run = [0; 8];
        getrandom::fill(&mut run).map_err(std::io::Error::other)?;
        let mut keeper = Keeper {
            core: Arc::clone(&self.core),
            desk: Arc::clone(&self.desk),
            admit,
            run: HEXLOWER.encode(&run),
            next_contact: Instant::now(),
            next_notice: Instant::now(),
            written: 0,
            interval: INTERVAL,
            looked_at: 0,
        };
        thread::Builder::new()
            .name("etcd".to_owned())
            .spawn(move || while keeper.tick() {})?;
        Ok(())
    }
}

impl Drop for Hosts {
    /// The thread ends by itself: it may wait for a server.
    fn drop(&mut self) {
        self.desk.lock().is_over = true;
        self.desk.changed.notify_all();
    }
}

/// The thread.
struct Keeper {
    core: Arc<Core>,
    desk: Arc<Desk>,
    admit: Admit,
    run: String,
    next_contact: Instant,
    next_notice: Instant,
    /// Notices so far.
    written: u64,
    interval: Duration,
    /// The server whose clock was looked at last.
    looked_at: usize,
}

impl Keeper {
    /// Does what is due. Returns whether to go on.
    fn tick(&mut self) -> bool {
        let is_new = {
            let state = self.desk.lock();
            let waited = self
                .desk
                .changed
                .wait_timeout_while(state, TICK, |state| !state.is_over && !state.is_new);
            let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            if state.is_over {
                return false;
            }
            std::mem::take(&mut state.is_new)
        };
        self.find_back();
        if !self.core.standing.is_admitted() {
            self.contact();
        }
        if is_new {
            self.next_notice = Instant::now();
        }
        if self.core.standing.is_admitted() && self.core.client.outage().is_none() {
            if Instant::now() >= self.next_notice {
                self.write_notice();
            }
            self.look_at_a_clock();
        }
        true
    }

    /// Asks servers that failed whether they are back, all at once.
    fn find_back(&self) {
        let now = Instant::now();
        let is_out = self.core.client.outage().is_some();
        let endpoints = self.core.client.endpoints();
        let due = endpoints
            .iter()
            .enumerate()
            // In an outage also those that answered something, but not this.
            .filter(|(_, endpoint)| endpoint.is_due(now) || (is_out && endpoint.is_up()));
        thread::scope(|scope| {
            for (index, _) in due {
                let probe = move || {
                    let id = self.core.id_key();
                    let range = Range::of(id.as_slice()).keys();
                    let _ = self
                        .core
                        .client
                        .probe::<RangeAnswer>(index, RANGE, &range, PROBE);
                };
                if thread::Builder::new()
                    .name("etcd-probe".to_owned())
                    .spawn_scoped(scope, probe)
                    .is_err()
                {
                    return;
                }
            }
        });
    }

    /// Looks whether the store is there now, if it was not at the start.
    fn contact(&mut self) {
        let now = Instant::now();
        if now < self.next_contact || self.core.client.outage().is_some() {
            return;
        }
        self.next_contact = now + PATIENCE;
        match self.core.contact(&*self.admit) {
            Ok(Contact::Admitted(_)) => log::info("the store in etcd is in use"),
            Ok(Contact::Refused(_, reason)) => log::limited("etcd refused", reason),
            Err(error) => log::limited("etcd contact", error),
        }
    }

    fn write_notice(&mut self) {
        let Some(notice) = self.desk.lock().notice.clone() else {
            return;
        };
        if self.written.is_multiple_of(COUNTED_EVERY)
            && let Some(hosts) = self.count()
        {
            self.interval = interval(hosts);
        }
        // A little earlier or later each time, so that hosts that were started together do not stay so.
        let mut random = [0; 1];
        let _ = getrandom::fill(&mut random);
        let part = self.interval / 16;
        self.next_notice = Instant::now() + self.interval - part * u32::from(random[0]) / 255;
        let name = notice.name.clone();
        match self.core.put_notice(notice, &self.run, self.interval) {
            Ok(is_of_another) => {
                self.written += 1;
                // The first time it is an earlier start of this agent.
                if is_of_another && self.written > 1 {
                    log::limited(
                        "two hosts of one name",
                        format_args!(
                            "another agent of this store says that it is {name}, too. Give each host a name of its own: \
                             hostnamectl hostname NAME"
                        ),
                    );
                }
            }
            Err(error) => log::limited(
                "host notice",
                format_args!("the other hosts could not be told of this one: {error}"),
            ),
        }
    }

    fn count(&self) -> Option<u64> {
        let all = self.core.hosts_prefix();
        let range = Range {
            count_only: true,
            ..Range::between(all.clone(), end_of(&all), 0)
        };
        let reply = self
            .core
            .client
            .call::<RangeAnswer>(RANGE, &range, PATIENCE);
        reply.ok().map(|reply| reply.answer.count)
    }

    /// Asks one server for its time at a moment that tells more, if more is to be known.
    fn look_at_a_clock(&mut self) {
        let endpoints = self.core.client.endpoints();
        self.looked_at = (self.looked_at + 1) % endpoints.len().max(1);
        let Some(endpoint) = endpoints.get(self.looked_at) else {
            return;
        };
        if endpoint.clock().is_none() && endpoint.is_up() {
            let _ = self.core.client.status(self.looked_at, PROBE);
        }
        let Some(wait) = endpoint.next_look() else {
            return;
        };
        thread::sleep(wait);
        let _ = self.core.client.status(self.looked_at, PROBE);
    }
}

impl Core {
    fn hosts_prefix(&self) -> Vec<u8> {
        [&self.prefix, HOSTS].concat()
    }

    fn host_key(&self, name: &str) -> Vec<u8> {
        [&self.prefix, HOSTS, name.as_bytes()].concat()
    }

    /// How far this host's clock is ahead of the clocks of the servers.
    fn clock(&self) -> Option<ClockDifference> {
        let endpoints = self.client.endpoints().iter();
        clock::median(
            endpoints
                .filter_map(super::endpoint::Endpoint::clock)
                .collect(),
        )
    }

    /// Writes what others need to know. Returns whether another start of an agent wrote under this name before.
    fn put_notice(
        &self,
        notice: HostNotice,
        run: &str,
        interval: Duration,
    ) -> Result<bool, StoreError> {
        let key = self.host_key(&notice.name);
        let written = Written {
            notice,
            run: run.to_owned(),
            at: Timestamp::now(),
            every: interval.as_secs(),
            clock: self.clock(),
        };
        let value = serde_json::to_vec(&written).map_err(|e| StoreError::new(e.to_string()))?;
        let txn = Txn {
            compare: vec![self.is_ours()?],
            success: vec![
                Operation::Range(Range::of(key.as_slice())),
                Operation::Put {
                    key: key.as_slice().into(),
                    value: value.into(),
                },
            ],
            failure: vec![self.read_id()],
        };
        let answer = self.client.call::<TxnAnswer>(TXN, &txn, PATIENCE)?.answer;
        if !answer.succeeded {
            return Err(self.lost_id());
        }
        let Some(Response::Range(before)) = answer.responses.into_iter().next() else {
            return Err(unexpected());
        };
        let before = before
            .kvs
            .first()
            .and_then(|kv| serde_json::from_slice::<Written>(&kv.value).ok());
        Ok(before.is_some_and(|before| before.run != run))
    }

    /// Now, by the clock of the servers.
    fn time(&self) -> Timestamp {
        corrected(Timestamp::now(), self.clock())
    }

    fn all_hosts(&self, here: Option<&str>) -> Result<Vec<HostSeen>, StoreError> {
        let all = self.hosts_prefix();
        let end = end_of(&all);
        let (mut from, mut hosts) = (all, Vec::new());
        self.standing.revision()?;
        loop {
            let range = Range::between(from, end.clone(), PART);
            let answer = self
                .client
                .call::<RangeAnswer>(RANGE, &range, PATIENCE)?
                .answer;
            let now = self.time();
            let written = answer
                .kvs
                .iter()
                .filter_map(|kv| serde_json::from_slice::<Written>(&kv.value).ok());
            hosts.extend(written.map(|written| seen(written, now, here)));
            match answer.kvs.last() {
                Some(last) if answer.more => from = [last.key.as_slice(), b"\0"].concat(),
                _ => return Ok(hosts),
            }
        }
    }
}

impl Fleet for Hosts {
    fn announce(&self, notice: HostNotice) {
        let mut state = self.desk.lock();
        let is_new = state.notice.as_ref() != Some(&notice);
        if !is_new || notice.name.is_empty() || notice.name.len() > MAX_NAME {
            return;
        }
        state.notice = Some(notice);
        state.is_new = true;
        drop(state);
        self.desk.changed.notify_all();
    }

    fn hosts(&self) -> Result<Vec<HostSeen>, StoreError> {
        let here = self
            .desk
            .lock()
            .notice
            .as_ref()
            .map(|notice| notice.name.clone());
        self.core.all_hosts(here.as_deref())
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
                .map(|index| scope.spawn(move || self.core.server(index)))
                .collect();
            for (index, thread) in threads.into_iter().enumerate() {
                let status = thread
                    .join()
                    .unwrap_or_else(|_| Err("it could not be asked".to_owned()));
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

    fn health(&self) -> Result<(), StoreError> {
        if let Some(reason) = self.core.client.outage() {
            return Err(Problem::Unreachable(reason).into());
        }
        self.core.standing.revision().map(drop)
    }
}

impl Core {
    fn server(&self, index: usize) -> Result<ServerStatus, String> {
        let (status, latency) = self.client.status(index, PROBE)?;
        let endpoint = self.client.endpoints().get(index);
        // It answers, but what it answers is refused: another cluster, an older state.
        let complaint = endpoint.and_then(super::endpoint::Endpoint::down);
        let printable = |text: &String| super::wire::printable(text);
        Ok(ServerStatus {
            latency,
            version: super::wire::printable(&status.version),
            is_leader: status.leader != 0 && status.leader == status.header.member_id,
            has_leader: status.leader != 0,
            database: status.db_size,
            in_use: status.db_size_in_use,
            complaints: status
                .errors
                .iter()
                .take(8)
                .map(printable)
                .chain(complaint)
                .collect(),
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

/// How often each of so many hosts writes.
fn interval(hosts: u64) -> Duration {
    INTERVAL.max(Duration::from_secs(hosts / NOTICES_A_SECOND))
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

    #[test]
    fn more_hosts_write_less_often() {
        assert_eq!(interval(3).as_secs(), 60);
        assert_eq!(interval(3_000).as_secs(), 60);
        assert_eq!(interval(100_000).as_secs(), 2_000);
    }
}
