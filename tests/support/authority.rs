//! The test's own certificate authority, and its certificates, made by `openssl`.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::run;

/// An authority that nobody trusts by default.
pub struct Authority(TempDir);

/// A certificate and its key, in files.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate.
    pub file: PathBuf,
    pub key: PathBuf,
}

impl Authority {
    /// A new one.
    #[must_use]
    pub fn new() -> Self {
        let authority = Self(tempfile::tempdir().expect("a folder"));
        authority
            .openssl("req -x509 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem");
        authority
    }

    /// Its own certificate, for `ca_file`.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// A certificate for a server of that name.
    #[must_use]
    pub fn certificate(&self, name: &str) -> Certificate {
        self.certificate_for(name, &format!("DNS:{name}"))
    }

    /// A certificate for a server of that name at `address`, and for a client.
    #[must_use]
    pub fn certificate_of_address(&self, name: &str, address: &str) -> Certificate {
        self.certificate_for(name, &format!("DNS:{name},IP:{address}"))
    }

    /// A certificate for a client, without a common name: the gateway of an etcd with users refuses one that has it.
    #[must_use]
    pub fn certificate_of_host(&self, name: &str) -> Certificate {
        self.signed(name, &format!("DNS:{name}"), "/O=hosts")
    }

    fn certificate_for(&self, name: &str, names: &str) -> Certificate {
        self.signed(name, names, &format!("/CN={name}"))
    }

    fn signed(&self, name: &str, names: &str, subject: &str) -> Certificate {
        let extension = self.path("extension");
        std::fs::write(extension, format!("subjectAltName={names}\n")).expect("an extension");
        self.openssl(&format!(
            "req -nodes -subj {subject} -keyout {name}.key -out {name}.csr"
        ));
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
             -extfile extension -out {name}.pem"
        ));
        Certificate {
            file: self.path(&format!("{name}.pem")),
            key: self.path(&format!("{name}.key")),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn openssl(&self, arguments: &str) {
        let (verb, rest) = arguments.split_once(' ').expect("a verb");
        let mut command = Command::new("openssl");
        command.arg(verb).current_dir(self.0.path());
        if verb == "req" {
            command.args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        }
        let output = run(command.args(rest.split_whitespace()));
        assert!(output.is_success(), "openssl {arguments}: {output:?}");
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

/// The signature of `body` with HMAC-SHA-256 in hexadecimal, computed by `openssl`, which shares no
/// code with ours.
#[must_use]
pub fn hmac(key: &str, body: &[u8], scratch: &Path) -> String {
    let file = scratch.join("body");
    std::fs::write(&file, body).expect("a file");
    let output = run(Command::new("openssl")
        .args(["dgst", "-sha256", "-hmac", key, "-hex"])
        .arg(&file));
    let (_, signature) = output.stdout.rsplit_once("= ").expect("a signature");
    signature.trim().to_owned()
}
