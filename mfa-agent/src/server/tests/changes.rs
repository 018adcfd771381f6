//! Who may change what, and what a change leaves.

use super::*;

#[test]
fn an_ordinary_user_acts_for_nobody_else() {
    let rig = Rig::new();
    let mut bob = rig.connect(BOB);
    let alice = json!({ "user": "alice" });
    for (method, more) in [
        ("Login.Begin", json!({ "service": "sshd" })),
        ("Admin.Status", json!({})),
        ("Admin.Explain", json!({ "service": "sshd" })),
        ("Admin.EnrollTotp", json!({ "confirm": false })),
        ("Admin.EnrollPin", json!({ "pin": "4826" })),
        ("Admin.EnrollQuestions", json!({ "questions": [] })),
        ("Admin.Remove", json!({ "factor": "totp" })),
        ("Admin.Unlock", json!({})),
        ("Admin.ImportUris", json!({ "entries": [] })),
        ("Admin.Users", json!({})),
        ("Admin.Lockouts", json!({})),
    ] {
        let mut parameters = more.as_object().unwrap().clone();
        if !matches!(
            method,
            "Admin.ImportUris" | "Admin.Users" | "Admin.Lockouts"
        ) {
            parameters.extend(alice.as_object().unwrap().clone());
        }
        let error = bob.call(method, parameters.into()).unwrap_err();
        let name = error["error"].as_str().unwrap();
        assert!(name.ends_with(".NotAllowed"), "{method}: {name}");
    }
    assert_eq!(rig.failures(), 0);
    assert_eq!(bob.outcome("bob", "000000"), "wrong", "for himself he may");
}

#[test]
fn one_who_has_a_factor_must_pass_it_before_changing_any() {
    let rig = Rig::new();
    let mut alice = rig.connect(ALICE);
    alice.prove_by_pin("alice");
    alice
        .call("Admin.EnrollPin", json!({ "pin": "4826" }))
        .unwrap();
    let remove = json!({ "factor": "pin" });
    let error = rig.connect(ALICE).call("Admin.Remove", remove).unwrap_err();
    assert_eq!(
        error["error"], "org.pam-mfa.Admin.NotVerified",
        "another connection proves nothing"
    );
}

#[test]
fn one_who_has_no_factor_may_enroll_their_first() {
    let rig = Rig::new();
    let mut bob = rig.connect(BOB);
    bob.call("Admin.EnrollPin", json!({ "pin": "4826" }))
        .unwrap();
    let error = bob
        .call("Admin.EnrollPin", json!({ "pin": "4827" }))
        .unwrap_err();
    assert_eq!(error["error"], "org.pam-mfa.Admin.NotVerified");
}

#[test]
fn a_device_is_stored_only_once_its_code_was_confirmed() {
    let rig = Rig::new();
    let mut root = rig.connect(ROOT);
    let parameters = json!({ "user": "bob", "confirm": true });
    let made = root.call("Admin.EnrollTotp", parameters).unwrap();
    assert_eq!(made["enrollment"]["stored"], false);
    let refused = root
        .call("Admin.ConfirmDevice", json!({ "code": "x" }))
        .unwrap_err();
    assert_eq!(refused["error"], "org.pam-mfa.Admin.Refused");
    let status = root.call("Admin.Status", json!({ "user": "bob" })).unwrap();
    assert_eq!(status["account"]["enrolled"], json!([]));
}

#[test]
fn what_an_administrator_changed_ends_proofs_and_half_done_enrolments() {
    let rig = Rig::new();
    let mut alice = rig.connect(ALICE);
    alice.prove_by_pin("alice");
    let parameters = json!({ "confirm": true });
    let made = alice.call("Admin.EnrollTotp", parameters).unwrap();
    let mut root = rig.connect(ROOT);
    root.call("Admin.Remove", json!({ "user": "alice", "factor": "pin" }))
        .unwrap();
    let code = current_code(made["enrollment"]["uri"].as_str().unwrap());
    let late = alice
        .call("Admin.ConfirmDevice", json!({ "code": code }))
        .unwrap_err();
    assert_eq!(late["error"], "org.pam-mfa.Admin.NotVerified");
    let pin = json!({ "pin": "4826" });
    let error = alice.call("Admin.EnrollPin", pin).unwrap_err();
    assert_eq!(error["error"], "org.pam-mfa.Admin.NotVerified");
}

#[test]
fn one_proof_is_enough_for_several_changes_of_ones_own() {
    let rig = Rig::new();
    let mut alice = rig.connect(ALICE);
    alice.prove_by_pin("alice");
    for pin in ["4826", "4827"] {
        alice
            .call("Admin.EnrollPin", json!({ "pin": pin }))
            .unwrap();
    }
    let made = alice
        .call("Admin.EnrollTotp", json!({ "confirm": true }))
        .unwrap();
    let code = current_code(made["enrollment"]["uri"].as_str().unwrap());
    let stored = alice
        .call("Admin.ConfirmDevice", json!({ "code": code }))
        .unwrap();
    assert_eq!(stored["enrollment"]["stored"], true);
}

