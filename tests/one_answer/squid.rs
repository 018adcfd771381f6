//! Squid with `basic_pam_auth`.

use std::process::Command;

use mfa_tests::{Daemon, Machine, Place, run};

use super::{ANNA, PASSWORD, attempts, set_up_for};

const SETTINGS: &str = "
http_port 127.0.0.1:@PORT@
pid_filename @FOLDER@/proxy/pid
cache_log @FOLDER@/proxy/log
access_log none
cache deny all
netdb_filename none
coredump_dir @FOLDER@/proxy
shutdown_lifetime 1 seconds
auth_param basic program /usr/lib/squid/basic_pam_auth -n squid
auth_param basic children 2
auth_param basic realm proxy
auth_param basic credentialsttl @TTL@
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
";

pub(super) fn start(ttl: &str) -> Daemon {
    let place = Place::new();
    place.folder_of("proxy", "proxy");
    let settings = place.settings("squid.conf", &SETTINGS.replace("@TTL@", ttl));
    let mut squid = Command::new("/usr/sbin/squid");
    squid.args(["-N", "-f", &settings]);
    place.start(squid)
}

/// Squid asks PAM before it says that the page can't be had.
pub(super) fn passes(server: &Daemon, password: &str) -> bool {
    passes_as(ANNA, server, password)
}

pub(super) fn passes_as(user: &str, server: &Daemon, password: &str) -> bool {
    let proxy = format!("http://127.0.0.1:{}", server.port());
    let user = format!("{user}:{password}");
    let url = "http://127.0.0.1:1/";
    let mut curl = Command::new("curl");
    curl.args([
        "--silent",
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code}",
        "--proxy",
        &proxy,
    ]);
    let code = run(curl.args(["--proxy-user", &user, "--noproxy", "", url])).stdout;
    assert!(["407", "503"].contains(&code.as_str()), "{code}");
    code == "503"
}

#[test]
fn a_browser_gives_password_and_code_in_one_answer_and_again_within_the_ttl() {
    Machine::run(|machine| {
        let (agent, key) = set_up_for(machine, "squid", "proxy");
        let server = start("1 hour");
        for (typed, is_in) in attempts(&key).into_iter().take(4) {
            assert_eq!(passes(&server, &typed), is_in, "{typed}");
        }
        let typed = format!("{PASSWORD}{}", key.code(1));
        assert!(passes(&server, &typed), "within credentialsttl");
        let events = agent.logins_of(ANNA, 4);
        assert_eq!(events[3].text("result"), "passed");
    });
}
