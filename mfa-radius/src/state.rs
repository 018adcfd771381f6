//! What a server gives along with a question, and gets back with the answer.

use std::fmt;

use crate::attribute::MAX_VALUE;

/// State: bytes that mean something to the server only, and go back to it as they came (RFC 2865 §5.24).
#[derive(Clone, PartialEq, Eq)]
pub struct State(Vec<u8>);

impl State {
    /// A State of 1 to 253 bytes.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (1..=MAX_VALUE)
            .contains(&bytes.len())
            .then(|| Self(bytes.to_vec()))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

// A reader of the log could continue another user's login.
impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "State({} bytes)", self.0.len())
    }
}
