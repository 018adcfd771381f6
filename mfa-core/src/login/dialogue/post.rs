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
use super::super::messages::{DeliveryStatus, news, no_recipient};
use super::{Dialogue, Next, Turn};
use crate::factors::address::{Channel, Recipient};
use crate::factors::sent_code::SentCode;
use crate::texts::{Text, Texts};

/// A message to be sent.
#[derive(Clone, Debug)]
pub struct SendRequest {
    /// By which channel.
    pub channel: Channel,
    /// Where to, if the user has no address of their own: where the template says, or what was just typed.
    pub fallback: Option<Recipient>,
    /// The code to send again; without one, a new code.
    pub again: Option<SentCode>,
    /// Until when it is good, if one was sent before.
    pub expires: Option<Timestamp>,
}

/// A message to be sent, and what is to be shown along with the news of it.
#[derive(Debug)]
pub(in crate::login) struct PendingSend {
    pub(in crate::login) request: SendRequest,
    shown: Vec<Message>,
}

/// What was sent in a login.
#[derive(Debug, Default)]
pub(super) enum SentCodeState {
    /// Nothing yet.
    #[default]
    Nothing,
    /// A message, for the code that is good now.
    Sent {
        channel: Channel,
        /// The code; none to a user who has no address.
        code: Option<SentCode>,
        expires: Timestamp,
        /// The result of a message after its prompt was shown, if the user must know it.
        late: Option<DeliveryStatus>,
    },
    /// A code that is good no more. The next one lives no longer than it would have.
    UsedUp { expires: Timestamp },
}

impl SentCodeState {
    /// Whether a message went out that way, for the code that is good now.
    pub(super) fn has_gone_out(&self, by: Channel) -> bool {
        matches!(self, Self::Sent { channel, .. } if *channel == by)
    }

    pub(super) fn code(&self) -> Option<&SentCode> {
        match self {
            Self::Sent { code, .. } => code.as_ref(),
            Self::Nothing | Self::UsedUp { .. } => None,
        }
    }

    fn expires(&self) -> Option<Timestamp> {
        match self {
            Self::Nothing => None,
            Self::Sent { expires, .. } | Self::UsedUp { expires } => Some(*expires),
        }
    }

    pub(super) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires().is_some_and(|expires| now >= expires)
    }

    fn use_up(&mut self) {
        if let Some(expires) = self.expires() {
            *self = Self::UsedUp { expires };
        }
    }

    /// Takes the late news of a message, and its channel.
    fn take_late(&mut self) -> Option<(DeliveryStatus, Channel)> {
        match self {
            Self::Sent { late, channel, .. } => late.take().map(|late| (late, *channel)),
            Self::Nothing | Self::UsedUp { .. } => None,
        }
    }
}

impl Dialogue {
    /// Takes what came of [`Next::Send`].
    pub(in crate::login) fn dispatched<C>(
        &mut self,
        send: PendingSend,
        dispatch: SendResult,
    ) -> Next<C> {
        let channel = send.request.channel;
        self.post = SentCodeState::Sent {
            channel,
            expires: self.post.expires().unwrap_or(dispatch.expires),
            // What was sent before is as good as it was.
            code: dispatch.code.or(send.request.again),
            late: None,
        };
        let mut messages = send.shown;
        let texts = &self.plan.wording.asking;
        messages.push(news(texts, dispatch.news, channel, self.has_other_way()));
        let factor = channel.factor();
        Next::Ask(self.ask(factor, messages), Turn::Factor(factor))
    }

    /// Takes what became of a message whose prompt was shown before that was known.
    pub(in crate::login) fn learned_late(&mut self, news: DeliveryStatus) {
        if let SentCodeState::Sent { late, .. } = &mut self.post {
            *late = (news != DeliveryStatus::OnItsWay).then_some(news);
        }
    }

    /// Takes a code that went to another address of the user, because the one before could not be sent.
    pub(in crate::login) fn sent_elsewhere(&mut self, other: SentCode) {
        if let SentCodeState::Sent { code, late, .. } = &mut self.post {
            (*code, *late) = (Some(other), None);
        }
    }

    /// Tells it with a step that goes to the user, unless that lets them in.
    pub(in crate::login) fn with_late_news<C>(&mut self, mut next: Next<C>) -> Next<C> {
        match &mut next {
            Next::Ask(step, _) => {
                let texts = Arc::clone(&self.plan.wording.asking);
                self.add_late_news(step, &texts);
            }
            Next::End(end) => self.add_late_news_to_end(end),
            Next::Relay(step, _) => {
                let texts = Arc::clone(&self.plan.wording.asking);
                self.add_late_news(step, &texts);
            }
            Next::Find(..) | Next::Send(_) | Next::Query(_) | Next::Verify(_) => {}
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
        if let Some((late, channel)) = self.post.take_late() {
            let late = news(texts, late, channel, self.has_other_way());
            step.messages.insert(0, late);
        }
    }

    /// The code was right, but another answer was wrong: the code is no longer valid.
    pub(in crate::login) fn spend_sent_code(&mut self) {
        self.post.use_up();
    }

    /// Has a code sent, once it is known where to.
    pub(super) fn send<C>(&mut self, channel: Channel, messages: Vec<Message>) -> Next<C> {
        if self.asks_for_recipient() == Some(channel) {
            return self.ask_for_recipient(channel, messages);
        }
        self.post.use_up();
        self.order(channel, messages)
    }

    /// Sends the valid code again, or a new one if there is none.
    pub(super) fn order<C>(&mut self, channel: Channel, shown: Vec<Message>) -> Next<C> {
        self.post.take_late();
        let request = SendRequest {
            channel,
            fallback: self
                .recipient
                .clone()
                .filter(|it| it.channel() == channel)
                .or_else(|| {
                    self.user
                        .address
                        .clone()
                        .filter(|it| it.channel() == channel)
                }),
            again: self.post.code().cloned(),
            expires: self.post.expires(),
        };
        Next::Send(PendingSend { request, shown })
    }

    pub(super) fn asks_for_recipient(&self) -> Option<Channel> {
        let channel = self.user.asks?;
        let is_needed = self.recipient.is_none() && self.factors().contains(&channel.factor());
        is_needed.then_some(channel)
    }

    pub(super) fn take_recipient<C>(&mut self, channel: Channel, typed: &str) -> Next<C> {
        match Recipient::read(channel, typed, self.plan.region) {
            Ok(recipient) => {
                self.recipient = Some(recipient);
                self.go_on(Vec::new())
            }
            Err(error) => {
                let wrong = no_recipient(&self.plan.wording.asking, &error);
                self.ask_for_recipient(channel, vec![wrong])
            }
        }
    }

    pub(super) fn recipient_prompt(&self, channel: Channel) -> String {
        let text = match channel {
            Channel::Email => Text::PromptAddress,
            Channel::Sms => Text::PromptNumber,
        };
        self.plan.wording.asking.prompt(&text)
    }

    fn ask_for_recipient<C>(&mut self, channel: Channel, messages: Vec<Message>) -> Next<C> {
        let prompt = Prompt {
            text: self.recipient_prompt(channel),
            echo: true,
            tail: None,
            optional: false,
        };
        let step = Step {
            messages,
            prompt: Some(prompt),
            ..Step::default()
        };
        Next::Ask(step, Turn::Recipient(channel))
    }
}
