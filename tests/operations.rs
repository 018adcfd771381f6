//! Operations: what a script protects with `mfactl verify --operation`.

use mfa_tests::{Agent, Login, Machine, Pty, Stack, built};
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse";
const ANNA: &str = "mfat-anna";
/// Automation, which can't answer prompts.
const ROBOT: &str = "mfat-robot";
const PIN: &str = "4826";
const OPERATION: &str = "collect-evidence";

const RULES: &str = r#"
[policy]
require = ["pin"]

[[rule]]
name = "automation"
users = ["mfat-robot"]
operations = ["*"]
action = "skip"

[[rule]]
name = "evidence"
operations = ["collect-evidence", "rotate-keys"]
session = "15m"

[[rule]]
name = "forbidden"
operations = ["wipe"]
action = "deny"

[[rule]]
name = "own logins"
services = ["mfactl"]
session = "15m"

[[rule]]
name = "sudo"
services = ["sudo"]
session = "15m"
session_scope = ["sudo", "mfactl"]
"#;

/// A script as an administrator would write it.
const SCRIPT: &str = "#!/bin/sh\n\
    mfactl verify --quiet --operation collect-evidence || exit 1\n\
    echo evidence collected\n";

fn set_up(machine: &Machine) -> Agent {
    machine.user(ANNA, PASSWORD);
    machine.user(ROBOT, PASSWORD);
    machine.shipped_stack("sudo");
    let rule = format!("{ANNA} ALL=(ALL) ALL\nDefaults !lecture\n");
    std::fs::write("/etc/sudoers.d/mfa-test", rule).unwrap();
    std::fs::create_dir("/run/bin").unwrap();
    std::os::unix::fs::symlink(&built().mfactl, "/run/bin/mfactl").unwrap();
    std::fs::write("/run/bin/collect-evidence", SCRIPT).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions("/run/bin/collect-evidence", mode).unwrap();
    let agent = Agent::at_default_socket(RULES);
    agent.admin().pin(ANNA, PIN);
    agent
}

/// A terminal at which `user` runs commands.
fn terminal(machine: &Machine, user: &str) -> Pty {
    let uid = machine.uid(user);
    let (reuid, regid) = (format!("--reuid={uid}"), format!("--regid={uid}"));
    let script =
        "PATH=/run/bin:$PATH; while read -r command; do $command; echo \"status <$?>\"; done";
    Pty::spawn(
        "setpriv",
        &[&reuid, &regid, "--init-groups", "sh", "-c", script],
    )
}

/// Runs `command`, answers its PIN prompt with `pin` if there is one, and expects the exit status.
/// Returns the prompt.
fn run(terminal: &mut Pty, command: &str, pin: &str, status: u8) -> bool {
    terminal.send(command);
    let asks = terminal.expect_one_of(&["PIN: ", "status <"]) == "PIN: ";
    if asks {
        terminal.send(pin);
        terminal.expect("status <");
    }
    terminal.expect(&format!("{status}>"));
    asks
}

#[test]
fn a_protected_script_continues_only_for_a_user_who_has_passed() {
    Machine::run(|machine| {
        let agent = set_up(machine);
        let mut at = terminal(machine, ANNA);
        assert!(run(&mut at, "collect-evidence", "0000", 1));
        assert!(!at.shown().contains("evidence collected"), "{}", at.shown());
        assert!(run(&mut at, "collect-evidence", PIN, 0));
        assert!(at.shown().contains("evidence collected"), "{}", at.shown());
        let events = agent.logins_of(ANNA, 2);
        for (event, result) in events.iter().zip(["wrong", "passed"]) {
            assert_eq!(event.text("result"), result);
            assert_eq!(event.text("operation"), OPERATION);
            assert_eq!(event.text("rule"), "evidence");
            assert_eq!(event.json()["unprivileged"], true);
        }
        assert_eq!(agent.admin().status(ANNA).failures, 0, "a pass clears it");
    });
}

