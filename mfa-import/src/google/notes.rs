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
            "RATE_LIMIT {attempts} {seconds} is not imported: here [lockout] limits wrong codes, for all users"
        ));
    }
    if options.used.is_none() && kind != Kind::Counter {
        notes.push(
            "the old module accepted a code more than once; here each code is accepted once"
                .to_owned(),
        );
    }
    if options.resetting {
        notes.push(
            "a correction of the device's clock was not finished. If its codes are refused here: mfactl verify USER --resync"
                .to_owned(),
        );
    }
    if options.grace > 0 {
        let addresses = match options.grace {
            1 => "1 address was".to_owned(),
            count => format!("{count} addresses were"),
        };
        notes.push(format!(
            "{addresses} not asked for a code for a while. This is not imported: here [policy] session does it"
        ));
    }
    notes.extend(options.unknown.map(unknown));
    notes
}

/// One note for all unknown options: the file's author decides how many there are.
fn unknown((count, first): (u64, u64)) -> String {
    match count {
        1 => format!("line {first}: an unknown option, which is not imported"),
        _ => format!("line {first}: the first of {count} unknown options, which are not imported"),
    }
}

fn window(window: u64, kind: Kind) -> Option<String> {
    if window == USUAL_WINDOW {
        return None;
    }
    Some(match kind {
        Kind::Time { .. } if window / 2 == USUAL_REACH => return None,
        Kind::Time { .. } => format!(
            "WINDOW_SIZE {window} is not imported: here [totp] skew applies to all users; skew = {} would cover it",
            window / 2
        ),
        Kind::Counter => format!(
            "WINDOW_SIZE {window} is not imported: here [hotp] look_ahead applies to all users; look_ahead = {window} would \
             cover it"
        ),
    })
}
