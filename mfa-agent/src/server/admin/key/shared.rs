//! Whose key it is besides. One person may have two accounts, so that is said and not refused: to the administrator who
//! enrols it, and in the audit log. `mfactl doctor` compares all accounts, however many there are.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::super::super::Agent;
use super::super::super::error::Failure;
use mfa_core::account::Account;
use mfa_core::factors::security_key::PublicKey;
use mfa_core::names::UserName;

/// Accounts that are read at once.
const PAGE: usize = 500;

/// How long the caller waits for the comparison.
const PATIENCE: Duration = Duration::from_secs(1);

/// The most users that are named.
const NAMED: usize = 5;

/// Other users with one of some keys.
#[derive(Debug, Default)]
pub(super) struct Others {
    users: Vec<String>,
    /// The keys that they have.
    fingerprints: BTreeSet<String>,
    /// Whether there were too many accounts to compare them all.
    is_cut: bool,
}

impl Agent {
    /// The other users who have one of `keys`.
    pub(super) fn others_with(
        &self,
        user: &UserName,
        keys: &[PublicKey],
    ) -> Result<Others, Failure> {
        let (mut others, begun) = (Others::default(), Instant::now());
        let mut after: Option<String> = None;
        loop {
            let page = self.repository.page(after.as_deref(), PAGE)?;
            let is_last = page.len() < PAGE;
            after = page.last().map(|(name, _)| name.clone());
            for (name, account) in page.into_iter().filter(|(name, _)| name != user.as_str()) {
                others.take(name, &account, keys);
            }
            if is_last {
                return Ok(others);
            }
            if begun.elapsed() > PATIENCE {
                others.is_cut = true;
                return Ok(others);
            }
        }
    }
}

impl Others {
    fn take(&mut self, user: String, account: &Account, keys: &[PublicKey]) {
        let held = account
            .keys()
            .iter()
            .filter(|held| keys.contains(&held.key));
        let fingerprints: Vec<_> = held.map(|held| held.key.fingerprint()).collect();
        if !fingerprints.is_empty() {
            self.users.push(user);
            self.fingerprints.extend(fingerprints);
        }
    }

    /// For the audit log.
    pub(super) fn event_reason(&self) -> Option<String> {
        let names = self.names()?;
        Some(format!("also the key of {names}"))
    }

    /// For an administrator.
    pub(super) fn note(&self) -> Option<String> {
        let names = self.names().map(|names| {
            let keys: Vec<_> = self.fingerprints.iter().cloned().collect();
            format!(
                "Also a key of {names}: {}. Who holds it passes for each of them. Unless they are one person, it must not \
                 stay: mfactl remove key USER --label LABEL",
                keys.join(", ")
            )
        });
        let cut = self.is_cut.then_some(
            "Not all accounts were compared: mfactl doctor names every key that several users have",
        );
        let parts: Vec<_> = names.into_iter().chain(cut.map(str::to_owned)).collect();
        (!parts.is_empty()).then(|| parts.join("\n"))
    }

    fn names(&self) -> Option<String> {
        let shown = self.users.iter().take(NAMED).cloned();
        let mut names = shown.collect::<Vec<_>>().join(", ");
        if let more @ 1.. = self.users.len().saturating_sub(NAMED) {
            names += &format!(" and {more} more");
        }
        (!names.is_empty()).then_some(names)
    }
}
