//! Changes of the key that all hosts seal with.

use super::*;

fn reseal(host: &Host) -> u64 {
    let (mut after, mut earlier) = (None, 0);
    loop {
        let done = host.reseal(after.as_deref(), 4, false).unwrap();
        earlier += done.earlier;
        after = done.next;
        if after.is_none() {
            return earlier;
        }
    }
}

/// Makes another key and seals everything with it, on `one`. Returns its ID.
fn rotate_on(one: &Host, two: &Host) -> String {
    let next = one.prepare_rotation(&one.keys, None).unwrap();
    copy_key(one, two, &next.key_id);
    one.announce();
    two.announce();
    assert!(one.begin_rotation(&one.keys, None).unwrap());
    reseal(one);
    one.end_rotation(None, None).unwrap();
    next.key_id
}

#[test]
fn a_state_that_was_put_back_brings_no_earlier_key_back() {
    let hosts = Hosts::new();
    let (one, two) = hosts.two();
    put(&one, "alice", full());
    let before = hosts.store.load(b"vault/state").unwrap().unwrap();
    rotate_on(&one, &two);
    assert!(has(&two, "alice"));
    let now = hosts.store.load(b"vault/state").unwrap().unwrap();
    let change = Change {
        key: b"vault/state",
        expected: Some(&now.revision),
        new: Some(&before.bytes),
        line: None,
    };
    assert_eq!(hosts.store.swap(change).unwrap(), Swap::Done);
    for host in [&one, &two] {
        let told = fail(host, "alice").unwrap_err().to_string();
        assert!(told.contains("mfa-agent --init"), "{told}");
        assert!(matches!(
            host.account(&user("alice")),
            Err(RepositoryError::OlderState(0))
        ));
        host.key_state().unwrap_err();
    }
    assert!(matches!(
        hosts.start("web-1").err(),
        Some(RepositoryError::OlderState(0))
    ));
}

/// Puts `bytes` in the place of a record, as who can write to etcd does.
fn overwrite(hosts: &Hosts, key: &[u8], bytes: &[u8]) {
    let now = hosts.store.load(key).unwrap();
    let change = Change {
        key,
        expected: now.as_ref().map(|stored| &stored.revision),
        new: Some(bytes),
        line: None,
    };
    assert_eq!(hosts.store.swap(change).unwrap(), Swap::Done);
}

#[test]
fn who_has_a_key_that_was_replaced_makes_neither_a_state_nor_a_record() {
    let hosts = Hosts::new();
    let (one, two) = hosts.two();
    put(&one, "alice", full());
    let thief = one.view().unwrap().vault.key_id();
    let stored_key = |host: &Host| {
        let view = host.view().unwrap();
        view.stored(&Key::account(&user("alice"))).into_owned()
    };
    let old = hosts.store.load(&stored_key(&one)).unwrap().unwrap();
    rotate_on(&one, &two);
    assert!(has(&two, "alice"));

    let good = hosts.store.load(&stored_key(&one)).unwrap().unwrap();
    overwrite(&hosts, &stored_key(&one), &old.bytes);
    for host in [&one, &two] {
        let told = host.account(&user("alice")).unwrap_err().to_string();
        assert!(told.contains(&thief) && told.contains("replaced"), "{told}");
    }
    overwrite(&hosts, &stored_key(&one), &good.bytes);
    assert!(has(&one, "alice"));

    // A state of their own, with a higher number, that names the new key as replaced.
    let view = one.view().unwrap();
    let (mut state, _) = one.state(&view.vault).unwrap();
    state.number += 10;
    state.retired = vec![view.vault.key_id()];
    state.sealer = Some(thief.clone());
    let sealed = state
        .seal(&view.vault.sealing_with(&thief).unwrap())
        .unwrap();
    overwrite(&hosts, b"vault/state", &sealed);
    for host in [&one, &two] {
        let told = fail(host, "alice").unwrap_err().to_string();
        assert!(told.contains("mfa-agent --init"), "{told}");
        assert!(matches!(
            host.account(&user("alice")),
            Err(RepositoryError::RetiredKey(key)) if key == thief
        ));
    }
    assert!(matches!(
        hosts.start("web-1").err(),
        Some(RepositoryError::RetiredKey(_))
    ));
}

#[test]
fn a_host_on_which_nobody_logs_in_learns_of_another_key() {
    let hosts = Hosts::new();
    let (one, two) = hosts.two();
    put(&one, "alice", full());
    let key = rotate_on(&one, &two);
    let state = two.key_state().unwrap();
    assert_eq!((&state.key_id, state.rotating), (&key, None));
    let key = rotate_on(&one, &two);
    assert_eq!(two.notice().unwrap().key, key);
}

