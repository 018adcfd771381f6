//! What a dialogue shows: prompts, and what is said of an answer that was not accepted.

use mfa_protocol::login::{Message, Prompt, Step};

use super::super::keys::{has_key, is_key};
use super::super::messages::error;
use super::{Dialogue, EarlyAnswer, is_judged_elsewhere};
use crate::account::Verdict;
use crate::factors::{Factor, FactorCombination, FactorRow};
use crate::texts::{Text, Texts};

impl Dialogue {
    /// The prompts of the way, as they would be shown one after the other. Nothing is said of a key that sshd has verified,
    /// and a way with a key that can't be met is none.
    pub(in crate::login) fn prompts(&self) -> Vec<String> {
        let is_met = self.user.keys.has_verified();
        let ways = &self.plan.combinations;
        let factors =
            match is_met || self.plan.keys.can_sign || !self.factors().iter().any(|it| is_key(*it))
            {
                true => self.factors(),
                false => {
                    let way = self.user.way(ways, |way| !has_key(way));
                    let way = way.and_then(|way| ways.get(way));
                    way.map_or(&[][..], FactorCombination::factors)
                }
            };
        let recipient = self
            .asks_for_recipient()
            .map(|channel| self.recipient_prompt(channel));
        let asked = factors.iter().filter(|it| !is_met || !is_key(**it));
        let texts = asked.map(|factor| {
            let texts = &self.plan.wording.asking;
            match (is_key(*factor), self.pushes(*factor)) {
                (true, _) => texts.say(&Text::TouchKey),
                (false, true) => texts.say(&Text::PushSent),
                (false, false) => self.prompt(*factor).text.clone(),
            }
        });
        recipient.into_iter().chain(texts).collect()
    }

    pub(super) fn ask(&self, factor: Factor, messages: Vec<Message>) -> Step {
        Step {
            messages,
            prompt: Some(self.prompt(factor)),
            patience: self.plan.patience.filter(|_| is_judged_elsewhere(factor)),
            ..Step::default()
        }
    }

    fn prompt(&self, factor: Factor) -> Prompt {
        let tail = self.plan.single.then_some(self.user.code_digits);
        let texts = &self.plan.wording.asking;
        let text = match factor.row().fits_one_answer && self.asks_for_password() {
            true => texts.prompt(&Text::PromptPasswordAndCode),
            false => texts.prompt_for(factor, &self.user.question),
        };
        let shows = |factor| self.plan.echo.shows(factor);
        let shows_all = shows(factor) && (!self.may_pin_follow(factor) || shows(Factor::Pin));
        Prompt {
            text,
            echo: !self.plan.single && shows_all,
            tail,
            optional: false,
        }
    }

    /// Whether the answer is to hold the password, too. After a password that was typed earlier and had no code
    /// behind it, the code alone is missing.
    fn asks_for_password(&self) -> bool {
        self.plan.single && matches!(self.early, EarlyAnswer::None | EarlyAnswer::Due)
    }

    pub(super) fn complaint(&self, verdict: Option<&Verdict>, texts: &Texts) -> Vec<Message> {
        // Programs behind `single` take a message for a failed conversation.
        if self.plan.single {
            Vec::new()
        } else {
            let of_key =
                verdict.and_then(|verdict| self.key.complaint(verdict, self.plan.keys.way()));
            let why = match (self.push.is_last(), self.key.is_last()) {
                (true, _) => Text::PushNotApproved,
                (false, true) => Text::KeyNotAccepted,
                (false, false) => Text::NotAccepted,
            };
            vec![error(texts, &of_key.unwrap_or(why))]
        }
    }
}
