//! Keys that stay the same when the key is changed, and move with a backup.
//!
//! Recovery codes are stored as keyed hashes, which can't be made again without the codes. And a name without an account
//! is always asked the same: if that changed with the key, it would tell such a name from a real account.

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::MasterKey;

/// The keys. Shown by nothing.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Texts", into = "Texts")]
pub struct Lasting {
    pub(super) slots: Zeroizing<[u8; 32]>,
    pub(super) pepper: Zeroizing<[u8; 32]>,
}

/// As they are stored, within a sealed record or backup.
#[derive(Serialize, Deserialize)]
struct Texts {
    slots: Zeroizing<String>,
    pepper: Zeroizing<String>,
}

impl Lasting {
    /// Those of a key that was never changed.
    pub(super) fn of(key: &MasterKey) -> Self {
        Self {
            slots: key.derive(b"pam-mfa slot key v1"),
            pepper: key.derive(b"pam-mfa recovery code key v1"),
        }
    }
}

impl From<Lasting> for Texts {
    fn from(keys: Lasting) -> Self {
        let text = |key: &[u8; 32]| Zeroizing::new(BASE64.encode(key));
        Self {
            slots: text(&keys.slots),
            pepper: text(&keys.pepper),
        }
    }
}

impl TryFrom<Texts> for Lasting {
    type Error = &'static str;

    fn try_from(texts: Texts) -> Result<Self, Self::Error> {
        let key = |text: &str| {
            let bytes = Zeroizing::new(BASE64.decode(text.as_bytes()).ok()?);
            let mut key = Zeroizing::new([0; 32]);
            (bytes.len() == key.len()).then(|| key.copy_from_slice(&bytes))?;
            Some(key)
        };
        let keys = key(&texts.slots).zip(key(&texts.pepper));
        let (slots, pepper) = keys.ok_or("not two keys")?;
        Ok(Self { slots, pepper })
    }
}
