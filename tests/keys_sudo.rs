//! Security keys in sudo and su: the user's ssh-agent signs, here or through `ssh -A`.

use std::process::{Command, Stdio};

use mfa_tests::{Agent, KINDS, Key, Machine, Pty, SecurityKey, SshAgent, Sshd, run};

const PASSWORD: &str = "correct horse";
const ANNA: &str = "mfat-anna";
const BERT: &str = "mfat-bert";
const POLICY: &str = "[policy]\nrequire = [\"key\", \"totp\"]\n";
const TOUCH: &str = "Touch your security key";

/// A stack that asks for the second factor only.
const STACK: &str = "auth required pam_mfa.so\nauth required pam_permit.so\n\
    account required pam_permit.so\nsession required pam_permit.so\n";

/// Anna, with an enrolled security key and a device that makes codes, on a host with sudo and su.
struct Place {
    agent: Agent,
    key: SecurityKey,
    device: Key,
}

impl Place {
    fn new(machine: &Machine) -> Self {
        Self::with(machine, POLICY)
    }

    fn with(machine: &Machine, settings: &str) -> Self {
        machine.user(ANNA, PASSWORD);
        machine.user(BERT, "battery staple");
        machine.stack("sudo", STACK);
        machine.stack("su", STACK);
        let rule = format!("{ANNA} ALL=(ALL) ALL\nDefaults !lecture\n");
        std::fs::write("/etc/sudoers.d/mfa-test", rule).unwrap();
        let agent = Agent::at_default_socket(settings);
        let key = SecurityKey::new(machine, ANNA, "blue", "ed25519-sk");
        enroll(&agent, ANNA, &key);
        let device = agent.admin().device(ANNA);
        Self { agent, key, device }
    }

    fn failures(&self) -> u32 {
        self.agent.admin().status(ANNA).failures
    }

    /// The key is not used, and the code lets in.
    fn falls_back_to_the_code(&self, mut sudo: Pty, step: i64) {
        let shown = sudo.expect_one_of(&["OTP code: ", TOUCH]);
        assert_eq!(shown, "OTP code: ", "{}", sudo.shown());
        sudo.send(&self.device.code(step));
        sudo.expect("root");
        assert_eq!(sudo.finish().1, Some(0));
        assert_eq!((self.failures(), self.key.signatures()), (0, 0));
    }
}

fn enroll(agent: &Agent, user: &str, key: &SecurityKey) {
    let _ = agent.ctl().json(&["enroll", "key", user], &key.public());
}

/// A program that Anna starts, with these variables.
fn as_anna(machine: &Machine, environment: &[&str], command: &[&str]) -> Pty {
    let uid = machine.uid(ANNA);
    let (reuid, regid) = (format!("--reuid={uid}"), format!("--regid={uid}"));
    let mut arguments = vec![reuid.as_str(), &regid, "--init-groups", "env"];
    arguments.extend_from_slice(environment);
    arguments.extend_from_slice(command);
    Pty::spawn("setpriv", &arguments)
}

fn sudo(machine: &Machine, environment: &[&str]) -> Pty {
    as_anna(machine, environment, &["sudo", "-k", "id", "-un"])
}

fn passes_by_touch(mut sudo: Pty, name: &str) {
    sudo.expect(TOUCH);
    sudo.expect(name);
    let (shown, status) = sudo.finish();
    assert_eq!(status, Some(0), "{shown}");
    assert!(!shown.contains("OTP code"), "{shown}");
}

#[test]
fn a_touch_is_enough_for_sudo_and_su_and_is_told_before_the_key_blinks() {
    Machine::run(|machine| {
        let place = Place::new(machine);
        let red = place.key_of_bert(machine);
        let ssh_agent = SshAgent::with(machine, ANNA, &place.key);
        let variable = ssh_agent.variable();
        passes_by_touch(sudo(machine, &[&variable]), "root");
        passes_by_touch(sudo(machine, &[&variable]), "root");
        assert_eq!(place.key.signatures(), 2, "one for each");
        let event = &place.agent.logins_of(ANNA, 2)[1];
        assert_eq!(event.text("result"), "passed");
        assert_eq!(event.text("factor"), "key", "{event:?}");
        let line = event.json().to_string();
        assert!(line.contains(&place.key.fingerprint()), "{line}");
        // In su, the keys of the target user count, and only those; whoever's ssh-agent has them.
        let su = ["su", BERT, "-c", "id -un"];
        let mut refused = as_anna(machine, &[&variable], &su);
        let shown = refused.expect_one_of(&[TOUCH, "OTP code: "]);
        assert_eq!(shown, "OTP code: ", "{}", refused.shown());
        refused.kill();
        let ssh_agent = SshAgent::with(machine, ANNA, &red);
        passes_by_touch(as_anna(machine, &[&ssh_agent.variable()], &su), BERT);
    });
}

