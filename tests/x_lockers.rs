//! i3lock on a screen of its own, and a person at its keyboard.

use std::process::{Child, Command, Stdio};

use mfa_tests::{Agent, Daemon, Machine, Place, eventually, run};

const PASSWORD: &str = "correct horse";
const ANNA: &str = "mfat-anna";
const RULE: &str =
    "[[rule]]\nservices = [\"i3lock\"]\nrequire = [\"totp\"]\nprompting = \"single\"\n";

/// An X server with a screen that nobody sees.
struct Screen {
    name: String,
    server: Daemon,
}

impl Screen {
    fn start() -> Self {
        let place = Place::new();
        let number = place.path("number");
        let mut xvfb = Command::new("sh");
        let line = format!(
            "exec Xvfb -displayfd 3 -nolisten tcp -ac 3>{}",
            number.display()
        );
        xvfb.args(["-c", &line]);
        let server = place.start_without_port(xvfb);
        let number = eventually("Xvfb", || {
            let text = std::fs::read_to_string(&number).ok()?;
            text.ends_with('\n').then(|| text.trim().to_owned())
        });
        Self {
            name: format!(":{number}"),
            server,
        }
    }

    fn types(&self, text: &str) {
        let mut xdotool = Command::new("xdotool");
        xdotool
            .env("DISPLAY", &self.name)
            .args(["type", "--delay", "20", text]);
        assert!(run(&mut xdotool).is_success(), "{}", self.server.log());
        let mut xdotool = Command::new("xdotool");
        assert!(run(xdotool.env("DISPLAY", &self.name).args(["key", "Return"])).is_success());
    }
}

fn lock(machine: &Machine, screen: &Screen) -> Child {
    let mut locker = machine.as_user(ANNA, "i3lock");
    locker
        .env("DISPLAY", &screen.name)
        .env("USER", ANNA)
        .env("HOME", format!("/run/home/{ANNA}"));
    let locker = locker.arg("--nofork").stdin(Stdio::null()).spawn();
    locker.expect("i3lock: run tests/install-needs")
}

#[test]
fn i3lock_opens_by_password_and_code_in_its_one_field() {
    Machine::run(|machine| {
        machine.user(ANNA, PASSWORD);
        machine.shipped_stack("i3lock");
        let agent = Agent::at_default_socket(RULE);
        let key = agent.admin().device(ANNA);
        let screen = Screen::start();
        let mut locker = lock(machine, &screen);
        std::thread::sleep(std::time::Duration::from_secs(1));
        screen.types(&format!("{PASSWORD}{}", key.wrong_code()));
        assert_eq!(agent.logins_of(ANNA, 1)[0].text("result"), "wrong");
        assert!(locker.try_wait().expect("i3lock").is_none());
        // After a wrong answer the field is closed for a while.
        let status = eventually("i3lock to open", || {
            screen.types(&format!("{PASSWORD}{}", key.code(0)));
            std::thread::sleep(std::time::Duration::from_millis(1500));
            locker.try_wait().expect("i3lock")
        });
        assert!(status.success());
        let passed = agent
            .logins_of(ANNA, 2)
            .iter()
            .any(|event| event.text("result") == "passed");
        assert!(passed);
    });
}
