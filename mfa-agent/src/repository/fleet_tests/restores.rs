//! Restores while other hosts go on.

use super::*;

#[test]
fn a_restore_on_one_host_joins_what_the_others_change_meanwhile_and_all_go_on() {
    let hosts = Hosts::new();
    let (one, two) = hosts.two();
    for name in ["alice", "bob"] {
        put(&one, name, full());
    }
    let backup = backup(&one);
    put(&two, "late", full());
    let mut run = stage(&one, &backup, true, at(30)).unwrap();
    use_step(&two, "alice", 7);
    // A second restore has to wait, on any host.
    let again = stage(&two, &backup, true, at(30));
    assert!(matches!(again, Err(RestoreError::Elsewhere(host, _)) if host == "web-1"));
    // The other host must not sweep away what is being prepared.
    while two.sweep(3).unwrap() {}
    use_step(&two, "bob", 8);
    finish(&one, &mut run).unwrap();
    for host in [&two, &one] {
        assert_eq!(step(host, "alice"), Some(7));
        assert_eq!(step(host, "bob"), Some(8));
        assert!(!has(host, "late"));
    }
    use_step(&two, "alice", 9);
    assert_eq!(step(&one, "alice"), Some(9));
    while two.sweep(3).unwrap() {}
    assert!(
        hosts
            .names()
            .iter()
            .all(|name| !name.starts_with("account/"))
    );
}

#[test]
fn a_change_that_was_begun_before_a_restore_is_made_on_the_restored_record() {
    let hosts = Hosts::new();
    let (one, two) = hosts.two();
    put(&one, "alice", full());
    let backup = backup(&one);
    let mut is_first = true;
    two.change(&Key::account(&user("alice")), |account| {
        if std::mem::take(&mut is_first) {
            restore(&one, &backup, true, at(30)).unwrap();
        }
        let mut account = account.unwrap();
        account.set_pin("new".to_owned(), at(40));
        Ok::<_, RepositoryError>((After::Put(Box::new(account)), ()))
    })
    .unwrap();
    for host in [&one, &two] {
        assert_eq!(
            host.account(&user("alice")).unwrap().pin().unwrap().phc,
            "new"
        );
    }
}

/// The host that restores is cut off after each of its writes: at any moment all records are the old ones or the new
/// ones, on every host, and logins go on after the restore was abandoned.
#[test]
fn a_restore_that_is_cut_off_at_any_write_leaves_the_old_records_or_the_new_ones() {
    let mut ends = [0; 2];
    for writes in 1.. {
        let hosts = Hosts::new();
        let (one, two) = hosts.two();
        for n in 0..5 {
            put(&one, &format!("user{n}"), full());
        }
        let backup = backup(&one);
        for n in 5..9 {
            put(&two, &format!("user{n}"), full());
        }
        one.cut_after(writes);
        let restored = stage(&one, &backup, true, at(0)).and_then(|mut run| {
            use_step(&two, "user0", 9);
            finish(&one, &mut run)
        });
        if restored.is_ok() {
            assert!(writes > 5, "{writes}");
            assert!(ends[0] > 0 && ends[1] > 0, "{ends:?}");
            return;
        }
        let was_frozen = two.view().map(|view| view.frozen.is_some()).unwrap();
        let changed = fail(&two, "user0");
        if two
            .state(&two.view().unwrap().vault)
            .unwrap()
            .0
            .restoring
            .is_some()
        {
            let abandoned = two.abandon_any_restore(None).unwrap().unwrap();
            assert_eq!(abandoned.host, "web-1");
            assert_eq!(
                changed.is_err(),
                abandoned.was_frozen,
                "{writes} {was_frozen}"
            );
        }
        fail(&two, "user0").unwrap();
        let is_new = !has(&two, "user8");
        ends[usize::from(is_new)] += 1;
        for n in 0..9 {
            assert_eq!(
                has(&two, &format!("user{n}")),
                n < 5 || !is_new,
                "{writes} {n}"
            );
        }
        // The host comes back, and has missed all that.
        one.heal();
        one.abandon_restore();
        assert_eq!(has(&one, "user8"), !is_new);
        assert!(fail(&one, "user0").unwrap() >= 2);
        while one.sweep(3).unwrap() {}
        assert_eq!(
            one.page(None, 99).unwrap().len(),
            if is_new { 5 } else { 9 }
        );
    }
}

