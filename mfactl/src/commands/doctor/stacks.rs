//! The PAM stacks of this host: whether somebody is asked for a code only after a right password or key.
//!
//! With the code first, anyone could spend a user's attempts, and set up a device in the place of a user
//! who has none. The files are read here, as they are now; [`order`] judges them.

mod chain;
mod ends;
mod files;
mod modules;
mod order;
mod parse;
mod walk;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use chain::Place;
use files::Files;
use order::Order;

use super::Check;

const NAME: &str = "stacks";

/// How many services are named in one line.
const SHOWN: usize = 8;

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
    if !files.unread().is_empty() {
        let message = format!("can't be read: {}", files.unread().join(", "));
        checks.push(Check::note(NAME, message, "run mfactl doctor as root"));
    }
    checks.extend(found(&files));
    checks
}

/// A check for all services that stand alike.
fn found(files: &Files) -> Vec<Check> {
    let mut orders: BTreeMap<Order, Vec<&str>> = BTreeMap::new();
    for service in files.names() {
        if let Some(order) = order::of(service, &|name| files.text(name)) {
            orders.entry(order).or_default().push(service);
        }
    }
    if orders.is_empty() && files.names().next().is_none() {
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
    let mut checks: Vec<_> = orders.iter().map(check).collect();
    checks.extend(lenient(files));
    checks
}

/// No fault of a stack, but the administrator's wish; yet one to remember.
fn lenient(files: &Files) -> Vec<Check> {
    let mut places: BTreeMap<Place, Vec<&str>> = BTreeMap::new();
    for service in files.names() {
        if let Some(place) = order::lenient(service, &|name| files.text(name)) {
            places.entry(place).or_default().push(service);
        }
    }
    let note = |(place, services): (&Place, &Vec<&str>)| {
        let (services, at) = (names(services), files.place(place));
        let message = format!("{services}: {LENIENT} while the agent is not there ({at})");
        Check::note(NAME, message, WHILE_AWAY)
    };
    places.iter().map(note).collect()
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
    let at = |place| files.place(place);
    match order {
        Order::Sound => Check::ok(NAME, format!("{services}: {SOUND}")),
        Order::CodeFirst {
            code,
            swap,
            passwords,
        } => {
            let message = format!("{services}: {CODE_FIRST} ({}): {DANGER}", at(code));
            let remedy = swap.as_ref().map(|lines| swapped(lines, files));
            let remedy = remedy.unwrap_or_else(|| right(passwords, files));
            Check::problem(NAME, message, remedy)
        }
        Order::NotEnded { code, passwords } => {
            let message = format!("{services}: {NOT_ENDED} ({}): {DANGER}", at(code));
            Check::problem(NAME, message, right(passwords, files))
        }
        Order::Leapt {
            password,
            passwords,
        } => {
            let message = format!(
                "{services}: {LEAPT}: {} passes over pam_mfa.so",
                at(password)
            );
            Check::problem(NAME, message, right(passwords, files))
        }
        Order::Uncounted { code, right, when } => {
            let when = when.join(", or ");
            let message = format!("{services}: {UNCOUNTED} {when} ({})", at(code));
            let remedy = format!("The right line in {}:\n  {right}", files.path(&code.file));
            Check::problem(NAME, message, explained(remedy + "\n" + PLAIN))
        }
        Order::OneAnswer { code } => {
            let message = format!("{services}: {ONE_ANSWER} ({})", at(code));
            Check::note(NAME, message, ONLY_WHERE_NEEDED)
        }
        Order::Alone { code } => {
            let message = format!("{services}: {ALONE} ({})", at(code));
            Check::note(NAME, message, AFTER_A_KEY)
        }
    }
}

const SOUND: &str = "the code is asked for after the password or key";
const CODE_FIRST: &str = "the code is asked for before the password";
const DANGER: &str = "anyone could lock a user out, and set up a device in their name";
const NOT_ENDED: &str = "the code is asked for even after a wrong password";
const LEAPT: &str = "who knows the password is never asked for the code";
const UNCOUNTED: &str = "the login passes without the code when";
const PLAIN: &str = "Or required, or requisite, in place of what is in brackets";
const LENIENT: &str = "on_unavailable=ignore lets the login pass without the code";
const WHILE_AWAY: &str = "without that argument nobody gets in while the agent is not there";
const ONE_ANSWER: &str = "password and code come in one answer, and the code is judged first";
const ONLY_WHERE_NEEDED: &str = "only for programs that ask one thing; others: pam_mfa.so after the \
                                 password, without arguments";
const ALONE: &str = "the code is all that is asked for";
const AFTER_A_KEY: &str = "a key must have been checked before; for sshd:\n  AuthenticationMethods \
                           publickey,keyboard-interactive";

fn swapped([first, second]: &[Place; 2], files: &Files) -> String {
    let file = files.path(&first.file);
    let (first, second) = (&first.text, &second.text);
    explained(format!("The right order in {file}:\n  {first}\n  {second}"))
}

/// Lines that ask for the code after a right password, and after no other: those of the host, or all.
fn right(passwords: &[String], files: &Files) -> String {
    let common = format!("auth include common-auth\n{} pam_mfa.so", order::CONTROL);
    let text = |name: &str| match name {
        "" => Some(common.as_str()),
        name => files.text(name),
    };
    let lines = match order::of("", &text) {
        Some(Order::Sound) => common.lines().map(str::to_owned).collect(),
        _ => whole(passwords),
    };
    explained(format!("The right order:\n  {}", lines.join("\n  ")))
}

/// Arguments may be passwords, so they are left out.
fn explained(remedy: String) -> String {
    match remedy.contains(modules::HIDDEN) {
        true => remedy + "\n" + AS_THEY_ARE,
        false => remedy,
    }
}

const AS_THEY_ARE: &str = "with the arguments that the lines have now in place of …";

/// The first password that is right goes on to the code, and where none is the stack ends.
fn whole(passwords: &[String]) -> Vec<String> {
    let jumps = (1..=passwords.len()).rev().zip(passwords);
    let mut lines: Vec<_> = jumps
        .map(|(jump, password)| format!("auth [success={jump} default=ignore] {password}"))
        .collect();
    lines.push("auth requisite pam_deny.so".to_owned());
    lines.push("auth required pam_permit.so".to_owned());
    lines.push(format!("{} pam_mfa.so", order::CONTROL));
    lines
}

#[cfg(test)]
mod tests {
    use std::fs;

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
        let good = "auth requisite pam_unix.so\nauth required pam_mfa.so\n";
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
        let wrong = "auth required pam_mfa.so\nauth requisite pam_unix.so\n";
        let checks = checked(&[("sshd", wrong)]);
        let remedy = checks[0].remedy.as_deref().unwrap();
        assert!(
            !checks[0].ok && checks[0].message.contains("sshd:1"),
            "{checks:?}"
        );
        assert!(
            remedy.ends_with("sshd:\n  auth requisite pam_unix.so\n  auth required pam_mfa.so"),
            "{remedy}"
        );
    }

    #[test]
    fn what_is_shown_as_right_is_judged_right() {
        for count in 1..4 {
            let passwords = ["pam_unix.so", "pam_sss.so use_first_pass", "pam_krb5.so"];
            let passwords: Vec<_> = passwords.map(str::to_owned).into();
            let stack = whole(&passwords[..count]).join("\n");
            let order = order::of("", &|name| name.is_empty().then_some(&*stack));
            assert_eq!(order, Some(Order::Sound), "{stack}");
        }
    }

    #[test]
    fn a_line_that_does_not_count_is_a_problem_with_the_right_one() {
        let stack = "auth requisite pam_unix.so\n\
                     auth [success=ok default=die maxtries=ignore] pam_mfa.so timeout=9\n";
        let check = checked(&[("sshd", stack)]).remove(0);
        assert!(!check.ok, "{check:?}");
        let said = "sshd: the login passes without the code when the user is locked (";
        assert!(check.message.starts_with(said), "{check:?}");
        let right =
            "sshd:\n  auth [success=ok ignore=ignore default=die] pam_mfa.so timeout=9\nOr ";
        assert!(check.remedy.unwrap().contains(right));
    }

    #[test]
    fn a_line_that_lets_in_without_an_agent_is_a_note() {
        let stack = "auth requisite pam_unix.so\nauth required pam_mfa.so on_unavailable=ignore\n";
        let checks = checked(&[("sshd", stack)]);
        assert_eq!(
            (checks.len(), checks[0].remedy.as_ref()),
            (2, None),
            "{checks:?}"
        );
        assert!(checks[1].ok && checks[1].message.contains("while the agent is not there"));
    }

    #[test]
    fn no_argument_of_another_module_is_ever_told() {
        let secrets = "pam_mysql.so user=pam passwd=TopSecret1 host=db";
        for stack in [
            format!("auth required pam_mfa.so\nauth requisite {secrets}\n"),
            format!("auth [success=1 default=ignore] {secrets}\nauth required pam_mfa.so\n"),
            format!("auth required {secrets}\nauth required pam_mfa.so socket=/run/x\n"),
            format!("auth required pam_mfa.so passwd=TopSecret1\nauth requisite {secrets}\n"),
            "auth required pam_mfa.so\nauth requisite [pam_sss.so passwd=TopSecret1]\n".to_owned(),
        ] {
            let checks = checked(&[("sshd", &stack)]);
            assert!(!format!("{checks:?}").contains("TopSecret"), "{checks:?}");
        }
        let stack = format!("auth required pam_mfa.so debug\nauth requisite {secrets}\n");
        let remedy = checked(&[("sshd", &stack)]).remove(0).remedy.unwrap();
        let right = "auth requisite pam_mysql.so …\n  auth required pam_mfa.so debug\nwith the arg";
        assert!(remedy.contains(right), "{remedy}");
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
    fn the_stacks_that_are_shipped_are_right() {
        let host = tempfile::tempdir().unwrap();
        let text = "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\n";
        fs::write(host.path().join("common-auth"), text).unwrap();
        let shipped = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../config/pam.d");
        let checks = checks(&[shipped, host.path().to_owned()]);
        assert!(checks.iter().all(|check| check.ok), "{checks:?}");
        assert_eq!(
            checks[0].message,
            "login, sshd, su, sudo: the code is asked for after the password or key"
        );
    }

    #[test]
    fn an_include_by_its_path_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("common-auth");
        fs::write(&path, "auth requisite pam_unix.so\n").unwrap();
        let stack = format!(
            "auth include {}\nauth required pam_mfa.so\n",
            path.display()
        );
        fs::write(folder.path().join("sshd"), stack).unwrap();
        let checks = checks(&[folder.path().to_owned()]);
        assert!(checks[0].ok && checks[0].remedy.is_none(), "{checks:?}");
    }
}
