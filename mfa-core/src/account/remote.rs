//! The account of a user at a RADIUS server, which verifies their answers.

use serde::{Deserialize, Serialize};

use super::contact::{is_yes, yes};
use super::{Account, Dates, Label};

/// An account at a RADIUS server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remote {
    /// The name of the server in the settings.
    pub server: Label,
    /// The user's name there; `None` if it is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<RemoteName>,
    /// Whether the server is asked.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub enabled: bool,
    /// When it was enrolled, and last used.
    #[serde(flatten)]
    pub dates: Dates,
}

/// A user's name at a RADIUS server: 1 to 253 bytes (RFC 2865 §5.1) without control characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RemoteName(String);

/// The text is not a valid name at a RADIUS server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name at a RADIUS server has 1 to 253 bytes and no control characters")]
pub struct RemoteNameError;

impl RemoteName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for RemoteName {
    type Err = RemoteNameError;

    fn from_str(text: &str) -> Result<Self, RemoteNameError> {
        let fits = (1..=253).contains(&text.len()) && !text.contains(char::is_control);
        fits.then(|| Self(text.to_owned())).ok_or(RemoteNameError)
    }
}

impl TryFrom<String> for RemoteName {
    type Error = RemoteNameError;

    fn try_from(text: String) -> Result<Self, RemoteNameError> {
        text.parse()
    }
}

impl From<RemoteName> for String {
    fn from(name: RemoteName) -> Self {
        name.0
    }
}

impl Account {
    /// The account at a RADIUS server.
    #[must_use]
    pub fn remote(&self) -> Option<&Remote> {
        self.remote.as_ref()
    }

    /// The same, if the server may be asked.
    #[must_use]
    pub fn usable_remote(&self) -> Option<&Remote> {
        self.remote.as_ref().filter(|remote| remote.enabled)
    }

    /// Enables or disables the account at a RADIUS server. Returns whether that changed; `None` without one.
    pub fn enable_remote(&mut self, enabled: bool) -> Option<bool> {
        let remote = self.remote.as_mut()?;
        let changed = remote.enabled != enabled;
        remote.enabled = enabled;
        self.generation += u64::from(changed);
        Some(changed)
    }

    /// Sets the account at a RADIUS server, replacing an earlier one. Returns whether it changed.
    pub fn set_remote(&mut self, remote: Remote) -> bool {
        let is_same = |known: &Remote| known.server == remote.server && known.user == remote.user;
        if self.remote.as_ref().is_some_and(is_same) {
            return false;
        }
        self.remote = Some(remote);
        self.generation += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::samples::at;

    fn remote(server: &str, user: Option<&str>) -> Remote {
        Remote {
            server: server.parse().unwrap(),
            user: user.map(|user| user.parse().unwrap()),
            enabled: true,
            dates: Dates::enrolled(at(0)),
        }
    }

    #[test]
    fn setting_the_same_again_changes_nothing() {
        let mut account = Account::default();
        assert!(account.set_remote(remote("vip", None)));
        let before = account.clone();
        assert!(!account.set_remote(remote("vip", None)));
        assert_eq!(account, before);
        assert!(account.set_remote(remote("vip", Some("anna@example.org"))));
        assert_eq!(account.generation(), before.generation() + 1);
    }

    #[test]
    fn a_name_at_a_server_fits_into_its_attribute() {
        assert!("anna".parse::<RemoteName>().is_ok());
        assert!("ä".repeat(126).parse::<RemoteName>().is_ok());
        for bad in ["", "a\nb", &"x".repeat(254)] {
            assert!(bad.parse::<RemoteName>().is_err(), "{bad:?}");
        }
    }
}
