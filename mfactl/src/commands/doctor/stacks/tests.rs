//! Folders of stacks, and what is said of them.

use std::fs;
use std::path::PathBuf;

use super::remedy::{AFTER_A_KEY, PASSWORD_FIRST, whole};
use super::*;

fn checked(files: &[(&str, &str)]) -> Vec<Check> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    in_folders(&[folder.path().to_owned(), "/nonexistent/pam.d".into()])
}

fn in_folders(folders: &[PathBuf]) -> Vec<Check> {
    checks(&Files::read(folders), "sshd", false).0
}

#[test]
fn services_that_stand_alike_share_a_line() {
    let good = "auth requisite pam_unix.so\nauth required pam_mfa.so\n";
    let checks = checked(&[
        ("sshd", good),
        ("sudo", good),
        ("sshd.dpkg-old", "auth x"),
        ("sshd.bak", good),
    ]);
    let message = "sshd, sshd.bak, sudo: the code is asked for after the password or key";
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
fn only_sshd_is_told_to_check_a_key_before_the_code() {
    let remedy = |stacks: &[(&str, &str)]| {
        let checks = checked(stacks);
        let alone = checks.iter().find(|check| check.message.contains(ALONE));
        alone.unwrap().remedy.clone().unwrap_or_default()
    };
    let code = "auth required pam_mfa.so\n";
    assert_eq!(remedy(&[("sshd", code)]), AFTER_A_KEY);
    assert_eq!(remedy(&[("vpn", code)]), PASSWORD_FIRST);
    let common = "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\n\
                  auth required pam_permit.so\n";
    let lines = "correct order:\n  auth include common-auth\n  auth [success=ok";
    let with_common = remedy(&[("vpn", code), ("common-auth", common)]);
    assert!(with_common.starts_with(lines), "{with_common}");
    let both = "@include only-code\n";
    let shared = remedy(&[("only-code", code), ("sshd", both), ("vpn", both)]);
    assert!(
        shared.starts_with("sshd: require a key")
            && shared.contains("\nothers: ask for the password"),
        "{shared}"
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
    let said = "sshd: the login succeeds without the code if the user is locked (";
    assert!(check.message.starts_with(said), "{check:?}");
    let right = "sshd:\n  auth [success=ok ignore=ignore default=die] pam_mfa.so timeout=9\nor ";
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
    assert!(
        checks[1].ok
            && checks[1]
                .message
                .contains("while the agent is not reachable")
    );
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
    let right =
        "auth requisite pam_mysql.so …\n  auth required pam_mfa.so debug\nkeep the present arg";
    assert!(remedy.contains(right), "{remedy}");
}

#[test]
fn services_without_the_module_are_told_only_if_none_has_it() {
    let checks = checked(&[("sshd", "auth required pam_unix.so\n")]);
    assert!(
        checks[0].ok && checks[0].message.contains("no stack names"),
        "{checks:?}"
    );
    assert_eq!(in_folders(&["/nonexistent/pam.d".into()]), []);
}

#[test]
fn services_without_the_module_are_named_where_others_have_it() {
    let checks = checked(&[
        ("common-auth", "auth required pam_unix.so\n"),
        ("sshd", "@include common-auth\nauth required pam_mfa.so\n"),
        ("login", "@include common-auth\n"),
        (
            "vpn",
            "auth required pam_unix.so\nauth required pam_oath.so\n",
        ),
        ("cron", "@include common-auth\n"),
        (
            "su",
            "auth sufficient pam_rootok.so\n@include common-auth\n",
        ),
    ]);
    let message = format!("login, su: {PASSWORD_ONLY}");
    let is_it = |check: &&Check| check.ok && check.message == message;
    assert_eq!(checks.iter().filter(is_it).count(), 1, "{checks:?}");
}

#[test]
fn an_account_line_that_nobody_can_meet_is_a_problem() {
    let account = "account required pam_mfa.so\n";
    let auth = "auth requisite pam_unix.so\nauth required pam_mfa.so";
    let checks = checked(&[
        ("good", &format!("{auth} ticket\n{account}")),
        ("sshd", &format!("{auth}\n{account}")),
        ("cron", account),
    ]);
    let told = |words: &str| {
        let is_it = |check: &&Check| !check.ok && check.message.contains(words);
        checks.iter().find(is_it).map(|check| check.message.clone())
    };
    assert!(told(NO_TICKET).is_some_and(|text| text.starts_with("sshd: ")));
    assert!(told(NO_CODE).is_some_and(|text| text.starts_with("cron: ")));
    assert!(told("good: ").is_none(), "{checks:?}");
}

#[test]
fn the_stacks_that_are_shipped_are_right() {
    let host = tempfile::tempdir().unwrap();
    for phase in ["auth", "account", "session", "password"] {
        let text = format!(
            "{phase} [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\n\
             {phase} requisite pam_deny.so\n"
        );
        fs::write(host.path().join(format!("common-{phase}")), text).unwrap();
    }
    fs::write(host.path().join("common-session-noninteractive"), "").unwrap();
    let shipped = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../config/pam.d");
    let checks = in_folders(&[host.path().to_owned(), shipped]);
    assert!(checks.iter().all(|check| check.ok), "{checks:?}");
    assert_eq!(
        checks[0].message,
        "cockpit, doas, lightdm, login, mariadb, ocserv, openvpn, polkit-1 and 5 more: the code is \
         asked for after the password or key"
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
    let checks = in_folders(&[folder.path().to_owned()]);
    assert!(checks[0].ok && checks[0].remedy.is_none(), "{checks:?}");
}

/// A host with Debian's files, and one more.
fn with(name: &str, stack: &str) -> Vec<Check> {
    let files = [
        ("common-auth", "auth requisite pam_unix.so\n"),
        ("common-account", "account required pam_unix.so\n"),
        ("common-session", "session required pam_unix.so\n"),
        (name, stack),
    ];
    checked(&files)
}

/// The problems, each with its remedy.
fn problems(checks: &[Check]) -> Vec<String> {
    let told = |check: &Check| {
        let remedy = check.remedy.as_deref().unwrap_or_default();
        format!("{} | {remedy}", check.message)
    };
    checks.iter().filter(|check| !check.ok).map(told).collect()
}

#[test]
fn what_libpam_does_not_take_is_a_problem() {
    let ours = "auth [success=ok ignore=ignore default=die] pam_mfa.so";
    for (stack, words) in [
        (
            format!("auth include common-auth\r\n{ours}\r\n"),
            "vpn:1 and 1 more): the line ends with a carriage return",
        ),
        (
            format!("@include common-auth\n@include no-such-file\n{ours}\n"),
            "a missing file, so libpam refuses the login",
        ),
        (
            format!("auth substack /nonexistent/common-auth\n{ours}\n"),
            "a missing file",
        ),
        (
            format!("@include common-auth\n{ours}\nsession include gone\n"),
            "a missing file",
        ),
        (
            format!("@include common-auth\nauht required pam_x.so\n{ours}\n"),
            "is not auth,",
        ),
        (
            format!("@include common-auth\nauth must pam_x.so\n{ours}\n"),
            "the control is not",
        ),
    ] {
        let problems = problems(&with("vpn", &stack));
        assert!(
            problems.iter().any(|told| told.contains(words)),
            "{stack}{problems:?}"
        );
    }
    let sound = problems(&with("vpn", &format!("@include common-auth\n{ours}\n")));
    assert_eq!(sound, [] as [String; 0]);
}

#[test]
fn a_carriage_return_is_told_with_the_command_that_takes_it_out() {
    let stack = "@include common-auth\r\nauth required pam_mfa.so\r\n";
    let told = problems(&with("vpn", stack)).remove(0);
    assert!(told.contains("| sed -i 's/\\r$//' "), "{told}");
}

#[test]
fn a_file_from_another_folder_is_read_as_libpam_reads_it() {
    let elsewhere = tempfile::tempdir().unwrap();
    let path = elsewhere.path().join("ours");
    fs::write(&path, "auth required pam_mfa.so timeout=9999\n").unwrap();
    let stack = format!("@include common-auth\nauth include {}\n", path.display());
    let problems = problems(&with("vpn", &stack));
    let place = format!("({}:1)", path.display());
    assert!(
        problems.iter().any(|told| told.contains(&place)),
        "{problems:?}"
    );
}

#[test]
fn a_file_that_can_t_be_read_is_a_problem() {
    let long = "#\n".repeat(40_000);
    let problems = problems(&with("vpn", &long));
    assert!(
        problems[0].contains(UNREAD) && problems[0].contains("64 KiB"),
        "{problems:?}"
    );
}

#[test]
fn where_one_file_s_line_is_passed_by_the_line_is_named() {
    let files = |common: &str| {
        let folder = tempfile::tempdir().unwrap();
        let other = "auth sufficient pam_unix.so\nauth required pam_mfa.so\n";
        for (name, text) in [
            ("common-auth", common),
            ("sshd", "@include common-auth\n"),
            ("own", other),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        problems_by_file(&Files::read(&[folder.path().to_owned()]), "common-auth")
    };
    let faillock = "auth required pam_faillock.so preauth silent deny=4\n\
                    auth [success=1 default=ignore] pam_unix.so nullok\n\
                    auth [default=die] pam_faillock.so authfail deny=4\n\
                    auth sufficient pam_faillock.so authsucc deny=4\n\
                    auth requisite pam_deny.so\nauth required pam_permit.so\n\
                    auth [success=ok ignore=ignore default=die] pam_mfa.so\n";
    let found = files(faillock);
    let told: Vec<_> = found.iter().map(|(message, _)| message.as_str()).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(told[0].contains("common-auth:4"), "{told:?}");
    let right = faillock.replace("sufficient pam_f", "required pam_f");
    let right = right.replace("auth requisite pam_deny.so\n", "");
    assert_eq!(files(&right), []);
}
