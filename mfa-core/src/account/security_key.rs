//! The user's security keys: their public halves, and how often each has signed by its own count.
//!
//! A key that was copied shows itself by that count: of two that sign, one falls behind. A login that sees the count go back
//! is refused, and from then on the key counts nowhere, whoever has it, until an administrator has enabled it again.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::contact::{is_yes, yes};
use super::{Account, Dates, Label};
use crate::factors::security_key::PublicKey;
pub use mfa_protocol::factor::MAX_KEYS;

/// A security key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityKey {
    /// Its name among the user's keys.
    pub label: Label,
    /// Its public half.
    pub key: PublicKey,
    /// Whether it is accepted.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub enabled: bool,
    /// When it was enrolled, and last used.
    #[serde(flatten)]
    pub dates: Dates,
    /// The highest count that it has shown. What sshd verifies shows none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) counter: u32,
    /// When the count went back: the key may have been copied.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::timestamp::second::optional"
    )]
    pub(super) went_back_at: Option<Timestamp>,
}

/// Why a key can't be added or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecurityKeyError {
    /// Another key has the label.
    #[error("there is already a key {0:?}; choose another label, or remove that key first")]
    LabelTaken(String),
    /// It is enrolled, by another name.
    #[error(
        "this key is already enrolled, as {0:?}; to rename it: mfactl rename key USER --label {0:?} --to NEW"
    )]
    KeyTaken(String),
    /// No key has this label or fingerprint.
    #[error("there is no key {0:?}; to list them: mfactl status USER")]
    Unknown(String),
    /// The user has no key.
    #[error("there is no key yet; to enrol one: mfactl enroll key USER < KEY.pub")]
    None,
    /// The user has several keys.
    #[error("there are several keys; name one: --label LABEL")]
    Which,
    /// The user has the most keys already.
    #[error(
        "there are already {MAX_KEYS} keys; remove one first. To list them: mfactl status USER"
    )]
    Full,
}

impl SecurityKey {
    /// A new key.
    #[must_use]
    pub fn new(label: Label, key: PublicKey, now: Timestamp) -> Self {
        Self {
            label,
            key,
            enabled: true,
            dates: Dates::enrolled(now),
            counter: 0,
            went_back_at: None,
        }
    }

    /// The same, after a signature that showed this count.
    #[must_use]
    pub fn counted(self, counter: u32) -> Self {
        Self { counter, ..self }
    }

    /// The highest count that it has shown.
    #[must_use]
    pub fn counter(&self) -> u32 {
        self.counter
    }

    /// Whether it may have been copied: its count went back since it was enabled.
    #[must_use]
    pub fn is_suspect(&self) -> bool {
        self.went_back_at.is_some()
    }

    /// When its count went back, if it did since it was enabled.
    #[must_use]
    pub fn went_back_at(&self) -> Option<Timestamp> {
        self.went_back_at
    }

    /// Takes what a later state of the same key knows, when a backup is restored.
    pub(super) fn catch_up_with(&mut self, known: &Self) {
        self.counter = known.counter;
        self.went_back_at = known.went_back_at;
        self.enabled &= known.enabled;
        self.dates.last_used_at = self.dates.last_used_at.max(known.dates.last_used_at);
    }

    /// Takes what another store knows of the same key: the stricter of both.
    pub(super) fn join(&mut self, other: &Self) {
        self.counter = self.counter.max(other.counter);
        self.went_back_at = self.went_back_at.max(other.went_back_at);
        self.enabled &= other.enabled;
        self.dates.last_used_at = self.dates.last_used_at.max(other.dates.last_used_at);
    }
}

impl Account {
    /// The security keys, in the order of enrolment.
    #[must_use]
    pub fn keys(&self) -> &[SecurityKey] {
        &self.keys
    }

    /// The keys that are accepted.
    pub fn usable_keys(&self) -> impl Iterator<Item = &SecurityKey> {
        self.enabled_keys().filter(|key| !key.is_suspect())
    }

    /// The keys that would be accepted, but may have been copied.
    pub fn suspect_keys(&self) -> impl Iterator<Item = &SecurityKey> {
        self.enabled_keys().filter(|key| key.is_suspect())
    }

    fn enabled_keys(&self) -> impl Iterator<Item = &SecurityKey> {
        self.keys.iter().filter(|key| key.enabled)
    }

    /// The same, as they are verified.
    #[must_use]
    pub fn keys_of_use(&self) -> Vec<PublicKey> {
        self.usable_keys().map(|key| key.key.clone()).collect()
    }

