//! Calls through a connection, against a store in memory that can be made to fail.

mod audited;
mod changes;
mod devices;
mod entries;
mod keys;
mod knowledge;
mod logins;
mod newcomers;
mod passwords;
mod remembered;
mod sent;

use std::collections::HashMap;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::thread::JoinHandle;

use mfa_protocol::frame::{FrameReader, write_frame};
use serde_json::{Value, json};

use super::connection::Connection;
use super::peer::Peer;
use super::*;
use crate::audit;
use crate::repository::{After, Key, RepositoryError};
use crate::store::memory::StoreFailure;
use crate::store::{
    Change, Guard, MemoryStore, Snapshot, Store, StoreError, Stored, Swap, WriteOut,
};
use crate::vault::{MasterKey, Vault};
use mfa_core::account::samples;
use mfa_core::names::{Groups, NamesError, PasswdEntry, UserName};

/// A store that another host changes, too.
struct Shared(Arc<MemoryStore>, Arc<Mutex<Option<Intrusion>>>);

/// What another host does before a record is loaded for the last of so many times.
struct Intrusion {
    key: &'static [u8],
    loads: u32,
    change: Box<dyn FnOnce() + Send>,
}

impl Shared {
    fn intrude(&self, key: &[u8]) {
        let mut intrusion = self.1.lock().unwrap();
        let Some(next) = intrusion.as_mut().filter(|next| next.key == key) else {
            return;
        };
        next.loads -= 1;
        if next.loads == 0
            && let Some(next) = intrusion.take()
        {
            (next.change)();
        }
    }
}

impl Store for Shared {
    fn load(&self, key: &[u8]) -> Result<Option<Stored>, StoreError> {
        self.intrude(key);
        self.0.load(key)
    }

    fn swap_all_if(
        &self,
        guards: &[Guard<'_>],
        changes: &[Change<'_>],
    ) -> Result<Option<Vec<Swap>>, StoreError> {
        self.0.swap_all_if(guards, changes)
    }

    fn page(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Stored)>, StoreError> {
        self.0.page(prefix, after, limit)
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        self.0.snapshot()
    }

    fn lines(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        self.0.lines()
    }

    fn before_forgetting(&self, write_out: WriteOut) {
        self.0.before_forgetting(write_out);
    }
}

fn accounts(
    store: &Arc<MemoryStore>,
    intrusion: &Arc<Mutex<Option<Intrusion>>>,
) -> AccountRepository {
    let vault = Vault::new(&MasterKey::from_bytes([7; 32]));
    let shared = Shared(Arc::clone(store), Arc::clone(intrusion));
    AccountRepository::new(Box::new(shared), vault)
}

/// A host with these users.
struct Host(HashMap<&'static str, u32>);

impl Names for Host {
    fn canonical(&self, user: &UserName) -> Result<Option<PasswdEntry>, NamesError> {
        Ok(self
            .0
            .get(user.as_str())
            .map(|uid| entry(user.as_str(), *uid)))
    }

    fn groups(
        &self,
        _: &UserName,
        _: Option<&PasswdEntry>,
        _: &[String],
    ) -> Result<Groups, NamesError> {
        Ok(Groups::new())
    }

    fn is_local(&self, _: &UserName) -> Result<bool, NamesError> {
        Ok(true)
    }

    fn members(&self, _: &str) -> Result<Option<Vec<String>>, NamesError> {
        Ok(None)
    }

    fn password_max_days(&self, user: &UserName) -> Result<Option<u32>, NamesError> {
        Ok((user.as_str() == "alice").then_some(90))
    }

    fn by_uid(&self, uid: u32) -> Result<Option<PasswdEntry>, NamesError> {
        Ok(self
            .0
            .iter()
            .find(|(_, u)| **u == uid)
            .map(|(name, _)| entry(name, uid)))
    }
}

fn entry(name: &str, uid: u32) -> PasswdEntry {
    PasswdEntry {
        name: name.parse().unwrap(),
        uid,
        gid: uid,
        gecos: String::new(),
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
    intrusion: Arc<Mutex<Option<Intrusion>>>,
}

impl Rig {
    /// Alice has the device of RFC 4226, whose codes are of 1970, and a PIN 1379. Bob has nothing.
    fn new() -> Self {
        Self::with_audit(audit::Settings::default())
    }

    fn with_audit(settings: audit::Settings) -> Self {
        let store = Arc::new(MemoryStore::new());
        let intrusion = Arc::default();
        let repository = accounts(&store, &intrusion);
        let host = Host(HashMap::from([("alice", ALICE), ("bob", BOB)]));
        let audit = Audit::start(settings, Vec::new()).unwrap();
        let hasher = Hasher::new(2, 8);
        let agent = Agent::new(
            ActiveConfig::builtin(),
            repository,
            hasher,
            Box::new(host),
            audit,
            "boot-1".to_owned(),
        )
        .unwrap();
        let rig = Self {
            agent,
            store,
            intrusion,
        };
        rig.enroll_alice();
        rig
    }

    /// Puts settings in force.
    fn configure(&self, text: &str) {
        let settings = Settings::parse(vec![("agent.toml".into(), text.to_owned())]).unwrap();
        self.agent.put_in_force(ActiveConfig::of(settings));
    }

    fn enroll_alice(&self) {
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

    fn change(&self, change: impl Fn(&mut mfa_core::account::Account)) {
        self.agent
            .repository
            .change(&Self::key(), |account| {
                let mut account = account.unwrap_or_default();
                change(&mut account);
                Ok::<_, RepositoryError>((After::Put(account.into()), ()))
            })
            .unwrap();
    }

    /// Another host sets up a device for Bob before his record is loaded for the last of `loads` times.
    fn enroll_bob_elsewhere(&self, loads: u32) {
        let elsewhere = accounts(&self.store, &Arc::default());
        let enroll = move || {
            let key = Key::account(&"bob".parse().unwrap());
            let put = |account: Option<mfa_core::account::Account>| {
                let mut account = account.unwrap_or_default();
                account.add_device(samples::device("phone")).unwrap();
                Ok::<_, RepositoryError>((After::Put(account.into()), ()))
            };
            elsewhere.change(&key, put).unwrap();
        };
        *self.intrusion.lock().unwrap() = Some(Intrusion {
            key: b"account/bob",
            loads,
            change: Box::new(enroll),
        });
    }

    fn failures(&self) -> u32 {
        let account = self.agent.repository.load(&Self::key()).unwrap().unwrap();
        account.lockout().failures(Timestamp::now())
    }

    fn connect(&self, uid: u32) -> Caller {
        connect(&self.agent, uid)
    }
}

fn connect(agent: &Arc<Agent>, uid: u32) -> Caller {
    let (stream, served) = UnixStream::pair().unwrap();
    let connection = Connection::new(Arc::clone(agent), peer(uid));
    let thread = std::thread::spawn(move || connection.serve(&served));
    Caller {
        stream,
        reader: FrameReader::new(),
        thread,
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

    /// A user is refused a change and proves themselves; the codes of the device are of 1970, so they
    /// take the other way.
    fn prove_by_pin(&mut self, user: &str) {
        let error = self
            .call("Admin.EnrollPin", json!({ "pin": "4826" }))
            .unwrap_err();
        assert_eq!(error["error"], "org.pam-mfa.Admin.NotVerified");
        let login = self.begin(user);
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
