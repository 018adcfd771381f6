//! Resets of a machine in the middle of logins, backups, restores and changes of the key.
//!
//! The machine is emulated, with Debian's kernel and dm-flakey below the ext4 with the agent's state. The power goes at
//! a random moment; before, the disk drops all writes, or fails all writes, or works. Then the machine boots again with
//! the same disk.
//!
//! The test runs on both sides: the part in the machine says what the agent has confirmed, and at the next boot it
//! compares that with what the agent knows.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use mfa_tests::{Acknowledged, Agent, Emulated, Kit, run};

/// Users who log in, and users who come and go with each restore.
const USERS: [&str; 2] = ["anna", "bea"];
const LATER: usize = 20;

/// What the agent does when the power goes.
const WORKS: [&str; 4] = ["logins", "backup", "restore", "new-key"];

/// What the disk does before: it works, it drops all writes, or all writes fail.
const DISKS: [&str; 3] = ["works", "drops", "fails"];

/// No lock may end while the test runs.
const SETTINGS: &str = "[lockout]\nduration = \"30d\"\n";

/// The files on the disk.
const BEFORE: &str = "/state/before";
const BACKUP: &str = "/state/backup";
const KEY: &str = "/state/backup-key";
const PUBLIC_KEY: &str = "/state/backup-key.pub";

/// The part in the machine.
struct Guest {
    agent: Agent,
    port: Mutex<fs::File>,
}

impl Guest {
    fn say(&self, line: &str) {
        let mut port = self.port.lock().expect("no panic");
        port.write_all(format!("{line}\n").as_bytes())
            .expect("the serial port");
    }

    fn ctl(&self, arguments: &[&str]) -> bool {
        self.agent.ctl().run(arguments, "").is_success()
    }

    fn must(&self, arguments: &[&str]) {
        let output = self.agent.ctl().run(arguments, "");
        assert!(output.is_success(), "{arguments:?}: {output:?}");
    }

    /// The first boot: makes users and a backup.
    fn settle(&mut self) {
        let made = self.agent.init();
        assert!(made.is_success(), "{made:?}");
        self.agent.launch();
        let socket = self.agent.socket();
        let mut known = Acknowledged::default();
        for user in USERS {
            known.enroll(socket, user);
        }
        known.lock(socket, "bert");
        known.enroll(socket, "carl");
        known.fail(socket, "carl");
        assert!(known.import(socket, "user", 300));
        self.must(&["backup-key", KEY]);
        self.must(&["backup", "--recipient-key-file", PUBLIC_KEY, BEFORE]);
        self.must(&["backup", BACKUP]);
        for user in ["anna", "bea", "bert", "carl"] {
            self.say(&known.line_of(user));
        }
        self.say(&Acknowledged::line_of_import("user", 300));
        self.say("settled");
    }

    /// Compares with what was said before the reset, and makes a known state of the users who come and go.
    fn check(&mut self, told: &str) {
        self.agent.launch();
        let known = Acknowledged::from_lines(told);
        if let Err(lost) = known.is_held_by(self.agent.socket()) {
            panic!("{lost}");
        }
        for file in [BEFORE, BACKUP] {
            let key: &[&str] = if file == BEFORE {
                &["--key-file", KEY]
            } else {
                &[]
            };
            let words = [&["restore"], key, &[file]].concat();
            let refused = self.agent.ctl().run(&words, "");
            // A file that is whole is refused only because the store is not empty.
            assert!(refused.stdout.contains("--replace"), "{file}: {refused:?}");
        }
        let users = self.agent.ctl().json(&["users"], "").to_string();
        let later = users.matches("\"later").count();
        let state = told
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix("later "));
        let fits = match state {
            Some("all") => later == LATER,
            Some("all-or-none") => later == LATER || later == 0,
            Some("some") => later <= LATER,
            _ => later == 0,
        };
        assert!(
            fits,
            "{later} of {LATER} later users, and it was said: {state:?}"
        );
        self.restore();
    }

    fn restore(&self) -> bool {
        self.ctl(&["restore", "--replace", "--key-file", KEY, BEFORE])
    }

    /// Works until the power goes.
    fn work(&self, work: &str) {
        match work {
            "backup" => drop(self.ctl(&["backup", BACKUP])),
            "restore" => {
                self.say("later some");
                let mut later = Acknowledged::default();
                if later.import(self.agent.socket(), "later", LATER) {
                    self.say("later all");
                    self.say("later all-or-none");
                    if self.restore() {
                        self.say("later none");
                    }
                } else if self.restore() {
                    self.say("later none");
                }
            }
            "new-key" => drop(self.ctl(&["rotate-key"])),
            _ => std::thread::sleep(Duration::from_millis(20)),
        }
    }

    fn log_in(&self, known: &mut Acknowledged, user: &str) {
        if known.pass(self.agent.socket(), user) {
            self.say(&known.line_of(user));
        }
    }

    /// Makes the disk drop or fail all writes.
    fn break_disk(&self, disk: &str) {
        let feature = match disk {
            "drops" => "drop_writes",
            "fails" => "error_writes",
            _ => return,
        };
        let size = fs::read_to_string("/sys/block/vda/size").expect("a disk");
        let table = format!("0 {} flakey /dev/vda 0 0 3600 1 {feature}", size.trim());
        // What the disk drops after this word is not demanded later; what it refuses is.
        if disk == "drops" {
            self.say("cut");
        }
        for words in [
            &["suspend", "--nolockfs", "--noflush", "state"][..],
            &["load", "state", "--table", &table],
            &["resume", "state"],
        ] {
            let mut dmsetup = Command::new("dmsetup");
            let output = run(dmsetup.args(["--noudevsync", "--noudevrules"]).args(words));
            assert!(output.is_success(), "{words:?}: {output:?}");
        }
        self.say("broken");
    }
}

