//! The shipped stacks, with each code that the module returns.
//!
//! For every code but "passed" and "skipped" the program is refused, and a right password does not
//! change that.

use std::fs;

use mfa_tests::{Agent, Login, Machine, Seen, Stack, built};

const USER: &str = "mfat-anna";
const PASSWORD: &str = "correct horse";
/// Stacks that ask for the password and then for the code. su asks root for nothing, and root runs
/// this: `terminal` covers it.
const AFTER_PASSWORD: [&str; 3] = ["sshd", "sudo", "login"];

/// A login through the host's own `/etc/pam.d`.
fn log_in(service: &str, user: &str, answers: &[&str]) -> Seen {
    let mut login = Login::of(user)
        .service(service)
        .on("/dev/pts/0")
        .option("--account");
    for answer in answers {
        login = login.answer(answer);
    }
    login.run(&Stack::of_host())
}

fn install_all(machine: &Machine) {
    AFTER_PASSWORD
        .iter()
        .for_each(|service| machine.shipped_stack(service));
    machine.shipped_stack("sshd-publickey");
    machine.shipped_stack("password+code");
    machine.user(USER, PASSWORD);
}

const RULES: &str = "[[rule]]\nusers = [\"mfat-free\"]\naction = \"skip\"\n\
    [[rule]]\nusers = [\"mfat-barred\"]\naction = \"deny\"\n\
    [policy]\nrequire = [\"pin\"]\n";

#[test]
fn a_shipped_stack_lets_in_with_both_factors_and_with_nothing_less() {
    Machine::run(|machine| {
        install_all(machine);
        let agent = Agent::at_default_socket(RULES);
        agent.admin().pin(USER, "4826");
        for service in AFTER_PASSWORD {
            let seen = log_in(service, USER, &[PASSWORD, "4826"]);
            assert_eq!(seen.result(), "PAM_SUCCESS", "{service}: {seen:?}");
            for answers in [
                &[PASSWORD, "0000"][..],
                &[PASSWORD, ""],
                &[PASSWORD],
                &["wrong", "4826"],
                &[],
            ] {
                let seen = log_in(service, USER, answers);
                assert_ne!(
                    seen.result(),
                    "PAM_SUCCESS",
                    "{service} {answers:?}: {seen:?}"
                );
            }
            agent.admin().unlock(USER);
        }
        let seen = log_in("sshd-publickey", USER, &["4826"]);
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
        let seen = log_in("sshd-publickey", USER, &["0000"]);
        assert_ne!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    });
}

#[test]
fn a_user_without_an_asking_rule_passes_by_password_alone_and_a_denied_one_never() {
    Machine::run(|machine| {
        install_all(machine);
        machine.user("mfat-free", PASSWORD);
        machine.user("mfat-barred", PASSWORD);
        let _agent = Agent::at_default_socket(RULES);
        for service in AFTER_PASSWORD {
            let seen = log_in(service, "mfat-free", &[PASSWORD]);
            assert_eq!(seen.result(), "PAM_SUCCESS", "{service}: {seen:?}");
            let seen = log_in(service, "mfat-free", &["wrong"]);
            assert_ne!(seen.result(), "PAM_SUCCESS", "{service}: {seen:?}");
            let seen = log_in(service, "mfat-barred", &[PASSWORD, "4826"]);
            assert_ne!(seen.result(), "PAM_SUCCESS", "{service}: {seen:?}");
        }
    });
}

