mod committed;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use super::*;

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(50);

fn login(user: &str) -> Event {
    Event {
        event: "login",
        result: "passed",
        user: Some(user.to_owned()),
        ..Event::default()
    }
}

fn start(settings: Settings) -> Audit {
    Audit::start_sinks(settings, Vec::new(), false).unwrap()
}

fn to_file(path: &Path) -> Audit {
    start(Settings {
        file: Some(path.to_owned()),
        ..Settings::default()
    })
}

fn to_syslog(path: &Path) -> Audit {
    let settings = Settings {
        syslog: true,
        syslog_socket: Some(path.to_owned()),
        ..Settings::default()
    };
    start(settings)
}

fn users(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let line = |line| serde_json::from_str::<serde_json::Value>(line).unwrap();
    text.lines()
        .map(|l| line(l)["user"].as_str().unwrap().to_owned())
        .collect()
}

fn received(socket: &UnixDatagram) -> String {
    socket.set_read_timeout(Some(LONG)).unwrap();
    let mut buffer = [0; 4096];
    let length = socket.recv(&mut buffer).unwrap();
    String::from_utf8(buffer[..length].to_vec()).unwrap()
}

#[test]
fn each_event_is_one_line_for_all_names() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    let audit = to_file(&path);
    let names = [
        "alice",
        "eve\n{\"user\":\"root\"}",
        "q\"uote",
        "nul\0",
        "\x1b[2J",
    ];
    for name in names {
        audit.record(login(name), Timestamp::UNIX_EPOCH, Origin::Privileged);
    }
    assert!(audit.flush(LONG));
    assert_eq!(users(&path), names);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o137, 0);
}

#[test]
fn a_line_cut_short_by_a_crash_does_not_spoil_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    fs::write(&path, "{\"event\":\"log").unwrap();
    let audit = to_file(&path);
    audit.record(login("alice"), Timestamp::UNIX_EPOCH, Origin::Privileged);
    assert!(audit.flush(LONG));
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(
        text.lines()
            .filter(|l| l.starts_with("{\"time\"") && l.ends_with('}'))
            .count(),
        1
    );
}

#[test]
fn a_file_that_was_rotated_away_is_created_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    let audit = to_file(&path);
    audit.record(login("first"), Timestamp::UNIX_EPOCH, Origin::Privileged);
    assert!(audit.flush(LONG));
    fs::rename(&path, dir.path().join("audit.jsonl.1")).unwrap();
    audit.record(login("second"), Timestamp::UNIX_EPOCH, Origin::Privileged);
    assert!(audit.flush(LONG));
    assert_eq!(users(&path), ["second"]);
    fs::remove_file(&path).unwrap();
    audit.reopen();
    audit.record(login("third"), Timestamp::UNIX_EPOCH, Origin::Privileged);
    assert!(audit.flush(LONG));
    assert_eq!(users(&path), ["third"]);
    assert_eq!(users(&dir.path().join("audit.jsonl.1")), ["first"]);
}

#[test]
fn an_unwritable_file_costs_no_line_once_it_works_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("missing/audit.jsonl");
    let audit = to_file(&path);
    audit.record(login("alice"), Timestamp::UNIX_EPOCH, Origin::Privileged);
    audit.record(login("bob"), Timestamp::UNIX_EPOCH, Origin::Privileged);
    assert!(!audit.flush(SHORT));
    fs::create_dir(dir.path().join("missing")).unwrap();
    assert!(audit.flush(LONG));
    assert_eq!(users(&path), ["alice", "bob"]);
}

#[test]
fn an_unwritable_file_is_told_until_it_works_and_lost_lines_for_good() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("later");
    let audit = to_file(&folder.join("audit.jsonl"));
    audit.sync_changes();
    assert_eq!(audit.file_error(), None);
    audit.record(login("anna"), Timestamp::now(), Origin::Privileged);
    assert!(!audit.flush(SHORT));
    let until = Instant::now() + LONG;
    while audit.file_error().is_none() {
        assert!(Instant::now() < until, "it is never told");
        std::thread::sleep(Duration::from_millis(5));
    }
    fs::create_dir(&folder).unwrap();
    assert!(audit.flush(LONG));
    assert_eq!(audit.file_error(), None);
    audit.note_gap();
    let lacks = audit.file_error().unwrap();
    assert!(
        lacks.contains("lacks lines") && !lacks.contains("restart"),
        "{lacks}"
    );
}

