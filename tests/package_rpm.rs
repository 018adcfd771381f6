//! The rpm package, as far as possible without Fedora: on a booted machine, rpm installs it and
//! runs its scriptlets; libpam loads the module by its path.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use mfa_tests::booted::Booted;
use mfa_tests::{built, code_of, run};

/// Both tests make packages in the same folder.
static BUILDING: Mutex<()> = Mutex::new(());

/// Makes a package of this release; returns its bytes and its file.
fn made(release: &str) -> (Vec<u8>, PathBuf) {
    let _one_at_a_time = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    let tree = &built().tree;
    let made = run(Command::new(tree.join("packaging/rpm"))
        .env("MFA_RPM_RELEASE", release)
        .current_dir(tree));
    assert!(made.is_success(), "{made:?}");
    let file = tree.join(made.stdout.lines().last().expect("a name"));
    (fs::read(&file).expect("a package"), file)
}

fn package(machine: &Booted, release: &str) {
    fs::write(machine.at("root/pam-mfa.rpm"), made(release).0).expect("a copy");
}

/// Its dependencies have other names on this machine.
const INSTALL: &str = "rpm --upgrade --nodeps /root/pam-mfa.rpm";

const STACK: &str = "auth requisite pam_unix.so\n\
                     auth [success=ok ignore=ignore default=die] /usr/lib64/security/pam_mfa.so\n\
                     account required pam_unix.so\n";

fn log_in(machine: &Booted, code: &str) -> bool {
    let nobody = "exec setpriv --reuid=nobody --regid=nogroup --clear-groups \
                  su anna -c 'echo you are in'";
    let mut su = machine.terminal(&["sh", "-c", nobody]);
    su.answer("Password: ", "correct horse");
    su.answer("OTP code: ", code);
    su.finish().0.contains("you are in")
}

#[test]
#[ignore = "boots a machine: make test-all runs it"]
fn the_rpm_is_installed_upgraded_and_removed_with_its_scriptlets() {
    let machine = Booted::start();
    machine
        .must("useradd --create-home --shell /bin/sh anna && echo 'anna:correct horse' | chpasswd");
    package(&machine, "1");
    let stacks = "cat /etc/pam.d/* | sha256sum";
    let untouched = machine.must(stacks);
    let said = machine.must(INSTALL);
    assert!(said.contains("mfa-pam enable --sshd"), "{said}");
    assert_eq!(
        machine.must(stacks),
        untouched,
        "installing changes no login"
    );
    assert_eq!(
        machine
            .must("stat --format=%U:%a /usr/lib64/security/pam_mfa.so")
            .trim(),
        "root:644"
    );
    machine.must("getent passwd mfa && rpm --verify --nodeps pam-mfa");
    machine.must("test -e /var/lib/mfa/key.store");
    machine.must("systemctl enable --now mfa-agent.socket mfa-agent.service");
    let reply = machine.must("mfactl --json enroll totp anna --no-confirm");
    let reply: serde_json::Value = serde_json::from_str(&reply).expect("JSON");
    let key = reply["secret"].as_str().expect("a key");
    fs::write(machine.at("etc/pam.d/su"), STACK).expect("a stack");
    assert!(!log_in(&machine, "000000"));
    assert!(log_in(&machine, &code_of(key, 0)));

    machine.must("mfactl mode local-users && echo '# changed' >> /etc/mfa/agent.toml");
    let before = machine.must("systemctl show --property=MainPID --value mfa-agent");
    package(&machine, "2");
    let said = machine.must(INSTALL);
    assert!(!said.contains("enable"), "{said}");
    assert_ne!(
        machine.must("systemctl show --property=MainPID --value mfa-agent"),
        before
    );
    assert!(
        machine
            .must("cat /etc/mfa/agent.toml")
            .ends_with("# changed\n")
    );
    assert!(log_in(&machine, &code_of(key, 1)));
    let mode = "/etc/mfa/agent.d/zzz-mode.toml";
    machine.must(&format!("grep -q local-users {mode}"));

    let refused = machine.sh("rpm --erase pam-mfa");
    assert!(!refused.is_success(), "a stack names it: {refused:?}");
    assert!(refused.stderr.contains("/etc/pam.d/su:2:"), "{refused:?}");
    machine.must("rm /etc/pam.d/su && rpm --erase pam-mfa");
    for gone in [
        "/usr/lib64/security/pam_mfa.so",
        "/usr/sbin/mfa-agent",
        mode,
    ] {
        assert!(
            !machine.sh(&format!("test -e {gone}")).is_success(),
            "{gone}"
        );
    }
    assert_ne!(
        machine
            .sh("systemctl is-active mfa-agent.socket")
            .stdout
            .trim(),
        "active"
    );
    machine.must("test -e /var/lib/mfa/key && test -e /etc/mfa/agent.toml.rpmsave");
}

#[test]
#[ignore = "builds packages: make test-all runs it"]
fn two_builds_of_the_rpm_are_equal_and_rpmlint_finds_nothing() {
    let (first, _) = made("3");
    let (second, file) = made("3");
    assert!(first == second, "they differ");
    let rpmlint = run(Command::new("rpmlint")
        .arg("--config")
        .arg(built().tree.join("packaging/rpmlint.toml"))
        .arg(&file));
    assert!(
        rpmlint.stdout.contains(" 0 errors, 0 warnings"),
        "{rpmlint:?}"
    );
}
