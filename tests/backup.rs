//! Backups, restores, changes of the key and damaged records, with the real programs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mfa_tests::{Agent, Load, Login, Seen, Stack, built, run, run_with_input};
use serde_json::Value;

const ANNA: &str = "anna";
const PIN: &str = "4826";

fn log_in(agent: &Agent, user: &str, answer: &str) -> Seen {
    Login::of(user).answer(answer).run(&Stack::asking(agent))
}

fn passes(agent: &Agent, user: &str, answer: &str) {
    let seen = log_in(agent, user, answer);
    assert_eq!(seen.result(), "PAM_SUCCESS", "{user}: {seen:?}");
}

fn is_refused(agent: &Agent, user: &str, answer: &str) {
    let seen = log_in(agent, user, answer);
    assert_ne!(seen.result(), "PAM_SUCCESS", "{user}: {seen:?}");
}

fn file(agent: &Agent, name: &str) -> String {
    agent.folder().join(name).display().to_string()
}

fn backup(agent: &Agent) -> String {
    let file = file(agent, "backup");
    let made = agent.ctl().json(&["backup", &file], "");
    assert_eq!(made["damaged"], 0);
    file
}

/// An agent of another host with an empty store, that has the key of `agent` as an earlier one.
fn fresh(agent: &Agent) -> Agent {
    let fresh = Agent::unmade("");
    let id = key_id(agent);
    let key = fs::read(agent.folder().join("key")).expect("a key");
    write_key(&fresh.folder().join(format!("key.{id}")), &key);
    let mut fresh = fresh;
    assert!(fresh.init().is_success());
    fresh.launch();
    fresh
}

fn write_key(path: &Path, key: &[u8]) {
    fs::write(path, key).expect("a key");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("a mode");
}

fn key_id(agent: &Agent) -> String {
    let status = agent.ctl().json(&["rotate-key", "--status"], "");
    status["key_id"].as_str().expect("an ID").to_owned()
}

fn refused(agent: &Agent, arguments: &[&str], words: &str) {
    let output = agent.ctl().run(arguments, "");
    assert_eq!(output.status, Some(1), "{output:?}");
    let error: Value = serde_json::from_str(&output.stdout).expect("JSON");
    let reason = error["reason"].as_str().unwrap_or_default();
    assert!(reason.contains(words), "no {words:?}: {output:?}");
}

#[test]
fn a_fresh_host_has_every_account_and_takes_no_code_used_before() {
    let agent = Agent::start();
    let key = agent.admin().device(ANNA);
    let token = agent.admin().counting_device("hugo");
    agent.admin().device("rita");
    let recovery = agent.admin().recovery_codes("rita", 3);
    let doctor = || agent.ctl().run(&["doctor"], "").stdout;
    assert!(doctor().contains("there is no backup yet"), "{}", doctor());
    let file = backup(&agent);
    assert!(
        doctor().contains("the last backup was made"),
        "{}",
        doctor()
    );
    let made = agent.ctl().json(&["backup", &file], "");
    assert_eq!(made["records"], 3);
    assert_eq!(made["key_id"], key_id(&agent));

    let there = fresh(&agent);
    let used = key.code(0);
    passes(&agent, ANNA, &used);
    let restored = there.ctl().json(&["restore", &file], "");
    assert_eq!(restored["accounts"], 3);
    assert_eq!(restored["totp_assumed_used"], 2);
    assert_eq!(restored["hotp_unknown"], 1);
    assert_eq!(restored["recovery_codes_unknown"], 3);
    is_refused(&there, ANNA, &used);
    passes(&there, ANNA, &key.code(1));
    passes(&there, "hugo", &token.counted(1));
    passes(&there, "rita", &recovery[0]);
    assert_eq!(there.event("restore").number("count"), Some(3));

    // The next start reads the restored records, and with the new key alone nothing is lost that is new.
    let mut there = there;
    there.restart();
    is_refused(&there, "hugo", &token.counted(1));
    passes(&there, "hugo", &token.counted(2));
}

