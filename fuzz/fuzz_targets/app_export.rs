//! What authenticator apps and password managers export: the first byte says which.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mfa_import::apps::{App, MAX_ENTRIES, read};

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    let app = App::ALL[usize::from(*first) % App::ALL.len()];
    let Ok(entries) = read(app, rest) else {
        return;
    };
    assert!(entries.len() <= MAX_ENTRIES);
    for uri in entries.into_iter().filter_map(|entry| entry.uri.ok()) {
        assert!(uri.expose().contains("://"));
    }
});
