//! The users of the host, as its name service lists them.
//!
//! `getent` is asked rather than the C library, so that the modules of the name service, which can be
//! anybody's code, run in a process of their own and with a clean environment.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use nix::unistd::Uid;

use crate::failure::Failure;

/// The first user id of a person, where login.defs(5) does not say another.
pub(super) const FIRST_PERSON: u32 = 1000;

/// `nobody`, whatever shell it has.
const NOBODY: u32 = 65_534;

/// Programs instead of a shell, which give no session.
const NO_SHELLS: [&str; 6] = ["nologin", "false", "true", "sync", "halt", "shutdown"];

/// A user.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct HostUser {
    pub(crate) name: String,
    pub(crate) uid: Uid,
    pub(crate) home: PathBuf,
    pub(crate) shell: String,
}

/// All users that `getent passwd` lists. A service that does not list its users (sssd without `enumerate`) leaves
/// them out.
pub(crate) fn users() -> Result<Vec<HostUser>, Failure> {
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
            "can't list the users of this host: getent passwd failed ({}). Check: getent passwd",
            output.status
        )));
    }
    Ok(parse(&output.stdout))
}

/// Those who log in: root and people, with a shell.
pub(crate) fn people() -> Result<Vec<HostUser>, Failure> {
    let first = fs::read_to_string("/etc/login.defs").map_or(FIRST_PERSON, |text| uid_min(&text));
    let mut users = users()?;
    users.retain(|user| user.logs_in(first));
    Ok(users)
}

impl HostUser {
    fn logs_in(&self, first: u32) -> bool {
        let id = self.uid.as_raw();
        (self.uid.is_root() || id >= first && id != NOBODY) && is_login_shell(&self.shell)
    }
}

/// Whether a login with this shell gives one. An empty field means `/bin/sh` (passwd(5)).
pub(super) fn is_login_shell(shell: &str) -> bool {
    let program = shell.rsplit('/').next().unwrap_or_default();
    !NO_SHELLS.contains(&program)
}

/// `UID_MIN` of login.defs(5).
fn uid_min(text: &str) -> u32 {
    let value = |line: &str| {
        let mut words = line.split_whitespace();
        (words.next() == Some("UID_MIN")).then(|| words.next()?.parse().ok())?
    };
    text.lines().find_map(value).unwrap_or(FIRST_PERSON)
}

/// The same user twice is the first entry: the name service finds that one.
fn parse(text: &[u8]) -> Vec<HostUser> {
    let mut seen = BTreeSet::new();
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
    let shell = fields.get(6).copied().unwrap_or_default();
    Some(HostUser {
        name: String::from_utf8(name.to_vec()).ok()?,
        uid: Uid::from_raw(std::str::from_utf8(uid).ok()?.parse().ok()?),
        home: PathBuf::from(OsStr::from_bytes(home)),
        shell: String::from_utf8_lossy(shell).into_owned(),
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
                home: "/home/al".into(),
                shell: String::new(),
            }
        );
    }

    #[test]
    fn root_and_people_with_a_shell_log_in() {
        let text =
            b"root:x:0:0::/root:/bin/bash\ndaemon:x:1:1::/:/bin/sh\nal:x:1000:1000::/home/al:\n\
                     git:x:1001:1001::/srv:/usr/sbin/nologin\nnobody:x:65534:65534::/:/bin/sh\n\
                     ad:x:801600500:1::/home/ad:/bin/zsh\n";
        let names = |first| -> Vec<String> {
            let users = parse(text).into_iter().filter(|user| user.logs_in(first));
            users.map(|user| user.name).collect()
        };
        assert_eq!(names(1000), ["root", "al", "ad"]);
        assert_eq!(names(5000), ["root", "ad"]);
    }

    #[test]
    fn the_first_id_of_people_comes_from_login_defs() {
        assert_eq!(
            uid_min("# UID_MIN 7\nUID_MIN\t\t  500\nUID_MAX 60000\n"),
            500
        );
        assert_eq!(uid_min("UID_MIN many\n"), FIRST_PERSON);
    }

    #[test]
    fn this_host_has_users() {
        assert!(users().unwrap().iter().any(|user| user.uid.is_root()));
    }
}
