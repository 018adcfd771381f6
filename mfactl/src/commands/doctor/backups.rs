//! Backups: whether there is one, and whether they have stopped.
//!
//! The agent says when the last backup was made; systemd says whether the daily one is on and what became of it.

use std::path::Path;
use std::time::Duration;

use mfa_protocol::admin::HealthReply;

use super::Check;
use super::units::{Unit, shown};
use crate::clock::Clock;

const NAME: &str = "backup";
const TIMER: &str = "mfa-backup.timer";
const SERVICE: &str = "mfa-backup.service";
const PROPERTIES: &str = "Id,ActiveState,UnitFileState";

/// A daily backup is late after this: one may be missed while the host is off.
const LATE: Duration = Duration::from_secs(2 * 24 * 60 * 60);
/// The same where nothing says how often there should be one.
const OLD: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The check, unless the store can't be read, which is a check of its own.
pub(super) fn check(health: &HealthReply, socket: &Path, clock: &Clock) -> Option<Check> {
    if health.store_error.is_some() {
        return None;
    }
    let timer = shown(socket, PROPERTIES, &[TIMER, SERVICE]);
    let timer = timer.map_or_else(Timer::default, |shown| Timer::of(&shown));
    Some(judge(health.last_backup.as_deref(), &timer, clock))
}

/// The daily backup.
#[derive(Clone, Copy, Default)]
struct Timer {
    is_known: bool,
    is_enabled: bool,
    is_active: bool,
    /// Its last backup.
    has_failed: bool,
}

impl Timer {
    fn of(shown: &str) -> Self {
        let units: Vec<Unit<'_>> = shown.split("\n\n").map(Unit::parse).collect();
        let get = |id: &str, property| {
            let unit = units.iter().find(|unit| unit.get("Id") == id);
            unit.map_or("", |unit| unit.get(property))
        };
        Self {
            is_known: true,
            is_enabled: get(TIMER, "UnitFileState").starts_with("enabled"),
            is_active: get(TIMER, "ActiveState") == "active",
            has_failed: get(SERVICE, "ActiveState") == "failed",
        }
    }
}

fn judge(last: Option<&str>, timer: &Timer, clock: &Clock) -> Check {
    let when = match last {
        Some(last) => format!("the last backup was made {}", clock.past(last)),
        None => "there is no backup yet".to_owned(),
    };
    let is_older = |age| last.is_some_and(|last| clock.is_older(last, age));
    let warning = |message: String, remedy: &str| Check::note(NAME, message, remedy);
    if timer.has_failed {
        return warning(
            format!("the last run of {SERVICE} failed; {when}"),
            "see why: journalctl -u mfa-backup\nthen repeat it: systemctl start mfa-backup",
        );
    }
    if timer.is_enabled && !timer.is_active {
        return warning(
            format!("{TIMER} is enabled, but does not run; {when}"),
            "systemctl start mfa-backup.timer",
        );
    }
    if timer.is_active && is_older(LATE) {
        return warning(
            format!("{when}, although {TIMER} makes one every day"),
            "see why: journalctl -u mfa-backup\nmake one: systemctl start mfa-backup",
        );
    }
    if is_older(OLD) {
        return warning(when, timer.advice());
    }
    match (last, timer.is_active) {
        (Some(_), _) => Check::ok(NAME, when),
        (None, true) => Check::usual(
            NAME,
            format!("{when}; {TIMER} makes one every day"),
            "make one now: systemctl start mfa-backup",
        ),
        (None, false) => Check::usual(NAME, format!("{when}: mfactl backup FILE"), timer.advice()),
    }
}

impl Timer {
    /// How to get a backup. Without systemd's agent there is no timer to enable.
    fn advice(self) -> &'static str {
        match self.is_known {
            true => "once: mfactl backup FILE\ndaily: systemctl enable --now mfa-backup.timer",
            false => "mfactl backup FILE",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ON: Timer = Timer {
        is_known: true,
        is_enabled: true,
        is_active: true,
        has_failed: false,
    };

    /// Whether it is a warning, and its text with the remedy.
    fn said(last: Option<&str>, timer: Timer) -> (bool, String) {
        let check = judge(last, &timer, &Clock::for_tests());
        assert!(check.ok, "no login depends on it");
        let remedy = check.remedy.unwrap_or_default();
        let is_warning = !remedy.is_empty() && !check.is_usual;
        (is_warning, format!("{}\n{remedy}", check.message))
    }

    #[test]
    fn a_host_without_a_backup_has_a_note_with_the_command() {
        for (timer, part) in [
            (Timer::default(), "no backup yet: mfactl backup FILE"),
            (
                Timer {
                    is_active: false,
                    is_enabled: false,
                    ..ON
                },
                "daily: systemctl enable",
            ),
            (ON, "makes one every day"),
        ] {
            let (is_warning, text) = said(None, timer);
            assert!(!is_warning && text.contains(part), "{text}");
        }
    }

    #[test]
    fn backups_that_have_stopped_are_a_warning() {
        let now: jiff::Timestamp = "2026-11-22T13:22:00Z".parse().unwrap();
        let days = |days: i64| (now - jiff::SignedDuration::from_hours(24 * days)).to_string();
        let off = Timer::default();
        for (age, timer, expected) in [
            (1, ON, None),
            (3, ON, Some("although mfa-backup.timer")),
            (3, off, None),
            (29, off, None),
            (31, off, Some("mfactl backup FILE")),
            (
                1,
                Timer {
                    has_failed: true,
                    ..ON
                },
                Some("failed; the last backup was made"),
            ),
            (
                1,
                Timer {
                    is_active: false,
                    ..ON
                },
                Some("systemctl start mfa-backup.timer"),
            ),
            (-3, ON, None),
        ] {
            let (is_warning, text) = said(Some(&days(age)), timer);
            assert_eq!(is_warning, expected.is_some(), "{text}");
            assert!(
                text.contains(expected.unwrap_or("the last backup was made")),
                "{text}"
            );
        }
        let (is_warning, text) = said(
            None,
            Timer {
                has_failed: true,
                ..ON
            },
        );
        assert!(is_warning && text.contains("no backup yet"), "{text}");
    }

    #[test]
    fn the_state_of_the_units_is_read() {
        let timer = Timer::of(
            "Id=mfa-backup.timer\nActiveState=active\nUnitFileState=enabled\n\n\
             Id=mfa-backup.service\nActiveState=failed\nUnitFileState=static\n",
        );
        assert!(timer.is_enabled && timer.is_active && timer.has_failed);
        let none = Timer::of(
            "Id=mfa-backup.timer\nActiveState=inactive\nUnitFileState=\n\n\
             Id=mfa-backup.service\nActiveState=inactive\nUnitFileState=\n",
        );
        assert!(!none.is_enabled && !none.is_active && !none.has_failed);
    }
}
