//! The cloud-init example: a machine that gets it at its first boot asks its first user for key and
//! code.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use mfa_tests::booted::Booted;
use mfa_tests::deb::made;
use mfa_tests::{Pty, built, code_of, key_shown, run};

/// Prepares the host's image: only a package repository.
fn prepare(root: &Path) {
    let repository = root.join("srv/repository");
    fs::create_dir_all(&repository).expect("a folder");
    fs::write(repository.join("pam-mfa.deb"), made("0.1.0-1").0).expect("the package");
    let index = run(Command::new("dpkg-scanpackages")
        .args(["--multiversion", "."])
        .current_dir(&repository));
    assert!(index.is_success(), "{index:?}");
    fs::write(repository.join("Packages"), index.stdout).expect("its index");
    let apt = root.join("etc/apt");
    let _ = fs::remove_dir_all(apt.join("sources.list.d"));
    fs::write(
        apt.join("sources.list"),
        "deb [trusted=yes] file:/srv/repository ./\n",
    )
    .expect("a source");
    let cloud = root.join("etc/cloud/cloud.cfg.d/99-image.cfg");
    fs::write(
        cloud,
        "datasource_list: [NoCloud, None]\napt: {preserve_sources_list: true}\nlocale: false\n",
    )
    .expect("settings");
}

/// The cloud's data: the example, and its first user.
fn seed(root: &Path, key: &str) {
    let seed = root.join("var/lib/cloud/seed/nocloud");
    fs::create_dir_all(&seed).expect("a folder");
    let example = fs::read_to_string(built().tree.join("packaging/cloud-init/user-data.yaml"));
    let user = format!("\nssh_authorized_keys: [\"{}\"]\n", key.trim());
    fs::write(
        seed.join("user-data"),
        example.expect("the example") + &user,
    )
    .expect("user data");
    fs::write(seed.join("meta-data"), "instance-id: one\n").expect("meta data");
}

fn ssh(machine: &Booted, options: &[&str]) -> Pty {
    let command = [
        "ssh",
        "-i",
        "/root/key",
        "-o",
        "StrictHostKeyChecking=no",
        "-o",
        "UserKnownHostsFile=/dev/null",
    ];
    let command = [&command, options, &["debian@127.0.0.1", "echo you are in"]].concat();
    machine.terminal(&command)
}

#[test]
#[ignore = "boots a machine: make test-all runs it"]
fn a_host_with_the_example_asks_for_key_and_code_from_its_first_boot_on() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    let made_key = run(Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&key));
    assert!(made_key.is_success(), "{made_key:?}");
    let public = fs::read_to_string(key.with_extension("pub")).unwrap();
    let machine = Booted::of("cloud", "cloud-init,sudo", |root| {
        prepare(root);
        seed(root, &public);
        fs::copy(&key, root.join("root/key")).expect("a key");
        let mode = fs::Permissions::from_mode(0o600);
        fs::set_permissions(root.join("root/key"), mode).expect("a mode");
    });
    let ended = machine.sh("cloud-init status --wait --long");
    let log = machine.sh("cat /var/log/cloud-init-output.log").stdout;
    assert!(ended.is_success(), "{ended:?}\n{log}");

    let mut client = ssh(&machine, &[]);
    client.expect("Code that the app shows now: ");
    let device = key_shown(client.shown());
    client.send(&code_of(&device, 0));
    client.answer("Type yes when they are in a safe place: ", "yes");
    client.expect("you are in");
    assert_eq!(client.finish().1, Some(0));

    let mut client = ssh(&machine, &[]);
    client.answer("OTP code: ", &code_of(&device, 1));
    client.expect("you are in");
    assert_eq!(client.finish().1, Some(0));

    let (said, status) = ssh(&machine, &["-o", "PreferredAuthentications=publickey"]).finish();
    assert_ne!(status, Some(0), "a key alone: {said}");
}