#[test]
fn a_session_belongs_to_the_controlling_terminal_and_not_to_standard_input() {
    Machine::run(|machine| {
        let _agent = set_up(machine);
        let mut at = terminal(machine, ANNA);
        assert!(run(&mut at, "collect-evidence", PIN, 0));
        assert!(!run(&mut at, "collect-evidence", PIN, 0), "its session");
        let before = at.shown().len();
        at.send("tty");
        at.expect("status <0>");
        let name = at.shown()[before..].to_owned();
        let name = name
            .split_whitespace()
            .find(|word| word.starts_with("/dev/"));
        let name = name.expect("a terminal's name");
        // Her other terminal, in the hands of an attacker without the device.
        std::os::unix::fs::chown(name, Some(machine.uid(ANNA)), None).unwrap();
        let mut elsewhere = terminal(machine, ANNA);
        std::fs::write(
            "/run/bin/borrow",
            format!("#!/bin/sh\nexec collect-evidence <{name} 2>{name}\n"),
        )
        .unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions("/run/bin/borrow", mode).unwrap();
        assert!(run(&mut elsewhere, "borrow", PIN, 0), "it is asked");
        // Redirecting standard input does not lose a session either.
        std::fs::write(
            "/run/bin/piped",
            "#!/bin/sh\nexec collect-evidence </dev/null\n",
        )
        .unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions("/run/bin/piped", mode).unwrap();
        assert!(!run(&mut at, "piped", PIN, 0), "its terminal is the same");
    });
}

#[test]
fn an_operation_has_its_own_session() {
    Machine::run(|machine| {
        let agent = set_up(machine);
        let mut at = terminal(machine, ANNA);
        let sudo = |at: &mut Pty| {
            at.send("sudo -k true");
            at.answer("assword", PASSWORD);
            let asks = at.expect_one_of(&["PIN: ", "status <"]) == "PIN: ";
            if asks {
                at.send(PIN);
                at.expect("status <");
            }
            at.expect("0>");
            asks
        };
        assert!(sudo(&mut at), "the first sudo");
        assert!(
            run(&mut at, "collect-evidence", PIN, 0),
            "sudo opens no operation"
        );
        assert!(!run(&mut at, "collect-evidence", PIN, 0), "its own session");
        assert!(!sudo(&mut at), "sudo's own session");
        let _ = agent.ctl().json(&["revoke", ANNA], "");
        assert!(run(&mut at, "collect-evidence", PIN, 0), "after revoke");
        assert!(sudo(&mut at), "an operation opens no sudo");
        let other = "mfactl verify --quiet --operation rotate-keys";
        assert!(run(&mut at, other, PIN, 0), "nor another operation");
        assert!(run(&mut at, "mfactl verify", PIN, 0), "nor a login");
        let mut elsewhere = terminal(machine, ANNA);
        assert!(
            run(&mut elsewhere, "collect-evidence", PIN, 0),
            "another terminal"
        );
    });
}

#[test]
fn rules_on_operations_skip_and_deny_them_and_affect_no_login() {
    Machine::run(|machine| {
        let agent = set_up(machine);
        let mut at = terminal(machine, ROBOT);
        assert!(!run(&mut at, "collect-evidence", "", 0), "exempt");
        assert!(at.shown().contains("evidence collected"), "{}", at.shown());
        let event = &agent.logins_of(ROBOT, 1)[0];
        assert_eq!(event.text("result"), "skipped");
        assert_eq!(event.text("rule"), "automation");
        // The operation is exempt, not the user.
        let seen = Login::of(ROBOT).answer("0").run(&Stack::asking(&agent));
        assert_eq!(seen.result(), "PAM_AUTH_ERR", "{seen:?}");

        let mut at = terminal(machine, ANNA);
        assert!(!run(&mut at, "mfactl verify -q --operation wipe", PIN, 1));
        assert_eq!(agent.logins_of(ANNA, 1)[0].text("result"), "denied");
    });
}

