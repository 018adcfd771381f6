//! Any bytes that an agent, or an impostor, sends to the module become a step or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mfa_protocol::login::LoginReply;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(reply) = serde_json::from_slice::<LoginReply>(bytes) {
        let again = serde_json::to_vec(&reply).expect("a reply can be written");
        assert_eq!(serde_json::from_slice::<LoginReply>(&again).expect("and read"), reply);
    }
});
