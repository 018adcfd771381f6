//! A server that a test starts with settings of its own, on loopback.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::eventually;

/// Where a server keeps its files, and the port that it is to listen on.
pub struct Place {
    folder: TempDir,
    /// A free port on loopback.
    pub port: u16,
}

impl Place {
    /// A folder that every user can enter, below `/run`, because sockets have short names.
    #[must_use]
    pub fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("mfa-")
            .tempdir_in("/run")
            .expect("a folder");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(folder.path(), mode).expect("a mode");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
        Self {
            folder,
            port: port.expect("a port").port(),
        }
    }

    /// A path in the folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder as text.
    #[must_use]
    pub fn folder(&self) -> String {
        self.folder.path().to_string_lossy().into_owned()
    }

    /// A folder in the folder that belongs to `user`.
    pub fn folder_of(&self, name: &str, user: &str) -> String {
        let path = self.path(name);
        fs::create_dir_all(&path).expect("a folder");
        give(&path, user);
        path.to_string_lossy().into_owned()
    }

    /// Writes settings, in which `@FOLDER@` and `@PORT@` stand for those of this place.
    pub fn settings(&self, name: &str, text: &str) -> String {
        let text = text
            .replace("@FOLDER@", &self.folder())
            .replace("@PORT@", &self.port.to_string());
        let path = self.path(name);
        fs::write(&path, text).expect("the settings");
        path.to_string_lossy().into_owned()
    }

    /// Starts the server and waits until it listens.
    #[must_use]
    pub fn start(self, command: Command) -> Daemon {
        let daemon = self.start_without_port(command);
        let port = daemon.place.port;
        eventually("a server to listen", || {
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        daemon
    }

    /// Starts a server that listens elsewhere.
    #[must_use]
    pub fn start_without_port(self, mut command: Command) -> Daemon {
        let log = fs::File::create(self.path("stderr")).expect("a log");
        let program = command.get_program().to_owned();
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a descriptor"))
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|e| panic!("{program:?}: {e}; run tests/install-needs"));
        Daemon { place: self, child }
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}

fn give(path: &Path, user: &str) {
    let entry = nix::unistd::User::from_name(user).expect("a name service");
    let entry = entry.unwrap_or_else(|| panic!("no user {user}: run tests/install-needs"));
    nix::unistd::chown(path, Some(entry.uid), Some(entry.gid)).expect("an owner");
}

/// A running server. It and its processes are ended when dropped.
pub struct Daemon {
    place: Place,
    child: Child,
}

impl Daemon {
    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.place.port
    }

    /// A path in its folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.place.path(name)
    }

    /// What it has logged: its output, and the file `log`.
    #[must_use]
    pub fn log(&self) -> String {
        let text = |name: &str| fs::read_to_string(self.path(name)).unwrap_or_default();
        text("stderr") + &text("log")
    }

    /// A conversation with it: for each line that is sent, the answer that ends with a line that
    /// begins with `until`. The first text is sent after the server's greeting.
    #[must_use]
    pub fn talk(&self, greeting: &str, lines: &[(String, &str)]) -> Vec<String> {
        let stream = TcpStream::connect(("127.0.0.1", self.port())).expect("a connection");
        let patience = Some(Duration::from_secs(40));
        stream.set_read_timeout(patience).expect("a time-out");
        let mut reader = BufReader::new(stream.try_clone().expect("a descriptor"));
        let mut read = |until: &str| {
            let mut answer = String::new();
            loop {
                let start = answer.len();
                let count = reader.read_line(&mut answer).unwrap_or(0);
                if count == 0 || answer[start..].starts_with(until) {
                    return answer;
                }
            }
        };
        read(greeting);
        let mut answers = Vec::new();
        for (line, until) in lines {
            (&stream)
                .write_all(format!("{line}\r\n").as_bytes())
                .expect("a connection");
            answers.push(read(until));
        }
        answers
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let group = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(0));
        let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGTERM);
        for _ in 0..100 {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the server's log:\n{}", self.log());
        }
    }
}
