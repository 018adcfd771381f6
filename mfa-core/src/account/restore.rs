//! A record from a backup, put in the place of one that may know more.
//!
//! A restore never makes a used code good again, takes no lock back, and enables nothing that was disabled since. Where the replaced record knows of a later
//! step, counter, lock or used code, the later one wins. Where there is no such record, the time now is taken for the
//! last use of each device with a clock; of one that counts nothing is known. A security key needs no such care: it signs a
//! fresh challenge each time, and its counter only tells a copy from it.

use jiff::Timestamp;

use super::{Account, Contact, Device, SecurityKey};
use crate::lockout::Lockout;

/// A restored record, and what could not be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The record.
    pub account: Account,
    /// TOTP devices that nothing was known of: their codes up to now count as used.
    pub assumed: u32,
    /// HOTP devices that nothing is known of: codes used since the backup are good again.
    pub unknown_counters: u32,
    /// Recovery codes that nothing is known of: the same.
    pub unknown_codes: u32,
}

impl Account {
    /// This record as a backup has it, to replace `live`.
    ///
    /// Sessions end. A bypass code stays good only if `live` has it unused, and a suspension lasts only if `live` has it.
    #[must_use]
    pub fn restored(mut self, live: Option<&Self>, now: Timestamp) -> Restored {
        let (mut assumed, mut unknown_counters) = (0, 0);
        for device in &mut self.devices {
            let same = |known: &&Device| known.generator == device.generator;
            match live.and_then(|live| live.devices.iter().find(same)) {
                Some(known) => device.catch_up_with(known),
                None if device.assume_used(now) => assumed += 1,
                None => unknown_counters += 1,
            }
        }
        if let Some(live) = live {
            self.leave_disabled(live);
            for key in &mut self.keys {
                let same = |known: &&SecurityKey| known.key == key.key;
                if let Some(known) = live.keys.iter().find(same) {
                    key.catch_up_with(known);
                }
            }
        }
        let known_codes = live.and_then(|live| live.recovery.as_ref());
        let unknown_codes = match known_codes {
            Some(_) => 0,
            None => self.recovery_left().unwrap_or(0),
        };
        self.recovery = match (self.recovery.take(), known_codes) {
            (Some(codes), Some(known)) => Some(codes.restored(known)),
            (codes, _) => codes,
        };
        let known_bypass = live.and_then(|live| live.bypass.as_ref());
        if let Some(bypass) = self
            .bypass
            .as_mut()
            .filter(|it| Some(&**it) != known_bypass)
        {
            bypass.expire();
        }
        self.sessions.clear();
        let known_suspension = live.and_then(|live| live.suspension);
        self.suspension = self.suspension.filter(|it| Some(*it) == known_suspension);
        if let Some(live) = live {
            self.lockout = std::mem::take(&mut self.lockout).restored(&live.lockout, now);
            self.messages = live.messages.clone();
            self.requests = live.requests.clone();
            self.used_bypass = live.used_bypass.or(self.used_bypass);
            self.grace_since = match (self.grace_since, live.grace_since) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
            self.generation = self.generation.max(live.generation);
        }
        self.generation += 1;
        Restored {
            account: self,
            assumed,
            unknown_counters,
            unknown_codes,
        }
    }

    /// How many factors and lists of recovery codes this record, of a backup, has that were removed from `live` since.
    #[must_use]
    pub fn removed_since(&self, live: &Self) -> u32 {
        // Without a change of the factors since then nothing was removed; it is another account, or an unused one.
        if live.generation <= self.generation {
            return 0;
        }
        let is_gone = |device: &&Device| {
            let same = |known: &Device| known.generator == device.generator;
            !live.devices.iter().any(same)
        };
        let devices = self.devices.iter().filter(is_gone).count();
        let is_gone =
            |contact: &&Contact| !live.contacts.iter().any(|known| known.to == contact.to);
        let contacts = self.contacts.iter().filter(is_gone).count();
        let is_gone = |key: &&SecurityKey| !live.keys.iter().any(|known| known.key == key.key);
        let keys = self.keys.iter().filter(is_gone).count();
        let single = [
            self.pin.is_some() && live.pin.is_none(),
            self.questions.is_some() && live.questions.is_none(),
            self.remote.is_some() && live.remote.is_none(),
            self.recovery.is_some() && live.recovery.is_none(),
        ];
        let single = single.into_iter().filter(|is_gone| *is_gone).count();
        u32::try_from(devices + keys + contacts + single).unwrap_or(u32::MAX)
    }

    /// Leaves disabled what has been disabled since the backup.
    fn leave_disabled(&mut self, live: &Self) {
        for contact in &mut self.contacts {
            let known = live.contacts.iter().find(|known| known.to == contact.to);
            contact.enabled &= known.is_none_or(|known| known.enabled);
        }
        if let (Some(remote), Some(known)) = (&mut self.remote, &live.remote)
            && (&remote.server, &remote.user) == (&known.server, &known.user)
        {
            remote.enabled &= known.enabled;
        }
    }

    /// What is left of an account that the backup does not have: lock, failures and limits, without any factor. None if
    /// there is nothing worth keeping.
    #[must_use]
    pub fn left_over(&self) -> Option<Self> {
        let left = Self {
            generation: self.generation + 1,
            lockout: self.lockout.clone(),
            messages: self.messages.clone(),
            requests: self.requests.clone(),
            grace_since: self.grace_since,
            ..Self::default()
        };
        let counts = left.lockout != Lockout::default()
            || !left.messages.is_empty()
            || !left.requests.is_empty()
            || left.grace_since.is_some();
        counts.then_some(left)
    }

    /// Drops recovery codes whose hashes were made with a key that is not used any more.
    pub fn forget_foreign_codes(&mut self) {
        self.recovery = None;
        self.used_bypass = None;
    }
}

impl Device {
    /// Takes what a later state of the same device knows.
    fn catch_up_with(&mut self, known: &Self) {
        self.last_step = self.last_step.max(known.last_step);
        self.told_step = self.told_step.max(known.told_step);
        self.offset = known.offset;
        self.out_of_sync = known.out_of_sync;
        self.enabled &= known.enabled;
        self.dates.last_used_at = self.dates.last_used_at.max(known.dates.last_used_at);
    }

    /// Uses up the code of now and all before it. Returns whether there is such a code: a counter has none.
    pub(super) fn assume_used(&mut self, now: Timestamp) -> bool {
        let shown = self.generator.shown(now, self.offset);
        self.last_step = self.last_step.max(shown);
        shown.is_some()
    }
}

#[cfg(test)]
mod tests;