#[test]
fn locked_unenrolled_and_unavailable_are_refused_despite_the_right_password() {
    Machine::run(|machine| {
        install_all(machine);
        machine.user("mfat-new", PASSWORD);
        let mut agent = Agent::at_default_socket(RULES);
        agent.admin().pin(USER, "4826");
        for _ in 0..5 {
            let _ = log_in("sudo", USER, &[PASSWORD, "0000"]);
        }
        assert!(agent.admin().status(USER).locked_until.is_some());
        for service in AFTER_PASSWORD {
            let seen = log_in(service, USER, &[PASSWORD, "4826"]);
            assert_eq!(seen.result(), "PAM_MAXTRIES", "{service}: {seen:?}");
            let seen = log_in(service, "mfat-new", &[PASSWORD, "4826"]);
            assert_eq!(seen.result(), "PAM_AUTH_ERR", "{service}: {seen:?}");
        }
        agent.kill_9();
        for service in AFTER_PASSWORD {
            let seen = log_in(service, USER, &[PASSWORD, "4826"]);
            assert_eq!(seen.result(), "PAM_AUTHINFO_UNAVAIL", "{service}: {seen:?}");
        }
        let seen = log_in("sshd-publickey", USER, &["4826"]);
        assert_eq!(seen.result(), "PAM_AUTHINFO_UNAVAIL", "{seen:?}");
        let seen = log_in("password+code", USER, &[&format!("{PASSWORD}4826")]);
        assert_eq!(seen.result(), "PAM_AUTHINFO_UNAVAIL", "{seen:?}");
    });
}

/// Outcomes by policy: settings, user, answers after a right password, outcome.
const OUTCOMES: [(&str, &str, &str, &[&str], &str); 8] = [
    ("passed", "", USER, &["4826"], "PAM_SUCCESS"),
    ("wrong", "", USER, &["0000"], "PAM_AUTH_ERR"),
    (
        "skipped",
        "[[rule]]\nusers = [\"mfat-new\"]\naction = \"skip\"\n",
        "mfat-new",
        &[],
        "PAM_SUCCESS",
    ),
    (
        "grace",
        "[enforcement]\ngrace = \"14d\"\n",
        "mfat-new",
        &[],
        "PAM_SUCCESS",
    ),
    (
        "allow",
        "[enforcement]\nunenrolled = \"allow\"\n",
        "mfat-new",
        &[],
        "PAM_SUCCESS",
    ),
    (
        "mode none",
        "[enforcement]\nmode = \"none\"\n",
        USER,
        &[],
        "PAM_SUCCESS",
    ),
    ("not enrolled", "", "mfat-new", &["4826"], "PAM_AUTH_ERR"),
    (
        "denied",
        "[[rule]]\nusers = [\"mfat-anna\"]\naction = \"deny\"\n",
        USER,
        &["4826"],
        "PAM_PERM_DENIED",
    ),
];

/// The first factor of each shipped stack.
fn first_factor(service: &str) -> Option<&'static [&'static str]> {
    match service {
        "sshd-publickey" => Some(&[]),
        // They ask for nothing, ask root for nothing, or need a module that is not always installed.
        "cron" | "su" | "cockpit" => None,
        _ if takes_one_answer(service) => None,
        _ => Some(&[PASSWORD]),
    }
}

/// Whether a shipped stack takes password and code in one answer.
fn takes_one_answer(service: &str) -> bool {
    let path = built().tree.join("config/pam.d").join(service);
    let text = fs::read_to_string(path).unwrap();
    let is_ours = |line: &str| !line.starts_with('#') && line.contains("pam_mfa.so");
    text.lines()
        .any(|line| is_ours(line) && line.contains("forward_pass"))
}

fn shipped() -> Vec<String> {
    let folder = built().tree.join("config/pam.d");
    let services = fs::read_dir(folder).unwrap();
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string();
    services.map(|entry| name(entry).unwrap()).collect()
}

