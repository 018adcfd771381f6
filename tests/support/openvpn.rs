//! OpenVPN: a server on the gateway that asks PAM, and clients at the other end of the network.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::{Authority, Network, Pty, eventually, run};

/// The gateway's address inside the tunnel.
const INSIDE: &str = "10.8.0.1";

const PLUGINS: [&str; 2] = [
    "/usr/lib/openvpn/openvpn-plugin-auth-pam.so",
    "/usr/lib64/openvpn/plugins/openvpn-plugin-auth-pam.so",
];

/// A running server. It is killed when dropped.
pub struct OpenVpn<'a> {
    network: &'a Network,
    folder: TempDir,
    authority: Authority,
    child: Child,
}

impl<'a> OpenVpn<'a> {
    /// Starts one whose plugin gets `words`: the PAM service, and pairs of prompts and answers.
    #[must_use]
    pub fn start(network: &'a Network, words: &str, settings: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let authority = Authority::new();
        let certificate = authority.certificate("gateway");
        let plugin = PLUGINS
            .iter()
            .find(|path| fs::exists(path).unwrap_or(false));
        let plugin = plugin.expect("OpenVPN's plugin is missing: run tests/install-needs");
        let text = format!(
            "local {}\ndev tun\ntopology subnet\nserver 10.8.0.0 255.255.255.0\nca {}\ncert {}\nkey {}\n\
             dh none\nverify-client-cert none\nusername-as-common-name\nduplicate-cn\n\
             plugin {plugin} \"{words}\"\nsetenv deferred_auth_pam 1\nverb 3\n{settings}\n",
            Network::GATEWAY,
            authority.file().display(),
            certificate.file.display(),
            certificate.key.display(),
        );
        let config = folder.path().join("server.conf");
        fs::write(&config, text).expect("the settings");
        let log = fs::File::create(folder.path().join("log")).expect("a log");
        let child = Command::new("/usr/sbin/openvpn")
            .arg("--config")
            .arg(&config)
            .stdin(Stdio::null())
            .stderr(log.try_clone().expect("a descriptor"))
            .stdout(log)
            .spawn()
            .expect("openvpn is missing: run tests/install-needs");
        let server = Self {
            network,
            folder,
            authority,
            child,
        };
        server.await_log("Initialization Sequence Completed");
        server
    }

    /// A client at a terminal.
    #[must_use]
    pub fn client(&self, settings: &str) -> Pty {
        let config = self.client_config(settings);
        let config = config.to_string_lossy();
        let program = ["/usr/sbin/openvpn", "--config", &config];
        Pty::spawn("ip", &self.network.client_arguments(&program))
    }

    /// A client that another program answers for, over its management interface.
    #[must_use]
    pub fn managed_client(&self, settings: &str) -> (Pty, Management) {
        let socket = self.folder.path().join("management");
        let settings = format!(
            "management {} unix\nmanagement-query-passwords\n{settings}",
            socket.display()
        );
        let client = self.client(&settings);
        let stream = eventually("the management interface", || {
            UnixStream::connect(&socket).ok()
        });
        (client, Management(BufReader::new(stream)))
    }

    fn client_config(&self, settings: &str) -> PathBuf {
        let text = format!(
            "client\ndev tun\nnobind\nremote {}\nca {}\nverify-x509-name gateway name\nauth-user-pass\n\
             verb 3\n{settings}\n",
            Network::GATEWAY,
            self.authority.file().display(),
        );
        let config = self.folder.path().join("client.conf");
        fs::write(&config, text).expect("the settings");
        config
    }

    /// Whether the gateway answers through the tunnel.
    #[must_use]
    pub fn carries_traffic(&self) -> bool {
        let mut ping = self.network.client("ping");
        run(ping.args(["-c", "1", "-W", "2", INSIDE])).is_success()
    }

    /// Waits until the server's log contains these words.
    pub fn await_log(&self, words: &str) {
        eventually(&format!("{words:?} in OpenVPN's log"), || {
            self.log().contains(words).then_some(())
        });
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for OpenVpn<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("OpenVPN's log:\n{}", self.log());
        }
    }
}

/// The management interface of a client.
pub struct Management(BufReader<UnixStream>);

impl Management {
    /// Waits for a line that begins with `start`, and returns it.
    pub fn expect(&mut self, start: &str) -> String {
        loop {
            let mut line = String::new();
            let count = self.0.read_line(&mut line).expect("a line");
            assert!(count > 0, "the client has gone before it said {start:?}");
            if line.starts_with(start) {
                return line.trim_end().to_owned();
            }
        }
    }

    /// Sends a line.
    pub fn say(&mut self, line: &str) {
        writeln!(self.0.get_mut(), "{line}").expect("a client that reads");
    }
}
