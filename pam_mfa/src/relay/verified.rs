//! What sshd has verified before PAM: `SSH_AUTH_INFO_0` of PAM's environment, a line for each method (sshd_config(5),
//! `ExposeAuthInfo`), such as `publickey TYPE BASE64` or `password`.
//!
//! Out go the methods, with the type of the key where there is one, and the users' keys themselves. The text comes from
//! sshd, but a client's certificate is in it: long lines are left out, and all together fit into one message.

use mfa_protocol::login::{MAX_VERIFIED_KEY, MAX_VERIFIED_KEYS};

/// What is sent of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Verified {
    pub(super) methods: Option<Vec<String>>,
    pub(super) keys: Option<Vec<String>>,
}

impl Verified {
    pub(super) fn of(info: Option<&str>) -> Self {
        let mut methods = Vec::new();
        let mut keys = Vec::new();
        let mut room = MAX_KEYS_TOGETHER;
        for line in info.unwrap_or_default().lines() {
            let Line { method, key } = Line::of(line);
            if methods.len() < MAX_METHODS && (1..=MAX_METHOD).contains(&method.len()) {
                methods.push(with_type(method, key));
            }
            // A host's key (`hostbased`) is not a user's.
            let Some((kind, blob)) = key.filter(|_| method == USERS_KEY) else {
                continue;
            };
            let key = format!("{kind} {blob}");
            if keys.len() < MAX_VERIFIED_KEYS && key.len() <= MAX_VERIFIED_KEY.min(room) {
                room -= key.len();
                keys.push(key);
            }
        }
        Self {
            methods: (!methods.is_empty()).then_some(methods),
            keys: (!keys.is_empty()).then_some(keys),
        }
    }

    /// As agents before security keys know it: they refuse a login with keys.
    pub(super) fn without_keys(methods: Option<Vec<String>>) -> Option<Vec<String>> {
        let method = |text: String| match text.split_once(':') {
            Some((method, _)) => method.to_owned(),
            None => text,
        };
        Some(methods?.into_iter().map(method).collect())
    }
}

/// A line of it.
struct Line<'a> {
    method: &'a str,
    /// Type and base64.
    key: Option<(&'a str, &'a str)>,
}

impl<'a> Line<'a> {
    fn of(line: &'a str) -> Self {
        let mut words = line.split_ascii_whitespace();
        let method = words.next().unwrap_or_default();
        let has_key = matches!(method, USERS_KEY | "hostbased");
        let key = match (words.next(), words.next()) {
            (Some(kind), Some(blob)) if has_key && is_plain(kind) && is_plain(blob) => {
                Some((kind, blob))
            }
            _ => None,
        };
        Self { method, key }
    }
}

/// `METHOD:TYPE`, or the method alone if there is no key or the two are too long.
fn with_type(method: &str, key: Option<(&str, &str)>) -> String {
    match key {
        Some((kind, _)) if method.len() + 1 + kind.len() <= MAX_METHOD => {
            format!("{method}:{kind}")
        }
        _ => method.to_owned(),
    }
}

/// Whether JSON needs no longer form for it.
fn is_plain(word: &str) -> bool {
    word.bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
}

const USERS_KEY: &str = "publickey";

/// The most verified methods that are sent; sshd knows fewer.
const MAX_METHODS: usize = 16;

/// Bytes of a method's name, with the type of its key.
const MAX_METHOD: usize = 64;

/// Bytes of all keys, so that they fit into a message of 64 KiB with all else that it has.
const MAX_KEYS_TOGETHER: usize = 40 * 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(texts: &[&str]) -> Option<Vec<String>> {
        (!texts.is_empty()).then(|| texts.iter().map(|&text| text.to_owned()).collect())
    }

    fn verified(info: &str, methods: &[&str], keys: &[&str]) {
        let expected = Verified {
            methods: texts(methods),
            keys: texts(keys),
        };
        assert_eq!(Verified::of(Some(info)), expected, "{info:?}");
    }

    #[test]
    fn methods_have_the_type_of_their_key_and_keys_are_sent_as_sshd_wrote_them() {
        verified("", &[], &[]);
        verified("\n \n", &[], &[]);
        verified("password\n", &["password"], &[]);
        verified(
            "publickey sk-ssh-ed25519@openssh.com AAAA/+=\nkeyboard-interactive/pam\n",
            &[
                "publickey:sk-ssh-ed25519@openssh.com",
                "keyboard-interactive/pam",
            ],
            &["sk-ssh-ed25519@openssh.com AAAA/+="],
        );
        assert_eq!(Verified::of(None), Verified::default());
    }

    #[test]
    fn only_a_users_key_is_a_verified_key() {
        verified(
            "hostbased ssh-ed25519 AAAA client.example.org bert\ngssapi-with-mic anna@EXAMPLE.ORG x\n",
            &["hostbased:ssh-ed25519", "gssapi-with-mic"],
            &[],
        );
        verified("publickey\n", &["publickey"], &[]);
        verified("publickey ssh-ed25519\n", &["publickey"], &[]);
        verified("publickey ssh\"ed25519 AAAA\n", &["publickey"], &[]);
    }

    #[test]
    fn a_type_that_is_too_long_leaves_the_method() {
        let info = format!("publickey {} AAAA\n", "x".repeat(MAX_METHOD));
        let verified = Verified::of(Some(&info));
        assert_eq!(verified.methods, texts(&["publickey"]));
    }

    #[test]
    fn an_older_agent_gets_the_methods_alone() {
        let methods = texts(&["publickey:ssh-ed25519", "password"]);
        assert_eq!(
            Verified::without_keys(methods),
            texts(&["publickey", "password"])
        );
        assert_eq!(Verified::without_keys(None), None);
    }

    proptest! {
        #[test]
        fn whatever_sshd_wrote_it_fits_into_a_message(
            lines in prop::collection::vec((0..3usize, 0..20_000usize, "[ -~é]{0,80}"), 0..40)
        ) {
            let methods = ["publickey", "hostbased", "password"];
            let line = |(method, length, noise): &(usize, usize, String)| {
                format!("{} t{noise} {}\n", methods[*method], "A".repeat(*length))
            };
            let info: String = lines.iter().map(line).collect();
            let verified = Verified::of(Some(&info));
            let sizes = |texts: &Option<Vec<String>>| -> usize {
                texts.iter().flatten().map(|text| text.len() + 3).sum()
            };
            prop_assert!(sizes(&verified.methods) + sizes(&verified.keys) < 44 * 1024);
            prop_assert!(verified.keys.iter().flatten().count() <= MAX_VERIFIED_KEYS);
        }
    }
}
