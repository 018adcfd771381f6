//! Who finds room, and who does not.

use super::*;

fn settings(all: u32, per_user: u32) -> Settings {
    let mut settings = Settings::default();
    settings.server.max_connections = all;
    settings.server.max_connections_per_user = per_user;
    settings
}

fn served(limits: &Limits, holder: Holder, settings: &Settings) -> Option<Place> {
    match limits.enter(holder, settings) {
        Entry::Served(place) => Some(place),
        Entry::TurnedAway(_) | Entry::Dropped => None,
    }
}

/// As many places as there are for `holder`.
fn all_of(limits: &Limits, holder: Holder, settings: &Settings) -> Vec<Place> {
    std::iter::from_fn(|| served(limits, holder, settings)).collect()
}

#[test]
fn one_user_gets_a_few_places_and_all_users_together_half() {
    let (limits, settings) = (Limits::default(), settings(6, 2));
    let enter = |holder| served(&limits, holder, &settings);
    let held = [7, 7, 8].map(|uid| enter(Holder::User(uid)).unwrap());
    assert!(enter(Holder::User(7)).is_none(), "a third of the same user");
    assert!(enter(Holder::User(9)).is_none(), "more than half of all");
    let roots = [0; 3].map(|_| enter(Holder::Owner).unwrap());
    assert!(enter(Holder::Owner).is_none(), "there are six");
    drop((held, roots));
    assert!(enter(Holder::User(7)).is_some());
    assert!(limits.connections.await_none(std::time::Duration::ZERO));
}

#[test]
fn user_ids_without_a_name_share_the_places_of_one_user() {
    let (limits, settings) = (Limits::default(), settings(512, 16));
    let held = all_of(&limits, Holder::Nameless, &settings);
    assert_eq!(held.len(), 16);
    assert_eq!(
        held[0].terms(165_537).calls_as,
        held[1].terms(165_538).calls_as
    );
    assert!(served(&limits, Holder::User(7), &settings).is_some());
}

#[test]
fn what_users_start_and_stop_leaves_room_for_the_programs_of_root() {
    let (limits, settings) = (Limits::default(), settings(512, 16));
    let own = all_of(&limits, Holder::StartedBy(1000), &settings);
    assert_eq!(own.len(), 64);
    let of_others: Vec<_> = (1001..2000)
        .flat_map(|id| [Holder::StartedBy(id), Holder::StartedByGroup(id)])
        .flat_map(|holder| all_of(&limits, holder, &settings))
        .collect();
    assert_eq!(own.len() + of_others.len(), 256);
    let of_users: Vec<_> = (1000..2000)
        .flat_map(|uid| all_of(&limits, Holder::User(uid), &settings))
        .collect();
    assert_eq!(of_users.len(), 128);
    let trusted = all_of(&limits, Holder::Trusted, &settings);
    assert_eq!(trusted.len(), 96);
    let owner = all_of(&limits, Holder::Owner, &settings);
    assert_eq!(owner.len(), 32);
}

#[test]
fn what_came_while_there_was_plenty_of_room_is_counted_once_room_is_scarce() {
    let (limits, settings) = (Limits::default(), settings(512, 16));
    // No such process: its group tells who started it.
    let of_group = |gid| match limits.enter(Caller::OfRoot(RootProcess { pid: 0, gid }), &settings)
    {
        Entry::Served(place) => Some(place),
        Entry::TurnedAway(_) | Entry::Dropped => None,
    };
    let all_of_group = |gid| -> Vec<_> { std::iter::from_fn(|| of_group(gid)).collect() };
    let early = all_of_group(100);
    assert_eq!(early.len(), 64);
    assert!(early.iter().all(|place| place._early.is_some()));
    let of_others: Vec<_> = (101..200).flat_map(all_of_group).collect();
    assert_eq!(early.len() + of_others.len(), 256);
    let of_users: Vec<_> = (1000..2000)
        .flat_map(|uid| all_of(&limits, Holder::User(uid), &settings))
        .collect();
    assert_eq!(of_users.len(), 128);
    drop(early);
    assert!(of_group(100).is_some());
    drop((of_others, of_users));
    assert!(limits.connections.await_none(std::time::Duration::ZERO));
}

#[test]
fn the_last_places_are_for_administrators_and_begin_no_login() {
    let (limits, settings) = (Limits::default(), settings(32, 1));
    let held = all_of(&limits, Holder::Owner, &settings);
    let may_log_in = held.iter().filter(|place| place.terms(0).may_log_in);
    assert_eq!((held.len(), may_log_in.count()), (32, 30));
}

#[test]
fn only_a_few_are_told_that_there_is_no_room_and_ordinary_ones_take_no_others_turn() {
    let (limits, settings) = (Limits::default(), settings(0, 0));
    let enter = |holder| limits.enter(holder, &settings);
    let told: Vec<_> = (0..TURNED_AWAY).map(|_| enter(Holder::User(7))).collect();
    let is_told = |entry: &Entry| matches!(entry, Entry::TurnedAway(_));
    assert!(told.iter().all(is_told));
    assert!(matches!(enter(Holder::User(7)), Entry::Dropped));
    assert!(is_told(&enter(Holder::Owner)));
    drop(told);
    assert!(is_told(&enter(Holder::User(7))));
}
