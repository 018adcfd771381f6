//! Sets up an address or a number: asks for it, sends a code there, and asks for the code.

use jiff::Timestamp;
use mfa_protocol::login::{Message, Step};

use super::super::dialogue::SendRequest;
use super::super::event::{AddressChoice, AnswerEvent, SendResult};
use super::super::messages::{DeliveryStatus, error, news, no_recipient};
use super::ChosenFactor;
use super::step::{FactorNext, Saying, ask};
use crate::factors::address::{Channel, Recipient};
use crate::factors::sent_code::SentCode;
use crate::texts::Text;

pub(super) struct AddressStage {
    choice: AddressChoice,
    /// The last message; none while it is not known where to.
    sent: Option<Sent>,
    /// Whether it was said why the user is asked.
    is_introduced: bool,
}

struct Sent {
    /// The code; none if no message went out yet.
    code: Option<SentCode>,
    /// Since the first message. Sending again does not lengthen it.
    expires: Timestamp,
    /// The result of a message after its prompt was shown, if the user must know it.
    late: Option<DeliveryStatus>,
}

impl AddressStage {
    pub(super) fn of(choice: AddressChoice) -> Self {
        Self {
            choice,
            sent: None,
            is_introduced: false,
        }
    }

    pub(super) fn begin(&mut self, saying: &Saying) -> FactorNext {
        if self.choice.to.is_some() {
            return FactorNext::Send(self.request());
        }
        self.is_introduced = true;
        FactorNext::Ask(self.ask_where(saying.introduction(), saying))
    }

    pub(super) fn answer(&mut self, typed: &AnswerEvent, saying: &Saying) -> FactorNext {
        let text = typed.text.expose();
        let Some(sent) = &self.sent else {
            return self.take_recipient(text, saying);
        };
        if typed.now >= sent.expires {
            return FactorNext::Expired;
        }
        if saying.asking.is_resend(text) {
            return FactorNext::Send(self.request());
        }
        if text.trim() == "?" {
            return FactorNext::Ask(self.ask_for_code(Vec::new(), saying));
        }
        match sent.code.as_ref().filter(|code| code.is(text)) {
            Some(code) => FactorNext::Done(ChosenFactor::Address(code.to.clone())),
            None => FactorNext::Wrong,
        }
    }

    /// Takes what became of the message.
    pub(super) fn sent(&mut self, result: SendResult, saying: &Saying) -> Step {
        let before = self.sent.take();
        let expires = before.as_ref().map_or(result.expires, |sent| sent.expires);
        self.sent = Some(Sent {
            // What was sent before is as good as it was.
            code: result.code.or(before.and_then(|sent| sent.code)),
            expires,
            late: None,
        });
        let mut messages = match std::mem::replace(&mut self.is_introduced, true) {
            true => Vec::new(),
            false => saying.introduction(),
        };
        messages.push(news(
            &saying.asking,
            result.news,
            self.choice.channel,
            false,
        ));
        self.ask_for_code(messages, saying)
    }

    /// Takes what became of a message whose prompt is already shown. The next step tells it.
    pub(super) fn learn_late(&mut self, news: DeliveryStatus) {
        if let Some(sent) = &mut self.sent {
            sent.late = (news != DeliveryStatus::OnItsWay).then_some(news);
        }
    }

    pub(super) fn ask_again(&mut self, saying: &Saying) -> Step {
        let wrong = error(&saying.asking, &Text::NotAccepted);
        self.ask_for_code(vec![wrong], saying)
    }

    fn take_recipient(&mut self, typed: &str, saying: &Saying) -> FactorNext {
        match Recipient::read(self.choice.channel, typed, self.choice.region) {
            Ok(recipient) => {
                self.choice.to = Some(recipient);
                FactorNext::Send(self.request())
            }
            Err(why) => {
                let why = no_recipient(&saying.asking, &why);
                FactorNext::Refused(self.ask_where(vec![why], saying))
            }
        }
    }

    fn request(&self) -> SendRequest {
        let sent = self.sent.as_ref();
        SendRequest {
            channel: self.choice.channel,
            fallback: self.choice.to.clone(),
            again: sent.and_then(|sent| sent.code.clone()),
            expires: sent.map(|sent| sent.expires),
        }
    }

    fn ask_where(&self, messages: Vec<Message>, saying: &Saying) -> Step {
        let text = match self.choice.channel {
            Channel::Email => Text::PromptAddress,
            Channel::Sms => Text::PromptNumber,
        };
        ask(messages, saying.asking.prompt(&text), true)
    }

    fn ask_for_code(&mut self, mut messages: Vec<Message>, saying: &Saying) -> Step {
        if let Some(late) = self.sent.as_mut().and_then(|sent| sent.late.take()) {
            messages.insert(0, news(&saying.asking, late, self.choice.channel, false));
        }
        let factor = self.choice.channel.factor();
        let prompt = saying.asking.prompt_for(factor, "");
        ask(messages, prompt, self.choice.echo.shows(factor))
    }
}
