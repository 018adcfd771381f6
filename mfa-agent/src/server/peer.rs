//! Who is calling, and what they may do (rule 6 of the architecture).
//!
//! The kernel tells the user id of the process that connected; nothing in a message can change that.
//! Root, the agent's own user and the groups in `[admin]` administrate; root, the agent's own user and
//! the users in `[server] trusted` may begin a login for anyone; everybody else acts for their own
//! user only.

use std::os::unix::net::UnixStream;

use mfa_protocol::message::ErrorKind;
use nix::sys::socket::{getsockopt, sockopt};

use super::Agent;
use super::error::Failure;
use super::limits::{Caller, Holder, RootProcess};
use crate::audit::Origin;
use crate::config::Settings;
use crate::hasher::Claim;
use mfa_core::names::{PasswdEntry, UserName};

/// The process at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) uid: u32,
    pub(super) pid: i32,
    /// Whether it is root, the agent's own user, or trusted: found out when it connects.
    pub(super) privileged: bool,
}

impl Peer {
    /// The process at the other end of `stream`, not known to be privileged yet, and its group.
    pub(super) fn of(stream: &UnixStream) -> std::io::Result<(Self, u32)> {
        let credentials = getsockopt(stream, sockopt::PeerCredentials)?;
        let peer = Self {
            uid: credentials.uid(),
            pid: credentials.pid(),
            privileged: false,
        };
        Ok((peer, credentials.gid()))
    }

    /// In whose name something of `user` is hashed.
    pub(super) fn claim(self, user: &UserName) -> Claim {
        Claim {
            uid: self.uid,
            privileged: self.privileged,
            account: user.to_string(),
        }
    }

    /// Out of whose share of the queues its audit events come.
    pub(super) fn origin(self) -> Origin {
        match self.privileged {
            true => Origin::Privileged,
            false => Origin::Ordinary,
        }
    }
}

/// A user as a call names them.
#[derive(Clone)]
pub(super) struct Subject {
    /// The canonical name.
    pub(super) user: UserName,
    /// The entry in the name service, if there is one.
    pub(super) entry: Option<PasswdEntry>,
}

impl Agent {
    /// The user that a call is about.
    pub(super) fn subject(&self, name: &str) -> Result<Subject, Failure> {
        let asked: UserName = name.parse().map_err(Failure::refused)?;
        let entry = self.names.canonical(&asked)?;
        let user = entry.as_ref().map_or(asked, |entry| entry.name.clone());
        Ok(Subject { user, entry })
    }

    /// The user that a call is about, or the caller if it names no user.
    pub(super) fn subject_or_caller(
        &self,
        name: Option<&str>,
        peer: Peer,
    ) -> Result<Subject, Failure> {
        if let Some(name) = name {
            return self.subject(name);
        }
        let entry = self.names.by_uid(peer.uid)?.ok_or_else(|| {
            Failure::refused(format!(
                "user id {} has no name here; name a user",
                peer.uid
            ))
        })?;
        Ok(Subject {
            user: entry.name.clone(),
            entry: Some(entry),
        })
    }

    /// Whether the caller owns this host, as far as we are concerned.
    fn is_root(&self, peer: Peer) -> bool {
        peer.uid == 0 || peer.uid == self.own_uid
    }

    /// Refuses everybody but root and the agent's own user: they could read the store anyway, and others must not get it
    /// as a whole.
    pub(super) fn require_root(&self, peer: Peer) -> Result<(), Failure> {
        match self.is_root(peer) {
            true => Ok(()),
            false => Err(Failure::new(
                ErrorKind::NotAllowed,
                "only root may do this, and the user that the agent runs as",
            )),
        }
    }

    /// Whether the caller may use the administrator's methods.
    pub(super) fn is_administrator(
        &self,
        peer: Peer,
        settings: &Settings,
    ) -> Result<bool, Failure> {
        if self.is_root(peer) {
            return Ok(true);
        }
        if settings.admin.groups.is_empty() {
            return Ok(false);
        }
        let Some(entry) = self.names.by_uid(peer.uid)? else {
            return Ok(false);
        };
        let groups = self
            .names
            .groups(&entry.name, Some(&entry), &settings.admin.groups)?;
        Ok(!groups.is_empty())
    }

    /// Refuses callers who are no administrators.
    pub(super) fn require_administrator(
        &self,
        peer: Peer,
        settings: &Settings,
    ) -> Result<(), Failure> {
        if self.is_administrator(peer, settings)? {
            return Ok(());
        }
        Err(Failure::new(ErrorKind::NotAllowed, ADMINISTRATORS))
    }

