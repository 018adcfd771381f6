//! Who is asked for what: `[enforcement]`, `[lockout]`, `[policy]` and `[[rule]]`.

use super::section;
use crate::config::values::{
    Combinations, Fit, GraceOf, Inherited, Lasting, Line, List, MethodPattern, OperationPattern,
    ServiceName, ServicePattern, TerminalPattern, UserPattern, Whole,
};
use crate::config::words::ActionName;
use mfa_core::lockout::LONGEST_LOCK;
use mfa_core::policy::{
    DayRange, Days, HourRange, Hours, Mode, Network, Networks, Patterns, Prompting, Source,
    Unenrolled,
};

const WEEK: u64 = 7 * 24 * 60 * 60;
const YEAR: u64 = 365 * 24 * 60 * 60;

section! {
    pub(in crate::config) Enforcement = ["enforcement"] {
        /// Who is asked for a second factor: nobody; users who are in /etc/passwd, or nowhere; or everyone. Rules that
        /// deny hold in any case.
        mode: Mode = "all";
        /// What becomes of users who are asked and have set up nothing. With "enroll" they set up a device inside the
        /// login, with its QR code and recovery codes. Before that the stack must have checked a password or a key, or
        /// the first who knows the password sets up their own device.
        unenrolled: Unenrolled = "deny";
        /// For how long they are let in all the same, and told how many days are left: a length of time from the first
        /// login of each that is asked, such as "14d", or a last day for all, such as "2027-01-31"; "0s" for not at all.
        /// Not with unenrolled = "allow".
        grace: GraceOf<YEAR> = "0s";
    }

    pub(in crate::config) Lockout = ["lockout"] {
        /// Failures that lock an account.
        attempts: Whole<1, 100> = 5;
        /// For how long they lock it.
        duration: Lasting<1, { LONGEST_LOCK.as_secs() }> = "1h";
        /// Failures in a row, however slowly they come, that lock until "mfactl unlock" (NIST SP 800-63B 5.2.2). At
        /// least as many as attempts; 0 turns it off.
        max_consecutive: Whole<0, 1_000_000> = 100;
    }

    /// What is asked for where no rule says otherwise.
    pub(in crate::config) Policy = ["policy"] {
        /// Any one of these, the first that the user has. "totp+pin" asks for both. There are also "email", "sms" and
        /// "radius", once they are set up below.
        require: Combinations = ["totp", "pin", "questions"];
        /// For how long the same user is not asked again for the same service, from the same host, remote user and
        /// terminal. With "0s" every login is asked.
        session: Lasting<0, WEEK> = "0s";
        /// The services that share a session, such as ["sudo", "su"]; [] for the service of the login alone.
        session_scope: List<ServiceName> = [];
        /// "dialogue" asks one thing after the other. "single" is for programs with one answer only, such as OpenVPN's
        /// auth-pam or FreeRADIUS: the code is at the end of the password.
        prompting: Prompting = "dialogue";
        /// Answers within one login.
        tries: Whole<1, 5> = 1;
        /// Whether "mfactl require totp" is refused for users whose password has no maximum age (chage -M).
        require_password_expiry: bool = false;
    }

    /// Rules. The first that fits decides; every field that is given must fit, and one that is left out fits always.
    /// The rules of all files are added up, in order. What is set for one user ("mfactl require", "enforce",
    /// "allow-from") comes on top where a rule, or `[policy]`, asks. It changes nothing about "skip" and "deny".
    pub(in crate::config) Rule = [["rule"]] {
        /// Its name in logs and in "mfactl explain". Default: "rule 3" for the third.
        name: Option<Line<64>> | "vpn";
        /// Names, "@group", "*" for all; "!" takes out, and a list of nothing else means all but these.
        users: Option<Fit<Patterns, UserPattern>> | ["*", "!contractor"];
        /// "local": users who are in /etc/passwd, or nowhere; "federated": all others.
        source: Option<Source> | "local";
        /// PAM services, "*" and "!" as above.
        services: Option<Fit<Patterns, ServicePattern>> | ["openvpn"];
        /// Names given to "mfactl verify --operation", "*" and "!" as above. They fit only logins that name one.
        operations: Option<Fit<Patterns, OperationPattern>> | ["collect-evidence"];
        /// Addresses and networks, IPv4 or IPv6. They fit known addresses only: a login without one, or with the name
        /// of a host, is in no network, not even in 0.0.0.0/0.
        from: Option<Fit<Networks, Network>> | ["192.0.2.0/24", "2001:db8::/32"];
        /// Terminals, "*" and "!" as above. They fit known terminals only.
        tty: Option<Fit<Patterns, TerminalPattern>> | ["tty1"];
        /// What sshd has verified before: "publickey", "password", "keyboard-interactive", "hostbased" …; one of these,
        /// and nothing after a "!". A list of nothing else fits also when nothing was verified. What the stack itself
        /// asks for in this login, such as the password, is not among it.
        after: Option<Fit<Patterns, MethodPattern>> | ["publickey"];
        /// By the clock and time zone of this host, without the end; "22:00-06:00" runs over midnight.
        hours: Option<Fit<Hours, HourRange>> | ["08:00-18:00"];
        /// The day is that of the moment: a night from Friday to Saturday needs "fri" and "sat".
        days: Option<Fit<Days, DayRange>> | ["mon-fri", "sun"];
        /// Default: "ask". The keys below have a meaning for "ask" only.
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
        /// As in `[enforcement]`.
        unenrolled: Option<Inherited> | "enroll";
        /// As in `[enforcement]`.
        grace: Option<Inherited> | "14d";
        /// As in `[lockout]`, key by key.
        lockout: Option<Inherited> | { attempts = 3, duration = "2h" };
    }
}
