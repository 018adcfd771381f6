//! The effect that follows, with what is known of the end if the login ends by it.

use mfa_core::login::Effect;

/// What follows.
pub(super) struct Following {
    pub(super) effect: Effect,
    pub(super) note: EndNote,
}

/// What is known of the end, if the login ends by that.
#[derive(Default)]
pub(super) struct EndNote {
    /// Whether the audit log has the end already: it was committed with the verdict.
    pub(super) is_recorded: bool,
    /// What the account could be passed with when it was.
    pub(super) generation: Option<u64>,
    /// Why no RADIUS server verified the answer.
    pub(super) silence: Option<String>,
}

impl From<Effect> for Following {
    fn from(effect: Effect) -> Self {
        Self {
            effect,
            note: EndNote::default(),
        }
    }
}

impl Following {
    /// What follows from a verdict that was committed together with its event.
    pub(super) fn recorded(effect: Effect) -> Self {
        let note = EndNote {
            is_recorded: true,
            ..EndNote::default()
        };
        Self { effect, note }
    }
}
