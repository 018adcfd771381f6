//! Logins on two hosts of one store in etcd: what one of them remembers decides nothing.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::repository::LastBackup;
use crate::store::etcd::tests::{Counted, node};
use crate::vault::KeySource;
use mfa_core::account::{Account, By};
use mfa_core::factors::Factor;
use mfa_core::policy::Enforcement;

/// Alice has a PIN, which is asked for, and which a login may use again.
const PIN: &str = "[[rule]]\nservices = ['sshd']\nrequire = ['pin']\n\
                   [[rule]]\nservices = ['vpn']\nrequire = ['pin']\nsession = '1h'\n\
                   [[rule]]\nservices = ['code']\nrequire = ['totp']\n";
const RIGHT: &str = "1379";
const WRONG: &str = "0000";

struct FleetHost {
    agent: Arc<Agent>,
    way: Counted,
    /// Its audit file.
    file: std::path::PathBuf,
}

/// Two hosts on one server.
struct Fleet {
    hosts: [FleetHost; 2],
    _node: node::Node,
    _folder: tempfile::TempDir,
}

impl FleetHost {
    fn on(node: &node::Node, keys: &KeySource, name: &str) -> Self {
        let file = keys.file.with_file_name(format!("{name}.jsonl"));
        let (store, way) = Counted::before(node);
        let store: Box<dyn Store> = Box::new(store);
        let repository =
            AccountRepository::open_shared(store, keys.clone(), name.to_owned()).unwrap();
        repository.prepare().unwrap();
        let host = Host(HashMap::from([("alice", ALICE), ("bob", BOB)]));
        let settings = audit::Settings {
            file: Some(file.clone()),
            ..audit::Settings::default()
        };
        let audit = Audit::start(settings, Vec::new()).unwrap();
        let settings = Settings::parse(vec![("agent.toml".into(), PIN.to_owned())]).unwrap();
        let agent = Agent::new(
            ActiveConfig::of(settings),
            repository,
            Hasher::new(2, 64),
            Box::new(host),
            audit,
            "boot-1".to_owned(),
        )
        .unwrap();
        Self { agent, way, file }
    }

    fn root(&self) -> Caller {
        connect(&self.agent, ROOT)
    }

    fn change(&self, user: &str, change: impl Fn(&mut Account)) {
        let key = Key::account(&user.parse().unwrap());
        let changed = self.agent.repository.change(&key, |account| {
            let mut account = account.unwrap_or_default();
            change(&mut account);
            Ok::<_, RepositoryError>((After::Put(account.into()), ()))
        });
        changed.unwrap();
    }

    fn set_pin(&self, user: &str, pin: &str) {
        let root = peer(ROOT).claim(&user.parse().unwrap());
        let phc = self.agent.hasher.hash(&root, &pin.into(), [1; 16]).unwrap();
        self.change(user, |account| account.set_pin(phc.clone(), samples::at(0)));
    }

    /// A login: its outcome, and how often its begin and its answer asked the store.
    fn log_in(&self, user: &str, answer: &str) -> (String, u32, u32) {
        let mut root = self.root();
        let before = self.way.asked();
        let login = root.begin(user);
        let begun = self.way.asked();
        assert_eq!(login["step"]["outcome"], Value::Null, "{login}");
        let reply = root.answer(&login, answer).unwrap();
        let outcome = reply["step"]["outcome"].as_str().unwrap_or("asked");
        let answered = self.way.asked();
        (outcome.to_owned(), begun - before, answered - begun)
    }

    fn outcome(&self, user: &str, answer: &str) -> String {
        self.log_in(user, answer).0
    }
}

impl Fleet {
    /// A fleet in which Alice has her PIN; none where there is no etcd.
    fn new() -> Option<(Self, std::sync::MutexGuard<'static, ()>)> {
        let turn = node::turn()?;
        let (node, folder) = (node::Node::start(), tempfile::tempdir().unwrap());
        let keys = KeySource {
            credentials: None,
            file: folder.path().join("key"),
        };
        keys.make().unwrap();
        let (store, _way) = Counted::before(&node);
        assert!(
            AccountRepository::init_shared(Box::new(store), keys.clone())
                .unwrap()
                .0
        );
        let hosts = ["web-1", "web-2"].map(|name| FleetHost::on(&node, &keys, name));
        hosts[0].set_pin("alice", RIGHT);
        let fleet = Self {
            hosts,
            _node: node,
            _folder: folder,
        };
        Some((fleet, turn))
    }
}

