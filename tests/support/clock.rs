//! A clock of its own for an agent, which a test moves while the agent runs. The clock of the machine stays as it is.
//!
//! libfaketime reads the difference from a file whenever the agent asks what time it is. How long something takes is
//! measured by the machine's own clock, as on a host whose time is set by hand.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run;

/// The clock.
pub struct Clock {
    file: PathBuf,
}

impl Clock {
    /// A right one, whose difference is in `file`.
    #[must_use]
    pub fn new(file: PathBuf) -> Self {
        let clock = Self { file };
        clock.set_ahead(0);
        clock
    }

    /// Sets it so many seconds ahead of the machine's, or behind.
    pub fn set_ahead(&self, seconds: i64) {
        // A rename: an agent that reads meanwhile must not find half of it.
        let new = self.file.with_extension("new");
        fs::write(&new, format!("{seconds:+}\n")).expect("a clock");
        fs::rename(&new, &self.file).expect("a clock");
    }

    /// The words before a program that has this clock. The program keeps the process ID.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        [
            "env".to_owned(),
            format!("LD_PRELOAD={}", faketime_library().display()),
            format!("FAKETIME_TIMESTAMP_FILE={}", self.file.display()),
            "FAKETIME_NO_CACHE=1".to_owned(),
            "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
            "NO_FAKE_STAT=1".to_owned(),
        ]
        .to_vec()
    }
}

/// The library that gives a program another time, as faketime(1) finds it.
///
/// # Panics
///
/// When there is no faketime(1).
#[must_use]
pub fn faketime_library() -> PathBuf {
    let output = run(Command::new("faketime").args(["now", "printenv", "LD_PRELOAD"]));
    assert!(output.is_success(), "faketime: {output:?}");
    Path::new(output.stdout.trim()).to_owned()
}
