//! What a key signs, and what its signature shows.
//!
//! Pure: the time, the randomness and the names come in, messages for an SSH agent (draft-ietf-sshm-ssh-agent, without the
//! length before each) go out, and its replies come in. What is signed is enveloped as `ssh-keygen -Y sign` does it
//! (PROTOCOL.sshsig), in a namespace of our own: no server takes such a signature for a login, and no other program for
//! anything. A security key signs with it its application, whether it was touched, whether it has verified its owner, and a
//! counter (PROTOCOL.u2f).

use jiff::Timestamp;
use ssh_key::encoding::{self, Decode, Encode};
use ssh_key::{HashAlg, Signature, SshSig};

use super::PublicKey;

/// The namespace of all that is signed for us.
pub use mfa_protocol::login::SIGNATURE_NAMESPACE as NAMESPACE;

/// Numbers of an agent's messages.
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;

/// Flags of a security key: it was touched; it has verified its owner, by a PIN or a finger.
const TOUCHED: u8 = 0x01;
const OWNER_VERIFIED: u8 = 0x04;

/// What a security key adds to its signature: flags, and a counter of four bytes.
const FLAGS_AND_COUNTER: usize = 5;

/// How many identities of an agent are looked at.
const MAX_IDENTITIES: usize = 1024;

/// What a signature is for. One of these is never taken for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A login.
    Login,
    /// The key is enrolled.
    Enroll,
}

/// What a challenge is bound to.
#[derive(Clone, Debug)]
pub struct ChallengeContext<'a> {
    /// What the signature is for.
    pub purpose: Purpose,
    /// The name of this host.
    pub host: &'a str,
    /// The PAM service.
    pub service: &'a str,
    /// The login.
    pub session: &'a str,
    /// The user.
    pub user: &'a str,
    /// When.
    pub now: Timestamp,
    /// Fresh random bytes.
    pub nonce: [u8; 32],
}

/// What is to be signed. It is made for one signature, and kept until the reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge(Vec<u8>);

/// An identity of an agent that is a key of the user's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The key.
    pub key: PublicKey,
    /// What the agent calls it: the key, or a certificate for it.
    blob: Vec<u8>,
}

/// What a signature shows besides who has signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Assertion {
    /// How many signatures the key has made, by its own count; 0 of a key that counts none.
    pub counter: u32,
    /// Whether the key has verified its owner.
    pub is_owner_verified: bool,
}

/// Why a reply of an agent is no signature at all. It is no guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSignature {
    /// The agent has refused: the key is not plugged in, was not touched, or the user has said no.
    #[error("the SSH agent has refused to sign")]
    Refused,
    /// What it said makes no sense, or is of a kind that can't be verified here.
    #[error("the SSH agent's reply can't be read")]
    Unreadable,
}

/// Why a signature does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFault {
    /// It is not of this key, or not over this challenge.
    #[error("the signature is not of this key, or not for this challenge")]
    Invalid,
    /// The key was not touched.
    #[error("the key was used without a touch")]
    NotTouched,
    /// The key has not verified its owner, which `[key] verification = "required"` asks for.
    #[error(
        "the key did not verify its owner by a PIN or a finger, which [key] verification requires"
    )]
    NotVerified,
}

impl SignatureFault {
    /// Whether the key itself has signed this challenge, so that nobody has guessed anything.
    #[must_use]
    pub const fn is_genuine(self) -> bool {
        match self {
            Self::Invalid => false,
            Self::NotTouched | Self::NotVerified => true,
        }
    }
}

/// The message that asks an agent for its identities.
#[must_use]
pub fn identities_request() -> Vec<u8> {
    vec![REQUEST_IDENTITIES]
}

/// Which of `keys` the agent has, in the order of `keys`. Of a key and a certificate for it, the key is taken.
///
/// # Errors
///
/// [`NoSignature`]: it does not say.
pub fn identities<'a>(
    reply: &[u8],
    keys: impl Iterator<Item = &'a PublicKey>,
) -> Result<Vec<Identity>, NoSignature> {
    let blobs = blobs(reply)?;
    let offered: Vec<(PublicKey, bool, &Vec<u8>)> = blobs
        .iter()
        .filter_map(|blob| PublicKey::of_blob(blob).map(|(key, is_plain)| (key, is_plain, blob)))
        .collect();
    Ok(keys
        .filter_map(|key| {
            let mut fitting = offered.iter().filter(|(offered, ..)| offered == key);
            let any = fitting.clone().next();
            let (_, _, blob) = fitting.find(|(_, is_plain, _)| *is_plain).or(any)?;
            Some(Identity {
                key: key.clone(),
                blob: blob.to_vec(),
            })
        })
        .collect())
}

