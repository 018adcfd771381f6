//! The host's own name service.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;

use nix::errno::Errno;
use nix::unistd::{Gid, Group, Uid, User, getgrouplist};

use crate::userdb::UserRecords;
use mfa_core::names::{Groups, Names, NamesError, PasswdEntry, UserName};

/// This value and above mean that a password never expires (login.defs(5), `PASS_MAX_DAYS`).
const NEVER: u32 = 99_999;

/// Asks libc and systemd's user database, and reads `/etc/passwd` to find out who is a local user.
#[derive(Clone, Debug)]
pub struct SystemNames {
    passwd: PathBuf,
    records: UserRecords,
}

impl SystemNames {
    /// The name service with another file than `/etc/passwd` for local users.
    #[must_use]
    pub fn with_passwd(passwd: impl Into<PathBuf>) -> Self {
        Self {
            passwd: passwd.into(),
            records: UserRecords::default(),
        }
    }
}

impl Default for SystemNames {
    fn default() -> Self {
        Self::with_passwd("/etc/passwd")
    }
}

impl Names for SystemNames {
    fn canonical(&self, user: &UserName) -> Result<Option<PasswdEntry>, NamesError> {
        let found = none_if_absent(User::from_name(user.as_str()))
            .map_err(|error| failed(format!("user {user:?}"), error))?;
        found.map(|found| entry(user.as_str(), &found)).transpose()
    }

    fn groups(
        &self,
        user: &UserName,
        entry: Option<&PasswdEntry>,
        wanted: &[String],
    ) -> Result<Groups, NamesError> {
        if wanted.is_empty() {
            return Ok(Groups::new());
        }
        let memberships = memberships(user, entry)?;
        let mut groups = Groups::new();
        for name in wanted {
            let group = none_if_absent(Group::from_name(name))
                .map_err(|error| failed(format!("group {name:?}"), error))?;
            if group.is_some_and(|group| memberships.contains(&group.gid)) {
                groups.insert(name.clone());
            }
        }
        Ok(groups)
    }

    fn is_local(&self, user: &UserName) -> Result<bool, NamesError> {
        is_listed(&self.passwd, user.as_str()).map_err(|error| NamesError::Passwd {
            file: self.passwd.display().to_string(),
            error,
        })
    }

    fn members(&self, group: &str) -> Result<Option<Vec<String>>, NamesError> {
        let found = none_if_absent(Group::from_name(group))
            .map_err(|error| failed(format!("group {group:?}"), error))?;
        Ok(found.map(|group| group.mem))
    }

    fn password_max_days(&self, user: &UserName) -> Result<Option<u32>, NamesError> {
        let failed = |error| NamesError::Shadow {
            user: user.to_string(),
            error,
        };
        let name = CString::new(user.as_str()).map_err(|_| failed(Errno::EINVAL.into()))?;
        let days = crate::sys::password_max_days(&name).map_err(failed)?;
        Ok(days.filter(|days| *days < NEVER))
    }

    fn record_field(&self, user: &UserName, field: &str) -> Result<Option<String>, NamesError> {
        let found = self.records.field(user, field);
        found.map_err(|error| NamesError::Record(error.to_string()))
    }

    fn by_uid(&self, uid: u32) -> Result<Option<PasswdEntry>, NamesError> {
        let found = none_if_absent(User::from_uid(Uid::from_raw(uid)))
            .map_err(|error| failed(format!("user id {uid}"), error))?;
        found
            .map(|found| entry(&format!("#{uid}"), &found))
            .transpose()
    }
}

fn entry(asked: &str, user: &User) -> Result<PasswdEntry, NamesError> {
    let name = user.name.parse().map_err(|error| NamesError::Name {
        asked: asked.to_owned(),
        error,
    })?;
    Ok(PasswdEntry {
        name,
        uid: user.uid.as_raw(),
        gid: user.gid.as_raw(),
        gecos: user.gecos.to_string_lossy().into_owned(),
    })
}

/// The IDs of all groups of the user.
fn memberships(user: &UserName, entry: Option<&PasswdEntry>) -> Result<Vec<Gid>, NamesError> {
    let name = entry.map_or(user, |entry| &entry.name);
    let failed = |error| failed(format!("the groups of {name:?}"), error);
    let c_name = CString::new(name.as_str()).map_err(|_| failed(Errno::EINVAL))?;
    // libc lists the primary group whether it exists or not; no group has this ID.
    let nobody = Gid::from_raw(u32::MAX);
    let primary = entry.map_or(nobody, |entry| Gid::from_raw(entry.gid));
    let mut gids = getgrouplist(&c_name, primary).map_err(failed)?;
    gids.retain(|gid| *gid != nobody);
    Ok(gids)
}

