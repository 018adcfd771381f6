//! The PAM stacks of this host: whether somebody is asked for a code only after a right password or key.
//!
//! With the code first, anyone could spend a user's attempts, and set up a device in the place of a user
//! who has none. The files are read here, as they are now; [`order`] judges them.

mod order;
mod parse;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use order::{Order, Place};

use super::Check;

const NAME: &str = "stacks";

/// As much as is read of a file.
const MAX_FILE: u64 = 64 * 1024;

/// How many services are named in one line.
const SHOWN: usize = 8;

/// What packages leave beside the file that is in force.
const LEFTOVERS: [&str; 7] = [
    "~", ".bak", ".orig", ".pam-old", ".rpmnew", ".rpmsave", ".rpmorig",
];

/// What is to be said of the stacks in these folders; of two files of one name the first holds.
pub(super) fn checks(folders: &[PathBuf]) -> Vec<Check> {
    let mut files = Files::default();
    let mut checks = Vec::new();
    for folder in folders {
        match files.add(folder) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                let message = format!("{} can't be read: {e}", folder.display());
                checks.push(Check::note(NAME, message, "run mfactl doctor as root"));
            }
            Err(_) | Ok(()) => {}
        }
    }
    if !files.unread.is_empty() {
        let message = format!("can't be read: {}", files.unread.join(", "));
        checks.push(Check::note(NAME, message, "run mfactl doctor as root"));
    }
    checks.extend(found(&files));
    checks
}

/// A check for all services that stand alike.
fn found(files: &Files) -> Vec<Check> {
    let mut orders: BTreeMap<Order, Vec<&str>> = BTreeMap::new();
    for service in files.texts.keys() {
        if let Some(order) = order::of(service, &|name| files.text(name)) {
            orders.entry(order).or_default().push(service);
        }
    }
    if orders.is_empty() && files.texts.is_empty() {
        return Vec::new();
    }
    if orders.is_empty() {
        return vec![Check::note(
            NAME,
            "no stack names pam_mfa.so: no program of this host asks for a code",
            "config/pam.d has a stack for each service",
        )];
    }
    let check = |(order, services): (&Order, &Vec<&str>)| said(order, &names(services), files);
    orders.iter().map(check).collect()
}

