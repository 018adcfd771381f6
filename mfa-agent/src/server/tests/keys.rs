//! Security keys in logins: verified by sshd, or by a signature of the user's SSH agent.

use std::cell::RefCell;

use data_encoding::BASE64;

use super::*;
use mfa_core::account::{Label, SecurityKey};
use mfa_core::factors::Factor;
use mfa_core::factors::security_key::KeyLine;
use mfa_core::factors::security_key::samples::{SoftKey, no_identities};

const KEY_OR_CODE: &str = "[policy]\nrequire = ['key', 'totp']\ntries = 3";
const TOTP: &str = "OTP code: ";

/// A key that the dummy provider of OpenSSH has made, and a certificate for it by ssh-keygen -s.
const ID: &str = include_str!("../../../../mfa-core/src/factors/security_key/samples/id.pub");
const ID_CERT: &str =
    include_str!("../../../../mfa-core/src/factors/security_key/samples/id-cert.pub");

thread_local! {
    /// Where the audit file of this test is.
    static FOLDER: RefCell<Option<tempfile::TempDir>> = const { RefCell::new(None) };
}

fn rig(settings: &str) -> (Rig, SoftKey) {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::with_audit(audit::Settings {
        file: Some(folder.path().join("audit.jsonl")),
        ..audit::Settings::default()
    });
    FOLDER.set(Some(folder));
    rig.configure(settings);
    let key = SoftKey::ed25519(1);
    enroll(&rig, "blue", key.public());
    (rig, key)
}

fn enroll(rig: &Rig, label: &str, key: mfa_core::factors::security_key::PublicKey) {
    let label: Label = label.parse().unwrap();
    rig.change(|account| {
        let key = SecurityKey::new(label.clone(), key.clone(), samples::at(0));
        account.add_key(key).unwrap();
    });
}

/// The key of Alice, as her record has it.
fn kept(rig: &Rig) -> SecurityKey {
    let account = rig.agent.repository.load(&Rig::key()).unwrap().unwrap();
    account.keys()[0].clone()
}

/// The line of a key without its comment, as sshd tells it.
fn line_of_sshd(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().take(2).collect();
    words.join(" ")
}

fn by_sshd(caller: &mut Caller, user: &str, keys: &[String]) -> Value {
    let begin = json!({
        "user": user, "service": "sshd", "rhost": "192.0.2.7", "tty": "ssh",
        "after": ["publickey:sk-ssh-ed25519@openssh.com"], "verified_keys": keys,
    });
    caller.call("Login.Begin", begin).unwrap()
}

fn by_agent(caller: &mut Caller, user: &str) -> Value {
    let begin = json!({ "user": user, "service": "sudo", "tty": "/dev/pts/3", "can_sign": true });
    caller.call("Login.Begin", begin).unwrap()
}

/// What the SSH agent is asked; none if something else is.
fn message(reply: &Value) -> Option<Vec<u8>> {
    let message = reply["step"]["sign"].as_str()?;
    Some(BASE64.decode(message.as_bytes()).unwrap())
}

fn send(caller: &mut Caller, login: &Value, reply: &[u8]) -> Value {
    let signed = BASE64.encode(reply);
    let answer = json!({ "session": login["session"], "answer": "", "signed": signed });
    caller.call("Login.Answer", answer).unwrap()
}

/// Leads a login as long as an SSH agent with this key is asked.
fn sign(caller: &mut Caller, mut reply: Value, key: &mut SoftKey) -> Value {
    while let Some(message) = message(&reply) {
        reply = send(caller, &reply, &key.answer(&message));
    }
    reply
}

fn outcome(reply: &Value) -> &str {
    reply["step"]["outcome"].as_str().unwrap_or("none")
}

fn prompt(reply: &Value) -> &str {
    reply["step"]["prompt"]["text"].as_str().unwrap_or("none")
}

/// The lines of the audit log about the login that `reply` is of.
fn audited(rig: &Rig, reply: &Value) -> Vec<Value> {
    assert!(rig.agent.audit().flush(Duration::from_secs(20)));
    let lines = FOLDER.with_borrow(|folder| {
        let file = folder.as_ref().unwrap().path().join("audit.jsonl");
        std::fs::read_to_string(file).unwrap()
    });
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    lines
        .filter(|line: &Value| line["session"] == reply["session"])
        .collect()
}

