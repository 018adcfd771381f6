//! The account phase of a stack: whether a user that the program accepted has met the policy.
//!
//! A program may accept a login without the stack that asks for the second factor; sshd does so after a public key.
//! Before it opens a session, it asks here. A login that met the policy leaves a ticket, which is valid for a short
//! time and for one admission of the same user to the same service, by the process that logged in or its parent, under
//! the same user id. Without a ticket, only users who would not have been asked are admitted, and those whose key sshd has
//! verified where the policy asks for a key alone. Tickets are kept in
//! memory; after a restart users must log in again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use mfa_protocol::Secret;
use mfa_protocol::login::{AdmitParameters, BeginParameters, Outcome};

use super::super::Agent;
use super::super::error::Failure;
use super::super::peer::Peer;
use super::super::random;
use super::ask::wording;
use super::begin::{Resolved, ResolvedLogin, session_id};
use super::recall::Recall;
use super::{Context, Ended, conclude, conclude_with};
use mfa_core::login::entry::Entry;
use mfa_core::login::not_met;
use mfa_core::names::UserName;
use mfa_core::policy::Ask;

/// How long a ticket is good: what a stack may take from its authentication to its account phase.
const LIFETIME: Duration = Duration::from_secs(120);

/// How many tickets are kept.
const MAX_TICKETS: usize = 4096;

/// Whose ticket it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::server) struct Bearer {
    pub(in crate::server) user: UserName,
    pub(in crate::server) service: String,
    pub(in crate::server) peer: Peer,
    /// The parent of the process that logged in.
    pub(in crate::server) parent: Option<u32>,
}

impl Bearer {
    /// Whether `other` may hand in what was given to this one.
    fn is_good_for(&self, other: &Self) -> bool {
        let pid = u32::try_from(other.peer.pid).ok().filter(|pid| *pid > 0);
        let is_in_tree = pid.is_some()
            && (self.peer.pid == other.peer.pid || self.parent.is_some_and(|p| Some(p) == pid));
        self.user == other.user
            && self.service == other.service
            && self.peer.uid == other.peer.uid
            && is_in_tree
    }
}

/// Why a ticket is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::server) enum Void {
    #[error("no second factor was asked for, so the login has no ticket")]
    Missing,
    #[error("its ticket is unknown, already used or expired")]
    Unknown,
    #[error("its ticket was given to another user, service or process")]
    NotTheirs,
}

/// The tickets that are out.
#[derive(Default)]
pub(in crate::server) struct Tickets(Mutex<HashMap<[u8; 16], (Bearer, Instant)>>);

impl Tickets {
    /// Takes note of a ticket; false if there are too many. An ordinary process, which may log in as often as
    /// it likes, keeps the last one of its user id.
    pub(in crate::server) fn keep(&self, ticket: [u8; 16], bearer: Bearer, now: Instant) -> bool {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (uid, ordinary) = (bearer.peer.uid, !bearer.peer.privileged);
        if ordinary || held.len() >= MAX_TICKETS {
            held.retain(|_, (b, until)| *until > now && !(ordinary && b.peer.uid == uid));
        }
        let has_room = held.len() < MAX_TICKETS;
        if has_room {
            held.insert(ticket, (bearer, now + LIFETIME));
        }
        has_room
    }

    /// Takes a ticket back, whether it is good or not.
    fn redeem(&self, ticket: &Secret, by: &Bearer, now: Instant) -> Result<(), Void> {
        let number = HEXLOWER.decode(ticket.expose().as_bytes()).ok();
        let number: [u8; 16] = number
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(Void::Unknown)?;
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match held.remove(&number) {
            Some((_, until)) if until <= now => Err(Void::Unknown),
            Some((bearer, _)) if bearer.is_good_for(by) => Ok(()),
            Some(_) => Err(Void::NotTheirs),
            None => Err(Void::Unknown),
        }
    }
}

impl Agent {
    /// A ticket for a login that has met the policy.
    pub(in crate::server) fn ticket(&self, bearer: Bearer) -> Result<Option<Secret>, Failure> {
        let number = random::<16>()?;
        let kept = self.tickets.keep(number, bearer, Instant::now());
        if !kept {
            crate::log::limited(
                "tickets",
                format_args!(
                    "too many tickets are in use; logins whose account phase needs one are refused"
                ),
            );
        }
        Ok(kept.then(|| Secret::new(HEXLOWER.encode(&number))))
    }

    /// Admits or refuses a user that the program has accepted.
    pub(in crate::server) fn admit(
        &self,
        peer: Peer,
        parameters: AdmitParameters,
    ) -> Result<Box<Ended>, Failure> {
        let begin = BeginParameters {
            user: parameters.user,
            service: parameters.service,
            rhost: parameters.rhost,
            ruser: parameters.ruser,
            tty: parameters.tty,
            after: parameters.after,
            verified_keys: parameters.verified_keys,
            ..BeginParameters::default()
        };
        let settings = self.settings();
        // Nothing that is remembered is enough: most admissions change nothing.
        let (subject, known) = self.login_subject(peer, &settings, &begin.user, Recall::Newest)?;
        // A ticket is good once, whatever comes of it.
        let ticket = parameters.ticket.as_ref();
        let ticket = self.redeem(ticket, peer, &subject.user, &begin.service);
        let login_context = self.login_context(peer, begin, false)?;
        let session = session_id()?;
        let context = Context::new(session, &subject.user, &login_context, (peer, "account"));
        match self.resolve(context, settings, (&subject, known), &login_context, false)? {
            Resolved::Asks(resolved, ask) => self.admit_asked(*resolved, &ask, ticket),
            Resolved::Ended(ended) => Ok(ended),
        }
    }

