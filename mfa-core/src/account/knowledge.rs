//! What the user knows, as the record keeps it: a PIN, three questions. Of both only hashes.

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

/// Three questions, of which one is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuestionSet {
    items: [Question; QUESTIONS],
    /// Which one is asked is this, modulo three. It moves on only when that one was answered: asking
    /// again does not bring up another, easier question.
    pub(super) turn: u32,
    /// When they were enrolled, and last used.
    #[serde(flatten)]
    pub dates: Dates,
}

/// A question with its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// What is asked.
    pub text: String,
    /// The normal form of the answer, argon2id, as a PHC string.
    pub phc: String,
}

/// When something was enrolled and last used.
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
