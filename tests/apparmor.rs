//! AppArmor's own parser accepts the profile.

use std::fs;
use std::process::Command;

use mfa_tests::{built, run};

fn parse(file: &std::path::Path) -> mfa_tests::Output {
    let mut parser = Command::new("apparmor_parser");
    run(parser
        .args(["--skip-kernel-load", "--skip-cache"])
        .arg(file))
}

#[test]
fn the_profile_is_parsed_and_one_with_a_mistake_is_not() {
    let profile = built().tree.join("packaging/apparmor/usr.sbin.mfa-agent");
    let parsed = parse(&profile);
    assert!(parsed.is_success(), "{parsed:?}");
    // A kernel without AppArmor has no cache.
    let warnings = parsed
        .stderr
        .lines()
        .filter(|line| !line.starts_with("Cache read/write disabled"));
    assert_eq!(warnings.collect::<Vec<_>>(), Vec::<&str>::new());
    let folder = tempfile::tempdir().unwrap();
    let wrong = folder.path().join("wrong");
    let text = fs::read_to_string(&profile)
        .unwrap()
        .replace("PUx,", "PUq,");
    fs::write(&wrong, text).unwrap();
    assert!(!parse(&wrong).is_success());
}