#[test]
fn a_login_asks_the_store_once_if_its_record_is_remembered_and_twice_if_not_whoever_it_is() {
    let Some((fleet, _turn)) = Fleet::new() else {
        return;
    };
    let [_, host] = &fleet.hosts;
    for user in ["alice", "bob", "nobody-here"] {
        let (_, begun, answered) = host.log_in(user, WRONG);
        assert_eq!((begun, answered), (1, 1), "{user}: nothing is remembered");
        for _ in 0..2 {
            let (outcome, begun, answered) = host.log_in(user, WRONG);
            assert_eq!((begun, answered), (0, 1), "{user}");
            assert_eq!(outcome, "wrong", "{user}");
        }
    }
    let passed = host.log_in("alice", RIGHT);
    assert_eq!(passed, ("passed".to_owned(), 0, 1));
}

#[test]
fn what_others_of_its_slot_do_elsewhere_costs_a_name_the_same_whether_it_has_a_record_or_not() {
    let Some((fleet, _turn)) = Fleet::new() else {
        return;
    };
    let [here, there] = &fleet.hosts;
    let slot = |name: &str| here.agent.repository.placeholder(&name.parse().unwrap());
    let neighbour = |name: &str| {
        let mut names = (0..).map(|number| format!("x{number}"));
        names.find(|other| slot(other) == slot(name)).unwrap()
    };
    for name in ["alice", "stranger"] {
        for _ in 0..2 {
            here.outcome(name, WRONG);
        }
        assert_eq!(
            here.log_in(name, WRONG),
            ("wrong".to_owned(), 0, 1),
            "{name}"
        );
        there.outcome(&neighbour(name), WRONG);
        assert_eq!(
            here.log_in(name, WRONG),
            ("wrong".to_owned(), 0, 2),
            "{name}"
        );
    }
}

#[test]
fn a_record_that_another_host_has_changed_costs_one_round_trip_more_and_is_the_one_that_decides() {
    let Some((fleet, _turn)) = Fleet::new() else {
        return;
    };
    let [one, two] = &fleet.hosts;
    for user in ["alice", "nobody-here"] {
        assert_eq!(two.outcome(user, WRONG), "wrong");
        assert_eq!(one.outcome(user, WRONG), "wrong");
        assert_eq!(two.log_in(user, WRONG), ("wrong".to_owned(), 0, 2));
    }
    // Three wrong answers so far; the lock of the other host holds here at once.
    for _ in 0..2 {
        assert_eq!(one.outcome("alice", WRONG), "wrong");
    }
    assert_eq!(two.outcome("alice", RIGHT), "locked");
    one.change("alice", |account| {
        let _ = account.unlock();
    });
    assert_eq!(two.outcome("alice", RIGHT), "passed");
    one.set_pin("alice", "9731");
    assert_eq!(two.outcome("alice", RIGHT), "wrong");
    assert_eq!(two.outcome("alice", "9731"), "passed");
}

#[test]
fn an_enrolment_on_one_host_logs_in_at_once_where_the_name_is_remembered_as_unknown() {
    let Some((fleet, _turn)) = Fleet::new() else {
        return;
    };
    let [one, two] = &fleet.hosts;
    for _ in 0..2 {
        assert_eq!(two.outcome("bob", RIGHT), "wrong");
    }
    one.set_pin("bob", RIGHT);
    let (outcome, begun, _) = two.log_in("bob", RIGHT);
    assert_eq!((outcome.as_str(), begun), ("passed", 0));
    let placeholder = two.agent.repository.placeholder(&"bob".parse().unwrap());
    let failures = |key: &Key| {
        let account = two.agent.repository.load(key).unwrap().unwrap();
        account.lockout().failures(Timestamp::now())
    };
    assert_eq!(failures(&placeholder), 2, "the right answer was no failure");
}

