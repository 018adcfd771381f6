//! The users of this host's own files: their shells and passwords.

use std::collections::BTreeMap;
use std::fs;

use super::users::{FIRST_PERSON, is_login_shell};

/// Ids from here on are not of people of this file: `nobody`, and systemd's dynamic users.
const PAST_PEOPLE: u32 = 60_000;

/// What the files say.
pub(super) struct Accounts {
    passwd: String,
    /// The password field of each user in the shadow file.
    passwords: BTreeMap<String, String>,
}

impl Accounts {
    /// Reads the files; one that can't be read counts as empty.
    pub(super) fn read() -> Self {
        let text = |file| fs::read_to_string(file).unwrap_or_default();
        Self::parse(text("/etc/passwd"), &text("/etc/shadow"))
    }

    fn parse(passwd: String, shadow: &str) -> Self {
        let field = |line: &str| {
            let mut fields = line.split(':');
            Some((fields.next()?.to_owned(), fields.next()?.to_owned()))
        };
        let passwords = shadow.lines().filter_map(field).collect();
        Self { passwd, passwords }
    }

    /// People who can log in.
    pub(super) fn with_a_shell(&self) -> Vec<String> {
        let person = |line: &str| {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, _, id, _, _, _, shell] = fields[..] else {
                return None;
            };
            let id: u32 = id.parse().ok()?;
            let is_person = (FIRST_PERSON..PAST_PEOPLE).contains(&id);
            (is_person && is_login_shell(shell)).then(|| name.to_owned())
        };
        self.passwd.lines().filter_map(person).collect()
    }

    /// Whether the user has a password to log in with. Users of another source are assumed to have one.
    pub(super) fn has_password(&self, user: &str) -> bool {
        let field = self.passwords.get(user);
        field.is_none_or(|field| !field.starts_with(['!', '*']))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_have_a_shell_and_an_id_of_people() {
        let passwd = "root:x:0:0::/root:/bin/sh\nanna:x:1000:1000::/home/anna:/bin/bash\n\
                      git:x:1001:1001::/srv:/usr/sbin/nologin\nnobody:x:65534:65534::/:/bin/sh\nbroken\n";
        let accounts = Accounts::parse(passwd.to_owned(), "");
        assert_eq!(accounts.with_a_shell(), ["anna"]);
    }

    #[test]
    fn a_locked_password_is_none_and_a_user_of_another_source_has_one() {
        let accounts = Accounts::parse(
            String::new(),
            "root:*:1::\nubuntu:!:1::\nbob:!$y$hash:1::\nanna:$y$hash:1::\n",
        );
        for (user, expected) in [
            ("root", false),
            ("ubuntu", false),
            ("bob", false),
            ("anna", true),
            ("ldap-user", true),
        ] {
            assert_eq!(accounts.has_password(user), expected, "{user}");
        }
    }
}