/// Some sources answer an unknown name with an error number (getpwnam(3)).
fn none_if_absent<T>(found: Result<Option<T>, Errno>) -> Result<Option<T>, Errno> {
    match found {
        Err(Errno::ENOENT | Errno::ESRCH) => Ok(None),
        found => found,
    }
}

fn failed(what: String, error: Errno) -> NamesError {
    NamesError::LookUp {
        what,
        error: error.into(),
    }
}

/// Whether the file has a line `NAME:…`. Lines that begin with `+` or `-` (nss_compat) name users
/// of other sources.
fn is_listed(passwd: &PathBuf, name: &str) -> io::Result<bool> {
    if name.starts_with(['+', '-', '#']) || name.contains(':') {
        return Ok(false);
    }
    let mut file = BufReader::with_capacity(32 * 1024, File::open(passwd)?);
    let mut line = Vec::with_capacity(256);
    while file.read_until(b'\n', &mut line)? != 0 {
        if line
            .strip_prefix(name.as_bytes())
            .is_some_and(|rest| rest.first() == Some(&b':'))
        {
            return Ok(true);
        }
        line.clear();
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> UserName {
        text.parse().unwrap()
    }

    #[test]
    fn root_has_an_entry_and_a_stranger_has_none() {
        let names = SystemNames::default();
        let root = names.canonical(&name("root")).unwrap().unwrap();
        assert_eq!((root.name.as_str(), root.uid), ("root", 0));
        assert_eq!(names.by_uid(0).unwrap(), Some(root.clone()));
        assert_eq!(names.uid(&name("root")).unwrap(), Some(0));
        assert_eq!(names.canonical(&name("no-such-user.")).unwrap(), None);
        assert_eq!(names.by_uid(4_000_000_001).unwrap(), None);
    }

    #[test]
    fn groups_are_the_requested_ones_that_the_user_is_in() {
        let names = SystemNames::default();
        let root = names.canonical(&name("root")).unwrap().unwrap();
        let wanted = ["daemon", "root", "no-such-group."].map(str::to_owned);
        let groups = names.groups(&root.name, Some(&root), &wanted).unwrap();
        assert_eq!(groups.into_iter().collect::<Vec<_>>(), ["root"]);
    }

    #[test]
    fn a_user_without_an_entry_is_in_no_primary_group_and_not_federated() {
        let names = SystemNames::default();
        let stranger = name("no-such-user.");
        let wanted = ["root", "daemon", "nogroup"].map(str::to_owned);
        assert!(names.groups(&stranger, None, &wanted).unwrap().is_empty());
        assert!(!names.is_federated(None).unwrap());
    }

    #[test]
    fn members_are_the_listed_users() {
        let names = SystemNames::default();
        assert!(names.members("root").unwrap().is_some());
        assert_eq!(names.members("no-such-group.").unwrap(), None);
    }

    #[test]
    fn a_user_without_a_shadow_entry_has_no_password_age() {
        let names = SystemNames::default();
        assert_eq!(
            names.password_max_days(&name("no-such-user.")).unwrap(),
            None
        );
    }

    #[test]
    fn a_user_in_the_file_is_local() {
        let folder = tempfile::tempdir().unwrap();
        let passwd = folder.path().join("passwd");
        std::fs::write(
            &passwd,
            "root:x:0:0::/root:/bin/sh\n#old:x:1:1:::\n+nis:x:::::\nanna:x:1:1:::",
        )
        .unwrap();
        let names = SystemNames::with_passwd(&passwd);
        for (user, local) in [
            ("root", true),
            ("anna", true),
            ("ann", false),
            ("x", false),
            ("+nis", false),
            ("#old", false),
            ("root:x", false),
        ] {
            assert_eq!(names.is_local(&name(user)).unwrap(), local, "{user}");
        }
    }

    #[test]
    fn a_user_of_another_source_is_federated() {
        let folder = tempfile::tempdir().unwrap();
        let passwd = folder.path().join("passwd");
        std::fs::write(&passwd, "anna:x:1:1:::\n").unwrap();
        let names = SystemNames::with_passwd(&passwd);
        let entry = |user| PasswdEntry {
            name: name(user),
            uid: 7,
            gid: 7,
            gecos: String::new(),
        };
        assert!(!names.is_federated(Some(&entry("anna"))).unwrap());
        assert!(names.is_federated(Some(&entry("ldap-user"))).unwrap());
    }

    #[test]
    fn a_missing_users_file_is_an_error_and_not_a_federated_user() {
        let names = SystemNames::with_passwd("/nonexistent/passwd");
        let error = names.is_local(&name("root")).unwrap_err().to_string();
        assert!(error.contains("/nonexistent/passwd"), "{error}");
    }
}
