//! `mfactl doctor` on insecure stacks, on the test's own host.

use std::process::Command;

use mfa_tests::{Agent, Ctl, Machine, built, run};

const OURS: &str = "auth [success=ok ignore=ignore default=die] pam_mfa.so\n";

/// Doctor's findings when sshd has this stack; `true` for good ones.
fn said(machine: &Machine, agent: &Agent, stack: &str) -> Vec<(bool, String)> {
    machine.stack("sshd", stack);
    said_of("stacks", agent)
}

fn said_of(name: &str, agent: &Agent) -> Vec<(bool, String)> {
    let output = Ctl::at(agent.socket()).run(&["doctor"], "");
    let report: serde_json::Value = serde_json::from_str(&output.stdout).expect("JSON");
    let checks = report["checks"].as_array().expect("checks").iter();
    let named = checks.filter(|check| check["name"] == name);
    named
        .map(|check| (check["ok"] == true, check["message"].to_string()))
        .collect()
}

#[test]
fn doctor_names_the_line_that_bypasses_the_code() {
    Machine::run(|machine| {
        let agent = Agent::at_default_socket("[policy]\nrequire = [\"pin\"]\n");
        let good = format!("@include common-auth\n{OURS}");
        let checks = said(machine, &agent, &good);
        assert!(checks.iter().all(|(ok, _)| *ok), "{checks:?}");
        let jump = "auth [success=2 default=ignore] pam_unix.so\nauth requisite pam_deny.so\n";
        for (stack, line) in [
            (
                format!("{jump}{OURS}auth required pam_permit.so\n"),
                "sshd:1",
            ),
            (
                format!("auth sufficient pam_unix.so\nauth requisite pam_deny.so\n{OURS}"),
                "sshd:1",
            ),
            (
                format!("auth requisite pam_unix.so\nauth sufficient pam_faillock.so\n{OURS}"),
                "sshd:2",
            ),
            (format!("{OURS}auth requisite pam_unix.so\n"), "sshd:1"),
            (
                "auth requisite pam_unix.so\nauth sufficient pam_mfa.so\n".to_owned(),
                "sshd:2",
            ),
        ] {
            let checks = said(machine, &agent, &stack);
            let named = checks.iter().any(|(ok, text)| !ok && text.contains(line));
            assert!(named, "{stack}{checks:?}");
        }
    });
}

#[test]
fn doctor_names_the_setting_that_keeps_sshd_from_asking() {
    Machine::run(|machine| {
        let agent = Agent::at_default_socket("[policy]\nrequire = [\"pin\"]\n");
        let keys = run(Command::new("ssh-keygen").arg("-A"));
        assert!(keys.is_success(), "{keys:?}");
        let with = |settings: &str| {
            std::fs::write("/etc/ssh/sshd_config", settings).expect("sshd's settings");
            said_of("sshd", &agent)
        };
        machine.stack("sshd", "@include common-auth\n");
        assert_eq!(with("UsePAM yes\n"), [], "its stack does not name us");
        machine.stack("sshd", &format!("@include common-auth\n{OURS}"));
        for (settings, ok, words) in [
            ("UsePAM no\n", false, "UsePAM is no"),
            (
                "UsePAM yes\nKbdInteractiveAuthentication no\n",
                false,
                "sshd can't prompt for a code",
            ),
            (
                "UsePAM yes\nKbdInteractiveAuthentication yes\nPasswordAuthentication no\n",
                true,
                "key alone",
            ),
            (
                "UsePAM yes\nKbdInteractiveAuthentication yes\nPasswordAuthentication no\n\
                 AuthenticationMethods publickey,keyboard-interactive\n",
                true,
                "allow a prompt",
            ),
            ("NoSuchKeyword yes\n", false, "refuses its own settings"),
        ] {
            let checks = with(settings);
            let is_it = |(well, text): &(bool, String)| *well == ok && text.contains(words);
            assert!(checks.iter().any(is_it), "{settings}{checks:?}");
        }
    });
}

#[test]
fn a_key_alone_is_told_with_the_rules_that_it_passes_by_and_before_any_stack_asks_nobody_is_refused()
 {
    Machine::run(|machine| {
        machine.user("mfat-anna", "correct horse");
        let agent = Agent::at_default_socket(
            "[policy]\nrequire = [\"pin\"]\n\
             [[rule]]\nname = \"no root\"\nusers = [\"root\"]\nservices = [\"sshd\"]\naction = \"deny\"\n",
        );
        let keys = run(Command::new("ssh-keygen").arg("-A"));
        assert!(keys.is_success(), "{keys:?}");
        let settings = "UsePAM yes\nKbdInteractiveAuthentication yes\nPasswordAuthentication no\n";
        std::fs::write("/etc/ssh/sshd_config", settings).expect("sshd's settings");
        let explained = || {
            let words = ["explain", "--user", "mfat-anna", "--service", "sshd"];
            agent.ctl().json(&words, "")["not_asked"].to_string()
        };
        let before = explained();
        assert!(before.contains("pam_mfa is in no PAM stack"), "{before}");
        let screen = |words: &[&str]| {
            let mut mfactl = Command::new(&built().mfactl);
            run(mfactl.arg("--socket").arg(agent.socket()).args(words)).stdout
        };
        let status = screen(&["status", "mfat-anna"]);
        assert!(
            status.contains("refused once pam_mfa is in a PAM"),
            "{status}"
        );
        let users = screen(&["users", "--not-enrolled"]);
        assert!(users.contains("Nobody is refused yet"), "{users}");

        machine.stack("sshd", &format!("@include common-auth\n{OURS}"));
        let told = explained();
        assert!(told.contains("a key alone is enough for sshd"), "{told}");
        let status = screen(&["status", "mfat-anna"]);
        assert!(
            status.contains("are refused until a factor is enrolled"),
            "{status}"
        );
        let checks = said_of("sshd", &agent);
        let rule = "this rule does not apply to it: \\\"no root\\\"";
        assert!(
            checks.iter().any(|(_, text)| text.contains(rule)),
            "{checks:?}"
        );
    });
}

