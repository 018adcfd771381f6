//! Seals records before they reach a store, and opens them again.
//!
//! XChaCha20-Poly1305 with a key that never leaves this module. The record's store key is
//! authenticated, so a record copied to another user does not open: an attacker who reads or writes
//! the store gets no secret and can forge nothing. (They can put back an older state of the same
//! record, so the store must still be protected.)
//!
//! A sealed record is: version (1 byte), key ID (4 bytes), nonce (24 bytes), ciphertext and tag.

mod key;
mod lasting;
mod ring;
mod unused;

use std::fmt::{self, Write};
use std::sync::Arc;

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

pub use key::{KeyError, KeySource, MasterKey, sealed_credential};
pub use lasting::Lasting;
use mfa_core::factors::recovery::Pepper;
pub use ring::KeyRing;

const VERSION: u8 = 1;
/// The bytes of a key's ID.
pub(crate) const ID: usize = 4;
const NONCE: usize = 24;
const HEADER: usize = 1 + ID + NONCE;

/// What the key of a backup is sealed for.
const BACKUP: &[u8] = b"pam-mfa backup file key v1";

/// What the key of hidden names is derived for. No name contains a NUL byte.
const NAMES: &[u8] = b"\0pam-mfa name key v1";

/// The bytes of a hidden name.
const HIDDEN_NAME: usize = 16;

/// The longest store key, in bytes; its length is authenticated.
const MAX_KEY: usize = 1024;

/// Seals with one key, and opens with that key and with those before it.
pub struct Vault {
    sealing: Arc<Cipher>,
    /// Keys that sealed records before the key was changed.
    others: Vec<Arc<Cipher>>,
    lasting: Lasting,
    pepper: Pepper,
    /// Maps names to numbers.
    slots: Hmac<Sha256>,
    /// Hides the names of records.
    names: Hmac<Sha256>,
    /// The keys that open records, if not all do; the others open backups only.
    live: Option<Vec<[u8; ID]>>,
}

/// What one key seals with.
struct Cipher {
    id: [u8; ID],
    records: XChaCha20Poly1305,
    backups: XChaCha20Poly1305,
    /// What lasts in a store whose first key it is.
    lasting: Lasting,
}

impl Cipher {
    fn new(key: &MasterKey) -> Self {
        let mut id = [0; ID];
        id.copy_from_slice(&key.derive(b"pam-mfa key id v1")[..ID]);
        let cipher = |purpose: &[u8]| XChaCha20Poly1305::new((&*key.derive(purpose)).into());
        Self {
            id,
            records: cipher(b"pam-mfa record key v1"),
            backups: cipher(b"pam-mfa backup key v1"),
            lasting: Lasting::of(key),
        }
    }
}

/// Why a record can't be opened or sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// It is too short, or has an unknown version.
    #[error("a record is damaged, or was written by a newer version; restore it from a backup")]
    Malformed,
    /// It was sealed with another key.
    #[error(
        "a record was sealed with key {sealed}, but the agent has key {here}; restore the key \
         file that belongs to this store"
    )]
    OtherKey {
        /// The ID of the key that it was sealed with.
        sealed: String,
        /// The ID of the agent's key.
        here: String,
    },
    /// It was sealed with a key that was replaced.
    #[error(
        "a record was sealed with key {0}, which was replaced and opens backups only: it was put back, or who has that key \
         wrote it; restore it from a backup"
    )]
    Retired(String),
    /// It was changed, or belongs to another account.
    #[error(
        "a record was tampered with, or moved here from another account; restore it from a backup"
    )]
    Forged,
    /// The store key or the record is too long.
    #[error("a record can't be sealed: it or its key is too long")]
    TooLong,
}

impl Vault {
    /// A vault with this key.
    #[must_use]
    pub fn new(key: &MasterKey) -> Self {
        Self::build(Arc::new(Cipher::new(key)), Vec::new(), Lasting::of(key))
    }

