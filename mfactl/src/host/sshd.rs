//! Whether sshd lets root in, by a key or a password.

use std::fs;
use std::process::{Command, Stdio};

/// What `sshd -T` says decides. Where it says nothing, root is not let in as far as anybody knows.
pub(super) fn lets_root_in(has_password: bool) -> bool {
    let output = Command::new("/usr/sbin/sshd")
        .arg("-T")
        .stdin(Stdio::null())
        .output();
    let Ok(output) = output else {
        return false;
    };
    let settings = String::from_utf8_lossy(&output.stdout).to_lowercase();
    let keys = fs::read_to_string("/root/.ssh/authorized_keys").unwrap_or_default();
    let has_key = keys
        .lines()
        .any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    is_open(&settings, has_password, has_key)
}

fn is_open(settings: &str, has_password: bool, has_key: bool) -> bool {
    let value = |name| {
        let mut lines = settings.lines().filter_map(|line| line.split_once(' '));
        lines.find_map(|(key, value)| (key == name).then_some(value))
    };
    // A key is of no use where every list of methods asks for a password besides.
    let methods = value("authenticationmethods").unwrap_or("any");
    let by_key = has_key
        && methods
            .split_whitespace()
            .any(|list| list == "any" || list.contains("publickey"));
    match value("permitrootlogin") {
        Some("yes") => has_password || by_key,
        Some("without-password" | "prohibit-password") => by_key,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_gets_in_with_what_the_settings_allow() {
        let open = |settings: &str, password, key| is_open(settings, password, key);
        assert!(open("permitrootlogin yes\n", true, false));
        assert!(!open("permitrootlogin yes\n", false, false));
        assert!(open("permitrootlogin without-password\n", false, true));
        assert!(!open("permitrootlogin without-password\n", true, false));
        assert!(!open("permitrootlogin no\n", true, true));
        assert!(!open("", true, true));
        let no_keys =
            "permitrootlogin without-password\nauthenticationmethods keyboard-interactive\n";
        assert!(!open(no_keys, true, true));
    }
}
