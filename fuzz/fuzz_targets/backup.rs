//! A backup: its head, its chunks, and what is in them once they are open.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mfa_agent::backup::{Item, Opener, Opening};
use mfa_core::account::Account;
use mfa_protocol::backup::BackupHead;

fuzz_target!(|data: &[u8]| {
    for item in Item::parse_all(data).into_iter().flatten() {
        if let Item::Record(content) = item {
            let _ = Account::decode(&content.value);
        }
    }
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let (head, chunks) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let Ok(head) = serde_json::from_slice::<BackupHead>(head) else {
        return;
    };
    let Ok(mut opener) = Opener::begin(&head, &Opening::FileKey(&[0; 32])) else {
        return;
    };
    for chunk in chunks.chunks(64) {
        // Nobody has the key, so none opens.
        assert!(opener.chunk(chunk, false).is_err());
    }
});
