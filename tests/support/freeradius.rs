//! A FreeRADIUS of the test's own, as the authenticator of another maker. See `radiusd.conf` for who has an
//! account there and what they are asked.

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
    /// What the server and the hosts that ask it share.
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

    /// The requests that it has judged, each as `USER from ADDRESS at HOST`. What is sent again counts
    /// once.
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

/// An address on loopback where nobody listens at the moment.
#[must_use]
pub fn nobody_s_port() -> SocketAddr {
    server::free_port()
}

fn asked_in(folder: &TempDir) -> std::path::PathBuf {
    folder.path().join("asked")
}
