//! Asks whichever server answers.
//!
//! ```text
//!   call ─▶ the server that answered last ─▶ the next one ─▶ … until one answers or no time is left
//!              │ it failed: left out, until the thread of the store finds it back
//!              ▼
//!   nobody answered in time: the store is down, and further calls fail at once with the same reason
//! ```
//!
//! A request that may have reached a server is sent once more to another one, so a change may be made by an attempt that
//! nobody heard of: [`Reply::is_repeated`]. Who makes changes has to recognise their own ([`super::commit`]).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use mfa_protocol::Secret;
use serde::Serialize;

use super::endpoint::Endpoint;
use super::history::History;
use super::http::Http;
use super::outage::Outage;
use super::refusal::{self, Miss, Problem};
use super::wire::{self, Answer};
use crate::log;
use crate::store::fleet::StoreCertificate;

/// How long a login waits for its record.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// How long what many records are part of may take.
pub(super) const PATIENCE_FOR_MANY: Duration = Duration::from_secs(15);

/// How long a server may take to say how it is.
pub(super) const PROBE: Duration = Duration::from_secs(2);

/// How long one server may take at least, however many there are.
pub(super) const LEAST_TRY: Duration = Duration::from_millis(400);

/// Between two rounds over all servers, while they choose a leader.
pub(super) const BETWEEN_ROUNDS: Duration = Duration::from_millis(100);

/// Says to etcd that a server without a leader is no use.
const NEEDS_LEADER: (&str, &str) = ("Grpc-Metadata-Hasleader", "true");

/// User and password for etcd.
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: Secret,
}

/// The way to the servers.
pub(super) struct Client {
    http: Http,
    endpoints: Vec<Endpoint>,
    login: Option<Login>,
    token: Mutex<Option<String>>,
    preferred: AtomicUsize,
    pub(super) history: History,
    outage: Outage,
    /// How many times as long a call may take: no test depends on the speed of the machine.
    #[cfg(test)]
    pub(super) slowness: std::sync::atomic::AtomicU32,
}

/// An answer to a call.
pub(super) struct Reply<A> {
    pub(super) answer: A,
    /// The request may have been sent before, and nobody knows what became of that.
    pub(super) is_repeated: bool,
}

impl Client {
    pub(super) fn new(http: Http, endpoints: Vec<Endpoint>, login: Option<Login>) -> Self {
        Self {
            http,
            endpoints,
            login,
            token: Mutex::default(),
            preferred: AtomicUsize::new(0),
            history: History::default(),
            outage: Outage::default(),
            #[cfg(test)]
            slowness: 1.into(),
        }
    }

    /// The certificates in the files, with the time in which they hold.
    pub(super) fn certificates(&self) -> Vec<StoreCertificate> {
        self.http.files.terms()
    }

    /// Reads the files of certificates again, and uses what is new.
    pub(super) fn renew_certificates(&self) {
        match self.http.renew() {
            Ok(false) => {}
            Ok(true) => log::info("the certificates for etcd were renewed, and are in use"),
            Err(error) => log::limited(
                "renewed certificates",
                format_args!("{error}. The certificates that were read before stay in use"),
            ),
        }
    }

    /// The servers, in the order of the settings.
    pub(super) fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// Why calls fail at once, if they do.
    pub(super) fn outage(&self) -> Option<String> {
        self.outage.reason()
    }

    /// Sends a request until a server answers it.
    pub(super) fn call<A: Answer>(
        &self,
        path: &str,
        request: &impl Serialize,
        patience: Duration,
    ) -> Result<Reply<A>, Problem> {
        if let Some(reason) = self.outage() {
            return Err(Problem::Unreachable(reason));
        }
        let body = encode(request)?;
        let until = Instant::now() + self.patience(patience);
        let mut is_repeated = false;
        loop {
            let candidates = self.candidates();
            for (position, index) in candidates.iter().enumerate() {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                let share = left / (candidates.len() - position) as u32;
                let try_until = Instant::now() + share.max(LEAST_TRY).min(left);
                match self.ask_twice(*index, path, &body, try_until, &mut is_repeated) {
                    Ok(answer) => {
                        self.preferred.store(*index, Ordering::Relaxed);
                        return Ok(Reply {
                            answer,
                            is_repeated,
                        });
                    }
                    // Of a refusal only this attempt came to nothing.
                    Err(Miss::Final(Problem::Refused(reason))) if is_repeated => {
                        return Err(Problem::Lost(reason));
                    }
                    Err(Miss::Final(problem)) => return Err(problem),
                    Err(_) => {}
                }
            }
            if until.saturating_duration_since(Instant::now()) <= BETWEEN_ROUNDS {
                return Err(Problem::unanswered(self.is_down(), is_repeated));
            }
            thread::sleep(BETWEEN_ROUNDS);
            if let Some(reason) = self.outage() {
                return Err(Problem::unanswered(reason, is_repeated));
            }
        }
    }

