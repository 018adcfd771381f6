//! That no server can be used, and why: then no login has to find that out again.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::log;

/// Why every call fails at once, if so.
#[derive(Default)]
pub(super) struct Outage(Mutex<Option<String>>);

impl Outage {
    /// Why, if it is one.
    pub(super) fn reason(&self) -> Option<String> {
        self.lock().clone()
    }

    /// Nobody answered.
    pub(super) fn begin(&self, reason: &str) {
        let mut outage = self.lock();
        if outage.is_none() {
            log::limited(
                "etcd outage",
                format_args!(
                    "{reason}. Logins that ask for a factor are refused until one answers; the agent keeps trying"
                ),
            );
        }
        *outage = Some(reason.to_owned());
    }

    /// If it is one, it goes on, perhaps for another reason than before.
    pub(super) fn go_on(&self, reason: String) {
        if let Some(known) = &mut *self.lock() {
            *known = reason;
        }
    }

    /// A server answered with the consent of the majority.
    pub(super) fn end(&self) {
        if self.lock().take().is_some() {
            log::limited_at(
                log::Level::Warn,
                "etcd outage over",
                "etcd answers again; logins go on",
            );
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