#[test]
fn a_new_key_seals_once_all_hosts_have_it_and_the_change_goes_on_from_any_host() {
    let hosts = Hosts::new();
    let (one, two) = hosts.two();
    for n in 0..10 {
        put(&one, &format!("user{n}"), full());
    }
    assert!(matches!(
        one.begin_rotation(&one.keys, None),
        Err(RotateError::NotPrepared)
    ));
    let next = one.prepare_rotation(&one.keys, None).unwrap();
    assert!(next.is_new && next.file.is_some());
    let same = two.prepare_rotation(&two.keys, None).unwrap();
    assert_eq!(
        (&same.key_id, same.is_new, same.file),
        (&next.key_id, false, None)
    );
    for host in [&one, &two] {
        host.announce();
    }
    let refused = one.begin_rotation(&one.keys, None).unwrap_err().to_string();
    assert!(
        refused.contains("web-2 does not have the new key"),
        "{refused}"
    );
    copy_key(&one, &two, &next.key_id);
    two.announce();
    let keys = one.host_keys().unwrap();
    assert!(
        keys.iter()
            .all(|host| host.has_prepared == Some(true) && host.has_current)
    );

    let before = one.key_state().unwrap().key_id;
    let slot = one.placeholder(&user("nobody"));
    assert!(one.begin_rotation(&one.keys, None).unwrap());
    put(&two, "user3", full());
    let sealed = |host: &Host, name| {
        let stored = host
            .view()
            .unwrap()
            .stored(&Key::account(&user(name)))
            .into_owned();
        let stored = hosts.store.load(&stored).unwrap().unwrap();
        host.view().unwrap().vault.sealer(&stored.bytes).unwrap().0
    };
    assert_eq!(sealed(&two, "user3"), next.key_id);
    // Stopped after some records, and taken up on the other host.
    assert_eq!(one.reseal(None, 4, false).unwrap().records, 4);
    assert!(!two.begin_rotation(&two.keys, None).unwrap());
    assert!(reseal(&two) > 0);
    assert_eq!(two.end_rotation(None, None).unwrap(), Some(before.clone()));
    // Each host puts the key where its own was, and the one before is not needed any more.
    two.announce();
    for host in [&one, &two] {
        assert_eq!(
            host.keys.file_of(&next.key_id),
            Some(host.keys.file.clone())
        );
        std::fs::remove_file(host.keys.missing_file(&before)).unwrap();
        std::fs::remove_file(host.keys.missing_file(&next.key_id)).unwrap();
    }
    let (one, two) = hosts.two();
    for host in [&one, &two] {
        assert_eq!(host.key_state().unwrap().key_id, next.key_id);
        assert_eq!(host.page(None, 99).unwrap().len(), 10);
        assert_eq!(host.placeholder(&user("nobody")), slot);
    }
    // A host that was away and has the key before only.
    let error = hosts.start("web-3").err().unwrap().to_string();
    assert!(
        error.contains("serves nobody") && error.contains(&format!("key.{}", next.key_id)),
        "{error}"
    );
}

#[test]
fn a_change_that_was_begun_before_a_new_key_is_sealed_with_the_new_one() {
    let hosts = Hosts::new();
    let (one, two) = hosts.two();
    put(&one, "alice", full());
    let next = one.prepare_rotation(&one.keys, None).unwrap();
    copy_key(&one, &two, &next.key_id);
    let mut is_first = true;
    two.change(&Key::account(&user("alice")), |account| {
        if std::mem::take(&mut is_first) {
            one.begin_rotation(&one.keys, None).unwrap();
            reseal(&one);
            one.end_rotation(None, None).unwrap();
        }
        Ok::<_, RepositoryError>((After::Put(Box::new(account.unwrap())), ()))
    })
    .unwrap();
    assert_eq!(one.reseal(None, 99, true).unwrap().earlier, 0);
    assert!(has(&two, "alice"));
}

