//! Changes of many records at once.

use super::*;
use crate::repository::change::ManyChanged;

/// More than one transaction takes.
const MANY: usize = 100;

fn names() -> Vec<String> {
    (0..MANY).map(|number| format!("user{number:03}")).collect()
}

fn put_all(host: &Host, names: &[String]) -> ManyChanged<()> {
    let keys: Vec<Key> = names.iter().map(|name| Key::account(&user(name))).collect();
    let put = |_: &Key, _: Option<Account>| (After::Put(Box::new(full())), ());
    host.change_all(&keys, put).unwrap()
}

#[test]
fn a_record_that_can_not_be_opened_holds_up_no_other() {
    let hosts = Hosts::new();
    let (one, two) = hosts.two();
    put(&one, "user007", full());
    damage_of(&hosts, &one, "user007");
    let changed = put_all(&one, &names());
    assert!(changed.error.is_none());
    assert_eq!(changed.said.len(), MANY - 1);
    let damaged: Vec<_> = changed.damaged.keys().filter_map(Key::user).collect();
    assert_eq!(damaged, ["user007"]);
    assert!(has(&two, "user006") && two.account(&user("user007")).is_err());
}

#[test]
fn what_was_made_before_an_answer_was_lost_is_told_apart_from_what_may_have_been() {
    let hosts = Hosts::new();
    let (one, two) = hosts.two();
    for writes in 1..=3 {
        let names: Vec<String> = names().iter().map(|it| format!("{it}-{writes}")).collect();
        one.cut_after(writes);
        let changed = put_all(&one, &names);
        one.heal();
        assert!(changed.error.is_some_and(|error| error.is_unknown()));
        let made: Vec<_> = changed.said.keys().filter_map(Key::user).collect();
        let unknown: Vec<_> = changed.unknown.iter().filter_map(Key::user).collect();
        assert!(!unknown.is_empty());
        assert_eq!(made.is_empty(), writes == 1, "{made:?}");
        for name in &names {
            let is_there = made.contains(&&**name) || unknown.contains(&&**name);
            assert_eq!(has(&two, name), is_there, "{name}");
        }
    }
    assert!(put_all(&one, &names()).error.is_none());
}
