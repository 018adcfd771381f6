//! The agent on its host: socket, store, audit log, administrators.

use std::path::PathBuf;
use std::time::Duration;

use super::section;
use crate::config::values::{
    FullPath, GroupName, Joined, Lasting, OptionalPath, SocketPath, Whole,
};
use mfa_core::names::UserName;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

section! {
    /// The socket, and how much the agent takes at once.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub Server = ["server"] {
        /// The Unix socket, at most 107 bytes. Anyone may connect; the kernel says who asks.
        socket: PathBuf as SocketPath = "/run/mfa/agent.sock";
        /// Users, besides root, who may ask for any user: the users that a RADIUS or VPN server runs as. The lists of
        /// all files are joined.
        trusted: Vec<UserName> as Joined<UserName> = [];
        /// Open connections in all.
        max_connections: u32 as Whole<1, 65_536> = 512;
        /// Open connections of one user id other than root.
        max_connections_per_user: u32 as Whole<1, 65_536> = 16;
        /// How long a login may take, from its first prompt to its outcome.
        login_timeout: Duration as Lasting<1, HOUR> = "2m";
        /// How long logins may go on when the agent is to end.
        stop_timeout: Duration as Lasting<0, { 10 * MINUTE }> = "1m";
    }

    /// What the agent keeps.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub Store = ["store"] {
        /// The folder of the records.
        path: PathBuf as FullPath = "/var/lib/mfa/store";
        /// The key that seals what is stored, made by "mfa-agent --init". The systemd credential "mfa.key" goes
        /// before it. Beside it, with ".store" added to its name, a mark tells a lost store from a new one.
        key_file: PathBuf as FullPath = "/var/lib/mfa/key";
    }

    /// Where events are written.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub Audit = ["audit"] {
        /// The file that gets a JSON line for each event; "" for none.
        file: Option<PathBuf> as OptionalPath = "/var/log/mfa/audit.jsonl";
        /// Whether each event is one line to authpriv too.
        syslog: bool as bool = true;
    }

    /// Who else may administer.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub Admin = ["admin"] {
        /// Groups whose members may administer, as root may. The lists of all files are joined.
        groups: Vec<String> as Joined<GroupName> = [];
    }
}