#[test]
fn a_change_of_the_key_that_is_cut_off_at_any_write_is_taken_up_on_another_host() {
    for writes in 1.. {
        let hosts = Hosts::new();
        let (one, two) = hosts.two();
        for n in 0..10 {
            put(&one, &format!("user{n}"), full());
        }
        let next = one.prepare_rotation(&one.keys, None).unwrap();
        copy_key(&one, &two, &next.key_id);
        one.cut_after(writes);
        let rotate = |host: &Host| -> Result<(), RotateError> {
            host.begin_rotation(&host.keys, None)?;
            let mut after = None;
            loop {
                after = host.reseal(after.as_deref(), 4, false)?.next;
                if after.is_none() {
                    return host.end_rotation(None, None).map(drop);
                }
            }
        };
        let is_whole = rotate(&one).is_ok();
        put(&two, "user3", full());
        let state = two.key_state().unwrap();
        if !is_whole && (state.rotating.is_some() || state.prepared.is_some()) {
            rotate(&two).unwrap();
        }
        assert_eq!(two.key_state().unwrap().key_id, next.key_id);
        assert_eq!(two.reseal(None, 99, true).unwrap().earlier, 0, "{writes}");
        one.heal();
        assert!((0..10).all(|n| has(&one, &format!("user{n}"))));
        if is_whole {
            assert!(writes > 4);
            return;
        }
    }
}

#[test]
fn a_restore_and_a_change_of_the_key_exclude_each_other() {
    let hosts = Hosts::new();
    let (one, two) = hosts.two();
    put(&one, "alice", full());
    let backup = backup(&one);
    let next = one.prepare_rotation(&one.keys, None).unwrap();
    copy_key(&one, &two, &next.key_id);
    let mut run = stage(&one, &backup, true, at(0)).unwrap();
    assert!(matches!(
        two.begin_rotation(&two.keys, None),
        Err(RotateError::Restoring)
    ));
    finish(&one, &mut run).unwrap();
    assert!(two.begin_rotation(&two.keys, None).unwrap());
    assert!(matches!(
        stage(&one, &backup, true, at(0)),
        Err(RestoreError::Rotating(_))
    ));
}

#[test]
fn an_administrator_can_make_the_next_key_and_no_key_that_had_its_time_comes_back() {
    let hosts = Hosts::new();
    let one = hosts.start("web-1").unwrap();
    put(&one, "alice", full());
    write_key(&one.keys.next_file(), 7);
    let next = one.prepare_rotation(&one.keys, None).unwrap();
    let seven = super::super::tests::vault(7).key_id();
    assert_eq!(
        (&next.key_id, next.file),
        (&seven, Some(one.keys.next_file()))
    );
    assert!(one.begin_rotation(&one.keys, None).unwrap());
    reseal(&one);
    let first = one.end_rotation(None, None).unwrap().unwrap();
    // The file of the first key is put back, as a configuration management does.
    write_key(&one.keys.file, 1);
    let next = one.prepare_rotation(&one.keys, None).unwrap();
    assert!(next.key_id != first && next.key_id != seven);
}

#[test]
fn a_change_of_the_key_does_not_go_on_where_the_key_before_is_missing() {
    let hosts = Hosts::new();
    let (one, two) = hosts.two();
    put(&one, "alice", full());
    let next = one.prepare_rotation(&one.keys, None).unwrap();
    copy_key(&one, &two, &next.key_id);
    let before = one.key_state().unwrap().key_id;
    one.begin_rotation(&one.keys, None).unwrap();
    // On another host the new key was put in the place of the one before.
    std::fs::rename(two.keys.missing_file(&next.key_id), &two.keys.file).unwrap();
    let two = hosts.start("web-2").unwrap();
    assert!(two.account(&user("alice")).is_err());
    let refused = two.begin_rotation(&two.keys, None).unwrap_err().to_string();
    assert!(
        refused.contains(&format!("the key {before} is not on this host")),
        "{refused}"
    );
    assert!(matches!(
        two.end_rotation(None, None),
        Err(RotateError::Unfinished)
    ));
    assert!(reseal(&one) > 0);
    one.end_rotation(None, None).unwrap();
    assert!(has(&two, "alice"));
}

#[test]
fn two_administrators_who_change_the_key_at_once_both_come_to_its_end() {
    for _ in 0..20 {
        let hosts = Hosts::new();
        let (one, two) = hosts.two();
        for number in 0..20 {
            put(&one, &format!("user{number}"), full());
        }
        let next = one.prepare_rotation(&one.keys, None).unwrap().key_id;
        copy_key(&one, &two, &next);
        two.announce();
        let of_one = one.host_keys().unwrap();
        let own = of_one.iter().find(|host| host.name == "web-1").unwrap();
        assert_eq!(own.has_prepared, Some(true), "whatever its notice says");
        std::thread::scope(|scope| {
            for host in [&one, &two] {
                let next = &next;
                scope.spawn(move || {
                    host.begin_rotation(&host.keys, None).unwrap();
                    reseal(host);
                    host.end_rotation(Some(next), None).unwrap();
                });
            }
        });
        let state = two.key_state().unwrap();
        assert_eq!((state.key_id, state.rotating), (next, None));
        assert!(has(&one, "user7"));
    }
}
