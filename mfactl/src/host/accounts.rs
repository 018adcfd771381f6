//! The users of this host's own files: who gets a shell, and who has a password.
//!
//! `mfa-pam enable --emergency` asks the same questions (`packaging/lib/pam-mfa/emergency.sh`); a test runs both.

use std::fs;

use jiff::Timestamp;
use nix::unistd::{AccessFlags, access};

use super::users::{FIRST_PERSON, is_login_shell};

/// Ids from here on are not of people of this file: `nobody`, and systemd's dynamic users.
const PAST_PEOPLE: u32 = 60_000;

const SECONDS_OF_A_DAY: i64 = 24 * 60 * 60;

/// What the files say.
pub(super) struct Accounts {
    passwd: String,
    shadow: String,
    /// Today, as the shadow file counts days.
    today: i64,
}

impl Accounts {
    /// Reads the files; one that can't be read counts as empty.
    pub(super) fn read() -> Self {
        let text = |file| fs::read_to_string(file).unwrap_or_default();
        Self::of(text("/etc/passwd"), text("/etc/shadow"))
    }

    fn of(passwd: String, shadow: String) -> Self {
        Self {
            passwd,
            shadow,
            today: Timestamp::now().as_second() / SECONDS_OF_A_DAY,
        }
    }

    /// People who can log in.
    pub(super) fn with_a_shell(&self) -> Vec<String> {
        let person = |line: &str| {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, _, id, _, _, _, _] = fields[..] else {
                return None;
            };
            let id: u32 = id.parse().ok()?;
            let is_person = (FIRST_PERSON..PAST_PEOPLE).contains(&id);
            (is_person && self.gets_a_shell(name)).then(|| name.to_owned())
        };
        self.passwd.lines().filter_map(person).collect()
    }

    /// Whether a login of the user gives a shell: it is one, it is there, and the account has not expired. Users of another
    /// source are not known here, and get one.
    pub(super) fn gets_a_shell(&self, user: &str) -> bool {
        let shell = of_user(&self.passwd, user).find_map(|fields| fields.get(6).copied());
        let has_expired = of_user(&self.shadow, user).any(|fields| {
            let until = fields.get(7).and_then(|day| day.parse::<i64>().ok());
            until.is_some_and(|until| until <= self.today)
        });
        shell.is_none_or(is_a_shell) && !has_expired
    }

    /// Whether the user has a password to log in with. Users of another source are not known here, and have one. An empty
    /// one is none: most services refuse it.
    pub(super) fn has_password(&self, user: &str) -> bool {
        of_user(&self.shadow, user).all(|fields| {
            let password = fields.get(1).copied().unwrap_or_default();
            !password.is_empty() && !password.starts_with(['!', '*'])
        })
    }
}

/// The fields of the lines that are the user's.
fn of_user<'a>(file: &'a str, user: &'a str) -> impl Iterator<Item = Vec<&'a str>> {
    let fields = file.lines().map(|line| line.split(':').collect());
    fields.filter(move |fields: &Vec<&str>| fields.first() == Some(&user))
}

/// Whether a login can start it.
fn is_a_shell(shell: &str) -> bool {
    is_login_shell(shell) && (shell.is_empty() || access(shell, AccessFlags::X_OK).is_ok())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// The lines of `anna` in both files, whether she gets a shell, and whether she has a password.
    const CASES: [(&str, &str, bool, bool); 17] = [
        ("/bin/sh", "$y$hash:1:0:99999:7:::", true, true),
        ("", "$y$hash:1:0:99999:7:::", true, true),
        ("/usr/sbin/nologin", "$y$hash:1::::::", false, true),
        ("/sbin/nologin", "$y$hash:1::::::", false, true),
        ("/bin/false", "$y$hash:1::::::", false, true),
        ("/bin/true", "$y$hash:1::::::", false, true),
        ("/bin/sync", "$y$hash:1::::::", false, true),
        ("/sbin/halt", "$y$hash:1::::::", false, true),
        ("/sbin/shutdown", "$y$hash:1::::::", false, true),
        ("/opt/no/such/shell", "$y$hash:1::::::", false, true),
        ("/etc/passwd", "$y$hash:1::::::", false, true),
        ("/bin/sh", "$y$hash:1:::::1:", false, true),
        ("/bin/sh", "$y$hash:1:::::99999:", true, true),
        ("/bin/sh", ":1::::::", true, false),
        ("/bin/sh", "!:1::::::", true, false),
        ("/bin/sh", "!$y$hash:1::::::", true, false),
        ("/bin/sh", "*:1::::::", true, false),
    ];

    fn files(shell: &str, shadow: &str) -> (String, String) {
        let passwd = format!(
            "root:x:0:0::/root:/bin/sh\nanna:x:1000:1000::/home/anna:{shell}\n\
             git:x:1001:1001::/srv:/usr/sbin/nologin\nnobody:x:65534:65534::/:/bin/sh\nbroken\n"
        );
        (passwd, format!("root:*:1::::::\nanna:{shadow}\n"))
    }

    #[test]
    fn people_have_an_id_of_people_and_get_a_shell() {
        for (shell, shadow, gets_a_shell, has_password) in CASES {
            let (passwd, shadow) = files(shell, shadow);
            let accounts = Accounts::of(passwd, shadow.clone());
            let about = format!("{shell:?} {shadow:?}");
            assert_eq!(accounts.gets_a_shell("anna"), gets_a_shell, "{about}");
            assert_eq!(accounts.has_password("anna"), has_password, "{about}");
            let people: &[&str] = if gets_a_shell { &["anna"] } else { &[] };
            assert_eq!(accounts.with_a_shell(), people, "{about}");
        }
    }

    #[test]
    fn a_user_of_another_source_gets_a_shell_and_has_a_password() {
        let (passwd, shadow) = files("/bin/sh", "*:1::::::");
        let accounts = Accounts::of(passwd, shadow);
        assert!(accounts.gets_a_shell("ldap-user") && accounts.has_password("ldap-user"));
    }

    /// What `mfa-pam` says of the same files.
    const BY_MFA_PAM: &str = r#"
        . "$1"
        PASSWD=$2 SHADOW=$3
        getent() { awk -F: -v user="$2" '$1 == user' "$PASSWD"; }
        [ -n "$(no_login anna)" ] && echo false || echo true
        has_password anna && echo true || echo false
    "#;

    #[test]
    fn mfa_pam_says_the_same_of_an_emergency_way() {
        let script = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../packaging/lib/pam-mfa/emergency.sh"
        );
        let folder = tempfile::tempdir().unwrap();
        let paths = ["passwd", "shadow"].map(|name| folder.path().join(name));
        for (shell, shadow, gets_a_shell, has_password) in CASES {
            let (passwd, shadow) = files(shell, shadow);
            for (path, text) in paths.iter().zip([&passwd, &shadow]) {
                fs::write(path, text).unwrap();
            }
            let run = Command::new("sh")
                .args(["-c", BY_MFA_PAM, "sh", script])
                .args(&paths)
                .output()
                .unwrap();
            let said = String::from_utf8(run.stdout).unwrap();
            let expected = format!("{gets_a_shell}\n{has_password}\n");
            assert_eq!(said, expected, "{shell:?} {shadow:?} {:?}", run.stderr);
        }
    }
}
