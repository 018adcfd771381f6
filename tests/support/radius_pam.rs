//! FreeRADIUS as a gateway's server: its `rlm_pam` asks PAM, as user `freerad`. It is not the
//! server that the agent asks ([`crate::FreeRadius`]).

use std::process::Command;

use crate::freeradius::server::FreeRadius;
use crate::{Machine, Output, run_with_input};

/// The user that Debian's server runs as.
pub const USER: &str = "freerad";

const SECRET: &str = "a secret for the tests only";

/// A running server. It is killed when dropped.
pub struct RadiusPam(FreeRadius);

impl RadiusPam {
    /// Starts one with the PAM service `radiusd`. Its user may read the passwords, which it must to
    /// check those of others.
    #[must_use]
    pub fn start(_on: &Machine) -> Self {
        let joined = crate::run(Command::new("usermod").args(["-aG", "shadow", USER]));
        assert!(joined.is_success(), "{joined:?}");
        let settings = include_str!("radius_pam.conf").replace("@SECRET@", SECRET);
        let server = FreeRadius::start(&settings);
        Self(server.expect("freeradius is missing: run tests/install-needs"))
    }

    /// The answer for a gateway's client that asks for `user`.
    #[must_use]
    pub fn ask(&self, user: &str, typed: &str) -> Output {
        let request = format!(
            "User-Name = \"{user}\", User-Password = \"{typed}\", Message-Authenticator = 0x00\n"
        );
        let address = self.0.address.to_string();
        let mut client = Command::new("radclient");
        client.args(["-r", "1", "-t", "20", &address, "auth", SECRET]);
        run_with_input(&mut client, &request)
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.0.log()
    }
}
