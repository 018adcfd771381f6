//! `mfa-pam` on a host where pam-auth-update writes the stacks: its warnings, its exceptions, and
//! the way back. Its programs, sudo, sshd and libpam are real.

use std::fs;
use std::path::Path;
use std::process::Command;

use mfa_tests::{Agent, Login, Machine, Output, Seen, Stack, built, run};

const USER: &str = "mfat-anna";
const PASSWORD: &str = "correct horse";
const PIN: &str = "4826";
const SETTINGS: &str = "[policy]\nrequire = [\"pin\"]\n";
const EMERGENCY: &str = "\nWithout a code, for emergencies: root at the console (login)\n";
const DROP_IN: &str = "/etc/ssh/sshd_config.d/00-pam-mfa.conf";

/// A host with a user who may use sudo.
fn prepare(machine: &Machine) {
    machine.own("/var/lib/pam");
    machine.own("/usr/share/pam-configs");
    machine.own("/var/cache/debconf");
    machine.user(USER, PASSWORD);
    fs::write("/etc/sudoers.d/mfa-test", format!("{USER} ALL=(ALL) ALL\n")).expect("a rule");
    machine.own("/usr/local/bin");
    std::os::unix::fs::symlink(&built().mfactl, "/usr/local/bin/mfactl").expect("a link");
}