/// The identities, as the agent calls them.
fn blobs(reply: &[u8]) -> Result<Vec<Vec<u8>>, NoSignature> {
    let mut rest = reply_of(reply, IDENTITIES_ANSWER)?;
    let mut read = || {
        let number = u32::decode(&mut rest)? as usize;
        let mut blobs = Vec::new();
        for _ in 0..number.min(MAX_IDENTITIES) {
            blobs.push(Vec::decode(&mut rest)?);
            Vec::<u8>::decode(&mut rest)?;
        }
        Ok::<_, encoding::Error>(blobs)
    };
    read().map_err(|_| NoSignature::Unreadable)
}

/// What follows the number of the message.
fn reply_of(reply: &[u8], number: u8) -> Result<&[u8], NoSignature> {
    match reply.split_first() {
        Some((found, rest)) if *found == number => Ok(rest),
        Some(_) => Err(NoSignature::Refused),
        None => Err(NoSignature::Unreadable),
    }
}

impl Challenge {
    /// A challenge that nobody could know before, and that is good for this one login on this host.
    #[must_use]
    pub fn new(context: &ChallengeContext<'_>) -> Self {
        let purpose = match context.purpose {
            Purpose::Login => "login",
            Purpose::Enroll => "enroll",
        };
        let second = context.now.as_second().to_string();
        let names = [
            purpose,
            context.host,
            context.service,
            context.session,
            context.user,
            &second,
        ];
        // Each with its length before it: where one ends can't be shifted.
        let mut message = Vec::new();
        for part in names
            .map(str::as_bytes)
            .into_iter()
            .chain([&context.nonce[..]])
        {
            message.extend((part.len() as u64).to_be_bytes());
            message.extend(part);
        }
        Self(message)
    }

    /// The message that asks an agent to sign this.
    #[must_use]
    pub fn request(&self, identity: &Identity) -> Vec<u8> {
        // It fails for an empty namespace only; then nothing is asked for that could be signed.
        let enveloped = SshSig::signed_data(NAMESPACE, HashAlg::Sha512, &self.0);
        let mut request = vec![SIGN_REQUEST];
        for part in [&identity.blob, &enveloped.unwrap_or_default()] {
            // A part is far shorter than 4 GiB, and a vector takes all.
            let _ = part.encode(&mut request);
        }
        request.extend(0_u32.to_be_bytes());
        request
    }

    /// What the agent's reply shows, if it is a signature of `key` over this.
    ///
    /// # Errors
    ///
    /// [`NoSignature`], or in it [`SignatureFault::Invalid`] or [`SignatureFault::NotTouched`].
    pub fn verify(
        &self,
        key: &PublicKey,
        reply: &[u8],
    ) -> Result<Result<Assertion, SignatureFault>, NoSignature> {
        let mut rest = reply_of(reply, SIGN_RESPONSE)?;
        let blob = Vec::<u8>::decode(&mut rest).map_err(|_| NoSignature::Unreadable)?;
        let signature = Signature::try_from(&blob[..]).map_err(|_| NoSignature::Unreadable)?;
        let is_whole = rest.is_empty() && signature.encode_vec().is_ok_and(|whole| whole == blob);
        // A browser's agent signs in its own way (webauthn-sk-ecdsa-…), and an RSA key is none that is enrolled.
        if !is_whole || signature.algorithm() != key.0.algorithm() {
            return Err(NoSignature::Unreadable);
        }
        let signed = SshSig::new(key.0.clone(), NAMESPACE, HashAlg::Sha512, signature)
            .map_err(|_| NoSignature::Unreadable)?;
        let public = ssh_key::PublicKey::from(key.0.clone());
        if public.verify(NAMESPACE, &self.0, &signed).is_err() {
            return Ok(Err(SignatureFault::Invalid));
        }
        Ok(match key.is_security_key() {
            true => assertion(signed.signature()),
            false => Ok(Assertion::default()),
        })
    }
}

/// What a security key has signed with the challenge.
fn assertion(signature: &Signature) -> Result<Assertion, SignatureFault> {
    match signature.as_bytes().last_chunk::<FLAGS_AND_COUNTER>() {
        Some([flags, counter @ ..]) if flags & TOUCHED != 0 => Ok(Assertion {
            counter: u32::from_be_bytes(*counter),
            is_owner_verified: flags & OWNER_VERIFIED != 0,
        }),
        Some(_) => Err(SignatureFault::NotTouched),
        None => Err(SignatureFault::Invalid),
    }
}
