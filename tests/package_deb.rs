//! The Debian package on a machine that was booted for it: installed, enabled, upgraded during a
//! login, removed.

use std::fs;
use std::process::Command;

use mfa_tests::booted::Booted;
use mfa_tests::deb::{add_anna, by_code, by_password, made, ssh};
use mfa_tests::{code_of, eventually, run};

const SSHD: &str = "UsePAM yes\nKbdInteractiveAuthentication yes\nPasswordAuthentication no\n\
                    AuthenticationMethods keyboard-interactive\n";

/// Makes one and puts it on the machine.
fn package(machine: &Booted, version: &str) {
    fs::write(machine.at("root/pam-mfa.deb"), made(version).0).expect("a copy");
}

fn main_pid(machine: &Booted) -> String {
    machine
        .must("systemctl show --property=MainPID --value mfa-agent")
        .trim()
        .to_owned()
}

/// A user's key, enrolled by an administrator.
fn enroll(machine: &Booted, user: &str, label: &str) -> String {
    let reply = machine.must(&format!(
        "mfactl --json enroll totp {user} --label {label} --no-confirm"
    ));
    let reply: serde_json::Value = serde_json::from_str(&reply).expect("JSON");
    reply["secret"].as_str().expect("a key").to_owned()
}

fn confinement(machine: &Booted) {
    let pid = main_pid(machine);
    let status = machine.must(&format!("cat /proc/{pid}/status"));
    for line in [
        "CapEff:\t0000000000000000",
        "CapBnd:\t0000000000000000",
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
    ] {
        assert!(status.contains(line), "{line}: {status}");
    }
    let owner = machine.must(&format!("stat --format=%U /proc/{pid}"));
    assert_eq!(owner.trim(), "mfa");
    let inside = format!("nsenter --target {pid} --mount --net");
    let home = machine.must(&format!("{inside} ls -A /home /root"));
    assert!(
        !home.contains("anna") && !home.contains("pam-mfa.deb"),
        "{home}"
    );
    let wires = machine.must(&format!("{inside} cat /proc/net/dev"));
    assert_eq!(wires.lines().count(), 3, "the loopback alone: {wires}");
    assert!(
        !machine
            .sh(&format!("{inside} touch /etc/x /usr/x"))
            .is_success()
    );
    let level = machine.must("systemd-analyze security --no-pager mfa-agent.service");
    let level = level.lines().last().expect("a level");
    let level: f64 = level
        .split(": ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next())
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("no level: {level}"));
    assert!(level <= 1.5, "{level}");
}

/// systemd passes the key, encrypted at rest, so the file is not needed.
fn key_as_a_credential(machine: &Booted) {
    machine.must(
        "mkdir -m 700 /etc/credstore.encrypted && mv /var/lib/mfa/key /root/key && \
         systemd-creds encrypt --with-key=host --name=mfa.key /root/key /etc/credstore.encrypted/mfa.key && \
         systemctl restart mfa-agent",
    );
    let known = machine.must("mfactl --json status anna");
    assert!(known.contains("\"totp\""), "{known}");
    machine.must(
        "mv /root/key /var/lib/mfa/key && rm -r /etc/credstore.encrypted && systemctl restart mfa-agent",
    );
}

/// A daily backup is off until it is enabled, and is made and restored by the units as they are.
fn backup(machine: &Booted) {
    let enabled = machine.sh("systemctl is-enabled mfa-backup.timer");
    assert_eq!(enabled.stdout.trim(), "disabled", "{enabled:?}");
    machine.must("systemctl enable --now mfa-backup.timer && systemctl start mfa-backup.service");
    let file = machine.must("find /var/lib/mfa/backups -type f");
    let file = file.trim();
    assert!(file.ends_with(".mfa-backup"), "{file}");
    let owner = machine.must(&format!("stat --format='%U %a' {file}"));
    assert_eq!(owner.trim(), "mfa 600");
    machine.must(&format!("mfactl restore --replace {file}"));
    let known = machine.must("mfactl --json status anna");
    assert!(known.contains("\"totp\""), "{known}");
    machine.must("systemctl disable --now mfa-backup.timer");
}

/// The removal stops and disables the timer that an administrator has enabled.
fn no_backup_is_left(machine: &Booted) {
    let failed = machine.must("systemctl --failed --plain --no-legend");
    assert!(!failed.contains("mfa-"), "{failed}");
    let link = "/etc/systemd/system/timers.target.wants/mfa-backup.timer";
    assert!(!machine.sh(&format!("test -L {link}")).is_success());
}

