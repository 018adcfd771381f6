//! What is set for a user, as lines of a screen.

use mfa_protocol::admin::{SettingReply, UserSettings};

use crate::output::clean;
use crate::table::paragraph;

/// What a change came to: what holds, whether it is new, and all that is set now.
pub(super) fn changed(reply: &SettingReply, holds: &str) -> String {
    let user = clean(&reply.user);
    let mut screen = if reply.changed {
        format!("{user}: {holds} now\n")
    } else {
        format!("{user}: {holds}, as before; nothing was changed\n")
    };
    if let Some(note) = &reply.note {
        screen += &paragraph("Note", note);
    }
    let settings = settings(&reply.settings);
    if settings.is_empty() {
        return screen + "Nothing is set for this user; the rules decide.\n";
    }
    screen + "\nSet for this user\n" + &settings
}

/// A line for each setting that is not what everybody has; nothing if there is none.
pub(in crate::commands) fn settings(set: &UserSettings) -> String {
    let mut screen = String::new();
    if !matches!(set.enforce.as_str(), "" | "default") {
        screen += &paragraph("Enforce", &format!("a factor is {}", level(&set.enforce)));
    }
    screen += &both("Required", &set.require, &set.own_require);
    screen += &both("Login from", &set.allow_from, &set.own_allow_from);
    if !set.allow_from.is_empty() && !set.own_allow_from.is_empty() {
        screen += &paragraph("", "a login must come from within both");
    }
    if set.self_manage {
        screen += &paragraph("May set", "require and allow-from without an administrator");
    }
    screen
}

/// A level of enforcement in words, after "a factor is".
pub(super) fn level(name: &str) -> String {
    match name {
        "required" => "required: without one a login is denied".to_owned(),
        "optional" => "optional: a user who has set up none is let in".to_owned(),
        "default" => "wanted where the rules say so".to_owned(),
        other => other.to_owned(),
    }
}

/// What administrators set, and what the user did, each on a line.
fn both(name: &str, by_administrator: &[String], by_user: &[String]) -> String {
    let line = |name: &str, items: &[String], by: &str| {
        if items.is_empty() {
            return String::new();
        }
        paragraph(name, &format!("{} (set by {by})", items.join(", ")))
    };
    let first = line(name, by_administrator, "an administrator");
    let name = if first.is_empty() { name } else { "" };
    first + &line(name, by_user, "the user")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(items: &[&str]) -> Vec<String> {
        items.iter().map(|&item| item.to_owned()).collect()
    }

    fn everything() -> UserSettings {
        UserSettings {
            enforce: "required".to_owned(),
            require: texts(&["totp"]),
            own_require: texts(&["pin", "questions"]),
            self_manage: true,
            allow_from: texts(&[
                "192.0.2.0/24",
                "198.51.100.0/24",
                "203.0.113.0/24",
                "2001:db8::/32",
            ]),
            own_allow_from: texts(&["192.0.2.7/32"]),
        }
    }

    #[test]
    fn the_screen_says_what_is_set_and_by_whom() {
        let screen = settings(&everything());
        assert_eq!(screen, SET);
        assert!(screen.lines().all(|line| line.chars().count() <= 80));
    }

    #[test]
    fn what_everybody_has_takes_no_line() {
        let set = UserSettings {
            enforce: "default".to_owned(),
            ..UserSettings::default()
        };
        assert_eq!(settings(&set), "");
    }

    #[test]
    fn a_change_says_what_holds_and_a_repetition_that_nothing_was_changed() {
        let mut reply = SettingReply {
            user: "al\u{7}ice".to_owned(),
            changed: true,
            settings: UserSettings {
                own_require: texts(&["pin"]),
                ..UserSettings::default()
            },
            note: Some("alice has no PIN yet".to_owned()),
        };
        assert_eq!(changed(&reply, "pin is required"), CHANGED);
        reply.changed = false;
        reply.settings = UserSettings::default();
        reply.note = None;
        assert_eq!(changed(&reply, "pin is not required"), UNCHANGED);
    }

    const SET: &str = "\
Enforce     a factor is required: without one a login is denied
Required    totp (set by an administrator)
            pin, questions (set by the user)
Login from  192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24, 2001:db8::/32 (set by
            an administrator)
            192.0.2.7/32 (set by the user)
            a login must come from within both
May set     require and allow-from without an administrator
";

    const CHANGED: &str = r"al\u{7}ice: pin is required now
Note        alice has no PIN yet

Set for this user
Required    pin (set by the user)
";

    const UNCHANGED: &str = r"al\u{7}ice: pin is not required, as before; nothing was changed
Nothing is set for this user; the rules decide.
";
}