impl Place {
    /// A key that Anna has, for the account of Bert.
    fn key_of_bert(&self, machine: &Machine) -> SecurityKey {
        let key = SecurityKey::new(machine, ANNA, "red", "ed25519-sk");
        enroll(&self.agent, BERT, &key);
        key
    }
}

#[test]
fn keys_of_both_kinds_with_and_without_certificate_sign() {
    Machine::run(|machine| {
        let place = Place::new(machine);
        for (number, kind) in KINDS.into_iter().enumerate() {
            for certified in [false, true] {
                let name = format!("key{number}{certified}");
                let key = SecurityKey::new(machine, ANNA, &name, kind);
                let mut line = key.public();
                if certified {
                    let authority = SecurityKey::authority(machine, &name);
                    line = key.certify(&authority, ANNA);
                }
                let _ = place.agent.ctl().json(&["enroll", "key", ANNA], &line);
                let ssh_agent = SshAgent::with(machine, ANNA, &key);
                passes_by_touch(sudo(machine, &[&ssh_agent.variable()]), "root");
                assert_eq!(key.signatures(), 1, "{name}");
            }
        }
    });
}

/// OpenSSH's own, which was not written for us. It always says the same counter.
#[test]
fn the_key_of_opensshs_tests_passes_once_and_then_looks_like_a_copy() {
    let provider = "/usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so";
    if !mfa_tests::has_program(provider, "openssh-tests") {
        return;
    }
    Machine::run(move |machine| {
        let place = Place::new(machine);
        let key = SecurityKey::of_provider(machine, ANNA, "dummy", "ecdsa-sk", provider);
        enroll(&place.agent, ANNA, &key);
        let ssh_agent = SshAgent::with(machine, ANNA, &key);
        passes_by_touch(sudo(machine, &[&ssh_agent.variable()]), "root");
        let mut again = sudo(machine, &[&ssh_agent.variable()]);
        again.expect(TOUCH);
        again.expect("may have been copied");
        again.expect("OTP code: ");
        assert_eq!(place.failures(), 1);
    });
}

#[test]
fn through_ssh_a_the_key_stays_where_the_user_is() {
    Machine::run(|machine| {
        let place = Place::new(machine);
        machine.stack(
            "sshd",
            "auth required pam_permit.so\naccount required pam_permit.so\n",
        );
        let sshd = Sshd::start(machine, "AuthenticationMethods publickey\n");
        // The user's own host: another user, who has the key.
        let key = SecurityKey::new(machine, BERT, "home", "ed25519-sk");
        enroll(&place.agent, ANNA, &key);
        let ssh_agent = SshAgent::with(machine, BERT, &key);
        let identity = sshd.user_key();
        let target = format!("{ANNA}@127.0.0.1");
        let options = ["-i", &identity, "-o", "IdentitiesOnly=yes", "-tt"];
        let words = [target.as_str(), "sudo -k id -un"];
        let variable = ssh_agent.variable();
        let forwarded = [&["-A"], &options[..]].concat();
        let mut client = sshd.client_in(&[&variable], &forwarded, &words);
        client.expect(TOUCH);
        client.expect("root");
        assert_eq!(client.finish().1, Some(0));
        assert_eq!(key.signatures(), 1);
        // Without -A, the code.
        let mut client = sshd.client_in(&[&variable], &options, &words);
        client.answer("OTP code: ", &place.device.code(0));
        client.expect("root");
        assert_eq!(client.finish().1, Some(0));
        assert_eq!(key.signatures(), 1);
    });
}

#[test]
fn without_an_ssh_agent_or_without_the_key_in_it_the_code_is_asked_for_at_once() {
    Machine::run(|machine| {
        let place = Place::new(machine);
        place.falls_back_to_the_code(sudo(machine, &[]), -1);
        let empty = SshAgent::start(machine, ANNA);
        place.falls_back_to_the_code(sudo(machine, &[&empty.variable()]), 0);
        let other = SecurityKey::new(machine, ANNA, "other", "ed25519-sk");
        let ssh_agent = SshAgent::with(machine, ANNA, &other);
        place.falls_back_to_the_code(sudo(machine, &[&ssh_agent.variable()]), 1);
        assert_eq!(other.signatures(), 0, "a key that is not enrolled");
    });
}

