//! A host whose users are verified by RADIUS servers.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use mfa_tests::{Agent, FreeRadius, Login, Stack};
use serde_json::Value;
use tempfile::TempDir;

/// The name of the servers in the settings.
pub(crate) const SERVER: &str = "vip";
/// The prompt in the settings.
pub(crate) const PASSCODE: &str = "Passcode: ";
/// For servers that stay silent: given up after five seconds.
pub(crate) const IMPATIENT: &str = "timeout = \"1s\"\nwait = \"5s\"\n";

/// The differences of a host.
pub(crate) struct Plan<'a> {
    /// `require` of the policy, as in the settings.
    pub(crate) require: &'a str,
    /// More keys of `[[radius]]`.
    pub(crate) keys: &'a str,
    /// The shared secret on the host's side.
    pub(crate) secret: &'a str,
}

impl Default for Plan<'_> {
    fn default() -> Self {
        Self {
            require: "[\"radius\"]",
            keys: "",
            secret: FreeRadius::SECRET,
        }
    }
}

/// The file of a shared secret.
pub(crate) struct SecretFile(TempDir);

impl SecretFile {
    pub(crate) fn of(secret: &str) -> Self {
        let file = Self(tempfile::tempdir().expect("a folder"));
        file.write(secret);
        file.set_mode(0o600);
        file
    }

    pub(crate) fn write(&self, secret: &str) {
        fs::write(self.path(), format!("{secret}\n")).expect("a secret");
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("radius-vip")
    }

    pub(crate) fn set_mode(&self, mode: u32) {
        fs::set_permissions(self.path(), Permissions::from_mode(mode)).expect("a mode");
    }
}

/// The settings of a host that asks `servers` in this order.
pub(crate) fn settings(servers: &[SocketAddr], secret: &SecretFile, plan: &Plan<'_>) -> String {
    let servers: Vec<String> = servers.iter().map(SocketAddr::to_string).collect();
    let (require, keys) = (plan.require, plan.keys);
    let secret = secret.path();
    format!(
        "[policy]\nrequire = {require}\n\
         [[radius]]\nname = \"{SERVER}\"\nservers = {servers:?}\nsecret_file = {secret:?}\n{keys}\n"
    )
}

/// An agent that asks RADIUS servers, and a stack that asks the agent.
pub(crate) struct Host {
    pub(crate) agent: Agent,
    pub(crate) stack: Stack,
    _secret: SecretFile,
}

impl Host {
    /// A host that asks `servers` in this order.
    pub(crate) fn asking(servers: &[SocketAddr]) -> Self {
        Self::with(servers, &Plan::default())
    }

    pub(crate) fn with(servers: &[SocketAddr], plan: &Plan<'_>) -> Self {
        let secret = SecretFile::of(plan.secret);
        let agent = Agent::with(&settings(servers, &secret, plan));
        Self {
            stack: Stack::asking(&agent),
            agent,
            _secret: secret,
        }
    }

    /// Enrols a user with the same name at the servers.
    pub(crate) fn enroll(&self, user: &str) -> Value {
        let arguments = ["enroll", "radius", user, "--server", SERVER];
        self.agent.ctl().json(&arguments, "")
    }

    /// A login with these answers; its PAM code.
    pub(crate) fn log_in(&self, user: &str, answers: &[&str]) -> String {
        let login = Login::of(user);
        let login = answers.iter().fold(login, |login, text| login.answer(text));
        login.run(&self.stack).result().to_owned()
    }

    /// The counted failures.
    pub(crate) fn failures(&self, user: &str) -> u64 {
        let failures = &self.status(user)["failures"];
        failures.as_u64().unwrap_or_else(|| panic!("{failures}"))
    }

    pub(crate) fn is_locked(&self, user: &str) -> bool {
        self.status(user)["locked_until"].is_string()
    }

    pub(crate) fn status(&self, user: &str) -> Value {
        self.agent.ctl().json(&["status", user], "")
    }

    /// The outcome of the last of `count` logins in the audit file.
    pub(crate) fn outcome(&self, user: &str, count: usize) -> String {
        let events = self.agent.logins_of(user, count);
        assert_eq!(events.len(), count, "{events:?}");
        events[count - 1].text("result").to_owned()
    }
}
