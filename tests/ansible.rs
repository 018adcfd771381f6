//! The Ansible role on a machine that was booted for it: the second run changes nothing.

use std::fs;
use std::process::Command;

use mfa_tests::booted::Booted;
use mfa_tests::deb::{add_anna, by_code, by_password, made};
use mfa_tests::{Output, built, code_of, run};
use tempfile::TempDir;

const KEYS: [(&str, &str); 2] = [
    ("root", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"),
    ("anna", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"),
];

/// The arguments of a run.
struct Playbook<'a> {
    machine: &'a Booted,
    folder: TempDir,
    package: String,
}

impl<'a> Playbook<'a> {
    /// Gives Ansible a key for an sshd without our stack.
    fn against(machine: &'a Booted) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let key = folder.path().join("key");
        let made_key = run(Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(&key));
        assert!(made_key.is_success(), "{made_key:?}");
        fs::create_dir_all(machine.at("root/.ssh")).expect("a folder");
        fs::copy(
            key.with_extension("pub"),
            machine.at("root/.ssh/authorized_keys"),
        )
        .expect("a key");
        fs::write(
            machine.at("root/sshd"),
            "UsePAM no\nPermitRootLogin yes\nSubsystem sftp /usr/lib/openssh/sftp-server\n",
        )
        .expect("settings");
        let proxy = machine.command(&["/usr/sbin/sshd", "-i", "-f", "/root/sshd"]);
        let client = format!(
            "Host machine\n  User root\n  IdentityFile {}\n  StrictHostKeyChecking no\n  \
             UserKnownHostsFile /dev/null\n  ProxyCommand {proxy}\n",
            key.display()
        );
        fs::write(folder.path().join("ssh"), client).expect("settings");
        let package = made("0.1.0-1").1.display().to_string();
        Self {
            machine,
            folder,
            package,
        }
    }

    /// Runs the role with these variables, as YAML.
    fn run(&self, variables: &str) -> Output {
        let file = self.folder.path().join("variables.yml");
        let package = &self.package;
        fs::write(&file, format!("pam_mfa_package: {package}\n{variables}")).expect("variables");
        let arguments = format!("-F {}", self.folder.path().join("ssh").display());
        run(Command::new("ansible-playbook")
            .args(["--inventory", "machine,", "--extra-vars"])
            .arg(format!("@{}", file.display()))
            .arg("site.yml")
            .current_dir(built().tree.join("packaging/ansible"))
            .env("ANSIBLE_SSH_COMMON_ARGS", arguments)
            .env("ANSIBLE_LOCALHOST_WARNING", "false")
            .env("ANSIBLE_HOME", self.folder.path())
            .env("LC_ALL", "C.UTF-8"))
    }

    /// Runs it twice.
    fn holds(&self, variables: &str) {
        let first = self.run(variables);
        assert!(first.is_success(), "{first:?}\n{}", self.machine.journal());
        let second = self.run(variables);
        assert!(second.is_success(), "{second:?}");
        assert!(second.stdout.contains("changed=0 "), "{second:?}");
        for (_, key) in KEYS {
            let shown = first.stdout.clone() + &first.stderr + &second.stdout;
            assert!(!shown.contains(key), "a key is shown: {shown}");
        }
    }
}

fn devices() -> String {
    let mut text = "pam_mfa_devices:\n".to_owned();
    for (user, key) in KEYS {
        let uri = format!("otpauth://totp/host:{user}?secret={key}&issuer=host");
        text += &format!("  - {{ user: {user}, uri: \"{uri}\" }}\n");
    }
    text
}

fn settings(text: &str) -> String {
    format!("pam_mfa_settings: |\n  {text}\n")
}

#[test]
#[ignore = "boots a machine: make test-all runs it"]
fn the_role_installs_configures_imports_and_enables_and_a_second_run_changes_nothing() {
    let machine = Booted::start();
    add_anna(&machine);
    let playbook = Playbook::against(&machine);

    let refused = playbook.run("pam_mfa_enabled: true\n");
    assert!(!refused.is_success(), "{refused:?}");
    let said = "no administrator of this host could log in";
    assert!(refused.stdout.contains(said), "{refused:?}");
    machine.must("systemctl is-active mfa-agent.service");

    let wrong = playbook.run(&settings("[lockout]\n  attempts = \"many\""));
    assert!(!wrong.is_success(), "{wrong:?}");
    assert!(wrong.stdout.contains("50-ansible.toml:2"), "{wrong:?}");
    machine.must("test ! -e /etc/mfa/agent.d/50-ansible.toml && mfa-agent --check");

    let all = settings("[lockout]\n  attempts = 4")
        + &devices()
        + "pam_mfa_sshd: true\npam_mfa_enabled: true\n";
    playbook.holds(&all);
    machine.must("mfactl doctor");
    assert!(!by_code(&machine, "000000"));
    assert!(by_code(&machine, &code_of(KEYS[1].1, 0)));

    let wrong = playbook.run(&settings("[lockout]\n  attempts = \"many\""));
    assert!(!wrong.is_success(), "{wrong:?}");
    let kept = machine.must("cat /etc/mfa/agent.d/50-ansible.toml");
    assert!(kept.contains("attempts = 4"), "{kept}");

    playbook.holds("pam_mfa_enabled: false\n");
    by_password(&machine);
}

#[test]
#[ignore = "needs what make test-all installs"]
fn ansible_lint_finds_nothing() {
    let linted = run(Command::new("ansible-lint")
        .args(["--offline", "--strict", "--profile=production", "site.yml"])
        .current_dir(built().tree.join("packaging/ansible"))
        .env("LC_ALL", "C.UTF-8"));
    assert!(linted.is_success(), "{linted:?}");
}
