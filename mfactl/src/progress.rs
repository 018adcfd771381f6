//! How far a long import is, for a person at a terminal. Nothing anywhere else.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::output::Output;

/// Nothing is shown before: most imports are shorter.
const DELAY: Duration = Duration::from_secs(1);

/// How often the count changes.
const INTERVAL: Duration = Duration::from_millis(200);

/// A count on standard error that overwrites itself.
pub(crate) struct Progress {
    is_wanted: bool,
    is_shown: bool,
    next: Instant,
}

impl Progress {
    pub(crate) fn new(output: Output) -> Self {
        Self {
            is_wanted: !output.is_json() && io::stderr().is_terminal(),
            is_shown: false,
            next: Instant::now() + DELAY,
        }
    }

    /// So many entries are done.
    pub(crate) fn show(&mut self, done: u64) {
        let now = Instant::now();
        if !self.is_wanted || now < self.next {
            return;
        }
        (self.is_shown, self.next) = (true, now + INTERVAL);
        write(&format!("\r{done} entries so far"));
    }
}

impl Drop for Progress {
    /// Clears the line for the report.
    fn drop(&mut self) {
        if self.is_shown {
            write("\r\u{1b}[K");
        }
    }
}

/// A count that can't be shown is no reason to fail.
fn write(text: &str) {
    let mut stderr = io::stderr();
    let _ = stderr.write_all(text.as_bytes());
    let _ = stderr.flush();
}
