//! How many logins of one account may be open at a time, over all callers.
//!
//! A user who leaves many of them at the prompt (`su` to the own account, in a loop) uses no more connections than
//! this.

use std::sync::Arc;

use super::super::counter::{Counter, Held};
use crate::config::Settings;
use mfa_core::names::UserName;

/// The open logins of each account.
#[derive(Clone, Default)]
pub(in crate::server) struct OpenLogins(Arc<Counter<UserName>>);

/// The right to one.
pub(in crate::server) type OpenLogin = Held<UserName>;

impl OpenLogins {
    /// Counts a login of `user`; none if as many as may are open: an eighth of all connections.
    pub(in crate::server) fn enter(
        &self,
        user: &UserName,
        settings: &Settings,
    ) -> Option<OpenLogin> {
        let server = &settings.server;
        let most = (server.max_connections / 8).max(server.max_connections_per_user);
        let held = self.0.enter_with(|counts| {
            let fits = counts.of(user) < most;
            fits.then(|| (vec![user.clone()], ()))
        });
        held.map(|(login, ())| login)
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
        assert!(logins.0.await_none(std::time::Duration::ZERO));
        assert!(enter("anna").is_some());
    }
}
