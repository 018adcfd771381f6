//! Security questions: how answers are compared.
//!
//! Pure. Three questions are enrolled, one is asked. People write the same answer differently from
//! one year to the next, so it is compared without case, accents and surplus blanks: [`normal`] is
//! what gets hashed, at enrolment and at login alike.

use mfa_protocol::Secret;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use zeroize::Zeroizing;

/// How many questions a user enrols.
pub const QUESTIONS: usize = 3;

/// The longest question, in bytes.
pub const MAX_QUESTION: usize = 200;

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
    #[error("question {0} holds a control character")]
    ControlCharacter(usize),
    /// Twice the same.
    #[error("question {0} stands there twice")]
    SameQuestion(usize),
    /// Nothing left of it.
    #[error("the answer to question {0} is empty, or made of accents and blanks only")]
    EmptyAnswer(usize),
    /// Twice the same.
    #[error("the answer to question {0} is the same as another's; each needs its own")]
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
) -> Result<Vec<(QuestionText, Secret)>, QuestionError> {
    if given.len() != QUESTIONS {
        return Err(QuestionError::Count(given.len()));
    }
    let mut set: Vec<(QuestionText, Secret)> = Vec::with_capacity(QUESTIONS);
    for (number, (question, answer)) in (1..).zip(given) {
        let question = QuestionText::new(&question, number)?;
        let answer = normal(&answer);
        if answer.is_empty() {
            return Err(QuestionError::EmptyAnswer(number));
        }
        if set.iter().any(|(other, _)| *other == question) {
            return Err(QuestionError::SameQuestion(number));
        }
        if set
            .iter()
            .any(|(_, other)| other.expose() == answer.expose())
        {
            return Err(QuestionError::SameAnswer(number));
        }
        set.push((question, answer));
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn normal_of(text: &str) -> String {
        normal(&text.into()).expose().to_owned()
    }

    #[test]
    fn case_accents_and_surplus_blanks_make_no_difference() {
        for spelling in [
            "São  Paulo",
            " sao paulo ",
            "SAO\tPAULO",
            "Sa\u{303}o Paulo",
        ] {
            assert_eq!(normal_of(spelling), "sao paulo", "{spelling:?}");
        }
        assert_eq!(normal_of(" \u{301} "), "");
    }

    #[test]
    fn a_set_is_refused_with_its_first_mistake() {
        let set = |items: [(&str, &str); 3]| {
            check_set(items.map(|(q, a)| (q.to_owned(), a.into())).to_vec()).err()
        };
        assert_eq!(set([("a?", "x"), ("b?", "y"), ("c?", "z")]), None);
        assert_eq!(
            set([("", "x"), ("b?", "y"), ("c?", "z")]),
            Some(QuestionError::EmptyQuestion(1))
        );
        assert_eq!(
            set([("a?", "x"), ("a? ", "y"), ("c?", "z")]),
            Some(QuestionError::SameQuestion(2))
        );
        assert_eq!(
            set([("a?", "x"), ("b?", " X "), ("c?", "z")]),
            Some(QuestionError::SameAnswer(2))
        );
        assert_eq!(
            set([("a?", "x"), ("b?", "y"), ("c?", " ")]),
            Some(QuestionError::EmptyAnswer(3))
        );
        assert_eq!(
            set([("a\x1b[2J?", "x"), ("b?", "y"), ("c?", "z")]),
            Some(QuestionError::ControlCharacter(1))
        );
        assert_eq!(check_set(Vec::new()).err(), Some(QuestionError::Count(0)));
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(text in "\\PC{0,60}") {
            let once = normal_of(&text);
            prop_assert_eq!(normal_of(&once), once);
        }
    }
}
