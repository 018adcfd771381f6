//! Connections, and what is shared between them.
//!
//! Plain threads: a login waits for a person, and the programs in front of us bound how many wait.
//! `pool` accepts and limits, `connection` speaks Varlink, `peer` says who may do what, `login` and
//! `admin` carry calls out with the help of `verify`.

mod accept;
mod accepting;
mod active_config;
mod admin;
mod authorization;
mod channel;
mod clock_watch;
mod commit;
mod connection;
mod counter;
mod drawn;
mod error;
mod limits;
mod login;
mod maintenance;
mod metrics;
mod mode;
mod notices;
mod passwords;
mod peer;
mod pending;
mod pool;
mod prospects;
mod push_decoy;
mod refuse;
mod storage_watch;
mod wait;

use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockWriteGuard, Weak};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::audit::{Audit, Event};
use crate::config::Settings;
use crate::delivery::{self, DeliveryQueue};
use crate::hasher::Hasher;
use crate::host_name;
use crate::log;
use crate::repository::AccountRepository;
use crate::timing_decoy::{SharedDecoy, TimingDecoy};
pub use active_config::ActiveConfig;
use counter::Counter;
use error::Failure;
use mfa_core::account::SessionHost;
use mfa_core::names::Names;
use mfa_core::policy::Mode;
pub use pool::serve;

/// How long the audit log may take to be durable before the store forgets lines.
const WRITING_OUT: Duration = Duration::from_secs(5);

/// What a RADIUS server that nobody has asked yet seems to take.
const USUAL_REFUSAL: Duration = Duration::from_millis(20);

/// All that connections share.
pub struct Agent {
    /// Itself, for what goes on without a connection.
    me: Weak<Self>,
    repository: AccountRepository,
    hasher: Hasher,
    names: Box<dyn Names>,
    audit: Arc<Audit>,
    active_config: RwLock<Arc<ActiveConfig>>,
    started_with: active_config::Lasting,
    /// The mode whose events were written last, if this process knows.
    last_mode: Mutex<Option<Mode>>,
    /// One reload at a time.
    reloading: Mutex<()>,
    /// User ids of `[server] trusted`, as of the last reload.
    trusted: RwLock<Arc<[u32]>>,
    limits: limits::Limits,
    /// The user that this process runs as, who owns the store anyway.
    own_uid: u32,
    /// This host at the start of the agent, as far as sessions depend on it: those of another boot are over.
    started_on: SessionHost,
    /// Active calls, which the shutdown waits for. Replies are written outside of them: their content is durable by
    /// then, and the other side may be slow.
    shutdown: Arc<Counter<()>>,
    /// Logins that programs which guard logins are in the middle of: the agent waits for them before it ends. An ordinary
    /// process could sit at a prompt for as long as it likes, and is not counted.
    active_logins: Arc<Counter<()>>,
    /// Whether connections are accepted, and those of programs that guard logins until their first call is carried out.
    accepting: Arc<accepting::Accepting>,
    /// Sends codes.
    delivery_queue: DeliveryQueue,
    /// Tells users what happens to their accounts.
    notices: notices::Notices,
    /// How long the last question to a RADIUS server took that was not answered with yes or another question, and
    /// whether it met with silence.
    typical_latency: SharedDecoy<bool>,
    /// The same for requests to phones.
    push_decoy: push_decoy::PushDecoy,
    /// Who waits for them.
    radius_places: wait::RadiusPlaces,
    /// What logins that passed left for their account phase.
    tickets: login::Tickets,
    /// What codes say of this host's clock.
    clock_watch: Arc<clock_watch::ClockWatch>,
    /// Whether key and store are still there.
    storage_watch: storage_watch::StorageWatch,
    /// Answers that were the user's password.
    passwords: passwords::PasswordAnswers,
    maintenance: maintenance::Maintenance,
}

