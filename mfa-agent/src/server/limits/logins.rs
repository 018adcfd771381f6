//! How many logins of one account may be open at a time, whoever asks.
//!
//! Whoever leaves many of them at the prompt (`su` to one's own account, in a loop) takes no more connections than that.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::Settings;
use mfa_core::names::UserName;

/// The open logins of each account. Only accounts that have one are in here, so it can't outgrow the connections.
#[derive(Clone, Default)]
pub(in crate::server) struct OpenLogins(Arc<Mutex<HashMap<UserName, u32>>>);

/// The right to one. Given back when dropped.
pub(in crate::server) struct OpenLogin {
    logins: OpenLogins,
    user: UserName,
}

impl OpenLogins {
    /// Counts a login of `user`; none if as many as may are open: an eighth of all connections.
    pub(in crate::server) fn enter(
        &self,
        user: &UserName,
        settings: &Settings,
    ) -> Option<OpenLogin> {
        let server = &settings.server;
        let most = (server.max_connections / 8).max(server.max_connections_per_user);
        let mut counts = self.counts();
        let count = counts.entry(user.clone()).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(OpenLogin {
            logins: self.clone(),
            user: user.clone(),
        })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<UserName, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OpenLogin {
    fn drop(&mut self) {
        let mut counts = self.logins.counts();
        if let Some(count) = counts.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_account_has_an_eighth_of_the_connections_and_others_have_their_own() {
        let (logins, mut settings) = (OpenLogins::default(), Settings::default());
        settings.server.max_connections = 24;
        settings.server.max_connections_per_user = 1;
        let enter = |user: &str| logins.enter(&user.parse().unwrap(), &settings);
        let held = [1, 2, 3].map(|_| enter("anna").unwrap());
        assert!(enter("anna").is_none());
        assert!(enter("bob").is_some());
        drop(held);
        assert!(logins.counts().is_empty());
        assert!(enter("anna").is_some());
    }
}
