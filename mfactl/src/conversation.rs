//! One login on the console: what a PAM application does with `pam_mfa`, without PAM.
//!
//! `verify` uses it, and every change before which the caller must pass a factor. Nothing is decided here: it shows
//! prompts, sends answers, and returns the agent's outcome.

use mfa_protocol::Secret;
use mfa_protocol::client::Client;
use mfa_protocol::login::{
    Answer, AnswerParameters, Begin, BeginParameters, Cancel, CancelParameters, Message, Outcome,
    Prompt,
};

use crate::console::Console;
use crate::failure::Failure;
use crate::output::clean_lines;
use crate::{ssh_agent, tty};

/// A login to run.
pub(crate) struct Login<'a> {
    /// Who logs in.
    pub(crate) user: &'a str,
    /// The PAM service whose rules apply.
    pub(crate) service: &'a str,
    /// The operation, if there is one.
    pub(crate) operation: Option<&'a str>,
    /// Whether only prompts are shown.
    pub(crate) quiet: bool,
}

/// Runs a login until it has an outcome.
pub(crate) fn hold(
    client: &mut Client,
    console: &mut Console,
    login: &Login<'_>,
) -> Result<Outcome, Failure> {
    let begin = BeginParameters {
        user: login.user.to_owned(),
        service: login.service.to_owned(),
        operation: login.operation.map(str::to_owned),
        tty: tty::name(),
        can_sign: ssh_agent::of_this_user().is_some().then_some(true),
        ..BeginParameters::default()
    };
    let mut reply = client.call::<Begin>(&begin)?;
    loop {
        // A touch is asked for by a message, and no prompt follows.
        if !login.quiet || reply.step.sign.is_some() {
            show(console, &reply.step.messages);
        }
        if let Some(outcome) = reply.step.outcome {
            return Ok(outcome);
        }
        if let Some(sign) = &reply.step.sign {
            let answer = ssh_agent::relay(sign, reply.step.patience)?;
            let answer = AnswerParameters::of_ssh_agent(reply.session, answer);
            reply = client.call::<Answer>(&answer)?;
            continue;
        }
        if reply.step.waits {
            client.allow(reply.step.patience);
            reply = client.call::<Answer>(&AnswerParameters {
                session: reply.session,
                answer: Secret::default(),
                ..AnswerParameters::default()
            })?;
            continue;
        }
        let Some(prompt) = reply.step.prompt else {
            return Err(Failure::Garbled(
                "it has neither a prompt nor an outcome".to_owned(),
            ));
        };
        let session = reply.session;
        let typed = match ask(console, &prompt) {
            Err(Failure::Cancelled) => None,
            typed => typed?,
        };
        let Some(typed) = typed else {
            client.call::<Cancel>(&CancelParameters { session })?;
            return Ok(Outcome::Cancelled);
        };
        let answer = tail(typed, prompt.tail);
        client.allow(reply.step.patience);
        reply = client.call::<Answer>(&AnswerParameters {
            session,
            answer,
            ..AnswerParameters::default()
        })?;
    }
}

fn show(console: &mut Console, messages: &[Message]) {
    for message in messages {
        console.say(&clean_lines(&message.text));
    }
}

fn ask(console: &mut Console, prompt: &Prompt) -> Result<Option<Secret>, Failure> {
    let text = clean_lines(&prompt.text);
    if !console.is_terminal() {
        // So that a script's log shows which line answered which prompt.
        console.say(text.trim_end());
    }
    console.ask(&text, prompt.echo)
}

/// The last `length` characters. A password before them must not reach the agent.
fn tail(typed: Secret, length: Option<u32>) -> Secret {
    let Some(length) = length else { return typed };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let text = typed.expose();
    let before = text.chars().count().saturating_sub(length);
    Secret::new(text.chars().skip(before).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_password_with_a_code_only_the_code_leaves() {
        assert_eq!(
            tail(Secret::from("pässwörd123456"), Some(6)).expose(),
            "123456"
        );
        assert_eq!(tail(Secret::from("123"), Some(6)).expose(), "123");
        assert_eq!(tail(Secret::from("whole"), None).expose(), "whole");
    }
}