    /// A vault that seals with the current key of `ring` and opens what any of its keys sealed. `lasting` are the keys
    /// that a change of the key does not change; none: those of the current key.
    #[must_use]
    pub fn with(ring: &KeyRing, lasting: Option<Lasting>) -> Self {
        let lasting = lasting.unwrap_or_else(|| Lasting::of(&ring.current));
        let cipher = |key| Arc::new(Cipher::new(key));
        let others = ring.others.iter().map(cipher).collect();
        Self::build(cipher(&ring.current), others, lasting)
    }

    /// The same keys with other lasting ones.
    #[must_use]
    pub fn with_lasting(&self, lasting: Lasting) -> Self {
        Self::build(Arc::clone(&self.sealing), self.others.clone(), lasting).opening_as(self)
    }

    /// The same keys, of which these open records, and the others backups only.
    #[must_use]
    pub fn opening_only(mut self, ids: &[&str]) -> Self {
        let id = |id: &&str| {
            let bytes = data_encoding::HEXLOWER.decode(id.as_bytes()).ok()?;
            bytes.try_into().ok()
        };
        self.live = Some(ids.iter().filter_map(id).collect());
        self
    }

    /// The same keys, of which those open records that do with `other`.
    #[must_use]
    pub fn opening_as(mut self, other: &Self) -> Self {
        self.live.clone_from(&other.live);
        self
    }

    /// The same, and opens what `earlier` opened, too.
    #[must_use]
    pub fn opening_also(mut self, earlier: &Self) -> Self {
        for cipher in [&earlier.sealing].into_iter().chain(&earlier.others) {
            if self.cipher(&cipher.id).is_none() {
                self.others.push(Arc::clone(cipher));
            }
        }
        self
    }

    fn build(sealing: Arc<Cipher>, others: Vec<Arc<Cipher>>, lasting: Lasting) -> Self {
        let pepper = Pepper::new(lasting.pepper.clone());
        let slots = keyed(&lasting.slots);
        let names = keyed(&mac(slots.clone(), NAMES));
        Self {
            sealing,
            others,
            lasting,
            pepper,
            slots,
            names,
            live: None,
        }
    }

    /// The same keys, of which the one with this ID seals; none if it is not here.
    #[must_use]
    pub fn sealing_with(&self, id: &str) -> Option<Self> {
        let id = data_encoding::HEXLOWER.decode(id.as_bytes()).ok()?;
        let mut ciphers = vec![Arc::clone(&self.sealing)];
        ciphers.extend(self.others.iter().map(Arc::clone));
        let index = ciphers.iter().position(|cipher| cipher.id == *id)?;
        let sealing = ciphers.remove(index);
        Some(Self::build(sealing, ciphers, self.lasting.clone()).opening_as(self))
    }

    /// Whether a key with this ID is here.
    #[must_use]
    pub fn has_key(&self, id: &str) -> bool {
        self.sealing_with(id).is_some()
    }

    /// The keys that a change of the key does not change.
    #[must_use]
    pub fn lasting(&self) -> &Lasting {
        &self.lasting
    }

    /// The key for hashing recovery codes.
    #[must_use]
    pub fn pepper(&self) -> &Pepper {
        &self.pepper
    }

    /// `plain`, sealed for the store key `key`. The nonce must be fresh and random.
    ///
    /// # Errors
    ///
    /// [`VaultError::TooLong`].
    pub fn seal(
        &self,
        key: &[u8],
        nonce: [u8; NONCE],
        plain: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        let mut sealed = Vec::with_capacity(HEADER + plain.len() + 16);
        sealed.push(VERSION);
        sealed.extend_from_slice(&self.sealing.id);
        sealed.extend_from_slice(&nonce);
        let bound = bound(&sealed[..HEADER - NONCE], key)?;
        sealed.extend_from_slice(plain);
        let tag = self
            .sealing
            .records
            .encrypt_inout_detached(&XNonce::from(nonce), &bound, (&mut sealed[HEADER..]).into())
            .map_err(|_| VaultError::TooLong)?;
        sealed.extend_from_slice(&tag);
        Ok(sealed)
    }

