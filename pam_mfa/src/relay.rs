//! The relay: one login, from its first prompt to its outcome.
//!
//! It connects a [`Host`] (the program with its conversation and PAM items) to the agent. It shows
//! the agent's prompts and sends the answers until there is an outcome, and decides nothing. Both
//! sides may misbehave: an invalid step, an endless dialogue, an invalid answer or a broken
//! conversation ends the login, and never as passed.

mod account;
mod failure;
pub mod password_failed;
#[cfg(test)]
pub(crate) mod script;
mod step;
#[cfg(test)]
mod tests;
mod verified;

pub use account::admit;

use mfa_protocol::client::{Client, ClientError};
use mfa_protocol::login::{
    Answer, AnswerParameters, Authtok, Begin, BeginParameters, Cancel, CancelParameters,
    LoginReply, Message, Outcome, Prompt,
};
use mfa_protocol::message::Method;
use mfa_protocol::{MAX_NAME, Secret, ssh_agent};

use crate::answer::{NoAnswer, PamAnswer};
pub use crate::host::{ConversationError, Host, Priority};
use crate::outcome::RelayResult;
use failure::{after_the_first_step, before_the_first_step, not_understood};
use mfa_protocol::arguments::Arguments;
use step::Next;
use verified::Verified;

/// Runs one login to its end.
pub fn run(arguments: &Arguments, host: &mut impl Host) -> RelayResult {
    // A ticket of an earlier login in this process must not be used for this one.
    if arguments.ticket() && host.set_ticket(None).is_err() {
        host.log(Priority::Error, "libpam did not remove the ticket");
    }
    let relayed = begin(arguments, host).and_then(|begun| {
        let login = Login {
            arguments,
            host,
            client: begun.client,
            session: begun.reply.session.clone(),
            first_pass: arguments.authtok(),
            can_sign: begun.can_sign,
        };
        login.relay(begun.reply)
    });
    match relayed {
        Ok(outcome) => RelayResult::Decided(outcome),
        Err(result) => result,
    }
}

/// A login that the agent has begun.
struct Begun {
    client: Client,
    reply: LoginReply,
    /// Whether the agent knows that messages for the ssh-agent can be relayed.
    can_sign: bool,
}

fn begin(arguments: &Arguments, host: &mut impl Host) -> Result<Begun, RelayResult> {
    let mut parameters = parameters(arguments, host)?;
    parameters.can_sign = host.has_ssh_agent().then_some(true);
    let (client, reply) = first_call::<Begin>(arguments, &mut parameters, |parameters| {
        parameters.after = Verified::without_keys(parameters.after.take());
        let keys = parameters.verified_keys.take().is_some();
        parameters.can_sign.take().is_some() || keys
    })
    .map_err(before_the_first_step)?;
    Ok(Begun {
        client,
        reply,
        can_sign: parameters.can_sign.is_some(),
    })
}

/// Connects and calls a method. While a package is upgraded, the agent before it may still run: it refuses parameters
/// that it does not know, and is called again without those that `simplify` took out, if it took out any.
fn first_call<M: Method>(
    arguments: &Arguments,
    parameters: &mut M::Parameters,
    simplify: impl FnOnce(&mut M::Parameters) -> bool,
) -> Result<(Client, M::Reply), ClientError> {
    let call = |parameters: &M::Parameters| {
        let mut client = Client::connect(arguments.socket(), arguments.timeout())?.for_one_login();
        let reply = client.call::<M>(parameters)?;
        Ok::<_, ClientError>((client, reply))
    };
    match call(parameters) {
        Err(error) if error.is_about_a_parameter() && simplify(parameters) => call(parameters),
        outcome => outcome,
    }
}

fn parameters(arguments: &Arguments, host: &mut impl Host) -> Result<BeginParameters, RelayResult> {
    let Some(user) = host.user()? else {
        return Err(RelayResult::BadName(BAD_USER));
    };
    if user.is_empty() || user.len() > MAX_NAME {
        return Err(RelayResult::BadName(BAD_USER));
    }
    let Some(service) = host.service().filter(|name| name.len() <= MAX_NAME) else {
        return Err(RelayResult::BadName(BAD_SERVICE));
    };
    let verified = Verified::of(host.ssh_auth_info().as_deref());
    Ok(BeginParameters {
        user,
        service,
        rhost: known(host.rhost()),
        ruser: known(host.ruser()),
        tty: known(host.tty()),
        after: verified.methods,
        verified_keys: verified.keys,
        can_sign: None,
        operation: None,
        authtok: Some(arguments.authtok()),
        echo_code: arguments.echo_code().then_some(true),
        ticket_for: arguments.ticket().then(|| host.parent()),
    })
}

