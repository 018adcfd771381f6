//! The client against agents that misbehave. Each of these runs inside sshd or sudo one day.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which clippy.toml does not know from others"
)]

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use mfa_protocol::admin::{ImportEntry, ImportParameters, ImportUris, Questions, QuestionsReply};
use mfa_protocol::client::{Client, ClientError};
use mfa_protocol::frame::FrameError;
use mfa_protocol::login::Nothing;
use mfa_protocol::message::ErrorKind;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, connect, listen, socket,
};

/// Calls a method of an agent that reads the call and then does as `then` says.
fn call(
    then: impl FnOnce(&mut UnixStream) + Send + 'static,
) -> Result<QuestionsReply, ClientError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let agent = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut byte = [1];
        while byte != [0] {
            stream.read_exact(&mut byte).unwrap();
        }
        then(&mut stream);
    });
    let reply = Client::connect(&path, Duration::from_millis(300))
        .and_then(|mut client| client.call::<Questions>(&Nothing {}));
    agent.join().unwrap();
    reply
}

/// What the client makes of `bytes`.
fn reply(bytes: &'static [u8]) -> Result<QuestionsReply, ClientError> {
    call(move |stream| {
        let _ = stream.write_all(bytes);
        let _ = stream.read(&mut [0]);
    })
}

#[test]
fn a_reply_in_pieces_is_put_together() {
    let outcome = call(|stream| {
        for piece in [
            &b"{\"parameters\": {\"quest"[..],
            b"ions\": [\"a\", \"b\"], \"own\": true}}",
            b"\0",
        ] {
            stream.write_all(piece).unwrap();
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    assert_eq!(outcome.unwrap().questions, ["a", "b"]);
}

#[test]
fn an_agent_that_hangs_or_drips_is_left_when_the_time_is_up() {
    let hangs = call(|stream| drop(stream.read(&mut [0])));
    assert!(matches!(hangs, Err(ClientError::TimedOut)), "{hangs:?}");
    let drips = call(|stream| {
        while stream.write_all(b" ").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    assert!(matches!(drips, Err(ClientError::TimedOut)), "{drips:?}");
}

#[test]
fn an_exchange_may_take_longer_where_the_agent_has_said_so_and_the_next_one_not() {
    const REPLY: &[u8] = b"{\"parameters\": {\"questions\": [], \"own\": true}}\0";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let (go_on, may_reply) = std::sync::mpsc::channel::<()>();
    let agent = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut call = [0; 4096];
        for _ in 0..2 {
            stream.read(&mut call).map(drop).unwrap();
            stream.write_all(REPLY).unwrap();
            // So long that the usual time is over, with its grace.
            std::thread::sleep(Duration::from_millis(700));
        }
        stream.read(&mut call).map(drop).unwrap();
        let _ = may_reply.recv();
    });
    let mut client = Client::connect(&path, Duration::from_millis(100)).unwrap();
    client.call::<Questions>(&Nothing {}).unwrap();
    client.allow(Some(60));
    client.call::<Questions>(&Nothing {}).unwrap();
    let usual = client.call::<Questions>(&Nothing {});
    assert!(matches!(usual, Err(ClientError::TimedOut)), "{usual:?}");
    drop(go_on);
    drop(client);
    agent.join().unwrap();
}

#[test]
fn a_call_without_a_reply_ends_early_if_there_is_no_hope_and_waits_on_if_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let agent = std::thread::spawn(move || {
        for pause in [100, 0] {
            let (mut stream, _) = listener.accept().unwrap();
            std::thread::sleep(Duration::from_millis(pause));
            if pause > 0 {
                let reply = b"{\"parameters\": {\"questions\": [], \"own\": true}}\0";
                stream.write_all(reply).unwrap();
            }
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest);
        }
    });
    let called = |is_hopeless: fn() -> bool| {
        let mut client = Client::connect(&path, Duration::from_secs(60)).unwrap();
        client.on_silence(Duration::from_millis(20), is_hopeless);
        client.call::<Questions>(&Nothing {})
    };
    let slow = called(|| false);
    assert!(slow.is_ok(), "{slow:?}");
    let hopeless = called(|| true);
    assert!(
        matches!(hopeless, Err(ClientError::TimedOut)),
        "{hopeless:?}"
    );
    agent.join().unwrap();
}

#[test]
fn a_full_queue_is_busy_and_neither_silence_nor_absence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.sock");
    let _listening = full_listener(&path);
    let outcome = Client::connect(&path, Duration::from_millis(100)).err();
    assert!(matches!(outcome, Some(ClientError::Busy)), "{outcome:?}");
}

