//! cron is never asked: it authenticates nobody, and its jobs run whatever the policy requires of
//! logins.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mfa_tests::{Agent, Machine};

const ANNA: &str = "mfat-anna";

/// The test's own cron; killed when dropped.
struct Cron(Child);

impl Drop for Cron {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "cron begins with the next minute: make test-all runs it"]
fn a_job_of_a_user_who_needs_a_code_runs_without_asking() {
    Machine::run(|machine| {
        machine.user(ANNA, "correct horse");
        machine.shipped_stack("cron");
        let agent = Agent::at_default_socket("");
        let _ = agent.admin().device(ANNA);
        // Debian's file includes common-auth, which may contain our line: it is not reached.
        let common = fs::read_to_string("/etc/pam.d/common-auth").unwrap();
        fs::write(
            "/etc/pam.d/common-auth",
            format!("{common}\nauth required pam_mfa.so\n"),
        )
        .unwrap();
        let ran = format!("/run/home/{ANNA}/ran");
        let job = format!("* * * * * {ANNA} id -un > {ran}\n");
        fs::write("/etc/cron.d/mfa-test", job).unwrap();
        let cron = Command::new("/usr/sbin/cron")
            .arg("-f")
            .stdin(Stdio::null())
            .spawn()
            .expect("cron is missing: run tests/install-needs");
        let _cron = Cron(cron);
        let until = Instant::now() + Duration::from_secs(180);
        let name = loop {
            let name = fs::read_to_string(&ran).unwrap_or_default();
            if !name.is_empty() || Instant::now() > until {
                break name;
            }
            std::thread::sleep(Duration::from_millis(500));
        };
        assert_eq!(name.trim(), ANNA, "{:?}", machine.syslog());
        let events = agent.events();
        assert!(
            !events.iter().any(|event| event.is_login_of(ANNA)),
            "{events:?}"
        );
    });
}
