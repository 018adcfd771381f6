//! The ways of the policy, of which the user may choose one.

use mfa_protocol::login::{Message, Step};

use super::super::messages::{choice, error};
use super::{Dialogue, Next, Turn};
use crate::texts::Text;

impl Dialogue {
    pub(super) fn choose<C>(&mut self, typed: &str) -> Next<C> {
        let typed = typed.trim();
        let by_number = typed.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
        let chosen = by_number
            .filter(|n| *n < self.plan.combinations.len())
            .or_else(|| {
                self.plan
                    .combinations
                    .iter()
                    .position(|combination| combination.to_string() == typed)
            });
        let Some(chosen) = chosen else {
            return self.offer(vec![error(&self.plan.wording.asking, &Text::WaysUnknown)]);
        };
        self.combination = chosen;
        self.key.chosen();
        self.go_on(Vec::new())
    }

    /// All ways of the policy are offered, whatever the user has: the list tells nothing.
    pub(super) fn offer<C>(&mut self, messages: Vec<Message>) -> Next<C> {
        self.given.clear();
        let prompt = choice(&self.plan.wording.asking, &self.plan.combinations);
        let step = Step {
            messages,
            prompt: Some(prompt),
            ..Step::default()
        };
        Next::Ask(step, Turn::Choice)
    }

    pub(super) fn has_other_way(&self) -> bool {
        !self.plan.single && self.plan.combinations.len() > 1
    }
}