    /// Adds a key. Returns whether it is new; adding it again under its own label changes nothing.
    ///
    /// # Errors
    ///
    /// [`SecurityKeyError::KeyTaken`], [`SecurityKeyError::LabelTaken`] or [`SecurityKeyError::Full`]; the account is
    /// unchanged.
    pub fn add_key(&mut self, key: SecurityKey) -> Result<bool, SecurityKeyError> {
        if let Some(same) = self.keys.iter().find(|other| other.key == key.key) {
            return match same.label == key.label {
                true => Ok(false),
                false => Err(SecurityKeyError::KeyTaken(same.label.to_string())),
            };
        }
        if self.keys.iter().any(|other| other.label == key.label) {
            return Err(SecurityKeyError::LabelTaken(key.label.to_string()));
        }
        if self.keys.len() >= MAX_KEYS {
            return Err(SecurityKeyError::Full);
        }
        self.keys.push(key);
        self.generation += 1;
        Ok(true)
    }

    /// The key with this label or fingerprint, or the only one without a name.
    ///
    /// # Errors
    ///
    /// [`SecurityKeyError::Unknown`], [`SecurityKeyError::None`] or [`SecurityKeyError::Which`].
    pub fn find_key(&self, name: Option<&str>) -> Result<&SecurityKey, SecurityKeyError> {
        self.position_of_key(name).map(|index| &self.keys[index])
    }

    /// Renames a key. Returns the old label; `None` if it has the new one already.
    ///
    /// # Errors
    ///
    /// [`SecurityKeyError::LabelTaken`], or one of [`Account::find_key`].
    pub fn rename_key(
        &mut self,
        name: Option<&str>,
        to: &Label,
    ) -> Result<Option<Label>, SecurityKeyError> {
        let holder = self.keys.iter().position(|key| key.label == *to);
        let index = match (self.position_of_key(name), holder) {
            // It has the new name already.
            (Err(SecurityKeyError::Unknown(_)), Some(_)) => return Ok(None),
            (found, _) => found?,
        };
        match holder {
            Some(other) if other == index => Ok(None),
            Some(_) => Err(SecurityKeyError::LabelTaken(to.to_string())),
            None => Ok(Some(std::mem::replace(
                &mut self.keys[index].label,
                to.clone(),
            ))),
        }
    }

    /// Enables or disables a key. Returns its label, and whether that changed anything: enabling a key also forgets that its
    /// count went back, and the count.
    ///
    /// # Errors
    ///
    /// Those of [`Account::find_key`].
    pub fn enable_key(
        &mut self,
        name: Option<&str>,
        enabled: bool,
    ) -> Result<(Label, bool), SecurityKeyError> {
        let index = self.position_of_key(name)?;
        let key = &mut self.keys[index];
        let is_forgotten = enabled && key.went_back_at.take().is_some();
        if is_forgotten {
            // It was reset, and counts from the beginning: any count is above this one.
            key.counter = 0;
        }
        let is_switched = key.enabled != enabled;
        key.enabled = enabled;
        let label = key.label.clone();
        let is_changed = is_switched || is_forgotten;
        self.generation += u64::from(is_changed);
        Ok((label, is_changed))
    }

    /// Removes the key with this label or fingerprint, or all. Returns how many were there.
    pub fn remove_keys(&mut self, name: Option<&str>) -> u32 {
        let removed = match name {
            None => std::mem::take(&mut self.keys).len(),
            Some(_) => {
                let found = self.position_of_key(name);
                found.map_or(0, |index| self.keys.drain(index..=index).len())
            }
        };
        self.removed(removed)
    }

    /// The first of `key-1`, `key-2`, … that no key has.
    #[must_use]
    pub fn free_key_label(&self) -> Label {
        let taken = |label: &Label| self.keys.iter().any(|key| key.label == *label);
        let mut number = 1;
        while taken(&Label::of_key(number)) {
            number += 1;
        }
        Label::of_key(number)
    }

    fn position_of_key(&self, name: Option<&str>) -> Result<usize, SecurityKeyError> {
        match (name, self.keys.len()) {
            (Some(name), _) => {
                let by_fingerprint = |key: &SecurityKey| key.key.fingerprint() == name;
                let by_label = |key: &SecurityKey| key.label.as_str() == name;
                // A label may look like a fingerprint: users choose it.
                let found = self.keys.iter().position(by_fingerprint);
                let found = found.or_else(|| self.keys.iter().position(by_label));
                found.ok_or_else(|| SecurityKeyError::Unknown(name.to_owned()))
            }
            (None, 0) => Err(SecurityKeyError::None),
            (None, 1) => Ok(0),
            (None, _) => Err(SecurityKeyError::Which),
        }
    }
}

fn is_zero(counter: &u32) -> bool {
    *counter == 0
}

#[cfg(test)]
mod tests;
