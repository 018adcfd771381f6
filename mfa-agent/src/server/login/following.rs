//! The effect that follows, with what is known of the end if the login ends by it.

use super::Effect;

/// What follows.
pub(super) struct Following {
    pub(super) effect: Effect,
    pub(super) note: EndNote,
}

/// What is known of the end, if the login ends by that.
pub(super) enum EndNote {
    /// The audit log does not have it yet.
    Due,
    /// The same: no RADIUS server verified the answer, and why.
    Silence(String),
    /// The audit log has it: it was committed with the verdict.
    Committed {
        /// What the account could be passed with when it was; none if it was not passed.
        generation: Option<u64>,
    },
}

impl Following {
    /// What follows from something that the audit log does not have yet.
    pub(super) fn due(effect: Effect) -> Self {
        let note = EndNote::Due;
        Self { effect, note }
    }

    /// What follows where no RADIUS server has judged the answer.
    pub(super) fn silence(effect: Effect, why: String) -> Self {
        let note = EndNote::Silence(why);
        Self { effect, note }
    }

    /// What follows from something that was committed together with its event.
    pub(super) fn committed(effect: Effect) -> Self {
        let note = EndNote::Committed { generation: None };
        Self { effect, note }
    }

    /// What follows from a verdict that was committed together with its event.
    pub(super) fn judged(effect: Effect, generation: Option<u64>) -> Self {
        let note = EndNote::Committed { generation };
        Self { effect, note }
    }
}