#[test]
fn a_login_passed_for_something_else_is_no_proof() {
    let rig = Rig::new();
    let mut alice = rig.connect(ALICE);
    let login = alice.begin("alice");
    alice.answer(&login, "?").unwrap();
    alice.answer(&login, "2").unwrap();
    let passed = alice.answer(&login, "1379").unwrap();
    assert_eq!(passed["step"]["outcome"], "passed");
    let error = alice
        .call("Admin.EnrollPin", json!({ "pin": "4826" }))
        .unwrap_err();
    assert_eq!(error["error"], "org.pam-mfa.Admin.NotVerified");
}

#[test]
fn enrolling_the_same_again_changes_nothing() {
    let rig = Rig::new();
    let mut root = rig.connect(ROOT);
    let question = |n: u8| json!({ "question": format!("Q{n}?"), "answer": format!("answer {n}") });
    let questions =
        json!({ "user": "alice", "questions": [question(1), question(2), question(3)] });
    root.call("Admin.EnrollQuestions", questions.clone())
        .unwrap();
    let before = rig.store.swaps();
    root.call("Admin.EnrollQuestions", questions).unwrap();
    root.call("Admin.EnrollPin", json!({ "user": "alice", "pin": "1379" }))
        .unwrap();
    assert_eq!(rig.store.swaps(), before);
}

#[test]
fn a_key_that_did_not_seal_the_records_is_noticed_at_the_start() {
    let rig = Rig::new();
    rig.agent.repository.check_key().unwrap();
    let vault = Vault::new(&MasterKey::from_bytes([8; 32]));
    let other = AccountRepository::new(
        Box::new(Shared(Arc::clone(&rig.store), Arc::default())),
        vault,
    );
    assert!(other.check_key().is_err());
}

#[test]
fn a_user_disables_their_account_at_a_radius_server_and_an_administrator_enables_it() {
    let rig = Rig::new();
    rig.configure(
        "[[radius]]\nname = 'vip'\nservers = ['127.0.0.1']\nsecret_file = '/nowhere'\n\
         [policy]\nrequire = ['totp', 'pin']\n[self_service]\nfactors = ['totp', 'pin', 'radius']",
    );
    let mut root = rig.connect(ROOT);
    root.call(
        "Admin.EnrollRadius",
        json!({ "user": "alice", "server": "vip" }),
    )
    .unwrap();
    let mut alice = rig.connect(ALICE);
    alice.prove_by_pin("alice");
    let switch = |factor: &str, enabled: bool| json!({ "user": "alice", "factor": factor, "enabled": enabled });
    for factor in ["radius", "totp"] {
        let done = alice
            .call("Admin.EnableFactor", switch(factor, false))
            .unwrap();
        assert_eq!(done["changed"], true, "{factor}");
    }
    let error = alice
        .call("Admin.EnableFactor", switch("radius", true))
        .unwrap_err();
    assert_eq!(error["error"], "org.pam-mfa.Admin.NotAllowed");
    for (caller, factor) in [(&mut alice, "totp"), (&mut root, "radius")] {
        let done = caller
            .call("Admin.EnableFactor", switch(factor, true))
            .unwrap();
        assert_eq!(done["changed"], true, "{factor}");
    }
}

#[test]
fn what_was_begun_is_not_confirmed_once_users_may_not_change_their_factors() {
    let rig = Rig::new();
    let mut alice = rig.connect(ALICE);
    alice.prove_by_pin("alice");
    let (device, codes) = (
        json!({ "label": "tablet", "confirm": true }),
        json!({ "confirm": true }),
    );
    let device = alice.call("Admin.EnrollTotp", device).unwrap();
    alice.call("Admin.EnrollRecovery", codes.clone()).unwrap();
    rig.configure("[self_service]\nenabled = false");
    let code = current_code(device["enrollment"]["uri"].as_str().unwrap());
    for (method, parameters) in [
        ("Admin.ConfirmDevice", json!({ "code": code })),
        ("Admin.ConfirmRecovery", json!({})),
    ] {
        let error = alice.call(method, parameters).unwrap_err();
        assert_eq!(
            error["error"], "org.pam-mfa.Admin.NotAllowed",
            "{method}: {error}"
        );
    }
    let status = rig
        .connect(ROOT)
        .call("Admin.Status", json!({ "user": "alice" }))
        .unwrap();
    let account = &status["account"];
    assert_eq!(account["devices"].as_array().unwrap().len(), 1);
    assert_eq!(account["recovery_left"], Value::Null);

    // Once they may again, what was refused has to be begun again, and goes through.
    rig.configure("");
    let error = alice.call("Admin.ConfirmRecovery", json!({})).unwrap_err();
    assert_eq!(error["error"], "org.pam-mfa.Admin.Refused");
    alice.call("Admin.EnrollRecovery", codes).unwrap();
    alice.call("Admin.ConfirmRecovery", json!({})).unwrap();
}