#[test]
fn doctor_names_an_account_line_that_refuses_everybody_and_services_without_a_code() {
    Machine::run(|machine| {
        let agent = Agent::at_default_socket("[policy]\nrequire = [\"pin\"]\n");
        let account = "account required pam_mfa.so\n";
        let checks = said(
            machine,
            &agent,
            &format!("@include common-auth\n{OURS}{account}"),
        );
        let told = |ok: bool, words: &str| {
            let is_it = |(well, text): &(bool, String)| *well == ok && text.contains(words);
            assert!(checks.iter().any(is_it), "{words}: {checks:?}");
        };
        told(false, "refuses every login that passed a code");
        told(true, "a password is enough");
    });
}

#[test]
fn doctor_names_lines_that_libpam_or_the_module_refuses_and_lines_that_ask_twice() {
    Machine::run(|machine| {
        let agent = Agent::at_default_socket("[policy]\nrequire = [\"pin\"]\n");
        let common = "@include common-auth\n";
        for (stack, words) in [
            (
                format!("auth include common-auth\r\n{}", OURS.replace('\n', "\r\n")),
                "sshd:1 and 1 more): the line ends with a carriage return",
            ),
            (
                format!("{common}@include no-such-file\n{OURS}"),
                "(/etc/pam.d/sshd:2): @include no-such-file",
            ),
            (format!("{common}{OURS}{OURS}"), "two codes"),
            (
                format!("{common}auth required pam_mfa.so nullok\n"),
                "unknown argument \\\"nullok\\\"",
            ),
            (
                format!("{common}auth required pam_mfa.so timeout=9999\n"),
                "from 1 to 600",
            ),
            (
                format!("{common}{OURS}@include common-account\naccount optional pam_mfa.so\n"),
                "disables the account line",
            ),
            (
                format!("{common}{OURS}password required pam_mfa.so\n"),
                "checks nothing in the password phase",
            ),
        ] {
            let checks = said(machine, &agent, &stack);
            let is_it = |(ok, text): &(bool, String)| !ok && text.contains(words);
            assert!(checks.iter().any(is_it), "{words}: {checks:#?}");
        }
        let checks = said(machine, &agent, &format!("{common}{OURS}"));
        assert!(checks.iter().all(|(ok, _)| *ok), "{checks:#?}");
        machine.stack("vpn.bak", &format!("{OURS}{common}"));
        let checks = said_of("stacks", &agent);
        let is_it = |(ok, text): &(bool, String)| !ok && text.contains("vpn.bak");
        assert!(checks.iter().any(is_it), "a name like any: {checks:#?}");
    });
}

#[test]
fn doctor_names_programs_that_have_one_answer_and_what_to_write_for_them() {
    Machine::run(|machine| {
        let agent = Agent::at_default_socket("");
        machine.stack(
            "common-auth",
            &format!("auth requisite pam_unix.so\n{OURS}"),
        );
        let asks_once = |service: &str| {
            let checks = said_of("stacks", &agent);
            let words = format!("{service}: ");
            checks
                .into_iter()
                .filter(|(ok, text)| !ok && text.contains(&words))
                .find(|(_, text)| text.contains("gives one answer to every prompt"))
        };
        for (service, program) in [
            ("dovecot", "Dovecot"),
            ("vsftpd", "vsftpd"),
            ("imap", "saslauthd"),
        ] {
            machine.stack(service, "@include common-auth\n");
            let (_, text) = asks_once(service).unwrap_or_else(|| panic!("nothing of {service}"));
            assert!(text.contains(program), "{text}");
        }
        machine.shipped_stack("dovecot");
        assert!(asks_once("dovecot").is_none());
    });
}

#[test]
fn doctor_compares_the_rule_for_one_answer_with_the_stack() {
    Machine::run(|machine| {
        let agent = Agent::at_default_socket(
            "[policy]\nrequire = [\"pin\"]\n[[rule]]\nname = \"ftp\"\nservices = [\"vsftpd\"]\n\
             require = [\"totp\"]\nprompting = \"single\"\n",
        );
        let common = "@include common-auth\n";
        let told = |stack: &str, words: &str| {
            machine.stack("vsftpd", stack);
            let checks = said_of("stacks", &agent);
            let is_it = |(ok, text): &(bool, String)| !ok && text.contains(words);
            (checks.iter().any(is_it), checks)
        };
        let single = "vsftpd: rule \\\"ftp\\\"";
        let (is_told, checks) = told(&format!("{common}{OURS}"), single);
        assert!(is_told, "{checks:#?}");
        let before =
            "auth required pam_mfa.so forward_pass\nauth required pam_unix.so use_first_pass\n";
        let (is_told, checks) = told(before, single);
        assert!(!is_told, "{checks:#?}");
        machine.stack("vpn", before);
        let (is_told, checks) = told(before, "vpn: [policy]");
        assert!(is_told, "a PIN has no room there: {checks:#?}");
    });
}
