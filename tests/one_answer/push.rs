//! Pushes with servers that ask once: the stack checks the password first, and the push has no prompt.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use mfa_tests::{Agent, FreeRadius, Machine, run};

use super::{PASSWORD, apache, squid};

/// Approves each push.
const ERIN: &str = "erin";
/// Refuses each push.
const FRIDA: &str = "frida";

const STACK: &str =
    "auth requisite pam_unix.so\nauth required pam_mfa.so\naccount required pam_permit.so\n";

/// A machine whose `service`, which runs as `user`, asks on phones.
fn set_up(machine: &Machine, service: &str, user: &str, radius: &FreeRadius) -> Agent {
    let secret = "/run/home/radius-secret";
    std::fs::write(secret, FreeRadius::SECRET).expect("a secret");
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(secret, mode).expect("a mode");
    machine.stack(service, STACK);
    for name in [ERIN, FRIDA] {
        machine.user(name, PASSWORD);
    }
    let joined = run(Command::new("usermod").args(["-aG", "shadow", user]));
    assert!(joined.is_success(), "{joined:?}");
    let server = radius.address();
    let mut agent = Agent::at_default_socket(&format!(
        "[policy]\nrequire = [\"radius\"]\n[[radius]]\nname = \"vip\"\nservers = [\"{server}\"]\n\
         secret_file = \"{secret}\"\npush = true\n"
    ));
    agent.restart_with_server(&format!("trusted = [\"{user}\"]"));
    for name in [ERIN, FRIDA] {
        let _ = agent
            .ctl()
            .json(&["enroll", "radius", name, "--server", "vip"], "");
    }
    agent
}

#[test]
fn http_basic_sends_a_push_once_the_password_is_checked() {
    Machine::run(|machine| {
        let radius = FreeRadius::start();
        let agent = set_up(machine, "apache", "www-data", &radius);
        let server = apache::start("PAM");
        assert!(!apache::gets_as(ERIN, &server, "incorrect horse"));
        assert!(
            radius.asked().is_empty(),
            "who does not know the password rings no phone"
        );
        assert!(apache::gets_as(ERIN, &server, PASSWORD), "{}", server.log());
        assert_eq!(radius.asked().len(), 1);
        assert!(!apache::gets_as(FRIDA, &server, PASSWORD));
        assert_eq!(agent.admin().status(FRIDA).failures, 1);
        let event = &agent.logins_of(ERIN, 1)[0];
        assert_eq!(
            (event.text("result"), event.text("factor")),
            ("passed", "radius")
        );
    });
}

#[test]
fn a_proxy_that_shows_no_message_sends_a_push_too() {
    Machine::run(|machine| {
        let radius = FreeRadius::start();
        let _agent = set_up(machine, "squid", "proxy", &radius);
        let server = squid::start("1 hour");
        assert!(!squid::passes_as(ERIN, &server, "incorrect horse"));
        assert!(squid::passes_as(ERIN, &server, PASSWORD));
        assert!(
            squid::passes_as(ERIN, &server, PASSWORD),
            "within credentialsttl"
        );
        assert_eq!(radius.asked().len(), 1);
        assert!(!squid::passes_as(FRIDA, &server, PASSWORD));
    });
}
