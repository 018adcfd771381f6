//! Security questions: which are taken, and how answers are compared.
//!
//! Pure. Three questions are enrolled, one is asked. People write the same answer differently from one year to the
//! next, so it is compared without case, accents and extra blanks: [`normal`] is hashed, at enrolment and at login. The
//! [`Rules`] apply when questions are chosen: existing questions stay valid when they change. No output contains any
//! part of an answer.

#[cfg(test)]
mod tests;

use mfa_protocol::Secret;
pub use mfa_protocol::factor::QUESTIONS;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use zeroize::Zeroizing;

use super::{AnswerForm, Need, Row, Stored, Verification};

/// The properties of this factor.
pub const ROW: Row = Row {
    prompt: None,
    choice: "way-questions",
    in_notice: "notice-factor-questions",
    form: AnswerForm::Words,
    verification: Verification::Hash(normal),
    stored: Stored::Questions,
    needs: Need::Nothing,
    enroll_arguments: "",
    enroll_note: " (all three of them)",
    may_be_required_first: false,
    fits_one_answer: false,
    enrolls_in_login: true,
};

/// The longest question, in bytes.
pub const MAX_QUESTION: usize = 200;

/// The fewest characters of an answer, in its [`normal`] form and without blanks.
pub const MIN_ANSWER: usize = 3;

/// The rules for questions and answers that are chosen now.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// Whether questions may be others than those of the catalogue.
    pub own: bool,
    /// The questions to choose from, without blanks around them.
    pub catalogue: &'a [String],
    /// The canonical name of the user.
    pub user: &'a str,
}

/// A question as it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuestionText(String);

/// Why a question or an answer is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuestionError {
    /// Not three.
    #[error("{QUESTIONS} questions are needed, not {0}")]
    Count(usize),
    /// Nothing in it.
    #[error("question {0} is empty")]
    EmptyQuestion(usize),
    /// Too long.
    #[error("question {0} is longer than {MAX_QUESTION} bytes")]
    LongQuestion(usize),
    /// It could draw on a terminal.
    #[error("question {0} contains a control character")]
    ControlCharacter(usize),
    /// Twice the same.
    #[error("question {0} is a duplicate")]
    SameQuestion(usize),
    /// The user's own question, if these are not allowed.
    #[error(
        "question {0} is not in the list, and your own questions are not allowed here; choose a \
         question from the list"
    )]
    NotInCatalogue(usize),
    /// Nothing left of it.
    #[error("the answer to question {0} is empty, or has only accents and blanks")]
    EmptyAnswer(usize),
    /// One or two characters.
    #[error(
        "the answer to question {0} is too short; give at least {MIN_ANSWER} characters, not \
         counting accents and blanks"
    )]
    ShortAnswer(usize),
    /// The question, or its words.
    #[error("the answer to question {0} is the question itself; give another answer")]
    AnswerIsQuestion(usize),
    /// The user name, or the part that names the user.
    #[error("the answer to question {0} is the user name; give another answer")]
    AnswerIsUser(usize),
    /// Twice the same.
    #[error("the answer to question {0} is the same as another answer; give a different one")]
    SameAnswer(usize),
}

impl QuestionText {
    /// Takes the text of question number `number` (from 1, for the message).
    ///
    /// # Errors
    ///
    /// A [`QuestionError`] that names the number.
    pub fn new(text: &str, number: usize) -> Result<Self, QuestionError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(QuestionError::EmptyQuestion(number));
        }
        if text.len() > MAX_QUESTION {
            return Err(QuestionError::LongQuestion(number));
        }
        if text.chars().any(char::is_control) {
            return Err(QuestionError::ControlCharacter(number));
        }
        Ok(Self(text.to_owned()))
    }

    /// The text, without blanks around it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The form in which answers are hashed: decomposed (NFKD), without marks, in lower case, each
/// stretch of blanks one blank, none around it. Empty if nothing is left.
#[must_use]
pub fn normal(answer: &Secret) -> Secret {
    let mut out = Zeroizing::new(String::with_capacity(answer.expose().len() * 2));
    for c in answer.expose().nfkd().filter(|c| !is_combining_mark(*c)) {
        if c.is_whitespace() {
            if !out.is_empty() && !out.ends_with(' ') {
                out.push(' ');
            }
        } else {
            out.extend(c.to_lowercase());
        }
    }
    Secret::from(out.trim_end())
}

/// Checks a set of three questions with their answers, and hands it on ready to be hashed.
///
/// # Errors
///
/// A [`QuestionError`] for the first mistake; nothing of an answer is in its text.
pub fn check_set(
    given: Vec<(String, Secret)>,
    rules: &Rules<'_>,
) -> Result<Vec<(QuestionText, Secret)>, QuestionError> {
    if given.len() != QUESTIONS {
        return Err(QuestionError::Count(given.len()));
    }
    check_so_far(given, rules)
}

/// The same for a set that is not complete yet: who is asked for one answer after the other hears of a
/// mistake at once.
///
/// # Errors
///
/// As [`check_set`], with [`QuestionError::Count`] for more than three.
pub fn check_so_far(
    given: Vec<(String, Secret)>,
    rules: &Rules<'_>,
) -> Result<Vec<(QuestionText, Secret)>, QuestionError> {
    if given.len() > QUESTIONS {
        return Err(QuestionError::Count(given.len()));
    }
    let mut set: Vec<(QuestionText, Secret)> = Vec::with_capacity(QUESTIONS);
    for (number, (question, answer)) in (1..).zip(given) {
        let question = QuestionText::new(&question, number)?;
        if !rules.own && !rules.catalogue.contains(&question.0) {
            return Err(QuestionError::NotInCatalogue(number));
        }
        if set.iter().any(|(other, _)| *other == question) {
            return Err(QuestionError::SameQuestion(number));
        }
        let answer = normal(&answer);
        check_answer(&answer, number, &question, rules.user)?;
        let mut others = set.iter().map(|(_, other)| other.expose());
        if others.any(|other| other == answer.expose()) {
            return Err(QuestionError::SameAnswer(number));
        }
        set.push((question, answer));
    }
    Ok(set)
}

/// An answer in its normal form, by itself.
fn check_answer(
    answer: &Secret,
    number: usize,
    question: &QuestionText,
    user: &str,
) -> Result<(), QuestionError> {
    if answer.is_empty() {
        return Err(QuestionError::EmptyAnswer(number));
    }
    let characters = answer.expose().chars().filter(|c| !c.is_whitespace());
    if characters.count() < MIN_ANSWER {
        return Err(QuestionError::ShortAnswer(number));
    }
    let question = normal(&question.as_str().into());
    if words(answer.expose()) == words(question.expose()) {
        return Err(QuestionError::AnswerIsQuestion(number));
    }
    let is_answer = |name: &str| normal(&name.into()).expose() == answer.expose();
    if names_of(user).into_iter().any(is_answer) {
        return Err(QuestionError::AnswerIsUser(number));
    }
    Ok(())
}

/// Without the characters around the words: a question mark, or a Spanish one before them.
fn words(text: &str) -> &str {
    text.trim_matches(|c: char| !c.is_alphanumeric())
}

/// What a user is called: the whole name, and without the domain in `DOMAIN\user` and `user@domain`.
fn names_of(user: &str) -> [&str; 4] {
    let local = user.rsplit_once('\\').map_or(user, |(_, local)| local);
    let before_at = |name| str::split_once(name, '@').map_or(name, |(local, _)| local);
    [user, local, before_at(user), before_at(local)]
}
