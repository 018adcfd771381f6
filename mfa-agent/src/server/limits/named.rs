//! Which user ids have a name in the name service.
//!
//! A user may have thousands of subordinate ids (subuid(5)), all without a name, and call under each. Results are
//! remembered for a while, and only a few look-ups run at a time, so a name service that hangs blocks only a few
//! threads.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mfa_core::names::Names;

/// The most look-ups at a time.
const AT_ONCE: u32 = 8;

/// The most user ids that are remembered. Then all are forgotten.
const REMEMBERED: usize = 4096;

/// For how long it is remembered that there is a name, or none: a user may be new.
const NAMED: Duration = Duration::from_secs(600);
const NAMELESS: Duration = Duration::from_secs(60);

/// What was found.
#[derive(Default)]
pub(super) struct NamedUsers(Mutex<State>);

#[derive(Default)]
struct State {
    looking: u32,
    found: HashMap<u32, Found>,
}

#[derive(Clone, Copy)]
struct Found {
    is_named: bool,
    until: Instant,
}

impl NamedUsers {
    /// Whether a user id has a name; none while too many others are looked up. Where the name service fails it counts as
    /// named: its failure is told once it is asked for more.
    pub(super) fn is_named(&self, uid: u32, names: &dyn Names, now: Instant) -> Option<bool> {
        {
            let mut state = self.state();
            if let Some(found) = state.found.get(&uid).filter(|found| now < found.until) {
                return Some(found.is_named);
            }
            if state.looking >= AT_ONCE {
                return None;
            }
            state.looking += 1;
        }
        let entry = names.by_uid(uid);
        let mut state = self.state();
        state.looking -= 1;
        let Ok(entry) = entry else {
            return Some(true);
        };
        let is_named = entry.is_some();
        if state.found.len() >= REMEMBERED {
            state.found.clear();
        }
        let lasts = if is_named { NAMED } else { NAMELESS };
        let until = now + lasts;
        state.found.insert(uid, Found { is_named, until });
        Some(is_named)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use mfa_core::names::{Groups, NamesError, PasswdEntry, UserName};

    /// Everybody below 2000 has a name; counts how often it is asked.
    #[derive(Default)]
    struct Service(AtomicU32);

    impl Names for Service {
        fn by_uid(&self, uid: u32) -> Result<Option<PasswdEntry>, NamesError> {
            self.0.fetch_add(1, Ordering::SeqCst);
            let name = format!("user-{uid}").parse().unwrap();
            Ok((uid < 2000).then_some(PasswdEntry {
                name,
                uid,
                gid: uid,
                gecos: String::new(),
            }))
        }

        fn canonical(&self, _: &UserName) -> Result<Option<PasswdEntry>, NamesError> {
            Ok(None)
        }

        fn groups(
            &self,
            _: &UserName,
            _: Option<&PasswdEntry>,
            _: &[String],
        ) -> Result<Groups, NamesError> {
            Ok(Groups::new())
        }

        fn is_local(&self, _: &UserName) -> Result<bool, NamesError> {
            Ok(true)
        }

        fn members(&self, _: &str) -> Result<Option<Vec<String>>, NamesError> {
            Ok(None)
        }

        fn password_max_days(&self, _: &UserName) -> Result<Option<u32>, NamesError> {
            Ok(None)
        }
    }

    #[test]
    fn a_user_id_is_looked_up_once_in_a_while_and_the_memory_has_a_bound() {
        let (users, service, now) = (NamedUsers::default(), Service::default(), Instant::now());
        let ask = |uid, now| users.is_named(uid, &service, now);
        for _ in 0..3 {
            assert_eq!(
                (ask(1000, now), ask(165_537, now)),
                (Some(true), Some(false))
            );
        }
        assert_eq!(service.0.load(Ordering::SeqCst), 2);
        ask(165_537, now + NAMELESS);
        assert_eq!(
            service.0.load(Ordering::SeqCst),
            3,
            "it may have got a name"
        );
        for uid in 0..10_000 {
            ask(uid, now);
        }
        assert!(users.state().found.len() <= REMEMBERED);
    }

    #[test]
    fn a_few_are_looked_up_at_a_time_and_what_is_known_needs_none() {
        let (users, service, now) = (NamedUsers::default(), Service::default(), Instant::now());
        users.is_named(1000, &service, now);
        users.state().looking = AT_ONCE;
        assert_eq!(users.is_named(1001, &service, now), None);
        assert_eq!(users.is_named(1000, &service, now), Some(true));
    }
}