    /// Looks at the ticket.
    fn redeem(
        &self,
        ticket: Option<&Secret>,
        opened_by: Peer,
        user: &UserName,
        service: &str,
    ) -> Result<(), Void> {
        let by = Bearer {
            user: user.clone(),
            service: service.to_owned(),
            peer: opened_by,
            parent: None,
        };
        let ticket = ticket.ok_or(Void::Missing)?;
        self.tickets.redeem(ticket, &by, Instant::now())
    }

    /// What happens to a user that the policy would have asked.
    fn admit_asked(
        &self,
        resolved: ResolvedLogin<'_>,
        ask: &Ask,
        ticket: Result<(), Void>,
    ) -> Result<Box<Ended>, Failure> {
        let context = &resolved.context.clone();
        let why = match ticket {
            Ok(()) => {
                let reason = "the ticket of a login that met the policy";
                return Ok(conclude(context, Outcome::Passed, reason));
            }
            Err(why) => why.to_string(),
        };
        let not_met = not_met(&wording(&resolved.settings, context.screen()).asking);
        let ended = match self.entry(&resolved, ask)? {
            Entry::LetIn(_) => self.let_in(&resolved, ask)?,
            Entry::Ask(asked) => self.by_key_alone(resolved, ask, asked)?,
            Entry::NoRoom | Entry::Enroll(_) => None,
        };
        if let Some(ended) = ended {
            return Ok(ended);
        }
        Ok(conclude_with(context, vec![not_met], Outcome::Denied, &why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(user: &str, service: &str, uid: u32, pid: i32, parent: u32) -> Bearer {
        Bearer {
            user: user.parse().unwrap(),
            service: service.to_owned(),
            peer: Peer {
                uid,
                pid,
                privileged: uid == 0,
            },
            parent: Some(parent),
        }
    }

    fn number(n: u16) -> ([u8; 16], Secret) {
        let mut bytes = [7; 16];
        bytes[..2].copy_from_slice(&n.to_be_bytes());
        (bytes, Secret::new(HEXLOWER.encode(&bytes)))
    }

    #[test]
    fn a_ticket_is_good_once_for_the_process_or_its_parent() {
        let now = Instant::now();
        for pid in [20, 10] {
            let (tickets, (bytes, ticket)) = (Tickets::default(), number(1));
            assert!(tickets.keep(bytes, bearer("anna", "sshd", 0, 20, 10), now));
            let by = bearer("anna", "sshd", 0, pid, 1);
            assert_eq!(tickets.redeem(&ticket, &by, now), Ok(()));
            assert_eq!(tickets.redeem(&ticket, &by, now), Err(Void::Unknown));
        }
    }

    #[test]
    fn a_ticket_is_good_for_nobody_else_and_is_gone_then() {
        let now = Instant::now();
        for other in [
            bearer("bert", "sshd", 0, 20, 10),
            bearer("anna", "su", 0, 20, 10),
            bearer("anna", "sshd", 1000, 20, 10),
            bearer("anna", "sshd", 0, 30, 20),
            bearer("anna", "sshd", 0, 0, 20),
        ] {
            let (tickets, (bytes, ticket)) = (Tickets::default(), number(1));
            let own = bearer("anna", "sshd", 0, 20, 10);
            assert!(tickets.keep(bytes, own.clone(), now));
            assert_eq!(
                tickets.redeem(&ticket, &other, now),
                Err(Void::NotTheirs),
                "{other:?}"
            );
            assert_eq!(tickets.redeem(&ticket, &own, now), Err(Void::Unknown));
        }
    }

    #[test]
    fn a_ticket_has_an_end_and_what_is_none_is_unknown() {
        let (tickets, (bytes, ticket), now) = (Tickets::default(), number(1), Instant::now());
        let own = bearer("anna", "sshd", 0, 20, 10);
        for none in ["", "x", "00", &"0".repeat(32), &"0".repeat(4000)] {
            let none = Secret::from(none);
            assert_eq!(tickets.redeem(&none, &own, now), Err(Void::Unknown));
        }
        assert!(tickets.keep(bytes, own.clone(), now));
        let late = now + LIFETIME;
        assert_eq!(tickets.redeem(&ticket, &own, late), Err(Void::Unknown));
    }

    #[test]
    fn a_full_table_refuses_until_tickets_end_and_ordinary_processes_do_not_fill_it() {
        let (tickets, now) = (Tickets::default(), Instant::now());
        for n in 0..5000 {
            let kept = tickets.keep(number(n).0, bearer("anna", "vlock", 1000, 20, 10), now);
            assert!(kept, "{n}");
        }
        for n in 0..4095 {
            assert!(tickets.keep(number(n).0, bearer("anna", "sshd", 0, 20, 10), now));
        }
        let one_more = bearer("anna", "sshd", 0, 20, 10);
        assert!(!tickets.keep(number(9000).0, one_more.clone(), now));
        assert!(tickets.keep(number(9000).0, one_more, now + LIFETIME));
    }
}
