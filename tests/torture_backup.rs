//! `kill -9` at each system call of a backup, of a restore and of a change of the key; and damage to key, store and
//! backup.
//!
//! The tests take a few of the calls; the ignored ones take hundreds (`make torture`).

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use mfa_tests::{Acknowledged, Agent, Ctl, Ending, Login, Output, Stack, Traced, run};

/// The user who logs in.
const ANNA: &str = "anna";

/// Users who come after the backup.
const LATER: usize = 20;

/// The first system call, and the stride to the next.
const FEW: (usize, usize) = (301, 211);
const HUNDREDS: (usize, usize) = (1, 3);

/// The most kills of one kind.
const ENOUGH: usize = 320;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Backup,
    Restore,
    NewKey,
}

struct Host {
    agent: Agent,
    known: Acknowledged,
    file: String,
}

impl Host {
    /// A backup, and users and used codes since.
    fn new() -> Self {
        let agent = Agent::start();
        let mut known = Acknowledged::default();
        known.enroll(agent.socket(), ANNA);
        known.lock(agent.socket(), "bert");
        known.enroll(agent.socket(), "carl");
        known.fail(agent.socket(), "carl");
        assert!(known.import(agent.socket(), "user", 300));
        let file = agent.folder().join("backup").display().to_string();
        let mut host = Self { agent, known, file };
        host.must(&["backup", &host.file]);
        assert!(host.known.pass(host.agent.socket(), ANNA));
        host.add_later();
        host
    }

    fn must(&self, arguments: &[&str]) {
        let output = self.agent.ctl().run(arguments, "");
        assert!(output.is_success(), "{arguments:?}: {output:?}");
    }

    fn add_later(&self) {
        let mut later = Acknowledged::default();
        assert!(later.import(self.agent.socket(), "later", LATER));
    }

    fn later(&self) -> usize {
        let users = self.agent.ctl().json(&["users"], "").to_string();
        users.matches("\"later").count()
    }

    fn command(&self, work: Work) -> Vec<&str> {
        match work {
            Work::Backup => vec!["backup", &self.file],
            Work::Restore => vec!["restore", "--replace", &self.file],
            Work::NewKey => vec!["rotate-key"],
        }
    }

    /// Runs the command under an agent that is killed at its system call number `call`.
    fn killed_in(&mut self, work: Work, call: usize) -> Ending {
        self.agent.terminate();
        let is_done = AtomicBool::new(false);
        let (socket, command) = (self.agent.socket(), self.command(work));
        let ending = self.agent.killed_after(call, &[], |traced| {
            until_it_listens(traced, socket);
            let output = Ctl::at(socket).run(&command, "");
            is_done.store(output.is_success(), Ordering::SeqCst);
            traced.terminate();
        });
        self.agent.launch();
        self.holds(work, is_done.load(Ordering::SeqCst))
            .unwrap_or_else(|wrong| panic!("{work:?}, killed at call {call}: {wrong}"));
        ending
    }

    fn holds(&mut self, work: Work, is_done: bool) -> Result<(), String> {
        self.known.is_held_by(self.agent.socket())?;
        let later = self.later();
        match work {
            Work::Backup => is_whole(&self.agent.ctl().run(&["restore", &self.file], ""))?,
            Work::Restore if later == 0 => self.add_later(),
            Work::Restore if is_done => return Err("the replaced records came back".to_owned()),
            Work::NewKey => self.must(&["rotate-key"]),
            Work::Restore => {}
        }
        match later {
            0 | LATER => {}
            some => return Err(format!("{some} of {LATER} users who came later")),
        }
        let passed = self.known.pass(self.agent.socket(), ANNA);
        passed.then_some(()).ok_or("anna does not pass".to_owned())
    }
}

/// A file that is whole is refused only because the store is not empty.
fn is_whole(refused: &Output) -> Result<(), String> {
    match refused.stdout.contains("--replace") {
        true => Ok(()),
        false => Err(format!("the backup is not whole: {refused:?}")),
    }
}