/// "login, sshd and 3 more"
fn names(services: &[&str]) -> String {
    let shown = services[..services.len().min(SHOWN)].join(", ");
    match services.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn said(order: &Order, services: &str, files: &Files) -> Check {
    match order {
        Order::Sound => Check::ok(
            NAME,
            format!("{services}: the code is asked for after the password or key"),
        ),
        Order::CodeFirst { code, swap } => Check::problem(
            NAME,
            format!(
                "{services} asks for the code before the password ({}): anyone could lock a user \
                 out, and set up a device in their name",
                files.place(code)
            ),
            right_order(swap.as_ref(), files),
        ),
        Order::Leapt { password } => Check::problem(
            NAME,
            format!(
                "{services} never asks for the code when the password is right: {} passes over \
                 pam_mfa.so",
                files.place(password)
            ),
            format!("Where it says include, say substack; or put in its place:\n{STACK}"),
        ),
        Order::OneAnswer { code } => Check::note(
            NAME,
            format!(
                "{services} takes password and code in one answer ({}), and judges the code first",
                files.place(code)
            ),
            "only for programs that ask one thing; others: pam_mfa.so after the password, without \
             arguments",
        ),
        Order::Alone { code } => Check::note(
            NAME,
            format!(
                "{services} asks for the code alone ({}): a key must have been checked before",
                files.place(code)
            ),
            "for sshd: AuthenticationMethods publickey,keyboard-interactive",
        ),
    }
}

/// What a stack looks like where nothing better is known.
const STACK: &str = "  \
    auth include common-auth\n  \
    auth [success=ok ignore=ignore default=die] pam_mfa.so";

fn right_order(swap: Option<&[Place; 2]>, files: &Files) -> String {
    let Some([first, second]) = swap else {
        return format!("The right order, without the lines of the password's own:\n{STACK}");
    };
    let file = files.path(&first.file);
    let (first, second) = (&first.text, &second.text);
    format!("The right order in {file}:\n  {first}\n  {second}")
}

/// The files of the folders.
#[derive(Default)]
struct Files {
    /// By name: where it stands, and what it says.
    texts: BTreeMap<String, (PathBuf, String)>,
    folders: Vec<PathBuf>,
    unread: Vec<String>,
}

impl Files {
    fn add(&mut self, folder: &Path) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            let is_left_over = LEFTOVERS.iter().any(|end| name.ends_with(end));
            if is_left_over || name.contains(".dpkg-") || self.texts.contains_key(name) {
                continue;
            }
            // A folder or a device in there is no stack.
            if !path.is_file() {
                continue;
            }
            match read(&path) {
                Ok(text) => {
                    self.texts.insert(name.to_owned(), (path.clone(), text));
                }
                Err(_) => self.unread.push(path.display().to_string()),
            }
        }
        self.folders.push(folder.to_owned());
        Ok(())
    }

    /// The text of a file that is named as in an include: by its name, or by its path.
    fn text(&self, name: &str) -> Option<&str> {
        let path = Path::new(name);
        let name = match path.parent().filter(|_| path.is_absolute()) {
            Some(folder) if self.folders.iter().any(|known| known == folder) => {
                path.file_name()?.to_str()?
            }
            _ => name,
        };
        self.texts.get(name).map(|(_, text)| text.as_str())
    }

    fn path(&self, name: &str) -> String {
        let known = self.texts.get(name);
        known.map_or_else(|| name.to_owned(), |(path, _)| path.display().to_string())
    }

    /// `/etc/pam.d/sshd:3`
    fn place(&self, place: &Place) -> String {
        format!("{}:{}", self.path(&place.file), place.number)
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(files: &[(&str, &str)]) -> Vec<Check> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        checks(&[folder.path().to_owned(), "/nonexistent/pam.d".into()])
    }

    #[test]
    fn services_that_stand_alike_share_a_line() {
        let good = "auth required pam_unix.so\nauth required pam_mfa.so\n";
        let checks = checked(&[
            ("sshd", good),
            ("sudo", good),
            ("sshd.dpkg-old", "auth x"),
            ("a~", good),
        ]);
        let message = "sshd, sudo: the code is asked for after the password or key";
        assert_eq!(checks, [Check::ok(NAME, message)]);
        let many: Vec<_> = (0..10).map(|n| format!("s{n}")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert!(names(&many).ends_with("s7 and 2 more"));
    }

    #[test]
    fn a_wrong_order_is_a_problem_with_the_right_one() {
        let wrong = "auth required pam_mfa.so\nauth required pam_unix.so\n";
        let checks = checked(&[("sshd", wrong)]);
        let remedy = checks[0].remedy.as_deref().unwrap();
        assert!(
            !checks[0].ok && checks[0].message.contains("sshd:1"),
            "{checks:?}"
        );
        assert!(
            remedy.ends_with("sshd:\n  auth required pam_unix.so\n  auth required pam_mfa.so"),
            "{remedy}"
        );
    }

    #[test]
    fn services_without_the_module_are_told_only_if_none_has_it() {
        let checks = checked(&[("sshd", "auth required pam_unix.so\n")]);
        assert!(
            checks[0].ok && checks[0].message.contains("no stack names"),
            "{checks:?}"
        );
        assert_eq!(super::checks(&["/nonexistent/pam.d".into()]), []);
    }

    #[test]
    fn an_include_by_its_path_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("common-auth");
        fs::write(&path, "auth required pam_unix.so\n").unwrap();
        let stack = format!(
            "auth include {}\nauth required pam_mfa.so\n",
            path.display()
        );
        fs::write(folder.path().join("sshd"), stack).unwrap();
        let checks = checks(&[folder.path().to_owned()]);
        assert!(checks[0].ok && checks[0].remedy.is_none(), "{checks:?}");
    }
}
