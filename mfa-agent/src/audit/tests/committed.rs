//! Lines that the store carries: which ones an earlier process left, and when the store may drop
//! them.

use std::sync::mpsc;
use std::thread;

use super::*;

const EARLIER: [&str; 4] = ["one", "two", "three", "four"];

fn after_a_crash(path: &Path, lines: &[&str]) -> Audit {
    let settings = Settings {
        file: Some(path.to_owned()),
        ..Settings::default()
    };
    let lines = lines.iter().map(|line| format!("{line}\n").into_bytes());
    Audit::start_sinks(settings, lines.collect(), false).unwrap()
}

fn caught_up(path: &Path, lines: &[&str]) -> String {
    let audit = after_a_crash(path, lines);
    assert!(audit.sync(LONG));
    fs::read_to_string(path).unwrap()
}

fn commit(audit: &Audit, user: &str) {
    let entry = AuditEntry::new(login(user), Timestamp::UNIX_EPOCH);
    audit.commit(Origin::Privileged, |outcomes| outcomes.made([entry]));
}

#[test]
fn the_file_gets_exactly_the_missing_lines_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    assert_eq!(caught_up(&path, &EARLIER), "one\ntwo\nthree\nfour\n");
    assert_eq!(caught_up(&path, &EARLIER), "one\ntwo\nthree\nfour\n");
    fs::write(&path, "one\nthree\n").unwrap();
    assert_eq!(caught_up(&path, &EARLIER), "one\nthree\ntwo\nfour\n");
}

#[test]
fn lines_of_one_change_are_searched_one_by_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    fs::write(&path, "one\n").unwrap();
    assert_eq!(caught_up(&path, &["one\ntwo"]), "one\ntwo\n");
}

#[test]
fn a_line_cut_short_by_a_crash_is_added_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    fs::write(&path, "one\ntw").unwrap();
    assert_eq!(caught_up(&path, &["one", "two"]), "one\ntw\ntwo\n");
}

#[test]
fn a_line_in_a_file_that_was_rotated_away_is_not_missing() {
    for rotated in ["audit.jsonl.1", "audit.jsonl-20261128"] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.jsonl");
        fs::write(dir.path().join(rotated), "one\nthree\n").unwrap();
        assert_eq!(caught_up(&path, &EARLIER), "two\nfour\n", "{rotated}");
    }
}

#[test]
fn a_line_older_than_a_compressed_file_and_all_found_lines_is_in_that_file() {
    let line = |second: u8| {
        let entry = AuditEntry::new(login("alice"), Timestamp::constant(second.into(), 0));
        String::from_utf8(entry.line().trim_ascii_end().to_vec()).unwrap()
    };
    let lines = [1, 2, 3, 4].map(line);
    let lines = lines.each_ref().map(String::as_str);
    for (there, packed_until, added) in [
        (&lines[1..2], 1, &lines[2..]),
        (&lines[1..2], 2, &lines[2..]),
        (&lines[2..3], 1, &[lines[1], lines[3]][..]),
        (&lines[1..2], 0, &[lines[0], lines[2], lines[3]][..]),
        (&[][..], 2, &lines[2..]),
        (&[][..], 0, &lines[..]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.jsonl");
        fs::write(
            &path,
            there
                .iter()
                .map(|line| format!("{line}\n"))
                .collect::<String>(),
        )
        .unwrap();
        let packed = fs::File::create(dir.path().join("audit.jsonl.2.gz")).unwrap();
        let modified = std::time::UNIX_EPOCH + Duration::from_secs(packed_until);
        packed.set_modified(modified).unwrap();
        let expected = [there, added].concat();
        let text = caught_up(&path, &lines);
        assert_eq!(text.lines().collect::<Vec<_>>(), expected, "{packed_until}");
    }
}

#[test]
fn missing_lines_wait_for_a_writable_file_and_precede_later_lines() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("missing/audit.jsonl");
    let audit = after_a_crash(&path, &["earlier"]);
    assert!(!audit.sync(SHORT));
    audit.record(login("alice"), Timestamp::UNIX_EPOCH, Origin::Privileged);
    fs::create_dir(dir.path().join("missing")).unwrap();
    assert!(audit.flush(LONG));
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("earlier\n{"), "{text}");
    assert!(text.contains("alice"), "{text}");
}

#[test]
fn a_sync_succeeds_once_the_file_has_every_committed_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("missing/audit.jsonl");
    let audit = to_file(&path);
    commit(&audit, "alice");
    assert!(!audit.sync(SHORT), "the file can't be written");
    fs::create_dir(dir.path().join("missing")).unwrap();
    assert!(audit.sync(LONG));
    assert_eq!(users(&path), ["alice"]);
    assert!(start(Settings::default()).sync(SHORT), "there is no file");
}

#[test]
fn a_sync_waits_for_the_line_of_a_change_that_is_already_in_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    let audit = to_file(&path);
    let (made, is_made) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let audit = &audit;
    thread::scope(|scope| {
        scope.spawn(move || {
            let entry = AuditEntry::new(login("alice"), Timestamp::UNIX_EPOCH);
            audit.commit(Origin::Privileged, |outcomes| {
                made.send(()).unwrap();
                let _ = may_go_on.recv();
                outcomes.made([entry]);
            });
        });
        is_made.recv().unwrap();
        assert!(!audit.sync(SHORT), "its line is nowhere yet");
        drop(go_on);
        assert!(audit.sync(LONG));
    });
    assert_eq!(users(&path), ["alice"]);
}

#[test]
fn a_change_of_which_nobody_knows_whether_it_was_made_leaves_a_line_that_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    let audit = to_file(&path);
    let entry = |user| AuditEntry::new(login(user), Timestamp::UNIX_EPOCH);
    audit.commit(Origin::Privileged, |outcomes| {
        outcomes.made([entry("alice")]);
        outcomes.unknown([entry("bob")], "the answer was lost");
    });
    assert!(audit.sync(LONG));
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].contains("alice") && !lines[0].contains("outcome-unknown"));
    for words in ["bob", "outcome-unknown", ": the answer was lost"] {
        assert!(lines[1].contains(words), "{text}");
    }
}

#[test]
fn once_a_committed_line_found_no_room_the_store_keeps_it_for_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("missing/audit.jsonl");
    let audit = to_file(&path);
    for _ in 0..crate::lines::QUEUE + 100 {
        audit.record(login("alice"), Timestamp::UNIX_EPOCH, Origin::Privileged);
    }
    fs::create_dir(dir.path().join("missing")).unwrap();
    assert!(audit.sync(LONG), "what was lost was no change");
    fs::remove_dir_all(dir.path().join("missing")).unwrap();
    for _ in 0..crate::lines::QUEUE + 100 {
        commit(&audit, "alice");
    }
    fs::create_dir(dir.path().join("missing")).unwrap();
    assert!(audit.flush(LONG));
    assert!(!audit.sync(LONG));
}
