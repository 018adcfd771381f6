//! Security keys in software, and ssh-agents that hold them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{Machine, built, eventually, run, suspend};

/// The kinds of security keys that OpenSSH knows, as `ssh-keygen -t` names them.
pub const KINDS: [&str; 2] = ["ed25519-sk", "ecdsa-sk"];

/// A security key in software. Its folder is gone with the machine.
pub struct SecurityKey {
    folder: PathBuf,
    provider: PathBuf,
}

impl SecurityKey {
    /// A new key that `tests/programs/sk_token.c` plays, in a folder of this machine that only `owner` reads.
    #[must_use]
    pub fn new(machine: &Machine, owner: &str, name: &str, kind: &str) -> Self {
        Self::with(machine, owner, name, kind, &[])
    }

    /// The same with more options of `ssh-keygen`.
    #[must_use]
    pub fn with(machine: &Machine, owner: &str, name: &str, kind: &str, more: &[&str]) -> Self {
        Self::made(machine, owner, (name, kind), token(), more)
    }

    /// The same that another provider plays.
    #[must_use]
    pub fn of_provider(
        machine: &Machine,
        owner: &str,
        name: &str,
        kind: &str,
        provider: &str,
    ) -> Self {
        Self::made(machine, owner, (name, kind), provider.into(), &[])
    }

    fn made(
        machine: &Machine,
        owner: &str,
        (name, kind): (&str, &str),
        provider: PathBuf,
        more: &[&str],
    ) -> Self {
        let folder = Path::new("/run/home").join(format!("{owner}-{name}"));
        fs::create_dir(&folder).expect("a folder");
        let uid = machine.uid(owner);
        std::os::unix::fs::chown(&folder, Some(uid), Some(uid)).expect("an owner");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("a mode");
        let key = Self { folder, provider };
        let mut ssh_keygen = machine.as_user(owner, "ssh-keygen");
        ssh_keygen
            .args(["-q", "-N", "", "-C", name, "-t", kind, "-w"])
            .arg(&key.provider)
            .args(more)
            .arg("-f")
            .arg(key.private())
            .env("SK_TOKEN", &key.folder);
        let made = run(&mut ssh_keygen);
        assert!(made.is_success(), "ssh-keygen: {made:?}");
        key
    }

    /// A key of no kind of its own, which certifies others.
    #[must_use]
    pub fn authority(_on: &Machine, name: &str) -> PathBuf {
        let path = Path::new("/run/home").join(format!("authority-{name}"));
        let mut ssh_keygen = Command::new("ssh-keygen");
        ssh_keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]);
        let made = run(ssh_keygen.arg(&path));
        assert!(made.is_success(), "ssh-keygen: {made:?}");
        path
    }

    /// The file that OpenSSH calls the private key.
    #[must_use]
    pub fn private(&self) -> PathBuf {
        self.folder.join("key")
    }

    /// What an ssh client needs: a variable, an option, and the identity.
    #[must_use]
    pub fn for_ssh(&self) -> [String; 3] {
        [
            format!("SK_TOKEN={}", self.folder.display()),
            format!("SecurityKeyProvider={}", self.provider.display()),
            self.private().to_string_lossy().into_owned(),
        ]
    }

    /// The line of its public key.
    #[must_use]
    pub fn public(&self) -> String {
        fs::read_to_string(self.folder.join("key.pub")).expect("a public key")
    }

    /// `SHA256:…`
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let shown = run(Command::new("ssh-keygen").arg("-lf").arg(self.private()));
        let word = shown.stdout.split_whitespace().nth(1);
        word.unwrap_or_else(|| panic!("{shown:?}")).to_owned()
    }

    /// Has it behave as one of the files says that `sk_token.c` names.
    pub fn be(&self, how: &str) {
        let told = self.folder.join(how);
        fs::write(&told, "").expect("a file");
        fs::set_permissions(&told, fs::Permissions::from_mode(0o644)).expect("a mode");
    }

    /// Ends that.
    pub fn be_no_more(&self, how: &str) {
        fs::remove_file(self.folder.join(how)).expect("a file");
    }

    /// Its counter.
    #[must_use]
    pub fn counter(&self) -> u32 {
        let text = fs::read_to_string(self.folder.join("counter")).unwrap_or_default();
        text.trim().parse().unwrap_or(0)
    }

    /// Sets its counter.
    pub fn set_counter(&self, counter: u32) {
        let path = self.folder.join("counter");
        fs::write(&path, counter.to_string()).expect("a counter");
        // The key's owner counts on.
        fs::set_permissions(path, fs::Permissions::from_mode(0o666)).expect("a mode");
    }

    /// How often it has signed.
    #[must_use]
    pub fn signatures(&self) -> usize {
        fs::read(self.folder.join("signed")).map_or(0, |marks| marks.len())
    }

    /// Certifies it by `authority`, another key, for `principal`; returns the line of the certificate, which an
    /// ssh-agent that adds the key adds too.
    #[must_use]
    pub fn certify(&self, authority: &Path, principal: &str) -> String {
        let made = run(Command::new("ssh-keygen")
            .arg("-q")
            .arg("-s")
            .arg(authority)
            .args(["-I", "mfat", "-n", principal])
            .arg(self.folder.join("key.pub")));
        assert!(made.is_success(), "ssh-keygen: {made:?}");
        let certificate = self.folder.join("key-cert.pub");
        fs::set_permissions(&certificate, fs::Permissions::from_mode(0o644)).expect("a mode");
        fs::read_to_string(certificate).expect("a certificate")
    }
}

