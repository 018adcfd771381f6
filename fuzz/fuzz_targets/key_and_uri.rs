//! Everything that people paste: keys, URIs, labels, PINs, answers, user names, addresses.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mfa_core::account::Label;
use mfa_core::factors::key::Key;
use mfa_core::factors::pin::{Banned, Pin};
use mfa_core::factors::questions::normal;
use mfa_core::factors::uri::from_uri;
use mfa_core::names::UserName;
use mfa_core::policy::remote_address;

fuzz_target!(|text: &str| {
    let _ = remote_address(text);
    let _ = text.parse::<Label>();
    let _ = Pin::new(text.into(), &Banned::default());
    let _ = normal(&text.into());
    if let Ok(user) = text.parse::<UserName>() {
        assert!(!user.as_str().chars().any(char::is_control));
    }
    if let Ok(key) = Key::from_base32(&text.into()) {
        assert!(Key::from_base32(&key.to_base32()).expect("its own base32") == key);
    }
    if let Ok(read) = from_uri(&text.into()) {
        let _ = read.generator.uri("issuer", "user", read.next);
    }
});
