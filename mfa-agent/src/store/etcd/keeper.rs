//! The thread of the store: finds servers back, tells the other hosts of this one, measures clocks, and keeps for later
//! starts how far the store has come.
//!
//! Notices are written every minute, by more hosts less often, so that all of them together are a small part of what etcd
//! can write. What is new is written at once: so is that this host's clock was set, since the others tell by it whether it
//! is alive.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use jiff::Timestamp;

use super::client::{PATIENCE, PROBE};
use super::endpoint::Endpoint;
use super::identity::{Contact, Memory};
use super::pause::Pauses;
use super::wire::{RANGE, Range, RangeAnswer};
use super::{Core, end_of};
use crate::log;
use crate::store::fleet::{ClockDifference, HostNotice, StoreCertificate};

/// How often the thread looks whether there is something to do.
const TICK: Duration = Duration::from_millis(250);

/// How often a host writes its notice.
const INTERVAL: Duration = Duration::from_secs(60);

/// All hosts together write at most about this many notices a second.
const NOTICES_A_SECOND: u64 = 50;

/// How often the store is asked for its revision, which is kept for later starts.
const KEPT_EVERY: Duration = Duration::from_secs(match cfg!(test) {
    true => 1,
    false => 60,
});

/// How often the log says that a certificate ends soon.
const TERMS_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// A clock that differs from what the last notice said by more milliseconds than this was set.
const SET: i64 = 1_000;

/// A host whose clock is set again and again writes no more often than this.
const NO_MORE_OFTEN: Duration = Duration::from_secs(5);

/// How often the hosts are counted, in notices of this host.
const COUNTED_EVERY: u64 = 8;

/// What the callers leave for the thread.
#[derive(Default)]
pub(super) struct Desk {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    notice: Option<HostNotice>,
    /// How many hosts there are; zero until they were counted.
    hosts: u64,
    /// The notice is new.
    is_new: bool,
    is_over: bool,
}

impl Desk {
    /// Leaves a notice to be written, if it is new.
    pub(super) fn leave(&self, notice: HostNotice) {
        let mut state = self.lock();
        if state.notice.as_ref() != Some(&notice) {
            state.notice = Some(notice);
            state.is_new = true;
            drop(state);
            self.changed.notify_all();
        }
    }

    /// The last notice.
    pub(super) fn notice(&self) -> Option<HostNotice> {
        self.lock().notice.clone()
    }

    /// How many hosts there are, as far as they were counted.
    pub(super) fn hosts(&self) -> u64 {
        self.lock().hosts
    }