/// Runs in the machine, and never returns.
fn inside(order: &str) {
    let port = fs::File::options()
        .write(true)
        .open("/dev/ttyS1")
        .expect("the serial port");
    let for_panics = port.try_clone().expect("a descriptor");
    std::panic::set_hook(Box::new(move |panic| {
        let text = format!("lost {panic}").replace('\n', " ");
        let _ = (&for_panics).write_all(format!("{text}\n").as_bytes());
        println!("{text}");
    }));
    let words: Vec<&str> = order.split(',').collect();
    let [work, disk, after] = words[..] else {
        panic!("not an order: {order}");
    };
    let told = fs::read_to_string("/dev/vdb").expect("what was said before");
    let mut guest = Guest {
        agent: Agent::keeping(Path::new("/state"), SETTINGS),
        port: Mutex::new(port),
    };
    let told = match told.contains("settled") {
        true => {
            guest.check(&told);
            guest.say("later none");
            told
        }
        false => {
            guest.settle();
            return std::thread::sleep(Duration::MAX);
        }
    };
    let known = Acknowledged::from_lines(&told);
    for user in USERS {
        let mut known = known.clone();
        assert!(
            known.pass(guest.agent.socket(), user),
            "{user} does not pass"
        );
        guest.say(&known.line_of(user));
    }
    guest.say("working");
    let guest = &guest;
    std::thread::scope(|scope| {
        for user in USERS {
            let mut known = known.clone();
            // The line of the first login.
            scope.spawn(move || {
                loop {
                    guest.log_in(&mut known, user);
                }
            });
        }
        scope.spawn(move || {
            loop {
                guest.work(work);
            }
        });
        std::thread::sleep(Duration::from_millis(after.parse().expect("milliseconds")));
        guest.break_disk(disk);
    });
}

/// A random number below `below`.
fn draw(random: &mut u64, below: u64) -> u64 {
    let next = random.wrapping_mul(6_364_136_223_846_793_005);
    *random = next.wrapping_add(1);
    (*random >> 33) % below
}

/// Resets a machine `count` times.
fn resets(test: &str, count: usize) {
    let kit = Kit::new(test);
    let disk = kit.ext4();
    let mut random = 0x9E37_79B9_7F4A_7C15;
    let mut machine = kit.boot(&disk, "", "none,works,0");
    machine.await_word("settled");
    let mut told = machine.reset();
    for number in 0..count {
        let (work, state) = (WORKS[number % 4], DISKS[number / 4 % 3]);
        let after = draw(&mut random, 4_000);
        let mut machine = kit.boot(&disk, &told, &format!("{work},{state},{after}"));
        machine.await_word("working");
        let mut pause = draw(&mut random, 3_000);
        if state == "works" {
            pause += after;
        } else {
            machine.await_word("broken");
        }
        std::thread::sleep(Duration::from_millis(pause));
        let said = until_cut(machine);
        let passed = said
            .lines()
            .filter(|line| line.starts_with("user "))
            .count();
        println!("reset {number}: {work}, the disk {state}, {passed} logins confirmed");
        told.push_str(&said);
    }
    let mut machine = kit.boot(&disk, &told, "none,works,0");
    machine.await_word("working");
    println!("{count} resets: the agent served after each, and nothing was lost");
}

/// Resets the machine; returns what was said before its disk dropped anything.
fn until_cut(machine: Emulated) -> String {
    let said = machine.reset();
    assert!(!said.lines().any(|line| line.starts_with("lost")), "{said}");
    said.lines()
        .take_while(|line| *line != "cut")
        .map(|line| format!("{line}\n"))
        .collect()
}

/// `make torture` selects these by the module's name.
mod torture {
    use super::*;

    #[test]
    #[ignore = "takes minutes: make torture"]
    fn twenty_four_resets_of_a_machine_lose_nothing() {
        let name = "torture_qemu::torture::twenty_four_resets_of_a_machine_lose_nothing";
        match std::env::var("MFA_GUEST") {
            Ok(order) => inside(&order),
            Err(_) => resets(name, 24),
        }
    }
}
