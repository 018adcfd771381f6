//! Names that nobody has, and a name service that does not work.

use super::{DEFAULT, Stub, finds, finds_nothing, line, review};

#[test]
fn users_and_groups_that_nobody_has_are_told_where_they_stand_first() {
    finds(
        "[[rule]]\nname = 'x'\nusers = ['anna', 'carl']\n[[rule]]\nusers = ['carl', 'bob']",
        "agent.toml:1: rule \"x\" names the user \"carl\"",
        &["not in the name service", "right for VPN users"],
    );
    finds(
        "[[rule]]\nname = 'x'\nusers = ['!@wheel']",
        "agent.toml:1: rule \"x\" names the group \"wheel\"",
        &["does not exist", "groupadd wheel"],
    );
    finds(
        "[server]\ntrusted = ['freerad']",
        "agent.toml:2: [server] trusted names the user \"freerad\"",
        &["not in the name service", "install the program first"],
    );
    finds(
        "[admin]\ngroups = ['wheel', 'staff']",
        "agent.toml:2: [admin] groups names the group \"wheel\"",
        &["does not exist"],
    );
    finds_nothing("[[rule]]\nusers = ['anna', '@staff', '!bob', '!@desk', 'root']");
}

#[test]
fn a_user_in_another_spelling_than_logins_come_with_is_told() {
    finds(
        "[[rule]]\nusers = ['Anna']",
        "agent.toml:1: ",
        &["\"Anna\", but the name in the name service is \"anna\"; write that"],
    );
}

#[test]
fn a_name_that_no_user_can_have_is_told() {
    finds(
        "[[rule]]\nusers = ['/anna']",
        "agent.toml:1: ",
        &["can't begin with \"/\""],
    );
}

#[test]
fn a_name_service_that_fails_is_one_finding_beside_what_needs_none() {
    let broken = Stub {
        is_broken: true,
        ..Stub::new()
    };
    let text = "[[rule]]\nusers = ['bob', 'carl', '@x']\nsession = '2d'";
    let lines: Vec<_> = review(text, &broken, None).iter().map(line).collect();
    let [session, failure] = &lines[..] else {
        panic!("{lines:#?}");
    };
    assert!(session.contains("more than a day"), "{session}");
    assert!(failure.starts_with("not all could be checked"), "{failure}");
    assert!(failure.contains("nsswitch.conf"), "{failure}");
    assert_eq!(review(DEFAULT, &broken, None).len(), 1);
}

#[test]
fn no_more_names_are_looked_up_than_a_reload_can_wait_for() {
    let users: Vec<&'static str> = (0..300).map(|n| &*format!("user{n}").leak()).collect();
    let mut host = Stub::new();
    host.users.extend(&users[..256]);
    let findings = review(&format!("[[rule]]\nusers = {users:?}"), &host, None);
    let [finding] = &findings[..] else {
        panic!("{findings:#?}");
    };
    let words = "300 users and groups; only the first 256 were checked";
    assert!(finding.message.contains(words), "{finding:?}");
}
