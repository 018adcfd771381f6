//! Files in which makers deliver tokens: tables of seeds, and PSKC with a pre-shared key.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mfa_import::tokens::csv::Form;
use mfa_import::tokens::pskc::{self, Lock};
use mfa_import::tokens::{MAX_TOKENS, csv};

fuzz_target!(|bytes: &[u8]| {
    let form = Form {
        base32: bytes.first() == Some(&b'#'),
        user: Some("1".to_owned()),
        ..Form::default()
    };
    if let Ok(tokens) = csv::read(bytes, &form) {
        assert!(tokens.len() <= MAX_TOKENS);
    }
    // A password may want ten million rounds, which is right, and no error of the reader.
    if let Ok(Lock::None | Lock::PreSharedKey) = pskc::lock(bytes) {
        let _ = pskc::read(bytes, Some(&"00112233445566778899aabbccddeeff".into()));
    }
});
