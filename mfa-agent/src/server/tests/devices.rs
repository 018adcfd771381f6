//! Devices: what becomes of them is durable before it is told, and so is what two codes say.

use super::*;
use samples::CODES;

const KEY: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn hotp(counter: u64) -> Value {
    json!({ "user": "bob", "secret": KEY, "counter": counter, "label": "token", "confirm": false })
}

fn resync(first: &str, second: &str) -> Value {
    json!({ "user": "bob", "first": first, "second": second })
}

fn bob(rig: &Rig) -> Value {
    let mut root = rig.connect(ROOT);
    let status = root.call("Admin.Status", json!({ "user": "bob" })).unwrap();
    status["account"].clone()
}

/// An account of another program: a device that counts, two scratch codes and a PIN.
fn import(used: u64, codes: &[&str]) -> Value {
    json!({
        "line": 7,
        "user": "bob",
        "devices": [{ "label": "token", "secret": KEY, "used": used }],
        "scratch_codes": codes,
        "pin": "1111",
    })
}

#[test]
fn a_code_of_a_counter_passes_once_and_makes_those_before_it_void() {
    let rig = Rig::new();
    let mut root = rig.connect(ROOT);
    let made = root.call("Admin.EnrollHotp", hotp(2)).unwrap();
    let uri = made["enrollment"]["uri"].as_str().unwrap();
    assert!(
        uri.starts_with("otpauth://hotp/") && uri.ends_with("&counter=2"),
        "{uri}"
    );
    assert_eq!(bob(&rig)["enrolled"], json!(["hotp"]));
    assert_eq!(root.outcome("bob", CODES[1]), "wrong");
    assert_eq!(root.outcome("bob", CODES[4]), "passed");
    assert_eq!(root.outcome("bob", CODES[4]), "wrong");
    assert_eq!(root.outcome("bob", CODES[3]), "wrong");
    assert_eq!(bob(&rig)["devices"][0]["counter"], 5);
    assert_eq!(bob(&rig)["failures"], 1, "a replay is none, an old code is");
}

#[test]
fn two_codes_are_verified_like_an_answer_and_tell_nothing_while_the_store_fails() {
    let rig = Rig::new();
    let mut root = rig.connect(ROOT);
    root.call("Admin.EnrollHotp", hotp(0)).unwrap();
    for failure in [StoreFailure::Swaps, StoreFailure::AfterSwaps] {
        rig.store.fail(failure);
        for (first, second) in [(CODES[7], CODES[8]), ("000000", "000000")] {
            let error = root
                .call("Admin.Resync", resync(first, second))
                .unwrap_err();
            assert_eq!(
                error["error"], "org.pam-mfa.Admin.Unavailable",
                "{failure:?}"
            );
        }
        rig.store.fail(StoreFailure::None);
        root.call("Admin.Remove", json!({ "user": "bob", "factor": "hotp" }))
            .unwrap();
        root.call("Admin.Unlock", json!({ "user": "bob" })).unwrap();
        root.call("Admin.EnrollHotp", hotp(0)).unwrap();
    }
    let done = root
        .call("Admin.Resync", resync(CODES[7], CODES[8]))
        .unwrap();
    assert_eq!(
        (&done["skipped"], &done["label"]),
        (&json!(7), &json!("token"))
    );
    for (first, second, locks) in [
        (CODES[7], CODES[8], false),
        ("x", "", false),
        ("000000", "000000", true),
    ] {
        for _ in 0..5 {
            let error = root
                .call("Admin.Resync", resync(first, second))
                .unwrap_err();
            assert_eq!(error["error"], "org.pam-mfa.Admin.Refused");
        }
        let is_locked = bob(&rig)["locked_until"].is_string();
        assert_eq!(is_locked, locks, "{first} {second}");
    }
    let error = root
        .call("Admin.Resync", resync(CODES[9], CODES[9]))
        .unwrap_err();
    assert!(
        error["parameters"]["reason"]
            .as_str()
            .unwrap()
            .contains("locked"),
        "{error}"
    );
}

#[test]
fn a_user_brings_their_own_device_back_and_nobody_else_s() {
    let rig = Rig::new();
    let mut root = rig.connect(ROOT);
    root.call("Admin.EnrollHotp", hotp(0)).unwrap();
    let mut alice = rig.connect(ALICE);
    let error = alice
        .call("Admin.Resync", resync(CODES[7], CODES[8]))
        .unwrap_err();
    assert_eq!(error["error"], "org.pam-mfa.Admin.NotAllowed");
    // Nor their own without a factor: they may have seen old codes only.
    let pin = json!({ "user": "bob", "pin": "1379" });
    root.call("Admin.EnrollPin", pin).unwrap();
    let mut own = rig.connect(BOB);
    let error = own
        .call("Admin.Resync", resync(CODES[7], CODES[8]))
        .unwrap_err();
    assert_eq!(error["error"], "org.pam-mfa.Admin.NotVerified");
    assert_eq!(bob(&rig)["failures"], 0);
    own.prove_by_pin("bob");
    own.call("Admin.Resync", resync(CODES[7], CODES[8]))
        .unwrap();
}

