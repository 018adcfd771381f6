//! Calls through a connection, against a store in memory that can be made to fail.

use std::collections::HashMap;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;

use mfa_protocol::frame::{FrameReader, write_frame};
use serde_json::{Value, json};

use super::connection::Connection;
use super::peer::Peer;
use super::*;
use crate::account::samples;
use crate::audit;
use crate::ledger::{After, Key, LedgerError};
use crate::names::{Entry, Groups, NamesError, UserName};
use crate::store::memory::Failure as StoreFailure;
use crate::store::{Change, MemoryStore, Store, StoreError, Stored, Swap};
use crate::vault::{MasterKey, Vault};

struct Shared(Arc<MemoryStore>);

impl Store for Shared {
    fn load(&self, key: &[u8]) -> Result<Option<Stored>, StoreError> {
        self.0.load(key)
    }

    fn swap_all(&self, changes: &[Change<'_>]) -> Result<Vec<Swap>, StoreError> {
        self.0.swap_all(changes)
    }

    fn page(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Stored)>, StoreError> {
        self.0.page(prefix, after, limit)
    }
}

/// A host with these users.
struct Host(HashMap<&'static str, u32>);

impl Names for Host {
    fn canonical(&self, user: &UserName) -> Result<Option<Entry>, NamesError> {
        Ok(self
            .0
            .get(user.as_str())
            .map(|uid| entry(user.as_str(), *uid)))
    }

    fn groups(&self, _: &UserName, _: Option<&Entry>, _: &[String]) -> Result<Groups, NamesError> {
        Ok(Groups::new())
    }

    fn is_local(&self, _: &UserName) -> Result<bool, NamesError> {
        Ok(true)
    }

    fn by_uid(&self, uid: u32) -> Result<Option<Entry>, NamesError> {
        Ok(self
            .0
            .iter()
            .find(|(_, u)| **u == uid)
            .map(|(name, _)| entry(name, uid)))
    }
}

fn entry(name: &str, uid: u32) -> Entry {
    Entry {
        name: name.parse().unwrap(),
        uid,
        gid: uid,
    }
}

fn peer(uid: u32) -> Peer {
    Peer {
        uid,
        pid: 1,
        privileged: uid == ROOT,
    }
}

const ROOT: u32 = 0;
const ALICE: u32 = 60_001;
const BOB: u32 = 60_002;

struct Rig {
    agent: Arc<Agent>,
    store: Arc<MemoryStore>,
}

impl Rig {
    /// Alice has the device of RFC 4226, whose codes are of 1970, and a PIN 1379. Bob has nothing.
    fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let vault = Vault::new(&MasterKey::from_bytes([7; 32]));
        let ledger = Ledger::new(Box::new(Shared(Arc::clone(&store))), vault);
        let host = Host(HashMap::from([("alice", ALICE), ("bob", BOB)]));
        let audit = Audit::start(audit::Settings::default()).unwrap();
        let hasher = Hasher::new(2, 8);
        let agent = Agent::new(Settings::default(), ledger, hasher, Box::new(host), audit);
        let rig = Self { agent, store };
        rig.enrol_alice();
        rig
    }

    fn enrol_alice(&self) {
        let root = peer(ROOT).claim(&"alice".parse().unwrap());
        let phc = self
            .agent
            .hasher
            .hash(&root, &"1379".into(), [1; 16])
            .unwrap();
        self.change(|account| {
            account.add_device(samples::device("phone")).unwrap();
            account.set_pin(phc.clone(), samples::at(0));
        });
    }

    fn key() -> Key {
        Key::account(&"alice".parse().unwrap())
    }

    fn change(&self, change: impl Fn(&mut crate::account::Account)) {
        self.agent
            .ledger
            .change(&Self::key(), |account| {
                let mut account = account.unwrap_or_default();
                change(&mut account);
                Ok::<_, LedgerError>((After::Put(account.into()), ()))
            })
            .unwrap();
    }

    fn failures(&self) -> u32 {
        let account = self.agent.ledger.load(&Self::key()).unwrap().unwrap();
        account.lockout().failures(Timestamp::now())
    }

    fn connect(&self, uid: u32) -> Caller {
        let (stream, served) = UnixStream::pair().unwrap();
        let connection = Connection::new(Arc::clone(&self.agent), peer(uid));
        let thread = std::thread::spawn(move || connection.serve(&served));
        Caller {
            stream,
            reader: FrameReader::new(),
            thread,
        }
    }
}

struct Caller {
    stream: UnixStream,
    reader: FrameReader,
    thread: JoinHandle<()>,
}

impl Caller {
    fn call(&mut self, method: &str, parameters: Value) -> Result<Value, Value> {
        let call = json!({ "method": format!("org.pam-mfa.{method}"), "parameters": parameters });
        write_frame(&mut &self.stream, &call).unwrap();
        let reply: Value =
            serde_json::from_slice(self.reader.next(&mut &self.stream).unwrap()).unwrap();
        match reply.get("error") {
            Some(_) => Err(reply),
            None => Ok(reply["parameters"].clone()),
        }
    }

