//! How many connections there may be, in all and for one user id (rule 7 of the architecture).
//!
//! Stops a local user from using up the agent: they get a few connections each, and all of them
//! together at most half, so that sshd and the other programs of root always find room.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::config::Settings;

/// The connections that there are.
#[derive(Default)]
pub(super) struct Limits {
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    all: u32,
    unprivileged: u32,
    /// Only user ids that hold a connection are in here, so it can't outgrow `all`.
    by_uid: HashMap<u32, u32>,
}

/// A place that is given back when dropped.
pub(super) struct Place<'a> {
    limits: &'a Limits,
    uid: u32,
    privileged: bool,
}

impl Limits {
    /// A place for a connection of `uid`; none if there is no room. `privileged` are root, the
    /// agent's own user and the trusted ones.
    pub(super) fn enter(
        &self,
        uid: u32,
        privileged: bool,
        settings: &Settings,
    ) -> Option<Place<'_>> {
        let server = &settings.server;
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let of_uid = counts.by_uid.get(&uid).copied().unwrap_or(0);
        let room = counts.all < server.max_connections
            && (privileged
                || (of_uid < server.max_connections_per_user
                    && counts.unprivileged < server.max_connections / 2));
        if !room {
            return None;
        }
        counts.all += 1;
        counts.unprivileged += u32::from(!privileged);
        counts.by_uid.insert(uid, of_uid + 1);
        drop(counts);
        Some(Place {
            limits: self,
            uid,
            privileged,
        })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut counts = self
            .limits
            .counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        counts.all -= 1;
        counts.unprivileged -= u32::from(!self.privileged);
        if let Some(of_uid) = counts.by_uid.get_mut(&self.uid) {
            *of_uid -= 1;
            if *of_uid == 0 {
                counts.by_uid.remove(&self.uid);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(all: u32, per_user: u32) -> Settings {
        let mut settings = Settings::default();
        settings.server.max_connections = all;
        settings.server.max_connections_per_user = per_user;
        settings
    }

    #[test]
    fn one_user_gets_a_few_places_and_all_users_together_half() {
        let (limits, settings) = (Limits::default(), settings(6, 2));
        let held: Vec<_> = [7, 7, 8]
            .iter()
            .map(|uid| limits.enter(*uid, false, &settings).unwrap())
            .collect();
        assert!(
            limits.enter(7, false, &settings).is_none(),
            "a third of the same user"
        );
        assert!(
            limits.enter(9, false, &settings).is_none(),
            "more than half of all"
        );
        let roots: Vec<_> = (0..3)
            .map(|_| limits.enter(0, true, &settings).unwrap())
            .collect();
        assert!(limits.enter(0, true, &settings).is_none(), "there are six");
        drop((held, roots));
        assert!(limits.enter(7, false, &settings).is_some());
        assert!(limits.counts.lock().unwrap().by_uid.is_empty());
    }
}