#[test]
fn a_full_queue_loses_lines_and_reports_how_many_but_blocks_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("missing/audit.jsonl");
    let audit = to_file(&path);
    let sent = crate::lines::QUEUE as u64 + 100;
    for _ in 0..sent {
        audit.record(login("alice"), Timestamp::UNIX_EPOCH, Origin::Privileged);
    }
    fs::create_dir(dir.path().join("missing")).unwrap();
    assert!(audit.flush(LONG));
    let text = fs::read_to_string(&path).unwrap();
    let (lost, kept): (Vec<&str>, Vec<&str>) = text.lines().partition(|l| l.contains("audit-lost"));
    // On a slow machine the writer reports lost lines more than once.
    let count = |line: &&str| {
        let lost: serde_json::Value = serde_json::from_str(line).unwrap();
        lost["count"].as_u64().unwrap()
    };
    assert!(!lost.is_empty());
    assert_eq!(
        lost.iter().map(count).sum::<u64>() + kept.len() as u64,
        sent
    );
}

#[test]
fn syslog_gets_the_event_in_one_line_under_authpriv() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let daemon = UnixDatagram::bind(&path).unwrap();
    let audit = to_syslog(&path);
    audit.record(
        login("eve\n<0>forged\""),
        Timestamp::UNIX_EPOCH,
        Origin::Privileged,
    );
    let line = received(&daemon);
    // authpriv is 10, information is 6: 10 * 8 + 6.
    assert!(line.starts_with("<86>"), "{line}");
    let tag = format!("mfa-agent[{}]: ", std::process::id());
    assert_eq!(
        line.split_once(&tag).unwrap().1,
        "login passed user=\"eve\\n<0>forged\\\"\""
    );
}

#[test]
fn a_missing_or_restarted_syslog_is_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let audit = to_syslog(&path);
    audit.record(login("before"), Timestamp::UNIX_EPOCH, Origin::Privileged);
    assert!(!audit.flush(SHORT));
    let daemon = UnixDatagram::bind(&path).unwrap();
    assert!(received(&daemon).contains("\"before\""));
    drop(daemon);
    fs::remove_file(&path).unwrap();
    let daemon = UnixDatagram::bind(&path).unwrap();
    audit.record(login("after"), Timestamp::UNIX_EPOCH, Origin::Privileged);
    assert!(received(&daemon).contains("\"after\""));
}

#[test]
fn a_hanging_syslog_blocks_neither_logins_nor_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("log");
    let _daemon_that_does_not_read = UnixDatagram::bind(&socket).unwrap();
    let file = dir.path().join("audit.jsonl");
    let audit = start(Settings {
        file: Some(file.clone()),
        syslog: true,
        syslog_socket: Some(socket),
    });
    for _ in 0..2000 {
        audit.record(login("alice"), Timestamp::UNIX_EPOCH, Origin::Privileged);
    }
    assert!(audit.file.as_ref().unwrap().flush(Instant::now() + LONG));
    assert_eq!(users(&file).len(), 2000);
    assert!(!audit.syslog.as_ref().unwrap().flush(Instant::now() + SHORT));
}

#[test]
fn waiting_lines_are_written_before_the_threads_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    let audit = to_file(&path);
    for _ in 0..500 {
        audit.record(login("alice"), Timestamp::UNIX_EPOCH, Origin::Privileged);
    }
    assert!(audit.flush(LONG));
    assert_eq!(users(&path).len(), 500);
}

#[test]
fn the_origin_of_an_event_is_not_in_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    let audit = to_file(&path);
    for origin in [Origin::Privileged, Origin::Ordinary] {
        audit.record(login("alice"), Timestamp::UNIX_EPOCH, origin);
    }
    assert!(audit.flush(LONG));
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0], lines[1]);
}
