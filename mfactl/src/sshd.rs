//! sshd's effective settings: for everybody, or for one user with `Match` blocks.
//!
//! sshd itself reads its files and prints the settings (`sshd -T`, sshd(8)). The files are only searched for `Match`,
//! because sshd does not print it.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where sshd is.
pub(crate) const PROGRAM: &str = "/usr/sbin/sshd";

const FILE: &str = "/etc/ssh/sshd_config";
const FOLDER: &str = "/etc/ssh/sshd_config.d";

/// sshd's settings; sshd_config(5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) pam: bool,
    pub(crate) conversation: bool,
    pub(crate) password: bool,
    pub(crate) key: bool,
    pub(crate) hostbased: bool,
    pub(crate) gssapi: bool,
    /// `UseDNS`
    pub(crate) names: bool,
    /// `LoginGraceTime` in seconds; 0 is no limit.
    pub(crate) grace: u64,
    /// `AuthenticationMethods`: lists of methods, one of which must be passed; empty if any method is enough.
    pub(crate) methods: Vec<Vec<String>>,
    /// `AuthorizedKeysFile`; empty for none.
    pub(crate) authorized_keys: Vec<String>,
    /// `PubkeyAuthOptions`
    key_options: Vec<String>,
    /// `AuthorizedKeysCommand`, `TrustedUserCAKeys`
    keys_command: bool,
    user_ca: bool,
    /// `PermitRootLogin`
    pub(crate) permit_root: String,
    allow_users: Vec<String>,
    deny_users: Vec<String>,
    allow_groups: Vec<String>,
    deny_groups: Vec<String>,
}

/// The settings without any `Match` block.
pub(crate) fn for_all(program: &Path) -> io::Result<Settings> {
    print(program, &[])
}

