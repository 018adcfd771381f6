//! Any arguments of a line in a stack are refused by name, or are within the module's bounds.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use mfa_protocol::arguments::Arguments;

fuzz_target!(|bytes: &[u8]| {
    let words = || bytes.split(|byte| *byte == 0);
    for parsed in [Arguments::parse(words()), Arguments::parse_account(words())] {
        match parsed {
            Ok(arguments) => {
                assert!(arguments.socket().is_absolute());
                let longest = Duration::from_secs(600);
                assert!((Duration::from_secs(1)..=longest).contains(&arguments.timeout()));
            }
            Err(error) => assert!(!error.to_string().contains(char::is_control)),
        }
    }
});
