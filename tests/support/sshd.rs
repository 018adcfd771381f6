//! The test's own sshd, on loopback.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::{Machine, Pty, eventually, run};

const COMMON: &str = "ListenAddress 127.0.0.1\nPidFile none\nUsePAM yes\nUseDNS no\n\
    StrictModes no\nLogLevel VERBOSE\nKbdInteractiveAuthentication yes\nMaxStartups 200\n";

const CLIENT_OPTIONS: [&str; 8] = [
    "-o",
    "StrictHostKeyChecking=no",
    "-o",
    "UserKnownHostsFile=/dev/null",
    "-o",
    "LogLevel=ERROR",
    "-o",
    "NumberOfPasswordPrompts=1",
];

/// A running sshd. It is killed when dropped.
pub struct Sshd {
    folder: TempDir,
    port: u16,
    child: Child,
}

impl Sshd {
    /// Starts one on `machine`, with the PAM service `sshd` and more settings.
    #[must_use]
    pub fn start(_on: &Machine, settings: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("mfa-sshd-")
            .tempdir()
            .expect("a folder");
        let host_key = make_key(folder.path(), "host");
        let user_key = make_key(folder.path(), "user");
        let public = user_key.with_extension("pub");
        // Bound and released: nobody else takes the port before sshd does.
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|l| l.local_addr())
            .expect("a port");
        let port = port.port();
        let config = folder.path().join("sshd_config");
        // If a setting is given twice, sshd uses the first.
        let common = match settings.contains("UseDNS") {
            true => COMMON.replace("UseDNS no\n", ""),
            false => COMMON.to_owned(),
        };
        let text = format!(
            "{common}Port {port}\nHostKey {}\nAuthorizedKeysFile {}\n{settings}\n",
            host_key.display(),
            public.display(),
        );
        fs::write(&config, text).expect("the settings");
        make_readable(folder.path(), &public);
        let log = fs::File::create(folder.path().join("log")).expect("a log");
        let child = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("sshd");
        let sshd = Self {
            folder,
            port,
            child,
        };
        eventually("sshd to listen", || {
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        sshd
    }

    /// An ssh client that logs in as `user`, with `options`, to run `echo you are in`.
    #[must_use]
    pub fn client(&self, user: &str, options: &[&str]) -> Pty {
        self.ssh(user, options, Some("echo you are in"))
    }

    /// The same, to run another command.
    #[must_use]
    pub fn client_of(&self, user: &str, options: &[&str], command: &str) -> Pty {
        self.ssh(user, options, Some(command))
    }

    /// An ssh client with this environment, such as `SSH_AUTH_SOCK=…`, and these options and words.
    #[must_use]
    pub fn client_in(&self, environment: &[&str], options: &[&str], words: &[&str]) -> Pty {
        let port = self.port.to_string();
        let mut arguments = environment.to_vec();
        arguments.extend(["ssh", "-F", "/dev/null", "-p", &port]);
        // The first value of an option counts.
        arguments.extend_from_slice(options);
        arguments.extend(CLIENT_OPTIONS);
        arguments.extend_from_slice(words);
        Pty::spawn("env", &arguments)
    }

    /// Accepts one more line of `authorized_keys`, for every user.
    pub fn authorize(&self, line: &str) {
        let path = self.folder.path().join("user.pub");
        let mut text = fs::read_to_string(&path).expect("the keys");
        text.push_str(line);
        text.push('\n');
        fs::write(&path, text).expect("the keys");
    }

    /// An ssh client that logs in as `user` to run a command.
    #[must_use]
    pub fn command(&self, user: &str, command: &str) -> Pty {
        self.ssh(user, &[], Some(command))
    }

    /// An ssh client that logs in as `user` to a shell.
    #[must_use]
    pub fn shell(&self, user: &str) -> Pty {
        self.ssh(user, &[], None)
    }

    /// `scp` or `sftp` with these arguments.
    #[must_use]
    pub fn copying(&self, program: &str, files: &[&str]) -> Pty {
        let port = self.port.to_string();
        let mut arguments = vec!["-F", "/dev/null", "-P", &port];
        arguments.extend(CLIENT_OPTIONS);
        arguments.extend_from_slice(files);
        Pty::spawn(program, &arguments)
    }

    fn ssh(&self, user: &str, options: &[&str], command: Option<&str>) -> Pty {
        let port = self.port.to_string();
        let target = format!("{user}@127.0.0.1");
        let mut arguments = vec!["-F", "/dev/null", "-p", &port];
        // The first value of an option counts.
        arguments.extend_from_slice(options);
        arguments.extend(CLIENT_OPTIONS);
        arguments.push(&target);
        arguments.extend(command);
        Pty::spawn("ssh", &arguments)
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The private key that is accepted for every user.
    #[must_use]
    pub fn user_key(&self) -> String {
        self.folder
            .path()
            .join("user")
            .to_string_lossy()
            .into_owned()
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("sshd's log:\n{}", self.log());
        }
    }
}

fn make_key(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    let output = run(Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&path));
    assert!(output.is_success(), "ssh-keygen: {output:?}");
    path
}

/// sshd reads the users' keys with the users' rights.
fn make_readable(folder: &Path, public: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("a mode");
    fs::set_permissions(public, fs::Permissions::from_mode(0o644)).expect("a mode");
}