    /// Asks one server, whether it is in use or not, and notes how it is.
    pub(super) fn probe<A: Answer>(
        &self,
        index: usize,
        path: &str,
        request: &impl Serialize,
        patience: Duration,
    ) -> Result<A, Problem> {
        let body = encode(request)?;
        let until = Instant::now() + patience;
        match self.ask_twice(index, path, &body, until, &mut false) {
            Ok(answer) => {
                self.outage.end();
                Ok(answer)
            }
            Err(miss) => {
                let is_left_out = matches!(miss, Miss::Endpoint { .. } | Miss::Again { .. });
                let problem = Problem::from(miss);
                if !is_left_out && let Some(endpoint) = self.endpoints.get(index) {
                    endpoint.hesitated(problem.to_string(), Instant::now());
                }
                Err(problem)
            }
        }
    }

    /// The status of one server, which needs no leader, and how long it took.
    pub(super) fn status(
        &self,
        index: usize,
        patience: Duration,
    ) -> Result<(wire::StatusAnswer, Duration), String> {
        let endpoint = self.endpoints.get(index).ok_or("there is no such server")?;
        let until = Instant::now() + patience;
        let reply = self
            .http
            .post(&endpoint.url, wire::STATUS, &[], b"{}", until);
        let reply = reply.map_err(|e| e.reason)?;
        if let Some(date) = &reply.date {
            endpoint.dated(date, reply.exchange);
        }
        match reply.status {
            200 => serde_json::from_slice(&reply.body)
                .map(|status| (status, reply.took))
                .map_err(|_| "its answer is not one of etcd".to_owned()),
            _ => Err(refusal::text(&reply)),
        }
    }

    /// Asks one server, whichever cluster it is of. Whether it is used is for the caller to decide.
    pub(super) fn look<A: Answer>(
        &self,
        index: usize,
        path: &str,
        request: &impl Serialize,
        until: Instant,
    ) -> Result<A, Problem> {
        let body = encode(request)?;
        let endpoint = self.endpoints.get(index).ok_or_else(not_there)?;
        let asked = match self.ask(endpoint, path, &body, until) {
            Err(Miss::Again { .. }) => self.ask(endpoint, path, &body, until),
            first => first,
        };
        asked.map_err(Problem::from)
    }

    /// This server is the one to ask first from now on.
    pub(super) fn prefer(&self, index: usize) {
        self.preferred.store(index, Ordering::Relaxed);
        if let Some(endpoint) = self.endpoints.get(index) {
            self.is_back(endpoint);
        }
        self.outage.end();
    }

    /// What this server holds is refused.
    pub(super) fn refuse(&self, index: usize, reason: &str) {
        if let Some(endpoint) = self.endpoints.get(index) {
            self.leave_out(endpoint, reason);
        }
    }

    /// How long to wait, on a slow machine too.
    pub(super) fn patience(&self, patience: Duration) -> Duration {
        #[cfg(test)]
        let patience = patience * self.slowness.load(Ordering::Relaxed);
        patience
    }

    /// The servers to ask, the best one first: those in use, or all if there are none.
    fn candidates(&self) -> Vec<usize> {
        let count = self.endpoints.len();
        let first = self.preferred.load(Ordering::Relaxed);
        let all = (0..count).map(|offset| (first + offset) % count.max(1));
        let up: Vec<usize> = all
            .clone()
            .filter(|index| self.endpoints[*index].is_up())
            .collect();
        match up.is_empty() {
            true => all.collect(),
            false => up,
        }
    }

    /// Asks one server, a second time if the connection or the token was old.
    fn ask_twice<A: Answer>(
        &self,
        index: usize,
        path: &str,
        body: &[u8],
        until: Instant,
        is_repeated: &mut bool,
    ) -> Result<A, Miss> {
        let endpoint = &self.endpoints[index];
        let floor = self.history.reached();
        let ask = || {
            let answer: A = self.ask(endpoint, path, body, until)?;
            let noted = self.history.note(answer.header(), floor);
            noted.map_err(|reason| Miss::Endpoint {
                reason,
                is_unknown: true,
            })?;
            Ok(answer)
        };
        let asked = match ask() {
            Err(Miss::Again { is_unknown }) => {
                *is_repeated |= is_unknown;
                ask()
            }
            first => first,
        };
        match &asked {
            Ok(_) => {
                self.is_back(endpoint);
            }
            Err(Miss::Endpoint { reason, is_unknown }) => {
                *is_repeated |= is_unknown;
                self.leave_out(endpoint, reason);
            }
            Err(Miss::Soon { reason, is_unknown }) => {
                *is_repeated |= is_unknown;
                endpoint.hesitates(reason);
            }
            Err(Miss::Again { is_unknown }) => {
                *is_repeated |= is_unknown;
                let reason = match is_unknown {
                    true => "connections to it are lost",
                    false => "it takes back each token that it gave this host's log-in",
                };
                self.leave_out(endpoint, reason);
            }
            Err(Miss::Final(_)) => {}
        }
        asked
    }