fn until_it_listens(traced: &Traced, socket: &Path) {
    while !traced.has_ended() && UnixStream::connect(socket).is_err() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

/// Kills at every call that `(first, stride)` selects until the program ends by itself.
fn is_killed_in(work: Work, (first, stride): (usize, usize)) {
    let mut host = Host::new();
    let mut kills = 0;
    for call in (first..).step_by(stride).take(ENOUGH) {
        match host.killed_in(work, call) {
            Ending::Killed => kills += 1,
            Ending::Ended(status) => {
                assert!(status.success(), "{work:?}, call {call}: {status}");
                break;
            }
        }
    }
    assert!(kills > 0, "it was never killed");
    println!("{work:?}: killed at {kills} system calls, nothing lost");
}

/// Flips a bit or cuts a file of `agent`, which must not let anna in by that, and puts it back.
fn is_damaged(agent: &mut Agent, known: &Acknowledged, file: &Path, number: usize) {
    let whole = fs::read(file).expect("a file");
    let mut random = (number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    random ^= random >> 29;
    let at = (random % whole.len() as u64) as usize;
    let mut damaged = whole.clone();
    match number % 4 {
        0 => damaged.truncate(at),
        _ => damaged[at] ^= 1 << (random >> 61),
    }
    agent.terminate();
    let (store, kept) = (agent.folder().join("store"), agent.folder().join("kept"));
    copy(&store, &kept);
    fs::write(file, &damaged).expect("a write");
    let way = format!("{}, number {number}, byte {at}", file.display());
    agent.spawn();
    let serves = agent.await_readiness_or_end().is_ok();
    // Nobody is known as somebody who never enrolled, which would let them in.
    let seen = Login::of(ANNA).answer("").run(&Stack::guarded_by(agent));
    assert_ne!(seen.result(), "PAM_SUCCESS", "{way}: {seen:?}");
    match serves {
        // Bytes that nothing depends on.
        true => {
            let held = known.is_held_by(agent.socket());
            held.unwrap_or_else(|lost| panic!("{way}: {lost}"));
            agent.terminate();
        }
        false => {
            let log = agent.log();
            let last = log.lines().rev().take(3).collect::<Vec<_>>().join(" ");
            let says = ["put back", "restore", "--init", "chmod", "backup"];
            assert!(says.iter().any(|word| last.contains(word)), "{way}: {last}");
        }
    }
    fs::write(file, whole).expect("a write");
    fs::remove_dir_all(&store).expect("a store");
    fs::rename(&kept, &store).expect("a rename");
    agent.launch();
}

fn copy(from: &Path, to: &Path) {
    let output = run(Command::new("cp").arg("--archive").arg(from).arg(to));
    assert!(output.is_success(), "{output:?}");
}

fn files_of(agent: &Agent) -> Vec<PathBuf> {
    let store = fs::read_dir(agent.folder().join("store")).expect("a store");
    let paths = store.map(|entry| entry.expect("an entry").path());
    let is_piece = |path: &PathBuf| {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        name.starts_with("journal.") || name.starts_with("sorted.")
    };
    paths.filter(is_piece).collect()
}

/// Random damage to key, store and backup.
fn damage(times: usize) {
    let mut agent = Agent::with("[enforcement]\nunenrolled = \"allow\"\n");
    let mut known = Acknowledged::default();
    known.enroll(agent.socket(), ANNA);
    assert!(known.import(agent.socket(), "user", 3_000));
    let backup = agent.folder().join("backup");
    let name = backup.display().to_string();
    assert!(agent.ctl().run(&["backup", &name], "").is_success());
    let bytes = fs::read(&backup).expect("a backup");
    for number in 0..times {
        match number % 3 {
            0 => {
                let at = number * 7_919 % bytes.len();
                let mut damaged = bytes.clone();
                match number % 2 {
                    0 => damaged.truncate(at),
                    _ => damaged[at] ^= 1 << (number % 8),
                }
                fs::write(&backup, &damaged).expect("a write");
                let refused = agent.ctl().run(&["restore", "--replace", &name], "");
                assert_eq!(refused.status, Some(1), "{number}: {refused:?}");
                let says = ["nothing was changed", "backup"];
                assert!(
                    says.iter().any(|word| refused.stdout.contains(word)),
                    "{refused:?}"
                );
            }
            1 => {
                let key = agent.folder().join("key");
                is_damaged(&mut agent, &known, &key, number);
            }
            _ => {
                let files = files_of(&agent);
                let file = files[number % files.len()].clone();
                is_damaged(&mut agent, &known, &file, number);
            }
        }
    }
    known.is_held_by(agent.socket()).unwrap();
    println!("damaged {times} times: nobody was let in, and each time the words said what to do");
}

#[test]
fn a_kill_in_the_middle_of_a_backup_a_restore_or_a_new_key_loses_nothing() {
    for work in [Work::Backup, Work::Restore, Work::NewKey] {
        is_killed_in(work, FEW);
    }
}

#[test]
fn damage_to_key_store_or_backup_lets_nobody_in_and_the_words_say_what_to_do() {
    damage(24);
}

/// `make torture` selects these by the module's name.
mod torture {
    use super::*;

    #[test]
    #[ignore = "takes minutes: make torture"]
    fn hundreds_of_kills_in_a_backup() {
        is_killed_in(Work::Backup, HUNDREDS);
    }

    #[test]
    #[ignore = "takes minutes: make torture"]
    fn hundreds_of_kills_in_a_restore() {
        is_killed_in(Work::Restore, HUNDREDS);
    }

    #[test]
    #[ignore = "takes minutes: make torture"]
    fn hundreds_of_kills_in_a_change_of_the_key() {
        is_killed_in(Work::NewKey, HUNDREDS);
    }

    #[test]
    #[ignore = "takes minutes: make torture"]
    fn a_thousand_damages() {
        damage(1_000);
    }
}
