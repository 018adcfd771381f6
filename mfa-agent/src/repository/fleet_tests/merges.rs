//! Accounts of another store that are added.

use super::*;

fn merge(
    host: &Host,
    (head, chunks): &super::super::tests::Backup,
    is_dry: bool,
) -> Result<Vec<MergeRow>, RestoreError> {
    let mut run = host.begin_merge(head, None, is_dry, at(300))?;
    let mut rows = Vec::new();
    for (number, chunk) in chunks.iter().enumerate() {
        let is_last = number + 1 == chunks.len();
        let merged = host.merge_chunk(&mut run, chunk, is_last, |_| None)?;
        if let Some(error) = merged.error {
            return Err(error.into());
        }
        rows.extend(merged.rows);
    }
    assert!(run.is_at_its_end());
    rows.sort_by(|one, other| one.user.cmp(&other.user));
    Ok(rows)
}

/// The backup of a host with key 2, of which one record is damaged, and a fleet that has that key, too.
fn another_host() -> (super::super::tests::Backup, Hosts) {
    let (store, alone) = super::super::tests::fresh(2);
    let mut account = full();
    account.set_pin("another".to_owned(), at(0));
    account.set_recovery(vec![alone.pepper().digest("0123456789")], at(0));
    put(&alone, "alice", account);
    for name in ["carol", "dave", "erin"] {
        put(&alone, name, full());
    }
    use_step(&alone, "alice", 5);
    super::super::tests::damage(&store, b"account/erin");
    let hosts = Hosts::new();
    for host in ["web-1", "web-2"] {
        let keys = hosts.keys(host, 1);
        write_key(
            &keys.missing_file(&super::super::tests::vault(2).key_id()),
            2,
        );
    }
    (backup(&alone), hosts)
}

#[test]
fn a_merge_names_what_it_takes_and_what_it_leaves_and_a_dry_run_changes_nothing() {
    let (backup, hosts) = another_host();
    let (one, two) = hosts.two();
    put(&one, "alice", full());
    put(&one, "bob", full());
    use_step(&two, "alice", 3);
    let before = hosts.store.swaps();
    let would = merge(&one, &backup, true).unwrap();
    assert_eq!(hosts.store.swaps(), before);
    let rows = merge(&one, &backup, false).unwrap();
    assert_eq!(rows, would);
    let outcomes: Vec<_> = rows
        .iter()
        .map(|row| (row.user.as_str(), row.outcome))
        .collect();
    let expected = [
        ("alice", MergeOutcome::Merged),
        ("carol", MergeOutcome::Added),
        ("dave", MergeOutcome::Added),
        ("erin", MergeOutcome::Damaged),
    ];
    assert_eq!(outcomes, expected);
    use mfa_core::account::MergedPart::{Pin, Questions, Recovery, Totp};
    assert_eq!(
        (&rows[0].kept[..], &rows[0].lost[..]),
        (&[Pin][..], &[Recovery][..])
    );
    assert_eq!(rows[1].added, [Totp, Pin, Questions]);
    assert_eq!(step(&two, "alice"), Some(5));
    assert_eq!(
        two.account(&user("alice")).unwrap().pin().unwrap().phc,
        "phc-pin"
    );
    // Its codes up to now may have been used at the other place.
    assert_eq!(step(&two, "carol"), Some(10));
    assert!(has(&two, "bob") && !has(&two, "erin"));
    let again = merge(&two, &backup, false).unwrap();
    assert!(again.iter().all(|row| !row.is_changed()), "{again:?}");
}

#[test]
fn a_merge_that_is_cut_off_at_any_write_is_repeated_on_another_host() {
    let (backup, hosts) = another_host();
    let (one, _) = hosts.two();
    put(&one, "alice", full());
    merge(&one, &backup, false).unwrap();
    let whole = one.page(None, 99).unwrap();
    for writes in 1.. {
        let (backup, hosts) = another_host();
        let (one, two) = hosts.two();
        put(&one, "alice", full());
        one.cut_after(writes);
        let is_whole = merge(&one, &backup, false).is_ok();
        merge(&two, &backup, false).unwrap();
        let merged = two.page(None, 99).unwrap();
        assert_eq!(merged.len(), whole.len());
        for ((name, account), (known, expected)) in merged.iter().zip(&whole) {
            assert_eq!(name, known);
            assert_eq!(account.devices(), expected.devices(), "{writes} {name}");
        }
        if is_whole {
            return;
        }
    }
}

#[test]
fn a_record_here_that_can_not_be_opened_is_left_out_and_holds_up_no_merge() {
    let (backup, hosts) = another_host();
    let (one, _) = hosts.two();
    put(&one, "carol", full());
    damage_of(&hosts, &one, "carol");
    for is_dry in [true, false] {
        let rows = merge(&one, &backup, is_dry).unwrap();
        let outcome = |name: &str| rows.iter().find(|row| row.user == name).unwrap().outcome;
        assert_eq!(outcome("alice"), MergeOutcome::Added);
        assert_eq!(outcome("carol"), MergeOutcome::Damaged);
        assert_eq!(outcome("dave"), MergeOutcome::Added);
    }
    assert!(has(&one, "dave") && one.account(&user("carol")).is_err());
}