/// Runs it as root, for a user who became root by sudo. A refusal must end with what became of the files.
fn mfa_pam(machine: &Machine, arguments: &[&str]) -> Output {
    let program = built().tree.join("packaging/bin/mfa-pam");
    let output = run(Command::new(program)
        .args(arguments)
        .env("SUDO_UID", machine.uid(USER).to_string())
        .env("PATH", "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
    if !output.is_success() && arguments[0] != "status" {
        let told = match arguments[0] {
            "enable" => "; all files are as they were before this command.\n",
            _ => "\nNothing was changed.\n",
        };
        assert!(output.stderr.ends_with(told), "{arguments:?}: {output:?}");
        assert_eq!(output.stderr.matches("Nothing was").count(), 1);
        assert!(!output.stdout.contains("nabled"), "{output:?}");
    }
    output
}

fn log_in(user: &str, service: &str, answers: &[&str]) -> Seen {
    let mut login = Login::of(user).service(service);
    for answer in answers {
        login = login.answer(answer);
    }
    login.run(&Stack::of_host())
}

fn common_auth() -> String {
    fs::read_to_string("/etc/pam.d/common-auth").expect("a stack")
}

#[test]
fn enabling_is_refused_if_the_caller_could_not_become_root_again_and_names_refused_users() {
    Machine::run(|machine| {
        prepare(machine);
        let agent = Agent::at_default_socket(SETTINGS);
        let before = common_auth();
        let without = mfa_pam(machine, &["enable"]);
        assert!(
            without.stderr.contains("root has no password"),
            "{without:?}"
        );
        agent.admin().pin("root", PIN);
        let refused = mfa_pam(machine, &["enable", "--no-emergency"]);
        assert_eq!(refused.status, Some(1), "{refused:?}");
        let typed = format!("{USER}, who ran this command, could not become root again");
        assert!(refused.stderr.contains(&typed), "{refused:?}");
        let named = format!("{USER} (administrator)");
        assert!(refused.stderr.contains(&named), "{refused:?}");
        assert_eq!(common_auth(), before);
        let forced = mfa_pam(machine, &["enable", "--no-emergency", "--force"]);
        assert!(forced.is_success(), "{forced:?}");
        assert!(mfa_pam(machine, &["disable"]).is_success());
        agent.admin().pin(USER, PIN);
        let enabled = mfa_pam(machine, &["enable", "--no-emergency"]);
        assert!(enabled.is_success(), "{enabled:?}");
        assert!(
            enabled.stdout.contains("No emergency access"),
            "{enabled:?}"
        );
    });
}

#[test]
fn without_an_agent_only_root_at_the_console_gets_in() {
    Machine::run(|machine| {
        prepare(machine);
        machine.password("root", PASSWORD);
        let mut agent = Agent::at_default_socket(SETTINGS);
        agent.admin().pin(USER, PIN);
        let enabled = mfa_pam(machine, &["enable"]);
        assert!(enabled.is_success(), "{enabled:?}");
        assert!(enabled.stdout.contains(EMERGENCY), "{enabled:?}");
        let by_code = log_in(USER, "login", &[PASSWORD, PIN]);
        assert_eq!(by_code.result(), "PAM_SUCCESS", "{by_code:?}");
        agent.terminate();
        let root = log_in("root", "login", &[PASSWORD]);
        assert_eq!(root.result(), "PAM_SUCCESS", "{root:?}");
        for (user, service) in [("root", "sshd"), (USER, "login")] {
            let seen = log_in(user, service, &[PASSWORD]);
            assert_eq!(seen.result(), "PAM_AUTHINFO_UNAVAIL", "{user}: {seen:?}");
        }
        assert_eq!(log_in("root", "login", &["wrong"]).result(), "PAM_AUTH_ERR");
        let without_agent = mfa_pam(machine, &["enable", "--force"]);
        assert!(!without_agent.is_success(), "{without_agent:?}");
    });
}

#[test]
fn a_refused_enable_leaves_every_file_unchanged() {
    Machine::run(|machine| {
        prepare(machine);
        machine.password("root", PASSWORD);
        let agent = Agent::at_default_socket(SETTINGS);
        agent.admin().pin(USER, PIN);
        let own = "@include common-auth\nauth [success=ok default=die] pam_mfa.so\naccount required pam_unix.so\n";
        machine.stack("sudo", own);
        let before = common_auth();
        let refused = mfa_pam(machine, &["enable"]);
        assert_eq!(refused.status, Some(1), "{refused:?}");
        assert!(
            refused.stderr.contains("asked for two codes"),
            "{refused:?}"
        );
        assert_eq!(common_auth(), before);
        assert_eq!(fs::read_to_string("/etc/pam.d/sudo").expect("a stack"), own);
    });
}

#[test]
fn disabling_needs_neither_agent_nor_path_and_restores_the_stacks() {
    Machine::run(|machine| {
        prepare(machine);
        machine.password("root", PASSWORD);
        let before = common_auth();
        let mut agent = Agent::at_default_socket(SETTINGS);
        agent.admin().pin(USER, PIN);
        assert!(mfa_pam(machine, &["enable"]).is_success());
        agent.terminate();
        let own = "auth [success=ok default=die] pam_mfa.so\naccount required pam_permit.so\n";
        fs::write("/etc/pam.d/own", own).expect("a stack");
        let bare = |arguments: &[&str]| {
            let program = built().tree.join("packaging/bin/mfa-pam");
            run(Command::new("/bin/sh")
                .arg(program)
                .args(arguments)
                .env_clear())
        };
        let refused = bare(&["disable"]);
        assert!(
            refused.stderr.contains("mfa-pam disable --all"),
            "{refused:?}"
        );
        let disabled = bare(&["disable", "--all"]);
        assert!(disabled.is_success(), "{disabled:?}");
        assert!(disabled.stdout.ends_with("Disabled.\n"), "{disabled:?}");
        assert_eq!(common_auth(), before);
        // A stack that asked for the code alone still asks for at least that.
        let refused = log_in(USER, "own", &["wrong"]);
        assert_ne!(refused.result(), "PAM_SUCCESS", "{refused:?}");
    });
}

#[test]
fn the_sshd_step_is_one_file_and_is_removed_only_if_a_password_is_asked_for() {
    Machine::run(|machine| {
        prepare(machine);
        machine.password("root", PASSWORD);
        let agent = Agent::at_default_socket(SETTINGS);
        let refused = mfa_pam(machine, &["enable", "--sshd"]);
        assert!(!refused.is_success(), "nobody is enrolled: {refused:?}");
        assert!(
            !Path::new(DROP_IN).exists(),
            "what was refused leaves nothing"
        );
        assert!(!refused.stdout.contains("sshd now"), "{refused:?}");
        agent.admin().pin(USER, PIN);
        let enabled = mfa_pam(machine, &["enable", "--sshd"]);
        let accepts = "sshd now accepts a key alone, or password and code: wrote ";
        assert!(enabled.stdout.contains(accepts), "{enabled:?}");
        let by_key = fs::read_to_string(DROP_IN).expect("a file");
        let keys_work = "\nAuthenticationMethods publickey keyboard-interactive\n";
        assert!(by_key.contains(keys_work), "{by_key}");
        assert!(mfa_pam(machine, &["sshd", "password"]).is_success());
        let by_code = fs::read_to_string(DROP_IN).expect("a file");
        assert!(
            by_code.contains("Methods keyboard-interactive\n"),
            "{by_code}"
        );
        assert!(mfa_pam(machine, &["disable"]).is_success());
        assert!(!Path::new(DROP_IN).exists());
        let removed = mfa_pam(machine, &["sshd", "remove"]);
        let told = removed.stdout.starts_with("There is nothing to remove");
        assert!(removed.is_success() && told, "{removed:?}");

        let config = "/etc/ssh/sshd_config";
        let text = fs::read_to_string(config).expect("settings");
        fs::write(config, format!("PasswordAuthentication yes\n{text}")).expect("settings");
        let passed_by = mfa_pam(machine, &["sshd", "key"]);
        assert!(passed_by.stderr.contains("Include"), "{passed_by:?}");
        assert!(!Path::new(DROP_IN).exists());
        fs::write(config, text).expect("settings");

        assert!(mfa_pam(machine, &["sshd", "key+code"]).is_success());
        machine.stack("sshd", "auth required pam_permit.so\n");
        let kept = mfa_pam(machine, &["sshd", "remove"]);
        assert_eq!(kept.status, Some(1), "{kept:?}");
        assert!(Path::new(DROP_IN).exists());
    });
}

#[test]
fn what_can_t_be_looked_at_is_told_before_anything_is_written_and_is_not_taken_for_no_line() {
    Machine::run(|machine| {
        prepare(machine);
        machine.password("root", PASSWORD);
        let agent = Agent::at_default_socket(SETTINGS);
        agent.admin().pin(USER, PIN);
        let before = common_auth();
        let long = "/etc/pam.d/long";
        let unreadable = || fs::write(long, "#".repeat(70_000)).expect("a file");
        unreadable();
        let refused = mfa_pam(machine, &["enable", "--sshd"]);
        assert_eq!(refused.status, Some(1), "{refused:?}");
        assert!(refused.stderr.contains(long), "{refused:?}");
        assert_eq!(common_auth(), before);
        assert!(!Path::new(DROP_IN).exists());
        assert_eq!(mfa_pam(machine, &["status"]).status, Some(3));
        fs::remove_file(long).expect("a file");
        assert_eq!(mfa_pam(machine, &["status"]).status, Some(1));
        assert!(mfa_pam(machine, &["enable"]).is_success());
        let enabled = common_auth();
        unreadable();
        for arguments in [&["enable"][..], &["disable"], &["disable", "--all"]] {
            let refused = mfa_pam(machine, arguments);
            assert_eq!(refused.status, Some(1), "{refused:?}");
            assert_eq!(common_auth(), enabled, "{arguments:?}");
        }
        fs::remove_file(long).expect("a file");
        fs::remove_file("/usr/local/bin/mfactl").expect("a link");
        let unknown = mfa_pam(machine, &["status"]);
        assert_eq!(unknown.status, Some(3), "{unknown:?}");
    });
}

#[test]
fn a_refused_enable_of_an_enabled_host_keeps_the_way_that_was_there() {
    Machine::run(|machine| {
        prepare(machine);
        machine.password("root", PASSWORD);
        let agent = Agent::at_default_socket(SETTINGS);
        agent.admin().pin(USER, PIN);
        assert!(mfa_pam(machine, &["enable"]).is_success());
        let (before, profile) = (common_auth(), "/usr/share/pam-configs/mfa");
        let wanted = fs::read_to_string(profile).expect("a profile");
        machine.stack(
            "tool",
            "auth sufficient pam_exec.so\n@include common-auth\n",
        );
        let refused = mfa_pam(machine, &["enable", "--no-emergency"]);
        assert_eq!(refused.status, Some(1), "{refused:?}");
        assert!(refused.stderr.contains("/etc/pam.d/tool:1"), "{refused:?}");
        let told = "\nNothing was changed; all files";
        assert!(refused.stderr.contains(told), "{refused:?}");
        assert_eq!(common_auth(), before);
        assert_eq!(fs::read_to_string(profile).expect("a profile"), wanted);
    });
}

#[test]
fn an_emergency_way_that_is_none_is_refused() {
    Machine::run(|machine| {
        prepare(machine);
        machine.password("root", PASSWORD);
        let agent = Agent::at_default_socket(SETTINGS);
        agent.admin().pin(USER, PIN);
        let before = common_auth();
        let refused = |way: &str, words: &str| {
            let refused = mfa_pam(machine, &["enable", "--emergency", way]);
            assert_eq!(refused.status, Some(1), "{way}: {refused:?}");
            assert!(refused.stderr.contains(words), "{way}: {refused:?}");
            assert_eq!(common_auth(), before, "{way}");
        };
        for service in ["sudo", "su", "sudo:su"] {
            refused(&format!("{USER}@{service}"), "gives no emergency access");
        }
        refused(&format!("{USER}@login:"), "USER@SERVICE");
        refused(&format!("{USER}@login:nosuch"), "no service nosuch");
        let user = format!("{USER}@login");
        let change = |arguments: &[&str]| {
            let changed = run(Command::new("usermod").args(arguments).arg(USER));
            assert!(changed.is_success(), "{changed:?}");
        };
        change(&["-s", "/usr/sbin/nologin"]);
        refused(&user, "no login shell");
        change(&["-s", "/bin/bash", "-e", "2001-01-01"]);
        refused(&user, "has expired");
        change(&["-e", "", "-p", ""]);
        refused(&user, "no password");
        machine.password(USER, PASSWORD);
        let enabled = mfa_pam(machine, &["enable", "--emergency", &user]);
        assert!(enabled.is_success(), "{enabled:?}");
    });
}

#[test]
fn a_gate_by_hand_in_common_auth_does_not_keep_passwords_out() {
    Machine::run(|machine| {
        prepare(machine);
        machine.password("root", PASSWORD);
        let agent = Agent::at_default_socket(SETTINGS);
        agent.admin().pin(USER, PIN);
        assert!(mfa_pam(machine, &["enable", "--no-emergency"]).is_success());
        let gate =
            format!("auth [success=1 default=ignore] pam_succeed_if.so quiet user = {USER}\n");
        let lines = common_auth();
        let lines = lines
            .split_inclusive('\n')
            .filter(|line| !line.contains("pam_cap"));
        let lines = lines.map(|line| match line.contains("pam_mfa.so") {
            true => format!("{gate}{line}"),
            false => line.to_owned(),
        });
        fs::write("/etc/pam.d/common-auth", lines.collect::<String>()).expect("a stack");
        let disabled = mfa_pam(machine, &["disable"]);
        assert!(disabled.is_success(), "{disabled:?}");
        let seen = log_in(USER, "login", &[PASSWORD]);
        assert_eq!(seen.result(), "PAM_SUCCESS", "{}", common_auth());
        let seen = log_in(USER, "login", &["wrong"]);
        assert_eq!(seen.result(), "PAM_AUTH_ERR", "{}", common_auth());
    });
}

#[test]
fn stacks_that_disable_all_has_changed_ask_again_after_enable() {
    Machine::run(|machine| {
        prepare(machine);
        machine.password("root", PASSWORD);
        let agent = Agent::at_default_socket(SETTINGS);
        agent.admin().pin(USER, PIN);
        let own =
            "auth requisite pam_unix.so\nauth required pam_mfa.so\naccount required pam_unix.so\n";
        machine.stack("sshd", own);
        let stack = || fs::read_to_string("/etc/pam.d/sshd").expect("a stack");
        assert!(mfa_pam(machine, &["enable", "--sshd"]).is_success());
        assert!(mfa_pam(machine, &["disable", "--all"]).is_success());
        let changed = stack();
        assert!(
            changed.contains("#mfa-pam# auth required pam_mfa.so"),
            "{changed}"
        );
        let enabled = mfa_pam(machine, &["enable", "--sshd"]);
        assert!(enabled.is_success(), "{enabled:?}");
        assert!(
            enabled.stdout.contains("/etc/pam.d/sshd: restored"),
            "{enabled:?}"
        );
        assert_eq!(stack(), own);
        let seen = log_in(USER, "sshd", &[PASSWORD, PIN]);
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
        let seen = log_in(USER, "sshd", &[PASSWORD, "1111"]);
        assert_ne!(seen.result(), "PAM_SUCCESS", "{seen:?}");

        assert!(mfa_pam(machine, &["disable", "--all"]).is_success());
        let edited = changed.replace(" # instead of pam_mfa", "");
        fs::write("/etc/pam.d/sshd", &edited).expect("a stack");
        let before = common_auth();
        let refused = mfa_pam(machine, &["enable", "--sshd"]);
        assert_eq!(refused.status, Some(1), "{refused:?}");
        for words in [
            "sshd does not ask for a code",
            "mfa-pam disable --all",
            "#mfa-pam#",
        ] {
            assert!(refused.stderr.contains(words), "{words}: {refused:?}");
        }
        assert_eq!((stack(), common_auth()), (edited, before));
        assert!(!Path::new(DROP_IN).exists());

        let early = mfa_pam(machine, &["sshd", "key"]);
        assert!(early.stdout.contains("asks for no code yet"), "{early:?}");
        let doctor = agent.ctl().run(&["doctor"], "");
        assert!(
            doctor.stdout.contains("sshd's stack asks for no code"),
            "{doctor:?}"
        );
    });
}

#[test]
fn a_restored_stack_that_asks_for_the_code_alone_needs_a_key_before_it() {
    Machine::run(|machine| {
        prepare(machine);
        machine.password("root", PASSWORD);
        let agent = Agent::at_default_socket(SETTINGS);
        agent.admin().pin(USER, PIN);
        assert!(mfa_pam(machine, &["sshd", "key+code"]).is_success());
        let alone = "auth required pam_mfa.so\naccount required pam_unix.so\n";
        machine.stack("sshd", alone);
        let doctor = agent.ctl().run(&["doctor"], "");
        assert!(doctor.stdout.contains("sshd: key, then code"), "{doctor:?}");
        let stack = || fs::read_to_string("/etc/pam.d/sshd").expect("a stack");
        assert!(mfa_pam(machine, &["disable", "--all"]).is_success());
        let changed = stack();
        let refused = mfa_pam(machine, &["enable", "--sshd"]);
        assert!(refused.stderr.contains("the code alone"), "{refused:?}");
        assert_eq!(refused.stdout, "", "nothing is told that was taken back");
        let told = "force-confmiss openssh-server\nNothing was enabled; ";
        assert!(refused.stderr.contains(told), "{refused:?}");
        assert_eq!(stack(), changed);
        assert!(mfa_pam(machine, &["sshd", "key+code"]).is_success());
        let enabled = mfa_pam(machine, &["enable"]);
        assert!(enabled.is_success(), "{enabled:?}");
        assert_eq!(stack(), alone);
    });
}

#[test]
fn a_line_that_enable_would_put_back_is_named_as_the_comment_that_it_is() {
    Machine::run(|machine| {
        prepare(machine);
        machine.password("root", PASSWORD);
        let agent = Agent::at_default_socket(SETTINGS);
        agent.admin().pin(USER, PIN);
        machine.stack(
            "mfat-app",
            "auth sufficient pam_unix.so\nauth required pam_mfa.so\naccount required pam_unix.so\n",
        );
        assert!(mfa_pam(machine, &["disable", "--all"]).is_success());
        let path = "/etc/pam.d/mfat-app";
        let stack = || fs::read_to_string(path).expect("a stack");
        let comment = "#mfa-pam# auth required pam_mfa.so\n";
        assert!(stack().contains(comment), "{}", stack());
        let refused = mfa_pam(machine, &["enable"]);
        let told = format!("In {path}, that line is a comment now: it begins with #mfa-pam#, ");
        assert!(refused.stderr.contains(&told), "{refused:?}");
        fs::write(path, stack().replace(comment, "")).expect("a stack");
        let enabled = mfa_pam(machine, &["enable"]);
        assert!(enabled.is_success(), "{enabled:?}");
    });
}

#[test]
fn a_caller_without_a_device_is_told_before_sudo_refuses() {
    Machine::run(|machine| {
        prepare(machine);
        machine.password("root", PASSWORD);
        let agent = Agent::at_default_socket(SETTINGS);
        agent.admin().pin("root", PIN);
        let before = common_auth();
        let refused = mfa_pam(machine, &["enable"]);
        assert_eq!(refused.status, Some(1), "{refused:?}");
        let told = format!("{USER}, you have no device: sudo would refuse you");
        assert!(refused.stderr.contains(&told), "{refused:?}");
        assert_eq!(common_auth(), before);
        let forced = mfa_pam(machine, &["enable", "--force"]);
        assert!(forced.is_success(), "{forced:?}");
    });
}

#[test]
fn enabling_without_the_sshd_step_warns_if_sshd_can_t_ask_and_names_the_command() {
    Machine::run(|machine| {
        prepare(machine);
        machine.password("root", PASSWORD);
        let agent = Agent::at_default_socket(SETTINGS);
        agent.admin().pin(USER, PIN);
        let config = "/etc/ssh/sshd_config";
        let text = fs::read_to_string(config).expect("settings");
        let enabled = |line: &str| {
            fs::write(config, format!("{line}\n{text}")).expect("settings");
            let enabled = mfa_pam(machine, &["enable"]);
            assert!(enabled.is_success(), "{enabled:?}");
            enabled.stdout
        };
        let command = "Let it ask: mfa-pam sshd key\n";
        for (line, words) in [
            (
                "UsePAM no",
                "Warning: sshd asks nobody for a code, because UsePAM is no",
            ),
            (
                "UsePAM yes\nKbdInteractiveAuthentication no",
                "Warning: sshd can't ask for a code, because KbdInteractiveAuthentication is no",
            ),
        ] {
            let told = enabled(line);
            assert!(told.contains(words) && told.ends_with(command), "{told}");
        }
        let told = enabled("UsePAM yes\nKbdInteractiveAuthentication yes");
        assert!(!told.contains("Warning"), "{told}");
        let one_answer = "auth requisite pam_mfa.so forward_pass\n\
                          auth required pam_unix.so use_first_pass\naccount required pam_unix.so\n";
        machine.stack("sshd", one_answer);
        let told = enabled("UsePAM yes\nKbdInteractiveAuthentication no");
        assert!(!told.contains("Warning"), "{told}");
    });
}

#[test]
fn the_sshd_step_tells_what_doctor_finds_in_its_stack() {
    Machine::run(|machine| {
        prepare(machine);
        machine.password("root", PASSWORD);
        let agent = Agent::at_default_socket(SETTINGS);
        agent.admin().pin(USER, PIN);
        let enabled = mfa_pam(machine, &["enable", "--sshd"]);
        assert!(enabled.is_success(), "{enabled:?}");
        let well = mfa_pam(machine, &["sshd", "key"]);
        assert!(well.is_success() && well.stderr.is_empty(), "{well:?}");
        let twice = "@include common-auth\nauth [success=ok ignore=ignore default=die] pam_mfa.so\n\
                     account required pam_unix.so\n";
        machine.stack("sshd", twice);
        let told = mfa_pam(machine, &["sshd", "password"]);
        assert!(told.is_success(), "{told:?}");
        assert!(told.stderr.starts_with("PROBLEM  stacks "), "{told:?}");
        assert!(told.stderr.contains("two codes"), "{told:?}");
    });
}
