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
    /// The socket, and how many connections and logins the agent accepts.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub Server = ["server"] {
        /// The Unix socket, at most 107 bytes. Any user may connect; the kernel tells the agent which user it is.
        socket: PathBuf as SocketPath = "/run/mfa/agent.sock";
        /// Users, besides root, who may start a login for any user, such as the user that a RADIUS or VPN server runs
        /// as. The lists of all files are joined.
        trusted: Vec<UserName> as Joined<UserName> = [];
        /// The maximum number of open connections.
        max_connections: u32 as Whole<1, 65_536> = 512;
        /// The maximum number of open connections of one user id other than root.
        max_connections_per_user: u32 as Whole<1, 65_536> = 16;
        /// How long a login may take, from its first prompt to its end.
        login_timeout: Duration as Lasting<1, HOUR> = "2m";
        /// How long the agent waits for active logins when it stops.
        stop_timeout: Duration as Lasting<0, { 10 * MINUTE }> = "1m";
    }

    /// Where the agent stores its data.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub Store = ["store"] {
        /// The folder of the records.
        path: PathBuf as FullPath = "/var/lib/mfa/store";
        /// The key that encrypts the store, created by "mfa-agent --init". The systemd credential "mfa.key" takes
        /// precedence. A second file, with ".store" added to the name, lets the agent tell a lost store from a new one.
        key_file: PathBuf as FullPath = "/var/lib/mfa/key";
    }

    /// Where the audit log is written.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub Audit = ["audit"] {
        /// The file for the audit log, with a JSON line for each event; "" for none.
        file: Option<PathBuf> as OptionalPath = "/var/log/mfa/audit.jsonl";
        /// Whether each event also goes to syslog (authpriv), one line each.
        syslog: bool as bool = true;
    }

    /// Who else is an administrator.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub Admin = ["admin"] {
        /// Groups whose members are administrators, like root. The lists of all files are joined.
        groups: Vec<String> as Joined<GroupName> = [];
    }
}
