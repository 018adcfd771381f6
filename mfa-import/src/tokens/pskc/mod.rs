//! Reads PSKC (RFC 6030): XML with the keys of many tokens, plain, or encrypted with a pre-shared
//! key or a password. Namespaces are not compared: makers write older ones too.
//!
//! An encrypted key is accepted only with its MAC, as the RFC wants it: otherwise a wrong key, or a
//! change to the file, would make tokens whose codes never fit.

mod crypto;
mod key;

use mfa_protocol::Secret;
use roxmltree::Node;

use super::{Token, bounded, counted};
use crate::refusal::Refusal;
use crate::xml::{self, at, child, children, text};
use crypto::Keys;
pub(super) use key::algorithm;

const EXPECTED: &str = "PSKC (RFC 6030)";

/// What opens a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// Nothing is encrypted.
    None,
    /// A key that the maker sent apart, in hexadecimal.
    PreSharedKey,
    /// A password.
    Password,
}

/// What is needed to read a file.
///
/// # Errors
///
/// A [`Refusal`] if the file is not PSKC, or is encrypted in a way that is not supported.
pub fn lock(bytes: &[u8]) -> Result<Lock, Refusal> {
    bounded(bytes)?;
    let document = xml::parse(bytes, EXPECTED)?;
    lock_of(container(document.root_element())?)
}

/// Reads a file with what opens it.
///
/// # Errors
///
/// As [`lock`], and if `key` does not open it.
pub fn read(bytes: &[u8], key: Option<&Secret>) -> Result<Vec<Token>, Refusal> {
    bounded(bytes)?;
    let document = xml::parse(bytes, EXPECTED)?;
    let container = container(document.root_element())?;
    let keys = match (lock_of(container)?, key) {
        (Lock::None, _) => None,
        (_, None) => {
            return Err(Refusal::whole(
                "the file is encrypted, and no key was given",
            ));
        }
        (Lock::PreSharedKey, Some(key)) => Some(Keys::pre_shared(container, key)?),
        (Lock::Password, Some(password)) => Some(Keys::of_password(container, password)?),
    };
    let packages = children(container, "KeyPackage");
    let all = packages.flat_map(|package| {
        let info = child(package, "DeviceInfo");
        children(package, "Key").map(move |key| (info, key))
    });
    let tokens = (1..)
        .zip(all)
        .map(|(number, (info, key))| key::token(number, info, key, keys.as_ref()));
    // One more than is accepted is enough to refuse the rest unread.
    counted(tokens.take(super::MAX_TOKENS + 1).collect())
}

fn container<'a, 'i>(root: Node<'a, 'i>) -> Result<Node<'a, 'i>, Refusal> {
    match root.tag_name().name() {
        "KeyContainer" => Ok(root),
        _ => Err(Refusal::whole(format!(
            "the XML has no KeyContainer; expected {EXPECTED}"
        ))),
    }
}

fn lock_of(container: Node<'_, '_>) -> Result<Lock, Refusal> {
    let is_encrypted = container
        .descendants()
        .any(|node| node.tag_name().name() == "EncryptedValue");
    if !is_encrypted {
        return Ok(Lock::None);
    }
    let Some(key) = child(container, "EncryptionKey") else {
        return Ok(Lock::PreSharedKey);
    };
    if child(key, "X509Data").is_some() || child(key, "KeyValue").is_some() {
        return Err(Refusal::whole(
            "the keys are encrypted for a certificate, which is not supported. Ask the maker for a file with a \
             pre-shared key or a password, or decrypt it with pskctool and import the result",
        ));
    }
    Ok(match at(key, &["DerivedKey", "KeyDerivationMethod"]) {
        Some(_) => Lock::Password,
        None => Lock::PreSharedKey,
    })
}

/// What is in base64 in the first child element of this name.
fn binary(node: Node<'_, '_>, name: &'static str) -> Option<Vec<u8>> {
    let text: String = text(node, name)?.split_ascii_whitespace().collect();
    data_encoding::BASE64.decode(text.as_bytes()).ok()
}
