//! The users of the host, as its name service lists them.
//!
//! `getent` is asked rather than the C library, so that the modules of the name service, which can be
//! anybody's code, run in a process of their own and with a clean environment.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use nix::unistd::Uid;

use crate::failure::Failure;

/// A user.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HostUser {
    pub(super) name: String,
    pub(super) uid: Uid,
    pub(super) home: PathBuf,
}

/// All users that `getent passwd` lists. A service that keeps its list to itself (as sssd does unless
/// told to enumerate) leaves its users out.
pub(super) fn users() -> Result<Vec<HostUser>, Failure> {
    let output = Command::new("getent")
        .arg("passwd")
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .map_err(Failure::io("run getent passwd to list the users"))?;
    if !output.status.success() {
        return Err(Failure::Rejected(format!(
            "getent passwd, which lists the users, failed ({}); name a user and a file",
            output.status
        )));
    }
    Ok(parse(&output.stdout))
}

/// The same user twice is the first one: that is whom the name service finds.
fn parse(text: &[u8]) -> Vec<HostUser> {
    let mut seen = std::collections::BTreeSet::new();
    let users = text.split(|&byte| byte == b'\n').filter_map(user);
    users
        .filter(|user| seen.insert(user.name.clone()))
        .collect()
}

/// `name:password:uid:gid:comment:home:shell`
fn user(line: &[u8]) -> Option<HostUser> {
    let fields: Vec<&[u8]> = line.split(|&byte| byte == b':').collect();
    let [name, _, uid, _, _, home, ..] = fields[..] else {
        return None;
    };
    Some(HostUser {
        name: String::from_utf8(name.to_vec()).ok()?,
        uid: Uid::from_raw(std::str::from_utf8(uid).ok()?.parse().ok()?),
        home: PathBuf::from(OsStr::from_bytes(home)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_getent_become_users_and_others_nothing() {
        let text = b"root:x:0:0:root:/root:/bin/bash\nal:x:1000:1000::/home/al:\nal:x:1:1::/:\n\
                     +nis\nbad:x:y:1::/:\n";
        let users = parse(text);
        assert_eq!(users.len(), 2);
        assert_eq!(
            users[1],
            HostUser {
                name: "al".to_owned(),
                uid: Uid::from_raw(1000),
                home: "/home/al".into()
            }
        );
    }

    #[test]
    fn this_host_has_users() {
        assert!(users().unwrap().iter().any(|user| user.uid.is_root()));
    }
}
