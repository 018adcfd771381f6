//! Backups, restores, changes of the key, and damaged records, as a shell sees them.

use serde_json::{Value, json};

use crate::person::Person;
use crate::support::{Agent, Exchange, admin, mfactl, refused, stderr, stdout, value};

fn head() -> Value {
    json!({
        "version": 1, "made_at": "2026-11-29T00:00:00Z", "agent": "0.1.0", "key_id": "0e240d73",
        "file_key": "AAAA", "nonce": "AAAA",
    })
}

fn made() -> Vec<Exchange> {
    vec![
        admin("BackupBegin", json!({}), json!({"head": head()})),
        admin(
            "BackupNext",
            json!({}),
            json!({"chunk": "b25l", "last": false, "records": 1_000, "damaged": 0}),
        ),
        admin(
            "BackupNext",
            json!({}),
            json!({"chunk": "dHdv", "last": true, "records": 1_204, "damaged": 1}),
        ),
        admin("BackupEnd", json!({}), json!({})),
    ]
}

#[test]
fn a_backup_is_written_and_its_chunks_are_sent_back() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("backup").display().to_string();
    let agent = Agent::scripted(made());
    let output = mfactl(&agent, &["backup", &file], "");
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    for words in [
        "1,204 records",
        "the key 0e240d73",
        "Damaged records",
        "store check",
    ] {
        assert!(text.contains(words), "{text}");
    }
    agent.finish();

    let done = json!({
        "done": true, "accounts": 1_201, "damaged": 1, "assumed": 7, "unknown_counters": 2,
        "unknown_codes": 10, "kept": 1, "returned": 3, "returned_users": ["anna", "bert"], "gone": 12,
        "gone_users": ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"],
    });
    let more = json!({
        "done": false, "accounts": 0, "damaged": 0, "assumed": 0, "unknown_counters": 0,
        "unknown_codes": 0,
    });
    let script = || {
        vec![
            admin(
                "RestoreBegin",
                json!({"head": head(), "size": std::fs::metadata(&file).unwrap().len(), "replace": true}),
                json!({}),
            ),
            admin(
                "RestoreNext",
                json!({"chunk": "b25l", "last": false}),
                json!({"records": 1_000}),
            ),
            admin(
                "RestoreNext",
                json!({"chunk": "dHdv", "last": true}),
                json!({"records": 1_204}),
            ),
            admin("RestoreEnd", json!({}), more.clone()),
            admin("RestoreEnd", json!({}), done.clone()),
        ]
    };
    let agent = Agent::scripted(Vec::new());
    let mut person = Person::runs(&agent, &["restore", "--replace", &file]);
    person.types("Replace it? Type yes: ", "no\n");
    let (screen, code) = person.ends();
    assert_eq!(code, Some(1), "{screen}");
    assert!(
        screen.contains("Factors that users enrolled since then are gone"),
        "{screen}"
    );
    assert_eq!(agent.finish(), 0, "nothing is replaced without a yes");
    let agent = Agent::scripted(script());
    let mut person = Person::runs(&agent, &["restore", "--replace", &file]);
    person.types("Replace it? Type yes: ", "yes\n");
    assert_eq!(person.ends().1, Some(0));
    agent.finish();
    let agent = Agent::scripted(script());
    let ready = ["restore", "--replace", "--yes", &file];
    assert_eq!(Person::runs(&agent, &ready).ends().1, Some(0));
    agent.finish();

    let agent = Agent::scripted(script());
    let output = mfactl(&agent, &["restore", "--replace", &file], "");
    assert!(output.status.success(), "{}", stderr(&output));
    insta::assert_snapshot!(stdout(&output), @r"
    Restored 1,201 users and 1 other record (backup of 2026-11-29 00:00)
      7 TOTP devices: codes up to now count as used. Users wait for the next code.
      2 HOTP devices: a code that was used since the backup passes again. Have
        their users use a code now, or enrol them again.
      10 recovery codes: one that was used since the backup passes again. Replace
        them: mfactl enroll recovery USER
      3 factors: removed since the backup, and back now. Remove them again: anna,
        bert
      12 accounts: not in the backup, so that nothing is enrolled there now. Have
        these users enrol again: a, b, c, d, e, f, g, h, i, j, …
      1 record: damaged in the backup already, so that its user can't log in. See
        more: mfactl store check
      1 record: damaged in the backup. The one that was here is intact, and was
        kept.
    ");
    agent.finish();
}

