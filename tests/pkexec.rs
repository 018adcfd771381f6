//! pkexec at a terminal: polkit's own text agent asks for the password and the code of an
//! administrator.

use std::fs;
use std::process::{Child, Command, Stdio};

use mfa_tests::{Agent, Key, Machine, Pty, Transcript, eventually, run};

const PASSWORD: &str = "correct horse";
const ANNA: &str = "mfat-anna";
const REGISTERED: &str = "/run/home/registered";

/// The test's own system bus and polkit; they end with it.
struct Polkit(Vec<Child>);

impl Polkit {
    fn start(_on: &Machine) -> Self {
        fs::create_dir_all("/run/dbus").unwrap();
        let bus = Command::new("dbus-daemon")
            .args(["--system", "--nofork", "--nopidfile"])
            .stdin(Stdio::null())
            .spawn()
            .expect("dbus-daemon is missing: run tests/install-needs");
        let mut polkit = Self(vec![bus]);
        eventually("the system bus", || {
            fs::exists("/run/dbus/system_bus_socket")
                .ok()?
                .then_some(())
        });
        let rules = format!(
            "polkit.addAdminRule(function(action, subject) {{ return [\"unix-user:{ANNA}\"]; }});\n"
        );
        fs::create_dir_all("/etc/polkit-1/rules.d").unwrap();
        fs::write("/etc/polkit-1/rules.d/10-mfa-test.rules", rules).unwrap();
        let daemon = Command::new("/usr/lib/polkit-1/polkitd")
            .arg("--no-debug")
            .stdin(Stdio::null())
            .spawn()
            .expect("polkitd is missing: run tests/install-needs");
        polkit.0.push(daemon);
        polkit
    }
}

impl Drop for Polkit {
    fn drop(&mut self) {
        for child in self.0.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn set_up(machine: &Machine) -> (Agent, Key, Polkit) {
    machine.user(ANNA, PASSWORD);
    machine.shipped_stack("polkit-1");
    let agent = Agent::at_default_socket("");
    let key = agent.admin().device(ANNA);
    (agent, key, Polkit::start(machine))
}

/// A shell where Anna runs pkexec, and the text agent that asks for it on another terminal.
/// pkexec's built-in agent asks as well, but Debian 12's polkit then reports "No session for
/// cookie".
fn pkexec(machine: &Machine) -> (Pty, Pty) {
    // The agent holds this open until it is registered; the shell reads it to its end.
    let made = run(Command::new("mkfifo").args(["-m", "666", REGISTERED]));
    assert!(made.is_success(), "{made:?}");
    let line = format!(
        "echo this is $$; cat {REGISTERED}; pkexec --disable-internal-agent /usr/bin/id -un"
    );
    let mut shell = as_anna(machine, &["sh", "-c", &line]);
    shell.expect("this is ");
    shell.expect("\n");
    let (_, rest) = shell.shown().split_once("this is ").expect("a number");
    let line = format!(
        "exec 3>{REGISTERED}; exec pkttyagent --notify-fd=3 --process {}",
        rest.trim()
    );
    let agent = as_anna(machine, &["sh", "-c", &line]);
    (shell, agent)
}

fn as_anna(machine: &Machine, command: &[&str]) -> Pty {
    let uid = machine.uid(ANNA);
    let (reuid, regid) = (format!("--reuid={uid}"), format!("--regid={uid}"));
    let mut arguments = vec![reuid.as_str(), &regid, "--init-groups"];
    arguments.extend_from_slice(command);
    Pty::spawn("setpriv", &arguments)
}

#[test]
fn pkexec_asks_for_password_and_code_and_runs_the_command() {
    Machine::run(|machine| {
        let (agent, key, _polkit) = set_up(machine);
        let (mut shell, mut asking) = pkexec(machine);
        asking.answer("Password: ", PASSWORD);
        asking.answer("OTP code: ", &key.code(0));
        asking.expect("COMPLETE");
        shell.expect("root");
        assert_eq!(shell.finish().1, Some(0));
        keep("pkexec", asking.shown());
        let event = &agent.logins_of(ANNA, 1)[0];
        assert_eq!(event.text("service"), "polkit-1");
        assert_eq!(event.text("result"), "passed");
    });
}

#[test]
fn pkexec_with_a_wrong_code_runs_nothing() {
    Machine::run(|machine| {
        let (agent, key, _polkit) = set_up(machine);
        let (shell, mut asking) = pkexec(machine);
        asking.answer("Password: ", PASSWORD);
        asking.answer("OTP code: ", &key.wrong_code());
        asking.expect("FAILED");
        let (shown, status) = shell.finish();
        assert_eq!(status, Some(127), "{shown}");
        keep("pkexec-wrong-code", asking.shown());
        assert_eq!(agent.admin().status(ANNA).failures, 1);
    });
}

fn keep(name: &str, shown: &str) {
    Transcript::of(shown)
        .masking("\u{1b}[0m", "")
        .masking("\u{1b}[1;31m", "")
        .assert(name);
}