#[test]
fn an_ssh_agent_that_is_gone_or_of_somebody_else_is_not_used() {
    Machine::run(|machine| {
        let place = Place::new(machine);
        let mut gone = SshAgent::with(machine, ANNA, &place.key);
        gone.kill();
        place.falls_back_to_the_code(sudo(machine, &[&gone.variable()]), -1);
        // Root's, which holds the key, where only root can go.
        let secret = SshAgent::with(machine, "root", &place.key);
        place.falls_back_to_the_code(sudo(machine, &[&secret.variable()]), 0);
        // Bert's, which holds the key, where everybody can go.
        let socket = std::path::Path::new("/run/home/of-bert");
        let _berts = SshAgent::at(machine, BERT, socket);
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(socket, mode).unwrap();
        let variable = format!("SSH_AUTH_SOCK={}", socket.display());
        place.falls_back_to_the_code(sudo(machine, &[&variable]), 1);
    });
}

#[test]
fn a_folder_that_only_a_group_of_the_user_enters_is_entered() {
    Machine::run(|machine| {
        let place = Place::new(machine);
        let made = run(Command::new("groupadd").arg("mfat-keys"));
        assert!(made.is_success(), "{made:?}");
        let added = run(Command::new("usermod").args(["-aG", "mfat-keys", ANNA]));
        assert!(added.is_success(), "{added:?}");
        let ssh_agent = SshAgent::with(machine, ANNA, &place.key);
        let outer = std::path::Path::new("/run/home/outer");
        std::fs::create_dir(outer).unwrap();
        let set = run(Command::new("sh").args([
            "-c",
            "chgrp mfat-keys /run/home/outer && chmod 710 /run/home/outer",
        ]));
        assert!(set.is_success(), "{set:?}");
        std::os::unix::fs::symlink(ssh_agent.socket(), outer.join("link")).unwrap();
        let variable = "SSH_AUTH_SOCK=/run/home/outer/link";
        passes_by_touch(sudo(machine, &[variable]), "root");
    });
}

#[test]
fn a_key_that_is_not_touched_costs_no_attempt_and_the_code_is_asked_for() {
    Machine::run(|machine| {
        let place = Place::new(machine);
        place.key.be("refuses");
        let ssh_agent = SshAgent::with(machine, ANNA, &place.key);
        let mut sudo = sudo(machine, &[&ssh_agent.variable()]);
        sudo.expect(TOUCH);
        sudo.answer("OTP code: ", &place.device.code(0));
        sudo.expect("root");
        assert_eq!(sudo.finish().1, Some(0));
        assert_eq!(place.failures(), 0);
    });
}

#[test]
fn after_a_signature_without_a_touch_the_code_is_asked_for_and_nothing_is_counted() {
    Machine::run(|machine| {
        let place = Place::new(machine);
        place.key.be("no-touch");
        let ssh_agent = SshAgent::with(machine, ANNA, &place.key);
        let mut sudo = sudo(machine, &[&ssh_agent.variable()]);
        sudo.expect("without being touched");
        assert_eq!(place.failures(), 0);
        sudo.answer("OTP code: ", &place.device.code(0));
        sudo.expect("root");
        assert_eq!(sudo.finish().1, Some(0));
    });
}

#[test]
fn a_key_whose_counter_goes_back_counts_nowhere_until_it_is_enabled_and_status_names_it() {
    Machine::run(|machine| {
        let place = Place::new(machine);
        let ssh_agent = SshAgent::with(machine, ANNA, &place.key);
        place.key.set_counter(40);
        passes_by_touch(sudo(machine, &[&ssh_agent.variable()]), "root");
        // From then on it counts nowhere, whatever it shows: whoever shows the higher count may be the copy.
        for counter in [7, 40, 90] {
            place.key.set_counter(counter);
            let mut sudo = sudo(machine, &[&ssh_agent.variable()]);
            sudo.expect(TOUCH);
            sudo.expect("may have been copied");
            sudo.expect("OTP code: ");
            drop(sudo);
            assert_eq!(place.failures(), 1, "{counter}");
        }
        let status = place.agent.ctl().json(&["status", ANNA], "");
        let back = &status["keys"][0]["counter_back_at"];
        assert!(back.is_string(), "{status}");
        let _ = place.agent.ctl().json(&["enable", "key", ANNA], "");
        passes_by_touch(sudo(machine, &[&ssh_agent.variable()]), "root");
    });
}

#[test]
fn a_key_that_is_refused_does_not_hide_the_next_one_in_the_same_ssh_agent() {
    let settings = "[policy]\nrequire = [\"key\"]\n[key]\nverification = \"required\"\n";
    Machine::run(move |machine| {
        let place = Place::with(machine, settings);
        let options = ["-O", "verify-required"];
        let second = SecurityKey::with(machine, ANNA, "pinkey", "ed25519-sk", &options);
        enroll(&place.agent, ANNA, &second);
        let mut ssh_agent = SshAgent::with(machine, ANNA, &place.key);
        ssh_agent.add(machine, ANNA, &second);
        let variable = ssh_agent.variable();
        let mut first = sudo(machine, &[&variable]);
        first.expect("PIN or your finger");
        passes_by_touch(first, "root");
        assert_eq!(place.failures(), 0);
        // The one that has passed is asked first.
        let mut next = sudo(machine, &[&variable]);
        let shown = next.expect_one_of(&["PIN or your finger", "root"]);
        assert_eq!(shown, "root", "{}", next.shown());
    });
}

