//! User records of systemd (`io.systemd.UserDatabase` over Varlink): homed's, those of drop-in files, and those of other
//! services on this host.
//!
//! Read-only. A reply is no longer than a frame. A look-up ends at a deadline; after silence the next ones fail at once
//! for a while, so that a service that hangs does not hold up every login.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mfa_protocol::client::DeadlineStream;
use mfa_protocol::frame::{FrameError, FrameReader, write_frame};
use mfa_protocol::message::Call;
use nix::sys::socket::{getsockopt, sockopt};
use nix::unistd::Uid;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use mfa_core::names::UserName;

/// The service that asks all others.
const MULTIPLEXER: &str = "io.systemd.Multiplexer";
const SOCKET: &str = "/run/systemd/userdb/io.systemd.Multiplexer";
const METHOD: &str = "io.systemd.UserDatabase.GetUserRecord";
const NO_RECORD: &str = "io.systemd.UserDatabase.NoRecordFound";

/// How long a look-up may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long nobody is asked after silence.
const SILENCE: Duration = Duration::from_secs(10);

/// The longest text that is taken from a record.
const LONGEST_FIELD: usize = 320;

/// Asks for records.
#[derive(Clone, Debug)]
pub(crate) struct UserRecords {
    socket: PathBuf,
    silent_since: Arc<Mutex<Option<Instant>>>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UserRecordError {
    /// The service did not answer.
    #[error("{0}")]
    Frame(#[from] FrameError),
    /// The service did not answer a moment ago.
    #[error("it did not answer within {} seconds, and is not asked again for {} seconds", PATIENCE.as_secs(), SILENCE.as_secs())]
    Silent,
    /// Another user listens.
    #[error("the socket is served by user id {0}, who is not root")]
    Untrusted(u32),
    /// The reply is no reply.
    #[error("can't use the reply: {0}")]
    Garbled(#[from] serde_json::Error),
    /// The service refused.
    #[error("the reply is the error {0:?}")]
    Refused(String),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Parameters<'a> {
    user_name: &'a str,
    service: &'static str,
}

#[derive(Deserialize)]
struct Reply {
    error: Option<String>,
    #[serde(default)]
    parameters: ReplyParameters,
}

#[derive(Default, Deserialize)]
struct ReplyParameters {
    #[serde(default)]
    record: Map<String, Value>,
}

impl Default for UserRecords {
    fn default() -> Self {
        Self::at(SOCKET)
    }
}

impl UserRecords {
    fn at(socket: impl Into<PathBuf>) -> Self {
        Self {
            socket: socket.into(),
            silent_since: Arc::default(),
        }
    }

    /// A text of the user's record; none if there is no such record or field.
    pub(crate) fn field(
        &self,
        user: &UserName,
        field: &str,
    ) -> Result<Option<String>, UserRecordError> {
        if self.is_silent() {
            return Err(UserRecordError::Silent);
        }
        let record = self.record(user);
        if let Err(UserRecordError::Frame(FrameError::Io(error))) = &record
            && error.kind() == std::io::ErrorKind::TimedOut
        {
            *self.lock() = Some(Instant::now());
        }
        let text = record?.and_then(|record| record.get(field)?.as_str().map(str::to_owned));
        Ok(text.filter(|text| text.len() <= LONGEST_FIELD))
    }

    fn record(&self, user: &UserName) -> Result<Option<Map<String, Value>>, UserRecordError> {
        let deadline = Instant::now() + PATIENCE;
        let stream = DeadlineStream::connect(&self.socket, deadline);
        let mut stream = stream.map_err(FrameError::from)?;
        let peer = getsockopt(&stream, sockopt::PeerCredentials);
        let peer = peer.map_err(|error| FrameError::Io(error.into()))?.uid();
        if peer != 0 && peer != Uid::effective().as_raw() {
            return Err(UserRecordError::Untrusted(peer));
        }
        let call = Call {
            method: METHOD,
            parameters: &Parameters {
                user_name: user.as_str(),
                service: MULTIPLEXER,
            },
            only_login: false,
        };
        write_frame(&mut stream, &call)?;
        let mut reader = FrameReader::new();
        let reply: Reply = serde_json::from_slice(reader.next(&mut stream)?)?;
        match reply.error {
            Some(error) if error == NO_RECORD => Ok(None),
            Some(error) => Err(UserRecordError::Refused(error)),
            // Another name is an alias, and no other spelling of a user has a record here.
            None => Ok(Some(reply.parameters.record).filter(|record| is_of(record, user))),
        }
    }

    fn is_silent(&self) -> bool {
        self.lock().is_some_and(|since| since.elapsed() < SILENCE)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.silent_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_of(record: &Map<String, Value>, user: &UserName) -> bool {
    let name = record.get("userName").and_then(Value::as_str);
    name == Some(user.as_str())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::os::unix::net::UnixListener;
    use std::thread;

    use serde_json::json;

    use super::*;

    /// What comes of a service that answers each call with these bytes, and the last call.
    fn asked(reply: &[u8], field: &str) -> (Result<Option<String>, String>, String) {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let listener = UnixListener::bind(&socket).unwrap();
        let reply = reply.to_vec();
        let service = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut call = Vec::new();
            BufReader::new(stream.try_clone().unwrap())
                .read_until(0, &mut call)
                .unwrap();
            let _ = stream.write_all(&reply);
            String::from_utf8(call).unwrap()
        });
        let found = UserRecords::at(socket).field(&"anna".parse().unwrap(), field);
        let call = service.join().unwrap();
        (found.map_err(|error| error.to_string()), call)
    }

    fn reply(value: &Value) -> Vec<u8> {
        [value.to_string().as_bytes(), b"\0"].concat()
    }

    fn record(record: &Value) -> Vec<u8> {
        reply(&json!({ "parameters": { "record": record, "incomplete": true } }))
    }

    #[test]
    fn a_text_of_the_record_is_found() {
        let anna = record(&json!({
            "userName": "anna", "uid": 7, "emailAddress": "anna@example.org", "phones": ["1"], "long": "x".repeat(321),
        }));
        let (found, call) = asked(&anna, "emailAddress");
        assert_eq!(found, Ok(Some("anna@example.org".to_owned())));
        let expected = json!({ "method": METHOD, "parameters": { "userName": "anna", "service": MULTIPLEXER } });
        let call: Value = serde_json::from_str(call.trim_end_matches('\0')).unwrap();
        assert_eq!(call, expected);
        for field in ["mobile", "uid", "phones", "long", ""] {
            assert_eq!(asked(&anna, field).0, Ok(None), "{field}");
        }
    }

    #[test]
    fn no_record_and_the_record_of_another_user_are_none() {
        let none = reply(&json!({ "error": NO_RECORD, "parameters": {} }));
        assert_eq!(asked(&none, "emailAddress").0, Ok(None));
        for other in [
            json!({ "userName": "eve", "emailAddress": "eve@example.org" }),
            json!({ "emailAddress": "eve@example.org" }),
        ] {
            assert_eq!(asked(&record(&other), "emailAddress").0, Ok(None));
        }
    }

    #[test]
    fn other_replies_are_errors_and_bounded() {
        let refused = reply(&json!({ "error": "io.systemd.UserDatabase.ServiceNotAvailable" }));
        let endless = vec![b' '; 80 * 1024];
        let deep = [
            b"{\"parameters\":".as_slice(),
            "[".repeat(60_000).as_bytes(),
            b"\0",
        ]
        .concat();
        for bytes in [
            &refused[..],
            b"",
            b"{",
            b"no json\0",
            b"[]\0",
            &endless,
            &deep,
        ] {
            let (found, _) = asked(bytes, "emailAddress");
            assert!(found.is_err(), "{found:?}");
        }
    }

    #[test]
    fn a_service_that_is_absent_or_silent_ends_the_look_up() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let user: UserName = "anna".parse().unwrap();
        let records = UserRecords::at(&socket);
        let absent = records.field(&user, "emailAddress");
        assert!(
            matches!(absent, Err(UserRecordError::Frame(_))),
            "{absent:?}"
        );
        let _listener = UnixListener::bind(&socket).unwrap();
        let started = Instant::now();
        let silent = records.field(&user, "emailAddress");
        assert!(
            matches!(silent, Err(UserRecordError::Frame(_))),
            "{silent:?}"
        );
        let again = records.clone().field(&user, "emailAddress");
        assert!(matches!(again, Err(UserRecordError::Silent)), "{again:?}");
        assert!(started.elapsed() < 2 * PATIENCE);
    }
}