#[test]
fn a_key_that_sshd_has_verified_passes_without_a_question_and_the_log_names_it() {
    let (rig, key) = rig(KEY_OR_CODE);
    let mut root = rig.connect(ROOT);
    let passed = by_sshd(&mut root, "alice", &[key.public().to_string()]);
    assert_eq!(outcome(&passed), "passed", "{passed}");
    let [line] = &audited(&rig, &passed)[..] else {
        panic!("not one line")
    };
    for (field, expected) in [
        ("event", "login"),
        ("result", "passed"),
        ("factor", "key"),
        ("label", "blue"),
        ("fingerprint", &key.public().fingerprint()),
    ] {
        assert_eq!(line[field], expected, "{field}");
    }
    assert!(kept(&rig).dates.last_used_at.is_some());
}

#[test]
fn keys_that_sshd_did_not_verify_or_nobody_enrolled_or_enabled_are_asked_for_a_code() {
    let (rig, key) = rig(KEY_OR_CODE);
    let (own, other) = (
        key.public().to_string(),
        SoftKey::p256().public().to_string(),
    );
    let mut root = rig.connect(ROOT);
    let mut asks = |user: &str, keys: &[String]| {
        let login = by_sshd(&mut root, user, keys);
        assert_eq!(prompt(&login), TOTP, "{user} {keys:?}");
    };
    asks("alice", &[]);
    asks("alice", &[other]);
    asks(
        "alice",
        &["sk-ssh-ed25519@openssh.com".to_owned(), "?".to_owned()],
    );
    asks("bob", std::slice::from_ref(&own));
    asks("ghost", std::slice::from_ref(&own));
    rig.change(|account| assert!(account.enable_key(None, false).is_ok()));
    asks("alice", std::slice::from_ref(&own));
    assert_eq!(rig.failures(), 0);
}

#[test]
fn an_ordinary_process_is_not_believed_that_sshd_has_verified_a_key() {
    let (rig, key) = rig(KEY_OR_CODE);
    let mut alice = rig.connect(ALICE);
    let login = by_sshd(&mut alice, "alice", &[key.public().to_string()]);
    assert_eq!(prompt(&login), TOTP);
}

#[test]
fn too_many_or_too_long_keys_are_refused() {
    let (rig, key) = rig(KEY_OR_CODE);
    let mut root = rig.connect(ROOT);
    let line = key.public().to_string();
    for keys in [vec![line; 9], vec!["x".repeat((8 << 10) + 1)]] {
        let begin = json!({ "user": "alice", "service": "sshd", "verified_keys": keys });
        let error = root.call("Login.Begin", begin).unwrap_err();
        assert_eq!(error["parameters"]["parameter"], "verified_keys", "{error}");
    }
}

#[test]
fn of_a_certificate_the_key_inside_counts() {
    let (rig, _) = rig(KEY_OR_CODE);
    let enrolled: KeyLine = ID.parse().unwrap();
    enroll(&rig, "dummy", enrolled.key);
    let mut root = rig.connect(ROOT);
    for line in [ID, ID_CERT] {
        let passed = by_sshd(&mut root, "alice", &[line_of_sshd(line)]);
        assert_eq!(outcome(&passed), "passed", "{line}");
    }
}

#[test]
fn an_ssh_agent_signs_and_the_user_is_told_to_touch_the_key() {
    for mut key in [SoftKey::ed25519(2), SoftKey::p256()] {
        let (rig, _) = rig(KEY_OR_CODE);
        enroll(&rig, "red", key.public());
        let mut alice = rig.connect(ALICE);
        let login = by_agent(&mut alice, "alice");
        assert_eq!(login["step"]["messages"], json!([]), "nothing to touch yet");
        let message = message(&login).unwrap();
        let login = send(&mut alice, &login, &key.answer(&message));
        let told = &login["step"]["messages"][0]["text"];
        assert_eq!(told, "Touch your security key.");
        let passed = sign(&mut alice, login, &mut key);
        assert_eq!(outcome(&passed), "passed", "{passed}");
        let line = &audited(&rig, &passed)[0];
        assert_eq!(line["fingerprint"], key.public().fingerprint());
    }
}

