//! doas (OpenDoas) at a real terminal.

use mfa_tests::{Agent, Machine, Pty};

const PASSWORD: &str = "correct horse";
const ANNA: &str = "mfat-anna";

fn doas(machine: &Machine, more: &[&str]) -> Pty {
    as_anna(machine, &[&["doas"], more].concat())
}

fn as_anna(machine: &Machine, program: &[&str]) -> Pty {
    let uid = machine.uid(ANNA);
    let (reuid, regid) = (format!("--reuid={uid}"), format!("--regid={uid}"));
    let command = [reuid.as_str(), &regid, "--init-groups"];
    Pty::spawn("setpriv", &[&command, program].concat())
}

#[test]
fn doas_asks_for_password_and_code_and_not_at_all_without_a_terminal() {
    Machine::run(|machine| {
        machine.user(ANNA, PASSWORD);
        machine.shipped_stack("doas");
        let rule = format!("permit {ANNA} as root\n");
        std::fs::write("/etc/doas.conf", rule).unwrap();
        let agent = Agent::at_default_socket("");
        let key = agent.admin().device(ANNA);
        let mut wrong = doas(machine, &["id", "-un"]);
        wrong.answer("password: ", PASSWORD);
        wrong.answer("OTP code: ", &key.wrong_code());
        assert_ne!(wrong.finish().1, Some(0));
        let mut right = doas(machine, &["id", "-un"]);
        right.answer("password: ", PASSWORD);
        right.answer("OTP code: ", &key.code(0));
        right.expect("root");
        assert_eq!(right.finish().1, Some(0));
        let events = agent.logins_of(ANNA, 2);
        assert_eq!(
            (events[0].text("result"), events[1].text("result")),
            ("wrong", "passed")
        );
        let never = doas(machine, &["-n", "id", "-un"]).finish();
        assert_ne!(never.1, Some(0), "{never:?}");
    });
}

#[test]
fn persist_asks_for_nothing_again_on_the_same_terminal() {
    Machine::run(|machine| {
        machine.user(ANNA, PASSWORD);
        machine.shipped_stack("doas");
        std::fs::write("/etc/doas.conf", format!("permit persist {ANNA} as root\n")).unwrap();
        let agent = Agent::at_default_socket("");
        let key = agent.admin().device(ANNA);
        let mut twice = as_anna(
            machine,
            &["sh", "-c", "doas id -un && doas id -un && echo both"],
        );
        twice.answer("password: ", PASSWORD);
        twice.answer("OTP code: ", &key.code(0));
        twice.expect("both");
        assert_eq!(agent.logins_of(ANNA, 1).len(), 1);
    });
}
