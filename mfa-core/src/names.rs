//! Users and groups, as the host knows them.
//!
//! A name from a program or a person becomes a [`UserName`], which is always valid. The name
//! service (files, SSSD, LDAP, winbind …) is asked through libc. An account needs no entry there:
//! users of a VPN often have none. If there is one, its spelling is the key of the account, so that
//! another spelling makes no second account. A failing name service is an error, never "no such
//! user", and callers fail closed.

mod user_name;

use std::collections::BTreeSet;

pub use user_name::is_invisible;
pub use user_name::{UserName, UserNameError};

/// Names of groups.
pub type Groups = BTreeSet<String>;

/// The name service; tests replace it.
pub trait Names: Send + Sync {
    /// The user's entry, with the name in the name service's own spelling; `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`NamesError`] when the name service doesn't work.
    fn canonical(&self, user: &UserName) -> Result<Option<PasswdEntry>, NamesError>;

    /// The groups in `wanted` that the user is in. `entry` is the result of [`Names::canonical`]:
    /// with it the primary group counts, too; users without an entry may still be listed as
    /// members. Only the groups in `wanted` are looked up.
    ///
    /// # Errors
    ///
    /// [`NamesError`] when the name service doesn't work.
    fn groups(
        &self,
        user: &UserName,
        entry: Option<&PasswdEntry>,
        wanted: &[String],
    ) -> Result<Groups, NamesError>;

    /// Whether the user is listed in `/etc/passwd`.
    ///
    /// # Errors
    ///
    /// [`NamesError`] when it can't be read.
    fn is_local(&self, user: &UserName) -> Result<bool, NamesError>;

    /// The user with a user ID, such as that of a calling process; `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`NamesError`] when the name service doesn't work.
    fn by_uid(&self, uid: u32) -> Result<Option<PasswdEntry>, NamesError>;

    /// The listed members of a group; `None` if there is no such group. Users with this primary
    /// group need not be listed.
    ///
    /// # Errors
    ///
    /// [`NamesError`] when the name service doesn't work.
    fn members(&self, group: &str) -> Result<Option<Vec<String>>, NamesError>;

    /// The maximum password age in days (shadow(5)); `None` if there is no limit, or no such user.
    ///
    /// # Errors
    ///
    /// [`NamesError`] when it can't be read.
    fn password_max_days(&self, user: &UserName) -> Result<Option<u32>, NamesError>;

    /// A text of the user's record in the user database; `None` if there is no such record, or nothing like that in it.
    ///
    /// # Errors
    ///
    /// [`NamesError`] when the user database does not answer.
    fn record_field(&self, _user: &UserName, _field: &str) -> Result<Option<String>, NamesError> {
        Ok(None)
    }

    /// The user ID of a name; `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`NamesError`] when the name service doesn't work.
    fn uid(&self, name: &UserName) -> Result<Option<u32>, NamesError> {
        Ok(self.canonical(name)?.map(|entry| entry.uid))
    }

    /// Whether the user comes from another source than `/etc/passwd`. A user in no source is not
    /// federated: no identity provider has authenticated them.
    ///
    /// # Errors
    ///
    /// [`NamesError`] when the name service doesn't work.
    fn is_federated(&self, entry: Option<&PasswdEntry>) -> Result<bool, NamesError> {
        match entry {
            Some(entry) => Ok(!self.is_local(&entry.name)?),
            None => Ok(false),
        }
    }
}

/// A user in the name service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswdEntry {
    /// The canonical name.
    pub name: UserName,
    /// The user ID.
    pub uid: u32,
    /// The primary group's ID.
    pub gid: u32,
    /// Full name, room, telephones, separated by commas (chfn(1)).
    pub gecos: String,
}

/// Why the name service gives no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum NamesError {
    /// A look-up failed.
    #[error("the name service can't look up {what}: {error}; check nsswitch.conf and its services")]
    LookUp {
        /// The name or ID.
        what: String,
        /// Why it failed.
        error: std::io::Error,
    },
    /// The password age can't be read.
    #[error(
        "the password age of {user:?} can't be read: {error}; the agent must be able to read the shadow \
         database (on Debian: usermod -aG shadow mfa)"
    )]
    Shadow {
        /// The user.
        user: String,
        /// Why.
        error: std::io::Error,
    },
    /// The file of local users can't be read.
    #[error("{file} can't be read: {error}")]
    Passwd {
        /// The file.
        file: String,
        /// Why.
        error: std::io::Error,
    },
    /// The user database gives no answer.
    #[error(
        "the user database of systemd does not answer: {0}; check it: systemctl status systemd-userdbd.socket"
    )]
    Record(String),
    /// The name service returned an invalid name.
    #[error("the name service gives user {asked:?} a name that can't be used: {error}")]
    Name {
        /// The requested name.
        asked: String,
        /// What is wrong with the returned name.
        error: UserNameError,
    },
}
