//! A provider of text messages: an HTTPS server that records requests and answers as the test says.
//!
//! It behaves like Vonage, by its documented answers, or like a webhook, with any status; the
//! agent's settings decide which. Its threads end with the test's process.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use crate::{Certificate, eventually};

/// Vonage's answer for an accepted message.
const TAKEN: &str = r#"{"message-count": "1", "messages": [{"to": "491701234567",
    "message-id": "0A0000000123ABCD1", "status": "0", "remaining-balance": "3.14159265",
    "message-price": "0.03330000", "network": "12345"}]}"#;

/// The server's answer to one request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// HTTP status 200, and Vonage's status 0.
    Taken,
    /// HTTP status 200, and another status of Vonage's with its text.
    Vonage(u8, &'static str),
    /// Another HTTP status.
    Http(u16),
    /// No answer: the connection stays open until the client closes it.
    Silence,
}

/// A received request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Such as `POST /send HTTP/1.1`.
    pub line: String,
    /// By name in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

/// A running server on loopback.
pub struct Provider {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    requests: Mutex<Vec<Request>>,
    answers: Mutex<VecDeque<Answer>>,
}

impl Provider {
    /// Starts one with `certificate`, which accepts all messages by default.
    #[must_use]
    pub fn start(certificate: &Certificate) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("a port").port();
        let config = Arc::new(tls(certificate));
        let shared = Arc::new(Shared::default());
        let served = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, served) = (Arc::clone(&config), Arc::clone(&served));
                // A client that closes the connection early is no error.
                std::thread::spawn(move || served.serve(stream, config).ok());
            }
        });
        Self { port, shared }
    }

    /// The address of one of its pages.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// Gives these answers to the next requests, one each.
    pub fn answer_next(&self, answers: &[Answer]) {
        let mut queue = self.shared.answers.lock().expect("a lock");
        queue.extend(answers.iter().cloned());
    }

    /// The requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().expect("a lock").clone()
    }

    /// The requests, once there are `count`.
    #[must_use]
    pub fn await_requests(&self, count: usize) -> Vec<Request> {
        eventually(&format!("{count} requests to the provider"), || {
            Some(self.requests()).filter(|requests| requests.len() >= count)
        })
    }
}

impl Request {
    /// A header; empty if it is absent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The content as a JSON object.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    /// The fields of the content as a form.
    #[must_use]
    pub fn form(&self) -> BTreeMap<String, String> {
        let field = |pair: &str| {
            let (name, value) = pair.split_once('=').expect("a field");
            (unescaped(name), unescaped(value))
        };
        self.body.split('&').map(field).collect()
    }

    fn read(stream: &mut impl BufRead) -> io::Result<Self> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line)?;
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let header = |line: &String| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        let headers: BTreeMap<_, _> = lines.iter().skip(1).filter_map(header).collect();
        let length = headers.get("content-length").and_then(|n| n.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut body)?;
        Ok(Self {
            line: lines.first().cloned().unwrap_or_default(),
            headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<()> {
        let connection = ServerConnection::new(config).map_err(io::Error::other)?;
        let mut stream = BufReader::new(StreamOwned::new(connection, stream));
        let request = Request::read(&mut stream)?;
        let answer = self.answers.lock().expect("a lock").pop_front();
        self.requests.lock().expect("a lock").push(request);
        let (status, body) = match answer.unwrap_or(Answer::Taken) {
            Answer::Taken => (200, TAKEN.to_owned()),
            Answer::Vonage(status, text) => (200, refusal(status, text)),
            Answer::Http(status) => (status, String::new()),
            Answer::Silence => return stream.read_to_end(&mut Vec::new()).map(drop),
        };
        let mut stream = stream.into_inner();
        write!(
            stream,
            "HTTP/1.1 {status} status\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )?;
        stream.conn.send_close_notify();
        stream.flush()
    }
}

fn refusal(status: u8, text: &str) -> String {
    let part = serde_json::json!({ "status": status.to_string(), "error-text": text });
    serde_json::json!({ "message-count": "1", "messages": [part] }).to_string()
}

fn tls(certificate: &Certificate) -> ServerConfig {
    let chain = CertificateDer::pem_file_iter(&certificate.file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(&certificate.key).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .expect("TLS")
}

/// Decodes `application/x-www-form-urlencoded`.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = [rest.next(), rest.next()].map(|digit| digit.expect("two digits"));
                let digits = std::str::from_utf8(&digits).expect("ASCII");
                bytes.push(u8::from_str_radix(digits, 16).expect("hexadecimal"));
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}
