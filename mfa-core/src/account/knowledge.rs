//! Something the user knows: a PIN, or three questions. The record has only hashes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::factors::questions::QUESTIONS;

/// A PIN.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinRecord {
    /// argon2id, as a PHC string.
    pub phc: String,
    /// When it was enrolled, and last used.
    #[serde(flatten)]
    pub dates: Dates,
}

/// Three questions, one of which is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuestionSet {
    items: [Question; QUESTIONS],
    /// The question that is asked, modulo three. It advances only after a right answer, so that
    /// asking again does not bring an easier question.
    pub(super) turn: u32,
    /// When they were enrolled, and last used.
    #[serde(flatten)]
    pub dates: Dates,
}

/// A question with its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The text of the question.
    pub text: String,
    /// The normalised answer as an argon2id PHC string.
    pub phc: String,
}

/// When a factor was enrolled and last used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dates {
    /// Enrolled.
    #[serde(with = "jiff::fmt::serde::timestamp::second::required")]
    pub enrolled_at: Timestamp,
    /// Last used for a pass.
    #[serde(default, with = "jiff::fmt::serde::timestamp::second::optional")]
    pub last_used_at: Option<Timestamp>,
}

impl Dates {
    /// Enrolled now, never used.
    #[must_use]
    pub fn enrolled(now: Timestamp) -> Self {
        Self {
            enrolled_at: now,
            last_used_at: None,
        }
    }
}

impl QuestionSet {
    /// Three questions; `start` decides which is asked first.
    #[must_use]
    pub fn new(items: [Question; QUESTIONS], start: u32, now: Timestamp) -> Self {
        Self {
            items,
            turn: start,
            dates: Dates::enrolled(now),
        }
    }

    /// All three.
    #[must_use]
    pub fn items(&self) -> &[Question; QUESTIONS] {
        &self.items
    }

    /// The question that is asked until it is answered.
    #[must_use]
    pub fn current(&self) -> &Question {
        let [a, b, c] = &self.items;
        match self.turn % 3 {
            0 => a,
            1 => b,
            _ => c,
        }
    }
}