#[test]
fn every_outcome_of_every_shipped_stack_follows_the_policy() {
    Machine::run(|machine| {
        install_all(machine);
        machine.user("mfat-new", PASSWORD);
        // All users without a factor share one record, and nobody unlocks it.
        let common = "[policy]\nrequire = [\"pin\"]\n[lockout]\nattempts = 20\n";
        let agent = Agent::at_default_socket(common);
        agent.admin().pin(USER, "4826");
        let mut services = shipped();
        services.retain(|service| first_factor(service).is_some());
        services
            .iter()
            .for_each(|service| machine.shipped_stack(service));
        for (what, settings, user, answers, expected) in OUTCOMES {
            let reload = agent.reload_with(&format!("{settings}{common}"));
            assert_eq!(reload.text("result"), "done", "{reload:?}");
            for service in &services {
                let first = first_factor(service).unwrap_or(&[]);
                let seen = log_in(service, user, &[first, answers].concat());
                assert_eq!(seen.result(), expected, "{service}: {what}: {seen:?}");
                agent.admin().unlock(USER);
            }
        }
    });
}

#[test]
fn every_outcome_of_the_stacks_with_one_answer_follows_the_policy() {
    Machine::run(|machine| {
        install_all(machine);
        machine.user("mfat-new", PASSWORD);
        let mut services = shipped();
        services.retain(|service| takes_one_answer(service));
        services
            .iter()
            .for_each(|service| machine.shipped_stack(service));
        let agent = Agent::at_default_socket("[policy]\nrequire = [\"totp\"]\n");
        let of_new = "[[rule]]\nusers = [\"mfat-new\"]\naction = ";
        for (what, settings, expected) in [
            ("skipped", format!("{of_new}\"skip\"\n"), "PAM_SUCCESS"),
            (
                "grace",
                "[enforcement]\ngrace = \"14d\"\n".to_owned(),
                "PAM_SUCCESS",
            ),
            (
                "allow",
                "[enforcement]\nunenrolled = \"allow\"\n".to_owned(),
                "PAM_SUCCESS",
            ),
            ("denied", format!("{of_new}\"deny\"\n"), "PAM_PERM_DENIED"),
        ] {
            let reload = agent.reload_with(&settings);
            assert_eq!(reload.text("result"), "done", "{reload:?}");
            for service in &services {
                let seen = log_in(service, "mfat-new", &[PASSWORD]);
                assert_eq!(seen.result(), expected, "{service}: {what}: {seen:?}");
                let seen = log_in(service, "mfat-new", &["wrong"]);
                assert_ne!(seen.result(), "PAM_SUCCESS", "{service}: {what}: {seen:?}");
            }
        }
        for service in &services {
            // A code is valid once, and a user has five devices at most.
            let key = agent.admin().device(USER);
            let wrong = format!("{PASSWORD}{}", key.wrong_code());
            let seen = log_in(service, USER, &[&wrong]);
            assert_eq!(seen.result(), "PAM_AUTH_ERR", "{service}: {seen:?}");
            let right = format!("{PASSWORD}{}", key.code(0));
            let seen = log_in(service, USER, &[&right]);
            assert_eq!(seen.prompts(), ["Password and code: "], "{service}");
            assert_eq!(seen.result(), "PAM_SUCCESS", "{service}: {seen:?}");
            let removed = agent.ctl().run(&["remove", "totp", USER], "");
            assert!(removed.is_success(), "{removed:?}");
        }
    });
}

#[test]
fn one_answer_with_password_and_code_lets_in_and_half_of_it_does_not() {
    Machine::run(|machine| {
        install_all(machine);
        let agent = Agent::at_default_socket("[policy]\nrequire = [\"totp\"]\n");
        let key = agent.admin().device(USER);
        let (right, wrong) = (key.code(0), key.wrong_code());
        let cases = [
            (format!("{PASSWORD}{wrong}"), false),
            (PASSWORD.to_owned(), false),
            (format!("{PASSWORD}{right}"), true),
            (format!("wrong{}", key.code(1)), false),
        ];
        for (answer, is_let_in) in cases {
            let seen = log_in("password+code", USER, &[&answer]);
            assert_eq!(
                seen.result() == "PAM_SUCCESS",
                is_let_in,
                "{answer}: {seen:?}"
            );
        }
    });
}
