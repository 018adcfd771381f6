//! Processes of root's that connect, by who started them.
//!
//! Telling who did costs a look into `/proc`, about a tenth of a login. It decides nothing while fewer connections
//! are open than one user may hold, so connections that come then are written down here, and their processes are
//! looked at once there are more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Holder;
use super::real_uid::real_uid;

/// A process of root's at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct RootProcess {
    pub(in crate::server) pid: i32,
    pub(in crate::server) gid: u32,
}

impl RootProcess {
    /// Whose allotment its connection comes out of. A set-user-id program of root's keeps the real user id and the
    /// group of its user; groups have many members, and a user has several, so they count only where nothing else
    /// is known.
    pub(super) fn holder(self) -> Holder {
        started_by(real_uid(self.pid), self.gid)
    }
}

fn started_by(real_uid: Option<u32>, gid: u32) -> Holder {
    match (real_uid, gid) {
        (Some(uid @ 1..), _) => Holder::StartedBy(uid),
        (Some(0) | None, 0) => Holder::Owner,
        (Some(0) | None, gid) => Holder::StartedByGroup(gid),
    }
}

/// Open connections of root's that came while there was plenty of room.
#[derive(Clone, Default)]
pub(super) struct EarlyConnections(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    next: u64,
    open: HashMap<u64, Early>,
}

struct Early {
    process: RootProcess,
    /// None until it is asked for.
    holder: Option<Holder>,
}

/// One of them. It is forgotten when this is dropped.
pub(super) struct EarlyConnection {
    all: EarlyConnections,
    number: u64,
}

/// How many of them set-user-id programs hold.
#[derive(Clone, Copy, Default)]
pub(super) struct EarlyCounts {
    /// In the allotment that was asked about.
    pub(super) own: u32,
    /// In all.
    pub(super) started: u32,
}

impl EarlyConnections {
    pub(super) fn add(&self, process: RootProcess) -> EarlyConnection {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        let holder = None;
        state.open.insert(number, Early { process, holder });
        EarlyConnection {
            all: self.clone(),
            number,
        }
    }

    /// Counts them. Looks at the processes that nobody has asked about yet.
    pub(super) fn counts(&self, of: Holder) -> EarlyCounts {
        let mut counts = EarlyCounts::default();
        for early in self.state().open.values_mut() {
            let process = early.process;
            let holder = *early.holder.get_or_insert_with(|| process.holder());
            counts.own += u32::from(holder == of);
            counts.started += u32::from(holder.is_started());
        }
        counts
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for EarlyConnection {
    fn drop(&mut self) {
        self.all.state().open.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_user_id_program_is_counted_for_its_user_whatever_its_group() {
        for gid in [0, 100, 1001] {
            assert_eq!(started_by(Some(1001), gid), Holder::StartedBy(1001));
        }
        for unknown in [None, Some(0)] {
            assert_eq!(started_by(unknown, 100), Holder::StartedByGroup(100));
            assert_eq!(started_by(unknown, 0), Holder::Owner);
        }
    }

    #[test]
    fn early_connections_are_counted_once_asked_for_and_until_they_end() {
        let early = EarlyConnections::default();
        // No such process: its group tells.
        let add = |gid| early.add(RootProcess { pid: 0, gid });
        let held = [add(100), add(100), add(0)];
        let counts = |holder| {
            let counts = early.counts(holder);
            (counts.own, counts.started)
        };
        assert_eq!(counts(Holder::StartedByGroup(100)), (2, 2));
        assert_eq!(counts(Holder::StartedBy(1000)), (0, 2));
        drop(held);
        assert_eq!(counts(Holder::StartedByGroup(100)), (0, 0));
    }
}
