//! Keys in software, and an SSH agent that holds them, for tests: it answers as a security key would.

#![allow(clippy::unwrap_used, clippy::panic, reason = "samples of tests")]

use ssh_key::encoding::{Decode, Encode};
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::public::{EcdsaPublicKey, KeyData, SkEcdsaSha2NistP256, SkEd25519};
use ssh_key::sha2::{Digest, Sha256};
use ssh_key::{Algorithm, PrivateKey, Signature, SigningKey};

use super::PublicKey;

/// A key of no one.
const P256: &str = "\
-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAaAAAABNlY2RzYS
1zaGEyLW5pc3RwMjU2AAAACG5pc3RwMjU2AAAAQQQDCoduZuZudENUBOOsTBN4J55SAwUN
4xYjhddCFooPSQiD60GbfvcP9VN+OE34QqyAPaYlVAhTY4xNZHNp3sW5AAAAoKG9PfShvT
30AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBAMKh25m5m50Q1QE
46xME3gnnlIDBQ3jFiOF10IWig9JCIPrQZt+9w/1U344TfhCrIA9piVUCFNjjE1kc2nexb
kAAAAhAJStmJCxqx350jdpLaH1xxB+0wUHRAXD/lHSgHwCSLi/AAAAAAECAwQFBgc=
-----END OPENSSH PRIVATE KEY-----";

/// A security key without hardware.
#[derive(Clone, Debug)]
pub struct SoftKey {
    pub(super) pair: PrivateKey,
    pub(super) application: String,
    /// What it says with each signature: 1 it was touched, 4 it has verified its owner.
    pub flags: u8,
    /// What it counts with each signature, after the next one.
    pub counter: u32,
    /// Whether it signs something else than what it is asked for.
    pub is_forging: bool,
}

impl SoftKey {
    /// A key of Ed25519.
    #[must_use]
    pub fn ed25519(seed: u8) -> Self {
        Self::of(Ed25519Keypair::from_seed(&[seed; 32]).into())
    }

    /// The key of NIST P-256.
    #[must_use]
    pub fn p256() -> Self {
        Self::of(PrivateKey::from_openssh(P256).unwrap())
    }

    fn of(pair: PrivateKey) -> Self {
        Self {
            pair,
            application: "ssh:".to_owned(),
            flags: 1,
            counter: 1,
            is_forging: false,
        }
    }

    /// The same for another application.
    #[must_use]
    pub fn with_application(self, application: &str) -> Self {
        Self {
            application: application.to_owned(),
            ..self
        }
    }

    /// The same, which says this with each signature.
    #[must_use]
    pub fn saying(self, flags: u8) -> Self {
        Self { flags, ..self }
    }

    /// The same, which signs something else than what it is asked for.
    #[must_use]
    pub fn forging(self) -> Self {
        Self {
            is_forging: true,
            ..self
        }
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        let key = match self.pair.key_data() {
            KeypairData::Ed25519(pair) => SkEd25519::new(pair.public, &self.application).into(),
            KeypairData::Ecdsa(pair) => {
                let EcdsaPublicKey::NistP256(point) = EcdsaPublicKey::from(pair) else {
                    panic!("another curve")
                };
                SkEcdsaSha2NistP256::new(point, &self.application).into()
            }
            _ => panic!("another kind of key"),
        };
        PublicKey::of(key).unwrap()
    }

    /// What an SSH agent answers that holds this key.
    pub fn answer(&mut self, request: &[u8]) -> Vec<u8> {
        let blob = self.public().0.encode_vec().unwrap();
        match request.split_first().unwrap() {
            (11, []) => {
                let mut reply = vec![12, 0, 0, 0, 1];
                blob.encode(&mut reply).unwrap();
                "a key".encode(&mut reply).unwrap();
                reply
            }
            (13, mut rest) => {
                let asked: Vec<u8> = Vec::decode(&mut rest).unwrap();
                let data: Vec<u8> = Vec::decode(&mut rest).unwrap();
                if asked != blob {
                    return vec![5];
                }
                let mut reply = vec![14];
                let signature = self.sign(&data).encode_vec().unwrap();
                signature.encode(&mut reply).unwrap();
                reply
            }
            _ => vec![5],
        }
    }

    fn sign(&mut self, data: &[u8]) -> Signature {
        let mut signed = Sha256::digest(&self.application).to_vec();
        signed.push(self.flags);
        signed.extend(self.counter.to_be_bytes());
        signed.extend(Sha256::digest(data));
        if self.is_forging {
            signed.push(0);
        }
        let algorithm = match self.pair.algorithm() {
            Algorithm::Ed25519 => Algorithm::SkEd25519,
            _ => Algorithm::SkEcdsaSha2NistP256,
        };
        let signature = raw(&self.pair, &signed);
        let mut bytes = signature.as_bytes().to_vec();
        bytes.push(self.flags);
        bytes.extend(self.counter.to_be_bytes());
        self.counter = self.counter.saturating_add(u32::from(self.counter > 0));
        Signature::new(algorithm, bytes).unwrap()
    }
}

fn raw<K: SigningKey>(key: &K, data: &[u8]) -> Signature {
    key.try_sign(data).unwrap()
}

/// The longest key that is taken.
#[must_use]
pub fn longest_key(number: u8) -> PublicKey {
    let application = format!("ssh:{number:060}");
    SoftKey::p256().with_application(&application).public()
}

/// The identity of an agent that offers nothing.
#[must_use]
pub fn no_identities() -> Vec<u8> {
    vec![12, 0, 0, 0, 0]
}

/// A key in a file, not in hardware, as a line.
#[must_use]
pub fn plain_line() -> String {
    let pair = Ed25519Keypair::from_seed(&[9; 32]);
    ssh_key::PublicKey::from(KeyData::from(pair.public))
        .to_openssh()
        .unwrap()
}
