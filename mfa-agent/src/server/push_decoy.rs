//! What a request to a phone looks like for a user that no server is asked about (rule 8 of the architecture): as long
//! as the last one that was not approved took, and with the same end.
//!
//! A server may answer with a question, such as a number to compare. Its text may name a user or a device, so a decoy
//! shows it only after two users got the same text, apart from its digits, and with other digits.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::timing_decoy::{SharedDecoy, TimingDecoy};
use mfa_core::names::UserName;

/// How long a person takes to refuse a request, before any is known.
const USUAL_REFUSAL: Duration = Duration::from_secs(10);

/// How a request that was not approved ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PushEnd {
    /// The server said no.
    Rejected,
    /// It said nothing.
    Silent,
    /// It asked the user something.
    Challenged,
}

/// The decoy.
pub(super) struct PushDecoy {
    how: SharedDecoy<PushEnd>,
    questions: Mutex<Questions>,
}

/// What servers have asked after a push.
#[derive(Default)]
struct Questions {
    /// The last text, without its digits, and who got it.
    last: Option<(UserName, String)>,
    /// A text that two users got, and whether its answer is visible.
    common: Option<(String, bool)>,
}

impl Default for PushDecoy {
    fn default() -> Self {
        Self {
            how: SharedDecoy::new(TimingDecoy::new(USUAL_REFUSAL, PushEnd::Rejected)),
            questions: Mutex::default(),
        }
    }
}

impl PushDecoy {
    /// A request took so long and ended so.
    pub(super) fn note(&self, took: Duration, end: PushEnd) {
        self.how.note(took, end);
    }

    /// A server asked a user something.
    pub(super) fn note_question(&self, user: &UserName, text: &str, echo: bool) {
        let bare: String = text
            .chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect();
        let mut questions = self
            .questions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match &questions.last {
            Some((other, text)) if *text == bare => {
                if other != user {
                    questions.common = Some((bare, echo));
                }
            }
            _ => questions.last = Some((user.clone(), bare)),
        }
    }

    pub(super) fn time(&self) -> Duration {
        self.how.time()
    }

    pub(super) fn end(&self) -> PushEnd {
        self.how.end()
    }

    /// A question for a decoy, with digits from `random`, and whether its answer is visible. Empty if no text is known
    /// to tell nothing of a user.
    pub(super) fn question(&self, random: &[u8; 16]) -> (String, bool) {
        let questions = self
            .questions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Some((text, echo)) = &questions.common else {
            return (String::new(), false);
        };
        let mut digits = random.iter().cycle();
        let drawn = |c: char| match (c, digits.next()) {
            ('0', Some(byte)) => char::from(b'0' + byte % 10),
            _ => c,
        };
        (text.chars().map(drawn).collect(), *echo)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> UserName {
        name.parse().unwrap()
    }

    #[test]
    fn a_question_is_shown_to_others_only_after_two_users_got_it_and_with_other_digits() {
        let decoy = PushDecoy::default();
        let shown = || decoy.question(&[7; 16]);
        decoy.note_question(&user("anna"), "Choose 42 on the phone", true);
        decoy.note_question(&user("anna"), "Choose 17 on the phone", true);
        assert_eq!(shown(), (String::new(), false), "both were anna's");
        decoy.note_question(&user("bob"), "Choose 93 on the phone", true);
        assert_eq!(shown(), ("Choose 77 on the phone".to_owned(), true));
        decoy.note_question(&user("anna"), "Look at Anna's phone", true);
        decoy.note_question(&user("bob"), "Look at Bob's phone", true);
        assert_eq!(shown().0, "Choose 77 on the phone");
    }

    #[test]
    fn the_next_decoy_does_what_the_last_request_did() {
        let decoy = PushDecoy::default();
        decoy.note(Duration::from_secs(3), PushEnd::Silent);
        assert_eq!(decoy.time(), Duration::from_secs(3));
        assert_eq!(decoy.end(), PushEnd::Silent);
    }
}
