//! Any files of stacks are read within bounds, and each way that is found through them ends as libpam's rules say.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mfa_stacks::chain::{entries_of, missing};
use mfa_stacks::codes::{AUTH_ERR, PERM_DENIED, SUCCESS};
use mfa_stacks::dispatch::verdict;
use mfa_stacks::parse::Phase;
use mfa_stacks::paths::way_without;

fuzz_target!(|text: &str| {
    // Two files, which may include each other and themselves.
    let (service, common) = text.split_once('\0').unwrap_or((text, ""));
    let file = |name: &str| match name {
        "sshd" => Some(service),
        "common-auth" => Some(common),
        _ => None,
    };
    let _ = missing("sshd", &file);
    for phase in Phase::ALL {
        let entries = entries_of(phase, "sshd", &file);
        // What is longer takes the search too long for a fuzzer.
        if entries.len() > 24 {
            continue;
        }
        let may = |_, code| matches!(code, SUCCESS | AUTH_ERR | PERM_DENIED);
        if let Ok(Some(way)) = way_without(&entries, &[SUCCESS], may, |_, _| false) {
            let says = |at| way.iter().find(|said| said.0 == at).map_or(PERM_DENIED, |said| said.1);
            assert_eq!(verdict(&entries, says), SUCCESS);
        }
    }
});
