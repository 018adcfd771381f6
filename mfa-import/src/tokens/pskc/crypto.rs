//! What opens the values of a file: AES in CBC mode, with a MAC over what is encrypted (RFC 6030 §6).

use aes::cipher::{BlockModeDecrypt, KeyIvInit, block_padding::NoPadding};
use data_encoding::HEXUPPER_PERMISSIVE;
use hmac::{Hmac, KeyInit, Mac};
use mfa_protocol::Secret;
use roxmltree::Node;
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

use super::{at, binary, child, text};
use crate::refusal::Refusal;

const BLOCK: usize = 16;

/// So many rounds take seconds; a file that wants more wants to keep the reader busy.
const MAX_ROUNDS: u32 = 10_000_000;

const MAX_SALT: usize = 1024;

/// The keys of a file.
pub(super) struct Keys {
    encryption: Zeroizing<Vec<u8>>,
    mac: Zeroizing<Vec<u8>>,
    hash: Hash,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Keys {
    /// Of a key in hexadecimal.
    pub(super) fn pre_shared(container: Node<'_, '_>, key: &Secret) -> Result<Self, Refusal> {
        let text = key.expose().trim();
        let text: Zeroizing<Vec<u8>> =
            Zeroizing::new(text.bytes().filter(|b| !b.is_ascii_whitespace()).collect());
        let key = HEXUPPER_PERMISSIVE.decode(&text).map_err(|_| {
            Refusal::whole(
                "the key that was given is not hexadecimal; this file needs a pre-shared key",
            )
        })?;
        Self::of(container, Zeroizing::new(key))
    }

    /// Of a password, by PBKDF2.
    pub(super) fn of_password(container: Node<'_, '_>, password: &Secret) -> Result<Self, Refusal> {
        let method = at(
            container,
            &["EncryptionKey", "DerivedKey", "KeyDerivationMethod"],
        );
        let params = method
            .filter(|method| {
                method
                    .attribute("Algorithm")
                    .is_some_and(|it| it.ends_with("pbkdf2"))
            })
            .and_then(|method| child(method, "PBKDF2-params"))
            .ok_or_else(|| Refusal::whole("the file derives its key in another way than PBKDF2"))?;
        let number = |name| text(params, name).and_then(|text| text.trim().parse::<u32>().ok());
        let rounds = number("IterationCount").filter(|rounds| (1..=MAX_ROUNDS).contains(rounds));
        let rounds = rounds.ok_or_else(|| {
            Refusal::whole(format!(
                "its IterationCount is not between 1 and {MAX_ROUNDS}"
            ))
        })?;
        let salt = child(params, "Salt").and_then(|salt| binary(salt, "Specified"));
        let salt = salt
            .filter(|salt| (1..=MAX_SALT).contains(&salt.len()))
            .ok_or_else(|| Refusal::whole("it has no Salt, or too long a one"))?;
        let length = match number("KeyLength") {
            Some(length @ (16 | 24 | 32)) => length as usize,
            _ => return Err(Refusal::whole("its KeyLength is not 16, 24 or 32")),
        };
        let function = child(params, "PRF").and_then(|prf| prf.attribute("Algorithm"));
        let hash = match function {
            None | Some("") => Hash::Sha1,
            Some(name) => Hash::named(name).ok_or_else(|| unsupported("PRF"))?,
        };
        let mut key = Zeroizing::new(vec![0; length]);
        let password = password.expose().as_bytes();
        match hash {
            Hash::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, &salt, rounds, &mut key),
            Hash::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(password, &salt, rounds, &mut key),
            Hash::Sha384 => pbkdf2::pbkdf2_hmac::<Sha384>(password, &salt, rounds, &mut key),
            Hash::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>(password, &salt, rounds, &mut key),
        }
        Self::of(container, key)
    }

    /// The key of the MAC is encrypted with that of the values; without one, both are the same.
    fn of(container: Node<'_, '_>, encryption: Zeroizing<Vec<u8>>) -> Result<Self, Refusal> {
        let method = child(container, "MACMethod").ok_or_else(|| {
            Refusal::whole(
                "the file has no MAC (RFC 6030 wants one), so a wrong key could not be told from the right one. Ask \
                 the maker for a file with a MACMethod",
            )
        })?;
        let name = method.attribute("Algorithm").unwrap_or_default();
        let hash = Hash::named(name).ok_or_else(|| unsupported("MAC"))?;
        let mac = match child(method, "MACKey") {
            Some(key) => decrypt(key, &encryption)?,
            None => encryption.clone(),
        };
        Ok(Self {
            encryption,
            mac,
            hash,
        })
    }