#[test]
fn a_backup_that_fails_leaves_the_older_file_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("backup");
    std::fs::write(&file, "older").unwrap();
    let mut script = made();
    script.truncate(2);
    script.push(refused(
        "BackupNext",
        json!({}),
        "Unavailable",
        "the store does not work",
    ));
    let agent = Agent::scripted(script);
    let output = mfactl(&agent, &["backup", &file.display().to_string()], "");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(std::fs::read(&file).unwrap(), b"older");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    agent.finish();
}

#[test]
fn a_damaged_backup_is_refused_before_the_agent_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("backup").display().to_string();
    std::fs::write(&file, "pam-mfa backup\nand no more").unwrap();
    let agent = Agent::scripted(Vec::new());
    let output = mfactl(&agent, &["--json", "restore", &file], "");
    assert_eq!(output.status.code(), Some(1));
    let reason = value(&output)["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("nothing was changed"), "{reason}");
    assert_eq!(agent.finish(), 0);
}

fn page(records: u64, earlier: u64, next: Option<&str>) -> Value {
    json!({"records": records, "earlier": earlier, "damaged": 0, "next": next})
}

#[test]
fn a_new_key_seals_all_records_and_the_old_one_is_named() {
    let script = vec![
        admin(
            "RotateBegin",
            json!({}),
            json!({"key_id": "5b1e9f00", "new": true}),
        ),
        admin("RotateNext", json!({}), page(500, 500, Some("YQ=="))),
        admin("RotateNext", json!({"after": "YQ=="}), page(204, 203, None)),
        admin(
            "RotateEnd",
            json!({"key_id": "5b1e9f00"}),
            json!({"earlier": "0e240d73", "file": "/var/lib/mfa/key.0e240d73"}),
        ),
    ];
    let agent = Agent::scripted(script);
    let output = mfactl(&agent, &["rotate-key"], "");
    assert!(output.status.success(), "{}", stderr(&output));
    insta::assert_snapshot!(stdout(&output), @r"
    Key 5b1e9f00 seals all records now (703 of 704 records resealed)
    Key 0e240d73 is no longer needed by the store. Backups made before now need it: keep it as long as you keep them, then remove /var/lib/mfa/key.0e240d73
    ");
    agent.finish();

    let script = vec![
        admin(
            "RotateBegin",
            json!({}),
            json!({"key_id": "5b1e9f00", "new": true}),
        ),
        admin("RotateNext", json!({}), page(7, 7, None)),
        admin(
            "RotateEnd",
            json!({"key_id": "5b1e9f00"}),
            json!({"earlier": "0e240d73", "replace": "/etc/mfa/fleet.key"}),
        ),
    ];
    let agent = Agent::scripted(script);
    let output = mfactl(&agent, &["rotate-key"], "");
    let move_files = "mv /etc/mfa/fleet.key /etc/mfa/fleet.key.0e240d73 && mv /etc/mfa/fleet.key.next /etc/mfa/fleet.key";
    assert!(stdout(&output).contains(move_files), "{}", stdout(&output));
    agent.finish();

    let keys = json!({
        "key_id": "5b1e9f00", "earlier": ["0e240d73"], "rotating": "0e240d73", "credential": false,
    });
    let script = vec![
        admin("KeyStatus", json!({}), keys),
        admin("RotateNext", json!({"dry_run": true}), page(704, 12, None)),
    ];
    let agent = Agent::scripted(script);
    let output = mfactl(&agent, &["rotate-key", "--status"], "");
    insta::assert_snapshot!(stdout(&output), @r"
    Key: 5b1e9f00
    Earlier keys: 0e240d73
    Records sealed with an earlier key: 12 of 704
    The change of the key is not at its end. Go on: mfactl rotate-key
    ");
    agent.finish();
}

#[test]
fn damaged_records_are_listed_and_one_is_dropped() {
    let damaged = json!([{"record": "account/alice", "reason": "a record was tampered with"}]);
    let script = vec![
        admin(
            "StoreCheck",
            json!({}),
            json!({"records": 2_000, "damaged": [], "next": "YQ=="}),
        ),
        admin(
            "StoreCheck",
            json!({"after": "YQ=="}),
            json!({"records": 4, "damaged": damaged, "next": null}),
        ),
    ];
    let agent = Agent::scripted(script);
    let output = mfactl(&agent, &["store", "check"], "");
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(stdout(&output), @r"
    2,004 records, 1 damaged
      account/alice: a record was tampered with
    Their users can't log in. To get the records back, from a backup of before the damage:
      mfactl restore --replace FILE
    Or to drop one, so that its user enrols again, after a backup:
      mfactl store repair --drop RECORD
    ");
    agent.finish();
    let dropped = admin(
        "StoreDrop",
        json!({"record": "account/alice"}),
        json!({"dropped": true}),
    );
    let agent = Agent::scripted(Vec::new());
    let mut person = Person::runs(&agent, &["store", "repair", "--drop", "account/alice"]);
    person.types("Drop account/alice? Type yes: ", "no\n");
    assert_eq!(person.ends().1, Some(1));
    assert_eq!(agent.finish(), 0);
    let agent = Agent::scripted(vec![dropped]);
    let line = ["--json", "store", "repair", "--drop", "account/alice"];
    let output = mfactl(&agent, &line, "");
    assert_eq!(
        value(&output),
        json!({"record": "account/alice", "dropped": true})
    );
    agent.finish();
}

#[test]
fn a_record_that_is_not_there_is_exit_status_1_with_the_command_that_lists_them() {
    let missing = || {
        admin(
            "StoreDrop",
            json!({"record": "account/nobody"}),
            json!({"dropped": false}),
        )
    };
    let agent = Agent::scripted(vec![missing(), missing()]);
    let line = ["store", "repair", "--drop", "account/nobody"];
    let output = mfactl(&agent, &line, "");
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    assert!(
        text.contains("no record account/nobody") && text.contains("mfactl store check"),
        "{text}"
    );
    let output = mfactl(&agent, &[&["--json"], &line[..]].concat(), "");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        value(&output),
        json!({"record": "account/nobody", "dropped": false})
    );
    agent.finish();
}

#[test]
fn a_device_is_no_backup_and_the_agent_is_not_asked() {
    let agent = Agent::scripted(Vec::new());
    for file in ["/dev/null", "/dev/full"] {
        let output = mfactl(&agent, &["backup", file], "");
        assert_eq!(output.status.code(), Some(1));
        assert!(
            stderr(&output).contains("not a regular file"),
            "{}",
            stderr(&output)
        );
    }
    assert_eq!(agent.finish(), 0);
}

#[test]
fn a_pair_of_keys_is_made_whole_or_not_at_all_and_replaces_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let private = dir.path().join("key");
    let public = dir.path().join("key.pub");
    let name = private.display().to_string();
    std::fs::write(&public, "older").unwrap();
    let agent = Agent::scripted(Vec::new());
    let make = |file: &str| mfactl(&agent, &["backup-key", file], "");
    let refused = make(&name);
    assert_eq!(refused.status.code(), Some(1));
    let text = stderr(&refused);
    assert!(
        text.contains("key.pub: File exists. No key is replaced"),
        "{text}"
    );
    assert!(!private.exists());
    assert_eq!(std::fs::read(&public).unwrap(), b"older");
    std::fs::remove_file(&public).unwrap();
    assert!(make(&name).status.success());
    let before = std::fs::read(&private).unwrap();
    assert_eq!(make(&name).status.code(), Some(1));
    assert_eq!(std::fs::read(&private).unwrap(), before);
}

#[test]
fn a_merge_says_what_would_become_of_each_account_before_it_changes_one() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("backup").display().to_string();
    let agent = Agent::scripted(made());
    assert!(mfactl(&agent, &["backup", &file], "").status.success());
    agent.finish();
    let account = |user: &str, result: &str, kept: &[&str], lost: &[&str]| json!({"user": user, "result": result, "added": ["totp"], "kept": kept, "lost": lost});
    let sent = |dry_run: bool| {
        let begin = match dry_run {
            true => json!({"head": head(), "dry_run": true}),
            false => json!({"head": head()}),
        };
        let accounts = [
            account("carol", "added", &[], &[]),
            account("alice", "merged", &["pin"], &["recovery"]),
        ];
        vec![
            admin("MergeBegin", begin, json!({})),
            admin(
                "MergeNext",
                json!({"chunk": "b25l", "last": false}),
                json!({"accounts": accounts, "unchanged": 3}),
            ),
            admin(
                "MergeNext",
                json!({"chunk": "dHdv", "last": true}),
                json!({"accounts": [account("erin", "damaged", &[], &[])], "unchanged": 4}),
            ),
        ]
    };
    let agent = Agent::scripted(sent(true));
    let output = mfactl(&agent, &["restore", "--merge", "--dry-run", &file], "");
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    for words in [
        "Would add 1 account and change 1 account; 7 accounts stay as they are",
        "Kept from here",
        "erin",
        "damaged, left out",
        "enroll recovery USER: alice",
    ] {
        assert!(
            text.replace("\n    ", " ").contains(words),
            "{words}: {text}"
        );
    }
    assert!(
        !text.contains("carol"),
        "nothing has to be done for carol: {text}"
    );
    agent.finish();

    let agent = Agent::scripted(sent(true));
    let mut person = Person::runs(&agent, &["restore", "--merge", &file]);
    person.types("Merge them? Type yes: ", "no\n");
    assert_eq!(person.ends().1, Some(1));
    agent.finish();

    let agent = Agent::scripted([sent(true), sent(false)].into_iter().flatten().collect());
    let output = mfactl(&agent, &["--json", "restore", "--merge", &file], "");
    assert!(output.status.success(), "{}", stderr(&output));
    let shown = value(&output);
    for (name, count) in [
        ("added", 1),
        ("merged", 1),
        ("unchanged", 7),
        ("damaged", 1),
    ] {
        assert_eq!(shown[name], count, "{shown}");
    }
    assert_eq!(shown["accounts"].as_array().unwrap().len(), 3);
    agent.finish();
}

