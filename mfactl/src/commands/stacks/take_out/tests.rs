//! What takes the place of our lines. `tests/take_out.rs` holds it against libpam.

use super::*;
use std::fs;
use tempfile::TempDir;

const COMMON: &str = "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\nauth required pam_permit.so\n";

fn host(files: &[(&str, &str)]) -> (TempDir, Files) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("common-auth"), COMMON).unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let files = Files::read(&[folder.path().to_owned()]);
    (folder, files)
}

/// What takes the place of the lines, by file.
fn taken(files: &[(&str, &str)]) -> Vec<(String, Vec<String>)> {
    let (_folder, files) = host(files);
    let plan = plan(&files).unwrap().into_iter();
    plan.map(|it| {
        let name = it.path.file_name().unwrap().to_string_lossy().into_owned();
        let text = String::from_utf8_lossy(&it.after).into_owned();
        let marked = text.lines().filter(|line| line.contains("# instead of"));
        let line = |line: &str| line.split(" # in").next().unwrap_or_default().to_owned();
        (name, marked.map(line).collect())
    })
    .collect()
}

const NOTHING: &str = "auth [default=ignore] pam_permit.so";
const YES: &str = "auth required pam_permit.so";
const ASK: &str = "auth [default=ignore] pam_unix.so";
const PASSWORD: &str = "auth required pam_unix.so";
const IN_PLACE: &str = "auth sufficient pam_unix.so";

#[test]
fn each_line_gets_the_least_that_neither_opens_nor_shuts_the_service() {
    for (stack, expected) in [
        ("@include common-auth\nauth required pam_mfa.so\n", NOTHING),
        (
            "auth required pam_mfa.so\nauth required pam_permit.so\n",
            PASSWORD,
        ),
        (
            "\tauth required pam_shells.so\n\tauth required pam_mfa.so\n",
            PASSWORD,
        ),
        (
            "AUTH required pam_shells.so\nAUTH required pam_mfa.so\n",
            PASSWORD,
        ),
        (
            "auth required pam_shells.so # not pam_unix here\nauth required pam_mfa.so\n",
            PASSWORD,
        ),
        (
            "auth required pam_mfa.so forward_pass\nauth required pam_unix.so try_first_pass\n",
            NOTHING,
        ),
        (
            "auth required pam_mfa.so forward_pass\nauth required pam_unix.so use_first_pass\n",
            ASK,
        ),
        (
            "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\nauth required pam_mfa.so\n",
            YES,
        ),
        (
            "auth sufficient pam_rootok.so\nauth required pam_shells.so\nauth required pam_mfa.so\n",
            PASSWORD,
        ),
        (
            "auth sufficient pam_rootok.so\n@include common-auth\nauth required pam_mfa.so\n",
            NOTHING,
        ),
        (
            "auth sufficient pam_mfa.so\nauth required pam_unix.so\n",
            NOTHING,
        ),
        (
            "auth required pam_unix.so\nauth sufficient pam_mfa.so\nauth [auth_err=ignore] pam_exec.so\n",
            IN_PLACE,
        ),
        (
            "auth sufficient pam_mfa.so\nauth required pam_deny.so\n",
            IN_PLACE,
        ),
        (
            "auth \\\n  required pam_mfa.so \\\n  timeout=5\nauth include common-auth\n",
            NOTHING,
        ),
        ("auth required pam_mfa\n@include common-auth\n", NOTHING),
        ("auht required pam_mfa.so\n@include common-auth\n", NOTHING),
    ] {
        let found = taken(&[("svc", stack)]);
        assert_eq!(
            found,
            [("svc".to_owned(), vec![expected.to_owned()])],
            "{stack}"
        );
    }
}

#[test]
fn jumps_keep_their_counts_and_the_emergency_way_goes_too() {
    let stack = "auth [success=1 default=ignore] pam_succeed_if.so quiet user = root service in login\n\
                 auth [success=ok default=die] pam_mfa.so forward_pass\n\
                 auth required pam_unix.so try_first_pass\n";
    let found = taken(&[("svc", stack)]);
    assert_eq!(found[0].1, [NOTHING, NOTHING]);
    let gate = stack.replace("user = root service in login", "user ingroup nomfa");
    assert_eq!(taken(&[("svc", &gate)])[0].1, [NOTHING]);
}

#[test]
fn a_file_that_others_take_in_is_judged_by_them_whatever_its_name() {
    let snippet = "auth required pam_mfa.so\n";
    let sound = ("svc", "@include common-auth\nauth include code-auth\n");
    assert_eq!(taken(&[sound, ("code-auth", snippet)])[0].1, [NOTHING]);
    let alone = (
        "vpn",
        "auth required pam_shells.so\nauth include code-auth\n",
    );
    let found = taken(&[sound, alone, ("code-auth", snippet)]);
    assert_eq!(found, [("code-auth".to_owned(), vec![PASSWORD.to_owned()])]);
}

#[test]
fn other_phases_stay_passable() {
    let found = taken(&[(
        "svc",
        "account required pam_mfa.so\nsession required pam_unix.so\nsession required pam_mfa.so\n",
    )]);
    let expected = [
        "account required pam_permit.so",
        "session [default=ignore] pam_permit.so",
    ];
    assert_eq!(found[0].1, expected);
}

#[test]
fn all_that_is_replaced_stays_as_comments_and_all_other_bytes_as_they_are() {
    let (folder, _) = host(&[]);
    let before = b"# caf\xe9\nauth requisite pam_unix.so\nauth \\\n# why\n required pam_mfa.so";
    fs::write(folder.path().join("a b:c"), before).unwrap();
    let files = Files::read(&[folder.path().to_owned()]);
    let plan = plan(&files).unwrap();
    let expected = b"# caf\xe9\nauth requisite pam_unix.so\n#mfa-pam# auth \\\n#mfa-pam# # why\n\
        #mfa-pam#  required pam_mfa.so\nauth [default=ignore] pam_permit.so # instead of pam_mfa\n";
    assert_eq!(
        String::from_utf8_lossy(&plan[0].after),
        String::from_utf8_lossy(expected)
    );
    super::super::replace::all(&plan).unwrap();
    let again = Files::read(&[folder.path().to_owned()]);
    assert!(super::plan(&again).unwrap().is_empty());
}

#[test]
fn whether_a_service_asks_for_a_password_is_no_matter_of_words() {
    for (stack, expected) in [
        ("@include common-auth\n", true),
        ("auth include site\nauth required pam_mfa.so\n", true),
        ("auth required pam_deny.so\n", true),
        ("auth required pam_mfa.so # instead of pam_unix\n", false),
        (
            "auth sufficient pam_mfa.so\nauth required pam_unix.so\n",
            false,
        ),
        (
            "auth optional pam_unix.so\nauth required pam_permit.so\n",
            false,
        ),
        ("account required pam_unix.so\n", true),
    ] {
        let (_folder, files) = host(&[
            ("sshd", stack),
            ("site", COMMON),
            ("other", "auth required pam_deny.so\n"),
        ]);
        assert_eq!(asks_for_a_password(&files, "sshd"), expected, "{stack}");
    }
}