#[test]
fn the_private_socket_is_tried_first_and_the_public_one_only_where_there_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let public = folder.path().join("agent.sock");
    let private = mfa_protocol::private_socket(&public).unwrap();
    let connect = || Client::connect(&public, Duration::from_millis(100)).map(drop);
    let everybody = UnixListener::bind(&public).unwrap();
    everybody.set_nonblocking(true).unwrap();
    connect().unwrap();
    everybody.accept().expect("there is no private one");

    std::fs::create_dir(private.parent().unwrap()).unwrap();
    let guards = UnixListener::bind(&private).unwrap();
    connect().unwrap();
    guards.set_nonblocking(true).unwrap();
    guards.accept().expect("the private one");

    drop(guards);
    connect().unwrap();
    everybody.accept().expect("the private one is nobody's");

    std::fs::remove_file(&private).unwrap();
    let _full = full_listener(&private);
    assert!(matches!(connect(), Err(ClientError::Busy)));
    assert!(everybody.accept().is_err(), "nobody has tried this one");
}

#[test]
fn a_path_too_long_for_a_second_socket_has_none() {
    let path = format!("/{}", "x".repeat(mfa_protocol::MAX_SOCKET_PATH - 1));
    assert_eq!(mfa_protocol::private_socket(Path::new(&path)), None);
    let private = mfa_protocol::private_socket(Path::new(mfa_protocol::DEFAULT_SOCKET));
    assert_eq!(private.unwrap(), Path::new("/run/mfa/private/agent.sock"));
}

#[test]
fn an_agent_has_the_whole_time_from_when_the_call_is_written() {
    const TIMEOUT: Duration = Duration::from_secs(2);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let mut client = Client::connect(&path, TIMEOUT).unwrap();
    let agent = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.read(&mut [0; 4096]).map(drop).unwrap();
        std::thread::sleep(TIMEOUT / 3);
        let reply = b"{\"parameters\": {\"questions\": [], \"own\": true}}\0";
        stream.write_all(reply).unwrap();
    });
    // The user has stopped the program.
    std::thread::sleep(TIMEOUT);
    let outcome = client.call::<Questions>(&Nothing {});
    agent.join().unwrap();
    assert!(outcome.is_ok(), "{outcome:?}");
}

#[test]
fn a_call_that_nobody_reads_is_no_silence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.sock");
    let _listener = UnixListener::bind(&path).unwrap();
    let mut client = Client::connect(&path, Duration::from_millis(50)).unwrap();
    let entry = ImportEntry {
        line: 1,
        user: "x".repeat(60_000),
        uri: "".into(),
    };
    let parameters = ImportParameters {
        entries: vec![entry],
        dry_run: true,
    };
    let outcomes = (0..16).map(|_| client.call::<ImportUris>(&parameters).err());
    let is_busy = |error| matches!(error, Some(ClientError::Busy));
    assert!(outcomes.last().is_some_and(is_busy), "no room for the last");
}

/// A socket whose queue is full, with what fills it.
fn full_listener(path: &Path) -> Vec<impl AsRawFd + use<>> {
    let open = |flags| socket(AddressFamily::Unix, SockType::Stream, flags, None).unwrap();
    let address = UnixAddr::new(path).unwrap();
    let listener = open(SockFlag::empty());
    bind(listener.as_raw_fd(), &address).unwrap();
    listen(&listener, Backlog::new(1).unwrap()).unwrap();
    let mut all = vec![listener];
    loop {
        let filler = open(SockFlag::SOCK_NONBLOCK);
        if connect(filler.as_raw_fd(), &address).is_err() {
            return all;
        }
        all.push(filler);
    }
}