#[test]
fn whoever_it_is_the_ssh_agent_is_asked_for_its_keys_and_then_for_a_code() {
    let (rig, mut key) = rig(KEY_OR_CODE);
    let mut root = rig.connect(ROOT);
    for user in ["bob", "ghost"] {
        let login = by_agent(&mut root, user);
        assert_eq!(message(&login).as_deref(), Some(&[11][..]), "{user}");
        assert_eq!(prompt(&sign(&mut root, login, &mut key)), TOTP, "{user}");
    }
    let login = by_agent(&mut root, "alice");
    let login = sign(&mut root, login, &mut SoftKey::p256());
    assert_eq!(prompt(&login), TOTP, "her key is not in this agent");
}

#[test]
fn an_agent_that_does_not_sign_costs_no_attempt() {
    let (rig, mut key) = rig(KEY_OR_CODE);
    let mut root = rig.connect(ROOT);
    for why in ["no-agent", "refused", "timeout", "too-long", "closed"] {
        let mut login = by_agent(&mut root, "alice");
        for _ in 0..2 {
            let answer = json!({ "session": login["session"], "answer": "", "unsigned": why });
            let next = root.call("Login.Answer", answer).unwrap();
            assert_eq!(prompt(&next), TOTP, "{why}");
            let next = by_agent(&mut root, "alice");
            let message = message(&next).unwrap();
            login = send(&mut root, &next, &key.answer(&message));
        }
    }
    for junk in ["", "?", "AAAA", &"A".repeat(60_000)] {
        let login = by_agent(&mut root, "alice");
        let answer = json!({ "session": login["session"], "answer": "", "signed": junk });
        let next = root.call("Login.Answer", answer).unwrap();
        assert_eq!(prompt(&next), TOTP, "{}", junk.len());
    }
    let login = by_agent(&mut root, "alice");
    let answer = json!({ "session": login["session"], "answer": "", "unsigned": "interrupted" });
    let end = root.call("Login.Answer", answer).unwrap();
    assert_eq!(outcome(&end), "cancelled");
    assert_eq!(rig.failures(), 0);
}

#[test]
fn a_replayed_signature_is_a_failure_and_so_is_one_for_another_service() {
    let (rig, mut key) = rig(KEY_OR_CODE);
    let mut root = rig.connect(ROOT);
    let first = by_agent(&mut root, "alice");
    let identities = key.answer(&message(&first).unwrap());
    let asked = send(&mut root, &first, &identities);
    let signature = key.answer(&message(&asked).unwrap());
    assert_eq!(outcome(&send(&mut root, &asked, &signature)), "passed");
    for n in 1..=2 {
        let second = by_agent(&mut root, "alice");
        let asked = send(&mut root, &second, &identities);
        let reply = send(&mut root, &asked, &signature);
        assert_eq!(prompt(&reply), TOTP, "the next way");
        assert_eq!(rig.failures(), n);
        let line = &audited(&rig, &reply)[0];
        assert_eq!(
            (&line["event"], &line["result"]),
            (&json!("attempt"), &json!("wrong"))
        );
        let reason = line["reason"].as_str().unwrap();
        assert!(reason.contains("not for this challenge"), "{reason}");
    }
}

#[test]
fn a_count_that_goes_back_is_a_failure_that_is_remembered() {
    let (rig, mut key) = rig("[policy]\nrequire = ['key']");
    let mut root = rig.connect(ROOT);
    let mut copy = key.clone();
    let login = by_agent(&mut root, "alice");
    assert_eq!(outcome(&sign(&mut root, login, &mut key)), "passed");
    let login = by_agent(&mut root, "alice");
    let refused = sign(&mut root, login, &mut copy);
    assert_eq!(outcome(&refused), "wrong");
    assert_eq!(rig.failures(), 1);
    let line = &audited(&rig, &refused)[0];
    let reason = line["reason"].as_str().unwrap();
    assert!(reason.contains("may have been copied"), "{reason}");
    assert!(kept(&rig).went_back_at().is_some());
}

