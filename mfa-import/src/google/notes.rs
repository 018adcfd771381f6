//! Notes on options that can't be imported: one note for each kind, however many lines there are.

use super::options::Options;
use crate::account::Kind;

/// Steps to either side that the default window of 3 accepts.
const USUAL_REACH: u64 = 1;
const USUAL_WINDOW: u64 = 3;

pub(super) fn of(options: &Options, kind: Kind) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(window(options.window, kind));
    if let Some((attempts, seconds)) = options.rate_limit {
        notes.push(format!(
            "RATE_LIMIT {attempts} {seconds}: the lockout replaces it"
        ));
    }
    if options.used.is_none() && kind != Kind::Counter {
        notes.push("codes could be used more than once; here each is accepted once".to_owned());
    }
    if options.resetting {
        notes.push(
            "a resynchronisation was in progress; to start one here: mfactl verify USER --resync"
                .to_owned(),
        );
    }
    if options.grace > 0 {
        notes.push(format!(
            "{} addresses that needed no code for a while: [policy] session replaces them",
            options.grace
        ));
    }
    notes.extend(options.unknown.map(unknown));
    notes
}

/// One note for all unknown options: the file's author decides how many there are.
fn unknown((count, first): (u64, u64)) -> String {
    match count {
        1 => format!("line {first}: an unknown option"),
        _ => format!("line {first}: the first of {count} unknown options"),
    }
}

fn window(window: u64, kind: Kind) -> Option<String> {
    if window == USUAL_WINDOW {
        return None;
    }
    Some(match kind {
        Kind::Time { .. } if window / 2 == USUAL_REACH => return None,
        Kind::Time { .. } => format!(
            "WINDOW_SIZE {window}: here [totp] skew applies to everyone; {} would match",
            window / 2
        ),
        Kind::Counter => format!(
            "WINDOW_SIZE {window}: here [hotp] look_ahead applies to everyone; {window} would match"
        ),
    })
}