#[test]
fn a_connection_that_ends_is_an_error_of_its_own() {
    let closed = call(|_| {});
    assert!(
        matches!(closed, Err(ClientError::Connection(FrameError::Closed))),
        "{closed:?}"
    );
    let cut = call(|stream| stream.write_all(b"{\"param").unwrap());
    assert!(
        matches!(cut, Err(ClientError::Connection(FrameError::Truncated))),
        "{cut:?}"
    );
    let endless = call(|stream| while stream.write_all(&[b' '; 4096]).is_ok() {});
    assert!(
        matches!(endless, Err(ClientError::Connection(FrameError::TooLong))),
        "{endless:?}"
    );
}

#[test]
fn garbage_is_garbled() {
    for garbage in [
        &b"\0"[..],
        b"null\0",
        b"[]\0",
        b"{\"parameters\": {\"questions\": \"a\", \"own\": true}}\0",
        b"{\"parameters\": {\"questions\": [\"a\"]}}\0",
        b"{\"parameters\": {}}\0",
        b"{}\0",
        b"{\"error\": 1}\0",
        b"\xff\xfe\0",
    ] {
        let outcome = reply(garbage);
        assert!(
            matches!(outcome, Err(ClientError::Garbled(_))),
            "{garbage:?}: {outcome:?}"
        );
    }
}

#[test]
fn a_refusal_keeps_its_kind_and_its_reason() {
    let busy =
        reply(b"{\"error\":\"org.pam-mfa.Admin.Busy\",\"parameters\":{\"reason\":\"later\"}}\0");
    let Err(ClientError::Refused {
        kind: Some(ErrorKind::Busy),
        reason,
    }) = busy
    else {
        panic!("{busy:?}")
    };
    assert_eq!(reason, "later");
    let strange = reply(b"{\"error\":\"com.example.Busy\",\"parameters\":[1]}\0");
    let Err(ClientError::Refused { kind: None, reason }) = strange else {
        panic!("{strange:?}")
    };
    assert_eq!(reason, "com.example.Busy");
}

/// What the client makes of an agent that writes and closes before it has read anything.
fn turned_away_with(words: &'static [u8]) -> Result<QuestionsReply, ClientError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let mut client = Client::connect(&path, Duration::from_secs(5)).unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    stream.write_all(words).unwrap();
    drop(stream);
    client.call::<Questions>(&Nothing {})
}

#[test]
fn a_refusal_is_heard_although_the_call_could_not_be_written() {
    let busy = turned_away_with(
        b"{\"error\":\"org.pam-mfa.Login.Busy\",\"parameters\":{\"reason\":\"later\"}}\0",
    );
    assert!(
        matches!(
            busy,
            Err(ClientError::Refused {
                kind: Some(ErrorKind::Busy),
                ..
            })
        ),
        "{busy:?}"
    );
}

#[test]
fn nothing_but_a_refusal_is_believed_of_an_agent_that_read_nothing() {
    for words in [
        &b"{\"parameters\": {\"questions\": [\"a\"], \"own\": true}}\0"[..],
        b"nonsense\0",
        b"",
    ] {
        let outcome = turned_away_with(words);
        assert!(
            matches!(outcome, Err(ClientError::Connection(FrameError::Io(_)))),
            "{outcome:?}"
        );
    }
}

#[test]
fn a_reply_that_came_while_the_program_was_stopped_is_read_although_the_time_is_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let mut client = Client::connect(&path, Duration::from_millis(50)).unwrap();
    let agent = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut byte = [1];
        while byte != [0] {
            stream.read_exact(&mut byte).unwrap();
        }
        let reply = b"{\"parameters\": {\"questions\": [], \"own\": true}}\0";
        stream.write_all(reply).unwrap();
    });
    std::thread::sleep(Duration::from_millis(100));
    let outcome = client.call::<Questions>(&Nothing {});
    agent.join().unwrap();
    assert!(outcome.is_ok(), "{outcome:?}");
}

#[test]
fn nobody_at_the_socket_is_named_with_its_path() {
    let error = Client::connect(Path::new("/nowhere/agent.sock"), Duration::from_secs(1)).err();
    assert!(error.unwrap().to_string().contains("/nowhere/agent.sock"));
    let too_long = format!("/{}", "x".repeat(200));
    assert!(Client::connect(Path::new(&too_long), Duration::from_secs(1)).is_err());
}
