//! A headless Chromium, driven by its own driver (W3C WebDriver: JSON over HTTP).
//!
//! It uses no personal profile, and no network beyond this host.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::eventually;

/// Options that keep it quiet, and let root run it without a sandbox.
const OPTIONS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
];

/// The name of an element in replies.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one page. It ends when dropped.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    _profile: TempDir,
}

impl Browser {
    /// Starts one.
    ///
    /// # Panics
    ///
    /// When Chromium or its driver is missing.
    #[must_use]
    pub fn start() -> Self {
        let profile = tempfile::tempdir().expect("a folder");
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .env("HOME", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is missing: run tests/install-needs");
        let port = announced(&mut driver);
        let mut arguments: Vec<String> = OPTIONS.map(str::to_owned).into();
        arguments.push(format!(
            "--user-data-dir={}",
            profile.path().join("p").display()
        ));
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": arguments},
        }}});
        let session = request(port, "POST", "/session", &wanted);
        let session = session["sessionId"].as_str().map(str::to_owned);
        Self {
            session: session.expect("a session"),
            driver,
            port,
            _profile: profile,
        }
    }

    /// Opens a page.
    pub fn open(&self, address: &str) {
        self.call("POST", "/url", &json!({"url": address}));
    }

    /// The result of a script in the page.
    #[must_use]
    pub fn script(&self, script: &str) -> Value {
        let body = json!({"script": script, "args": []});
        self.call("POST", "/execute/sync", &body)
    }

    /// The text of an element, once it is visible.
    #[must_use]
    pub fn shown(&self, selector: &str) -> String {
        eventually(&format!("{selector} to be shown"), || {
            let text = self.text(selector);
            (!text.is_empty()).then_some(text)
        })
    }

    /// Waits until an element shows a text that contains `words`.
    #[must_use]
    pub fn shown_with(&self, selector: &str, words: &str) -> String {
        eventually(&format!("{words:?} in {selector}"), || {
            let text = self.text(selector);
            text.contains(words).then_some(text)
        })
    }

    /// The visible text of an element; empty if it is hidden.
    #[must_use]
    pub fn text(&self, selector: &str) -> String {
        let script = format!(
            "const it = document.querySelector({selector:?});\
             return it && it.offsetParent !== null ? it.innerText : '';"
        );
        let text = self.script(&script);
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Replaces the content of a field.
    pub fn type_into(&self, selector: &str, text: &str) {
        let found = json!({"using": "css selector", "value": selector});
        let found = self.call("POST", "/element", &found);
        let element = found[ELEMENT].as_str().expect("a field");
        self.call("POST", &format!("/element/{element}/clear"), &json!({}));
        let value = format!("/element/{element}/value");
        self.call("POST", &value, &json!({"text": text}));
    }

    /// Clicks an element.
    pub fn click(&self, selector: &str) {
        let found = json!({"using": "css selector", "value": selector});
        let found = self.call("POST", "/element", &found);
        let element = found[ELEMENT].as_str().expect("a button");
        self.call("POST", &format!("/element/{element}/click"), &json!({}));
    }

    /// A screenshot of the page: PNG, in base64.
    #[must_use]
    pub fn screenshot(&self) -> String {
        let picture = self.call("GET", "/screenshot", &Value::Null);
        picture.as_str().unwrap_or_default().to_owned()
    }

    fn call(&self, verb: &str, path: &str, body: &Value) -> Value {
        request(
            self.port,
            verb,
            &format!("/session/{}{path}", self.session),
            body,
        )
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends Chromium, which is the driver's child.
        let path = format!("/session/{}", self.session);
        let _ = answered(self.port, "DELETE", &path, "");
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The port that the driver announces.
fn announced(driver: &mut Child) -> u16 {
    let output = driver.stdout.take().expect("its output");
    let mut lines = BufReader::new(output).lines();
    let port = lines.find_map(|line| {
        let line = line.ok()?;
        let (_, port) = line.split_once("started successfully on port ")?;
        port.trim_end_matches('.').parse().ok()
    });
    let port = port.expect("a port of chromedriver");
    // It may print more.
    std::thread::spawn(move || lines.count());
    port
}

/// The value of the reply.
fn request(port: u16, verb: &str, path: &str, body: &Value) -> Value {
    let body = match body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    let reply = answered(port, verb, path, &body).expect("chromedriver");
    let reply: Value = serde_json::from_str(&reply).expect("JSON");
    let value = reply["value"].clone();
    assert!(value["error"].is_null(), "{verb} {path}: {value}");
    value
}

fn answered(port: u16, verb: &str, path: &str, body: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    write!(
        stream,
        "{verb} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut reply = vec![0; length];
    reader.read_exact(&mut reply)?;
    Ok(String::from_utf8_lossy(&reply).into_owned())
}
