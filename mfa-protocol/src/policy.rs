//! The words of a policy: what settings say, commands set and replies show.

use crate::words::{parsed_words, words};

words! {
    /// Who is asked at all: `[enforcement] mode`.
    #[derive(Default)]
    pub enum EnforcementMode {
        /// No user.
        None = "none",
        /// All but federated users.
        LocalUsers = "local-users",
        /// Everyone.
        #[default]
        All = "all",
    }
}

words! {
    /// What is decided for a login.
    #[derive(Default)]
    pub enum Action {
        /// A second factor is asked for.
        Ask = "ask",
        /// The user can log in without.
        Skip = "skip",
        /// The login is refused.
        #[default]
        Deny = "deny",
        /// More rules follow than a reply has room for.
        SeeSettings = "see the settings",
    }
}

words! {
    /// Whether a program can hold a conversation.
    #[derive(Default)]
    pub enum Prompting {
        /// It shows prompts one after the other.
        #[default]
        Dialogue = "dialogue",
        /// It has one answer only: the code is at the end of the password.
        Single = "single",
    }
}

words! {
    /// What happens to users who are asked but have nothing enrolled.
    #[derive(Default)]
    pub enum Unenrolled {
        /// They can't log in.
        #[default]
        Deny = "deny",
        /// They log in without.
        Allow = "allow",
        /// They set something up inside the login.
        Enroll = "enroll",
    }
}

words! {
    /// Where the entry of a user comes from.
    #[derive(Default)]
    pub enum Source {
        /// `/etc/passwd`, or there is no entry.
        #[default]
        Local = "local",
        /// Another source of the name service.
        Federated = "federated",
    }
}

words! {
    /// Whether a user must have set up something.
    #[derive(Default)]
    pub enum Enforcement {
        /// They must, whatever the rules say, and no grace is left to them.
        Required = "required",
        /// They need not, whatever the rules say.
        Optional = "optional",
        /// As the rules say.
        #[default]
        Default = "default",
    }
}

words! {
    /// On which hosts of a fleet a session holds.
    #[derive(Default)]
    pub enum SessionHosts {
        /// On the host where it began.
        #[default]
        This = "this",
        /// On every host that shares the store.
        All = "all",
    }
}

words! {
    /// A field of a rule that a login may not match.
    pub enum RuleField {
        /// Who logs in.
        Users = "users",
        /// Where the user's entry comes from.
        Source = "source",
        /// By which PAM service.
        Services = "services",
        /// For which operation.
        Operations = "operations",
        /// On which host.
        Hosts = "hosts",
        /// From which network.
        From = "from",
        /// At which terminal.
        Tty = "tty",
        /// After which methods of sshd.
        After = "after",
        /// At which hours of the day.
        Hours = "hours",
        /// On which days of the week.
        Days = "days",
    }
}

parsed_words!(
    EnforcementMode,
    Action,
    Prompting,
    Unenrolled,
    Source,
    Enforcement,
    SessionHosts,
    RuleField
);
