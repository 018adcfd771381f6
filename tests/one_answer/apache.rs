//! Apache with `mod_authnz_pam`: HTTP Basic.

use std::process::Command;

use mfa_tests::{Daemon, Machine, Place, run};

use super::{ANNA, PASSWORD, attempts, set_up_for};

const SETTINGS: &str = "
ServerRoot @FOLDER@
ServerName localhost
Listen 127.0.0.1:@PORT@
PidFile @FOLDER@/pid
ErrorLog @FOLDER@/log
User www-data
Group www-data
DocumentRoot @FOLDER@/pages
LoadModule mpm_prefork_module /usr/lib/apache2/modules/mod_mpm_prefork.so
LoadModule authn_core_module /usr/lib/apache2/modules/mod_authn_core.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule authz_user_module /usr/lib/apache2/modules/mod_authz_user.so
LoadModule auth_basic_module /usr/lib/apache2/modules/mod_auth_basic.so
LoadModule authnz_pam_module /usr/lib/apache2/modules/mod_authnz_pam.so
LoadModule authn_socache_module /usr/lib/apache2/modules/mod_authn_socache.so
LoadModule socache_shmcb_module /usr/lib/apache2/modules/mod_socache_shmcb.so
DefaultRuntimeDir @FOLDER@/run
Mutex file:@FOLDER@/run default
<Location />
  AuthType Basic
  AuthName \"pages\"
  AuthBasicProvider @PROVIDER@
  AuthPAMService apache
  Require valid-user
</Location>
";

pub(super) fn start(provider: &str) -> Daemon {
    let place = Place::new();
    place.folder_of("run", "www-data");
    let pages = place.folder_of("pages", "www-data");
    std::fs::write(format!("{pages}/page.txt"), "a page").expect("a page");
    let settings = place.settings("apache.conf", &SETTINGS.replace("@PROVIDER@", provider));
    let mut apache = Command::new("/usr/sbin/apache2");
    apache.args(["-D", "FOREGROUND", "-f", &settings]);
    place.start(apache)
}

pub(super) fn gets(server: &Daemon, password: &str) -> bool {
    gets_as(ANNA, server, password)
}

pub(super) fn gets_as(user: &str, server: &Daemon, password: &str) -> bool {
    let url = format!("http://127.0.0.1:{}/page.txt", server.port());
    let user = format!("{user}:{password}");
    let output = run(Command::new("curl").args(["--silent", "--user", &user, &url]));
    output.stdout == "a page"
}

#[test]
fn a_browser_gives_password_and_code_in_one_answer() {
    Machine::run(|machine| {
        let (agent, key) = set_up_for(machine, "apache", "www-data");
        let server = start("PAM");
        for (typed, passes) in attempts(&key) {
            assert_eq!(gets(&server, &typed), passes, "{typed}");
        }
        let event = &agent.logins_of(ANNA, 5)[3];
        assert_eq!(event.text("result"), "passed");
        assert_eq!(event.text("rhost"), "127.0.0.1");
    });
}

#[test]
fn its_cache_lets_the_same_answer_in_again_for_a_while() {
    Machine::run(|machine| {
        let (agent, key) = set_up_for(machine, "apache", "www-data");
        let server = start("socache PAM\n  AuthnCacheProvideFor PAM\n  AuthnCacheTimeout 3600");
        let typed = format!("{PASSWORD}{}", key.code(0));
        for _ in 0..4 {
            assert!(gets(&server, &typed), "{}", server.log());
        }
        assert_eq!(agent.logins_of(ANNA, 1).len(), 1);
        assert!(!gets(&server, PASSWORD));
    });
}