#[test]
fn a_restore_takes_no_used_code_and_no_lock_back() {
    let agent = Agent::start();
    let token = agent.admin().counting_device("hugo");
    let key = agent.admin().device(ANNA);
    agent.admin().device("lea");
    let recovery = agent.admin().recovery_codes("lea", 2);
    let file = backup(&agent);
    passes(&agent, "hugo", &token.counted(5));
    passes(&agent, "lea", &recovery[0]);
    for _ in 0..5 {
        is_refused(&agent, ANNA, &key.wrong_code());
    }
    agent.admin().pin("newcomer", PIN);

    refused(&agent, &["restore", &file], "--replace");
    let restored = agent.ctl().json(&["restore", "--replace", &file], "");
    assert_eq!(restored["accounts"], 3);
    for unknown in [
        "totp_assumed_used",
        "hotp_unknown",
        "recovery_codes_unknown",
    ] {
        assert_eq!(restored[unknown], 0, "{unknown}");
    }
    is_refused(&agent, "hugo", &token.counted(5));
    is_refused(&agent, "lea", &recovery[0]);
    is_refused(&agent, ANNA, &key.code(0));
    assert!(agent.admin().status(ANNA).locked_until.is_some());
    assert!(agent.admin().enrolled("newcomer").is_empty());
    passes(&agent, "hugo", &token.counted(6));
    passes(&agent, "lea", &recovery[1]);
    agent.admin().unlock(ANNA);
    passes(&agent, ANNA, &key.code(1));
}

#[test]
fn a_restore_says_which_factors_are_back_and_whose_are_gone() {
    let agent = Agent::start();
    agent.admin().pin("lea", PIN);
    agent.admin().device("lea");
    agent.admin().device("rita");
    let file = backup(&agent);
    let removed = agent.ctl().run(&["remove", "pin", "lea"], "");
    assert!(removed.is_success(), "{removed:?}");
    agent.admin().pin("newcomer", PIN);
    let restored = agent.ctl().json(&["restore", "--replace", &file], "");
    assert_eq!(restored["factors_returned"], 1);
    assert_eq!(restored["returned_users"], serde_json::json!(["lea"]));
    assert_eq!(restored["accounts_gone"], 1);
    assert_eq!(restored["gone_users"], serde_json::json!(["newcomer"]));
    assert!(agent.admin().enrolled("lea").contains(&"pin"));
    let event = agent.event("restore");
    let reason = event.text("reason");
    for words in [
        restored["made_at"].as_str().expect("a time"),
        &key_id(&agent),
        "replaced",
    ] {
        assert!(reason.contains(words), "{reason}");
    }
}

#[test]
fn a_backup_and_a_restore_under_load_lose_nothing() {
    let agent = Agent::start();
    let load = Load::new(agent.socket());
    load.import(agent.socket(), 300);
    let file = load.during(agent.socket(), 20, || backup(&agent));
    let there = fresh(&agent);
    assert!(there.ctl().run(&["restore", &file], "").is_success());
    assert!(there.admin().status("bert").locked_until.is_some());
    assert_eq!(there.admin().status("carl").failures, 1);
    assert_eq!(there.admin().enrolled("user0-299"), ["totp"]);

    let file = backup(&agent);
    let before = load.passed();
    load.logging_in(agent.socket(), || {
        for _ in 0..5 {
            let output = agent.ctl().run(&["restore", "--replace", &file], "");
            assert!(output.is_success(), "{output:?}");
        }
    });
    assert!(load.passed() > before, "nobody logged in meanwhile");
    load.is_held_by(agent.socket()).unwrap();
    let mut agent = agent;
    agent.kill_9();
    agent.launch();
    load.is_held_by(agent.socket()).unwrap();
}

#[test]
fn a_backup_for_a_recipient_needs_the_private_key() {
    let agent = Agent::start();
    agent.admin().pin(ANNA, PIN);
    let private = file(&agent, "backup.private");
    let made = agent.ctl().json(&["backup-key", &private], "");
    let public = format!("{private}.pub");
    assert_eq!(made["public"], public);
    let mode = fs::metadata(&private).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    refused_io(&agent, &["backup-key", &private]);
    let file = file(&agent, "backup");
    let made = agent
        .ctl()
        .json(&["backup", "--recipient-key-file", &public, &file], "");
    assert_eq!(made["key_id"], Value::Null);

    refused(&agent, &["restore", "--replace", &file], "--key-file");
    let with = |key: &str| ["restore", "--replace", "--key-file", key, &file].join("\n");
    let call = |key: &str| {
        let arguments = with(key);
        let arguments: Vec<&str> = arguments.split('\n').collect();
        agent.ctl().run(&arguments, "")
    };
    assert_eq!(call(&public).status, Some(1));
    let other = format!("{private}2");
    assert!(agent.ctl().run(&["backup-key", &other], "").is_success());
    let wrong = call(&other);
    assert!(wrong.stdout.contains("does not open"), "{wrong:?}");
    let restored = call(&private);
    assert!(restored.is_success(), "{restored:?}");
    let note = restored.stderr.replace('\n', " ");
    assert!(
        note.contains("anyone who has that key can make such a file"),
        "{note}"
    );
    passes(&agent, ANNA, PIN);

    // A host that never had any of its keys opens it, too.
    let there = Agent::start();
    let restored = there
        .ctl()
        .run(&["restore", "--key-file", &private, &file], "");
    assert!(restored.is_success(), "{restored:?}");
    passes(&there, ANNA, PIN);
}

