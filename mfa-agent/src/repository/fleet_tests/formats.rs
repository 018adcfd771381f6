//! Hosts of different versions on one store: what an older one can't read is not written, and what it can't read is refused
//! and left as it is.

use super::*;

/// The format of a record as it is stored.
fn stored_format(host: &Host, name: &str) -> u64 {
    let view = host.view().unwrap();
    let key = view.stored(&Key::account(&user(name))).into_owned();
    let stored = host.store.load(&key).unwrap().unwrap();
    let (_, plain) = view.open(&key, &stored.bytes).unwrap();
    let record: serde_json::Value = serde_json::from_slice(&plain).unwrap();
    record["schema"].as_u64().unwrap()
}

/// Writes a record as a later version may, with a field that has another form.
fn write_later(host: &Host, name: &str) -> Vec<u8> {
    let view = host.view().unwrap();
    let key = Key::account(&user(name));
    let later = format!(r#"{{"schema":{},"devices":{{}}}}"#, Account::FORMAT + 1);
    let sealed = view.seal(&key, [7; 24], later.as_bytes()).unwrap();
    let change = Change {
        key: &view.stored(&key),
        expected: None,
        new: Some(&sealed),
        line: None,
    };
    assert_eq!(host.store.swap(change).unwrap(), Swap::Done);
    sealed
}

#[test]
fn while_an_older_host_is_there_every_record_is_written_as_it_reads_it() {
    let hosts = Hosts::new();
    let (one, two) = hosts.two();
    let oldest = Account::FORMAT - 1;
    one.change_state(&one.view().unwrap().vault, None, |state| {
        state.format = Some(oldest);
        Ok::<_, RepositoryError>(())
    })
    .unwrap();
    for (host, name) in [(&one, "alice"), (&two, "bob")] {
        put(host, name, full());
        assert!(stored_format(host, name) <= oldest.into());
        assert_eq!(fail(host, name).unwrap(), 1);
        assert!(stored_format(host, name) <= oldest.into());
    }
    // What only a newer host can read is refused before it is written, and nothing of it is left.
    assert!(put_newest(&one).is_err());
    assert!(stored_format(&one, "alice") <= oldest.into());
    assert_eq!(fail(&two, "alice").unwrap(), 2);
}

#[test]
fn a_record_of_a_later_version_is_refused_by_name_and_left_as_it_is() {
    let hosts = Hosts::new();
    let (one, two) = hosts.two();
    put(&one, "alice", full());
    let sealed = write_later(&two, "bob");
    for host in [&one, &two] {
        for refused in [
            host.account(&user("bob")).unwrap_err(),
            fail(host, "bob").unwrap_err(),
            host.account_or_placeholder(&user("bob")).err().unwrap(),
        ] {
            let text = refused.to_string();
            assert!(
                text.contains("account/bob") && text.contains("upgrade"),
                "{text}"
            );
        }
        assert!(has(host, "alice"));
        host.check_service().unwrap();
    }
    assert_eq!(fail(&one, "alice").unwrap(), 1);
    let key = one
        .view()
        .unwrap()
        .stored(&Key::account(&user("bob")))
        .into_owned();
    assert_eq!(one.store.load(&key).unwrap().unwrap().bytes, sealed);
}

#[test]
fn what_a_later_version_says_of_itself_is_read_as_far_as_it_is_known() {
    let newer = r#"{"name":"web-9","version":"9.0.0","schema":99,"key":"k","other_keys":[],"more":{"of":"it"}}"#;
    let notice: crate::store::fleet::HostNotice = serde_json::from_str(newer).unwrap();
    assert_eq!((notice.schema, notice.version.as_str()), (99, "9.0.0"));

    let hosts = Hosts::new();
    let one = hosts.start("web-1").unwrap();
    one.change_state(&one.view().unwrap().vault, None, |state| {
        state.format = Some(Account::FORMAT - 1);
        Ok::<_, RepositoryError>(())
    })
    .unwrap();
    one.store.fleet().unwrap().announce(notice);
    one.announce();
    // It raises the format to what this host knows, and not beyond.
    assert_eq!(one.raise_format().unwrap(), Some(Account::FORMAT));
}
