//! How many connections there may be (rule 7 of the architecture).
//!
//! Stops a local user from using up the agent. Ordinary users get a few connections each, all of them together at most
//! half. Set-user-id programs of root's are counted by the user who started them, who can leave them
//! waiting, or stop them. Both together get three quarters, so that sshd and the other programs of root always find room,
//! and the last few are for what administrators and the watchdog ask. Everything is decided by what the kernel says of
//! the caller. Those that find no room are told so, a few at a time; further ones are closed.

mod calls;
mod logins;
mod named;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::config::Settings;
use calls::Calls;
pub(super) use logins::{OpenLogin, OpenLogins};
use mfa_core::names::Names;
use named::NamedUsers;

/// Ordinary callers, and others, that are being told that there is no room.
const TURNED_AWAY: u32 = 8;

/// Whom calls of all user ids without a name are counted for. The kernel gives it to nobody (setuid(2)).
const NO_UID: u32 = u32::MAX;

/// What is used.
#[derive(Default)]
pub(super) struct Limits {
    counts: Mutex<Counts>,
    calls: Calls,
    named: NamedUsers,
    /// Logins by who is asked for.
    pub(super) logins: OpenLogins,
}

/// Whose allotment a connection comes out of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Holder {
    /// Root, or the agent's own user.
    Owner,
    /// A user in `[server] trusted`.
    Trusted,
    /// A set-user-id program of root's, by the user who started it.
    StartedBy(u32),
    /// The same, by the group of that user where no more is known.
    StartedByGroup(u32),
    /// An ordinary user.
    User(u32),
    /// All user ids together that have no name, such as those of rootless containers.
    Nameless,
    /// Too many are being looked up to tell.
    Unknown,
}

#[derive(Default)]
struct Counts {
    all: u32,
    ordinary: u32,
    started: u32,
    /// Of ordinary callers, and of others.
    turned_away: [u32; 2],
    /// Only those that hold a connection are in here, so it can't outgrow `all`.
    by_holder: HashMap<Holder, u32>,
}

/// Whether a connection found room.
pub(super) enum Entry<'a> {
    /// It did.
    Served(Place<'a>),
    /// It did not, and can be told.
    TurnedAway(Place<'a>),
    /// It did not, and so many others are being told that it can't be.
    Dropped,
}

/// A place that is given back when dropped.
pub(super) struct Place<'a> {
    limits: &'a Limits,
    holder: Holder,
    room: Room,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    Usual,
    /// One of the last, in which no login may begin.
    Reserve,
    /// For being told that there is none.
    Door,
}

/// What a connection may do.
#[derive(Clone, Copy)]
pub(super) struct Terms {
    /// Whether logins may begin on it.
    pub(super) may_log_in: bool,
    /// The user id that its calls are counted for.
    pub(super) calls_as: u32,
}

impl Terms {
    /// Those of a user with room.
    pub(super) fn usual(uid: u32) -> Self {
        Self {
            may_log_in: true,
            calls_as: uid,
        }
    }
}

impl Limits {
    /// A place for a connection.
    pub(super) fn enter(&self, holder: Holder, settings: &Settings) -> Entry<'_> {
        let mut counts = self.counts();
        let room = match counts.room(holder, settings) {
            Some(room) => room,
            None if counts.turned_away[holder.door()] < TURNED_AWAY => Room::Door,
            None => return Entry::Dropped,
        };
        counts.add(holder, room);
        drop(counts);
        let place = Place {
            limits: self,
            holder,
            room,
        };
        match room {
            Room::Door => Entry::TurnedAway(place),
            Room::Usual | Room::Reserve => Entry::Served(place),
        }
    }

    /// Whose allotment the connections of an ordinary user id come out of.
    pub(super) fn ordinary(&self, uid: u32, names: &dyn Names) -> Holder {
        match self.named.is_named(uid, names, Instant::now()) {
            Some(true) => Holder::User(uid),
            Some(false) => Holder::Nameless,
            None => Holder::Unknown,
        }
    }

    /// Whether an ordinary user may make a call at `now`; counts it if so.
    pub(super) fn may_call(&self, uid: u32, now: Instant) -> bool {
        self.calls.may_call(uid, now)
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place<'_> {
    /// What the connection of `uid` that has it may do.
    pub(super) fn terms(&self, uid: u32) -> Terms {
        Terms {
            may_log_in: self.room == Room::Usual,
            calls_as: match self.holder {
                Holder::Nameless => NO_UID,
                _ => uid,
            },
        }
    }
}

impl Holder {
    fn is_ordinary(self) -> bool {
        matches!(self, Self::User(_) | Self::Nameless | Self::Unknown)
    }

    fn is_started(self) -> bool {
        matches!(self, Self::StartedBy(_) | Self::StartedByGroup(_))
    }

    fn door(self) -> usize {
        usize::from(!self.is_ordinary())
    }
}

impl Counts {
    fn room(&self, holder: Holder, settings: &Settings) -> Option<Room> {
        let (most, each) = (
            settings.server.max_connections,
            settings.server.max_connections_per_user,
        );
        let usual = most - most / 16;
        let own = self.by_holder.get(&holder).copied().unwrap_or(0);
        let has_guests_room = self.ordinary + self.started < (most.saturating_mul(3)).div_ceil(4);
        let fits = match holder {
            Holder::Owner if self.all >= usual => {
                return (self.all < most).then_some(Room::Reserve);
            }
            Holder::Owner | Holder::Trusted => true,
            Holder::StartedBy(_) | Holder::StartedByGroup(_) => {
                own < each.max(most / 8) && self.started < most.div_ceil(2) && has_guests_room
            }
            Holder::User(_) | Holder::Nameless => {
                own < each && self.ordinary < most / 2 && has_guests_room
            }
            Holder::Unknown => false,
        };
        (fits && self.all < usual).then_some(Room::Usual)
    }

    fn add(&mut self, holder: Holder, room: Room) {
        if room == Room::Door {
            self.turned_away[holder.door()] += 1;
            return;
        }
        self.all += 1;
        self.ordinary += u32::from(holder.is_ordinary());
        self.started += u32::from(holder.is_started());
        *self.by_holder.entry(holder).or_default() += 1;
    }

    fn remove(&mut self, holder: Holder, room: Room) {
        if room == Room::Door {
            self.turned_away[holder.door()] -= 1;
            return;
        }
        self.all -= 1;
        self.ordinary -= u32::from(holder.is_ordinary());
        self.started -= u32::from(holder.is_started());
        if let Some(own) = self.by_holder.get_mut(&holder) {
            *own -= 1;
            if *own == 0 {
                self.by_holder.remove(&holder);
            }
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.limits.counts().remove(self.holder, self.room);
    }
}

#[cfg(test)]
mod tests;
