//! Resets of a machine in the middle of logins, backups, restores and changes of the key.
//!
//! The machine is emulated, with Debian's kernel and dm-flakey below the ext4 with the agent's state. The power goes at
//! a random moment; before, the disk drops all writes, or fails all writes, or works. Then the machine boots again with
//! the same disk.
//!
//! The test runs on both sides: the part in the machine says what the agent has confirmed, and at the next boot it
//! compares that with what the agent knows.
//!
//! Another test records each write of the machine with dm-log-writes, and beside it, as marks, what the agent had confirmed.
//! Then the disk of many moments is put together, with any part of what was not flushed, and an agent starts on it.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use mfa_tests::{Acknowledged, Agent, Emulated, Images, Kit, WriteLog, run, with_own_mounts};

/// Users who log in, and users who come and go with each restore.
const USERS: [&str; 2] = ["anna", "bea"];
const LATER: usize = 20;

/// What the agent does when the power goes.
const WORKS: [&str; 4] = ["logins", "backup", "restore", "new-key"];

/// What the disk does before: it works, it drops all writes, or all writes fail.
const DISKS: [&str; 3] = ["works", "drops", "fails"];

/// No lock may end while the test runs.
const SETTINGS: &str = "[lockout]\nduration = \"30d\"\n";

/// Where the disk is mounted in the machine, and files on it.
const STATE: &str = "/state";
const BEFORE: &str = "before";
const BACKUP: &str = "backup";
const KEY: &str = "backup-key";
const PUBLIC_KEY: &str = "backup-key.pub";

/// The work of a machine whose writes are recorded: all of it in turn.
const RECORDED: &str = "recorded";

/// The part in the machine.
struct Guest {
    agent: Agent,
    port: Mutex<fs::File>,
    is_recorded: bool,
}

fn path(state: &Path, name: &str) -> String {
    state.join(name).display().to_string()
}

fn restore(agent: &Agent, state: &Path) -> bool {
    let (key, before) = (path(state, KEY), path(state, BEFORE));
    let words = ["restore", "--replace", "--key-file", &key, &before];
    agent.ctl().run(&words, "").is_success()
}

/// Compares what the agent knows, and the files on its disk, with what was said before.
fn holds(agent: &Agent, state: &Path, told: &str) -> Result<(), String> {
    Acknowledged::from_lines(told).is_held_by(agent.socket())?;
    for name in [BEFORE, BACKUP] {
        let (file, key) = (path(state, name), path(state, KEY));
        let key: &[&str] = match name {
            BEFORE => &["--key-file", &key],
            _ => &[],
        };
        let words = [&["restore"], key, &[&file]].concat();
        let refused = agent.ctl().run(&words, "");
        // A file that is whole is refused only because the store is not empty.
        if !refused.stdout.contains("--replace") {
            return Err(format!("{name}: {refused:?}"));
        }
    }
    let users = agent.ctl().json(&["users"], "").to_string();
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
    match fits {
        true => Ok(()),
        false => Err(format!(
            "{later} of {LATER} later users, and it was said: {state:?}"
        )),
    }
}

impl Guest {
    fn say(&self, line: &str) {
        let mut port = self.port.lock().expect("no panic");
        if self.is_recorded {
            // A mark is one word.
            let mark = line.replace(' ', ",");
            let mut dmsetup = Command::new("dmsetup");
            let output = run(dmsetup.args(["message", "state", "0", "mark", &mark]));
            assert!(output.is_success(), "{line}: {output:?}");
        }
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
        let file = |name: &str| path(Path::new(STATE), name);
        self.must(&["backup-key", &file(KEY)]);
        let public = file(PUBLIC_KEY);
        self.must(&["backup", "--recipient-key-file", &public, &file(BEFORE)]);
        self.must(&["backup", &file(BACKUP)]);
        for user in ["anna", "bea", "bert", "carl"] {
            self.say(&known.line_of(user));
        }
        self.say(&Acknowledged::line_of_import("user", 300));
        self.say("settled");
    }

