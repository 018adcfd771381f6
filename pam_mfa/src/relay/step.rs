//! Checks that a step of the agent makes sense.

use std::fmt;

use mfa_protocol::login::{Message, Outcome, Prompt, Step};

/// A question, a wait, or the end.
pub(super) enum Next {
    Ask {
        messages: Vec<Message>,
        prompt: Prompt,
        /// Seconds.
        patience: Option<u32>,
    },
    /// The user answers elsewhere, such as on a phone.
    Wait {
        messages: Vec<Message>,
        /// Seconds.
        patience: Option<u32>,
    },
    Ended {
        messages: Vec<Message>,
        outcome: Outcome,
        code_length: Option<u32>,
    },
}

/// Why a step makes no sense.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum StepError {
    #[error("it does more than one of asking, waiting and ending")]
    Several,
    #[error("it neither asks nor waits nor ends")]
    Neither,
    #[error("it wants a message relayed to an ssh-agent, which was not offered")]
    NotOffered,
    #[error("it shows more than {MAX_MESSAGES} messages at once")]
    TooManyMessages,
}

impl TryFrom<Step> for Next {
    type Error = StepError;

    fn try_from(step: Step) -> Result<Self, StepError> {
        let Step {
            messages,
            prompt,
            outcome,
            code_length,
            patience,
            waits,
            sign,
        } = step;
        if sign.is_some() {
            return Err(StepError::NotOffered);
        }
        if messages.len() > MAX_MESSAGES {
            return Err(StepError::TooManyMessages);
        }
        match (prompt, outcome, waits) {
            (Some(prompt), None, false) => Ok(Self::Ask {
                messages,
                prompt,
                patience,
            }),
            (None, None, true) => Ok(Self::Wait { messages, patience }),
            (None, Some(outcome), false) => Ok(Self::Ended {
                messages,
                outcome,
                code_length,
            }),
            (None, None, false) => Err(StepError::Neither),
            _ => Err(StepError::Several),
        }
    }
}

/// For the debug log: the step without its texts.
impl fmt::Display for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ask {
                messages, prompt, ..
            } => {
                let echo = if prompt.echo { "visible" } else { "hidden" };
                write!(f, "{} messages, a {echo} prompt", messages.len())?;
                match prompt.tail {
                    Some(tail) => write!(f, ", of whose answer {tail} characters are sent"),
                    None => Ok(()),
                }
            }
            Self::Wait { messages, .. } => write!(f, "{} messages, a wait", messages.len()),
            Self::Ended {
                messages, outcome, ..
            } => {
                write!(
                    f,
                    "{} messages, outcome {}",
                    messages.len(),
                    outcome.as_str()
                )
            }
        }
    }
}

/// `PAM_MAX_NUM_MSG` is 32, and programs refuse more in one call, the prompt included.
const MAX_MESSAGES: usize = 31;
