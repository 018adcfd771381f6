//! Exports of Google Authenticator: the URI, and the message in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mfa_import::migration::{otpauth, read};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = read(&format!("otpauth-migration://offline?{text}"));
    }
    let data = data_encoding::BASE64URL_NOPAD.encode(bytes);
    let Ok(export) = read(&format!("otpauth-migration://offline?data={data}")) else {
        return;
    };
    for device in export.devices.into_iter().flatten() {
        assert!(otpauth(&device).expose().starts_with("otpauth://"));
    }
});
