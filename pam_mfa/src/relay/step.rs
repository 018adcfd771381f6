//! Checks that a step of the agent makes sense.

use std::fmt;

use mfa_protocol::login::{Message, Outcome, Prompt, Step};
use mfa_protocol::ssh_agent::{self, NotRelayed};

/// A question, a wait, a message for the ssh-agent, or the end.
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
    /// The user's ssh-agent answers.
    Sign {
        messages: Vec<Message>,
        message: ssh_agent::Message,
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
    #[error("it does more than one of asking, waiting, relaying and ending")]
    Several,
    #[error("it does not ask, wait, relay or end")]
    Neither,
    #[error(transparent)]
    NotRelayed(#[from] NotRelayed),
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
        if messages.len() > MAX_MESSAGES {
            return Err(StepError::TooManyMessages);
        }
        match (prompt, outcome, waits, sign) {
            (Some(prompt), None, false, None) => Ok(Self::Ask {
                messages,
                prompt,
                patience,
            }),
            (None, None, true, None) => Ok(Self::Wait { messages, patience }),
            (None, None, false, Some(sign)) => Ok(Self::Sign {
                messages,
                message: ssh_agent::Message::new(&sign, patience)?,
            }),
            (None, Some(outcome), false, None) => Ok(Self::Ended {
                messages,
                outcome,
                code_length,
            }),
            (None, None, false, None) => Err(StepError::Neither),
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
            Self::Sign { messages, .. } => {
                write!(f, "{} messages, one for the ssh-agent", messages.len())
            }
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
