//! Any line of an `authorized_keys` file, or of a file that ends in `.pub`.
//!
//! What is read as a key is one for the agent too, and the same one; options and comments are not in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mfa_core::factors::security_key::PublicKey;
use mfa_import::authorized_keys;

fuzz_target!(|line: &str| {
    let from_agent = PublicKey::verified(line);
    let Ok(Some(read)) = authorized_keys::read(line) else {
        return;
    };
    assert!(read.key.starts_with(&read.kind));
    let again = authorized_keys::read(&read.key)
        .expect("a key that was read")
        .expect("no comment");
    assert_eq!(again.key, read.key);
    assert_eq!(again.fingerprint, read.fingerprint);
    assert!(!again.options.any && again.comment.is_none());
    // The agent takes fewer types.
    if let Some(key) = PublicKey::verified(&read.key) {
        assert_eq!(key.fingerprint(), read.fingerprint);
        if let Some(from_agent) = from_agent {
            assert_eq!(from_agent, key);
        }
    }
});
