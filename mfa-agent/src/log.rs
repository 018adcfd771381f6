//! The agent's own log: what an operator reads with `journalctl -u mfa-agent`.
//!
//! To standard error, one line for each call. When that is the journal, the line begins with `<N>`,
//! which the journal takes for its priority; otherwise with the time. Texts may quote what strangers
//! sent, so control characters are escaped: no call can write a second line or colour a terminal.
//! Secrets do not come here.

use std::fmt::Display;
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::audit::text;

/// How bad it is. The numbers are those of syslog (RFC 5424, 6.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// Something does not work.
    Error = 3,
    /// It works, but an administrator should look.
    Warn = 4,
    /// What happens in the course of things.
    Info = 6,
    /// For those who look for a fault.
    Debug = 7,
}

static MOST: AtomicU8 = AtomicU8::new(Level::Info as u8);

/// Lines less important than `level` are left out; [`Level::Info`] unless this is called.
pub fn set_level(level: Level) {
    MOST.store(level as u8, Ordering::Relaxed);
}

/// Something does not work; the text says what to do.
pub fn error(text: impl Display) {
    write(Level::Error, &text);
}

/// It works, but an administrator should look.
pub fn warn(text: impl Display) {
    write(Level::Warn, &text);
}

/// What happens in the course of things.
pub fn info(text: impl Display) {
    write(Level::Info, &text);
}

/// For those who look for a fault.
pub fn debug(text: impl Display) {
    write(Level::Debug, &text);
}

/// Whether standard error is the journal, as systemd.exec(5) says to find out.
#[must_use]
pub fn to_journal() -> bool {
    static JOURNAL: OnceLock<bool> = OnceLock::new();
    *JOURNAL.get_or_init(|| {
        std::env::var("JOURNAL_STREAM").is_ok_and(|stream| {
            nix::sys::stat::fstat(std::io::stderr())
                .is_ok_and(|meta| stream == format!("{}:{}", meta.st_dev, meta.st_ino))
        })
    })
}

pub(crate) fn write(level: Level, text: &dyn Display) {
    if level as u8 > MOST.load(Ordering::Relaxed) {
        return;
    }
    let line = line(level, text, to_journal(), jiff::Timestamp::now());
    // Nobody is left to tell when this fails.
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}

fn line(level: Level, text: &dyn Display, journal: bool, now: jiff::Timestamp) -> String {
    let text = text::printable(&text.to_string());
    if journal {
        return format!("<{}>{text}\n", level as u8);
    }
    let name = match level {
        Level::Error => "error",
        Level::Warn => "warning",
        Level::Info => "info",
        Level::Debug => "debug",
    };
    format!("{now:.3} {name}: {text}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_begins_with_priority_or_time() {
        let now = jiff::Timestamp::UNIX_EPOCH;
        assert_eq!(line(Level::Warn, &"full", true, now), "<4>full\n");
        let plain = line(Level::Error, &"full", false, now);
        assert_eq!(plain, "1970-01-01T00:00:00.000Z error: full\n");
    }

    #[test]
    fn no_text_can_begin_a_second_line_or_steer_a_terminal() {
        let now = jiff::Timestamp::UNIX_EPOCH;
        let line = line(Level::Info, &"a\n<0>forged\x1b[2J\u{2028}", true, now);
        assert_eq!(line, "<6>a\\n<0>forged\\u{1b}[2J\\u{2028}\n");
    }
}
