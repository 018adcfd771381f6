//! What is set for one user, on top of the rules: must they have a factor, which are part of every
//! login, where may they come from, and may they set that themselves.
//!
//! What an administrator sets and what the user sets stand apart, and both hold: so users can make their
//! own logins stricter, and can take that back, but can loosen nothing that an administrator set.

use serde::{Deserialize, Serialize};

use super::Account;
use crate::factors::{Factor, FactorRow};
use crate::policy::{Enforce, Network, Networks, Personal};

/// Networks that may be listed for a user, by an administrator and by the user each.
pub const MAX_NETWORKS: usize = 32;

/// All that is set for a user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserSettings {
    /// Whether they must have a factor.
    pub enforce: Enforce,
    /// Whether they may set `own`, and change factors even where the host lets nobody.
    pub self_manage: bool,
    /// By an administrator.
    pub administrator: UserOverrides,
    /// By the user.
    pub own: UserOverrides,
}

/// What one side has set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserOverrides {
    /// Factors that are part of every login, in their usual order.
    pub require: Vec<Factor>,
    /// Where logins may come from; empty: anywhere.
    pub allow_from: Vec<Network>,
}

/// Who sets something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// An administrator.
    Administrator,
    /// The user.
    User,
}

/// Why something can't be set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// The factor is not set up.
    #[error("{user} has not set up {factor}{}; first: {}", .factor.row().enroll_note, .factor.enroll_command(.user))]
    NotSetUp {
        /// Who.
        user: String,
        /// What.
        factor: Factor,
    },
    /// The user takes back what an administrator set.
    #[error("an administrator requires {0}; only an administrator can take that back")]
    Administrators(Factor),
    /// More networks than there may be.
    #[error("{0} networks; at most {MAX_NETWORKS} can be listed")]
    TooMany(usize),
}

impl UserSettings {
    /// Whether nothing is set.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Factors that are part of every login, whoever set that.
    #[must_use]
    pub fn required(&self) -> Vec<Factor> {
        let sides = [&self.administrator, &self.own];
        let required = |factor: &Factor| sides.iter().any(|side| side.require.contains(factor));
        Factor::ALL.into_iter().filter(required).collect()
    }

    fn side(&mut self, by: By) -> &mut UserOverrides {
        match by {
            By::Administrator => &mut self.administrator,
            By::User => &mut self.own,
        }
    }
}

impl UserOverrides {
    fn require(&mut self, factor: Factor, on: bool) {
        let wanted = |other: &Factor| match *other == factor {
            true => on,
            false => self.require.contains(other),
        };
        self.require = Factor::ALL.into_iter().filter(wanted).collect();
    }
}

impl Account {
    /// What is set for the user.
    #[must_use]
    pub fn settings(&self) -> &UserSettings {
        &self.settings
    }

    /// The same, as the policy takes it.
    #[must_use]
    pub fn personal(&self) -> Personal {
        let settings = &self.settings;
        let sides = [&settings.administrator, &settings.own];
        let networks = |side: &&UserOverrides| Networks::new(side.allow_from.clone());
        Personal {
            enforce: settings.enforce,
            require: settings.required(),
            allow_from: sides.iter().filter_map(networks).collect(),
        }
    }

    /// Whether an administrator made `factor` part of every login: the user can't get rid of it.
    #[must_use]
    pub fn admin_required(&self, factor: Factor) -> bool {
        self.settings.administrator.require.contains(&factor)
    }

    /// Whether this side has made `factor` part of every login.
    #[must_use]
    pub fn requires(&self, factor: Factor, by: By) -> bool {
        let side = match by {
            By::Administrator => &self.settings.administrator,
            By::User => &self.settings.own,
        };
        side.require.contains(&factor)
    }

    /// Makes a factor part of every login, or takes that back; an administrator takes back what the user
    /// set as well. Returns whether anything changed.
    ///
    /// # Errors
    ///
    /// [`SettingError`] when the factor is not set up, or an administrator's wish is to be taken back by
    /// the user. A code is the exception: an administrator may require it before there is a device. A user
    /// may not: without one they could prove themselves no more, and not take it back.
    pub fn require(
        &mut self,
        user: &str,
        factor: Factor,
        on: bool,
        by: By,
    ) -> Result<bool, SettingError> {
        if on && self.requires(factor, by) {
            return Ok(false);
        }
        let may_come_later = factor.row().may_be_required_first && by == By::Administrator;
        if on && !may_come_later && !self.has(factor) {
            let user = user.to_owned();
            return Err(SettingError::NotSetUp { user, factor });
        }
        if !on && by == By::User && self.admin_required(factor) {
            return Err(SettingError::Administrators(factor));
        }
        Ok(self.set(|settings| {
            settings.side(by).require(factor, on);
            if !on && by == By::Administrator {
                settings.own.require(factor, false);
            }
        }))
    }