    /// Whether the caller is one of the programs that guard logins, by its user id alone: asked for
    /// every connection, before anything is looked up.
    pub(super) fn is_privileged(&self, peer: Peer) -> bool {
        self.is_root(peer) || self.trusted().contains(&peer.uid)
    }

    /// Who a connection is counted for, as far as it is known without a look at the process.
    pub(super) fn caller(&self, peer: Peer, gid: u32) -> Caller {
        let holder = match peer.privileged {
            true if peer.uid == 0 => return Caller::OfRoot(RootProcess { pid: peer.pid, gid }),
            true if self.is_root(peer) => Holder::Owner,
            true => Holder::Trusted,
            false => self.limits.ordinary(peer.uid, &*self.names),
        };
        Caller::Of(holder)
    }

    /// As [`Self::is_privileged`], but looks the trusted users up again: a user may have been created since the
    /// settings were loaded.
    fn is_trusted_now(&self, peer: Peer, settings: &Settings) -> Result<bool, Failure> {
        for name in &settings.server.trusted {
            if self.names.uid(name)? == Some(peer.uid) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Refuses callers who may not begin a login for `subject`.
    pub(super) fn require_login_right(
        &self,
        peer: Peer,
        settings: &Settings,
        subject: &Subject,
    ) -> Result<(), Failure> {
        if peer.privileged || is_own(peer, subject) || self.is_trusted_now(peer, settings)? {
            return Ok(());
        }
        Err(Failure::new(
            ErrorKind::NotAllowed,
            format!(
                "user id {} may ask for its own user only; if this program checks logins of others, \
                 add its user to [server] trusted",
                peer.uid
            ),
        ))
    }

    /// Refuses callers who may not see anything of `subject`; tells whether they are an administrator.
    pub(super) fn require_sight(
        &self,
        peer: Peer,
        settings: &Settings,
        subject: &Subject,
    ) -> Result<bool, Failure> {
        if self.is_administrator(peer, settings)? {
            return Ok(true);
        }
        if is_own(peer, subject) {
            return Ok(false);
        }
        Err(for_administrators_only())
    }

    /// Refuses callers who may not change anything of `subject`; tells whether they may as an
    /// administrator, or because it is theirs. What belongs to an administrator root alone may change,
    /// or one of them could become all the others.
    pub(super) fn require_access(
        &self,
        peer: Peer,
        settings: &Settings,
        subject: &Subject,
    ) -> Result<bool, Failure> {
        if self.is_root(peer) {
            return Ok(true);
        }
        let (administrates, own) = (
            self.is_administrator(peer, settings)?,
            is_own(peer, subject),
        );
        if administrates && !self.administrates(subject, settings)? {
            return Ok(true);
        }
        match (own, administrates) {
            (true, _) => Ok(false),
            (false, true) => Err(Failure::new(
                ErrorKind::NotAllowed,
                format!(
                    "{} is an administrator, so only root may do this",
                    subject.user
                ),
            )),
            (false, false) => Err(for_administrators_only()),
        }
    }

    /// Refuses callers who may not administer `subject`, not even when it is themselves.
    pub(super) fn require_authority(
        &self,
        peer: Peer,
        settings: &Settings,
        subject: &Subject,
    ) -> Result<(), Failure> {
        if self.require_access(peer, settings, subject)? {
            return Ok(());
        }
        let text = match self.is_administrator(peer, settings)? {
            true => "administrators may not do this for themselves; only root may",
            false => ADMINISTRATORS,
        };
        Err(Failure::new(ErrorKind::NotAllowed, text))
    }

    /// Whether `subject` is root, the agent's own user, or in a group of `[admin]`.
    fn administrates(&self, subject: &Subject, settings: &Settings) -> Result<bool, Failure> {
        let entry = subject.entry.as_ref();
        if entry.is_some_and(|entry| entry.uid == 0 || entry.uid == self.own_uid) {
            return Ok(true);
        }
        let groups = &settings.admin.groups;
        Ok(!self.names.groups(&subject.user, entry, groups)?.is_empty())
    }
}

const ADMINISTRATORS: &str =
    "administrators only: root, or members of [admin] groups in agent.toml";

fn for_administrators_only() -> Failure {
    Failure::new(
        ErrorKind::NotAllowed,
        "only an administrator may do this for another user",
    )
}

fn is_own(peer: Peer, subject: &Subject) -> bool {
    subject
        .entry
        .as_ref()
        .is_some_and(|entry| entry.uid == peer.uid)
}
