//! What is left of a stack when `pam_mfa` is taken out of it: the real libpam lets in who knows the password, and
//! nobody else.

use std::fs;
use std::process::Command;

use mfa_tests::{Login, Machine, Output, Stack, built, run};

const USER: &str = "mfat-anna";
const PASSWORD: &str = "correct horse";

fn mfactl(arguments: &[&str]) -> Output {
    run(Command::new(&built().mfactl).arg("stacks").args(arguments))
}

/// Whether the service lets in, with this answer to each question.
fn is_let_in(service: &str, answers: &[&str]) -> bool {
    let login = Login::of(USER).service(service);
    let login = answers
        .iter()
        .fold(login, |login, answer| login.answer(answer));
    login.run(&Stack::of_host()).result() == "PAM_SUCCESS"
}

/// Files, of which "svc" is the service.
type Files = &'static [(&'static str, &'static str)];

const STACKS: [Files; 20] = [
    &[(
        "svc",
        "\tauth required pam_shells.so\n\tauth required pam_mfa.so\n",
    )],
    &[(
        "svc",
        "AUTH required pam_shells.so\nAUTH required pam_mfa.so\n",
    )],
    &[(
        "svc",
        "auth \\\n  required pam_mfa.so\nauth include common-auth\n",
    )],
    &[(
        "svc",
        "auth required pam_mfa.so \\\n  timeout=5\nauth include common-auth\n",
    )],
    &[(
        "svc",
        "auth required pam_mfa.so \\\n# why\n\n timeout=5\n@include common-auth\n",
    )],
    &[(
        "svc",
        "auth required pam_shells.so # not pam_unix here\nauth required pam_mfa.so\n",
    )],
    &[(
        "svc",
        "auth include common-auth\nauth required pam_mfa.so\n",
    )],
    &[
        (
            "svc",
            "auth required pam_shells.so\nauth include code-auth\n",
        ),
        ("code-auth", "auth required pam_mfa.so\n"),
    ],
    &[
        ("svc", "@include common-auth\n@include code\n"),
        ("code", "auth required pam_mfa.so\n"),
    ],
    &[(
        "svc",
        "auth requisite pam_unix.so\nauth [success=1 default=ignore] pam_succeed_if.so quiet user ingroup root\n\
         auth [success=ok ignore=ignore default=die] pam_mfa.so\n",
    )],
    &[(
        "svc",
        "auth [success=1 default=ignore] pam_succeed_if.so quiet user = mfat-anna\n\
         auth [success=ok ignore=ignore default=die] pam_mfa.so forward_pass\n\
         auth required pam_unix.so try_first_pass\nauth required pam_shells.so\n",
    )],
    &[(
        "svc",
        "auth [success=1 default=ignore] pam_succeed_if.so quiet user = mfat-anna service in svc\n\
         auth [success=ok ignore=ignore default=die] pam_mfa.so\nauth required pam_shells.so\n",
    )],
    &[(
        "svc",
        "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\n\
         auth [success=ok ignore=ignore default=die] pam_mfa.so\n",
    )],
    &[(
        "svc",
        "auth required pam_mfa.so forward_pass\nauth required pam_unix.so use_first_pass\n",
    )],
    &[("svc", "@include common-auth\nauth required pam_mfa\n")],
    &[(
        "svc",
        "auth sufficient pam_mfa.so\nauth required pam_unix.so\n",
    )],
    &[(
        "svc",
        "auth sufficient pam_mfa.so\nauth required pam_deny.so\n",
    )],
    &[("svc", "auht required pam_mfa.so\n@include common-auth\n")],
    &[(
        "svc",
        "auth include common-auth\nauth required pam_mfa.so\r\n",
    )],
    &[(
        "svc",
        "auth [success=ok ignore=ignore default=die] pam_mfa.so\nauth required pam_permit.so\n",
    )],
];

#[test]
fn who_knows_the_password_gets_in_and_nobody_else() {
    Machine::run(|machine| {
        machine.user(USER, PASSWORD);
        for files in STACKS {
            for (name, text) in files {
                let account = match *name {
                    "svc" => "account required pam_permit.so\naccount required pam_mfa.so\n",
                    _ => "",
                };
                fs::write(format!("/etc/pam.d/{name}"), format!("{text}{account}"))
                    .expect("a stack");
            }
            let out = mfactl(&["take-out"]);
            assert!(out.is_success(), "{files:?}: {out:?}");
            let now = fs::read_to_string("/etc/pam.d/svc").expect("a stack");
            assert!(!is_let_in("svc", &["wrong", "wrong"]), "{now}");
            assert!(!is_let_in("svc", &[]), "{now}");
            assert!(is_let_in("svc", &[PASSWORD, PASSWORD]), "{now}");
            assert_eq!(mfactl(&["lines"]).stdout, "", "{now}");
            for (name, _) in files {
                fs::remove_file(format!("/etc/pam.d/{name}")).expect("a stack");
            }
        }
    });
}

#[test]
fn names_do_not_matter_and_one_file_that_can_t_be_written_keeps_all_as_they_were() {
    Machine::run(|machine| {
        machine.user(USER, PASSWORD);
        let text = "auth required pam_mfa.so\naccount required pam_permit.so\n";
        let names = ["my svc", "a:b", "copy.bak", "linked"];
        fs::write("/etc/linked-to", text).expect("a stack");
        std::os::unix::fs::symlink("/etc/linked-to", "/etc/pam.d/linked").expect("a link");
        for name in &names[..3] {
            fs::write(format!("/etc/pam.d/{name}"), text).expect("a stack");
        }
        let all =
            || names.map(|name| fs::read_to_string(format!("/etc/pam.d/{name}")).expect("a stack"));
        let long = "/etc/pam.d/long";
        fs::write(long, "#".repeat(70_000)).expect("a file");
        let refused = mfactl(&["take-out"]);
        assert!(!refused.is_success(), "{refused:?}");
        assert!(all().iter().all(|now| now == text), "{:?}", all());
        fs::remove_file(long).expect("a file");

        // What is mounted over can't be replaced; it is the last one by name.
        fs::write("/etc/pam.d/zzz", text).expect("a stack");
        let bound = run(Command::new("mount").args(["--bind", "/etc/pam.d/zzz", "/etc/pam.d/zzz"]));
        assert!(bound.is_success(), "{bound:?}");
        let refused = mfactl(&["take-out"]);
        assert!(refused.stderr.contains("nothing changed"), "{refused:?}");
        assert!(all().iter().all(|now| now == text), "{:?}", all());
        assert!(run(Command::new("umount").arg("/etc/pam.d/zzz")).is_success());

        assert!(mfactl(&["take-out"]).is_success());
        for name in names {
            assert!(is_let_in(name, &[PASSWORD]), "{name}");
            assert!(!is_let_in(name, &["wrong"]), "{name}");
        }
        assert!(
            fs::symlink_metadata("/etc/pam.d/linked")
                .expect("a link")
                .is_symlink()
        );
    });
}
