//! URIs on standard input: devices by counter, and what Google Authenticator exports.

use std::process::Command;

use mfa_tests::{Agent, Device, Key, Stack, passes, run};

/// Users whom every host knows.
const ANNA: &str = "daemon";
const BERT: &str = "nobody";

/// The second of two QR codes of an export, with one device by time.
const EXPORT: &str = "otpauth-migration://offline?data=CjEKCkhlbGxvId6tvu8SGEV4YW1wbGU6YWxpY2VAZ29vZ2xlLmNvbRoH\
                      RXhhbXBsZTACEAEYAiAB";
const EXPORTED_KEY: &str = "JBSWY3DPEHPK3PXP";

#[test]
fn counters_and_exports_are_taken_over_and_a_dry_run_takes_nothing() {
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
