//! A lost store is not a new store: what a start reports about a missing, foreign or older store,
//! and what `mfa-agent --init` does with it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mfa_protocol::admin::Health;
use mfa_protocol::login::Nothing;
use mfa_tests::{Agent, Ctl, Login, Machine, Output, Stack, built, eventually, run};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

const ALLOW: &str = "[enforcement]\nunenrolled = \"allow\"\n";
const PIN: &str = "4826";
/// The exit status that tells systemd not to restart.
const EX_CONFIG: i32 = 78;

/// A stopped agent that has served, with anna enrolled.
fn stopped() -> Agent {
    let mut agent = Agent::with(ALLOW);
    agent.admin().pin("anna", PIN);
    assert!(agent.terminate().success());
    agent
}

fn store(agent: &Agent) -> PathBuf {
    agent.folder().join("store")
}

fn mark(agent: &Agent) -> PathBuf {
    agent.folder().join("key.store")
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

/// It does not start, reports `words`, and nobody is let in, enrolled or not.
fn is_refused(agent: &Agent, words: &[&str]) {
    let output = agent.launch_in_vain();
    assert_eq!(output.status, Some(EX_CONFIG), "{output:?}");
    for word in words {
        assert!(output.stderr.contains(word), "no {word:?}: {output:?}");
    }
    let is_told_of_settings = output.stderr.contains("last good ones");
    assert!(!is_told_of_settings, "they are not at fault: {output:?}");
    assert!(!agent.socket().exists(), "it refuses before it listens");
    for user in ["root", "anna"] {
        let seen = Login::of(user).answer(PIN).run(&Stack::guarded_by(agent));
        assert_eq!(seen.result(), "PAM_AUTHINFO_UNAVAIL", "{user}: {seen:?}");
    }
}

/// Copies the folder of a store as `cp --archive` does.
fn copied(from: &Path, to: &Path) {
    let output = run(Command::new("cp").arg("--archive").arg(from).arg(to));
    assert!(output.is_success(), "{output:?}");
}

fn said(output: &Output, words: &str) {
    assert!(output.is_success(), "{output:?}");
    assert!(output.stderr.contains(words), "no {words:?}: {output:?}");
}

fn anna_logs_in(agent: &Agent) {
    let seen = Login::of("anna").answer(PIN).run(&Stack::asking(agent));
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
}

#[test]
fn a_missing_empty_or_replaced_store_folder_lets_nobody_in_and_comes_back_whole() {
    let mut agent = stopped();
    let kept = agent.folder().join("kept");
    fs::rename(store(&agent), &kept).unwrap();
    let lost = ["the store is lost", "key.store names", "mfa-agent --init"];
    is_refused(&agent, &["does not exist", lost[0], lost[1], lost[2]]);
    fs::create_dir(store(&agent)).unwrap();
    fs::set_permissions(store(&agent), fs::Permissions::from_mode(0o700)).unwrap();
    is_refused(&agent, &["is empty", lost[0], lost[1], lost[2]]);
    assert_eq!(fs::read_dir(store(&agent)).unwrap().count(), 0);
    fs::remove_dir(store(&agent)).unwrap();
    fs::write(store(&agent), "").unwrap();
    is_refused(&agent, &["is not a folder", lost[0], lost[1], lost[2]]);
    fs::remove_file(store(&agent)).unwrap();
    fs::rename(&kept, store(&agent)).unwrap();
    agent.launch();
    anna_logs_in(&agent);
}

#[test]
fn a_store_under_an_empty_mount_lets_nobody_in_and_comes_back_with_its_disk() {
    Machine::run(|_| {
        let mut agent = stopped();
        let options = Some("mode=0700");
        mount(
            Some("tmpfs"),
            &store(&agent),
            Some("tmpfs"),
            MsFlags::empty(),
            options,
        )
        .unwrap();
        is_refused(
            &agent,
            &["is empty", "mount that first", "mfa-agent --init"],
        );
        umount2(&store(&agent), MntFlags::empty()).unwrap();
        agent.launch();
        anna_logs_in(&agent);
    });
}

/// As in the operating guide: the socket of the restore is another one, and root's alone.
#[test]
fn while_a_lost_store_is_restored_nobody_gets_in_as_not_enrolled() {
    let mut agent = Agent::with(ALLOW);
    agent.admin().pin("anna", PIN);
    let backup = agent.folder().join("backup").display().to_string();
    assert!(agent.ctl().run(&["backup", &backup], "").is_success());
    assert!(agent.terminate().success());
    fs::remove_dir_all(store(&agent)).unwrap();
    assert!(agent.init().is_success());
    let socket = agent.folder().join("restore.sock");
    let child = Command::new("systemd-socket-activate")
        .arg("--listen")
        .arg(&socket)
        .arg(&built().agent)
        .arg("--config")
        .arg(agent.config())
        .stderr(Stdio::null())
        .spawn();
    let mut child = child.expect("systemd-socket-activate");
    eventually("the socket", || socket.exists().then_some(()));
    let restored = Ctl::at(&socket).run(&["restore", &backup], "");
    for user in ["anna", "bert"] {
        let seen = Login::of(user).answer(PIN).run(&Stack::guarded_by(&agent));
        assert_eq!(seen.result(), "PAM_AUTHINFO_UNAVAIL", "{user}: {seen:?}");
    }
    let _ = child.kill();
    let _ = child.wait();
    assert!(restored.is_success(), "{restored:?}");
    agent.launch();
    anna_logs_in(&agent);
    let seen = Login::of("anna").answer("1357").run(&Stack::asking(&agent));
    assert_ne!(seen.result(), "PAM_SUCCESS", "{seen:?}");
}

/// `mfactl doctor` shows the last error of the log.
#[test]
fn the_cause_comes_before_the_newest_backup_in_the_same_error() {
    let mut agent = Agent::with(ALLOW);
    agent.admin().pin("anna", PIN);
    let backups = agent.folder().join("backups");
    fs::create_dir(&backups).unwrap();
    let backup = backups.join("Mon.mfa-backup").display().to_string();
    assert!(agent.ctl().run(&["backup", &backup], "").is_success());
    assert!(agent.terminate().success());
    fs::rename(store(&agent), agent.folder().join("kept")).unwrap();
    let output = agent.launch_in_vain();
    let errors: Vec<_> = output
        .stderr
        .lines()
        .filter(|line| line.contains("error: "))
        .collect();
    assert_eq!(errors.len(), 1, "{output:?}");
    let words = [
        "the store is lost",
        "mount that first",
        "The newest backup is",
        &backup,
    ];
    let places: Vec<_> = words.iter().map(|words| errors[0].find(words)).collect();
    assert!(
        places.iter().all(Option::is_some) && places.is_sorted(),
        "{output:?}"
    );
}

#[test]
fn the_key_alone_proves_that_there_was_a_store() {
    let agent = stopped();
    fs::remove_dir_all(store(&agent)).unwrap();
    fs::remove_file(mark(&agent)).unwrap();
    is_refused(&agent, &["the store is lost", "its key exists"]);
}

#[test]
fn if_nothing_exists_a_start_makes_nothing_and_names_init() {
    let agent = stopped();
    fs::remove_dir_all(store(&agent)).unwrap();
    fs::remove_file(mark(&agent)).unwrap();
    fs::remove_file(agent.folder().join("key")).unwrap();
    is_refused(&agent, &["there is no store", "mfa-agent --init"]);
    for path in ["store", "key", "key.store"] {
        assert!(!agent.folder().join(path).exists(), "{path}");
    }
}

#[test]
fn a_missing_key_is_not_replaced_if_a_store_needs_it() {
    let agent = stopped();
    let key = agent.folder().join("key");
    fs::remove_file(&key).unwrap();
    is_refused(&agent, &["the key", "is missing"]);
    let output = agent.init();
    assert_eq!(output.status, Some(EX_CONFIG), "{output:?}");
    assert!(!key.exists());
}

#[test]
fn init_makes_everything_for_a_first_start_and_repeating_it_changes_nothing() {
    let agent = stopped();
    let before = (text(&mark(&agent)), text(&agent.folder().join("key")));
    said(&agent.init(), "nothing was changed");
    let after = (text(&mark(&agent)), text(&agent.folder().join("key")));
    assert_eq!(before, after);
    for path in ["store", "key", "key.store"] {
        let mode = fs::metadata(agent.folder().join(path)).unwrap();
        assert_eq!(mode.permissions().mode() & 0o077, 0, "{path}");
    }
}

#[test]
fn init_makes_no_key_beside_a_credential() {
    let agent = stopped();
    let credentials = agent.folder().join("credentials");
    fs::create_dir(&credentials).unwrap();
    fs::rename(agent.folder().join("key"), credentials.join("mfa.key")).unwrap();
    fs::remove_dir_all(store(&agent)).unwrap();
    fs::remove_file(mark(&agent)).unwrap();
    let with_credential = |argument: &[&str]| {
        let mut command = Command::new("timeout");
        command.arg("30").arg(&built().agent).args(argument);
        command.arg("--config").arg(agent.config());
        run(command.env("CREDENTIALS_DIRECTORY", &credentials))
    };
    let refused = with_credential(&[]);
    assert_eq!(refused.status, Some(EX_CONFIG), "{refused:?}");
    said(&with_credential(&["--init"]), "created an empty store");
    assert!(mark(&agent).exists());
    assert!(!agent.folder().join("key").exists());
}

#[test]
fn init_replaces_a_lost_store_by_an_empty_one_and_says_so() {
    let mut agent = stopped();
    fs::remove_dir_all(store(&agent)).unwrap();
    let key = text(&agent.folder().join("key"));
    said(&agent.init(), "all users must enrol again");
    assert_eq!(text(&agent.folder().join("key")), key, "the key stays");
    agent.launch();
    assert!(agent.admin().status("anna").enrolled.is_empty());
}

#[test]
fn a_foreign_store_is_refused_until_init_accepts_it() {
    let mut agent = stopped();
    let own = agent.folder().join("own");
    fs::rename(store(&agent), &own).unwrap();
    assert!(agent.init().is_success());
    agent.launch();
    agent.admin().pin("bert", PIN);
    let foreign_mark = text(&mark(&agent));
    assert!(agent.terminate().success());
    let other = agent.folder().join("other");
    fs::rename(store(&agent), other).unwrap();
    fs::rename(own, store(&agent)).unwrap();
    let id = foreign_mark.split("id=").nth(1).unwrap();
    let id = id.split_whitespace().next().unwrap();
    is_refused(&agent, &["not this host's store", id, "mfa-agent --init"]);
    said(&agent.init(), "accepted the store");
    agent.launch();
    anna_logs_in(&agent);
}

#[test]
fn a_store_that_was_set_back_serves_and_is_reported_until_init_accepts_it() {
    let mut agent = stopped();
    let backup = agent.folder().join("backup");
    copied(&store(&agent), &backup);
    agent.launch();
    assert_eq!(rollback(&agent), None);
    for _ in 0..3 {
        agent.restart();
    }
    assert!(agent.terminate().success());
    fs::remove_dir_all(store(&agent)).unwrap();
    copied(&backup, &store(&agent));
    agent.launch();
    agent.await_log("was set back to an older state");
    let told = rollback(&agent).expect("a word to the administrator");
    assert!(told.contains("are lost"), "{told}");
    let doctor = agent.ctl().run(&["doctor"], "");
    assert!(doctor.stdout.contains("set back"), "{doctor:?}");
    anna_logs_in(&agent);
    assert!(agent.terminate().success());
    said(&agent.init(), "accepted the store");
    agent.launch();
    assert_eq!(rollback(&agent), None);
}

fn rollback(agent: &Agent) -> Option<String> {
    let health = agent.admin().call::<Health>(&Nothing {}).expect("a reply");
    health.store_rollback
}

#[test]
fn a_store_without_a_mark_or_with_a_damaged_one_is_opened_and_marked() {
    let mut agent = stopped();
    fs::remove_file(mark(&agent)).unwrap();
    agent.launch();
    agent.await_log("marked the store");
    anna_logs_in(&agent);
    assert!(agent.terminate().success());
    let marked = text(&mark(&agent));
    fs::write(mark(&agent), "damaged").unwrap();
    agent.launch();
    agent.await_log("was not readable");
    let id = |text: &str| text.split(" generation=").next().map(str::to_owned);
    assert_eq!(id(&text(&mark(&agent))), id(&marked));
}

#[test]
fn an_unwritable_mark_keeps_nobody_out() {
    let mut agent = stopped();
    fs::create_dir(agent.folder().join("key.store.new")).unwrap();
    agent.launch();
    agent.await_log("can't be written");
    anna_logs_in(&agent);
}

#[test]
fn files_made_by_root_belong_to_the_owner_of_the_folder() {
    Machine::run(|_| {
        let agent = stopped();
        for path in ["store", "key", "key.store"] {
            let path = agent.folder().join(path);
            let _ = fs::remove_dir_all(&path);
            let _ = fs::remove_file(&path);
        }
        let owner = run(Command::new("chown").arg("nobody").arg(agent.folder()));
        assert!(owner.is_success(), "{owner:?}");
        said(&agent.init(), "running as nobody");
        for path in ["store", "key", "key.store"] {
            let path = agent.folder().join(path);
            let owner = run(Command::new("stat").arg("--format=%U").arg(&path));
            assert_eq!(owner.stdout.trim(), "nobody", "{}", path.display());
        }
    });
}
