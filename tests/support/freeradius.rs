//! The test's own FreeRADIUS, another vendor's authenticator. Its users and prompts are in
//! `radiusd.conf`.

use std::fs;
use std::net::SocketAddr;

use tempfile::TempDir;

use crate::Key;

#[path = "../../mfa-radius/tests/freeradius/server.rs"]
pub(crate) mod server;

/// A running server. It is killed when dropped.
pub struct FreeRadius {
    server: server::FreeRadius,
    folder: TempDir,
    /// The key of bob's token.
    pub key: Key,
}

impl FreeRadius {
    /// The secret shared by the server and its hosts.
    pub const SECRET: &str = "a secret for the tests only";
    /// The password of its users.
    pub const PASSWORD: &str = "correct horse";

    /// Starts one.
    #[must_use]
    pub fn start() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("mfa-radius-")
            .tempdir()
            .expect("a folder");
        let key = Key::new();
        let settings = include_str!("radiusd.conf")
            .replace("@ASKED@", &asked_in(&folder).to_string_lossy())
            .replace("@SECRET@", Self::SECRET)
            .replace("@PASSWORD@", Self::PASSWORD)
            .replace("@KEY@", &key.base32());
        Self {
            server: server::FreeRadius::start(&settings)
                .expect("freeradius is missing: run tests/install-needs"),
            folder,
            key,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// The verified requests, each as `USER from ADDRESS at HOST`. Retransmissions are not counted.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        let text = fs::read_to_string(asked_in(&self.folder)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.server.log()
    }
}

/// A loopback address where nobody listens at the moment.
#[must_use]
pub fn unused_port() -> SocketAddr {
    server::free_port()
}

fn asked_in(folder: &TempDir) -> std::path::PathBuf {
    folder.path().join("asked")
}
