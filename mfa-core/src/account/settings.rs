//! Settings of one user, in addition to the rules: whether they need a factor, which factors every
//! login needs, where they may log in from, and whether they may change these.
//!
//! Settings by an administrator and by the user are separate, and both apply: users can make their
//! own logins stricter and undo that, but can't loosen what an administrator set.

use serde::{Deserialize, Serialize};

use super::Account;
use crate::factors::{Factor, FactorRow};
use crate::policy::{Enforcement, Network, Networks, Personal};

/// The most networks that an administrator and the user may list, each.
pub const MAX_NETWORKS: usize = 32;

/// The settings of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserSettings {
    /// Whether the user needs a factor.
    pub enforce: Enforcement,
    /// Whether the user may change `own`, and factors even if the host allows no user to.
    pub self_manage: bool,
    /// The factor that is asked for first, where there is a choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred: Option<Factor>,
    /// Set by an administrator.
    pub administrator: UserOverrides,
    /// Set by the user.
    pub own: UserOverrides,
}

/// The settings of one side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserOverrides {
    /// Factors that every login needs, in their usual order.
    pub require: Vec<Factor>,
    /// Where logins may come from; empty: anywhere.
    pub allow_from: Vec<Network>,
}

/// Who changes a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// An administrator.
    Administrator,
    /// The user.
    User,
}

/// Why a setting can't be changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// The factor is not set up.
    #[error("{user} has not enrolled {factor}{}; enrol it first: {}", .factor.row().enroll_note, .factor.enroll_command(.user))]
    NotSetUp {
        /// The user.
        user: String,
        /// The factor.
        factor: Factor,
    },
    /// The user tries to undo an administrator's setting.
    #[error("an administrator requires {0}, so only an administrator can change this")]
    Administrators(Factor),
    /// Too many networks.
    #[error("{0} networks; at most {MAX_NETWORKS} can be listed")]
    TooMany(usize),
}

impl UserSettings {
    /// Whether nothing is set.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Factors that every login needs, set by the user or an administrator.
    #[must_use]
    pub fn required(&self) -> Vec<Factor> {
        let sides = [&self.administrator, &self.own];
        let required = |factor: &Factor| sides.iter().any(|side| side.require.contains(factor));
        Factor::ALL.into_iter().filter(required).collect()
    }

    /// The stricter of both, of two records of one user that become one.
    pub(super) fn joined(&self, other: &Self) -> Self {
        let enforce = match (self.enforce, other.enforce) {
            (one, two) if one == two => one,
            (Enforcement::Required, _) | (_, Enforcement::Required) => Enforcement::Required,
            _ => Enforcement::Default,
        };
        Self {
            enforce,
            self_manage: self.self_manage && other.self_manage,
            preferred: self.preferred.or(other.preferred),
            administrator: self.administrator.joined(&other.administrator),
            own: self.own.joined(&other.own),
        }
    }

    /// Whether it has not all of what `other` sets.
    pub(super) fn lacks(&self, other: &Self) -> bool {
        let is_other_enforced =
            other.enforce != Enforcement::Default && other.enforce != self.enforce;
        let is_other_preferred = other.preferred.is_some() && other.preferred != self.preferred;
        let sides = [
            (&self.administrator, &other.administrator),
            (&self.own, &other.own),
        ];
        let lacks = |(one, two): (&UserOverrides, &UserOverrides)| {
            !two.allow_from.is_empty() && two.allow_from != one.allow_from
        };
        is_other_enforced
            || is_other_preferred
            || (other.self_manage && !self.self_manage)
            || sides.into_iter().any(lacks)
    }

    fn side(&mut self, by: By) -> &mut UserOverrides {
        match by {
            By::Administrator => &mut self.administrator,
            By::User => &mut self.own,
        }
    }
}

impl UserOverrides {
    /// All that either requires. Of two lists of networks this one's stays: logins from neither would lock the user out.
    fn joined(&self, other: &Self) -> Self {
        let mut joined = self.clone();
        for factor in &other.require {
            joined.require(*factor, true);
        }
        if joined.allow_from.is_empty() {
            joined.allow_from.clone_from(&other.allow_from);
        }
        joined
    }

    fn require(&mut self, factor: Factor, on: bool) {
        let wanted = |other: &Factor| match *other == factor {
            true => on,
            false => self.require.contains(other),
        };
        self.require = Factor::ALL.into_iter().filter(wanted).collect();
    }
}

impl Account {
    /// The user's settings.
    #[must_use]
    pub fn settings(&self) -> &UserSettings {
        &self.settings
    }

    /// The settings, in the form that the policy needs.
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

    /// Whether an administrator requires `factor` in every login, so that the user can't undo that.
    #[must_use]
    pub fn admin_required(&self, factor: Factor) -> bool {
        self.settings.administrator.require.contains(&factor)
    }

    /// Whether this side requires `factor` in every login.
    #[must_use]
    pub fn requires(&self, factor: Factor, by: By) -> bool {
        let side = match by {
            By::Administrator => &self.settings.administrator,
            By::User => &self.settings.own,
        };
        side.require.contains(&factor)
    }

    /// Requires a factor in every login, or undoes that; an administrator also undoes the user's
    /// own setting. Returns whether anything changed.
    ///
    /// # Errors
    ///
    /// [`SettingError`] when the factor is not enrolled, or the user tries to undo an
    /// administrator's setting. An administrator may require a code before there is a device; a
    /// user may not, because without one they could not prove themselves to undo it.
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

    /// Sets which factor is asked for first; none: in the policy's order. Returns whether that changed.
    ///
    /// # Errors
    ///
    /// [`SettingError::NotSetUp`].
    pub fn prefer(&mut self, user: &str, factor: Option<Factor>) -> Result<bool, SettingError> {
        if let Some(factor) = factor.filter(|factor| !self.has(*factor)) {
            let user = user.to_owned();
            return Err(SettingError::NotSetUp { user, factor });
        }
        Ok(self.set(|settings| settings.preferred = factor))
    }

    /// Sets whether the user needs a factor. Returns whether that changed.
    pub fn enforce(&mut self, level: Enforcement) -> bool {
        self.set(|settings| settings.enforce = level)
    }

    /// Sets whether the user may change settings. Returns whether that changed.
    pub fn set_self_manage(&mut self, on: bool) -> bool {
        self.set(|settings| settings.self_manage = on)
    }

    /// Sets where the user may log in from; without networks: anywhere, and an administrator also
    /// clears the user's own list. Returns whether anything changed.
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
    fn questions_and_a_pin_are_required_only_once_they_are_enrolled() {
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
    fn a_user_undoes_their_own_setting_but_not_an_administrators() {
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
    fn an_administrator_undoes_both_sides() {
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
            assert_eq!(account.enforce(Enforcement::Required), first);
            assert_eq!(account.set_self_manage(true), first);
        }
    }

    #[test]
    fn only_a_factor_that_the_user_has_can_be_preferred() {
        let mut account = full();
        assert!(account.prefer("anna", Some(Factor::Sms)).is_err());
        assert_eq!(account.prefer("anna", Some(Factor::Pin)), Ok(true));
        assert_eq!(account.prefer("anna", Some(Factor::Pin)), Ok(false));
        assert_eq!(account.settings().preferred, Some(Factor::Pin));
        assert_eq!(account.prefer("anna", None), Ok(true));
        assert!(account.settings().is_default());
    }

    #[test]
    fn the_policy_gets_the_networks_of_both_sides() {
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
