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
}

impl KeyFault {
    /// What the audit log says of the key of that name.
    #[must_use]
    pub fn words(self, label: &str) -> String {
        match self {
            Self::Signature(fault) => format!("{fault} ({label:?})"),
            Self::WentBack => format!(
                "the key {label:?} counts fewer signatures than before: it may have been copied. If not, enable it \
                 again: mfactl enable key USER --label {label:?}"
            ),
        }
    }
}

impl KeyProof {
    /// The key.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        match self {
            Self::BySshd(key) | Self::Signed { key, .. } => key,
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
            Self::Signed { shown: Err(_), .. } => true,
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
}

impl Account {
    /// A key that was removed or disabled since it was asked does not count, and is no guess.
    pub(super) fn find_key_proof(&self, proof: &KeyProof) -> KeyMatch {
        let mut keys = self.keys.iter().enumerate();
        let is_it = |(_, key): &(usize, &SecurityKey)| key.enabled && key.key == *proof.key();
        let Some((index, key)) = keys.find(is_it) else {
            return KeyMatch::Gone;
        };
        match proof {
            KeyProof::BySshd(_) => KeyMatch::Right {
                index,
                counter: None,
            },
            KeyProof::Signed { known, shown, .. } => match shown {
                Ok(shown) if key.may_show(shown.counter, *known) => KeyMatch::Right {
                    index,
                    counter: Some(shown.counter),
                },
                Ok(_) => KeyMatch::Wrong {
                    index,
                    fault: KeyFault::WentBack,
                },
                Err(fault) => KeyMatch::Wrong {
                    index,
                    fault: KeyFault::Signature(*fault),
                },
            },
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