#[test]
fn settings_of_a_user_that_another_host_has_changed_hold_before_a_login_passes() {
    let Some((fleet, _turn)) = Fleet::new() else {
        return;
    };
    let [one, two] = &fleet.hosts;
    let remember = || assert_eq!(two.outcome("alice", RIGHT), "passed");
    remember();
    one.change("alice", |account| {
        account.add_device(samples::device("phone")).unwrap();
        let _ = account.require("alice", Factor::Totp, true, By::Administrator);
    });
    // The PIN alone is asked for at first, and is not enough.
    let mut root = two.root();
    let login = root.begin("alice");
    let reply = root.answer(&login, RIGHT).unwrap();
    assert_eq!(reply["step"]["outcome"], Value::Null, "{reply}");
    let text = reply["step"]["prompt"]["text"].as_str().unwrap();
    assert!(text.contains("code"), "{reply}");
    one.change("alice", |account| {
        account.remove(Factor::Totp);
        let _ = account.require("alice", Factor::Totp, false, By::Administrator);
    });
    // A code is asked for once more. Who has none any more begins again, and is not asked for it.
    assert_eq!(two.outcome("alice", ""), "cancelled");
    remember();
    one.change("alice", |account| {
        let network = "192.0.2.0/24".parse().unwrap();
        let _ = account.allow_from(&[network], By::Administrator);
    });
    assert_eq!(two.outcome("alice", RIGHT), "denied");
    one.change("alice", |account| {
        let _ = account.allow_from(&[], By::Administrator);
        let _ = account.enforce(Enforcement::Required);
    });
    // What ends without a change was read: the denial is over.
    remember();
}

#[test]
fn who_is_let_in_without_a_prompt_is_so_by_the_newest_record() {
    let Some((fleet, _turn)) = Fleet::new() else {
        return;
    };
    let [one, two] = &fleet.hosts;
    let begin = |host: &FleetHost| {
        let mut root = host.root();
        let call = json!({ "user": "alice", "service": "vpn", "rhost": "203.0.113.7" });
        let login = root.call("Login.Begin", call).unwrap();
        (root, login)
    };
    let (mut root, login) = begin(two);
    let passed = root.answer(&login, RIGHT).unwrap();
    assert_eq!(passed["step"]["outcome"], "passed");
    let before = two.way.asked();
    assert_eq!(begin(two).1["step"]["outcome"], "passed", "a session");
    assert_eq!(two.way.asked(), before + 1);
    // Whoever has revoked it: the host that remembers it asks again.
    one.set_pin("alice", "9731");
    assert_eq!(begin(two).1["step"]["outcome"], Value::Null);
    let now = Timestamp::now();
    let hour = std::time::Duration::from_secs(3600);
    one.change("alice", |account| {
        let _ = account.suspend(hour, now);
    });
    let (mut root, login) = begin(two);
    let reply = match login["step"]["outcome"].is_null() {
        true => root.answer(&login, WRONG).unwrap(),
        false => login,
    };
    assert_eq!(reply["step"]["outcome"], "skipped");
    assert_eq!(begin(two).1["step"]["outcome"], "skipped");
    one.change("alice", |account| {
        let _ = account.resume(now);
    });
    let (mut root, login) = begin(two);
    assert_eq!(login["step"]["outcome"], Value::Null, "{login}");
    let reply = root.answer(&login, "9731").unwrap();
    assert_eq!(reply["step"]["outcome"], "passed");
}

#[test]
fn many_logins_of_one_user_on_a_host_cost_a_change_each() {
    const CROWD: u32 = 32;
    let Some((fleet, _turn)) = Fleet::new() else {
        return;
    };
    let [_, host] = &fleet.hosts;
    assert_eq!(host.outcome("alice", RIGHT), "passed");
    let mut crowd: Vec<(Caller, Value)> = (0..CROWD)
        .map(|_| {
            let mut root = host.root();
            let call = json!({ "user": "alice", "service": "code" });
            let login = root.call("Login.Begin", call).unwrap();
            (root, login)
        })
        .collect();
    let before = host.way.asked();
    let wrong = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for (root, login) in &mut crowd {
            scope.spawn(|| {
                let reply = root.answer(login, "000000").unwrap();
                let is_wrong = reply["step"]["outcome"] == "wrong";
                wrong.fetch_add(u32::from(is_wrong), Ordering::SeqCst);
            });
        }
    });
    let asked = host.way.asked() - before;
    assert_eq!(asked, CROWD, "each compares and swaps once");
    assert_eq!(wrong.into_inner(), 5, "and they lock the account");
}

