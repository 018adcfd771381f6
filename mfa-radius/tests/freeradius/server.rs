//! A FreeRADIUS for one test: its own folder, loopback port and log. The whole-system tests use
//! this file, too.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

const READY: &str = "Ready to process requests";
const LONGEST_START: Duration = Duration::from_secs(30);

pub(crate) struct FreeRadius {
    process: Child,
    log: Arc<Mutex<String>>,
    pub(crate) address: SocketAddr,
    _folder: TempDir,
}

impl FreeRadius {
    /// Starts one with these settings, in which @FOLDER@ and @PORT@ are replaced, and waits until
    /// it serves. `None` if it is not installed, except in CI, where that fails the test.
    pub(crate) fn start(settings: &str) -> Option<Self> {
        let Some(program) = program() else {
            assert!(
                std::env::var_os("CI").is_none(),
                "freeradius is not installed: run tests/install-needs"
            );
            // To the terminal, though the test harness captures the output: .ci/run lists these lines.
            let name = std::thread::current().name().unwrap_or("a test").to_owned();
            let why = "freeradius is not installed (tests/install-needs installs it)";
            let _ = writeln!(std::io::stderr(), "NOT RUN: {name}: {why}");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let address = free_port();
        let settings = settings
            .replace("@FOLDER@", folder.path().to_str().unwrap())
            .replace("@PORT@", &address.port().to_string());
        std::fs::write(folder.path().join("radiusd.conf"), settings).unwrap();
        let mut process = Command::new(program)
            .args(["-f", "-xx", "-l", "stdout", "-d"])
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let ready = follow(&mut process, &log);
        let server = Self {
            process,
            log,
            address,
            _folder: folder,
        };
        let is_ready = ready.recv_timeout(LONGEST_START).is_ok();
        assert!(is_ready, "freeradius did not start:\n{}", server.log());
        Some(server)
    }

    /// The log so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }
}

impl Drop for FreeRadius {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|folder| folder.join("freeradius"))
        .find(|file| file.is_file())
}

/// Reads the log, so that the server never blocks on it, and reports when the server is ready.
fn follow(process: &mut Child, log: &Arc<Mutex<String>>) -> Receiver<()> {
    let (ready, is_ready) = sync_channel(1);
    let lines = BufReader::new(process.stdout.take().unwrap()).split(b'\n');
    let log = Arc::clone(log);
    thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            let mut log = log.lock().unwrap();
            log.push_str(&line);
            log.push('\n');
            if line.contains(READY) {
                let _ = ready.try_send(());
            }
        }
    });
    is_ready
}

/// A loopback address where nobody listens at the moment.
pub(crate) fn free_port() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap()
}
