//! A misbehaving listener where the agent should be.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::eventually;

/// How it misbehaves.
#[derive(Clone, Debug)]
pub enum Manner {
    /// It never accepts a connection.
    Deaf,
    /// It accepts and reads, and sends nothing.
    Silent,
    /// It closes the connection after the first call.
    HangsUp,
    /// It answers every call with these bytes.
    Says(Vec<u8>),
    /// It answers every call with this byte, without end.
    Endless(u8),
    /// It sends one byte every tenth of a second, without end.
    Drips,
}

/// A listener that is not an agent.
pub struct Impostor {
    folder: TempDir,
    /// Kept, so that a deaf one has a socket.
    _listener: Option<UnixListener>,
    other: Option<Child>,
}

impl Impostor {
    /// Starts one that belongs to this process.
    #[must_use]
    pub fn start(manner: Manner) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = UnixListener::bind(folder.path().join("agent.sock")).expect("a socket");
        let accepting = listener.try_clone().expect("a descriptor");
        if !matches!(manner, Manner::Deaf) {
            std::thread::spawn(move || {
                for stream in accepting.incoming().flatten() {
                    let manner = manner.clone();
                    std::thread::spawn(move || misbehave(stream, &manner));
                }
            });
        }
        Self {
            folder,
            _listener: Some(listener),
            other: None,
        }
    }

    /// Starts one that belongs to `user`, in a folder where everybody may write, and lets every
    /// login pass.
    #[must_use]
    pub fn of_user(uid: u32) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let open = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(folder.path(), open).expect("a mode");
        let socket = folder.path().join("agent.sock");
        let script = r#"
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
passed = b'{"parameters":{"session":"s","step":{"messages":[],"outcome":"passed"}}}\0'
while True:
    c, _ = s.accept()
    if c.recv(65536):
        c.send(passed)
"#;
        let other = Command::new("setpriv")
            .args([
                &format!("--reuid={uid}"),
                "--clear-groups",
                "/usr/bin/python3",
                "-c",
                script,
            ])
            .arg(&socket)
            .stdin(Stdio::null())
            .spawn()
            .expect("setpriv");
        let impostor = Self {
            folder,
            _listener: None,
            other: Some(other),
        };
        eventually("the impostor to listen", || {
            UnixStream::connect(&socket).ok()
        });
        impostor
    }

    /// Where it listens.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        let folder: &Path = self.folder.path();
        folder.join("agent.sock")
    }
}

impl Drop for Impostor {
    fn drop(&mut self) {
        if let Some(child) = &mut self.other {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn misbehave(mut stream: UnixStream, manner: &Manner) {
    let mut calls = BufReader::new(stream.try_clone().expect("a descriptor"));
    let mut call = Vec::new();
    while matches!(calls.read_until(0, &mut call), Ok(1..)) {
        let written = match manner {
            Manner::Deaf | Manner::Silent => Ok(()),
            Manner::HangsUp => return,
            Manner::Says(bytes) => stream.write_all(bytes),
            Manner::Endless(byte) => write_for_ever(&mut stream, &[*byte; 4096], Duration::ZERO),
            Manner::Drips => write_for_ever(&mut stream, b" ", Duration::from_millis(100)),
        };
        if written.is_err() {
            return;
        }
    }
}

fn write_for_ever(stream: &mut UnixStream, bytes: &[u8], pause: Duration) -> std::io::Result<()> {
    loop {
        stream.write_all(bytes)?;
        std::thread::sleep(pause);
    }
}