#[test]
fn a_key_that_signs_but_is_refused_leaves_the_code_with_a_single_try_and_locks_nobody() {
    let policy = "[policy]\nrequire = ['key', 'totp']\ntries = 1";
    let required = format!("[key]\nverification = 'required'\n{policy}");
    for (settings, flags, words) in [
        (policy, 0, "without a touch"),
        (&required[..], 1, "did not verify its owner"),
    ] {
        let (rig, key) = rig(settings);
        let mut key = key.saying(flags);
        let mut root = rig.connect(ROOT);
        for _ in 0..6 {
            let login = by_agent(&mut root, "alice");
            let reply = sign(&mut root, login, &mut key);
            assert_eq!(prompt(&reply), TOTP, "{reply}");
            let line = &audited(&rig, &reply)[0];
            let reason = line["reason"].as_str().unwrap();
            assert!(
                reason.contains(words) && reason.contains("not counted"),
                "{reason}"
            );
        }
        assert_eq!(rig.failures(), 0);
    }
    for tries in [1, 3] {
        let (rig, mut key) = rig(&format!(
            "[policy]\nrequire = ['key', 'totp']\ntries = {tries}"
        ));
        let mut root = rig.connect(ROOT);
        let mut copy = key.clone();
        let login = by_agent(&mut root, "alice");
        assert_eq!(outcome(&sign(&mut root, login, &mut key)), "passed");
        let login = by_agent(&mut root, "alice");
        let reply = sign(&mut root, login, &mut copy);
        assert_eq!(prompt(&reply), TOTP, "{reply}");
        assert_eq!(rig.failures(), 1, "one, whatever the tries are");
    }
}

#[test]
fn a_key_whose_count_went_back_is_for_an_administrator_to_enable_or_remove() {
    let (rig, mut key) = rig("[policy]\nrequire = ['key', 'totp']");
    let mut alice = rig.connect(ALICE);
    let mut copy = key.clone();
    let login = by_agent(&mut alice, "alice");
    assert_eq!(outcome(&sign(&mut alice, login, &mut key)), "passed");
    let login = by_agent(&mut alice, "alice");
    assert_eq!(prompt(&sign(&mut alice, login, &mut copy)), TOTP);
    // Neither the key nor the copy counts any more, in sshd neither, and using them is no failure.
    for _ in 0..6 {
        let login = by_agent(&mut alice, "alice");
        assert_eq!(prompt(&sign(&mut alice, login, &mut key)), TOTP);
    }
    let mut root = rig.connect(ROOT);
    let login = by_sshd(&mut root, "alice", &[key.public().to_string()]);
    assert_eq!(prompt(&login), TOTP);
    let told = login["step"]["messages"][0]["text"].as_str().unwrap();
    assert!(told.contains("may have been copied"), "{told}");
    let line = &audited(&rig, &login)[0];
    let reason = line["reason"].as_str().unwrap();
    assert!(
        reason.contains("mfactl enable key alice") && reason.contains("not counted"),
        "{reason}"
    );
    assert_eq!(rig.failures(), 1);
    let enable = |enabled| json!({ "factor": "key", "label": "blue", "enabled": enabled });
    let error = alice.call("Admin.EnableFactor", enable(true)).unwrap_err();
    assert_eq!(error["error"], "org.pam-mfa.Admin.NotVerified", "{error}");
    let mut second = SoftKey::p256();
    enroll(&rig, "red", second.public());
    let proof = by_agent(&mut alice, "alice");
    assert_eq!(outcome(&sign(&mut alice, proof, &mut second)), "passed");
    let all = json!({ "factor": "key" });
    let named = json!({ "factor": "key", "label": "blue" });
    for (method, parameters) in [
        ("Admin.EnableFactor", enable(true)),
        ("Admin.Remove", all),
        ("Admin.Remove", named),
    ] {
        let error = alice.call(method, parameters).unwrap_err();
        assert_eq!(error["error"], "org.pam-mfa.Admin.NotAllowed", "{error}");
    }
    assert!(kept(&rig).went_back_at().is_some());
    alice.call("Admin.EnableFactor", enable(false)).unwrap();
    assert!(
        kept(&rig).went_back_at().is_some(),
        "and she may disable it"
    );
    let enable = json!({ "user": "alice", "factor": "key", "label": "blue", "enabled": true });
    root.call("Admin.EnableFactor", enable).unwrap();
    assert_eq!(
        (kept(&rig).went_back_at(), kept(&rig).enabled),
        (None, true)
    );
    let login = by_agent(&mut alice, "alice");
    assert_eq!(outcome(&sign(&mut alice, login, &mut copy)), "passed");
}

