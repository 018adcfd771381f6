//! The agent on its host: socket, store, audit log, administrators.

use std::path::PathBuf;
use std::time::Duration;

use super::section;
use crate::config::values::{
    FullPath, GroupName, Joined, Lasting, Line, List, OptionalPath, SecretFile, SocketPath,
    StorePrefix, Whole,
};
use crate::config::words::EngineName;
use crate::store::etcd::EndpointUrl;
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
    pub(in crate::config) Store = ["store"] {
        /// Where the records are: "sled" keeps them on this host, "etcd" in a cluster that many hosts share, so that
        /// an account has one state on all of them.
        engine: EngineName = "sled";
        /// The folder of the records, for "sled". For "etcd" only a file beside it, with ".etcd" added to the name, that
        /// lets the agent tell a lost store from a new one.
        path: PathBuf as FullPath = "/var/lib/mfa/store";
        /// The key that encrypts the store, created by "mfa-agent --init". The systemd credential "mfa.key" takes
        /// precedence. With "sled" a second file, with ".store" added to the name, lets the agent tell a lost store from a
        /// new one.
        key_file: PathBuf as FullPath = "/var/lib/mfa/key";
        /// The servers of etcd. One that does not answer is left out until it does.
        endpoints: Option<List<EndpointUrl>> | ["https://etcd1.example.org:2379", "https://etcd2.example.org:2379"];
        /// The prefix of all keys in etcd; default: "/pam-mfa/". It ends in "/".
        prefix: Option<StorePrefix> | "/pam-mfa/";
        /// The certificate authorities of the servers, in PEM. Without this key, those that the host trusts. This file and
        /// the two below are read again at a reload.
        ca_file: Option<FullPath> | "/etc/mfa/etcd-ca.pem";
        /// The certificate of this host, in PEM, if etcd asks for one.
        cert_file: Option<FullPath> | "/etc/mfa/etcd-client.pem";
        /// The private key of that certificate, in PEM.
        cert_key_file: Option<FullPath> | "/etc/mfa/etcd-client.key";
        /// The user of etcd, if its authentication is on.
        username: Option<Line<64>> | "pam-mfa";
        /// The file or systemd credential with the password of that user.
        password_file: Option<SecretFile> | "/etc/mfa/etcd-password";
    }

    /// Where the audit log is written.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub Audit = ["audit"] {
        /// The file for the audit log, with a JSON line for each event; "" for none.
        file: Option<PathBuf> as OptionalPath = "/var/log/mfa/audit.jsonl";
        /// Whether each event also goes to syslog (authpriv), one line each.
        syslog: bool as bool = true;
    }

    /// What a monitor reads. "mfactl metrics" prints the same.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub Metrics = ["metrics"] {
        /// A file for the textfile collector of Prometheus' node exporter, rewritten every 15 seconds; "" for none. The
        /// unit lets the agent write to its own folders only: add ReadWritePaths= with the folder of this file. The policies
        /// for SELinux and AppArmor allow /var/lib/prometheus/node-exporter and /var/lib/node_exporter.
        textfile: Option<PathBuf> as OptionalPath = "";
    }

    /// Who else is an administrator.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub Admin = ["admin"] {
        /// Groups whose members are administrators, like root. The lists of all files are joined.
        groups: Vec<String> as Joined<GroupName> = [];
    }
}
