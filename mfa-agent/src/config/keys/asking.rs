//! Who is asked for what: `[enforcement]`, `[lockout]`, `[policy]` and `[[rule]]`.

use super::section;
use crate::config::values::{
    Combinations, Fit, GraceOf, HostPattern, Inherited, Lasting, Line, List, MethodPattern,
    OperationPattern, ServiceName, ServicePattern, TerminalPattern, UserPattern, Whole,
};
use crate::config::words::ActionName;
use mfa_core::lockout::LONGEST_LOCK;
use mfa_core::policy::{
    DayRange, Days, HourRange, Hours, Mode, Network, Networks, Patterns, Prompting, SessionHosts,
    Source, Unenrolled,
};

const WEEK: u64 = 7 * 24 * 60 * 60;
const YEAR: u64 = 365 * 24 * 60 * 60;

section! {
    pub(in crate::config) Enforcement = ["enforcement"] {
        /// Who is asked for a second factor: "none": no user; "local-users": users in /etc/passwd, and users who are
        /// not in the name service at all; "all": every user. Rules with action = "deny" always apply.
        mode: Mode = "all";
        /// What happens to users who are asked but have nothing enrolled. "deny" refuses them; "allow" lets them log in
        /// without a code. With "enroll" they enrol what is required during the login, such as a device with a QR code
        /// and recovery codes; not radius. The stack must check a password or a key before that: the first person who
        /// passes that check enrols.
        unenrolled: Unenrolled = "deny";
        /// How long these users can still log in without a code; they are told how many days are left. A length of time
        /// from the first login of each that is asked, such as "14d", or a last day for all, such as "2027-01-31". "0s":
        /// not at all. Not with unenrolled = "allow".
        grace: GraceOf<YEAR> = "0s";
    }

    pub(in crate::config) Lockout = ["lockout"] {
        /// How many failures lock an account.
        attempts: Whole<1, 100> = 5;
        /// How long an account is locked.
        duration: Lasting<1, { LONGEST_LOCK.as_secs() }> = "1h";
        /// How many consecutive failures, over any time, lock an account until "mfactl unlock" (NIST SP 800-63B 5.2.2).
        /// At least attempts; 0 turns it off.
        max_consecutive: Whole<0, 1_000_000> = 100;
    }

    /// What is asked for if no rule matches.
    pub(in crate::config) Policy = ["policy"] {
        /// One of these is asked for: the first that the user has enrolled. "totp+pin" asks for both. "email", "sms"
        /// and "radius" are also possible if they are configured below.
        require: Combinations = ["totp", "pin", "questions"];
        /// How long a user is not asked again for the same service, from the same host, remote user and terminal. "0s":
        /// every login is asked.
        session: Lasting<0, WEEK> = "0s";
        /// Services that share a session, such as ["sudo", "sudo-i"]; []: each service has its own.
        session_scope: List<ServiceName> = [];
        /// On which hosts of a fleet a session holds: "this": the host where it began; "all": every host that shares
        /// the store, for logins from the same address. Users behind one router or bastion have one address; containers
        /// and virtual machines of different hosts may have the same one. A session of a terminal, and one from this
        /// host or its link (127.0.0.1, ::1, fe80::1), holds on its host only.
        session_hosts: SessionHosts = "this";
        /// "dialogue" asks one question after the other. "single" is for single-prompt programs, such as OpenVPN's
        /// auth-pam or FreeRADIUS: users type the code at the end of the password.
        prompting: Prompting = "dialogue";
        /// How many answers a user can give in one login.
        tries: Whole<1, 5> = 1;
        /// Whether "mfactl require totp" is refused for users whose password has no maximum age (chage -M).
        require_password_expiry: bool = false;
    }

    /// Rules. The first rule that matches decides. A rule matches if all of its fields match; a missing field matches
    /// everything. The rules of all files are joined, in order. Settings of single users ("mfactl require", "enforce",
    /// "allow-from") apply in addition if a rule or `[policy]` asks. They do not change "skip" and "deny".
    pub(in crate::config) Rule = [["rule"]] {
        /// The name in logs and in "mfactl explain". Default: "rule 3" for the third rule.
        name: Option<Line<64>> | "vpn";
        /// User names, "@group", or "*" for all; "!" excludes. A list of exclusions only means all other users.
        users: Option<Fit<Patterns, UserPattern>> | ["*", "!contractor"];
        /// "local": users in /etc/passwd, and users who are not in the name service at all; "federated": all other
        /// users.
        source: Option<Source> | "local";
        /// PAM services, "*" and "!" as above.
        services: Option<Fit<Patterns, ServicePattern>> | ["openvpn"];
        /// Names of hosts, so that one file serves a fleet. "*" matches any part of a name; "!" excludes. A pattern
        /// matches the host's own name ("uname -n") or the part of it before the first dot.
        hosts: Option<Fit<Patterns, HostPattern>> | ["web-*", "!web-canary"];
        /// Operations named by "mfactl verify --operation", "*" and "!" as above. They match only logins with an
        /// operation.
        operations: Option<Fit<Patterns, OperationPattern>> | ["collect-evidence"];
        /// Addresses and networks, IPv4 or IPv6. They match known addresses only: a login without an address, or with a
        /// host name, is in no network, not even in 0.0.0.0/0.
        from: Option<Fit<Networks, Network>> | ["192.0.2.0/24", "2001:db8::/32"];
        /// Terminals, "*" and "!" as above. They match known terminals only.
        tty: Option<Fit<Patterns, TerminalPattern>> | ["tty1"];
        /// Methods that sshd has verified before: "publickey", "password", "keyboard-interactive", "hostbased" and so
        /// on. One of the list is enough, and no method with "!" may be verified. A list of exclusions only also
        /// matches if sshd has verified nothing. What the PAM stack itself checks in this login, such as the password,
        /// does not count.
        after: Option<Fit<Patterns, MethodPattern>> | ["publickey"];
        /// Hours in the time zone of this host, the end not included; "22:00-06:00" runs over midnight.
        hours: Option<Fit<Hours, HourRange>> | ["08:00-18:00"];
        /// Days of the week. The day changes at midnight: a night from Friday to Saturday needs "fri" and "sat".
        days: Option<Fit<Days, DayRange>> | ["mon-fri", "sun"];
        /// Default: "ask". The keys below apply to "ask" only.
        action: Option<ActionName> | "skip";
        /// As in `[policy]`.
        require: Option<Inherited> | ["totp+pin"];
        /// As in `[policy]`.
        prompting: Option<Inherited> | "single";
        /// As in `[policy]`.
        tries: Option<Inherited> | 3;
        /// As in `[policy]`.
        session: Option<Inherited> | "15m";
        /// As in `[policy]`.
        session_scope: Option<Inherited> | ["sudo", "su"];
        /// As in `[policy]`.
        session_hosts: Option<Inherited> | "all";
        /// As in `[enforcement]`.
        unenrolled: Option<Inherited> | "enroll";
        /// As in `[enforcement]`.
        grace: Option<Inherited> | "14d";
        /// As in `[lockout]`, key by key.
        lockout: Option<Inherited> | { attempts = 3, duration = "2h" };
    }
}
