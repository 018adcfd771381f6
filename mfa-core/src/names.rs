//! Users and groups, as the host knows them.
//!
//! A user name comes in from a program or a person and becomes a [`UserName`], which can't hold a wrong
//! one. The name service (files, SSSD, LDAP, winbind …) is asked through libc. An account needs no entry
//! there: users of a VPN often have none. Where there is one, its own spelling is the key of the account,
//! so that no other spelling makes a second account. A name service that fails is an error, never "no such
//! user"; whoever gets it fails closed.

mod user_name;

use std::collections::BTreeSet;

pub use user_name::is_invisible;
pub use user_name::{UserName, UserNameError};

/// Names of groups.
pub type Groups = BTreeSet<String>;

/// The name service; tests bring their own.
pub trait Names: Send + Sync {
    /// The user's entry, with its name in the spelling that the name service gives; `None` when there is
    /// none, which is no error.
    ///
    /// # Errors
    ///
    /// [`NamesError`] when the name service doesn't work.
    fn canonical(&self, user: &UserName) -> Result<Option<Entry>, NamesError>;

    /// Those of the groups in `wanted` that the user is in. `entry` is what [`Names::canonical`] found:
    /// with it the primary group counts too; users without an entry may still stand in a group's list of
    /// members. Only the groups in `wanted` are looked up, however many the user has.
    ///
    /// # Errors
    ///
    /// [`NamesError`] when the name service doesn't work.
    fn groups(
        &self,
        user: &UserName,
        entry: Option<&Entry>,
        wanted: &[String],
    ) -> Result<Groups, NamesError>;

    /// Whether the user stands in `/etc/passwd`.
    ///
    /// # Errors
    ///
    /// [`NamesError`] when it can't be read.
    fn is_local(&self, user: &UserName) -> Result<bool, NamesError>;

    /// The user of a user id, such as that of a calling process; `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`NamesError`] when the name service doesn't work.
    fn by_uid(&self, uid: u32) -> Result<Option<Entry>, NamesError>;

    /// The users who are listed as members of a group; `None` when there is no such group. Users whose
    /// primary group it is need not be listed there.
    ///
    /// # Errors
    ///
    /// [`NamesError`] when the name service doesn't work.
    fn members(&self, group: &str) -> Result<Option<Vec<String>>, NamesError>;

    /// After how many days at most the user has to change their password (shadow(5)); `None` when there
    /// is no such limit, or no such user.
    ///
    /// # Errors
    ///
    /// [`NamesError`] when it can't be read.
    fn password_max_days(&self, user: &UserName) -> Result<Option<u32>, NamesError>;

    /// The user id of a name; `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`NamesError`] when the name service doesn't work.
    fn uid(&self, name: &UserName) -> Result<Option<u32>, NamesError> {
        Ok(self.canonical(name)?.map(|entry| entry.uid))
    }

    /// Whether another source than `/etc/passwd` vouches for the user. One who is in no source at all is
    /// not federated: no identity provider has asked them for anything.
    ///
    /// # Errors
    ///
    /// [`NamesError`] when the name service doesn't work.
    fn is_federated(&self, entry: Option<&Entry>) -> Result<bool, NamesError> {
        match entry {
            Some(entry) => Ok(!self.is_local(&entry.name)?),
            None => Ok(false),
        }
    }
}

/// A user in the name service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The canonical name.
    pub name: UserName,
    /// The user id.
    pub uid: u32,
    /// The primary group's id.
    pub gid: u32,
}

/// The name service does not work.
#[derive(Debug, thiserror::Error)]
pub enum NamesError {
    /// A look-up failed.
    #[error("the name service can't look up {what}: {error}; see nsswitch.conf and its services")]
    LookUp {
        /// What was looked up.
        what: String,
        /// Why it failed.
        error: std::io::Error,
    },
    /// The users' passwords' ages can't be read.
    #[error(
        "the password age of {user:?} can't be read: {error}; the agent must be able to read the shadow \
         database (on Debian: usermod -aG shadow mfa)"
    )]
    Shadow {
        /// Whose.
        user: String,
        /// Why.
        error: std::io::Error,
    },
    /// The users' file can't be read.
    #[error("{file} can't be read: {error}")]
    Passwd {
        /// The file.
        file: String,
        /// Why.
        error: std::io::Error,
    },
    /// The name service gave a name that is none.
    #[error("the name service gives user {asked:?} a name that can't be used: {error}")]
    Name {
        /// The name asked for.
        asked: String,
        /// What is wrong with the name it gave.
        error: UserNameError,
    },
}