#[test]
fn a_key_without_a_touch_or_the_owner_is_refused_as_the_settings_say() {
    let required = "[key]\nverification = 'required'\n[policy]\nrequire = ['key']";
    for (settings, flags, expected) in [
        ("[policy]\nrequire = ['key']", 0, "wrong"),
        ("[policy]\nrequire = ['key']", 4, "wrong"),
        ("[policy]\nrequire = ['key']", 1, "passed"),
        (required, 1, "wrong"),
        (required, 5, "passed"),
    ] {
        let (rig, key) = rig(settings);
        let mut key = key.saying(flags);
        let mut root = rig.connect(ROOT);
        let login = by_agent(&mut root, "alice");
        let end = sign(&mut root, login, &mut key);
        assert_eq!(outcome(&end), expected, "{flags} {settings}");
        assert_eq!(rig.failures(), 0, "a key that signs is no guess");
    }
    let (rig, key) = rig(required);
    let mut root = rig.connect(ROOT);
    let end = by_sshd(&mut root, "alice", &[key.public().to_string()]);
    assert_eq!(outcome(&end), "wrong", "sshd does not say whether it has");
    assert_eq!(rig.failures(), 0, "and this was no guess");
}

#[test]
fn a_key_that_is_removed_while_it_is_touched_does_not_pass_and_nothing_is_counted() {
    let (rig, mut key) = rig("[policy]\nrequire = ['key']");
    let mut root = rig.connect(ROOT);
    let login = by_agent(&mut root, "alice");
    let asked = send(&mut root, &login, &key.answer(&[11]));
    let signature = key.answer(&message(&asked).unwrap());
    rig.change(|account| assert_eq!(account.remove_keys(None), 1));
    assert_eq!(outcome(&send(&mut root, &asked, &signature)), "wrong");
    assert_eq!(rig.failures(), 0);
}

#[test]
fn no_key_passes_at_a_locked_account() {
    let (rig, mut key) = rig("[policy]\nrequire = ['key', 'totp']");
    let mut root = rig.connect(ROOT);
    for _ in 0..5 {
        root.outcome("alice", "000000");
    }
    let end = by_sshd(&mut root, "alice", &[key.public().to_string()]);
    assert_eq!(outcome(&end), "locked");
    let login = by_agent(&mut root, "alice");
    assert_eq!(outcome(&sign(&mut root, login, &mut key)), "locked");
}

#[test]
fn a_key_and_a_pin_are_verified_together() {
    let (rig, mut key) = rig("[policy]\nrequire = ['key+pin']\ntries = 3");
    let mut root = rig.connect(ROOT);
    for is_by_sshd in [true, false] {
        let login = match is_by_sshd {
            true => by_sshd(&mut root, "alice", &[key.public().to_string()]),
            false => {
                let login = by_agent(&mut root, "alice");
                sign(&mut root, login, &mut key)
            }
        };
        assert_eq!(prompt(&login), "PIN: ");
        let wrong = root.answer(&login, "4711").unwrap();
        let again = sign(&mut root, wrong, &mut key);
        assert_eq!(prompt(&again), "PIN: ", "{again}");
        assert_eq!(outcome(&root.answer(&again, "1379").unwrap()), "passed");
    }
}

#[test]
fn a_key_begins_a_session() {
    let (rig, mut key) = rig("[policy]\nrequire = ['key']\nsession = '5m'");
    let mut root = rig.connect(ROOT);
    let login = by_agent(&mut root, "alice");
    assert_eq!(outcome(&sign(&mut root, login, &mut key)), "passed");
    let next = by_agent(&mut root, "alice");
    assert_eq!((outcome(&next), message(&next)), ("passed", None));
}