fn refused_io(agent: &Agent, arguments: &[&str]) {
    let output = agent.ctl().run(arguments, "");
    assert_eq!(output.status, Some(1), "{output:?}");
}

#[test]
fn a_damaged_or_foreign_backup_changes_nothing() {
    let agent = Agent::start();
    agent.admin().pin(ANNA, PIN);
    let file = backup(&agent);
    let whole = fs::read(&file).expect("a file");
    agent.admin().pin("later", PIN);
    let restore = ["restore", "--replace", &file];
    for at in [3, 40, whole.len() / 2, whole.len() - 1] {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        fs::write(&file, &flipped).expect("a write");
        refused(&agent, &restore, "nothing was changed");
        fs::write(&file, &whole[..at]).expect("a write");
        refused(&agent, &restore, "nothing was changed");
    }
    fs::write(&file, &whole).expect("a write");
    let foreign = Agent::start();
    let id = key_id(&agent);
    refused(&foreign, &["restore", &file], &id);
    let key = foreign.folder().join(format!("key.{id}"));
    write_key(&key, &fs::read(agent.folder().join("key")).expect("a key"));
    refused(
        &foreign,
        &["restore", &file],
        "has not read it since it started",
    );
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("a mode");
    refused(&foreign, &["restore", &file], "chmod 0600");
    passes(&agent, "later", PIN);
    assert!(agent.ctl().run(&restore, "").is_success());
    assert!(agent.admin().enrolled("later").is_empty());
}

#[test]
fn a_backup_goes_through_standard_output_and_input() {
    let agent = Agent::start();
    agent.admin().pin(ANNA, PIN);
    let (ctl, socket) = (
        built().mfactl.display().to_string(),
        agent.socket().display().to_string(),
    );
    let file = file(&agent, "piped");
    let script = format!("{ctl} --socket {socket} backup - > {file}");
    let piped = run(Command::new("sh").args(["-c", &script]));
    assert!(piped.is_success() && piped.stdout.is_empty(), "{piped:?}");
    let usage = agent.ctl().run(&["backup", "-"], "");
    assert_eq!(usage.status, Some(2), "{usage:?}");
    let script = format!("{ctl} --socket {socket} backup - > /dev/null");
    let lost = run(Command::new("sh").args(["-c", &script]));
    assert_eq!(lost.status, Some(2), "{lost:?}");
    let script = format!("{ctl} --socket {socket} restore --replace - < {file}");
    let piped = run_with_input(Command::new("sh").args(["-c", &script]), "");
    assert!(piped.is_success(), "{piped:?}");
    assert!(
        piped.stdout.starts_with("Restored 1 user (backup of "),
        "{piped:?}"
    );
    passes(&agent, ANNA, PIN);
}