/// The settings for `user`, from this address or from one that no block names.
pub(crate) fn for_user(program: &Path, user: &str, from: Option<IpAddr>) -> io::Result<Settings> {
    // RFC 5737 and RFC 2606 keep these for examples.
    let from = from.unwrap_or(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
    let connection = format!("user={user},host=host.example,addr={from},laddr=192.0.2.2,lport=22");
    print(program, &["-C", &connection])
}

fn print(program: &Path, arguments: &[&str]) -> io::Result<Settings> {
    let output = Command::new(program)
        .arg("-T")
        .args(arguments)
        .stdin(Stdio::null())
        .output()?;
    if output.status.success() {
        return Ok(Settings::parse(&String::from_utf8_lossy(&output.stdout)));
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let first = said.lines().next().unwrap_or("sshd -T failed");
    Err(io::Error::other(first.to_owned()))
}

/// The criteria of all `Match` lines, such as `User anna`.
pub(crate) fn match_blocks() -> Vec<String> {
    let mut files = vec![PathBuf::from(FILE)];
    let folder = fs::read_dir(FOLDER).into_iter().flatten();
    files.extend(folder.filter_map(|entry| Some(entry.ok()?.path())));
    let texts = files
        .iter()
        .filter_map(|file| fs::read_to_string(file).ok());
    texts.flat_map(|text| criteria(&text)).collect()
}

fn criteria(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim);
    let criteria = lines.filter_map(|line| {
        let (word, rest) = line.split_once(|c: char| c.is_whitespace() || c == '=')?;
        word.eq_ignore_ascii_case("match")
            .then(|| rest.trim().to_owned())
    });
    criteria
        .filter(|criteria| !criteria.eq_ignore_ascii_case("all"))
        .collect()
}

impl Settings {
    /// Reads what `sshd -T` prints.
    pub(crate) fn parse(text: &str) -> Self {
        let mut settings = Self::default();
        for line in text.lines() {
            let (name, value) = line.split_once(' ').unwrap_or((line, ""));
            let is_on = value == "yes";
            let value = value.to_owned();
            match name.to_ascii_lowercase().as_str() {
                "usepam" => settings.pam = is_on,
                "kbdinteractiveauthentication" => settings.conversation = is_on,
                "passwordauthentication" => settings.password = is_on,
                "pubkeyauthentication" => settings.key = is_on,
                "hostbasedauthentication" => settings.hostbased = is_on,
                "gssapiauthentication" | "gssapikeyexchange" => settings.gssapi |= is_on,
                "usedns" => settings.names = is_on,
                "logingracetime" => settings.grace = value.parse().unwrap_or_default(),
                "authenticationmethods" => settings.methods = methods(&value),
                "authorizedkeysfile" => settings.authorized_keys = words(&value),
                "pubkeyauthoptions" => settings.key_options = words(&value),
                "authorizedkeyscommand" => settings.keys_command = value != "none",
                "trustedusercakeys" => settings.user_ca = value != "none",
                "permitrootlogin" => settings.permit_root = value,
                "allowusers" => settings.allow_users.push(value),
                "denyusers" => settings.deny_users.push(value),
                "allowgroups" => settings.allow_groups.push(value),
                "denygroups" => settings.deny_groups.push(value),
                _ => {}
            }
        }
        settings
    }

    /// Whether the lists of users and groups certainly let root in: an unknown pattern allows nobody and denies
    /// everybody.
    pub(crate) fn lists_admit_root(&self) -> bool {
        let allows = |list: &[String]| {
            list.is_empty() || list.iter().any(|name| name == "root" || name == "*")
        };
        let denies = |name: &String| name == "root" || name.contains(['*', '?', '@', '!']);
        allows(&self.allow_users)
            && allows(&self.allow_groups)
            && !self.deny_users.iter().any(denies)
            && !self.deny_groups.iter().any(denies)
    }

    /// The ways to log in on which sshd never prompts through PAM, each as its list of methods. `asks` tells whether a
    /// method prompts.
    pub(crate) fn unasked_ways(&self, asks: impl Fn(&str) -> bool) -> Vec<Vec<String>> {
        let is_on = |method: &String| match method.as_str() {
            "publickey" => self.key,
            "hostbased" => self.hostbased,
            "gssapi-with-mic" | "gssapi-keyex" => self.gssapi,
            "password" => self.password,
            "keyboard-interactive" => self.conversation,
            _ => true,
        };
        let any = ["publickey", "hostbased", "gssapi-with-mic"].map(|name| vec![name.to_owned()]);
        let lists = match self.methods.is_empty() {
            true => any.to_vec(),
            false => self.methods.clone(),
        };
        let unasked = |list: &Vec<String>| list.iter().all(|method| is_on(method) && !asks(method));
        lists.into_iter().filter(unasked).collect()
    }

    /// Whether a key is checked before every prompt through PAM.
    pub(crate) fn is_key_first(&self) -> bool {
        let is_first = |list: &Vec<String>| {
            let asks = |name: &String| name == "password" || name == "keyboard-interactive";
            match list.iter().position(asks) {
                Some(at) => list.iter().take(at).any(|name| name == "publickey"),
                None => true,
            }
        };
        !self.methods.is_empty() && self.methods.iter().all(is_first)
    }

    /// Whether sshd demands the touch of a security key whatever authorized_keys says.
    pub(crate) fn is_touch_required(&self) -> bool {
        self.key_options
            .iter()
            .any(|option| option == "touch-required")
    }

    /// Whether a program says which keys are accepted.
    pub(crate) fn has_keys_command(&self) -> bool {
        self.keys_command
    }

    /// Whether keys are accepted by their certificates.
    pub(crate) fn has_user_ca(&self) -> bool {
        self.user_ca
    }

    /// Whether some way to log in uses this method.
    pub(crate) fn is_used(&self, method: &str) -> bool {
        let mut lists = self.methods.iter().flatten();
        self.methods.is_empty() || lists.any(|name| name == method)
    }

    /// Whether some way to log in uses only these methods.
    pub(crate) fn is_enough(&self, methods: &[&str]) -> bool {
        let only = |list: &Vec<String>| list.iter().all(|name| methods.contains(&name.as_str()));
        self.methods.is_empty() || self.methods.iter().any(only)
    }
}

/// Words between blanks or commas, without `none`.
fn words(value: &str) -> Vec<String> {
    let words = value
        .split([' ', ','])
        .filter(|word| !word.is_empty() && *word != "none");
    words.map(str::to_owned).collect()
}

/// `publickey,keyboard-interactive:pam password`, without the devices.
fn methods(value: &str) -> Vec<Vec<String>> {
    let name = |method: &str| method.split(':').next().unwrap_or_default().to_owned();
    let list = |list: &str| list.split(',').map(name).collect();
    let lists = value.split_whitespace().filter(|list| *list != "any");
    lists.map(list).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_without_a_method_that_asks_are_ways_in_without_a_code() {
        let on = "pubkeyauthentication yes\nhostbasedauthentication no\nkbdinteractiveauthentication yes\n";
        let unasked = |methods: &str| {
            let text = format!("{on}authenticationmethods {methods}\n");
            let ways = Settings::parse(&text).unasked_ways(|m| m == "keyboard-interactive");
            ways.iter()
                .map(|way| way.join(","))
                .collect::<Vec<_>>()
                .join(" ")
        };
        for (methods, expected) in [
            ("any", "publickey"),
            ("publickey", "publickey"),
            (
                "publickey,publickey keyboard-interactive",
                "publickey,publickey",
            ),
            ("publickey,keyboard-interactive:pam", ""),
            ("publickey,hostbased keyboard-interactive", ""),
        ] {
            assert_eq!(unasked(methods), expected, "{methods}");
        }
    }

    #[test]
    fn a_key_is_first_only_if_every_list_checks_it_before_it_asks() {
        for (methods, expected) in [
            ("any", false),
            ("publickey,keyboard-interactive:pam", true),
            ("publickey,keyboard-interactive publickey,password", true),
            ("publickey,keyboard-interactive keyboard-interactive", false),
            ("keyboard-interactive,publickey", false),
        ] {
            let settings = Settings::parse(&format!("authenticationmethods {methods}\n"));
            assert_eq!(settings.is_key_first(), expected, "{methods}");
        }
    }

    #[test]
    fn a_list_that_is_not_understood_lets_nobody_in() {
        let admits = |text: &str| Settings::parse(text).lists_admit_root();
        assert!(admits("") && admits("allowusers anna\nallowusers root\ndenyusers bob\n"));
        for text in [
            "allowusers anna\n",
            "allowusers r*\n",
            "denyusers root\n",
            "denyusers root@10.*\n",
            "allowgroups staff\n",
            "denygroups ro?t\n",
        ] {
            assert!(!admits(text), "{text}");
        }
    }

    #[test]
    fn what_sshd_says_of_keys_is_read() {
        let text = "authorizedkeysfile .ssh/authorized_keys .ssh/authorized_keys2\nauthorizedkeyscommand none\n\
                    trustedusercakeys /etc/ssh/ca.pub\npubkeyauthoptions none\n";
        let settings = Settings::parse(text);
        let files = [".ssh/authorized_keys", ".ssh/authorized_keys2"];
        assert_eq!(settings.authorized_keys, files);
        assert!(
            !settings.is_touch_required() && !settings.has_keys_command() && settings.has_user_ca()
        );
        let both = Settings::parse("pubkeyauthoptions touch-required,verify-required\n");
        assert!(both.is_touch_required());
    }

    #[test]
    fn match_blocks_are_found_however_they_are_written() {
        let text = "Port 22\n match User anna\n PasswordAuthentication no\nMATCH=Address 10.0.0.0/8\nMatch all\n# Match x\n";
        assert_eq!(criteria(text), ["User anna", "Address 10.0.0.0/8"]);
    }
}