#[test]
fn a_restore_that_holds_up_all_changes_is_ended_by_another_host_and_can_do_no_harm_later() {
    let hosts = Hosts::new();
    let (one, two) = hosts.two();
    put(&one, "alice", full());
    let backup = backup(&one);
    put(&two, "late", full());
    let mut run = stage(&one, &backup, true, at(0)).unwrap();
    one.change_state(&one.view().unwrap().vault, None, |state| {
        state.restoring.as_mut().unwrap().frozen = true;
        Ok::<_, RepositoryError>(())
    })
    .unwrap();
    let text = fail(&two, "alice").unwrap_err().to_string();
    assert!(
        text.contains("web-1") && text.contains("mfactl restore --abandon"),
        "{text}"
    );
    assert!(has(&two, "alice"), "reading goes on");
    std::thread::sleep(Duration::from_millis(600));
    fail(&two, "alice").unwrap();
    assert!(matches!(
        finish(&one, &mut run),
        Err(RestoreError::Abandoned)
    ));
    one.abandon_restore();
    assert!(has(&one, "late") && has(&two, "late"));
    assert_eq!(two.abandon_any_restore(None).unwrap(), None);
}

#[test]
fn a_host_that_starts_again_ends_the_restore_that_it_had_begun() {
    let hosts = Hosts::new();
    let (one, two) = hosts.two();
    put(&one, "alice", full());
    let backup = backup(&one);
    let _run = stage(&one, &backup, true, at(0)).unwrap();
    drop(one);
    // Another host's start leaves it alone.
    hosts.start("web-3").unwrap();
    assert!(two.view().unwrap().staged.is_some() || two.account(&user("alice")).is_ok());
    assert!(two.view().unwrap().staged.is_some());
    hosts.start("web-1").unwrap();
    restore(&two, &backup, true, at(0)).unwrap();
}

#[test]
fn backups_move_from_one_host_to_a_fleet_and_back() {
    let (_, alone) = super::super::tests::fresh(1);
    for n in 0..60 {
        put(&alone, &format!("user{n:02}"), full());
    }
    let hosts = Hosts::new();
    let (one, two) = hosts.two();
    let summary = restore(&one, &backup(&alone), false, at(90)).unwrap();
    assert_eq!(summary.accounts, 60);
    assert_eq!(two.page(None, 99).unwrap().len(), 60);
    use_step(&two, "user07", 99);
    assert!(hosts.names().iter().all(|name| !name.contains("user")));
    let (_, back) = super::super::tests::fresh(1);
    let summary = restore(&back, &backup(&two), false, at(90)).unwrap();
    assert_eq!((summary.accounts, summary.damaged), (60, 0));
    assert_eq!(step(&back, "user07"), Some(99));
    assert_eq!(
        back.placeholder(&user("nobody")),
        one.placeholder(&user("nobody"))
    );
}

#[test]
fn a_damaged_record_of_a_fleet_stays_where_its_user_finds_it() {
    let hosts = Hosts::new();
    let (one, two) = hosts.two();
    put(&one, "alice", full());
    put(&one, "bob", full());
    let stored = one
        .view()
        .unwrap()
        .stored(&Key::account(&user("alice")))
        .into_owned();
    super::super::tests::damage(&hosts.store, &stored);
    let backup = backup(&one);
    let other = Hosts::new();
    let there = other.start("db-1").unwrap();
    let summary = restore(&there, &backup, false, at(0)).unwrap();
    assert_eq!(
        (summary.accounts, summary.damaged, summary.unnamed),
        (1, 1, 0)
    );
    assert!(there.account(&user("alice")).is_err() && has(&there, "bob"));
    // One host has no place for it, since nobody can tell whose it is.
    let (_, alone) = super::super::tests::fresh(1);
    let summary = restore(&alone, &backup, false, at(0)).unwrap();
    assert_eq!((summary.damaged, summary.unnamed), (1, 1));
    assert!(two.account(&user("alice")).is_err());
}