    /// The thread ends.
    pub(super) fn close(&self) {
        self.lock().is_over = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the thread. It ends once the desk is closed.
pub(super) fn start(
    core: Arc<Core>,
    desk: Arc<Desk>,
    memory: Arc<dyn Memory>,
) -> std::io::Result<()> {
    let mut run = [0; 8];
    getrandom::fill(&mut run).map_err(std::io::Error::other)?;
    let mut keeper = Keeper {
        core,
        desk,
        memory,
        run: HEXLOWER.encode(&run),
        next_contact: Instant::now(),
        contacts: Pauses::default(),
        next_terms: Instant::now(),
        next_keeping: Instant::now() + KEPT_EVERY,
        next_notice: Instant::now(),
        written: 0,
        written_at: 0,
        told: None,
        double_until: None,
        interval: INTERVAL,
        looked_at: 0,
        looks: BTreeMap::new(),
    };
    thread::Builder::new()
        .name("etcd".to_owned())
        .spawn(move || while keeper.tick() {})?;
    Ok(())
}

/// The thread.
struct Keeper {
    core: Arc<Core>,
    desk: Arc<Desk>,
    memory: Arc<dyn Memory>,
    run: String,
    /// A store that is in use is not looked at before this.
    next_contact: Instant,
    /// Between attempts to use the store.
    contacts: Pauses,
    /// When it is told again which certificates end.
    next_terms: Instant,
    next_keeping: Instant,
    next_notice: Instant,
    /// Notices so far.
    written: u64,
    /// The revision of the last one.
    written_at: u64,
    /// When the last one was written, and what it said of the clock.
    told: Option<(Instant, Option<ClockDifference>)>,
    /// Another agent gave notice under the same name; until then it is taken for alive.
    double_until: Option<Instant>,
    interval: Duration,
    /// The server whose clock was looked at last.
    looked_at: usize,
    /// Between looks at the clocks of servers that do not answer, by their places.
    looks: BTreeMap<usize, Pauses>,
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
        let now = Instant::now();
        let is_tested = self.core.client.history.proof().is_some();
        if (is_tested || now >= self.next_contact)
            && self.contacts.is_over(now)
            && self.is_to_be_looked_at()
        {
            self.contact();
        }
        if now >= self.next_terms {
            self.next_terms = now + TERMS_EVERY;
            tell_terms(&self.core.client.certificates(), Timestamp::now());
        }
        if is_new {
            self.next_notice = Instant::now();
        }
        self.tell_of_the_clock();
        if self.core.standing.is_admitted() && self.core.client.outage().is_none() {
            if Instant::now() >= self.next_notice {
                self.write_notice();
            }
            self.look_at_a_clock();
            self.keep();
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
            .filter(|(_, endpoint)| endpoint.is_due(is_out, now));
        let due: Vec<usize> = due.map(|(index, _)| index).collect();
        if due.is_empty() {
            return;
        }
        // Perhaps a certificate has ended, and a new one is there.
        self.core.client.renew_certificates();
        thread::scope(|scope| {
            for index in due {
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
        self.core.client.is_still_down();
    }

    /// Whether it is not known what the servers hold: no store was admitted, or an answer did not fit it.
    fn is_to_be_looked_at(&self) -> bool {
        let client = &self.core.client;
        match self.core.standing.is_admitted() {
            true => client.history.take_refused(),
            false => client.outage().is_none(),
        }
    }

    /// Looks what the servers hold, and uses the store if it is the one of this host.
    fn contact(&mut self) {
        let was_admitted = self.core.standing.is_admitted();
        if !was_admitted {
            self.core.client.renew_certificates();
        }
        let contact = self.core.contact_once(&*self.memory);
        match contact {
            Ok(Contact::Admitted(_)) => {
                self.contacts.end();
                self.next_contact = Instant::now() + PATIENCE;
            }
            _ => self.contacts.failed(Instant::now()),
        }
        match contact {
            Ok(Contact::Admitted(_)) if was_admitted => {}
            Ok(Contact::Admitted(_)) => log::info("the store in etcd is in use"),
            Ok(Contact::Refused(_, reason) | Contact::Undecided(_, reason)) => {
                log::limited("etcd refused", reason);
            }
            Err(error) => log::limited("etcd contact", error),
        }
    }

    /// Keeps for later starts how far the store has come: a store that is older then was set back.
    fn keep(&mut self) {
        let now = Instant::now();
        if now < self.next_keeping {
            return;
        }
        self.next_keeping = now + KEPT_EVERY;
        if self.core.moment().is_err() {
            return;
        }
        let history = &self.core.client.history;
        if !self.memory.keep(history.reached(), history.state()) {
            self.contact();
        }
    }

    fn write_notice(&mut self) {
        let Some(notice) = self.desk.notice() else {
            return;
        };
        if self.written.is_multiple_of(COUNTED_EVERY)
            && let Some(hosts) = self.count()
        {
            self.interval = interval(hosts);
            self.desk.lock().hosts = hosts;
        }
        // A little earlier each time, so that hosts that were started together do not stay so.
        let earlier = random_part(self.interval / 16);
        self.next_notice = Instant::now() + self.interval - earlier;
        if self.core.clock().is_none() {
            self.ask_for_a_time();
        }
        self.told = Some((Instant::now(), self.core.clock()));
        let name = notice.name.clone();
        let is_double = self
            .double_until
            .is_some_and(|until| Instant::now() < until);
        let last = (is_double, self.written_at);
        let put = self.core.put_notice(notice, &self.run, self.interval, last);
        match put {
            Ok(put) => {
                let is_of_another = put.is_of_another;
                self.written_at = put.revision;
                self.written += 1;
                // The first time it is an earlier start of this agent.
                if is_of_another && self.written > 1 {
                    // The other one writes as often as this one.
                    self.double_until = Some(Instant::now() + self.interval * 3);
                    if !is_double {
                        // All hosts are to know it: of the two only one is seen.
                        self.next_notice = Instant::now();
                    }
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

    /// Writes the next notice soon if the other hosts take this host's clock for another one than it is. If the clocks of the
    /// servers were set, that is so on all hosts at once, so they do it one after the other.
    fn tell_of_the_clock(&mut self) {
        let (Some((at, told)), Some(now)) = (self.told, self.core.clock()) else {
            return;
        };
        let differs = |told: ClockDifference| (told.middle() - now.middle()).abs() > SET;
        let soon = Instant::now() + self.interval / 16;
        if at.elapsed() >= NO_MORE_OFTEN && self.next_notice > soon && told.is_none_or(differs) {
            self.next_notice = Instant::now() + random_part(self.interval / 16);
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

    /// Asks a server for its time, if one is in use.
    fn ask_for_a_time(&mut self) {
        let mut endpoints = self.core.client.endpoints().iter();
        if let Some(index) = endpoints.position(Endpoint::is_up) {
            self.ask_time_of(index);
        }
    }

    /// Asks one server for its time at a moment that tells more, if more is to be known.
    fn look_at_a_clock(&mut self) {
        let count = self.core.client.endpoints().len();
        self.looked_at = (self.looked_at + 1) % count.max(1);
        let index = self.looked_at;
        let endpoint = |core: &Core| {
            let endpoint = core.client.endpoints().get(index)?;
            Some((endpoint.clock(), endpoint.next_look(), endpoint.is_up()))
        };
        if let Some((None, _, true)) = endpoint(&self.core) {
            self.ask_time_of(index);
        }
        let pauses = self.looks.get(&index).copied().unwrap_or_default();
        if let Some((_, Some(wait), _)) = endpoint(&self.core)
            && pauses.is_over(Instant::now())
        {
            thread::sleep(wait);
            self.ask_time_of(index);
        }
    }

    /// One that does not tell it is asked again after pauses.
    fn ask_time_of(&mut self, index: usize) {
        let pauses = self.looks.entry(index).or_default();
        if !pauses.is_over(Instant::now()) {
            return;
        }
        let _ = self.core.client.status(index, PROBE);
        let endpoint = self.core.client.endpoints().get(index);
        match endpoint.and_then(Endpoint::clock) {
            Some(_) => pauses.end(),
            None => pauses.failed(Instant::now()),
        }
    }
}

/// Warns of certificates that end, as `mfactl doctor` does.
fn tell_terms(certificates: &[StoreCertificate], now: Timestamp) {
    for StoreCertificate { key, file, term } in certificates {
        // Of a file that can't be used it was said why, when it was read.
        let Ok(term) = term else {
            continue;
        };
        let said = match (term.holds(now), term.ends_soon(now)) {
            (true, false) => continue,
            (true, true) => format!("ends on {}", term.ends),
            (false, true) => format!("ended on {}", term.ends),
            (false, false) => format!("is not yet valid: it begins on {}", term.begins),
        };
        log::warn(format_args!(
            "[store] {key} {} {said}. Without a valid one this host reaches no server of etcd; see \"Certificates end\" in \
             /usr/share/doc/pam-mfa/docs/fleet.md",
            file.display()
        ));
    }
}

/// Some part of a time, by chance.
fn random_part(whole: Duration) -> Duration {
    let mut random = [0; 1];
    let _ = getrandom::fill(&mut random);
    whole * u32::from(random[0]) / 255
}

/// How often each of so many hosts writes.
fn interval(hosts: u64) -> Duration {
    INTERVAL.max(Duration::from_secs(hosts / NOTICES_A_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_hosts_write_less_often() {
        assert_eq!(interval(3).as_secs(), 60);
        assert_eq!(interval(3_000).as_secs(), 60);
        assert_eq!(interval(100_000).as_secs(), 2_000);
    }
}
