//! saslauthd, which asks PAM for Postfix, Exim, OpenLDAP and others.

use std::process::Command;

use mfa_tests::{Daemon, Machine, Place, eventually, run};

use super::{ANNA, attempts, set_up};

fn start(more: &[&str]) -> Daemon {
    let place = Place::new();
    let mut saslauthd = Command::new("/usr/sbin/saslauthd");
    saslauthd
        .args(["-d", "-a", "pam", "-m", &place.folder(), "-n", "2"])
        .args(more);
    let daemon = place.start_without_port(saslauthd);
    eventually("saslauthd to listen", || {
        daemon.path("mux").exists().then_some(())
    });
    daemon
}

fn logs_in(server: &Daemon, service: &str, password: &str) -> bool {
    let mux = server.path("mux").to_string_lossy().into_owned();
    let mut client = Command::new("/usr/sbin/testsaslauthd");
    let output = run(client.args(["-f", &mux, "-s", service, "-u", ANNA, "-p", password]));
    output.stdout.contains("OK \"Success.\"")
}

#[test]
fn a_mail_server_gives_password_and_code_in_one_answer() {
    Machine::run(|machine| {
        let (agent, key) = set_up(machine, "smtp");
        let server = start(&[]);
        for (typed, passes) in attempts(&key) {
            assert_eq!(logs_in(&server, "smtp", &typed), passes, "{typed}");
        }
        assert_eq!(agent.logins_of(ANNA, 5)[3].text("result"), "passed");
    });
}

#[test]
fn its_cache_lets_the_same_answer_in_again_for_a_while() {
    Machine::run(|machine| {
        let (agent, key) = set_up(machine, "smtp");
        let server = start(&["-c", "-t", "600"]);
        let typed = format!("{}{}", super::PASSWORD, key.code(0));
        for _ in 0..3 {
            assert!(logs_in(&server, "smtp", &typed));
        }
        assert_eq!(agent.logins_of(ANNA, 1).len(), 1);
    });
}