#[test]
fn a_script_without_a_terminal_reads_the_outcome_as_json() {
    Machine::run(|machine| {
        let agent = set_up(machine);
        let verify = |user: &str, operation: &str, input: &str, status: i32| -> Value {
            let arguments = ["verify", "--quiet", "--operation", operation];
            let output = agent.ctl().run_as(machine, user, &arguments, input);
            assert_eq!(output.status, Some(status), "{output:?}");
            serde_json::from_str(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
        };
        let reply = |user: &str, operation: &str, outcome: &str, verified: bool| {
            json!({
                "user": user, "service": "mfactl", "operation": operation,
                "outcome": outcome, "verified": verified
            })
        };
        for (user, operation, input, outcome) in [
            (ANNA, OPERATION, "4826\n", "passed"),
            (ANNA, OPERATION, "0000\n", "wrong"),
            (ANNA, OPERATION, "", "cancelled"),
            (ANNA, "wipe", "4826\n", "denied"),
            (ROBOT, "wipe", "", "skipped"),
        ] {
            let verified = matches!(outcome, "passed" | "skipped");
            let seen = verify(user, operation, input, i32::from(!verified));
            assert_eq!(seen, reply(user, operation, outcome, verified));
        }
    });
}

#[test]
fn quiet_prints_nothing_to_standard_output_and_an_absent_agent_opens_nothing() {
    Machine::run(|machine| {
        let mut agent = set_up(machine);
        let verify = |input: &str| {
            let mut command = machine.as_user(ANNA, "/run/bin/mfactl");
            command.args(["verify", "--quiet", "--operation", OPERATION]);
            mfa_tests::run_with_input(&mut command, input)
        };
        for (input, status) in [("4826\n", 0), ("0000\n", 1)] {
            let output = verify(input);
            assert_eq!(output.status, Some(status), "{output:?}");
            assert_eq!(output.stdout, "");
        }
        agent.kill_9();
        assert_eq!(verify("4826\n").status, Some(3));
        let mut at = terminal(machine, ANNA);
        assert!(!run(&mut at, "collect-evidence", PIN, 1));
        assert!(!at.shown().contains("evidence collected"), "{}", at.shown());
    });
}

/// The shipped example, as sudo would run it.
fn example(target: &str) -> Pty {
    let script = built().tree.join("config/examples/collect-evidence");
    let path = "PATH=/run/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let who = format!("SUDO_USER={ANNA}");
    let script = script.to_string_lossy();
    Pty::spawn("env", &[path, &who, "bash", &script, target])
}

#[test]
fn the_shipped_example_collects_evidence_only_for_a_user_who_has_passed() {
    Machine::run(|machine| {
        let agent = set_up(machine);
        let mut refused = example("/run/evidence");
        refused.answer("PIN: ", "0000");
        refused.expect("was not verified; nothing was collected");
        assert_eq!(refused.finish().1, Some(1));
        assert!(!std::path::Path::new("/run/evidence").exists());

        let mut done = example("/run/evidence");
        done.answer("PIN: ", PIN);
        done.expect("/run/evidence/evidence-");
        assert_eq!(done.finish().1, Some(0));
        let collected = std::fs::read_dir("/run/evidence").unwrap().count();
        assert_eq!(collected, 2, "an archive and its checksum");
        let event = &agent.logins_of(ANNA, 2)[1];
        assert_eq!(
            (event.text("result"), event.text("operation")),
            ("passed", OPERATION)
        );
    });
}

#[test]
fn the_shipped_example_writes_nothing_into_folders_that_its_caller_can_change() {
    Machine::run(|machine| {
        let _agent = set_up(machine);
        let home = format!("/run/home/{ANNA}");
        let victim = "/run/victim";
        std::fs::create_dir(victim).unwrap();
        std::os::unix::fs::symlink(victim, format!("{home}/link")).unwrap();
        std::fs::create_dir("/run/open").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o1777);
        std::fs::set_permissions("/run/open", mode).unwrap();
        std::os::unix::fs::symlink(&home, "/run/lead").unwrap();
        for target in [
            home.clone(),
            format!("{home}/new"),
            format!("{home}/link"),
            format!("{home}/link/new"),
            "/run/open".to_owned(),
            "/run/lead".to_owned(),
            "/run/lead/new".to_owned(),
        ] {
            let mut refused = example(&target);
            // Each has its own terminal, whose name may be that of an earlier one.
            if refused.expect_one_of(&["PIN: ", "is not root's alone"]) == "PIN: " {
                refused.send(PIN);
                refused.expect("is not root's alone");
            }
            assert_eq!(refused.finish().1, Some(2), "{target}");
        }
        for folder in [victim, "/run/open"] {
            assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0, "{folder}");
        }
        assert!(!std::path::Path::new(&format!("{home}/new")).exists());
    });
}
