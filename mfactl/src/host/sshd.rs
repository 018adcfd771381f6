//! Whether sshd lets root in, by a key or a password.

use std::fs;
use std::path::Path;

use crate::sshd::{PROGRAM, Settings, for_user};

const KEYS: &str = "/root/.ssh/authorized_keys";

/// Options of a key that leave no shell behind it (sshd(8), AUTHORIZED_KEYS FILE FORMAT).
const NO_SHELL: [&str; 3] = ["command=", "restrict", "no-pty"];

/// Decided by sshd's settings for root. False if they can't be read.
pub(super) fn lets_root_in(has_password: bool) -> bool {
    let keys = fs::read_to_string(KEYS).unwrap_or_default();
    let has_key = keys.lines().any(gives_a_shell);
    for_user(Path::new(PROGRAM), "root", None)
        .is_ok_and(|settings| is_open(&settings, has_password, has_key))
}

/// Whether a line of authorized_keys is a key that gives a shell. Options come first, with commands in quotation marks. A
/// line with an option that may restrict it does not count.
fn gives_a_shell(line: &str) -> bool {
    let line = line.trim();
    let options = match line.find(" ssh-").or_else(|| line.find(" ecdsa-")) {
        Some(end) => line.get(..end).unwrap_or_default(),
        None => line
            .find(" sk-")
            .and_then(|end| line.get(..end))
            .unwrap_or_default(),
    };
    let is_key = line.contains("ssh-") || line.contains("ecdsa-") || line.contains("sk-");
    let options = options.to_lowercase();
    is_key && !line.starts_with('#') && !NO_SHELL.iter().any(|option| options.contains(option))
}

fn is_open(settings: &Settings, has_password: bool, has_key: bool) -> bool {
    // Each list must be passed completely. Root without a second factor passes lists of keys and passwords only.
    let by_key = has_key && settings.key && settings.is_enough(&["publickey"]);
    let asks = ["password", "keyboard-interactive"];
    let by_password =
        has_password && (settings.password || settings.conversation) && settings.is_enough(&asks);
    let is_permitted = match settings.permit_root.as_str() {
        "yes" => by_password || by_key,
        "without-password" | "prohibit-password" => by_key,
        _ => false,
    };
    is_permitted && settings.lists_admit_root()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ON: &str =
        "pubkeyauthentication yes\npasswordauthentication yes\nkbdinteractiveauthentication yes\n";

    #[test]
    fn root_gets_in_with_what_the_settings_allow() {
        let open = |settings: &str, password, key| {
            is_open(&Settings::parse(&format!("{ON}{settings}")), password, key)
        };
        assert!(open("permitrootlogin yes\n", true, false));
        assert!(!open("permitrootlogin yes\n", false, false));
        assert!(open("permitrootlogin without-password\n", false, true));
        assert!(!open("permitrootlogin without-password\n", true, false));
        assert!(!open("permitrootlogin no\n", true, true));
        assert!(!open("", true, true));
        for closed in [
            "authenticationmethods keyboard-interactive\n",
            "authenticationmethods publickey,keyboard-interactive\n",
            "pubkeyauthentication no\n",
            "allowusers zanna\n",
        ] {
            let settings = format!("permitrootlogin without-password\n{closed}");
            assert!(!open(&settings, true, true), "{closed}");
        }
    }

    #[test]
    fn a_key_with_a_forced_command_is_no_way_in() {
        for (line, expected) in [
            ("ssh-ed25519 AAAA root@a", true),
            ("from=\"192.0.2.0/24\" ssh-rsa AAAA", true),
            ("sk-ssh-ed25519@openssh.com AAAA", true),
            (
                "no-port-forwarding,command=\"echo 'Please login as debian';sleep 10;exit 142\" ssh-rsa AAAA",
                false,
            ),
            ("restrict ssh-ed25519 AAAA", false),
            ("# ssh-ed25519 AAAA", false),
            ("", false),
        ] {
            assert_eq!(gives_a_shell(line), expected, "{line}");
        }
    }
}