    fn begin(&mut self, user: &str) -> Value {
        self.call("Login.Begin", json!({ "user": user, "service": "sshd" }))
            .unwrap()
    }

    fn answer(&mut self, login: &Value, answer: &str) -> Result<Value, Value> {
        self.call(
            "Login.Answer",
            json!({ "session": login["session"], "answer": answer }),
        )
    }

    /// One login with one answer; its outcome.
    fn outcome(&mut self, user: &str, answer: &str) -> String {
        let login = self.begin(user);
        let reply = self.answer(&login, answer).unwrap();
        reply["step"]["outcome"].as_str().unwrap().to_owned()
    }

    /// Alice is refused a change and proves herself; the codes of her device are of 1970, so she
    /// takes the other way.
    fn prove_by_pin(&mut self) {
        let error = self
            .call("Admin.EnrollPin", json!({ "pin": "4826" }))
            .unwrap_err();
        assert_eq!(error["error"], "org.pam-mfa.Admin.NotVerified");
        let login = self.begin("alice");
        self.answer(&login, "?").unwrap();
        self.answer(&login, "2").unwrap();
        let passed = self.answer(&login, "1379").unwrap();
        assert_eq!(passed["step"]["outcome"], "passed");
    }

    fn close(self) {
        drop(self.stream);
        self.thread.join().unwrap();
    }
}

fn current_code(uri: &str) -> String {
    let totp = totp_rs::Totp::from_url_unchecked(uri).unwrap();
    totp.generate(Timestamp::now().as_second().unsigned_abs())
        .to_string()
}

#[test]
fn an_answer_whose_record_could_not_be_made_durable_gets_no_verdict() {
    let rig = Rig::new();
    let mut root = rig.connect(ROOT);
    for failure in [
        StoreFailure::Swaps,
        StoreFailure::AfterSwaps,
        StoreFailure::Everything,
    ] {
        let login = root.begin("alice");
        rig.store.fail(failure);
        let reply = root.answer(&login, "000000").unwrap();
        assert_eq!(reply["step"]["outcome"], "unavailable", "{failure:?}");
        rig.store.fail(StoreFailure::None);
    }
}

#[test]
fn a_store_that_can_not_be_read_lets_no_login_begin() {
    let rig = Rig::new();
    rig.store.fail(StoreFailure::Everything);
    let error = rig
        .connect(ROOT)
        .call("Login.Begin", json!({ "user": "alice", "service": "sshd" }))
        .unwrap_err();
    assert_eq!(error["error"], "org.pam-mfa.Login.Unavailable");
}

#[test]
fn every_verdict_on_every_user_takes_one_durable_write() {
    let rig = Rig::new();
    let mut root = rig.connect(ROOT);
    for user in ["alice", "bob", "nobody-here"] {
        for n in 1..=7 {
            let before = rig.store.swaps();
            let outcome = root.outcome(user, "000000");
            assert_eq!(
                outcome,
                if n <= 5 { "wrong" } else { "locked" },
                "{user}, answer {n}"
            );
            assert_eq!(rig.store.swaps(), before + 1, "{user}, answer {n}");
        }
    }
}

#[test]
fn cancelled_logins_leave_no_trace_in_the_account() {
    let rig = Rig::new();
    let before = rig.store.swaps();
    for answer in [
        "",
        "\u{8}\n\r\u{7f}INCORRECT",
        "\u{8}\n\r\u{7f}INC",
        &"7".repeat(513),
    ] {
        assert_eq!(
            rig.connect(ROOT).outcome("alice", answer),
            "cancelled",
            "{answer:?}"
        );
    }
    let mut gone = rig.connect(ROOT);
    gone.begin("alice");
    gone.close();
    let mut cancelled = rig.connect(ROOT);
    let login = cancelled.begin("alice");
    cancelled
        .call("Login.Cancel", json!({ "session": login["session"] }))
        .unwrap();
    assert!(cancelled.answer(&login, "000000").is_err(), "it has ended");
    assert_eq!((rig.failures(), rig.store.swaps()), (0, before));
}

#[test]
fn an_answer_belongs_to_the_login_of_its_own_connection() {
    let rig = Rig::new();
    let login = rig.connect(ROOT).begin("alice");
    let error = rig.connect(ROOT).answer(&login, "000000").unwrap_err();
    assert_eq!(error["error"], "org.pam-mfa.Login.NoLogin");
    assert_eq!(rig.failures(), 0);
}

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
    alice.prove_by_pin();
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
fn one_who_has_no_factor_may_enrol_their_first() {
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
    assert_eq!(made["enrolment"]["stored"], false);
    let refused = root
        .call("Admin.ConfirmTotp", json!({ "code": "x" }))
        .unwrap_err();
    assert_eq!(refused["error"], "org.pam-mfa.Admin.Refused");
    let status = root.call("Admin.Status", json!({ "user": "bob" })).unwrap();
    assert_eq!(status["account"]["enrolled"], json!([]));
}

#[test]
fn what_an_administrator_changed_ends_proofs_and_half_done_enrolments() {
    let rig = Rig::new();
    let mut alice = rig.connect(ALICE);
    alice.prove_by_pin();
    let parameters = json!({ "confirm": true });
    let made = alice.call("Admin.EnrollTotp", parameters).unwrap();
    let mut root = rig.connect(ROOT);
    root.call("Admin.Remove", json!({ "user": "alice", "factor": "pin" }))
        .unwrap();
    let code = current_code(made["enrolment"]["uri"].as_str().unwrap());
    let late = alice
        .call("Admin.ConfirmTotp", json!({ "code": code }))
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
    alice.prove_by_pin();
    for pin in ["4826", "4827"] {
        alice
            .call("Admin.EnrollPin", json!({ "pin": pin }))
            .unwrap();
    }
    let made = alice
        .call("Admin.EnrollTotp", json!({ "confirm": true }))
        .unwrap();
    let code = current_code(made["enrolment"]["uri"].as_str().unwrap());
    let stored = alice
        .call("Admin.ConfirmTotp", json!({ "code": code }))
        .unwrap();
    assert_eq!(stored["enrolment"]["stored"], true);
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
fn who_has_set_up_a_part_of_what_is_required_is_asked_even_where_nobody_has_to_enrol() {
    let rig = Rig::new();
    let text = "[enforcement]\nunenrolled = 'allow'\n[policy]\nrequire = ['pin+questions']";
    let settings = Settings::parse(vec![("agent.toml".into(), text.to_owned())]).unwrap();
    rig.agent.reload(settings);
    let mut root = rig.connect(ROOT);
    let explain = json!({ "user": "bob", "service": "sshd" });
    let explained = root.call("Admin.Explain", explain).unwrap();
    assert_eq!(explained["explanation"]["action"], "skip");
    assert_eq!(
        root.begin("bob")["step"]["outcome"],
        "skipped",
        "he has nothing"
    );
    assert_eq!(
        root.begin("alice")["step"]["prompt"]["text"],
        "PIN: ",
        "she has a PIN"
    );
}

#[test]
fn the_address_in_an_ordinary_users_mouth_opens_no_rule() {
    let rig = Rig::new();
    let text = "[[rule]]\nfrom = ['192.0.2.0/24']\naction = 'skip'";
    let settings = Settings::parse(vec![("agent.toml".into(), text.to_owned())]).unwrap();
    rig.agent.reload(settings);
    let begin = json!({ "user": "alice", "service": "sshd", "rhost": "192.0.2.7" });
    let of_root = rig
        .connect(ROOT)
        .call("Login.Begin", begin.clone())
        .unwrap();
    assert_eq!(of_root["step"]["outcome"], "skipped");
    let of_alice = rig.connect(ALICE).call("Login.Begin", begin).unwrap();
    assert_eq!(of_alice["step"]["outcome"], Value::Null);
}

#[test]
fn an_ordinary_user_who_calls_without_end_is_told_to_wait() {
    let rig = Rig::new();
    let mut bob = rig.connect(BOB);
    let busy = (0..200).any(|_| match bob.call("Admin.Questions", json!({})) {
        Err(error) => error["error"] == "org.pam-mfa.Admin.Busy",
        Ok(_) => false,
    });
    assert!(busy);
    let mut root = rig.connect(ROOT);
    assert!((0..200).all(|_| root.call("Admin.Questions", json!({})).is_ok()));
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
fn a_message_that_is_none_ends_the_connection_and_nothing_else() {
    let rig = Rig::new();
    for junk in [
        &b"hello\0"[..],
        b"[]\0",
        b"{}\0",
        b"{\"method\":7}\0",
        b"\xff\xfe\0",
        b"\0",
    ] {
        let mut caller = rig.connect(ROOT);
        caller.stream.write_all(junk).unwrap();
        assert!(caller.reader.next(&mut &caller.stream).is_err(), "{junk:?}");
        caller.thread.join().unwrap();
    }
    assert_eq!(rig.connect(ROOT).outcome("alice", "000000"), "wrong");
}

#[test]
fn a_key_that_did_not_seal_the_records_is_noticed_at_the_start() {
    let rig = Rig::new();
    rig.agent.ledger.check_key().unwrap();
    let vault = Vault::new(&MasterKey::from_bytes([8; 32]));
    let other = Ledger::new(Box::new(Shared(Arc::clone(&rig.store))), vault);
    assert!(other.check_key().is_err());
}