#[test]
fn where_a_pin_of_the_key_is_required_a_touch_is_not_enough() {
    let settings = format!("{POLICY}[key]\nverification = \"required\"\n");
    Machine::run(move |machine| {
        let place = Place::with(machine, &settings);
        let options = ["-O", "verify-required"];
        let key = SecurityKey::with(machine, ANNA, "with-pin", "ed25519-sk", &options);
        enroll(&place.agent, ANNA, &key);
        let ssh_agent = SshAgent::with(machine, ANNA, &key);
        passes_by_touch(sudo(machine, &[&ssh_agent.variable()]), "root");
        key.be("no-pin");
        let mut sudo = sudo(machine, &[&ssh_agent.variable()]);
        sudo.expect("PIN or your finger");
        sudo.expect("OTP code: ");
        assert_eq!(place.failures(), 0);
    });
}

#[test]
fn an_interrupted_wait_for_the_touch_ends_sudo_and_su_and_costs_no_attempt() {
    Machine::run(|machine| {
        let place = Place::new(machine);
        let ssh_agent = SshAgent::with(machine, ANNA, &place.key);
        let _red = place.key_of_bert(machine);
        ssh_agent.suspend();
        let variable = ssh_agent.variable();
        let su = ["su", BERT, "-c", "id -un"];
        for program in [&["sudo", "-k", "id", "-un"][..], &su] {
            let waiting = as_anna(machine, &[&variable], program);
            std::thread::sleep(std::time::Duration::from_secs(1));
            let start = std::time::Instant::now();
            let (shown, status) = waiting.interrupt();
            assert_ne!(status, Some(0), "{program:?}: {shown}");
            assert!(!shown.contains("OTP code"), "{program:?}: {shown}");
            let took = start.elapsed();
            assert!(
                took < std::time::Duration::from_secs(15),
                "{program:?}: {took:?}"
            );
        }
        ssh_agent.resume();
        let _ = place.agent.logins_of(ANNA, 1);
        assert_eq!((place.failures(), place.key.signatures()), (0, 0));
    });
}

#[test]
fn a_child_of_the_program_that_ends_does_not_end_the_wait_for_the_touch() {
    Machine::run(|machine| {
        let place = Place::new(machine);
        let ssh_agent = SshAgent::with(machine, ANNA, &place.key);
        ssh_agent.suspend();
        let variable = ssh_agent.variable();
        // sudo catches SIGCHLD.
        let program = ["bash", "-c", "sleep 1 & exec sudo -k id -un"];
        let waiting = as_anna(machine, &[&variable], &program);
        std::thread::sleep(std::time::Duration::from_millis(2500));
        ssh_agent.resume();
        passes_by_touch(waiting, "root");
    });
}

#[test]
fn sixty_four_sudo_at_once_each_have_their_own_signature_and_lock_nobody() {
    const AT_ONCE: usize = 64;
    Machine::run(|machine| {
        let place = Place::new(machine);
        let ssh_agent = SshAgent::with(machine, ANNA, &place.key);
        let variable = ssh_agent.variable();
        let start = |_| {
            machine
                .as_user(ANNA, "env")
                .args([&variable, "sudo", "-k", "id", "-un"])
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        };
        let running: Vec<_> = (0..AT_ONCE).map(start).collect();
        let outputs: Vec<_> = running
            .into_iter()
            .map(|child| child.wait_with_output().unwrap())
            .collect();
        let refused = outputs.iter().filter(|output| !output.status.success());
        let refused: Vec<_> = refused.collect();
        assert!(
            refused.is_empty(),
            "{}: {:?}",
            refused.len(),
            refused.first()
        );
        assert_eq!(place.key.signatures(), AT_ONCE);
        assert_eq!(place.failures(), 0);
    });
}

#[test]
fn mfactl_verify_takes_the_touch_too() {
    Machine::run(|machine| {
        let place = Place::new(machine);
        let ssh_agent = SshAgent::with(machine, ANNA, &place.key);
        let mfactl = mfa_tests::built().mfactl.to_string_lossy().into_owned();
        let verify = [mfactl.as_str(), "verify"];
        let mut verified = as_anna(machine, &[&ssh_agent.variable()], &verify);
        verified.expect(TOUCH);
        let (shown, status) = verified.finish();
        assert_eq!(status, Some(0), "{shown}");
        assert_eq!(place.key.signatures(), 1);
    });
}
