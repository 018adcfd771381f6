//! `~/.google_authenticator`: users can write anything into it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mfa_import::google;

fuzz_target!(|bytes: &[u8]| {
    let Ok(account) = google::read(bytes, 1_800_000_000) else {
        return;
    };
    assert_eq!(account.devices.len(), 1);
    assert!(account.scratch_codes.iter().flatten().all(|code| code.expose().len() == 8));
});
