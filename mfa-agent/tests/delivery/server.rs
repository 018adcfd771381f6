//! Servers in Python, and their certificates.

use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use mfa_agent::delivery::{Roots, Trust};
use serde_json::Value;

/// Certificates in a temporary folder: an authority's and, signed by it, one for `localhost` and
/// one for another name.
pub(crate) struct Certificates(tempfile::TempDir);

/// A server in its own process, which ends with this.
pub(crate) struct Server {
    process: Child,
    events: Lines<BufReader<ChildStdout>>,
    pub(crate) port: u16,
}

impl Certificates {
    pub(crate) fn new() -> Self {
        let made = Self(tempfile::tempdir().unwrap());
        made.openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout ca.key -out ca.pem -subj /CN=authority");
        for name in ["localhost", "other.example"] {
            made.openssl(&format!("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"));
            std::fs::write(made.path("ext"), format!("subjectAltName=DNS:{name}\n")).unwrap();
            made.openssl(&format!("x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out {name}.pem"));
        }
        // A certificate that no authority signed.
        made.openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout stranger.key -out stranger.pem -subj /CN=localhost -addext subjectAltName=DNS:localhost");
        made
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn trust(&self) -> Trust {
        Roots::File(self.path("ca.pem")).load().unwrap()
    }

    fn openssl(&self, arguments: &str) {
        let output = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(self.0.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "openssl {arguments}: {output:?}");
    }
}

impl Server {
    /// Starts `program` of this folder with the certificate of `name`.
    pub(crate) fn start(
        program: &str,
        certificates: &Certificates,
        name: &str,
        manners: &[&str],
    ) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/delivery");
        let mut process = Command::new("python3")
            .arg(folder.join(program))
            .arg(certificates.path(&format!("{name}.pem")))
            .arg(certificates.path(&format!("{name}.key")))
            .args(manners)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut events = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = events.next().unwrap().unwrap().parse().unwrap();
        Self {
            process,
            events,
            port,
        }
    }

    /// The server's next event.
    pub(crate) fn event(&mut self) -> Value {
        let line = self.events.next().unwrap().unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Ends it, and returns its remaining events.
    pub(crate) fn end(mut self) -> Vec<Value> {
        self.process.kill().unwrap();
        let lines = self.events.by_ref().map(Result::unwrap);
        lines
            .map(|line| serde_json::from_str(&line).unwrap())
            .collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