#[test]
fn a_change_whose_answer_is_lost_is_in_the_audit_log_as_unknown() {
    let Some((fleet, _turn)) = Fleet::new() else {
        return;
    };
    let [_, host] = &fleet.hosts;
    let mut root = host.root();
    let login = root.begin("alice");
    host.way.cut();
    let reply = root.answer(&login, RIGHT).unwrap();
    assert_eq!(reply["step"]["outcome"], "unavailable");
    assert!(host.agent.audit.flush(std::time::Duration::from_secs(30)));
    let text = std::fs::read_to_string(&host.file).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let [unknown, unavailable] = &lines[..] else {
        panic!("{text}");
    };
    assert_eq!(unknown["event"], "outcome-unknown");
    assert_eq!(
        (&unknown["result"], &unknown["user"]),
        (&json!("unknown"), &json!("alice"))
    );
    let reason = unknown["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("login passed: the store does not work"),
        "{reason}"
    );
    assert_eq!(unavailable["result"], "unavailable");
    assert_eq!(unknown["session"], unavailable["session"]);
}

#[test]
fn so_is_each_account_of_an_import_and_a_change_of_the_state() {
    let Some((fleet, _turn)) = Fleet::new() else {
        return;
    };
    let [one, two] = &fleet.hosts;
    let entry = |user: &str| {
        let uri = format!("otpauth://totp/t:{user}?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        json!({ "line": 1, "user": user, "uri": uri })
    };
    one.way.lose_writes();
    let import = json!({ "entries": [entry("alice"), entry("bob")] });
    let refused = one.root().call("Admin.ImportUris", import).unwrap_err();
    let told = refused["parameters"]["reason"].as_str().unwrap();
    assert!(told.contains("may have been made"), "{told}");
    assert!(one.agent.audit.flush(std::time::Duration::from_secs(30)));
    let text = std::fs::read_to_string(&one.file).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let unknown = lines.filter(|line: &Value| line["event"] == "outcome-unknown");
    let users: Vec<Value> = unknown.map(|line| line["user"].clone()).collect();
    assert_eq!(users, ["alice", "bob"], "{text}");
    // What is said of all records is changed in the same way.
    two.way.lose_writes();
    let backup = LastBackup {
        at: samples::at(0),
        records: 1,
    };
    let lost = two.agent.repository.note_backup(&backup).unwrap_err();
    assert!(lost.is_unknown(), "{lost}");
}

#[test]
fn without_the_store_no_login_begins_however_well_its_record_is_remembered() {
    let Some((fleet, _turn)) = Fleet::new() else {
        return;
    };
    let [_, host] = &fleet.hosts;
    assert_eq!(host.outcome("alice", RIGHT), "passed");
    host.way.cut();
    let mut root = host.root();
    let call = json!({ "user": "alice", "service": "sshd" });
    // Before it is known that nobody answers, one may be asked, and is refused then.
    if let Ok(login) = root.call("Login.Begin", call.clone()) {
        let reply = root.answer(&login, RIGHT).unwrap();
        assert_eq!(reply["step"]["outcome"], "unavailable");
    }
    let error = root.call("Login.Begin", call).unwrap_err();
    assert_eq!(error["error"], "org.pam-mfa.Login.Unavailable");
}

#[test]
fn an_answer_that_would_be_decided_again_too_late_is_busy_and_never_unavailable() {
    let Some((fleet, _turn)) = Fleet::new() else {
        return;
    };
    let [one, two] = &fleet.hosts;
    assert_eq!(two.outcome("alice", WRONG), "wrong");
    let mut root = two.root();
    let login = root.begin("alice");
    assert_eq!(one.outcome("alice", WRONG), "wrong");
    two.way.slow_down(std::time::Duration::from_millis(2_500));
    let error = root.answer(&login, RIGHT).unwrap_err();
    // A stack may go on without an agent, but not because others keep it busy.
    assert_eq!(error["error"], "org.pam-mfa.Login.Busy", "{error}");
}