impl Agent {
    /// An agent that is ready to serve. `boot` names the boot of this host: sessions of another are over.
    ///
    /// # Errors
    ///
    /// When there are no descriptors for the pair of sockets that tells the end.
    pub fn new(
        active_config: ActiveConfig,
        repository: AccountRepository,
        hasher: Hasher,
        names: Box<dyn Names>,
        audit: Audit,
        boot: String,
    ) -> std::io::Result<Arc<Self>> {
        let accepting = Arc::new(accepting::Accepting::new()?);
        let trusted = RwLock::new(trusted_uids(&*names, &active_config.settings));
        let delivery_queue = DeliveryQueue::new(delivery::DeliveryLimits::default());
        let notices = notices::Notices::default();
        for queue in [&delivery_queue, &notices.queue] {
            active_config::supply(queue, &active_config.providers);
        }
        let audit = Arc::new(audit);
        let written_out = Arc::clone(&audit);
        repository.before_forgetting(Box::new(move || written_out.sync(WRITING_OUT)));
        if repository.fleet().is_some() {
            audit.sync_changes();
        }
        let name = repository.fleet().and_then(|_| host_name::own());
        let started_on = SessionHost { name, boot };
        let storage_watch = storage_watch::StorageWatch::of(&active_config.settings.store);
        Ok(Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            repository,
            hasher,
            names,
            audit,
            started_with: active_config::Lasting::of(&active_config.settings),
            active_config: RwLock::new(Arc::new(active_config)),
            last_mode: Mutex::default(),
            reloading: Mutex::default(),
            trusted,
            limits: limits::Limits::default(),
            own_uid: nix::unistd::geteuid().as_raw(),
            started_on,
            shutdown: Arc::default(),
            active_logins: Arc::default(),
            accepting,
            delivery_queue,
            notices,
            typical_latency: SharedDecoy::new(TimingDecoy::new(USUAL_REFUSAL, false)),
            push_decoy: push_decoy::PushDecoy::default(),
            radius_places: wait::RadiusPlaces::default(),
            tickets: login::Tickets::default(),
            clock_watch: Arc::default(),
            storage_watch,
            passwords: passwords::PasswordAnswers::default(),
            maintenance: maintenance::Maintenance::default(),
        }))
    }

    /// The active settings. A login keeps the settings that it started with.
    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.active_config().settings)
    }

    fn active_config(&self) -> Arc<ActiveConfig> {
        Arc::clone(
            &self
                .active_config
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    fn trusted(&self) -> Arc<[u32]> {
        Arc::clone(&self.trusted.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The audit log.
    #[must_use]
    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    /// Keeps what the next start needs to know of the store.
    pub fn keep_store(&self) {
        self.repository.keep();
    }

    /// Whether no program that guards logins is in the middle of one.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.await_idle(Duration::ZERO)
    }

    /// Waits until that is so, but no longer than `limit`; whether it is.
    #[must_use]
    pub fn await_idle(&self, limit: Duration) -> bool {
        self.active_logins.await_none(limit)
    }

    /// Accepts no connections for now, and waits until the active logins of programs that guard logins and the first
    /// calls of accepted connections have ended, but no longer than `limit`. Returns whether no login is active.
    #[must_use]
    pub fn pause_accepting(&self, limit: Duration) -> bool {
        let since = self.accepting.close();
        self.accepting.await_arrived(left_of(since, limit));
        self.await_idle(left_of(since, limit))
    }

    /// Accepts no more connections: programs that connect from now on wait in the socket for the next agent. The first
    /// calls of accepted connections are carried out, if they arrive within `limit`. Returns since when no connection
    /// is accepted.
    pub fn stop_accepting(&self, limit: Duration) -> Instant {
        let since = self.accepting.close_for_good();
        self.accepting.await_arrived(left_of(since, limit));
        since
    }

    /// Accepts connections again after a pause.
    pub fn go_on_accepting(&self) {
        self.accepting.open();
    }

    /// Starts no more calls, and waits until the running ones end, but no longer than `limit`. Every answer that was
    /// sent before is durable. Waiting messages are not sent any more, since their codes would be useless. Returns
    /// whether all calls ended.
    pub fn stop_serving(&self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        let ended = self.shutdown.close(limit);
        self.delivery_queue.stop(until);
        self.notices.queue.stop(until);
        ended
    }

    /// The name that authenticator apps show for this host.
    fn issuer(&self, settings: &Settings) -> String {
        let issuer = settings.totp.issuer.clone();
        issuer.unwrap_or_else(|| self.host_name())
    }

    fn host_name(&self) -> String {
        host_name::own().unwrap_or_else(|| "mfa".to_owned())
    }

    /// This host by its name of now, or the host of that name, as far as sessions depend on it.
    fn session_host(&self, name: Option<String>) -> SessionHost {
        let started = self.started_on.name.clone();
        SessionHost {
            name: started.map(|started| name.or_else(host_name::own).unwrap_or(started)),
            boot: self.started_on.boot.clone(),
        }
    }

    /// The RADIUS servers of that name in the active settings.
    fn radius_client(&self, name: &str) -> Option<Arc<mfa_radius::Client>> {
        self.active_config().providers.radius.get(name).cloned()
    }

    fn record(&self, event: Event, peer: peer::Peer) {
        self.audit.record(event, Timestamp::now(), peer.origin());
    }
}

/// What is left of a span of time that began then.
#[must_use]
pub fn left_of(since: Instant, span: Duration) -> Duration {
    (since + span).saturating_duration_since(Instant::now())
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

/// Fresh random bytes.
fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|e| Failure::unavailable(format!("the system provides no random bytes: {e}")))?;
    Ok(bytes)
}

fn trusted_uids(names: &dyn Names, settings: &Settings) -> Arc<[u32]> {
    let uid = |name| match names.uid(name) {
        Ok(Some(uid)) => Some(uid),
        // The review of the settings says so.
        Ok(None) => None,
        Err(e) => {
            log::warn(format_args!("[server] trusted: {e}"));
            None
        }
    };
    settings.server.trusted.iter().filter_map(uid).collect()
}

#[cfg(test)]
mod tests;