#[test]
fn a_dry_run_says_what_an_import_does_and_does_it_not() {
    let rig = Rig::new();
    let mut root = rig.connect(ROOT);
    let codes = ["12345678", "23456789"];
    let call = |dry_run| json!({ "accounts": [import(3, &codes)], "dry_run": dry_run });
    let said = root.call("Admin.ImportAccounts", call(true)).unwrap();
    assert_eq!(bob(&rig)["enrolled"], json!([]));
    let done = root.call("Admin.ImportAccounts", call(false)).unwrap();
    assert_eq!(said, done);
    let result = &done["results"][0];
    assert_eq!(
        (
            &result["result"],
            &result["devices"],
            &result["codes"],
            &result["pin"]
        ),
        (&json!("stored"), &json!(1), &json!(2), &json!(true)),
        "{result}"
    );
    let account = bob(&rig);
    assert_eq!(account["enrolled"], json!(["hotp", "pin"]));
    assert_eq!(
        account["settings"]["require"],
        json!(["pin"]),
        "it was asked for before"
    );
    let again = root.call("Admin.ImportAccounts", call(false)).unwrap();
    assert_eq!(again["results"][0]["result"], "unchanged");
    let later = json!({ "accounts": [import(5, &codes[..1])] });
    let later = root.call("Admin.ImportAccounts", later).unwrap();
    assert_eq!(later["results"][0]["result"], "updated");
    assert_eq!(bob(&rig)["recovery_left"], 1);
}

#[test]
fn an_account_that_can_t_be_taken_over_whole_is_not_taken_over() {
    let rig = Rig::new();
    let mut root = rig.connect(ROOT);
    let with = |key: &str, value: Value| {
        let mut account = import(3, &["12345678"]);
        account[key] = value;
        account
    };
    let device = |key: &str, value: Value| {
        let mut device = json!({ "secret": KEY, "period": 30 });
        device[key] = value;
        with(
            "devices",
            json!([{ "secret": "MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U" }, device]),
        )
    };
    let accounts = [
        with("pin", json!("secret")),
        with("scratch_codes", json!(["1234567"])),
        with("devices", json!([])),
        device("offset", json!(3_001)),
        device("period", json!(1)),
        device("secret", json!("7")),
        with("user", json!("no/such\u{7}name")),
    ];
    for account in accounts {
        let call = json!({ "accounts": [account] });
        let reply = root.call("Admin.ImportAccounts", call).unwrap();
        let result = &reply["results"][0];
        assert_eq!(result["result"], "refused", "{account}");
        let reason = result["reason"].as_str().unwrap();
        assert!(
            !reason.contains("secret") && !reason.contains(KEY),
            "{reason}"
        );
        assert_eq!(bob(&rig)["enrolled"], json!([]), "{account}");
    }
}

#[test]
fn the_last_factor_of_all_is_taken_away_by_an_administrator_only() {
    let rig = Rig::new();
    let mut alice = rig.connect(ALICE);
    alice.prove_by_pin("alice");
    alice
        .call("Admin.Remove", json!({ "factor": "totp" }))
        .unwrap();
    let error = alice
        .call("Admin.Remove", json!({ "factor": "pin" }))
        .unwrap_err();
    assert_eq!(error["error"], "org.pam-mfa.Admin.NotAllowed");
    rig.configure("[enforcement]\nunenrolled = \"allow\"\n");
    alice
        .call("Admin.Remove", json!({ "factor": "pin" }))
        .unwrap();
}

#[test]
fn the_code_of_a_first_device_is_proof_enough_for_its_recovery_codes() {
    let rig = Rig::new();
    let mut bob = rig.connect(BOB);
    let made = bob
        .call("Admin.EnrollTotp", json!({ "confirm": true }))
        .unwrap();
    let uri = made["enrollment"]["uri"].as_str().unwrap();
    let code = current_code(uri);
    bob.call("Admin.ConfirmDevice", json!({ "code": code }))
        .unwrap();
    let mut other = rig.connect(BOB);
    let error = other.call("Admin.EnrollRecovery", json!({})).unwrap_err();
    assert_eq!(error["error"], "org.pam-mfa.Admin.NotVerified");
    bob.call("Admin.EnrollRecovery", json!({})).unwrap();
    // What an administrator changes ends it, as any proof.
    rig.connect(ROOT)
        .call("Admin.EnrollPin", json!({ "user": "bob", "pin": "4826" }))
        .unwrap();
    let error = bob.call("Admin.EnrollRecovery", json!({})).unwrap_err();
    assert_eq!(error["error"], "org.pam-mfa.Admin.NotVerified");
}