    /// The value of an element with `EncryptedValue` and `ValueMAC`.
    pub(super) fn open(&self, element: Node<'_, '_>) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let value =
            child(element, "EncryptedValue").ok_or_else(|| Refusal::whole("it has no value"))?;
        let mac = binary(element, "ValueMAC")
            .ok_or_else(|| Refusal::whole("its value has no MAC, so it can't be verified"))?;
        let data = cipher_value(value)?;
        if !self.verifies(&data, &mac) {
            return Err(wrong_key());
        }
        decrypt(value, &self.encryption)
    }

    fn verifies(&self, data: &[u8], mac: &[u8]) -> bool {
        fn with<M: Mac + KeyInit>(key: &[u8], data: &[u8], mac: &[u8]) -> bool {
            <M as KeyInit>::new_from_slice(key)
                .is_ok_and(|it| it.chain_update(data).verify_slice(mac).is_ok())
        }
        let verify = match self.hash {
            Hash::Sha1 => with::<Hmac<Sha1>>,
            Hash::Sha256 => with::<Hmac<Sha256>>,
            Hash::Sha384 => with::<Hmac<Sha384>>,
            Hash::Sha512 => with::<Hmac<Sha512>>,
        };
        verify(&self.mac, data, mac)
    }
}

impl Hash {
    /// `…#hmac-sha256`, `hmacWithSHA256` and the like.
    fn named(name: &str) -> Option<Self> {
        let letters = name.rsplit(['#', '/']).next().unwrap_or_default();
        let letters = letters.chars().filter(|c| c.is_ascii_alphanumeric());
        let letters: String = letters.map(|c| c.to_ascii_lowercase()).collect();
        match letters.strip_prefix("hmac")?.trim_start_matches("with") {
            "sha1" => Some(Self::Sha1),
            "sha256" => Some(Self::Sha256),
            "sha384" => Some(Self::Sha384),
            "sha512" => Some(Self::Sha512),
            _ => None,
        }
    }
}

fn wrong_key() -> Refusal {
    Refusal::whole("the key or password does not fit, or the file was changed")
}

fn unsupported(what: &str) -> Refusal {
    Refusal::whole(format!(
        "the {what} of the file is not supported; HMAC with SHA-1, SHA-256, SHA-384 and SHA-512 are"
    ))
}

fn cipher_value(value: Node<'_, '_>) -> Result<Vec<u8>, Refusal> {
    let data = child(value, "CipherData").and_then(|data| binary(data, "CipherValue"));
    data.ok_or_else(|| Refusal::whole("an encrypted value is not base64"))
}

/// Decrypts an element with `EncryptionMethod` and `CipherData`: first the initialisation vector, then
/// the blocks, whose last byte says how many bytes at the end are padding (XML Encryption §5.2).
fn decrypt(value: Node<'_, '_>, key: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let method = child(value, "EncryptionMethod");
    let name = method.and_then(|method| method.attribute("Algorithm"));
    let name = name.unwrap_or_default();
    let length = match name.rsplit('#').next() {
        Some("aes128-cbc") => 16,
        Some("aes192-cbc") => 24,
        Some("aes256-cbc") => 32,
        _ => {
            return Err(Refusal::whole(
                "a value is encrypted in a way that is not supported; AES in CBC mode is",
            ));
        }
    };
    if key.len() != length {
        return Err(Refusal::whole(format!(
            "the key has {} bytes, and the file needs one of {length}",
            key.len()
        )));
    }
    let data = cipher_value(value)?;
    if data.len() < 2 * BLOCK || !data.len().is_multiple_of(BLOCK) {
        return Err(Refusal::whole("an encrypted value is cut off"));
    }
    let (vector, blocks) = data.split_at(BLOCK);
    let mut plain = Zeroizing::new(blocks.to_vec());
    let whole = match length {
        16 => blocks_of::<cbc::Decryptor<aes::Aes128>>(key, vector, &mut plain),
        24 => blocks_of::<cbc::Decryptor<aes::Aes192>>(key, vector, &mut plain),
        _ => blocks_of::<cbc::Decryptor<aes::Aes256>>(key, vector, &mut plain),
    };
    let padding = plain.last().map_or(0, |last| usize::from(*last));
    if !whole || !(1..=BLOCK).contains(&padding) {
        return Err(wrong_key());
    }
    let left = plain.len() - padding;
    plain.truncate(left);
    Ok(plain)
}

fn blocks_of<D: KeyIvInit + BlockModeDecrypt>(key: &[u8], vector: &[u8], data: &mut [u8]) -> bool {
    D::new_from_slices(key, vector).is_ok_and(|it| it.decrypt_padded::<NoPadding>(data).is_ok())
}
