//! What a server of etcd answers, which may be anything.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mfa_agent::store::etcd::examine;

fuzz_target!(|data: &[u8]| examine(data));
