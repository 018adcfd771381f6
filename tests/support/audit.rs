//! The events in the agent's audit file.

use serde_json::Value;

/// One line of the audit file.
#[derive(Clone, Debug)]
pub struct Event(Value);

impl Event {
    /// Reads every complete line.
    ///
    /// # Panics
    ///
    /// When a line is not a JSON object.
    #[must_use]
    pub fn parse_all(text: &str) -> Vec<Self> {
        text.split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
            .map(|line| match serde_json::from_str(line) {
                Ok(object @ Value::Object(_)) => Self(object),
                _ => panic!("not a line of an audit file: {line:?}"),
            })
            .collect()
    }

    /// The whole line.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.0
    }

    /// A field as text; empty if it is absent.
    #[must_use]
    pub fn text(&self, field: &str) -> &str {
        self.0
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// A field, if it is a whole number.
    #[must_use]
    pub fn number(&self, field: &str) -> Option<u64> {
        self.0.get(field).and_then(Value::as_u64)
    }

    /// Whether this is the outcome of a login of `user`.
    #[must_use]
    pub fn is_login_of(&self, user: &str) -> bool {
        self.text("event") == "login" && self.text("user") == user
    }

    /// Whether an answer was verified, right or wrong.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        matches!(self.text("result"), "passed" | "wrong")
    }
}