/// A missing store is never replaced by a new one; put back, it serves again.
fn lost_store(machine: &Booted) {
    machine.must("test -e /var/lib/mfa/key.store && mv /var/lib/mfa/store /root/store");
    let restarted = machine.sh("systemctl restart mfa-agent.service");
    assert!(!restarted.is_success(), "{restarted:?}");
    let status = machine.must("systemctl show --property=ExecMainStatus --value mfa-agent");
    assert_eq!(status.trim(), "78");
    let found = machine.sh("timeout 20 mfactl doctor");
    assert_eq!(found.status, Some(3), "{found:?}");
    let words: Vec<_> = found.stdout.split_whitespace().collect();
    let said = words.join(" ");
    for part in ["the agent does not start: ", "/var/lib/mfa/store", "stacks"] {
        assert!(said.contains(part), "{part}: {found:?}");
    }
    machine.must("systemctl start mfa-agent-init.service && test ! -e /var/lib/mfa/store");
    machine.must(
        "mv /root/store /var/lib/mfa/store && systemctl reset-failed && \
         systemctl start mfa-agent.socket mfa-agent.service",
    );
    let known = machine.must("mfactl --json status anna");
    assert!(known.contains("\"totp\""), "{known}");
}

/// If the state is on a disk that is mounted late, a login waits for it.
fn state_on_a_late_disk(machine: &Booted, key: &str) {
    fs::write(
        machine.at("etc/systemd/system/disk.service"),
        "[Service]\nType=oneshot\nExecStart=sleep 3\n",
    )
    .expect("a unit");
    fs::write(
        machine.at("etc/systemd/system/var-lib-mfa.mount"),
        "[Unit]\nRequires=disk.service\nAfter=disk.service\n[Mount]\nWhat=/srv/mfa\nWhere=/var/lib/mfa\nOptions=bind\n",
    )
    .expect("a unit");
    machine.must(
        "systemctl stop mfa-agent.service && mv /var/lib/mfa /srv/mfa && systemctl daemon-reload",
    );
    // The code of this step is used up.
    assert!(by_code(machine, &code_of(key, 1)));
    machine.must("findmnt /var/lib/mfa && systemctl is-active mfa-agent.service");
    machine.must(
        "systemctl stop mfa-agent.service && umount /var/lib/mfa && rmdir /var/lib/mfa && \
         mv /srv/mfa /var/lib/mfa && rm /etc/systemd/system/var-lib-mfa.mount && \
         systemctl daemon-reload && systemctl start mfa-agent.service",
    );
}

/// Doctor finds what would keep users out after the next boot.
fn doctor_looks_at_the_units(machine: &Booted) {
    let both = "mfa-agent.socket mfa-agent.service";
    machine.must(&format!("systemctl disable {both}"));
    let found = machine.sh("mfactl doctor");
    assert_eq!(found.status, Some(1), "{found:?}");
    let said = found
        .stdout
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(said.contains("logins may fail"), "{found:?}");
    machine.must(&format!("systemctl enable {both} && mfactl doctor"));
}

/// A service that has loaded the module keeps it over an upgrade, and doctor says so.
fn a_service_keeps_the_module(machine: &Booted) {
    let names_it = || {
        let said = machine.sh("mfactl doctor").stdout;
        said.contains("  systemctl restart radius.service\n")
    };
    assert!(names_it());
    machine.must("systemctl stop radius.service");
    assert!(!names_it());
}

/// Upgrades while a user is at the prompt for the code.
fn upgrade_under_a_login(machine: &Booted, key: &str) {
    package(machine, "0.1.0-2");
    machine.must(
        "module=$(dpkg --listfiles pam-mfa | grep '/pam_mfa.so$') && \
         systemd-run --unit=radius --setenv=LD_PRELOAD=\"$module\" sleep infinity",
    );
    let before = main_pid(machine);
    let mut client = ssh(machine);
    client.expect("OTP code: ");
    let mut upgrade = machine.terminal(&["apt-get", "install", "--yes", "/root/pam-mfa.deb"]);
    eventually("the agent to be told to end", || {
        let state = machine.must("systemctl show --property=ActiveState --value mfa-agent");
        (state.trim() == "deactivating").then_some(())
    });
    assert_eq!(main_pid(machine), before, "it serves on");
    client.send(&code_of(key, 0));
    client.expect("you are in");
    assert_eq!(client.finish().1, Some(0));
    upgrade.expect("Setting up pam-mfa (0.1.0-2)");
    assert_eq!(upgrade.finish().1, Some(0));
    assert_ne!(main_pid(machine), before, "another one serves now");
    assert_eq!(
        machine.must("systemctl is-active mfa-agent.socket").trim(),
        "active"
    );
    a_service_keeps_the_module(machine);
}

