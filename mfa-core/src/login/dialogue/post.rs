//! Codes that are sent in a login: when, where to, and until when they are good.
//!
//! The code lives here, in the memory of its login, and nowhere else. Its time begins with the first message, and sending
//! it again does not lengthen it. A code that was right in a wrong round of answers is used up, and another is sent for
//! the next round. The first prompt does not wait for its message: the next step tells what became of that.

use std::sync::Arc;

use jiff::Timestamp;
use mfa_protocol::login::{Message, Outcome, Prompt, Step};

use super::super::end::End;
use super::super::event::SendResult;
use super::super::messages::{DeliveryStatus, news, no_number};
use super::{Dialogue, Next, Turn};
use crate::factors::address::{Channel, Recipient};
use crate::factors::sent_code::SentCode;
use crate::texts::{Text, Texts};

/// A message to be sent.
#[derive(Clone, Debug)]
pub struct SendRequest {
    /// By which channel.
    pub channel: Channel,
    /// Where to, if the user has no address of their own: where the template says, or the number that was just typed.
    pub fallback: Option<Recipient>,
    /// The code to send again; without one, a new code.
    pub again: Option<SentCode>,
    /// Until when it is good, if one was sent before.
    pub expires: Option<Timestamp>,
}

/// What was sent in a login.
#[derive(Debug, Default)]
pub(super) struct SentCodeState {
    code: Option<SentCode>,
    channel: Option<Channel>,
    expires: Option<Timestamp>,
    number: Option<Recipient>,
    /// What to show together with the delivery status.
    shown: Vec<Message>,
    /// The result of a message after its prompt was shown, if the user must know it.
    late: Option<DeliveryStatus>,
}

impl SentCodeState {
    /// Whether a message went out that way, for the code that is good now.
    pub(super) fn has_gone_out(&self, channel: Channel) -> bool {
        self.channel == Some(channel)
    }

    pub(super) fn code(&self) -> Option<&SentCode> {
        self.code.as_ref()
    }

    pub(super) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| now >= expires)
    }
}

impl Dialogue {
    /// Takes what came of [`Next::Send`].
    pub(in crate::login) fn dispatched(&mut self, dispatch: SendResult) -> Next {
        let Some(channel) = self.current().and_then(Channel::of) else {
            return self.go_on(Vec::new());
        };
        self.post.channel = Some(channel);
        self.post.expires.get_or_insert(dispatch.expires);
        // What was sent before is as good as it was.
        if let Some(code) = dispatch.code {
            self.post.code = Some(code);
        }
        let mut messages = std::mem::take(&mut self.post.shown);
        let texts = &self.plan.wording.asking;
        messages.push(news(texts, dispatch.news, channel, self.has_other_way()));
        Next::Ask(self.ask(messages), Turn::Factor)
    }

    /// Takes what became of a message whose prompt was shown before that was known.
    pub(in crate::login) fn learned_late(&mut self, news: DeliveryStatus) {
        self.post.late = (news != DeliveryStatus::OnItsWay).then_some(news);
    }

    /// Tells it with a step that goes to the user, unless that lets them in.
    pub(in crate::login) fn with_late_news(&mut self, mut next: Next) -> Next {
        match &mut next {
            Next::Ask(step, _) => {
                let texts = Arc::clone(&self.plan.wording.asking);
                self.add_late_news(step, &texts);
            }
            Next::End(end) => self.add_late_news_to_end(end),
            Next::Find(_) | Next::Send(_) | Next::Query(_) | Next::Verify(_) => {}
        }
        next
    }

    pub(super) fn add_late_news_to_end(&mut self, end: &mut End) {
        if end.outcome != Outcome::Passed {
            let texts = Arc::clone(&self.plan.wording.last);
            self.add_late_news(&mut end.step, &texts);
        }
    }

    fn add_late_news(&mut self, step: &mut Step, texts: &Texts) {
        if let Some((late, channel)) = self.post.late.take().zip(self.post.channel) {
            let late = news(texts, late, channel, self.has_other_way());
            step.messages.insert(0, late);
        }
    }

    /// The code was right, but another answer was wrong: the code is no longer valid.
    pub(in crate::login) fn spend_sent_code(&mut self) {
        self.post.code = None;
        self.post.channel = None;
    }

    /// Has a code sent, once it is known where to.
    pub(super) fn send(&mut self, channel: Channel, messages: Vec<Message>) -> Next {
        if channel == Channel::Sms && self.asks_for_number() {
            return self.ask_for_number(messages);
        }
        self.post.shown = messages;
        self.post.code = None;
        self.order(channel)
    }

    /// Sends the valid code again, or a new one if there is none.
    pub(super) fn order(&mut self, channel: Channel) -> Next {
        self.post.late = None;
        Next::Send(SendRequest {
            channel,
            fallback: match channel {
                Channel::Email => self.user.address.clone(),
                Channel::Sms => self.post.number.clone(),
            },
            again: self.post.code.clone(),
            expires: self.post.expires,
        })
    }

    pub(super) fn asks_for_number(&self) -> bool {
        let by_text = |factor| Channel::of(factor) == Some(Channel::Sms);
        self.user.asks_number
            && self.post.number.is_none()
            && self.factors().iter().copied().any(by_text)
    }

    pub(super) fn take_number(&mut self, typed: &str) -> Next {
        match Recipient::read(Channel::Sms, typed, self.plan.region) {
            Ok(number) => {
                self.post.number = Some(number);
                self.go_on(Vec::new())
            }
            Err(error) => {
                let wrong = no_number(&self.plan.wording.asking, &error);
                self.ask_for_number(vec![wrong])
            }
        }
    }

    fn ask_for_number(&mut self, messages: Vec<Message>) -> Next {
        let prompt = Prompt {
            text: self.plan.wording.asking.prompt(&Text::PromptNumber),
            echo: true,
            tail: None,
        };
        let step = Step {
            messages,
            prompt: Some(prompt),
            ..Step::default()
        };
        Next::Ask(step, Turn::Number)
    }
}