    /// Opens a record that was sealed for the store key `key`.
    ///
    /// # Errors
    ///
    /// [`VaultError`] when it was sealed with another key or for another store key, or was changed
    /// since.
    pub fn open(&self, key: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let id = sealed.get(1..=ID).unwrap_or_default();
        let is_live = |live: &Vec<[u8; ID]>| live.iter().any(|live| live == id);
        if self.cipher(id).is_some() && !self.live.as_ref().is_none_or(is_live) {
            return Err(VaultError::Retired(hex(id)));
        }
        self.open_by_any(key, sealed)
    }

    /// The same with whichever key is here.
    ///
    /// # Errors
    ///
    /// As [`Vault::open`].
    pub fn open_by_any(&self, key: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let Some((header, body)) = sealed.split_at_checked(HEADER) else {
            return Err(VaultError::Malformed);
        };
        let (prefix, nonce) = header.split_at(HEADER - NONCE);
        if prefix[0] != VERSION {
            return Err(VaultError::Malformed);
        }
        let Some(cipher) = self.cipher(&prefix[1..]) else {
            return Err(VaultError::OtherKey {
                sealed: hex(&prefix[1..]),
                here: hex(&self.sealing.id),
            });
        };
        let nonce = XNonce::try_from(nonce).map_err(|_| VaultError::Malformed)?;
        let mut plain = Zeroizing::new(body.to_vec());
        cipher
            .records
            .decrypt_in_place(&nonce, &bound(prefix, key)?, &mut *plain)
            .map_err(|_| VaultError::Forged)?;
        Ok(plain)
    }

    /// Whether the current key sealed this record.
    #[must_use]
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        sealed.get(1..=ID) == Some(&self.sealing.id)
    }

    /// The ID of the key that sealed this record, and what lasts in a store whose first key that is. None if the key is
    /// not here.
    #[must_use]
    pub fn sealer(&self, sealed: &[u8]) -> Option<(String, &Lasting)> {
        let cipher = self.cipher(sealed.get(1..=ID)?)?;
        Some((hex(&cipher.id), &cipher.lasting))
    }

    /// The key of a backup, sealed with the current key.
    ///
    /// # Errors
    ///
    /// [`VaultError::TooLong`].
    pub fn wrap(&self, nonce: [u8; NONCE], key: &[u8; 32]) -> Result<Vec<u8>, VaultError> {
        let mut sealed = nonce.to_vec();
        let mut body = key.to_vec();
        self.sealing
            .backups
            .encrypt_in_place(&XNonce::from(nonce), BACKUP, &mut body)
            .map_err(|_| VaultError::TooLong)?;
        sealed.extend(body);
        Ok(sealed)
    }

    /// The key of a backup that the key with this ID sealed.
    ///
    /// # Errors
    ///
    /// [`VaultError::OtherKey`] when that key is not here, [`VaultError::Forged`] when it was not sealed so.
    pub fn unwrap(&self, id: &str, wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, VaultError> {
        let bytes = data_encoding::HEXLOWER.decode(id.as_bytes());
        let Some(cipher) = self.cipher(&bytes.unwrap_or_default()) else {
            return Err(VaultError::OtherKey {
                sealed: id.to_owned(),
                here: self.key_id(),
            });
        };
        let (nonce, body) = wrapped
            .split_at_checked(NONCE)
            .ok_or(VaultError::Malformed)?;
        let nonce = XNonce::try_from(nonce).map_err(|_| VaultError::Malformed)?;
        let mut body = Zeroizing::new(body.to_vec());
        cipher
            .backups
            .decrypt_in_place(&nonce, BACKUP, &mut *body)
            .map_err(|_| VaultError::Forged)?;
        let mut key = Zeroizing::new([0; 32]);
        if body.len() != key.len() {
            return Err(VaultError::Malformed);
        }
        key.copy_from_slice(&body);
        Ok(key)
    }

    fn cipher(&self, id: &[u8]) -> Option<&Cipher> {
        if id == self.sealing.id {
            return Some(&self.sealing);
        }
        let mut others = self.others.iter();
        others
            .find(|cipher| id == cipher.id)
            .map(|cipher| &**cipher)
    }

    /// Maps a name without a record to one of `slots`, always the same. Without the key nobody can
    /// predict it, or tell that two names share one.
    #[must_use]
    pub fn slot(&self, name: impl fmt::Display, slots: u32) -> u32 {
        let mut mac = Writer(self.slots.clone());
        // Neither a name nor the mac refuses anything.
        let _ = write!(mac, "{name}");
        let mac = mac.0.finalize().into_bytes();
        let mut number = [0; 8];
        number.copy_from_slice(&mac[..8]);
        let slot = u64::from_be_bytes(number)
            .checked_rem(u64::from(slots))
            .unwrap_or(0);
        u32::try_from(slot).unwrap_or(0)
    }

    /// Replaces a name in a store that others can read. Without the key nobody can tell whose it is, or whether
    /// somebody has a record. A change of the key does not change it.
    #[must_use]
    pub fn hidden_name(&self, name: &[u8]) -> String {
        hex(&mac(self.names.clone(), name)[..HIDDEN_NAME])
    }

    /// The ID of the key, for logs and backups; it reveals nothing about the key.
    #[must_use]
    pub fn key_id(&self) -> String {
        hex(&self.sealing.id)
    }

    /// The IDs of the keys before it, whose records it opens too.
    #[must_use]
    pub fn other_ids(&self) -> Vec<String> {
        self.others.iter().map(|cipher| hex(&cipher.id)).collect()
    }
}