#[test]
fn a_restore_of_a_host_that_is_gone_is_abandoned() {
    let reply = json!({
        "abandoned": true, "host": "web-1", "begun_at": "2026-11-29T00:00:00Z", "stopped_logins": true,
    });
    let agent = Agent::scripted(vec![admin("RestoreAbandon", json!({}), reply)]);
    let output = mfactl(&agent, &["restore", "--abandon"], "");
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(
        text.contains("that web-1 began at 2026-11-29 00:00 has ended"),
        "{text}"
    );
    assert!(text.contains("Logins go on"), "{text}");
    agent.finish();
    let none = json!({"abandoned": false, "host": null, "begun_at": null, "stopped_logins": false});
    let agent = Agent::scripted(vec![admin("RestoreAbandon", json!({}), none)]);
    let output = mfactl(&agent, &["restore", "--abandon"], "");
    assert!(output.status.success());
    assert!(stdout(&output).contains("No restore is going on"));
    agent.finish();
}

#[test]
fn the_next_key_of_a_fleet_is_prepared_and_the_hosts_without_it_are_named() {
    let keys = json!({
        "key_id": "0e240d73", "earlier": ["5b1e9f00"], "rotating": null, "credential": false,
        "prepared": "5b1e9f00", "more_hosts": 2,
        "hosts": [
            {"name": "web-2", "live": true, "current": true, "prepared": false},
            {"name": "web-1", "live": true, "current": true, "prepared": true},
        ],
    });
    let next = json!({"key_id": "5b1e9f00", "file": "/etc/mfa/fleet.key.5b1e9f00", "new": true});
    let agent = Agent::scripted(vec![
        admin("RotatePrepare", json!({}), next),
        admin("KeyStatus", json!({}), keys),
    ]);
    let output = mfactl(&agent, &["rotate-key", "--prepare"], "");
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    for words in [
        "Key 5b1e9f00 is the next one",
        "Copy /etc/mfa/fleet.key.5b1e9f00 to all hosts",
        "Has the next key",
        "web-2",
        "and 2 other hosts",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    agent.finish();
}