    /// Compares with what was said before the reset, and makes a known state of the users who come and go.
    fn check(&mut self, told: &str) {
        self.agent.launch();
        if let Err(lost) = holds(&self.agent, Path::new(STATE), told) {
            panic!("{lost}");
        }
        self.restore();
    }

    fn restore(&self) -> bool {
        restore(&self.agent, Path::new(STATE))
    }

    /// Works until the power goes.
    fn work(&self, work: &str) {
        match work {
            RECORDED => WORKS.iter().for_each(|work| self.work(work)),
            "backup" => drop(self.ctl(&["backup", &path(Path::new(STATE), BACKUP)])),
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
        agent: Agent::keeping(Path::new(STATE), SETTINGS),
        port: Mutex::new(port),
        is_recorded: work == RECORDED,
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
        if guest.is_recorded {
            guest.say("recorded");
        }
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

/// Records the writes of a machine that works for `seconds`, and starts an agent on the disk of `count` moments of that.
fn cuts_between_writes(test: &'static str, seconds: u64, count: usize) {
    with_own_mounts(move || {
        let kit = Kit::new(test);
        let disk = kit.ext4();
        let mut machine = kit.boot(&disk, "", "none,works,0");
        machine.await_word("settled");
        let told = machine.reset();
        let images = Images::new();
        let replayed = images.copied(&disk, "replayed");
        let order = format!("{RECORDED},works,{}", seconds * 1000);
        let mut machine = kit.boot(&disk, &told, &order);
        machine.await_word("recorded");
        assert!(!machine.reset().lines().any(|line| line.starts_with("lost")));
        let log = WriteLog::read(&kit.record());
        assert!(log.len() > count, "{} writes", log.len());
        let mut random = 0x9E37_79B9_7F4A_7C15;
        let mut positions: Vec<usize> = (0..count)
            .map(|_| draw(&mut random, log.len() as u64) as usize)
            .collect();
        positions.sort_unstable();
        let (mut from, mut unflushed, mut done) = (0, 0, 0);
        for (number, position) in positions.into_iter().enumerate() {
            log.replay(&replayed, from, position);
            from = position;
            let image = images.copied(&replayed, &format!("cut{number}"));
            let (open, some) = log.replay_some(&image, position, || draw(&mut random, 2) == 0);
            (unflushed, done) = (unflushed + open, done + some);
            let marks: Vec<String> = log
                .marks(position)
                .map(|mark| mark.replace(',', " "))
                .collect();
            let told = format!("{told}{}", marks.join("\n"));
            if let Err(lost) = opens(&images, &image, &told) {
                panic!(
                    "cut {number}, before write {position} of {}: {lost}",
                    log.len()
                );
            }
        }
        println!(
            "{count} cuts between {} writes, with {done} of {unflushed} writes that were not flushed: all opened, \
             nothing lost",
            log.len()
        );
    });
}

/// Starts an agent on the disk in `image`, and checks it.
fn opens(images: &Images, image: &Path, told: &str) -> Result<(), String> {
    let disk = images.mount(image);
    let checked = {
        let mut agent = Agent::keeping(disk.path(), SETTINGS);
        agent.launch();
        holds(&agent, disk.path(), told).and_then(|()| {
            let goes_on =
                restore(&agent, disk.path()) && agent.ctl().run(&["rotate-key"], "").is_success();
            goes_on
                .then_some(())
                .ok_or_else(|| "no restore or no new key is possible".to_owned())
        })
    };
    disk.discard();
    checked
}

/// `make torture` selects these by the module's name.
mod torture {
    use super::*;

    #[test]
    #[ignore = "takes minutes: make torture"]
    fn three_hundred_cuts_between_writes_lose_nothing() {
        let name = "torture_qemu::torture::three_hundred_cuts_between_writes_lose_nothing";
        match std::env::var("MFA_GUEST") {
            Ok(order) => inside(&order),
            Err(_) => cuts_between_writes(name, 60, 300),
        }
    }

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
