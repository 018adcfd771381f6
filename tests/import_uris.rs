//! URIs on standard input: HOTP devices, and exports of Google Authenticator.

use std::process::Command;

use mfa_tests::{Agent, Device, Key, Stack, passes, run};

/// Users that every host has.
const ANNA: &str = "daemon";
const BERT: &str = "nobody";

/// The second of two QR codes of an export, with one TOTP device.
const EXPORT: &str = "otpauth-migration://offline?data=CjEKCkhlbGxvId6tvu8SGEV4YW1wbGU6YWxpY2VAZ29vZ2xlLmNvbRoH\
                      RXhhbXBsZTACEAEYAiAB";
const EXPORTED_KEY: &str = "JBSWY3DPEHPK3PXP";

#[test]
fn counters_and_exports_are_imported_and_a_dry_run_imports_nothing() {
    let agent = Agent::start();
    let token = Device(Key::new().base32());
    let lines = format!(
        "{ANNA}\totpauth://hotp/Token?secret={}&counter=5\n{BERT}\t{EXPORT}\n",
        token.0
    );
    let ours = Stack::asking(&agent);
    let exported = || {
        let output = run(Command::new("oathtool").args(["--totp", "--base32", EXPORTED_KEY]));
        output.stdout.trim().to_owned()
    };
    let dry = agent
        .ctl()
        .json(&["import", "uris", "-", "--dry-run"], &lines);
    assert_eq!((&dry["dry_run"], &dry["stored"]), (&true.into(), &2.into()));
    assert!(!passes(&ours, ANNA, &[&token.counted(5)]));

    let report = agent.ctl().json(&["import", "uris", "-"], &lines);
    assert_eq!(report["stored"], 2, "{report}");
    assert_eq!(report["notes"][0]["note"], "part 2 of 2 of an export");
    assert!(!passes(&ours, ANNA, &[&token.counted(4)]));
    assert!(passes(&ours, ANNA, &[&token.counted(5)]));
    assert!(passes(&ours, BERT, &[&exported()]));
    let again = agent.ctl().json(&["import", "uris", "-"], &lines);
    assert_eq!(again["unchanged"], 2, "{again}");
    assert!(!passes(&ours, ANNA, &[&token.counted(5)]));
}

#[test]
fn uris_are_read_as_apps_write_them_and_one_by_one() {
    const KEY: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
    let written = [
        format!("totp/ACME:ann?secret={KEY}&issuer=acme.example"),
        format!("totp/acme:ann?secret={KEY}&issuer=ACME"),
        format!("totp/ACME+Co:ann?secret={KEY}&issuer=ACME+Co"),
        format!("totp/ACME:ann?secret={KEY}&issuer=ACME%20"),
        "totp/ann?secret=JBSW%20Y3DP%20EHPK%203PXP%20JBSW%20Y3DP%20EHPK%203PXP".to_owned(),
        "totp/ann?secret=JBSW+Y3DP+EHPK+3PXP+JBSW+Y3DP+EHPK+3PXP".to_owned(),
        "totp/ann?secret=JBSW-Y3DP-EHPK-3PXP-JBSW-Y3DP-EHPK-3PXP".to_owned(),
        format!("TOTP/ann?secret={KEY}"),
        format!("steam/Steam:ann?secret={KEY}"),
        format!("totp/ann?secret={KEY}&digits=six"),
    ];
    let lines: String = (0..)
        .zip(&written)
        .map(|(number, uri)| format!("mfat-{number}\totpauth://{uri}\n"))
        .collect();
    let agent = Agent::start();
    let output = agent.ctl().run(&["import", "uris", "-"], &lines);
    let report: serde_json::Value = serde_json::from_str(&output.stdout).expect("JSON");
    assert_eq!(report["stored"], 8, "{report}");
    let refused = report["refused"].as_array().expect("a list");
    let reason = |at: usize| refused[at]["reason"].as_str().expect("a reason");
    assert_eq!(refused.len(), 2, "{report}");
    assert!(
        reason(0).contains("Steam") && reason(1).contains("digits"),
        "{report}"
    );
    let note = report["notes"][0]["note"].as_str().expect("a note");
    assert!(note.contains("does not know 8 of the users"), "{note}");
    let code = run(Command::new("oathtool").args(["--totp", "--base32", KEY]));
    let ours = Stack::asking(&agent);
    for number in 0..8 {
        assert!(
            passes(&ours, &format!("mfat-{number}"), &[code.stdout.trim()]),
            "{number}"
        );
    }
}
