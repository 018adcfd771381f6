//! The test's own Cockpit, on loopback, and its login page.
//!
//! The page sends name and password, and gets 401 if there is another prompt: a conversation ID and
//! the prompt in a header, and messages in the body (cockpit's doc/authentication.md).

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::{Machine, eventually};

const PROGRAM: &str = "/usr/lib/cockpit/cockpit-ws";

/// A running cockpit-ws. It is killed when dropped.
pub struct Cockpit {
    folder: TempDir,
    port: u16,
    child: Child,
}

impl Cockpit {
    /// Starts one on `machine`, with the PAM service `cockpit`.
    #[must_use]
    pub fn start(_on: &Machine) -> Self {
        assert!(
            Path::new(PROGRAM).exists(),
            "cockpit-ws is missing: run tests/install-needs"
        );
        let folder = tempfile::tempdir().expect("a folder");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
        let port = port.expect("a port").port();
        let log = fs::File::create(folder.path().join("log")).expect("a log");
        let child = Command::new(PROGRAM)
            .args(["--no-tls", "--address=127.0.0.1"])
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("cockpit-ws");
        eventually("cockpit to listen", || {
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Self {
            folder,
            port,
            child,
        }
    }

    /// Where its page is.
    #[must_use]
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// The page after the form with name and password.
    #[must_use]
    pub fn log_in(&self, user: &str, password: &str) -> Page {
        let form = base64(format!("{user}:{password}").as_bytes());
        self.request(&format!("Basic {form}"))
    }

    /// The page after an answer to `page`'s prompt.
    #[must_use]
    pub fn answer(&self, page: &Page, text: &str) -> Page {
        let answer = base64(text.as_bytes());
        self.request(&format!("X-Conversation {} {answer}", page.conversation))
    }

    fn request(&self, authorization: &str) -> Page {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("cockpit");
        let request = format!(
            "GET /cockpit/login HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\
             Authorization: {authorization}\r\n\r\n",
            self.port
        );
        stream.write_all(request.as_bytes()).expect("a request");
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).expect("a reply");
        Page::parse(&String::from_utf8_lossy(&reply))
    }

    /// The log of Cockpit and its child programs; under systemd, the journal has it.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Cockpit {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("cockpit's log:\n{}", self.log());
        }
    }
}

/// What the login page gets and shows.
#[derive(Debug)]
pub struct Page {
    /// 200 when the user is in.
    pub status: u16,
    /// The HTTP reason.
    pub reason: String,
    /// The prompt above the field; empty if there is none.
    pub prompt: String,
    /// The message above it; the page shows only the error if there is one.
    pub message: String,
    pub error: String,
    /// Whether the input is visible.
    pub echo: bool,
    conversation: String,
}

impl Page {
    fn parse(reply: &str) -> Self {
        let (head, body) = reply.split_once("\r\n\r\n").unwrap_or((reply, ""));
        let line = head.lines().next().unwrap_or_default();
        let mut words = line.splitn(3, ' ').skip(1);
        let status = words.next().and_then(|word| word.parse().ok());
        let challenge = head
            .lines()
            .find_map(|line| line.strip_prefix("WWW-Authenticate: X-Conversation "));
        let (conversation, prompt) = challenge
            .and_then(|rest| rest.split_once(' '))
            .unwrap_or_default();
        let (from, to) = (body.find('{'), body.rfind('}'));
        let object = from.zip(to).map(|(from, to)| &body[from..=to]);
        let body: Value = object
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default();
        let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
        Self {
            status: status.unwrap_or_else(|| panic!("no reply: {reply:?}")),
            reason: words.next().unwrap_or_default().to_owned(),
            prompt: String::from_utf8_lossy(&from_base64(prompt.trim())).into_owned(),
            message: text("message"),
            error: text("error"),
            echo: body["echo"] == true,
            conversation: conversation.to_owned(),
        }
    }
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = (0..3).fold(0_usize, |group, at| {
            group << 8 | usize::from(chunk.get(at).copied().unwrap_or(0))
        });
        for digit in 0..4 {
            text.push(match digit <= chunk.len() {
                true => DIGITS[group >> (18 - 6 * digit) & 63].into(),
                false => '=',
            });
        }
    }
    text
}

fn from_base64(text: &str) -> Vec<u8> {
    let digits = text
        .bytes()
        .filter_map(|byte| DIGITS.iter().position(|digit| *digit == byte));
    let digits: Vec<usize> = digits.collect();
    let groups = digits.chunks(4).flat_map(|chunk| {
        let group = (0..4).fold(0, |group, at| {
            group << 6 | chunk.get(at).copied().unwrap_or(0)
        });
        let bytes = [group >> 16, group >> 8, group].map(|byte| (byte & 255) as u8);
        bytes.into_iter().take(chunk.len().saturating_sub(1))
    });
    groups.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_matches_rfc_4648() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded);
            assert_eq!(from_base64(coded), plain.as_bytes());
        }
    }
}