#[test]
fn a_new_key_seals_all_records_while_logins_go_on_and_the_old_one_can_go() {
    let mut agent = Agent::start();
    let load = Load::new(agent.socket());
    load.import(agent.socket(), 1_500);
    agent.admin().device("rita");
    let codes = agent.admin().recovery_codes("rita", 2);
    let (before, old_backup) = (key_id(&agent), backup(&agent));
    load.during(agent.socket(), 20, || {
        // Stopped in the middle.
        let mut command = agent.ctl().command(&["rotate-key"]);
        let mut stopped = command.stdout(Stdio::null()).spawn().expect("a command");
        std::thread::sleep(std::time::Duration::from_millis(60));
        let _ = stopped.kill();
        let _ = stopped.wait();
    });
    agent.kill_9();
    agent.launch();
    load.during(agent.socket(), 20, || {
        let rotated = agent.ctl().json(&["rotate-key"], "");
        assert_ne!(rotated["key_id"], before.as_str());
    });
    let status = agent.ctl().json(&["rotate-key", "--status"], "");
    assert_eq!(status["sealed_with_earlier_keys"], 0, "{status}");
    assert_eq!(status["rotating"], Value::Null);
    load.is_held_by(agent.socket()).unwrap();

    // An old backup needs the old key, which is beside the new one.
    let there = fresh(&agent);
    refused(&there, &["restore", &old_backup], &before);
    for earlier in earlier_keys(&agent) {
        fs::remove_file(earlier).expect("an earlier key");
    }
    agent.restart();
    load.is_held_by(agent.socket()).unwrap();
    passes(&agent, "rita", &codes[0]);
}

#[test]
fn a_change_of_the_key_keeps_the_old_one_or_changes_nothing() {
    let agent = Agent::start();
    agent.admin().pin(ANNA, PIN);
    let (before, key) = (key_id(&agent), agent.folder().join("key"));
    let text = fs::read(&key).expect("a key");
    let kept = agent.folder().join(format!("key.{before}"));
    write_key(&kept, b"");
    refused(&agent, &["rotate-key"], &format!("mv {}", kept.display()));
    assert_eq!(fs::read(&key).expect("a key"), text);
    assert_eq!(key_id(&agent), before);
    fs::remove_file(&kept).expect("a file");
    let rotated = agent.ctl().json(&["rotate-key"], "");
    assert_eq!(rotated["earlier_key"], before.as_str());
    assert_eq!(fs::read(&kept).expect("the old key"), text);
    passes(&agent, ANNA, PIN);
}

fn earlier_keys(agent: &Agent) -> Vec<PathBuf> {
    let entries = fs::read_dir(agent.folder()).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let is_earlier = |path: &PathBuf| {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        name.strip_prefix("key.").is_some_and(|id| id.len() == 8)
    };
    paths.filter(is_earlier).collect()
}

#[test]
fn a_credential_is_changed_by_systemd_and_the_records_by_the_command() {
    let mut agent = Agent::start();
    agent.admin().pin(ANNA, PIN);
    agent.admin().device("rita");
    let recovery = agent.admin().recovery_codes("rita", 2);
    let credentials = agent.folder().join("credentials");
    // Of a backup of another host, and of no record here.
    let foreign = Agent::start();
    let name = format!("key.{}", key_id(&foreign));
    let key = fs::read(foreign.folder().join("key")).expect("a key");
    write_key(&agent.folder().join(name), &key);
    fs::create_dir(&credentials).expect("a folder");
    let key = fs::read(agent.folder().join("key")).expect("a key");
    write_key(&credentials.join("mfa.key"), &key);
    fs::remove_file(agent.folder().join("key")).expect("a key");
    let with = format!("CREDENTIALS_DIRECTORY={}", credentials.display());
    agent.terminate();
    agent.launch_under(&["env", &with]);
    passes(&agent, ANNA, PIN);
    let before = key_id(&agent);
    refused(&agent, &["rotate-key"], "mfa.key.old");

    let other = Agent::start();
    fs::rename(credentials.join("mfa.key"), credentials.join("mfa.key.old")).expect("a rename");
    let key = fs::read(other.folder().join("key")).expect("a key");
    write_key(&credentials.join("mfa.key"), &key);
    agent.terminate();
    agent.launch_under(&["env", &with]);
    passes(&agent, ANNA, PIN);
    let rotated = agent.ctl().json(&["rotate-key"], "");
    assert_eq!(rotated["key_id"], key_id(&other).as_str());
    assert_eq!(rotated["earlier_key"], before.as_str());
    fs::remove_file(credentials.join("mfa.key.old")).expect("a key");
    agent.terminate();
    agent.launch_under(&["env", &with]);
    passes(&agent, ANNA, PIN);
    passes(&agent, "rita", &recovery[0]);
    refused(&agent, &["rotate-key"], "mfa.key.old");
}

