//! LightDM with a greeter of the test's own, which answers what PAM asks.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use mfa_tests::{Agent, Daemon, Key, Machine, Place, built, eventually, run};

const PASSWORD: &str = "correct horse";
const ANNA: &str = "mfat-anna";

const REFUSED: &str = "message: Not accepted: the code is wrong or already used, or the account is temporarily \
                       locked. Each code works once, so wait for the next one. If this keeps happening, contact \
                       your administrator.";

/// LightDM's own files, and where the greeter writes what it was shown.
const SETTINGS: &str = "
[LightDM]
greeter-user=lightdm
logind-check-graphical=false
greeters-directory=@FOLDER@/greeters
sessions-directory=@FOLDER@/sessions
log-directory=@FOLDER@/log
run-directory=@FOLDER@/run
cache-directory=@FOLDER@/cache
[Seat:*]
xserver-command=@FOLDER@/screen
greeter-session=test
user-session=test
session-wrapper=/usr/bin/env
allow-guest=false
";

/// LightDM names its screen as a terminal and a seat, which Xvfb does not know.
const SCREEN: &str = "#!/bin/sh
display=$1
while [ $# -gt 0 ]; do
    [ \"$1\" = -auth ] && authority=$2
    shift
done
exec Xvfb \"$display\" -auth \"$authority\" -nolisten tcp
";

/// Answers with the lines of a file, each once over all its runs; without a line it waits.
const GREETER: &str = r#"
import os, sys, time
import gi
gi.require_version("LightDM", "1")
from gi.repository import GLib, LightDM

folder, user = sys.argv[1:]
talk = open(f"{folder}/shown", "a", buffering=1)
loop = GLib.MainLoop()
greeter = LightDM.Greeter()

def answer():
    while True:
        for number in range(20):
            name = f"{folder}/answer{number}"
            if os.path.exists(name):
                text = open(name).read()
                os.remove(name)
                return text
        time.sleep(0.05)

def show_prompt(greeter, text, kind):
    secret = "secret" if kind == LightDM.PromptType.SECRET else "visible"
    print(f"{secret}: {text}", file=talk)
    greeter.respond(answer())

def show_message(greeter, text, kind):
    print(f"message: {text}", file=talk)

def complete(greeter):
    if greeter.get_is_authenticated():
        print("let in", file=talk)
        greeter.start_session_sync("test")
        loop.quit()
    else:
        print("refused", file=talk)
        greeter.authenticate(user)

greeter.connect("show-prompt", show_prompt)
greeter.connect("show-message", show_message)
greeter.connect("authentication-complete", complete)
greeter.connect_to_daemon_sync()
greeter.authenticate(user)
loop.run()
"#;

/// A screen that nobody sees, with LightDM's greeter.
struct Desktop {
    talk: PathBuf,
    _server: Daemon,
    _bus: Daemon,
}

impl Desktop {
    fn start(machine: &Machine) -> Self {
        // A display manager would take the host's screen: tests/install-needs unpacks this one.
        let files = built().target().join("lightdm");
        let program = files.join("usr/sbin/lightdm");
        assert!(
            program.exists(),
            "lightdm is missing: run tests/install-needs"
        );
        let policy = "etc/dbus-1/system.d/org.freedesktop.DisplayManager.conf";
        fs::copy(files.join(policy), format!("/{policy}")).expect("the bus's rules");
        let made = run(Command::new("useradd").args([
            "--system",
            "--create-home",
            "--home-dir",
            "/run/home/lightdm",
            "lightdm",
        ]));
        assert!(made.is_success(), "{made:?}");
        machine.stack("lightdm-greeter", PERMIT);
        machine.own("/var/lib");
        let place = Place::new();
        let bus = bus();
        let talk = PathBuf::from(place.folder_of("talk", "lightdm"));
        // The session of the user writes there, too.
        fs::set_permissions(&talk, fs::Permissions::from_mode(0o777)).expect("a mode");
        place.folder_of("cache", "lightdm");
        for folder in ["greeters", "sessions", "log", "run"] {
            fs::create_dir(place.path(folder)).expect("a folder");
        }
        place.settings("greeter.py", GREETER);
        let session = "#!/bin/sh\nid -un > @FOLDER@/talk/session\nexec sleep 2\n";
        for (name, text) in [("screen", SCREEN), ("session", session)] {
            let path = place.settings(name, text);
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a mode");
        }
        let greeter = format!("/usr/bin/python3 @FOLDER@/greeter.py @FOLDER@/talk {ANNA}");
        for (name, line) in [
            ("greeters/test.desktop", greeter.as_str()),
            ("sessions/test.desktop", "@FOLDER@/session"),
        ] {
            let entry = format!("[Desktop Entry]\nType=Application\nName=test\nExec={line}\n");
            place.settings(name, &entry);
        }
        let settings = place.settings("lightdm.conf", SETTINGS);
        let mut lightdm = Command::new(&program);
        // It starts itself again for each session, by its name.
        let folder = program.parent().expect("a folder").display();
        lightdm
            .env("PATH", format!("{folder}:/usr/sbin:/usr/bin:/sbin:/bin"))
            .args(["--debug", "--config", &settings]);
        let server = place.start_without_port(lightdm);
        Self {
            talk,
            _server: server,
            _bus: bus,
        }
    }

    fn answer(&self, number: usize, text: &str) {
        let name = self.talk.join(format!("answer{number}"));
        let new = name.with_extension("new");
        fs::write(&new, text).expect("an answer");
        let mode = fs::Permissions::from_mode(0o666);
        fs::set_permissions(&new, mode).expect("a mode");
        fs::rename(new, name).expect("an answer");
    }

    fn awaits_session(&self) {
        eventually("the session", || {
            let user = fs::read_to_string(self.talk.join("session")).ok()?;
            (user.trim() == ANNA).then_some(())
        });
    }

    /// Waits until the greeter has shown as many lines since its start, and compares them.
    fn awaits(&self, lines: &[&str]) {
        let shown = eventually("the greeter", || {
            let shown = fs::read_to_string(self.talk.join("shown")).ok()?;
            (shown.lines().count() >= lines.len()).then_some(shown)
        });
        assert_eq!(shown.lines().collect::<Vec<_>>(), lines);
    }
}

/// Everybody gets in: LightDM runs its greeter by this.
const PERMIT: &str = "auth required pam_permit.so\naccount required pam_permit.so\n\
                      session required pam_permit.so\n";

fn bus() -> Daemon {
    fs::create_dir_all("/run/dbus").expect("a folder");
    let mut bus = Command::new("dbus-daemon");
    bus.args(["--system", "--nofork", "--nopidfile"]);
    let bus = Place::new().start_without_port(bus);
    eventually("the system bus", || {
        fs::exists("/run/dbus/system_bus_socket")
            .ok()?
            .then_some(())
    });
    bus
}

fn set_up(machine: &Machine) -> (Agent, Key) {
    machine.user(ANNA, PASSWORD);
    machine.shipped_stack("lightdm");
    let agent = Agent::at_default_socket("");
    let key = agent.admin().device(ANNA);
    (agent, key)
}

#[test]
fn the_greeter_asks_for_password_and_code_and_opens_the_session() {
    Machine::run(|machine| {
        let (agent, key) = set_up(machine);
        let desktop = Desktop::start(machine);
        let asked = ["secret: Password: ", "secret: OTP code: "];
        desktop.answer(0, PASSWORD);
        desktop.awaits(&asked);
        desktop.answer(1, &key.wrong_code());
        assert_eq!(agent.logins_of(ANNA, 1)[0].text("result"), "wrong");
        desktop.answer(2, PASSWORD);
        let again = [&asked[..], &[REFUSED, "refused"], &asked].concat();
        desktop.awaits(&again);
        assert!(!desktop.talk.join("session").exists());
        desktop.answer(3, &key.code(0));
        desktop.awaits(&[&again[..], &["let in"]].concat());
        desktop.awaits_session();
        assert_eq!(agent.logins_of(ANNA, 2)[1].text("result"), "passed");
    });
}
