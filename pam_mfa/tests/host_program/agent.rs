//! A fake agent that behaves, well or badly, as the user's name says.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use mfa_protocol::frame::FrameReader;
use serde_json::{Value, json};

/// Serves until the test ends, with a thread for each connection.
pub(crate) fn serve(socket: &Path) {
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            std::thread::spawn(move || login(stream));
        }
    });
}

/// One login; every error ends it.
fn login(mut stream: UnixStream) -> Option<()> {
    let mut reader = FrameReader::new();
    let call = call(&mut reader, &mut stream)?;
    let user = call["parameters"]["user"].as_str()?.to_owned();
    let prompt = match user.as_str() {
        "garbage" => return send(&mut stream, b"\xff\xfe{]\0"),
        "endless" => return flood(&mut stream),
        "drops" => return None,
        "hangs" => return hang(&mut stream),
        "drips" => return drip(&mut stream),
        "both" => json!({"text": "Password+code: ", "echo": false, "tail": 8}),
        _ => json!({"text": "OTP code: ", "echo": false}),
    };
    if user == "deaf" {
        // The next write gets EPIPE, and a SIGPIPE unless it is suppressed.
        stream.shutdown(Shutdown::Read).ok()?;
    }
    let hello = json!({"style": "info", "text": "hello"});
    step(&mut stream, &json!({"messages": [hello], "prompt": prompt}))?;
    let call = self::call(&mut reader, &mut stream)?;
    if call["method"] == "org.pam-mfa.Login.Cancel" {
        return send(&mut stream, b"{\"parameters\":{}}\0");
    }
    let passes = match call["parameters"]["answer"].as_str()? {
        "123456" => "passed",
        "pw123456" if user == "both" => "passed",
        _ => "wrong",
    };
    match user.as_str() {
        "drops-later" => None,
        "both" => step(
            &mut stream,
            &json!({"messages": [], "outcome": passes, "code_length": 6}),
        ),
        "alice" => step(&mut stream, &json!({"messages": [], "outcome": passes})),
        outcome => step(&mut stream, &json!({"messages": [], "outcome": outcome})),
    }
}

fn call(reader: &mut FrameReader, stream: &mut UnixStream) -> Option<Value> {
    serde_json::from_slice(reader.next(stream).ok()?).ok()
}

fn step(stream: &mut UnixStream, step: &Value) -> Option<()> {
    let reply = json!({"parameters": {"session": "s1", "step": step}});
    send(stream, format!("{reply}\0").as_bytes())
}

fn send(stream: &mut UnixStream, bytes: &[u8]) -> Option<()> {
    stream.write_all(bytes).ok()
}

fn flood(stream: &mut UnixStream) -> Option<()> {
    loop {
        send(stream, &[b' '; 4096])?;
    }
}

fn hang(stream: &mut UnixStream) -> Option<()> {
    stream.read(&mut [0; 1]).ok().map(drop)
}

/// Sends single bytes slowly: each would restart a time-out for a single read.
fn drip(stream: &mut UnixStream) -> Option<()> {
    loop {
        send(stream, b" ")?;
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