/// An agent that has a record of bob's which nobody can open any more.
fn with_a_damaged_record() -> Agent {
    let mut agent = Agent::with("[enforcement]\nunenrolled = \"allow\"\n");
    agent.admin().pin("bob", PIN);
    agent.terminate();
    let key = agent.folder().join("key");
    let lost = agent.folder().join("key.00000000");
    fs::rename(&key, &lost).expect("a rename");
    let other = Agent::start();
    write_key(&key, &fs::read(other.folder().join("key")).expect("a key"));
    agent.launch();
    agent.admin().pin(ANNA, PIN);
    agent.terminate();
    fs::remove_file(lost).expect("a key");
    agent.launch();
    agent
}

#[test]
fn a_damaged_record_refuses_its_user_alone_is_named_and_can_be_dropped_after_a_backup() {
    let agent = with_a_damaged_record();
    passes(&agent, ANNA, PIN);
    let seen = log_in(&agent, "bob", PIN);
    assert_eq!(seen.result(), "PAM_AUTHINFO_UNAVAIL", "{seen:?}");
    agent.await_log("account/bob");
    let users = agent.ctl().json(&["users"], "");
    assert!(users.to_string().contains(ANNA), "{users}");
    let doctor = agent.ctl().run(&["doctor"], "");
    assert!(doctor.stdout.contains("account/bob"), "{doctor:?}");
    let checked = agent.ctl().run(&["store", "check"], "");
    assert_eq!(checked.status, Some(1), "{checked:?}");
    let checked: Value = serde_json::from_str(&checked.stdout).expect("JSON");
    assert_eq!(checked["damaged"][0]["record"], "account/bob");

    let repair = ["store", "repair", "--drop", "account/bob"];
    refused(&agent, &repair, "mfactl backup");
    let file = file(&agent, "backup");
    let made = agent.ctl().json(&["backup", &file], "");
    assert_eq!((&made["records"], &made["damaged"]), (&2.into(), &1.into()));
    refused(
        &agent,
        &["store", "repair", "--drop", "account/anna"],
        "not damaged",
    );
    assert_eq!(agent.ctl().json(&repair, "")["dropped"], true);
    let again = agent.ctl().run(&repair, "");
    assert_eq!(again.status, Some(1), "{again:?}");
    assert!(again.stdout.contains("\"dropped\":false"), "{again:?}");
    assert!(agent.ctl().run(&["store", "check"], "").is_success());
    // As somebody who never enrolled anything.
    let seen = Login::of("bob").run(&Stack::asking(&agent));
    assert_eq!(seen.result(), "PAM_PERM_DENIED", "{seen:?}");
    assert_eq!(agent.logins_of("bob", 1)[0].text("result"), "skipped");
    // A restore brings the damaged record back: it lets nobody in.
    assert!(
        agent
            .ctl()
            .run(&["restore", "--replace", &file], "")
            .is_success()
    );
    is_refused(&agent, "bob", PIN);
    passes(&agent, ANNA, PIN);
}

#[test]
fn an_agent_that_can_not_open_its_store_names_the_newest_backup_and_the_commands() {
    let mut agent = Agent::start();
    agent.admin().pin(ANNA, PIN);
    let folder = agent.folder().join("backups");
    fs::create_dir(&folder).expect("a folder");
    for name in ["Mon.mfa-backup", "Tue.mfa-backup"] {
        let file = folder.join(name).display().to_string();
        assert!(agent.ctl().run(&["backup", &file], "").is_success());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    agent.terminate();
    let store = agent.folder().join("store");
    for entry in fs::read_dir(&store).expect("a store") {
        let path = entry.expect("an entry").path();
        if path.is_file() && path.metadata().expect("a file").len() > 100 {
            let mut bytes = fs::read(&path).expect("a file");
            for byte in &mut bytes[20..60] {
                *byte ^= 0xff;
            }
            fs::write(&path, bytes).expect("a write");
        }
    }
    let output = agent.launch_in_vain();
    assert!(!output.is_success(), "{output:?}");
    let newest = folder.join("Tue.mfa-backup").display().to_string();
    for words in [newest.as_str(), "mfa-agent --init", "mfactl restore"] {
        assert!(output.stderr.contains(words), "no {words:?}: {output:?}");
    }
    // As it says.
    fs::rename(&store, agent.folder().join("store.damaged")).expect("a rename");
    assert!(agent.init().is_success());
    agent.launch();
    assert!(agent.ctl().run(&["restore", &newest], "").is_success());
    passes(&agent, ANNA, PIN);
}