#[test]
#[ignore = "boots a machine: make test-all runs it"]
fn the_package_is_installed_enabled_upgraded_removed_and_purged_and_logins_always_work() {
    let machine = Booted::start();
    add_anna(&machine);
    fs::write(machine.at("etc/ssh/sshd_config"), SSHD).expect("sshd's settings");
    machine.must("systemctl restart ssh");
    by_password(&machine);

    let stacks = "cat /etc/pam.d/* /usr/lib/pam.d/* 2>/dev/null | sha256sum";
    let untouched = machine.must(stacks);
    package(&machine, "0.1.0-1");
    let said = machine.must("apt-get install --yes /root/pam-mfa.deb");
    assert!(said.contains("mfa-pam enable --sshd"), "{said}");
    assert!(
        said.contains("\nGuide: /usr/share/doc/pam-mfa/docs/quick-start.md"),
        "{said}"
    );
    machine.must("test -f /usr/share/doc/pam-mfa/docs/quick-start.md");
    machine.must("systemctl is-active mfa-agent.service mfa-agent.socket");
    assert_eq!(
        machine.must(stacks),
        untouched,
        "installing changes no login"
    );
    by_password(&machine);
    confinement(&machine);

    let refused = machine.sh("mfa-pam enable");
    assert_eq!(refused.status, Some(1), "{refused:?}");
    assert!(
        refused
            .stderr
            .contains("no administrator of this host could log in")
    );
    assert_eq!(machine.must(stacks), untouched);

    let _root = enroll(&machine, "root", "first");
    let key = enroll(&machine, "anna", "first");
    machine.must("mfa-pam enable");
    machine.must("mfa-pam status && mfactl doctor");
    assert!(!by_code(&machine, "000000"));
    assert!(by_code(&machine, &code_of(&key, 0)));
    doctor_looks_at_the_units(&machine);
    lost_store(&machine);
    backup(&machine);
    key_as_a_credential(&machine);
    state_on_a_late_disk(&machine, &key);
    // The codes of the first device are used up for now.
    let second = enroll(&machine, "anna", "second");
    upgrade_under_a_login(&machine, &second);

    machine.must("echo 'auth required pam_mfa.so' > /etc/pam.d/own");
    let refused = machine.sh("apt-get remove --yes pam-mfa");
    assert!(!refused.is_success(), "{refused:?}");
    let said = refused.stdout + &refused.stderr;
    assert!(
        said.contains("/etc/pam.d/own:1:auth required pam_mfa.so"),
        "{said}"
    );
    assert!(said.contains("Run: mfa-pam disable --all"), "{said}");
    machine.must("systemctl enable --now mfa-backup.timer");
    machine.must("rm /etc/pam.d/own && apt-get remove --yes pam-mfa");
    no_backup_is_left(&machine);
    assert_eq!(
        machine.must(stacks),
        untouched,
        "no stack names it any more"
    );
    by_password(&machine);
    machine.must("test -e /var/lib/mfa/key && test -e /etc/mfa/agent.toml");

    machine.must("apt-get install --yes /root/pam-mfa.deb && mfa-pam enable");
    let again = machine.must("mfactl --json status anna");
    assert!(
        again.contains("\"totp\""),
        "what was there is there again: {again}"
    );
    machine.must("mfactl mode local-users && test -e /etc/mfa/agent.d/zzz-mode.toml");
    machine.must("systemctl start mfa-backup.timer");
    machine.must("apt-get purge --yes pam-mfa");
    assert_eq!(machine.must(stacks), untouched);
    by_password(&machine);
    for gone in [
        "/var/lib/systemd/timers/stamp-mfa-backup.timer",
        "/var/lib/mfa",
        "/var/log/mfa",
        "/etc/mfa",
        "/run/mfa",
        "/usr/share/pam-configs/mfa",
    ] {
        assert!(
            !machine.sh(&format!("test -e {gone}")).is_success(),
            "{gone}"
        );
    }
}

#[test]
#[ignore = "builds packages: make test-all runs it"]
fn two_builds_of_the_package_are_equal_and_lintian_finds_nothing() {
    let (first, _) = made("0.1.0-3");
    let (second, file) = made("0.1.0-3");
    assert!(first == second, "they differ");
    let lintian = run(Command::new("lintian")
        .args([
            "--allow-root",
            "--fail-on=error,warning",
            "--tag-display-limit=0",
        ])
        .arg(&file));
    assert!(lintian.is_success(), "{lintian:?}");
}
