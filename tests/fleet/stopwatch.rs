//! How long something takes while the machine goes on: a machine of tests stands still at times, with all programs on it,
//! and no program is slow for that.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// A tick takes longer if the machine stands still.
const TICK: Duration = Duration::from_millis(20);

static TICKS: AtomicU32 = AtomicU32::new(0);

/// Runs from its start on.
pub(crate) struct Stopwatch(u32);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        static TICKING: OnceLock<()> = OnceLock::new();
        TICKING.get_or_init(|| {
            thread::spawn(|| {
                loop {
                    thread::sleep(TICK);
                    TICKS.fetch_add(1, Ordering::Relaxed);
                }
            });
        });
        Self(TICKS.load(Ordering::Relaxed))
    }

    /// The time since then.
    pub(crate) fn elapsed(&self) -> Duration {
        TICK * TICKS.load(Ordering::Relaxed).wrapping_sub(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_runs() {
        let watch = Stopwatch::start();
        let other = Stopwatch::start();
        mfa_tests::eventually("a tick", || (watch.elapsed() >= TICK * 3).then_some(()));
        assert!(other.elapsed() >= TICK * 2);
    }
}
