//! The table of keys: what is made of it, and what is said of keys that are not in it.

use std::fs;
use std::path::Path;

use super::{DEFAULT, parse_all};
use crate::config::{Settings, keys};
use mfa_core::account::{MessageLimits, RequestLimits};
use mfa_core::factors::device::Windows;
use mfa_core::lockout::Limits;
use mfa_core::policy::Ask;

/// Set to anything, it has the test write the file.
const REWRITE: &str = "REWRITE_AGENT_TOML";

#[test]
fn the_shipped_file_is_what_the_table_of_keys_says() {
    let (_, examples) = DEFAULT.split_once(keys::EXAMPLES).unwrap();
    let expected = format!("{}{}{examples}", keys::shipped_file(), keys::EXAMPLES);
    if std::env::var_os(REWRITE).is_some() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/agent.toml");
        return fs::write(file, expected).unwrap();
    }
    assert!(
        DEFAULT == expected,
        "config/agent.toml differs from mfa-agent/src/config/keys; write it with {REWRITE}=1 cargo test -p mfa-agent \
         --lib shipped_file"
    );
}

#[test]
fn every_key_is_documented_and_no_two_have_one_name() {
    let mut names: Vec<_> = keys::SECTIONS
        .iter()
        .flat_map(|section| section.keys)
        .map(|key| {
            assert!(!key.about.trim().is_empty(), "{}", key.full_name);
            key.full_name
        })
        .collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn what_is_built_in_is_what_the_core_has_for_itself() {
    let settings = Settings::default();
    assert_eq!(settings.lockout, Limits::default());
    assert_eq!(*settings.policy.default, Ask::default());
    assert_eq!(settings.delivery.budget, MessageLimits::default());
    assert_eq!(settings.request_limits(), RequestLimits::default());
    assert_eq!(settings.windows(), Windows::default());
    let socket = Path::new(mfa_protocol::DEFAULT_SOCKET);
    assert_eq!(settings.server.socket, socket);
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_their_lines_also_those_of_values_that_are_replaced()
 {
    let told = parse_all(&[
        "[totp]\nskew = 99\ndigits = 5\n[[rule]]\ntries = 9\n[server]\ntrusted = ['', 'a', '']\nsockt = 1",
        "[totp]\nskew = 1\n[lockout\n",
        "rule = 3\n[[radius]]\nwait = 'x'\nnme = 'y'",
    ]);
    let told = told.unwrap_err().to_string();
    let places: Vec<_> = told.lines().map(|line| &line[..8]).collect();
    let expected = [
        "0.toml:2", "0.toml:3", "0.toml:5", "0.toml:7", "0.toml:8", "1.toml:3", "2.toml:1",
        "2.toml:3", "2.toml:4",
    ];
    assert_eq!(places, expected, "{told}");
}
