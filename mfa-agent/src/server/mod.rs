//! Connections, and what is shared between them.
//!
//! Plain threads: a login waits for a person, and the programs in front of us bound how many wait.
//! `pool` accepts and limits, `connection` speaks Varlink, `peer` says who may do what, `login` and
//! `admin` carry calls out with the help of `judge`.

mod admin;
mod connection;
mod error;
mod judge;
mod limits;
mod login;
mod peer;
mod pool;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use jiff::Timestamp;

use crate::audit::{Audit, Event};
use crate::config::Settings;
use crate::hasher::Hasher;
use crate::ledger::Ledger;
use crate::names::Names;
pub use pool::serve;

/// All that connections share.
pub struct Agent {
    ledger: Ledger,
    hasher: Hasher,
    names: Box<dyn Names>,
    audit: Audit,
    settings: RwLock<Arc<Settings>>,
    limits: limits::Limits,
    /// The user that this process runs as, who owns the store anyway.
    own_uid: u32,
    /// Held shared while a call is carried out, and alone by a shutdown.
    serving: RwLock<()>,
}

impl Agent {
    /// An agent that is ready to serve.
    #[must_use]
    pub fn new(
        settings: Settings,
        ledger: Ledger,
        hasher: Hasher,
        names: Box<dyn Names>,
        audit: Audit,
    ) -> Arc<Self> {
        Arc::new(Self {
            ledger,
            hasher,
            names,
            audit,
            settings: RwLock::new(Arc::new(settings)),
            limits: limits::Limits::default(),
            own_uid: nix::unistd::geteuid().as_raw(),
            serving: RwLock::new(()),
        })
    }

    /// The settings in force. A login keeps those that it began with.
    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts other settings in force, for logins that begin from now on.
    pub fn reload(&self, settings: Settings) {
        *self
            .settings
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    /// The audit log.
    #[must_use]
    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    /// Waits until no call is being carried out, and lets none begin any more. Every answer that left
    /// before is durable then.
    pub fn stop_serving(&self) {
        // Never given back: the process ends next.
        std::mem::forget(self.serving.write().unwrap_or_else(PoisonError::into_inner));
    }

    fn serving(&self) -> RwLockReadGuard<'_, ()> {
        self.serving.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The name that authenticator apps show for this host.
    fn issuer(&self, settings: &Settings) -> String {
        let host_name = || nix::unistd::gethostname().ok()?.into_string().ok();
        settings
            .totp
            .issuer
            .clone()
            .or_else(host_name)
            .unwrap_or_else(|| "mfa".to_owned())
    }

    fn record(&self, event: Event, peer: peer::Peer) {
        self.audit.record(event, Timestamp::now(), peer.origin());
    }
}

#[cfg(test)]
mod tests;
