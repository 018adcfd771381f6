//! xrdp's session manager, which asks PAM; `xrdp-sesrun` gives it what the login window would.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use mfa_tests::{Daemon, Machine, Place, eventually, run};

use super::{ANNA, attempts, set_up};

/// For a narrower address the two programs disagree: one takes `::1`, the other `::ffff:127.0.0.1`.
const SETTINGS: &str = "
[Globals]
ListenAddress=0.0.0.0
ListenPort=@PORT@
EnableUserWindowManager=false
DefaultWindowManager=@FOLDER@/desktop
ReconnectScript=/bin/true
[Security]
AllowRootLogin=false
MaxLoginRetry=4
AlwaysGroupCheck=false
[Sessions]
X11DisplayOffset=70
MaxSessions=5
KillDisconnected=true
[Logging]
LogFile=@FOLDER@/log
LogLevel=INFO
EnableSyslog=false
[Xvnc]
param=@FOLDER@/screen
";

fn start() -> Daemon {
    let place = Place::new();
    for (name, text) in [
        ("desktop", "#!/bin/sh\nexec sleep 1\n"),
        ("screen", "#!/bin/sh\nexec Xvfb \"$1\" -nolisten tcp\n"),
    ] {
        let path = place.settings(name, text);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a mode");
    }
    let settings = place.settings("sesman.ini", SETTINGS);
    let mut sesman = Command::new("/usr/sbin/xrdp-sesman");
    sesman.args(["--nodaemon", "--config", &settings]);
    place.start(sesman)
}

fn logs_in(server: &Daemon, password: &str) -> bool {
    let settings = server.path("sesman.ini").to_string_lossy().into_owned();
    let mut sesrun = Command::new("xrdp-sesrun");
    let output = run(sesrun.args(["-c", &settings, "-t", "Xvnc", "-p", password, ANNA]));
    let said = format!("{}{}", output.stdout, output.stderr);
    said.starts_with("ok")
}

#[test]
fn xrdp_takes_password_and_code_in_one_answer() {
    Machine::run(|machine| {
        let (agent, key) = set_up(machine, "xrdp-sesman");
        let server = start();
        for (typed, passes) in attempts(&key) {
            assert_eq!(logs_in(&server, &typed), passes, "{typed}");
        }
        assert_eq!(agent.logins_of(ANNA, 5)[3].text("result"), "passed");
        // So that nothing of the session is left.
        eventually("the end of the session", || {
            server.log().contains("terminated session").then_some(())
        });
    });
}
