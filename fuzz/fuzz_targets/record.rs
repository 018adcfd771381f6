//! Whatever a store holds once its seal is open: a record that can be written again, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mfa_agent::account::Account;
use mfa_agent::vault::{MasterKey, Vault};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(account) = Account::decode(bytes) {
        let again = account.encode().expect("a record can be written");
        assert!(Account::decode(&again).expect("and read") == account);
    }
    let vault = Vault::new(&MasterKey::from_bytes([0; 32]));
    assert!(vault.open(b"account/alice", bytes).is_err());
});
