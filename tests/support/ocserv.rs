//! ocserv on the gateway, and openconnect at the other end of the network.

use std::fs;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::{Authority, Network, Pty, eventually, run};

/// The gateway's address inside the tunnel.
const INSIDE: &str = "10.9.0.1";

/// A running server. It is ended when dropped.
pub struct Ocserv<'a> {
    network: &'a Network,
    folder: TempDir,
    authority: Authority,
    child: Child,
}

impl<'a> Ocserv<'a> {
    /// Starts one that asks PAM.
    #[must_use]
    pub fn start(network: &'a Network) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("mfa-ocserv-")
            .tempdir_in("/run")
            .expect("a folder");
        let authority = Authority::new();
        let certificate = authority.certificate("gateway.example");
        let text = format!(
            "auth = \"pam\"\nlisten-host = {}\ntcp-port = 4433\nrun-as-user = nobody\nrun-as-group = daemon\n\
             socket-file = {}/socket\nserver-cert = {}\nserver-key = {}\nisolate-workers = false\n\
             max-clients = 16\nmax-same-clients = 4\nkeepalive = 300\ndevice = vpns\n\
             ipv4-network = 10.9.0.0/24\nroute = 10.9.0.0/24\nmax-ban-score = 0\npid-file = {}/pid\n\
             use-occtl = false\ncookie-timeout = 60\ntls-priorities = \"NORMAL\"\n",
            Network::GATEWAY,
            folder.path().display(),
            certificate.file.display(),
            certificate.key.display(),
            folder.path().display(),
        );
        let config = folder.path().join("ocserv.conf");
        fs::write(&config, text).expect("the settings");
        let log = fs::File::create(folder.path().join("log")).expect("a log");
        let child = Command::new("/usr/sbin/ocserv")
            .args(["--foreground", "--debug=2", "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a descriptor"))
            .stderr(log)
            .spawn()
            .expect("ocserv is missing: run tests/install-needs");
        let server = Self {
            network,
            folder,
            authority,
            child,
        };
        eventually("ocserv to listen", || {
            std::net::TcpStream::connect((Network::GATEWAY, 4433)).ok()
        });
        server
    }

    /// A client of that user at a terminal.
    #[must_use]
    pub fn client(&self, user: &str) -> Pty {
        let script = self.folder.path().join("script");
        let text = "#!/bin/sh\n[ \"$reason\" = connect ] || exit 0\n\
                    ip link set \"$TUNDEV\" up\nip address add \"$INTERNAL_IP4_ADDRESS/24\" dev \"$TUNDEV\"\n";
        fs::write(&script, text).expect("a script");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&script, mode).expect("a mode");
        let authority = format!("--cafile={}", self.authority.file().display());
        let server = "https://gateway.example:4433";
        let resolve = format!("--resolve=gateway.example:{}", Network::GATEWAY);
        let script = format!("--script={}", script.display());
        let user = format!("--user={user}");
        let program = [
            "/usr/sbin/openconnect",
            "--no-dtls",
            "--protocol=anyconnect",
            &authority,
            &resolve,
            &script,
            &user,
            server,
        ];
        Pty::spawn("ip", &self.network.client_arguments(&program))
    }

    /// Whether the gateway answers through the tunnel.
    #[must_use]
    pub fn carries_traffic(&self) -> bool {
        let mut ping = self.network.client("ping");
        run(ping.args(["-c", "1", "-W", "2", INSIDE])).is_success()
    }

    /// Waits until it does: the client may take a moment to configure its end.
    pub fn await_traffic(&self) {
        eventually("traffic through the tunnel", || {
            self.carries_traffic().then_some(())
        });
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Ocserv<'_> {
    fn drop(&mut self) {
        // It has child processes, which it ends on SIGTERM.
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(0));
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("ocserv's log:\n{}", self.log());
        }
    }
}
