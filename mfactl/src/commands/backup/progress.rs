//! How far something is, on a terminal.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::output::Output;

/// How often it is shown.
const INTERVAL: Duration = Duration::from_millis(200);

/// A line that is written again and again.
pub(crate) struct Progress {
    is_shown: bool,
    what: &'static str,
    last: Instant,
    has_line: bool,
}

impl Progress {
    pub(crate) fn new(output: Output, what: &'static str) -> Self {
        Self {
            is_shown: !output.is_json() && io::stderr().is_terminal(),
            what,
            last: Instant::now(),
            has_line: false,
        }
    }

    pub(crate) fn show(&mut self, count: u64) {
        if self.is_shown && self.last.elapsed() >= INTERVAL {
            self.last = Instant::now();
            self.has_line = true;
            // Nobody is told if nobody looks.
            let _ = write!(io::stderr(), "\r{} {}\u{1b}[K", grouped(count), self.what);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.has_line {
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
    }
}

/// A number with its thousands apart.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// "1 record", "1,204 records"
pub(crate) fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(count))
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_are_set_apart() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }
}
