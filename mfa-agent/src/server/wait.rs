//! What a connection waits for outside of the agent's calls: a message that is taken, a RADIUS server that
//! answers.
//!
//! Nothing else waits for it (rule 3 of the architecture): not the shutdown, not another login, not even another login
//! of the same user. Each wait ends at its own deadline.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use mfa_protocol::Secret;
use mfa_radius::{Answer, Attempt, Challenge, Client, ClientError, System};

use super::counter::{Counter, Held};
use crate::config::Settings;
use crate::delivery::{Delivery, Ticket};
use mfa_core::account::Remote;

/// A message on its way.
pub(super) enum MessageWait {
    /// The longest wait.
    Ticket(Ticket, Duration),
    /// What a message to nobody would come to, and when.
    Nobody(Duration, Delivery),
}

/// A RADIUS server that is asked.
pub(super) enum RadiusWait {
    /// It is.
    Server(Box<Question>, Place),
    /// None is, and as long as that takes is waited: nobody is to tell who has an account at a server.
    Nobody(Duration, Place),
}

/// What came of it.
pub(super) enum RadiusOutcome {
    /// A server was.
    Server(Box<ServerAnswer>),
    /// The time is over.
    Nobody,
}

/// What a server said.
pub(super) struct ServerAnswer {
    /// The account there.
    pub(super) remote: Remote,
    pub(super) answer: Result<Answer, ClientError>,
    pub(super) took: Duration,
}

/// How many logins wait for RADIUS servers, which may take minutes: each keeps a connection meanwhile, and
/// those who need no server must find one.
#[derive(Default)]
pub(super) struct RadiusPlaces(Arc<Counter<Waiting>>);

/// What a wait is counted for.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Waiting {
    Anybody,
    OrdinaryProcess,
}

/// The right to wait for one.
pub(super) type Place = Held<Waiting>;

impl RadiusPlaces {
    /// Takes a place, of as many as a quarter of all connections; ordinary processes have half of these.
    pub(super) fn enter(&self, settings: &Settings, is_privileged: bool) -> Option<Place> {
        let places = (settings.server.max_connections / 4).max(1);
        let held = self.0.enter_with(|counts| {
            let fits = counts.of(&Waiting::Anybody) < places;
            let ordinary = counts.of(&Waiting::OrdinaryProcess) < places.div_ceil(2);
            match is_privileged {
                true => fits.then(|| (vec![Waiting::Anybody], ())),
                false => (fits && ordinary)
                    .then(|| (vec![Waiting::Anybody, Waiting::OrdinaryProcess], ())),
            }
        });
        held.map(|(place, ())| place)
    }
}

/// What a RADIUS server is asked.
pub(super) struct Question {
    /// The account there.
    pub(super) remote: Remote,
    pub(super) client: Arc<Client>,
    pub(super) user: String,
    pub(super) typed: Secret,
    pub(super) calling_station: Option<String>,
    pub(super) follows: Option<Challenge>,
    pub(super) wait: Duration,
}

impl MessageWait {
    /// Waits. Returns what has become of the message by then.
    pub(super) fn run(self) -> Delivery {
        match self {
            Self::Ticket(ticket, patience) => ticket.wait(patience),
            Self::Nobody(time, delivery) => {
                thread::sleep(time);
                delivery
            }
        }
    }
}

impl RadiusWait {
    /// Asks, and waits.
    pub(super) fn run(self) -> RadiusOutcome {
        match self {
            Self::Server(question, _place) => question.ask(),
            Self::Nobody(time, _place) => {
                thread::sleep(time);
                RadiusOutcome::Nobody
            }
        }
    }
}

impl Question {
    fn ask(self) -> RadiusOutcome {
        let began = Instant::now();
        let attempt = Attempt {
            user: &self.user,
            password: self.typed.expose(),
            calling_station: self.calling_station.as_deref(),
            follows: self.follows.as_ref(),
        };
        let answer = self.client.ask(&attempt, began + self.wait, &System);
        RadiusOutcome::Server(Box::new(ServerAnswer {
            remote: self.remote,
            answer,
            took: began.elapsed(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_of_the_connections_may_wait_for_servers_and_half_of_these_for_anybody() {
        let radius_places = RadiusPlaces::default();
        let mut settings = Settings::default();
        settings.server.max_connections = 16;
        let enter = |is_privileged| radius_places.enter(&settings, is_privileged);
        let ordinary = [enter(false), enter(false)];
        assert!(ordinary.iter().all(Option::is_some));
        assert!(enter(false).is_none());
        let guards = [enter(true), enter(true)];
        assert!(guards.iter().all(Option::is_some));
        assert!(enter(true).is_none());
        drop(ordinary);
        assert!(enter(true).is_some() && enter(false).is_some());
    }
}
