//! Any bytes that an agent, or an impostor, sends to the module become a step or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mfa_protocol::login::LoginReply;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(reply) = serde_json::from_slice::<LoginReply>(bytes) {
        let again = serde_json::to_vec(&reply).expect("a reply can be written");
        let read: LoginReply = serde_json::from_slice(&again).expect("and read");
        assert_eq!(serde_json::to_vec(&read).expect("and written once more"), again);
    }
});
