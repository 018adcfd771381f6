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
mod process;
mod real_uid;

use std::sync::Arc;
use std::time::Instant;

use super::counter::{Counter, Counts, Held};
use crate::config::Settings;
use calls::Calls;
pub(super) use logins::{OpenLogin, OpenLogins};
use mfa_core::names::Names;
use named::NamedUsers;
pub(super) use process::RootProcess;
use process::{EarlyConnection, EarlyConnections, EarlyCounts};

/// Ordinary callers, and others, that are being told that there is no room.
const TURNED_AWAY: u32 = 8;

/// The user id that counts the calls of all user ids without a name. The kernel gives it to no user (setuid(2)).
const NO_UID: u32 = u32::MAX;

/// What is used.
#[derive(Default)]
pub(super) struct Limits {
    connections: Arc<Counter<Tally>>,
    early: EarlyConnections,
    calls: Calls,
    named: NamedUsers,
    /// Logins by who is asked for.
    pub(super) logins: OpenLogins,
}

/// Who connects.
#[derive(Clone, Copy)]
pub(super) enum Caller {
    /// It is known whose allotment the connection comes out of.
    Of(Holder),
    /// Root, or whoever started a set-user-id program of root's: a look at the process tells.
    OfRoot(RootProcess),
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
    /// The same, by the group of that user if nothing else is known.
    StartedByGroup(u32),
    /// An ordinary user.
    User(u32),
    /// All user ids together that have no name, such as those of rootless containers.
    Nameless,
    /// Too many are being looked up to tell.
    Unknown,
}

/// What a connection is counted for.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Tally {
    All,
    Ordinary,
    Started,
    Of(Holder),
    /// Being told that there is no room, ordinary callers and others apart.
    TurnedAway {
        ordinary: bool,
    },
}

/// Whether a connection found room.
pub(super) enum Entry {
    /// It did.
    Served(Place),
    /// It did not, and can be told.
    TurnedAway(Place),
    /// It did not, and so many others are being told that it can't be.
    Dropped,
}

/// A place that is given back when dropped.
pub(super) struct Place {
    _held: Held<Tally>,
    _early: Option<EarlyConnection>,
    /// Whether it is counted with those of all user ids without a name.
    is_nameless: bool,
    room: Room,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    Usual,
    /// One of the last, in which no login may begin.
    Reserve,
    /// Reserved for callers that are told there is no place.
    TurnedAway,
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
    pub(super) fn enter(&self, caller: impl Into<Caller>, settings: &Settings) -> Entry {
        let holder = match caller.into() {
            Caller::Of(holder) => holder,
            Caller::OfRoot(process) => match self.enter_early(process, settings) {
                Some(place) => return Entry::Served(place),
                None => process.holder(),
            },
        };
        self.enter_for(holder, settings)
    }

    /// A place where so many are left that it need not be known who started the process.
    fn enter_early(&self, process: RootProcess, settings: &Settings) -> Option<Place> {
        let entered = self.connections.enter_with(|counts| {
            let early = has_plenty(counts, settings).then(|| self.early.add(process))?;
            Some((vec![Tally::All], early))
        });
        entered.map(|(held, early)| Place {
            _held: held,
            _early: Some(early),
            is_nameless: false,
            room: Room::Usual,
        })
    }

    fn enter_for(&self, holder: Holder, settings: &Settings) -> Entry {
        let entered = self.connections.enter_with(|counts| {
            let told = Tally::TurnedAway {
                ordinary: holder.is_ordinary(),
            };
            // Where there is plenty of room they make no difference.
            let early = match holder.shares_room() && !has_plenty(counts, settings) {
                true => self.early.counts(holder),
                false => EarlyCounts::default(),
            };
            match room(counts, early, holder, settings) {
                Some(room) => Some((holder.tallies(), room)),
                None if counts.of(&told) < TURNED_AWAY => Some((vec![told], Room::TurnedAway)),
                None => None,
            }
        });
        let Some((held, room)) = entered else {
            return Entry::Dropped;
        };
        let place = Place {
            _held: held,
            _early: None,
            is_nameless: holder == Holder::Nameless,
            room,
        };
        match room {
            Room::TurnedAway => Entry::TurnedAway(place),
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
}

impl Place {
    /// What the connection of `uid` that has it may do.
    pub(super) fn terms(&self, uid: u32) -> Terms {
        Terms {
            may_log_in: self.room == Room::Usual,
            calls_as: if self.is_nameless { NO_UID } else { uid },
        }
    }
}

impl From<Holder> for Caller {
    fn from(holder: Holder) -> Self {
        Self::Of(holder)
    }
}

impl Holder {
    /// Whether its room depends on who else is in.
    fn shares_room(self) -> bool {
        self.is_ordinary() || self.is_started()
    }

    fn is_ordinary(self) -> bool {
        matches!(self, Self::User(_) | Self::Nameless | Self::Unknown)
    }

    fn is_started(self) -> bool {
        matches!(self, Self::StartedBy(_) | Self::StartedByGroup(_))
    }

    /// What a connection with room is counted for.
    fn tallies(self) -> Vec<Tally> {
        let mut tallies = vec![Tally::All, Tally::Of(self)];
        if self.is_ordinary() {
            tallies.push(Tally::Ordinary);
        }
        if self.is_started() {
            tallies.push(Tally::Started);
        }
        tallies
    }
}

/// Whether fewer connections are open than one user's set-user-id programs may hold: then no share is used up, whoever
/// holds them.
fn has_plenty(counts: &Counts<Tally>, settings: &Settings) -> bool {
    counts.of(&Tally::All) < settings.server.max_connections / 8
}

/// The room that there is for one more, beside `early` ones that `counts` has in `All` only.
fn room(
    counts: &Counts<Tally>,
    early: EarlyCounts,
    holder: Holder,
    settings: &Settings,
) -> Option<Room> {
    let (most, each) = (
        settings.server.max_connections,
        settings.server.max_connections_per_user,
    );
    let usual = most - most / 16;
    let (all, own) = (
        counts.of(&Tally::All),
        counts.of(&Tally::Of(holder)) + early.own,
    );
    let (ordinary, started) = (
        counts.of(&Tally::Ordinary),
        counts.of(&Tally::Started) + early.started,
    );
    let has_guests_room = ordinary + started < (most.saturating_mul(3)).div_ceil(4);
    let fits = match holder {
        Holder::Owner if all >= usual => {
            return (all < most).then_some(Room::Reserve);
        }
        Holder::Owner | Holder::Trusted => true,
        Holder::StartedBy(_) | Holder::StartedByGroup(_) => {
            own < each.max(most / 8) && started < most.div_ceil(2) && has_guests_room
        }
        Holder::User(_) | Holder::Nameless => own < each && ordinary < most / 2 && has_guests_room,
        Holder::Unknown => false,
    };
    (fits && all < usual).then_some(Room::Usual)
}

#[cfg(test)]
mod tests;
