//! A user database of systemd instead of the host's: `io.systemd.UserDatabase` for the records that a test gives it.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde_json::{Value, json};

const FOLDER: &str = "/run/systemd/userdb";
const SOCKET: &str = "/run/systemd/userdb/io.systemd.Multiplexer";

/// The service. Only on a [`crate::Machine`], whose `/run` is its own.
#[derive(Clone)]
pub struct Userdb(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    records: HashMap<String, Value>,
    hangs: bool,
    /// Connections that get no answer.
    held: Vec<UnixStream>,
}

impl Userdb {
    /// Starts it.
    ///
    /// # Panics
    ///
    /// When the socket can't be made.
    #[must_use]
    pub fn start() -> Self {
        fs::create_dir_all(FOLDER).expect("a folder");
        let _ = fs::remove_file(SOCKET);
        let listener = UnixListener::bind(SOCKET).expect("a socket");
        let service = Self(Arc::default());
        let own = service.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                own.answer(stream);
            }
        });
        service
    }

    /// Gives a user a record with this field.
    pub fn record(&self, user: &str, field: &str, value: &str) {
        let record =
            json!({ "userName": user, "uid": 60_100, "disposition": "regular", field: value });
        self.change(|state| {
            state.records.insert(user.to_owned(), record);
        });
    }

    /// Answers nobody from now on.
    pub fn hang(&self) {
        self.change(|state| state.hangs = true);
    }

    /// Takes the socket away. Returns whether it was there.
    #[must_use]
    pub fn remove() -> bool {
        Path::new(SOCKET).exists() && fs::remove_file(SOCKET).is_ok()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn answer(&self, mut stream: UnixStream) {
        let mut call = Vec::new();
        let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
        if reader.read_until(0, &mut call).is_err() || call.pop() != Some(0) {
            return;
        }
        let call: Value = serde_json::from_slice(&call).expect("a call");
        assert_eq!(call["method"], "io.systemd.UserDatabase.GetUserRecord");
        assert_eq!(call["parameters"]["service"], "io.systemd.Multiplexer");
        let user = call["parameters"]["userName"].as_str().expect("a name");
        self.change(|state| {
            let reply = match state.records.get(user) {
                Some(record) => json!({ "parameters": { "record": record, "incomplete": false } }),
                None => {
                    json!({ "error": "io.systemd.UserDatabase.NoRecordFound", "parameters": {} })
                }
            };
            if state.hangs {
                state.held.push(stream);
                return;
            }
            let _ = stream.write_all(format!("{reply}\0").as_bytes());
        });
    }
}
