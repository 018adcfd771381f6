//! The state of a device, how far from it codes are searched, and what a code turns out to be.

/// How far from where it is expected a code is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Steps of time either side of the present one (RFC 6238 §5.2).
    pub skew: u32,
    /// Codes of a counter that may be passed over (RFC 4226 §7.2, look-ahead).
    pub look_ahead: u32,
    /// Codes of a counter among which two that follow each other put it right (RFC 4226 §7.4).
    pub resync: u32,
}

impl Default for Windows {
    fn default() -> Self {
        Self {
            skew: 1,
            look_ahead: 10,
            resync: 100,
        }
    }
}

/// The state of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplayState {
    /// The last step that was used; it and all before it are used up.
    pub last: Option<u64>,
    /// Steps that its clock is ahead of ours. Without a meaning for a counter.
    pub offset: i64,
    /// A step whose code was refused because the device is out of sync. The refusal shows how far off the code was, so
    /// the code is not accepted later: a guesser would know what to wait for.
    pub told: Option<u64>,
}

/// What a code turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// The code of a step that was not used yet.
    Unused {
        /// The step, to be kept as used.
        step: u64,
    },
    /// The code of a used step, or of a step before a used step.
    Used,
    /// The code of no step in the window.
    None,
}

impl ReplayState {
    pub(super) fn is_used(self, step: u64) -> bool {
        self.last.is_some_and(|last| step <= last)
    }

    /// The step after the last that was used.
    #[must_use]
    pub fn next(self) -> u64 {
        self.last.map_or(0, |last| last.saturating_add(1))
    }
}
