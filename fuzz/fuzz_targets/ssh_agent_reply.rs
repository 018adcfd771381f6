//! Any bytes that a user's ssh-agent replies, as a list of keys and as a signature.
//!
//! No reply names a key that was not looked for, and none but the key's own signature is one: what the key signed for
//! another challenge, and a valid reply that was changed, are not.
#![no_main]

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use mfa_core::factors::security_key::PublicKey;
use mfa_core::factors::security_key::challenge::{
    Challenge, ChallengeContext, Identity, Purpose, identities, identities_request,
};
use mfa_core::factors::security_key::samples::SoftKey;

fuzz_target!(|bytes: &[u8]| {
    for mut soft in [SoftKey::ed25519(7), SoftKey::p256()] {
        let key = soft.public();
        if let Ok(found) = identities(bytes, [&key].into_iter()) {
            assert!(found.iter().all(|identity| identity.key == key));
        }
        let challenge = challenge(1);
        assert!(!is_accepted(&challenge, &key, bytes));
        let Some(identity) = listed(&mut soft, &key) else {
            panic!("the key is in its own list");
        };
        let reply = soft.answer(&challenge.request(&identity));
        let changed = changed(&reply, bytes);
        if changed != reply {
            assert!(!is_accepted(&challenge, &key, &changed));
        }
        assert!(!is_accepted(&self::challenge(2), &key, &reply));
    }
});

fn is_accepted(challenge: &Challenge, key: &PublicKey, reply: &[u8]) -> bool {
    matches!(challenge.verify(key, reply), Ok(Ok(_)))
}

fn listed(soft: &mut SoftKey, key: &PublicKey) -> Option<Identity> {
    let reply = soft.answer(&identities_request());
    identities(&reply, [key].into_iter()).ok()?.pop()
}

/// The reply, with the bytes laid over it, and what is left of them behind it.
fn changed(reply: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut changed = reply.to_vec();
    for (byte, other) in changed.iter_mut().zip(bytes) {
        *byte ^= other;
    }
    changed.extend(bytes.iter().skip(reply.len()));
    changed
}

fn challenge(nonce: u8) -> Challenge {
    Challenge::new(&ChallengeContext {
        purpose: Purpose::Login,
        host: "host",
        service: "sudo",
        session: "s1",
        user: "alice",
        now: Timestamp::UNIX_EPOCH,
        nonce: [nonce; 32],
    })
}
