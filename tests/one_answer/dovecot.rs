//! Dovecot's IMAP.

use std::process::Command;

use mfa_tests::{Daemon, Machine, Place};

use super::{ANNA, PASSWORD, attempts, set_up};

const SETTINGS: &str = "
protocols = imap
base_dir = @FOLDER@/run
log_path = @FOLDER@/log
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
mail_location = maildir:~/Maildir
service imap-login {
  inet_listener imap {
    port = @PORT@
  }
  inet_listener imaps {
    port = 0
  }
}
passdb {
  driver = pam
  args = @CACHE@dovecot
}
userdb {
  driver = passwd
}
";

fn start(cache: &str, more: &str) -> Daemon {
    let place = Place::new();
    let text = SETTINGS.replace("@CACHE@", cache) + more;
    let settings = place.settings("dovecot.conf", &text);
    let mut dovecot = Command::new("/usr/sbin/dovecot");
    dovecot.args(["-F", "-c", &settings]);
    place.start(dovecot)
}

fn logs_in(server: &Daemon, password: &str) -> bool {
    let login = format!("a LOGIN {ANNA} \"{password}\"");
    let answers = server.talk("* OK", &[(login, "a ")]);
    answers[0].lines().any(|line| line.starts_with("a OK"))
}

#[test]
fn a_mail_client_gives_password_and_code_in_one_answer() {
    Machine::run(|machine| {
        let (agent, key) = set_up(machine, "dovecot");
        let server = start("", "");
        for (typed, passes) in attempts(&key) {
            assert_eq!(logs_in(&server, &typed), passes, "{typed}");
        }
        let event = &agent.logins_of(ANNA, 5)[3];
        assert_eq!(event.text("result"), "passed");
        assert_eq!(event.text("rhost"), "127.0.0.1");
    });
}

#[test]
fn its_cache_lets_the_same_answer_in_again_from_the_same_address() {
    Machine::run(|machine| {
        let (agent, key) = set_up(machine, "dovecot");
        let server = start(
            "cache_key=%s%u%r ",
            "auth_cache_size = 1M\nauth_cache_ttl = 1 hour\n",
        );
        let typed = format!("{PASSWORD}{}", key.code(0));
        for _ in 0..3 {
            assert!(logs_in(&server, &typed));
        }
        assert_eq!(agent.logins_of(ANNA, 1).len(), 1);
        assert!(!logs_in(&server, PASSWORD));
    });
}
