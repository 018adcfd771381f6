//! Codes that are sent in a login: when, where to, and until when they are good.
//!
//! The code lives here, in the memory of its login, and nowhere else. Its time begins with the first
//! message; sending it again does not begin it anew. A code that was right in a wrong round of answers is
//! used up, and another is sent for the next round. The first prompt does not wait for its message: what became of that
//! is told with the next step.

use jiff::Timestamp;
use mfa_protocol::login::{Message, Outcome, Prompt, Step};

use super::messages::{DeliveryStatus, news, no_number};
use super::{Dialogue, Next, Turn};
use crate::factors::address::{Channel, Recipient};
use crate::factors::sent_code::SentCode;
use crate::texts::Text;

/// A message to be sent.
#[derive(Clone, Debug)]
pub struct SendRequest {
    /// By which channel.
    pub channel: Channel,
    /// Where to, if the user has just said so.
    pub number: Option<Recipient>,
    /// The code that is to be sent again; without one, a fresh one.
    pub again: Option<SentCode>,
}

/// What came of an order.
#[derive(Clone, Debug)]
pub struct SendResult {
    /// The code that was sent; none to a user who has no address.
    pub code: Option<SentCode>,
    /// Until when a first code is good.
    pub expires: Timestamp,
    /// How the message fares.
    pub news: DeliveryStatus,
}

/// What was sent in a login.
#[derive(Debug, Default)]
pub(super) struct SentCodeState {
    code: Option<SentCode>,
    channel: Option<Channel>,
    expires: Option<Timestamp>,
    number: Option<Recipient>,
    /// What is to be shown along with the news.
    shown: Vec<Message>,
    /// What became of a message after its prompt was shown, if that is worth a word.
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
    pub fn dispatched(&mut self, dispatch: SendResult) -> Next {
        let Some(channel) = self.current().and_then(Channel::of) else {
            return self.go_on(Vec::new());
        };
        self.post.channel = Some(channel);
        self.post.expires.get_or_insert(dispatch.expires);
        // What was sent before is as good as it was.
        if let Some(code) = dispatch.code {
            self.post.code = Some(code);
        }
        self.turn = Turn::Factor;
        let mut messages = std::mem::take(&mut self.post.shown);
        let texts = &self.plan.wording.asking;
        messages.push(news(texts, dispatch.news, channel, self.has_other_way()));
        Next::Ask(self.ask(messages))
    }

    /// Takes what became of a message whose prompt was shown before that was known.
    pub fn learned_late(&mut self, news: DeliveryStatus) {
        self.post.late = (news != DeliveryStatus::OnItsWay).then_some(news);
    }

    /// Tells it with a step that goes to the user, unless that lets them in.
    pub(super) fn with_late_news(&mut self, mut next: Next) -> Next {
        let (step, texts) = match &mut next {
            Next::Ask(step) => (step, &self.plan.wording.asking),
            Next::End(step, outcome) if *outcome != Outcome::Passed => {
                (step, &self.plan.wording.last)
            }
            Next::End(..) | Next::Judge(_) | Next::Send(_) | Next::Inquire(_) => return next,
        };
        if let Some((late, channel)) = self.post.late.take().zip(self.post.channel) {
            let late = news(texts, late, channel, self.has_other_way());
            step.messages.insert(0, late);
        }
        next
    }

    /// The code was right, but something with it was not: it is good no more.
    pub fn spend_sent_code(&mut self) {
        self.post.code = None;
        self.post.channel = None;
    }

    /// Until when the code that was sent is good.
    #[must_use]
    pub fn code_expires(&self) -> Option<Timestamp> {
        self.post.expires
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

    /// Has the code sent that is good now, or a fresh one if there is none.
    pub(super) fn order(&mut self, channel: Channel) -> Next {
        self.turn = Turn::Outside;
        self.post.late = None;
        let number = self.post.number.clone();
        Next::Send(SendRequest {
            channel,
            number: number.filter(|number| number.channel() == channel),
            again: self.post.code.clone(),
        })
    }

    pub(super) fn asks_for_number(&self) -> bool {
        let by_text = |factor| Channel::of(factor) == Some(Channel::Sms);
        self.holdings.asks_number
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
        self.turn = Turn::Number;
        let prompt = Prompt {
            text: self.plan.wording.asking.prompt(&Text::PromptNumber),
            echo: true,
            tail: None,
        };
        Next::Ask(Step {
            messages,
            prompt: Some(prompt),
            ..Step::default()
        })
    }
}
