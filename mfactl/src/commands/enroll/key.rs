//! `mfactl enroll key`: a security key by its public key, which is a line of standard input.
//!
//! Users prove that the key is theirs and works: it signs once, through their ssh-agent. The agent makes the message and
//! verifies the signature; this program carries both. An administrator can't touch another user's key, so the keys of
//! others are stored at once.
//!
//! A private key that is given by mistake is sent nowhere and shown nowhere.

use mfa_import::authorized_keys::{self, KeyLine};
use mfa_protocol::Secret;
use mfa_protocol::admin::{
    ConfirmKey, ConfirmKeyParameters, EnrollKey, EnrollKeyParameters, EnrollKeyReply,
};
use mfa_protocol::factor::Authenticator;
use mfa_protocol::login::Unsigned;
use nix::unistd::geteuid;
use serde::Serialize;

use crate::args;
use crate::commands::Verdict;
use crate::context::{Context, acts_for_oneself, caller};
use crate::failure::Failure;
use crate::output::{clean, clean_lines};
use crate::ssh_agent;

/// Messages that the agent may have carried to the ssh-agent: which keys it has, and a signature.
const MESSAGES: usize = 2;

/// How long the user has for the touch, in seconds.
const PATIENCE: u32 = 60;

pub(super) fn run(context: &mut Context, args: args::EnrollKey) -> Result<Verdict, Failure> {
    let line = public_key(context)?;
    // A file on standard input has no answers in it, if the caller has to pass a factor first.
    context.console()?.go_on_at_the_terminal();
    let is_own = acts_for_oneself(args.user.as_deref()) || is_ones_own(args.user.as_deref());
    let parameters = EnrollKeyParameters {
        user: args.user,
        key: line.key,
        label: args.label,
        confirm: args.confirm || is_own && !args.no_confirm,
    };
    let mut reply = context.change::<EnrollKey>(&parameters)?;
    for _ in 0..MESSAGES {
        let Some(sign) = reply.sign.take() else { break };
        let signed = carried(context, &reply, &sign)?;
        reply = context.call::<ConfirmKey>(&ConfirmKeyParameters { signed })?;
    }
    if !reply.stored {
        return Err(Failure::Garbled("the key is not stored".to_owned()));
    }
    report(context, &reply)
}

/// The same as [`acts_for_oneself`], for root too.
fn is_ones_own(user: Option<&str>) -> bool {
    user.is_none_or(|user| caller().is_ok_and(|caller| caller == user))
}

/// The line with the public key.
fn public_key(context: &mut Context) -> Result<KeyLine, Failure> {
    let console = context.console()?;
    // Without echo: a private key that is pasted by mistake must not stay on the screen.
    let typed = console.demand(PROMPT, false, "the public key")?;
    if typed.is_empty() {
        return Err(Failure::Cancelled);
    }
    if authorized_keys::is_private(typed.expose()) {
        console.discard_typed();
    }
    read(&typed)
}

const PROMPT: &str = "Public key (the line of the file that ends in .pub; it is not shown): ";

fn read(typed: &Secret) -> Result<KeyLine, Failure> {
    let rejected = |reason: String| Failure::Rejected(format!("{reason}. Nothing was sent"));
    let line = authorized_keys::read(typed.expose()).map_err(|e| rejected(e.to_string()))?;
    let Some(line) = line else {
        return Err(rejected(
            "the first line is no public key; the file that ends in .pub has it".to_owned(),
        ));
    };
    if line.options.any {
        return Err(rejected(
            "there are options before the key; leave them out, or use: mfactl import authorized-keys USER FILE"
                .to_owned(),
        ));
    }
    Ok(line)
}

/// Carries a message to the ssh-agent, and returns its reply.
fn carried(context: &mut Context, reply: &EnrollKeyReply, sign: &str) -> Result<String, Failure> {
    if reply.touch {
        context.console()?.say(TOUCH);
    }
    let user = clean(&reply.user);
    ssh_agent::relay(sign, Some(PATIENCE))?.map_err(|why| unsigned(&user, why))
}

const TOUCH: &str = "Touch your security key.";

/// Why there is no signature, and what to do.
fn unsigned(user: &str, why: Unsigned) -> Failure {
    let what = match why {
        Unsigned::NoAgent => "the key must sign once, and there is no ssh-agent",
        Unsigned::Refused => {
            "the key must sign once, and the ssh-agent of SSH_AUTH_SOCK belongs to another user"
        }
        Unsigned::Timeout => "the ssh-agent gave no reply in time; touch the key when it blinks",
        Unsigned::TooLong => {
            "the ssh-agent's reply is too long; remove keys that you do not need: ssh-add -l, ssh-add -d"
        }
        Unsigned::Closed => "the ssh-agent closed the connection",
        Unsigned::Interrupted => return Failure::Cancelled,
    };
    Failure::Rejected(format!("{what}. Nothing was stored.\n{}", way_out(user)))
}

fn way_out(user: &str) -> String {
    if geteuid().is_root() {
        // sudo hides the ssh-agent, and who is root needs no proof.
        return format!(
            "As root you can store it without a signature: mfactl enroll key {user} --no-confirm < FILE.pub"
        );
    }
    format!(
        "Here:     eval \"$(ssh-agent)\"; ssh-add ~/.ssh/id_ed25519_sk; then again\n\
         Over SSH: connect with ssh -A\n\
         Or an administrator enrols it: mfactl enroll key {user} < FILE.pub"
    )
}

#[derive(Serialize)]
struct Enrolled<'a> {
    user: &'a str,
    factor: Authenticator,
    label: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    fingerprint: &'a str,
    changed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
}

fn report(context: &Context, reply: &EnrollKeyReply) -> Result<Verdict, Failure> {
    let value = Enrolled {
        user: &reply.user,
        factor: Authenticator::Key,
        label: &reply.key.label,
        kind: &reply.key.kind,
        fingerprint: &reply.key.fingerprint,
        changed: reply.changed,
        note: reply.note.as_deref(),
    };
    context.output.result(&value, || screen(reply))?;
    Ok(Verdict::Done)
}

fn screen(reply: &EnrollKeyReply) -> String {
    let (user, label) = (clean(&reply.user), clean(&reply.key.label));
    let what = match reply.changed {
        true => "enrolled",
        false => "is already enrolled; nothing changed",
    };
    let (kind, fingerprint) = (clean(&reply.key.kind), clean(&reply.key.fingerprint));
    let mut screen = format!("{user}: security key {label:?} {what}\n{kind} {fingerprint}");
    if let Some(note) = &reply.note {
        screen += &format!("\n{}", clean_lines(note));
    }
    screen
}
