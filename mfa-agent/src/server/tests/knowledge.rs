//! What is asked of new PINs and questions, and of whom.

use super::*;

fn answer(question: &str, answer: &str) -> Value {
    json!({ "question": question, "answer": answer })
}

fn reason(error: &Value) -> &str {
    error["parameters"]["reason"].as_str().unwrap()
}

#[test]
fn answers_are_checked_before_a_factor_is_passed_and_nothing_is_stored() {
    let rig = Rig::new();
    let mut alice = rig.connect(ALICE);
    let before = rig.store.swaps();
    let mut check =
        |questions: Value| alice.call("Admin.CheckQuestions", json!({ "questions": questions }));
    assert_eq!(
        check(json!([answer("Pet?", "Rex")])).unwrap()["user"],
        "alice"
    );
    let short = check(json!([answer("Pet?", "Rex"), answer("Town?", "me")])).unwrap_err();
    assert_eq!(short["error"], "org.pam-mfa.Admin.Refused");
    assert!(reason(&short).starts_with("the answer to question 2 is too short"));
    let own_name = check(json!([answer("Pet?", " Alice ")])).unwrap_err();
    assert!(reason(&own_name).contains("question 1 is the user name"));
    assert_eq!(rig.store.swaps(), before);
}

#[test]
fn who_may_not_set_up_questions_hears_it_before_the_third_answer() {
    let rig = Rig::new();
    rig.configure("[self_service]\nfactors = ['totp']");
    let one = json!({ "questions": [answer("Pet?", "Rex")] });
    let mut alice = rig.connect(ALICE);
    let error = alice.call("Admin.CheckQuestions", one).unwrap_err();
    assert_eq!(error["error"], "org.pam-mfa.Admin.NotAllowed");
    let of_alice = json!({ "user": "alice", "questions": [answer("Pet?", "Rex")] });
    let mut bob = rig.connect(BOB);
    let error = bob.call("Admin.CheckQuestions", of_alice).unwrap_err();
    assert_eq!(error["error"], "org.pam-mfa.Admin.NotAllowed");
}

#[test]
fn what_is_offered_says_whether_ones_own_is_taken() {
    let rig = Rig::new();
    let mut bob = rig.connect(BOB);
    let offer = bob.call("Admin.Questions", json!({})).unwrap();
    assert_eq!(offer["own"], true);
    assert_eq!(offer["questions"].as_array().unwrap().len(), 12);
    rig.configure("[questions]\nown = false\ncatalogue = ['a?', 'b?', 'c?']");
    let offer = bob.call("Admin.Questions", json!({})).unwrap();
    assert_eq!(
        offer,
        json!({ "questions": ["a?", "b?", "c?"], "own": false })
    );
    let chosen = json!([
        answer("a?", "one"),
        answer("b?", "two"),
        answer("d?", "four")
    ]);
    let error = bob
        .call("Admin.EnrollQuestions", json!({ "questions": chosen }))
        .unwrap_err();
    assert!(reason(&error).starts_with("question 3 is not in the list"));
}

#[test]
fn a_pin_that_is_banned_later_still_passes() {
    let rig = Rig::new();
    rig.configure("[pin]\nbanned = ['1379']");
    let mut alice = rig.connect(ALICE);
    alice.prove_by_pin("alice");
    let same = json!({ "pin": "1379" });
    let error = alice.call("Admin.EnrollPin", same).unwrap_err();
    assert!(reason(&error).contains("very common"));
}