#[test]
fn the_account_phase_admits_by_a_key_alone_that_sshd_has_verified() {
    let (rig, key) = rig("[policy]\nrequire = ['totp', 'key', 'key+pin']");
    let mut root = rig.connect(ROOT);
    let own = key.public().to_string();
    let other = SoftKey::p256().public().to_string();
    let mut admitted = |user: &str, keys: &[&String]| {
        let admit = json!({ "user": user, "service": "sshd", "verified_keys": keys });
        root.call("Login.Admit", admit).unwrap()
    };
    let reply = admitted("alice", &[&own]);
    assert_eq!(outcome(&reply), "passed");
    let [line] = &audited(&rig, &reply)[..] else {
        panic!("not one line")
    };
    assert_eq!(
        (&line["event"], &line["factor"]),
        (&json!("account"), &json!("key"))
    );
    for (user, keys) in [("alice", &[&other][..]), ("alice", &[]), ("bob", &[&own])] {
        assert_eq!(outcome(&admitted(user, keys)), "denied", "{user} {keys:?}");
    }
    rig.change(|account| assert!(account.enable_key(None, false).is_ok()));
    assert_eq!(outcome(&admitted("alice", &[&own])), "denied");
    rig.change(|account| assert!(account.enable_key(None, true).is_ok()));
    rig.configure("[policy]\nrequire = ['key+pin']");
    assert_eq!(
        outcome(&admitted("alice", &[&own])),
        "denied",
        "the PIN is missing"
    );
}

#[test]
fn a_newcomer_sets_up_the_key_that_sshd_has_just_verified_after_a_yes() {
    let (rig, key) = rig("[policy]\nrequire = ['key']\n[enforcement]\nunenrolled = 'enroll'");
    let mut root = rig.connect(ROOT);
    let keys = [key.public().to_string()];
    let login = by_sshd(&mut root, "bob", &keys);
    assert_eq!(prompt(&login), "Type yes to set it up: ");
    let shown = login["step"]["messages"].to_string();
    assert!(shown.contains(&key.public().fingerprint()), "{shown}");
    let no = root.answer(&login, "no").unwrap();
    assert_eq!(prompt(&no), "Type yes to set it up: ");
    assert_eq!(outcome(&root.answer(&no, "").unwrap()), "cancelled");
    let login = by_sshd(&mut root, "bob", &keys);
    let done = root.answer(&login, "yes").unwrap();
    assert_eq!(outcome(&done), "passed", "{done}");
    let lines = audited(&rig, &done);
    assert_eq!(
        (&lines[0]["event"], &lines[0]["factor"]),
        (&json!("enroll"), &json!("key"))
    );
    let again = by_sshd(&mut root, "bob", &keys);
    assert_eq!(outcome(&again), "passed", "it counts from now on");
    let ghost = by_sshd(&mut root, "ghost", &keys);
    assert_eq!(
        outcome(&ghost),
        "wrong",
        "nobody whom the host does not know"
    );
}

#[test]
fn a_plain_key_is_set_up_and_counts_only_where_the_settings_take_its_type() {
    let plain = mfa_core::factors::security_key::samples::plain_line();
    let policy = "[policy]\nrequire = ['key']\n[enforcement]\nunenrolled = 'enroll'\n";
    for (types, is_taken) in [("['sk-*']", false), ("['sk-*', 'ssh-ed25519']", true)] {
        let (rig, _) = rig(&format!("{policy}[key]\ntypes = {types}"));
        let mut root = rig.connect(ROOT);
        let login = by_sshd(&mut root, "bob", std::slice::from_ref(&plain));
        assert_eq!(
            outcome(&login),
            if is_taken { "none" } else { "wrong" },
            "{types}"
        );
        let key: KeyLine = plain.parse().unwrap();
        enroll(&rig, "plain", key.key);
        let login = by_sshd(&mut root, "alice", std::slice::from_ref(&plain));
        assert_eq!(
            outcome(&login),
            if is_taken { "passed" } else { "wrong" },
            "{types}"
        );
    }
}

#[test]
fn a_rule_matches_the_type_of_the_key_that_sshd_has_verified() {
    let (rig, _) = rig(
        "[policy]\nrequire = ['totp']\n[[rule]]\nname = 'keys'\nafter = ['publickey:sk-*']\naction = 'skip'\n\
         [[rule]]\nname = 'others'\nafter = ['publickey']\nrequire = ['pin']",
    );
    let mut root = rig.connect(ROOT);
    for (after, expected) in [
        ("publickey:sk-ssh-ed25519@openssh.com", ("skipped", "none")),
        ("publickey:ssh-ed25519", ("none", "PIN: ")),
        ("publickey", ("none", "PIN: ")),
        ("password", ("none", TOTP)),
    ] {
        let begin = json!({ "user": "alice", "service": "sshd", "after": [after] });
        let login = root.call("Login.Begin", begin).unwrap();
        assert_eq!((outcome(&login), prompt(&login)), expected, "{after}");
    }
}

