//! `mfa-pam` on a host where authselect writes the stacks, as on Fedora and RHEL, and logins with
//! them.
//!
//! authselect itself is fake (`tests/programs/authselect`); libpam, its modules and ours are real.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use mfa_tests::{Agent, Login, Machine, Output, Seen, Stack, built, run};

const USER: &str = "mfat-anna";
const PASSWORD: &str = "correct horse";
const PIN: &str = "4826";

/// Like the profiles of authselect: every way to check a password is `sufficient`, and pam_deny
/// comes last.
const AUTH: &str = "\
auth        required                                     pam_env.so
auth        required                                     pam_faillock.so preauth silent   {include if \"with-faillock\"}
auth        [default=1 ignore=ignore success=ok]         pam_localuser.so
auth        sufficient                                   pam_unix.so nullok
auth        required                                     pam_faillock.so authfail         {include if \"with-faillock\"}
auth        required                                     pam_deny.so

account     required                                     pam_unix.so
session     required                                     pam_unix.so
";
const POSTLOGIN: &str = "session     optional                   pam_umask.so silent\n";
/// Two services of Fedora: one gives a shell, the other does not.
const SSHD: &str = "\
auth       substack     password-auth
auth       include      postlogin
account    required     pam_nologin.so
account    include      password-auth
";
const SUDO: &str = "auth include system-auth\naccount include system-auth\n";
/// As in the quick start.
const SUDO_THAT_ASKS: &str = "\
auth       substack     system-auth
auth       [success=ok ignore=ignore default=die]   pam_mfa.so
account    include      system-auth
";

fn prepare(machine: &Machine) {
    let profile = "/etc/authselect/default/local";
    fs::create_dir_all(profile).unwrap();
    for (name, text) in [
        ("README", "Local users only\n"),
        ("system-auth", AUTH),
        ("password-auth", AUTH),
        ("postlogin", POSTLOGIN),
    ] {
        fs::write(format!("{profile}/{name}"), text).unwrap();
    }
    machine.stack("sshd", SSHD);
    machine.stack("sudo", SUDO);
    machine.user(USER, PASSWORD);
    machine.password("root", PASSWORD);
    // Without pam-auth-update, which is in /usr/sbin.
    fs::create_dir("/run/programs").unwrap();
    let tree = &built().tree;
    symlink(
        tree.join("tests/programs/authselect"),
        "/run/programs/authselect",
    )
    .unwrap();
    symlink(&built().mfactl, "/run/programs/mfactl").unwrap();
}

fn command(name: &str, arguments: &[&str]) -> Output {
    let path = "/run/programs:/usr/bin:/bin";
    run(Command::new(name).args(arguments).env("PATH", path))
}

fn authselect(arguments: &[&str]) -> Output {
    command("/run/programs/authselect", arguments)
}

fn mfa_pam(action: &str) -> Output {
    let program = built().tree.join("packaging/bin/mfa-pam");
    command(program.to_str().unwrap(), &[action])
}

fn log_in(service: &str, answers: &[&str]) -> Seen {
    let mut login = Login::of(USER).service(service).option("--account");
    for answer in answers {
        login = login.answer(answer);
    }
    login.run(&Stack::of_host())
}

/// The stacks that authselect wrote, and the folder with its state.
fn stacks() -> String {
    let files =
        ["system-auth", "password-auth", "postlogin"].map(|name| format!("/etc/pam.d/{name}"));
    let files = files
        .iter()
        .map(String::as_str)
        .chain(["/etc/authselect/authselect.conf"]);
    files
        .map(|file| fs::read_to_string(file).unwrap())
        .collect()
}

#[test]
fn a_profile_is_made_from_the_active_one_and_removed_without_a_trace() {
    Machine::run(|machine| {
        prepare(machine);
        let agent = Agent::at_default_socket("[policy]\nrequire = [\"pin\"]\n");
        let refused = mfa_pam("enable");
        assert_eq!(refused.status, Some(1), "{refused:?}");
        assert!(
            refused
                .stderr
                .contains("no administrator of this host could log in"),
            "{refused:?}"
        );
        agent.admin().pin("root", PIN);
        agent.admin().pin(USER, PIN);
        let refused = mfa_pam("enable");
        assert!(
            refused.stderr.contains("authselect has no active profile"),
            "{refused:?}"
        );

        assert!(authselect(&["select", "local", "with-faillock"]).is_success());
        let before = stacks();
        assert_eq!(mfa_pam("status").status, Some(1));
        fs::write("/etc/authselect/postlogin", "# by hand\n").unwrap();
        let refused = mfa_pam("enable");
        assert!(refused.stderr.contains("changed by hand"), "{refused:?}");
        assert!(authselect(&["select", "local", "with-faillock"]).is_success());

        fs::create_dir_all("/etc/authselect/custom/mfa").unwrap();
        fs::write("/etc/authselect/custom/mfa/README", "Of our own\n").unwrap();
        let refused = mfa_pam("enable");
        assert!(refused.stderr.contains("has not made"), "{refused:?}");
        assert!(fs::exists("/etc/authselect/custom/mfa/README").unwrap());
        fs::remove_dir_all("/etc/authselect/custom/mfa").unwrap();

        let enabled = mfa_pam("enable");
        assert!(enabled.is_success(), "{enabled:?}");
        let current = authselect(&["current", "--raw"]).stdout;
        assert_eq!(current, "custom/mfa with-faillock with-mfa\n");
        assert!(mfa_pam("enable").is_success(), "again");
        assert!(authselect(&["disable-feature", "with-mfa"]).is_success());
        assert_eq!(mfa_pam("status").status, Some(1));
        assert!(mfa_pam("enable").is_success());
        assert!(mfa_pam("status").is_success());

        let disabled = mfa_pam("disable");
        assert!(disabled.is_success(), "{disabled:?}");
        assert_eq!(stacks(), before);
        assert!(!fs::exists("/etc/authselect/custom/mfa").unwrap());
    });
}

#[test]
fn enabling_is_refused_if_an_earlier_line_bypasses_ours() {
    Machine::run(|machine| {
        prepare(machine);
        let agent = Agent::at_default_socket("[policy]\nrequire = [\"pin\"]\n");
        agent.admin().pin("root", PIN);
        assert!(authselect(&["select", "local", "with-faillock"]).is_success());
        machine.stack("vpn", "auth include system-auth\nauth include postlogin\n");
        let before = stacks();
        let refused = mfa_pam("enable");
        assert_eq!(refused.status, Some(1), "{refused:?}");
        let said = refused.stderr.replace("\n            ", " ");
        for words in [
            "vpn: a user with the right password is never asked",
            "/etc/pam.d/system-auth:4",
            "not enabled, because of the above",
        ] {
            assert!(said.contains(words), "{words}: {refused:?}");
        }
        assert_eq!(stacks(), before);
        assert_eq!(mfa_pam("status").status, Some(1));
        machine.stack("vpn", "auth substack system-auth\nauth include postlogin\n");
        let enabled = mfa_pam("enable");
        assert!(enabled.is_success(), "{enabled:?}");
    });
}

#[test]
fn disabling_is_refused_while_libpam_reads_a_file_with_our_line() {
    Machine::run(|machine| {
        prepare(machine);
        assert!(authselect(&["select", "local"]).is_success());
        fs::create_dir("/etc/stacks").unwrap();
        let line = "auth required pam_mfa.so\n";
        fs::write("/etc/stacks/ours", line).unwrap();
        machine.stack("vpn", "auth include /etc/stacks/ours\n");
        let refused = mfa_pam("disable");
        assert!(
            refused
                .stderr
                .contains("/etc/stacks/ours:1:auth required pam_mfa.so"),
            "{refused:?}"
        );
        machine.stack("vpn", "auth include system-auth\n");
        machine.stack(
            "sshd.bak",
            &format!("account \\\n# why\n required pam_mfa.so\n{line}"),
        );
        let refused = mfa_pam("disable");
        for place in ["sshd.bak:1:account required", "sshd.bak:4:auth required"] {
            assert!(refused.stderr.contains(place), "{place}: {refused:?}");
        }
        fs::remove_file("/etc/pam.d/sshd.bak").unwrap();
        let disabled = mfa_pam("disable");
        assert!(disabled.is_success(), "{disabled:?}");
        assert!(disabled.stdout.contains("Disabled."), "{disabled:?}");
    });
}

#[test]
fn a_profile_without_a_place_for_the_password_failed_line_is_left_alone() {
    Machine::run(|machine| {
        prepare(machine);
        let agent = Agent::at_default_socket("[policy]\nrequire = [\"pin\"]\n");
        agent.admin().pin("root", PIN);
        fs::write(
            "/etc/authselect/default/local/password-auth",
            "auth required pam_unix.so\n",
        )
        .unwrap();
        assert!(authselect(&["select", "local"]).is_success());
        let before = stacks();
        let refused = mfa_pam("enable");
        assert_eq!(refused.status, Some(1), "{refused:?}");
        assert!(
            refused
                .stderr
                .contains("password-auth of the profile local"),
            "{refused:?}"
        );
        assert_eq!(stacks(), before);
        assert!(!fs::exists("/etc/authselect/custom/mfa").unwrap());
    });
}

#[test]
fn without_the_password_nobody_is_asked_for_the_code_or_locks_the_user() {
    Machine::run(|machine| {
        prepare(machine);
        let agent = Agent::at_default_socket("[policy]\nrequire = [\"pin\"]\n");
        agent.admin().pin("root", PIN);
        agent.admin().pin(USER, PIN);
        assert!(authselect(&["select", "local"]).is_success());
        assert!(mfa_pam("enable").is_success());
        for _ in 0..6 {
            let seen = log_in("sshd", &["wrong", "0000"]);
            assert_eq!(seen.result(), "PAM_AUTH_ERR", "{seen:?}");
            assert_eq!(seen.prompts(), ["Password: "]);
        }
        assert_eq!(agent.admin().status(USER).failures, 0);
        let seen = log_in("sshd", &[PASSWORD, "0000"]);
        assert_eq!(seen.result(), "PAM_AUTH_ERR", "{seen:?}");
        assert_eq!(agent.admin().status(USER).failures, 1);
        let seen = log_in("sshd", &[PASSWORD, PIN]);
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
        let seen = log_in("sudo", &[PASSWORD]);
        assert_eq!(
            seen.result(),
            "PAM_SUCCESS",
            "not one of postlogin's: {seen:?}"
        );

        machine.stack("sudo", SUDO_THAT_ASKS);
        let seen = log_in("sudo", &[PASSWORD, PIN]);
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
        let seen = log_in("sudo", &["wrong", PIN]);
        assert_eq!(seen.prompts(), ["Password: "], "{seen:?}");
        let refused = mfa_pam("disable");
        assert!(refused.stderr.contains("/etc/pam.d/sudo:2:"), "{refused:?}");
        assert!(mfa_pam("status").is_success(), "nothing was changed");

        let found = command("mfactl", &["doctor", "--json"]);
        let report: serde_json::Value = serde_json::from_str(&found.stdout).unwrap();
        let stacks: Vec<String> = report["checks"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|check| check["name"] == "stacks")
            .map(|check| check["message"].as_str().unwrap().to_owned())
            .collect();
        let after =
            |message: &String| message.contains("after the password") && message.contains("sshd");
        assert!(stacks.iter().any(after), "{stacks:?}");
    });
}
