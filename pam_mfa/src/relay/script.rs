//! A scripted program, for tests. Each call must match the next event of the script, and at the end
//! no event may be left.

use std::collections::VecDeque;

use mfa_protocol::login::{Message, Prompt, Unsigned};
use mfa_protocol::{Secret, ssh_agent};

use super::{ConversationError, Host, Priority};
use crate::answer::PamAnswer;

/// What the module shows by itself.
pub(crate) const NOT_CHECKED: &str =
    "The second factor can't be checked now. Contact your administrator.";

pub(crate) enum Event {
    /// Messages and a prompt in one call; the answer, or `None` for a failed conversation.
    Asks(Vec<&'static str>, &'static str, Option<&'static [u8]>),
    /// Messages without a prompt; whether they are shown.
    Shows(Vec<&'static str>, bool),
    /// The password for the next module.
    SetsAuthtok(&'static [u8]),
}

pub(crate) struct Script {
    user: Option<String>,
    events: VecDeque<Event>,
    log: Vec<(Priority, String)>,
    pub(crate) authtok: Option<&'static [u8]>,
    pub(crate) rhost: Option<String>,
    pub(crate) ticket: Option<String>,
    pub(crate) password_failed: bool,
    /// What the ssh-agent says to the next message, if there is one.
    pub(crate) ssh_agent: Option<Result<&'static str, Unsigned>>,
}

impl Script {
    pub(crate) fn new(user: &str) -> Self {
        Self {
            user: Some(user.to_owned()),
            events: VecDeque::new(),
            log: Vec::new(),
            authtok: None,
            rhost: None,
            ticket: None,
            password_failed: false,
            ssh_agent: None,
        }
    }

    pub(crate) fn of(events: impl IntoIterator<Item = Event>) -> Self {
        let mut script = Self::new("alice");
        script.events.extend(events);
        script
    }

    pub(crate) fn without_user() -> Self {
        let mut script = Self::new("");
        script.user = None;
        script
    }

    pub(crate) fn logged(&self) -> String {
        self.log
            .iter()
            .map(|(_, line)| line.as_str())
            .collect::<Vec<_>>()
            .join("\n")
    }

    fn next(&mut self, what: &str) -> Event {
        self.events
            .pop_front()
            .unwrap_or_else(|| panic!("the script has ended before {what}"))
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(
                self.events.is_empty(),
                "{} events of the script are left",
                self.events.len()
            );
        }
    }
}

fn texts(messages: &[Message]) -> Vec<&str> {
    messages
        .iter()
        .map(|message| message.text.as_str())
        .collect()
}

impl Host for Script {
    fn user(&mut self) -> Result<Option<String>, ConversationError> {
        Ok(self.user.clone())
    }

    fn service(&self) -> Option<String> {
        Some("sshd".into())
    }

    fn rhost(&self) -> Option<String> {
        self.rhost.clone()
    }

    fn ruser(&self) -> Option<String> {
        Some(String::new())
    }

    fn tty(&self) -> Option<String> {
        Some("ssh".into())
    }

    fn ssh_auth_info(&self) -> Option<String> {
        Some("publickey ssh-ed25519 AAAAC3Nz\n\npassword\n".into())
    }

    fn has_ssh_agent(&self) -> bool {
        self.ssh_agent.is_some()
    }

    fn ask_ssh_agent(&mut self, _: &ssh_agent::Message) -> Result<String, Unsigned> {
        let reply = self.ssh_agent.unwrap_or(Err(Unsigned::NoAgent));
        reply.map(str::to_owned)
    }

    fn ticket(&self) -> Option<Secret> {
        self.ticket.clone().map(Secret::new)
    }

    fn set_ticket(&mut self, ticket: Option<&Secret>) -> Result<(), ConversationError> {
        self.ticket = ticket.map(|ticket| ticket.expose().to_owned());
        Ok(())
    }

    fn has_password_failed(&self) -> bool {
        self.password_failed
    }

    fn set_password_failed(&mut self, failed: bool) -> Result<(), ConversationError> {
        self.password_failed = failed;
        Ok(())
    }

    fn locale(&self) -> Option<String> {
        None
    }

    fn parent(&self) -> u32 {
        4711
    }

    fn take_authtok(&mut self) -> Option<PamAnswer> {
        PamAnswer::new(self.authtok?).ok()
    }

    fn set_authtok(&mut self, password: &[u8]) -> Result<(), ConversationError> {
        let Event::SetsAuthtok(expected) = self.next("set_authtok") else {
            panic!("the script does not expect set_authtok here");
        };
        assert_eq!(password, expected);
        Ok(())
    }

    fn ask(
        &mut self,
        messages: &[Message],
        prompt: &Prompt,
    ) -> Result<PamAnswer, ConversationError> {
        let Event::Asks(shown, asked, answer) = self.next(&prompt.text) else {
            panic!("the script does not expect {:?} here", prompt.text);
        };
        assert_eq!((texts(messages), prompt.text.as_str()), (shown, asked));
        let answer = answer.ok_or(ConversationError::Failed)?;
        Ok(PamAnswer::to(prompt.optional, answer)?)
    }

    fn show(&mut self, messages: &[Message]) -> Result<(), ConversationError> {
        let Event::Shows(expected, shown) = self.next("show") else {
            panic!("the script does not expect {:?} here", texts(messages));
        };
        assert_eq!(texts(messages), expected);
        if shown {
            Ok(())
        } else {
            Err(ConversationError::Failed)
        }
    }

    fn log(&mut self, priority: Priority, text: &str) {
        self.log.push((priority, text.to_owned()));
    }
}