/// The additional authenticated data: our own domain, the header, the store key.
fn bound(prefix: &[u8], key: &[u8]) -> Result<Vec<u8>, VaultError> {
    if key.len() > MAX_KEY {
        return Err(VaultError::TooLong);
    }
    Ok([b"pam-mfa record\0".as_slice(), prefix, key].concat())
}

/// HMAC-SHA256 with this key.
fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    // RFC 2104 pads a short key with zeros; doing it here leaves no length that could be wrong.
    let mut block = Zeroizing::new([0; 64]);
    block[..32].copy_from_slice(key);
    <Hmac<Sha256> as KeyInit>::new((&*block).into())
}

/// The authentication code of `data`.
fn mac(mut keyed: Hmac<Sha256>, data: &[u8]) -> Zeroizing<[u8; 32]> {
    keyed.update(data);
    Zeroizing::new(keyed.finalize().into_bytes().into())
}

/// Takes text into a mac, so that it needs no memory of its own.
struct Writer(Hmac<Sha256>);

impl fmt::Write for Writer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vault(byte: u8) -> Vault {
        Vault::new(&MasterKey::from_bytes([byte; 32]))
    }

    #[test]
    fn a_record_opens_only_under_the_key_that_it_was_sealed_for() {
        let vault = vault(1);
        let sealed = vault.seal(b"user/alice", [9; 24], b"secret").unwrap();
        assert_eq!(**vault.open(b"user/alice", &sealed).unwrap(), *b"secret");
        assert_eq!(
            vault.open(b"user/mallory", &sealed),
            Err(VaultError::Forged)
        );
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
    }

    #[test]
    fn another_agents_key_is_named_but_opens_nothing() {
        let sealed = vault(1).seal(b"k", [9; 24], b"secret").unwrap();
        let error = vault(2).open(b"k", &sealed).unwrap_err();
        assert!(error.to_string().contains(&vault(1).key_id()), "{error}");
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_noticed() {
        let vault = vault(1);
        let sealed = vault.seal(b"k", [9; 24], b"secret").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            vault.open(b"k", &changed).unwrap_err();
            vault.open(b"k", &sealed[..at]).unwrap_err();
        }
    }

    /// A name without a record that is asked something else after an upgrade is told apart from an account.
    #[test]
    fn a_name_keeps_its_slot_and_its_hidden_name_in_later_versions() {
        let vault = vault(1);
        assert_eq!(vault.slot("anna", 1024), 9);
        let question = "pick/anna/Which street did you grow up in?";
        assert_eq!(vault.slot(question, u32::MAX), 3_445_776_050);
        let hidden = "b4ca17d79bbeb6f6e7c2ebe679148edb";
        assert_eq!(vault.hidden_name(b"user/anna"), hidden);
    }

    #[test]
    fn a_name_keeps_its_slot_and_slots_are_used_evenly() {
        let vault = vault(1);
        let mut used = [0u32; 16];
        for i in 0..1600 {
            let name = format!("user{i}");
            let slot = vault.slot(&name, 16);
            assert_eq!(slot, vault.slot(&name, 16));
            used[slot as usize] += 1;
        }
        assert!(
            used.iter().all(|count| (50..200).contains(count)),
            "{used:?}"
        );
        assert_ne!(
            (0..64).map(|i| vault.slot(i, 1 << 20)).collect::<Vec<_>>(),
            (0..64)
                .map(|i| super::tests::vault(2).slot(i, 1 << 20))
                .collect::<Vec<_>>(),
        );
        assert_eq!(vault.slot("x", 0), 0);
    }

    #[test]
    fn a_hidden_name_is_the_same_after_a_change_of_the_key_and_needs_the_key() {
        let ring = |current, other| KeyRing {
            current: MasterKey::from_bytes([current; 32]),
            others: vec![MasterKey::from_bytes([other; 32])],
        };
        let before = Vault::with(&ring(1, 2), None);
        let after = Vault::with(&ring(2, 1), Some(before.lasting().clone()));
        let hidden = before.hidden_name(b"account/alice");
        assert_eq!(hidden.len(), 2 * HIDDEN_NAME);
        assert_eq!(after.hidden_name(b"account/alice"), hidden);
        assert_ne!(before.hidden_name(b"account/alicf"), hidden);
        assert_ne!(vault(2).hidden_name(b"account/alice"), hidden);
    }

    #[test]
    fn the_key_that_seals_can_be_chosen_among_those_that_are_here() {
        let ring = KeyRing {
            current: MasterKey::from_bytes([1; 32]),
            others: vec![MasterKey::from_bytes([2; 32])],
        };
        let vaults = Vault::with(&ring, None);
        let second = vaults.sealing_with(&vault(2).key_id()).unwrap();
        let sealed = second.seal(b"k", [9; 24], b"secret").unwrap();
        assert!(vault(2).is_current(&sealed) && vaults.open(b"k", &sealed).is_ok());
        assert_eq!(second.other_ids(), [vault(1).key_id()]);
        assert_eq!(second.hidden_name(b"n"), vaults.hidden_name(b"n"));
        assert!(!vaults.has_key(&vault(3).key_id()) && !vaults.has_key("?"));
    }

    #[test]
    fn a_key_that_was_replaced_opens_backups_only() {
        let ring = KeyRing {
            current: MasterKey::from_bytes([1; 32]),
            others: vec![MasterKey::from_bytes([2; 32])],
        };
        let before = vault(2);
        let sealed = before.seal(b"k", [9; 24], b"secret").unwrap();
        let wrapped = before.wrap([9; 24], &[5; 32]).unwrap();
        let all = Vault::with(&ring, None);
        let id = all.key_id();
        let (lasting, of_all) = (all.lasting().clone(), all.open(b"k", &sealed));
        assert_eq!(**of_all.unwrap(), *b"secret");
        let only = all.opening_only(&[&id]).with_lasting(lasting);
        let refused = VaultError::Retired(before.key_id());
        assert_eq!(only.open(b"k", &sealed), Err(refused));
        assert_eq!(**only.open_by_any(b"k", &sealed).unwrap(), *b"secret");
        assert_eq!(*only.unwrap(&before.key_id(), &wrapped).unwrap(), [5; 32]);
        let own = only.seal(b"k", [8; 24], b"new").unwrap();
        assert_eq!(**only.open(b"k", &own).unwrap(), *b"new");
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens(key: Vec<u8>, nonce: [u8; 24], plain: Vec<u8>) {
            let sealed = vault(1).seal(&key, nonce, &plain).unwrap();
            prop_assert_eq!(&**vault(1).open(&key, &sealed).unwrap(), &plain);
        }

        #[test]
        fn garbage_never_opens(key: Vec<u8>, garbage: Vec<u8>) {
            prop_assert!(vault(1).open(&key, &garbage).is_err());
        }
    }
}