    fn is_back(&self, endpoint: &Endpoint) {
        if endpoint.answered(self.history.is_admitted()) {
            let url = &endpoint.url;
            log::limited_at(
                log::Level::Info,
                "etcd back",
                format_args!("{url} answers again"),
            );
        }
    }

    fn leave_out(&self, endpoint: &Endpoint, reason: &str) {
        if endpoint.failed(reason, Instant::now()) && self.endpoints.len() > 1 {
            let url = &endpoint.url;
            log::limited(
                "etcd endpoint",
                format_args!("{url} is not used for now: {reason}"),
            );
        }
    }

    fn ask<A: Answer>(
        &self,
        endpoint: &Endpoint,
        path: &str,
        body: &[u8],
        until: Instant,
    ) -> Result<A, Miss> {
        let token = self.token(endpoint, until)?;
        let mut headers = vec![NEEDS_LEADER];
        if let Some(token) = &token {
            headers.push(("Authorization", token));
        }
        let reply = self.http.post(&endpoint.url, path, &headers, body, until);
        let reply = reply.map_err(|e| match e.is_lost {
            true => Miss::Again { is_unknown: true },
            false => Miss::Endpoint {
                reason: e.reason,
                is_unknown: e.may_be_sent,
            },
        })?;
        if let Some(date) = &reply.date {
            endpoint.dated(date, reply.exchange);
        }
        if reply.status != 200 {
            if let Some(token) = &token
                && refusal::is_stale_token(&reply)
            {
                self.forget_token(token);
                return Err(Miss::Again { is_unknown: false });
            }
            return Err(refusal::meaning(&reply));
        }
        serde_json::from_slice(&reply.body).map_err(|_| Miss::Endpoint {
            reason: "its answer is not one of etcd; is this its port for clients?".to_owned(),
            is_unknown: true,
        })
    }

    /// The token of this host's log-in to etcd; none if it needs none.
    fn token(&self, endpoint: &Endpoint, until: Instant) -> Result<Option<String>, Miss> {
        let Some(login) = &self.login else {
            return Ok(None);
        };
        // Others who need it wait for this one: etcd hashes the password each time.
        let mut token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = &*token {
            return Ok(Some(token.clone()));
        }
        let request = wire::Authenticate {
            name: &login.user,
            password: login.password.expose(),
        };
        let body = zeroize::Zeroizing::new(encode(&request).map_err(Miss::Final)?);
        let reply = self.http.post(
            &endpoint.url,
            wire::AUTHENTICATE,
            &[NEEDS_LEADER],
            &body,
            until,
        );
        let reply = reply.map_err(|e| Miss::Endpoint {
            reason: e.reason,
            is_unknown: false,
        })?;
        if reply.status != 200 {
            return Err(match refusal::meaning(&reply) {
                Miss::Final(Problem::Refused(text)) => Miss::Final(Problem::Refused(format!(
                    "{text}; check [store] username and password_file, and whether auth is on: etcdctl auth status"
                ))),
                other => other,
            });
        }
        let answer: Option<wire::Authenticated> = serde_json::from_slice(&reply.body).ok();
        let new = answer
            .map(|answer| answer.token)
            .filter(|token| is_token(token));
        *token = new.clone();
        match new {
            Some(new) => Ok(Some(new)),
            None => Err(Miss::Endpoint {
                reason: "its answer to the log-in holds no token".to_owned(),
                is_unknown: false,
            }),
        }
    }

    fn forget_token(&self, old: &str) {
        let mut token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        if token.as_deref() == Some(old) {
            *token = None;
        }
    }

    /// Nobody answered: others need not find that out again. Returns the reason.
    fn is_down(&self) -> String {
        let reason = self.reason_of_outage();
        self.outage.begin(&reason);
        reason
    }

    /// Nobody answers yet.
    pub(super) fn is_still_down(&self) {
        self.outage.go_on(self.reason_of_outage());
    }

    fn reason_of_outage(&self) -> String {
        let reasons: Vec<String> = self
            .endpoints
            .iter()
            .map(|endpoint| {
                let reason = endpoint.down().unwrap_or_else(|| {
                    let said = endpoint.hesitation();
                    let said = said.map_or_else(String::new, |said| format!(" ({said})"));
                    format!("it has no leader, or no majority of the servers answers it{said}")
                });
                format!("{}: {reason}", endpoint.url)
            })
            .collect();
        format!("no server of etcd can be used ({})", reasons.join("; "))
    }
}

fn not_there() -> Problem {
    Problem::Unreachable("there is no such server".to_owned())
}

fn encode(request: &impl Serialize) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(request)
        .map_err(|_| Problem::Refused("the request can't be written".to_owned()))
}

/// It goes into a header.
fn is_token(token: &str) -> bool {
    (1..=4096).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic())
}