/// An ssh-agent of a user. It is killed when dropped.
pub struct SshAgent {
    socket: PathBuf,
    child: Child,
}

impl SshAgent {
    /// Starts one without keys.
    #[must_use]
    pub fn start(machine: &Machine, owner: &str) -> Self {
        Self::at(machine, owner, &a_place(machine, owner))
    }

    /// Starts one of `owner` that holds `key`.
    #[must_use]
    pub fn with(machine: &Machine, owner: &str, key: &SecurityKey) -> Self {
        let mut agent = Self::of_token(machine, owner, &a_place(machine, owner), Some(key));
        agent.add(machine, owner, key);
        agent
    }

    /// Starts one without keys at this socket.
    #[must_use]
    pub fn at(machine: &Machine, owner: &str, socket: &Path) -> Self {
        Self::of_token(machine, owner, socket, None)
    }

    fn of_token(machine: &Machine, owner: &str, socket: &Path, key: Option<&SecurityKey>) -> Self {
        let mut command = machine.as_user(owner, "ssh-agent");
        command
            .arg("-D")
            .arg("-a")
            .arg(socket)
            .args(["-P", "/usr/lib/*,/run/home/*"])
            // It asks nobody to confirm a touch.
            .env_remove("DISPLAY")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Some(key) = key {
            command.env("SK_TOKEN", &key.folder);
        }
        let child = command.spawn().expect("ssh-agent");
        eventually("the ssh-agent to listen", || {
            std::os::unix::net::UnixStream::connect(socket).ok()
        });
        Self {
            socket: socket.to_owned(),
            child,
        }
    }

    /// Adds a key.
    pub fn add(&mut self, machine: &Machine, owner: &str, key: &SecurityKey) {
        let added = run(machine
            .as_user(owner, "ssh-add")
            .args(["-q", "-S"])
            .arg(&key.provider)
            .arg(key.private())
            .env("SSH_AUTH_SOCK", &self.socket));
        assert!(added.is_success(), "ssh-add: {added:?}");
    }

    /// What the variable `SSH_AUTH_SOCK` says of it.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("SSH_AUTH_SOCK={}", self.socket.display())
    }

    /// Its socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Suspends it; [`SshAgent::resume`] lets it continue.
    pub fn suspend(&self) {
        suspend(self.pid());
    }

    /// Lets it continue.
    pub fn resume(&self) {
        kill(self.pid(), Signal::SIGCONT).expect("a signal");
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// Ends it. Its socket stays where it is.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for SshAgent {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A path for a socket in a new folder that only `owner` enters.
fn a_place(machine: &Machine, owner: &str) -> PathBuf {
    let made = run(machine
        .as_user(owner, "mktemp")
        .args(["-d", "/run/home/agent-XXXXXX"]));
    assert!(made.is_success(), "mktemp: {made:?}");
    Path::new(made.stdout.trim()).join("socket")
}

/// `sk_token.c`, compiled once for each machine, where every user of it may read it.
fn token() -> PathBuf {
    let path = PathBuf::from("/run/home/sk_token.so");
    if path.exists() {
        return path;
    }
    fs::set_permissions("/run/home", fs::Permissions::from_mode(0o1777)).expect("a mode");
    let source = built().tree.join("tests/programs/sk_token.c");
    let compiled = run(Command::new("cc")
        .args(["-O2", "-Wall", "-Wextra", "-shared", "-fPIC", "-o"])
        .arg(&path)
        .arg(&source)
        .arg("-lcrypto"));
    assert!(
        compiled.is_success(),
        "sk_token.c does not compile (tests/install-needs installs libssl-dev): {compiled:?}"
    );
    path
}
