//! The settings of a user, as lines of a screen.

use std::fmt::Display;

use mfa_protocol::admin::{SettingReply, UserSettings};
use mfa_protocol::policy::Enforcement;

use crate::output::clean;
use crate::table::{joined, paragraph};

/// The result of a change, whether it is new, and all settings of the user; `more` is a note of this host.
pub(super) fn changed(reply: &SettingReply, holds: &str, more: Option<&str>) -> String {
    let user = clean(&reply.user);
    let mut screen = if reply.changed {
        format!("{user}: {holds}\n")
    } else {
        format!("{user}: {holds}, as before; nothing changed\n")
    };
    for note in reply.note.as_deref().into_iter().chain(more) {
        screen += &paragraph("Note", note);
    }
    let settings = settings(&reply.settings);
    if settings.is_empty() {
        return screen + "This user has no settings of their own; the rules decide.\n";
    }
    screen + "\nSettings of this user\n" + &settings
}

/// A line for each setting that differs from the default.
pub(in crate::commands) fn settings(set: &UserSettings) -> String {
    let mut screen = String::new();
    if set.enforce != Enforcement::Default {
        screen += &paragraph("Enforce", &format!("a factor is {}", level(set.enforce)));
    }
    screen += &both("Required", &set.require, &set.own_require);
    if let Some(factor) = set.prefer {
        screen += &paragraph("Asked first", factor.name());
    }
    screen += &both("Login from", &set.allow_from, &set.own_allow_from);
    if !set.allow_from.is_empty() && !set.own_allow_from.is_empty() {
        screen += &paragraph("", "a login must match both");
    }
    if set.self_manage {
        screen += &paragraph("May set", "require and allow-from for themselves");
    }
    screen
}

/// A level of enforcement in words, after "a factor is".
pub(super) fn level(level: Enforcement) -> &'static str {
    match level {
        Enforcement::Required => "required: a user who has enrolled nothing is denied",
        Enforcement::Optional => "optional: a user who has enrolled nothing is let in",
        Enforcement::Default => "required where the rules say so",
    }
}

/// What administrators set and what the user set, each on a line.
fn both<T: Display>(name: &str, by_administrator: &[T], by_user: &[T]) -> String {
    let line = |name: &str, items: &[T], by: &str| {
        if items.is_empty() {
            return String::new();
        }
        paragraph(name, &format!("{} (set by {by})", joined(items, ", ")))
    };
    let first = line(name, by_administrator, "an administrator");
    let name = if first.is_empty() { name } else { "" };
    first + &line(name, by_user, "the user")
}

#[cfg(test)]
mod tests {
    use super::*;
    use mfa_protocol::factor::Factor;

    fn texts(items: &[&str]) -> Vec<String> {
        items.iter().map(|&item| item.to_owned()).collect()
    }

    fn everything() -> UserSettings {
        UserSettings {
            enforce: Enforcement::Required,
            require: vec![Factor::Totp],
            own_require: vec![Factor::Pin, Factor::Questions],
            prefer: None,
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
            enforce: Enforcement::Default,
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
                own_require: vec![Factor::Pin],
                ..UserSettings::default()
            },
            note: Some("alice has no PIN yet".to_owned()),
        };
        assert_eq!(changed(&reply, "pin is required", None), CHANGED);
        reply.changed = false;
        reply.settings = UserSettings::default();
        reply.note = None;
        assert_eq!(changed(&reply, "pin is not required", None), UNCHANGED);
    }

    const SET: &str = "\
Enforce     a factor is required: a user who has enrolled nothing is denied
Required    totp (set by an administrator)
            pin, questions (set by the user)
Login from  192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24, 2001:db8::/32 (set by
            an administrator)
            192.0.2.7/32 (set by the user)
            a login must match both
May set     require and allow-from for themselves
";

    const CHANGED: &str = r"al\u{7}ice: pin is required
Note        alice has no PIN yet

Settings of this user
Required    pin (set by the user)
";

    const UNCHANGED: &str = r"al\u{7}ice: pin is not required, as before; nothing changed
This user has no settings of their own; the rules decide.
";
}