    /// Sets whether the user must have a factor. Returns whether that changed.
    pub fn enforce(&mut self, level: Enforce) -> bool {
        self.set(|settings| settings.enforce = level)
    }

    /// Sets whether the user may set things. Returns whether that changed.
    pub fn set_self_manage(&mut self, on: bool) -> bool {
        self.set(|settings| settings.self_manage = on)
    }

    /// Sets where the user may come from; no networks: anywhere, whereby an administrator takes back what
    /// the user set as well. Returns whether anything changed.
    ///
    /// # Errors
    ///
    /// [`SettingError::TooMany`].
    pub fn allow_from(&mut self, networks: &[Network], by: By) -> Result<bool, SettingError> {
        if networks.len() > MAX_NETWORKS {
            return Err(SettingError::TooMany(networks.len()));
        }
        Ok(self.set(|settings| {
            settings.side(by).allow_from = networks.to_vec();
            if networks.is_empty() && by == By::Administrator {
                settings.own.allow_from.clear();
            }
        }))
    }

    fn set(&mut self, change: impl FnOnce(&mut UserSettings)) -> bool {
        let before = self.settings.clone();
        change(&mut self.settings);
        before != self.settings
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::full;
    use super::*;

    const ADMIN: By = By::Administrator;

    #[test]
    fn questions_and_a_pin_are_required_only_once_they_are_set_up() {
        let mut account = Account::default();
        for factor in [Factor::Questions, Factor::Pin] {
            let error = account.require("anna", factor, true, ADMIN).unwrap_err();
            let text = error.to_string();
            assert!(
                text.contains(&format!("mfactl enroll {factor} anna")),
                "{text}"
            );
        }
        let error = account.require("anna", Factor::Totp, true, By::User);
        assert!(matches!(error, Err(SettingError::NotSetUp { .. })));
        assert_eq!(account.require("anna", Factor::Totp, true, ADMIN), Ok(true));
        assert_eq!(
            full().require("anna", Factor::Questions, true, ADMIN),
            Ok(true)
        );
    }

    #[test]
    fn a_user_takes_back_their_own_wish_but_not_an_administrator_s() {
        let mut account = full();
        account
            .require("anna", Factor::Pin, true, By::User)
            .unwrap();
        assert_eq!(
            account.require("anna", Factor::Pin, false, By::User),
            Ok(true)
        );
        account.require("anna", Factor::Pin, true, ADMIN).unwrap();
        assert_eq!(
            account.require("anna", Factor::Pin, false, By::User),
            Err(SettingError::Administrators(Factor::Pin))
        );
        assert_eq!(account.settings().required(), [Factor::Pin]);
    }

    #[test]
    fn an_administrator_takes_back_both_sides() {
        let mut account = full();
        account
            .require("anna", Factor::Pin, true, By::User)
            .unwrap();
        account
            .allow_from(&["192.0.2.0/24".parse().unwrap()], By::User)
            .unwrap();
        assert_eq!(account.require("anna", Factor::Pin, false, ADMIN), Ok(true));
        assert_eq!(account.allow_from(&[], ADMIN), Ok(true));
        assert!(account.settings().is_default());
    }

    #[test]
    fn doing_it_twice_changes_nothing() {
        let mut account = full();
        let office: [Network; 1] = ["192.0.2.0/24".parse().unwrap()];
        for first in [true, false] {
            assert_eq!(account.require("anna", Factor::Pin, true, ADMIN), Ok(first));
            assert_eq!(account.allow_from(&office, ADMIN), Ok(first));
            assert_eq!(account.enforce(Enforce::Required), first);
            assert_eq!(account.set_self_manage(true), first);
        }
    }

    #[test]
    fn the_policy_is_told_both_sides_of_where_logins_may_come_from() {
        let mut account = Account::default();
        account
            .allow_from(&["192.0.2.0/24".parse().unwrap()], ADMIN)
            .unwrap();
        account
            .allow_from(&["192.0.2.7".parse().unwrap()], By::User)
            .unwrap();
        assert_eq!(account.personal().allow_from.len(), 2);
    }
}
