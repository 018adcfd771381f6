//! Any content of an unsealed record: it can be written again and its devices asked for a code at
//! any time, or it is an error.
#![no_main]

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use mfa_core::account::Account;
use mfa_core::factors::device::Windows;
use mfa_agent::vault::{MasterKey, Vault};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(account) = Account::decode(bytes) {
        let again = account.encode().expect("a record can be written");
        assert!(Account::decode(&again).expect("and read") == account);
        for device in account.devices() {
            for now in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
                let _ = device.check("123456", now, &Windows::default());
                let _ = device.drift(now);
            }
            let _ = device.next();
        }
    }
    let vault = Vault::new(&MasterKey::from_bytes([0; 32]));
    assert!(vault.open(b"account/alice", bytes).is_err());
});
