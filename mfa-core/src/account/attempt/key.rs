//! Security keys in an attempt: who has verified one, and whether it may have been copied.

use jiff::Timestamp;

use super::super::{Account, SecurityKey};
use crate::factors::security_key::PublicKey;
use crate::factors::security_key::challenge::{Assertion, SignatureFault};

/// That a login has met a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyProof {
    /// sshd has verified it.
    BySshd(PublicKey),
    /// Either, but the record said when the login began that it may have been copied. It never counts, also if it is
    /// enabled meanwhile: it is verified without the other answers of its way.
    OfSuspect(PublicKey),
    /// It has signed a challenge of this login, or something else.
    Signed {
        /// The key that was asked.
        key: PublicKey,
        /// The highest count that it had shown when the login began.
        known: u32,
        /// What its signature shows.
        shown: Result<Assertion, SignatureFault>,
    },
}

/// What a proof is worth by a record.
pub(super) enum KeyMatch {
    /// This key has shown this count; none by sshd.
    Right { index: usize, counter: Option<u32> },
    /// This key does not count.
    Wrong { index: usize, fault: KeyFault },
    /// The record has no such key any more.
    Gone,
}

/// Why a key that was met does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFault {
    /// Its signature is wrong, or shows too little.
    Signature(SignatureFault),
    /// Its count of signatures is not above one that it has shown before.
    WentBack,
    /// Its count went back in an earlier login.
    Suspect,
}

impl KeyFault {
    /// Whether it is a failure like a wrong code. What the key itself has signed is no guess; that its count goes back
    /// counts once in a login, so that several keys that were reset do not lock their owner out.
    pub(super) const fn is_failure(self, is_counted_already: bool) -> bool {
        match self {
            Self::Signature(fault) => !fault.is_genuine(),
            Self::WentBack => !is_counted_already,
            Self::Suspect => false,
        }
    }

    /// What the audit log says of the key of that name.
    #[must_use]
    pub fn words(self, label: &str) -> String {
        match self {
            Self::Signature(fault) => format!("{fault} ({label:?})"),
            Self::WentBack => format!(
                "the key {label:?} counts fewer signatures than before: it may have been copied, and counts nowhere from \
                 now on. If it was reset, enable it again: mfactl enable key USER --label {label:?}"
            ),
            Self::Suspect => format!(
                "the key {label:?} may have been copied, since it has counted fewer signatures than before, so it counts \
                 nowhere. If it was reset, enable it again: mfactl enable key USER --label {label:?}"
            ),
        }
    }
}

impl KeyProof {
    /// The key.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        match self {
            Self::BySshd(key) | Self::OfSuspect(key) | Self::Signed { key, .. } => key,
        }
    }

    /// Whether no change of the record can make it count.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        match self {
            Self::Signed {
                shown: Ok(shown),
                known,
                ..
            } => *known > 0 && shown.counter <= *known,
            Self::Signed { shown: Err(_), .. } | Self::OfSuspect(_) => true,
            Self::BySshd(_) => false,
        }
    }
}

impl SecurityKey {
    /// Whether a signature over a challenge of a login that began at `known` may show `counter`.
    ///
    /// The challenge was made after the login began, so the key has signed after all that was known then. Of logins at the
    /// same time one may be verified after another that has signed later: what is known meanwhile is no measure. The same
    /// count twice, though, is of two keys.
    fn may_show(&self, counter: u32, known: u32) -> bool {
        let counts_none = counter == 0 && known == 0 && self.counter == 0;
        counts_none || counter > known && counter != self.counter
    }

    /// The count that it has shown, none by sshd, or why it does not count. A wrong signature is wrong whatever the record
    /// says of the key: anybody could have made it.
    fn check(&self, proof: &KeyProof) -> Result<Option<u32>, KeyFault> {
        match proof {
            KeyProof::Signed {
                shown: Err(fault), ..
            } if !fault.is_genuine() => Err(KeyFault::Signature(*fault)),
            KeyProof::OfSuspect(_) => Err(KeyFault::Suspect),
            _ if self.went_back_at.is_some() => Err(KeyFault::Suspect),
            KeyProof::BySshd(_) => Ok(None),
            KeyProof::Signed { known, shown, .. } => {
                let shown = (*shown).map_err(KeyFault::Signature)?;
                match self.may_show(shown.counter, *known) {
                    true => Ok(Some(shown.counter)),
                    false => Err(KeyFault::WentBack),
                }
            }
        }
    }
}

impl Account {
    /// A key that was removed or disabled since it was asked does not count, and is no guess.
    pub(super) fn find_key_proof(&self, proof: &KeyProof) -> KeyMatch {
        let mut keys = self.keys.iter().enumerate();
        let is_it = |(_, key): &(usize, &SecurityKey)| key.enabled && key.key == *proof.key();
        let Some((index, key)) = keys.find(is_it) else {
            return KeyMatch::Gone;
        };
        match key.check(proof) {
            Ok(counter) => KeyMatch::Right { index, counter },
            Err(fault) => KeyMatch::Wrong { index, fault },
        }
    }

    /// The key has signed: whatever the other answers are, it will not show this count again.
    pub(super) fn count_key(&mut self, index: usize, counter: Option<u32>) {
        if let Some(key) = self.keys.get_mut(index) {
            key.counter = key.counter.max(counter.unwrap_or(0));
        }
    }

    /// The label of a key that does not count; the record remembers one that may have been copied.
    pub(super) fn note_wrong_key(
        &mut self,
        (index, fault): (usize, KeyFault),
        now: Timestamp,
    ) -> Option<(String, KeyFault)> {
        let key = self.keys.get_mut(index)?;
        if fault == KeyFault::WentBack {
            key.went_back_at = Some(now);
            // What it has begun ends, as if it had been disabled.
            self.generation += 1;
        }
        Some((key.label.to_string(), fault))
    }

    /// The key has passed a login. Returns its label and fingerprint.
    pub(super) fn use_key(&mut self, index: usize, now: Timestamp) -> Option<(String, String)> {
        let key = self.keys.get_mut(index)?;
        key.dates.last_used_at = Some(now);
        Some((key.label.to_string(), key.key.fingerprint()))
    }
}