/// Leaves out empty names, and cuts long ones: a name that long is not an address anyway.
fn known(name: Option<String>) -> Option<String> {
    let mut name = name.filter(|name| !name.is_empty())?;
    while name.len() > MAX_NAME {
        name.pop();
    }
    Some(name)
}

/// A login that the agent has begun.
struct Login<'a, H> {
    arguments: &'a Arguments,
    host: &'a mut H,
    client: Client,
    session: String,
    /// Where the next answer comes from; `None` once `PAM_AUTHTOK` was used.
    first_pass: Authtok,
    can_sign: bool,
}

impl<H: Host> Login<'_, H> {
    fn relay(mut self, mut reply: LoginReply) -> Result<Outcome, RelayResult> {
        let mut cut = None;
        for _ in 0..MAX_STEPS {
            let ticket = reply.ticket.take();
            let next = Next::try_from(reply.step).map_err(not_understood)?;
            if self.arguments.debug() {
                self.host.log(
                    Priority::Debug,
                    &format!("session {}: {next}", self.session),
                );
            }
            let (messages, prompt, patience) = match next {
                Next::Ended {
                    messages,
                    outcome,
                    code_length,
                } => {
                    let is_met = matches!(outcome, Outcome::Passed | Outcome::Skipped);
                    self.leave(ticket.filter(|_| is_met));
                    return self.end(&messages, outcome, code_length, cut);
                }
                Next::Wait { messages, patience } => {
                    self.show(&messages);
                    reply = self.send(Secret::default(), None, patience)?;
                    continue;
                }
                Next::Sign { messages, message } => {
                    self.show(&messages);
                    reply = self.sign(&message)?;
                    continue;
                }
                Next::Ask {
                    messages,
                    prompt,
                    patience,
                } => (messages, prompt, patience),
            };
            let (answer, typed) = match self.answer(&messages, &prompt) {
                Ok(answer) => answer,
                Err(result) => return Err(self.cancelled(result)),
            };
            let is_password = self.is_checked_password(&typed).then_some(true);
            cut = prompt.tail.map(|tail| (typed, tail));
            reply = self.send(answer, is_password, patience)?;
        }
        Err(not_understood("it asks too many questions"))
    }

    fn send(
        &mut self,
        answer: Secret,
        is_password: Option<bool>,
        patience: Option<u32>,
    ) -> Result<LoginReply, RelayResult> {
        let parameters = AnswerParameters {
            session: self.session.clone(),
            answer,
            is_password,
            ..AnswerParameters::default()
        };
        self.client.allow(patience);
        self.call(&parameters)
    }

    /// Relays a message to the user's ssh-agent.
    fn sign(&mut self, message: &ssh_agent::Message) -> Result<LoginReply, RelayResult> {
        if !self.can_sign {
            return Err(not_understood(
                "it asks for an ssh-agent that was not offered",
            ));
        }
        let reply = self.host.ask_ssh_agent(message);
        if let (Err(why), true) = (&reply, self.arguments.debug()) {
            let line = format!("session {}: the ssh-agent: {}", self.session, why.as_str());
            self.host.log(Priority::Debug, &line);
        }
        self.call(&AnswerParameters::of_ssh_agent(self.session.clone(), reply))
    }

    fn call(&mut self, parameters: &AnswerParameters) -> Result<LoginReply, RelayResult> {
        self.client
            .call::<Answer>(parameters)
            .map_err(after_the_first_step)
    }

    /// The answer for the agent, and all that was typed.
    fn answer(
        &mut self,
        messages: &[Message],
        prompt: &Prompt,
    ) -> Result<(Secret, PamAnswer), RelayResult> {
        let typed = match self.first_pass(prompt)? {
            Some(password) => {
                self.show(messages);
                password
            }
            None => self.host.ask(messages, prompt)?,
        };
        let answer = match prompt.tail {
            Some(tail) => typed.tail(tail),
            None => typed.whole(),
        }?;
        Ok((answer, typed))
    }

    /// Whether the answer is the password that an earlier module checked: programs that answer
    /// every prompt with it are not guessing. If code and password share one answer, no module has
    /// checked it yet.
    fn is_checked_password(&mut self, typed: &PamAnswer) -> bool {
        let password = match self.arguments.authtok() {
            Authtok::None | Authtok::Use | Authtok::Try => self.host.take_authtok(),
            Authtok::Forward => None,
        };
        password.is_some_and(|password| password.is_same(typed))
    }

    /// The earlier password, if it answers this prompt. It is used once.
    fn first_pass(&mut self, prompt: &Prompt) -> Result<Option<PamAnswer>, RelayResult> {
        let source = self.first_pass;
        match source {
            Authtok::None | Authtok::Forward => return Ok(None),
            // After its one use, use_first_pass still asks nothing.
            Authtok::Try => self.first_pass = Authtok::None,
            Authtok::Use => {}
        }
        let password = match prompt.tail {
            Some(_) => self.host.take_authtok(),
            None => None,
        };
        match (password, source) {
            (Some(password), _) => Ok(Some(password)),
            (None, Authtok::Use) => Err(RelayResult::NoPassword),
            (None, _) => Ok(None),
        }
    }

    fn end(
        mut self,
        messages: &[Message],
        outcome: Outcome,
        code_length: Option<u32>,
        cut: Option<(PamAnswer, u32)>,
    ) -> Result<Outcome, RelayResult> {
        if let (Outcome::Passed, Some(length), Some((typed, tail))) = (outcome, code_length, cut) {
            let password = (length <= tail)
                .then(|| typed.before_last(length))
                .flatten();
            let password =
                password.ok_or_else(|| not_understood("the code is longer than what was sent"))?;
            self.hand_on(password)?;
        }
        self.show(messages);
        Ok(outcome)
    }

    /// Leaves the ticket of a passed login for the account phase, if the arguments ask for it.
    fn leave(&mut self, ticket: Option<Secret>) {
        if !self.arguments.ticket() {
            return;
        }
        let fits = |ticket: &Secret| {
            let text = ticket.expose();
            text.len() <= MAX_TICKET && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        let Some(ticket) = ticket.filter(fits) else {
            return;
        };
        if self.host.set_ticket(Some(&ticket)).is_err() {
            self.host.log(
                Priority::Error,
                "libpam did not store the ticket; the account phase will refuse this login",
            );
        }
    }

    /// Hands the password to the next module. If only a code was typed, `PAM_AUTHTOK` stays as it is, since the user
    /// did not type an empty password.
    fn hand_on(&mut self, password: &[u8]) -> Result<(), RelayResult> {
        if password.is_empty() {
            return Ok(());
        }
        self.host
            .set_authtok(password)
            .map_err(|_| RelayResult::Unavailable {
                reason: "libpam did not store the password for the next module".into(),
                outage: false,
                before_any_answer: false,
            })
    }

    /// Some programs (OpenVPN, FreeRADIUS) can't show messages; that changes no outcome.
    fn show(&mut self, messages: &[Message]) {
        if !messages.is_empty() && self.host.show(messages).is_err() {
            self.host.log(
                Priority::Notice,
                "the program did not show the agent's messages",
            );
        }
    }

    /// Tells the agent that no answer comes. Closing the connection would mean the same, but this
    /// way the agent has recorded it before the program goes on.
    fn cancelled(&mut self, result: RelayResult) -> RelayResult {
        let parameters = CancelParameters {
            session: self.session.clone(),
        };
        if let Err(error) = self.client.call::<Cancel>(&parameters) {
            self.host.log(
                Priority::Notice,
                &format!("could not tell the agent to cancel: {error}"),
            );
        }
        result
    }
}

impl From<NoAnswer> for RelayResult {
    fn from(error: NoAnswer) -> Self {
        Self::Conversation(error.to_string())
    }
}

impl From<ConversationError> for RelayResult {
    fn from(error: ConversationError) -> Self {
        Self::Conversation(error.to_string())
    }
}

/// More than any dialogue needs: an agent that asks without end would keep a program that answers
/// by itself (OpenVPN) here forever.
const MAX_STEPS: usize = 64;

/// Bytes of a ticket; the agent's have 32.
const MAX_TICKET: usize = 128;

const BAD_USER: &str =
    "login refused: the user name is missing, not UTF-8 or longer than 256 bytes";

const BAD_SERVICE: &str =
    "login refused: the program's PAM service name is missing, not UTF-8 or longer than 256 bytes";
