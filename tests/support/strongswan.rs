//! strongSwan: a gateway that asks PAM about EAP-GTC logins, and a client at the other end of the
//! network.
//!
//! Each is a `charon-systemd` with its own settings and control socket. The tunnel's packets go
//! through user space (`kernel-libipsec`), so that the kernel needs no IPsec.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::{Authority, Network, Output, eventually, run};

/// The gateway's address behind the tunnel.
const INSIDE: &str = "10.77.0.1";

const DAEMON: &str = "/usr/sbin/charon-systemd";

/// Plugins that Debian has; the one for packets in user space comes before the kernel's.
const PLUGINS: &str = "random nonce openssl hmac kdf pem pkcs1 pkcs8 x509 pubkey constraints socket-default kernel-libipsec \
                       kernel-netlink vici updown \
                       eap-identity eap-gtc xauth-pam";

/// So that several clients can run on one host.
const ANY_PORT: &str = "port = 0\n port_nat_t = 0";

/// A gateway. It is killed when dropped, and its clients before it.
pub struct StrongSwan<'a> {
    network: &'a Network,
    authority: Authority,
    gateway: Charon,
}

impl<'a> StrongSwan<'a> {
    /// Starts one with the PAM service `strongswan`.
    #[must_use]
    pub fn start(network: &'a Network) -> Self {
        let authority = Authority::new();
        let certificate = authority.certificate("gateway");
        let address = format!("address add {INSIDE}/32 dev lo");
        assert!(run(Command::new("ip").args(address.split(' '))).is_success());
        let connection = format!(
            "connections {{\n gateway {{\n version = 2\n local_addrs = {}\n pools = inside\n encap = yes\n\
             local {{\n auth = pubkey\n certs = {}\n id = gateway\n }}\n\
             remote {{\n auth = eap-gtc\n eap_id = %any\n }}\n\
             children {{\n net {{\n local_ts = {INSIDE}/32\n }}\n }}\n }}\n}}\n\
             pools {{\n inside {{\n addrs = 10.78.0.0/24\n }}\n}}\n",
            Network::GATEWAY,
            certificate.file.display(),
        );
        let command = |program: &str| Command::new(program);
        Self {
            network,
            gateway: Charon::start(command, "", &authority, &connection, Some(&certificate.key)),
            authority,
        }
    }

    /// A client that gives `typed` as the password of `user`.
    #[must_use]
    pub fn client(&self, user: &str, typed: &str) -> Client<'_> {
        let connection = format!(
            "connections {{\n home {{\n version = 2\n remote_addrs = {}\n vips = 0.0.0.0\n encap = yes\n\
             local {{\n auth = eap-gtc\n id = {user}\n eap_id = {user}\n }}\n\
             remote {{\n auth = pubkey\n id = gateway\n }}\n\
             children {{\n net {{\n remote_ts = {INSIDE}/32\n }}\n }}\n }}\n}}\n\
             secrets {{\n eap {{\n id = {user}\n secret = \"{typed}\"\n }}\n}}\n",
            Network::GATEWAY,
        );
        let command = |program: &str| self.network.client(program);
        Client {
            network: self.network,
            charon: Charon::start(command, ANY_PORT, &self.authority, &connection, None),
        }
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.gateway.log()
    }
}

/// A client. It is killed when dropped.
pub struct Client<'a> {
    network: &'a Network,
    charon: Charon,
}

impl Client<'_> {
    /// Opens the tunnel; returns whether it is up.
    #[must_use]
    pub fn connect(&self) -> bool {
        let command = self.network.client("swanctl");
        let output = self
            .charon
            .control(command, &["--initiate", "--child", "net"]);
        output.is_success()
    }

    /// Whether the gateway answers through the tunnel.
    #[must_use]
    pub fn carries_traffic(&self) -> bool {
        let mut ping = self.network.client("ping");
        run(ping.args(["-c", "1", "-W", "2", INSIDE])).is_success()
    }
}

/// A daemon.
struct Charon {
    folder: TempDir,
    child: Child,
}

impl Charon {
    /// Starts one by `command`, which decides where programs run, and loads `connection`.
    fn start(
        command: impl Fn(&str) -> Command,
        more: &str,
        authority: &Authority,
        connection: &str,
        key: Option<&Path>,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let settings = format!(
            "charon-systemd {{\n load = {PLUGINS}\n dos_protection = no\n {more}\n journal {{\n default = -1\n }}\n\
             filelog {{\n log {{\n path = {}\n flush_line = yes\n default = 1\n }}\n }}\n\
             plugins {{\n vici {{\n socket = {}\n }}\n xauth-pam {{\n pam_service = strongswan\n }}\n }}\n}}\n",
            at("log").display(),
            socket(folder.path()),
        );
        fs::write(at("strongswan.conf"), settings).expect("the settings");
        fs::write(at("swanctl.conf"), connection).expect("the connection");
        fs::create_dir(at("x509ca")).expect("a folder");
        fs::copy(authority.file(), at("x509ca/ca.pem")).expect("the authority's certificate");
        if let Some(key) = key {
            fs::create_dir(at("private")).expect("a folder");
            fs::copy(key, at("private/gateway.pem")).expect("the gateway's key");
        }
        let child = command(DAEMON)
            .env("STRONGSWAN_CONF", at("strongswan.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("charon-systemd is missing: run tests/install-needs");
        let charon = Self { folder, child };
        eventually("charon's control socket", || {
            fs::exists(charon.folder.path().join("vici"))
                .ok()?
                .then_some(())
        });
        let loaded = charon.control(command("swanctl"), &["--load-all", "--noprompt"]);
        assert!(loaded.is_success(), "{loaded:?}");
        charon
    }

    fn control(&self, mut swanctl: Command, arguments: &[&str]) -> Output {
        let folder = self.folder.path();
        swanctl
            .env("STRONGSWAN_CONF", folder.join("strongswan.conf"))
            .env("SWANCTL_DIR", folder)
            .args(arguments)
            .args(["--uri", &socket(folder)]);
        run(&mut swanctl)
    }

    fn log(&self) -> String {
        let path: PathBuf = self.folder.path().join("log");
        fs::read_to_string(path).unwrap_or_default()
    }
}

fn socket(folder: &Path) -> String {
    format!("unix://{}", folder.join("vici").display())
}

impl Drop for Charon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("charon's log:\n{}", self.log());
        }
    }
}
