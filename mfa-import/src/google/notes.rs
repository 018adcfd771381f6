//! What has no counterpart, in words: one note for each kind of oddity, however often it is there.

use super::options::Options;
use crate::account::Kind;

/// The reach of a window of 3, to either side.
const USUAL_REACH: u64 = 1;
const USUAL_WINDOW: u64 = 3;

pub(super) fn of(options: &Options, kind: Kind) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(window(options.window, kind));
    if let Some((attempts, seconds)) = options.rate_limit {
        notes.push(format!(
            "RATE_LIMIT {attempts} {seconds}: the lockout takes its place"
        ));
    }
    if options.used.is_none() && kind != Kind::Counter {
        notes.push("a code could be used again; here each is good once".to_owned());
    }
    if options.resetting {
        notes.push(
            "a resynchronisation was under way; to start one here: mfactl verify USER --resync"
                .to_owned(),
        );
    }
    if options.grace > 0 {
        notes.push(format!(
            "{} addresses that needed no code for a while: [policy] session takes their place",
            options.grace
        ));
    }
    notes.extend(options.unknown.map(unknown));
    notes
}

/// One for all: who wrote the file decides how many there are.
fn unknown((count, first): (u64, u64)) -> String {
    match count {
        1 => format!("line {first}: an option that is not known here"),
        _ => format!("line {first}: the first of {count} options that are not known here"),
    }
}

fn window(window: u64, kind: Kind) -> Option<String> {
    if window == USUAL_WINDOW {
        return None;
    }
    Some(match kind {
        Kind::Time { .. } if window / 2 == USUAL_REACH => return None,
        Kind::Time { .. } => format!(
            "WINDOW_SIZE {window}: here [totp] skew holds for all; {} would be needed",
            window / 2
        ),
        Kind::Counter => format!(
            "WINDOW_SIZE {window}: here [hotp] look_ahead holds for all; {window} would be needed"
        ),
    })
}
