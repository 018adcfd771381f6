//! Any catalogue file gives texts that are safe to show, or errors with their lines.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mfa_core::factors::Factor;
use mfa_core::texts::{Catalogue, Language, Texts};

fuzz_target!(|text: &str| {
    match Catalogue::with(Language::De, text) {
        Ok(catalogue) => {
            let texts = Texts::of(catalogue);
            assert!(!texts.prompt_for(Factor::Totp, "").trim().is_empty());
            let _ = texts.is_yes("yes");
        }
        Err(mistakes) => assert!(mistakes.iter().all(|mistake| mistake.line > 0)),
    }
});