#[test]
fn sixty_four_logins_at_once_pass_each_by_its_own_signature_in_any_order() {
    let (rig, mut key) =
        rig("[policy]\nrequire = ['key']\n[server]\nmax_connections_per_user = 64");
    let mut logins: Vec<_> = (0..64)
        .map(|_| {
            let mut root = rig.connect(ROOT);
            let login = by_agent(&mut root, "alice");
            let asked = send(&mut root, &login, &key.answer(&[11]));
            let signature = key.answer(&message(&asked).unwrap());
            (root, asked, signature)
        })
        .collect();
    logins.reverse();
    let threads: Vec<_> = logins
        .into_iter()
        .map(|(mut root, asked, signature)| {
            std::thread::spawn(move || outcome(&send(&mut root, &asked, &signature)).to_owned())
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), "passed");
    }
    assert_eq!((rig.failures(), kept(&rig).counter()), (0, 64));
}

#[test]
fn an_answer_that_was_not_asked_for_cancels_the_login() {
    let (rig, mut key) = rig(KEY_OR_CODE);
    let mut root = rig.connect(ROOT);
    let login = by_agent(&mut root, "alice");
    assert_eq!(
        outcome(&root.answer(&login, "287082").unwrap()),
        "cancelled"
    );
    let login = by_sshd(&mut root, "alice", &[]);
    let reply = send(&mut root, &login, &key.answer(&[11]));
    assert_eq!(outcome(&reply), "cancelled");
    assert_eq!(rig.failures(), 0);
}

#[test]
fn a_change_of_ones_own_factors_is_proved_by_a_key() {
    let (rig, mut key) = rig("[policy]\nrequire = ['key']");
    let mut alice = rig.connect(ALICE);
    let refused = alice.call("Admin.EnrollPin", json!({ "pin": "4826" }));
    assert_eq!(
        refused.unwrap_err()["error"],
        "org.pam-mfa.Admin.NotVerified"
    );
    let login = by_agent(&mut alice, "alice");
    assert_eq!(outcome(&sign(&mut alice, login, &mut key)), "passed");
    alice
        .call("Admin.EnrollPin", json!({ "pin": "4826" }))
        .unwrap();
}

#[test]
fn a_user_with_a_key_and_no_agent_reads_what_to_do() {
    let (rig, _) = rig("[policy]\nrequire = ['key']");
    let mut root = rig.connect(ROOT);
    let mut ends = Vec::new();
    for user in ["alice", "bob", "ghost"] {
        let login = by_sshd(&mut root, user, &[]);
        let agent = by_agent(&mut root, user);
        let agent = send(&mut root, &agent, &no_identities());
        let said = [(login, "ssh -i"), (agent, "ssh -A")].map(|(end, advice)| {
            let text = end["step"]["messages"][0]["text"].as_str().unwrap();
            assert!(text.contains(advice), "{text}");
            (outcome(&end).to_owned(), text.to_owned())
        });
        ends.push(said);
    }
    ends.dedup();
    assert_eq!(ends.len(), 1, "{ends:?}");
    assert!(
        rig.agent
            .repository
            .load(&Rig::key())
            .unwrap()
            .unwrap()
            .has(Factor::Key)
    );
}

#[test]
fn who_issues_a_bypass_code_hears_where_no_code_is_asked_for() {
    for (settings, of_no_use) in [
        (KEY_OR_CODE, None),
        ("[policy]\nrequire = ['key']", Some("login, sshd, su, sudo")),
        (
            "[policy]\nrequire = ['key', 'totp']\n[[rule]]\nname = 'cellar'\nservices = ['gdm']\nrequire = ['key', 'pin']",
            Some("gdm"),
        ),
    ] {
        let (rig, _) = rig(settings);
        let issued = rig
            .connect(ROOT)
            .call("Admin.Bypass", json!({ "user": "alice", "seconds": 600 }))
            .unwrap();
        let note = of_no_use.map(|services| {
            format!(
                "no code is asked for in {services}: a bypass code is of no use there. To let alice in without \
                 a second factor: mfactl suspend alice --for 1h"
            )
        });
        assert_eq!(issued["note"].as_str(), note.as_deref(), "{settings}");
    }
}
