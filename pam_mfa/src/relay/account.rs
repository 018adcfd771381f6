//! The account phase: whether a user that the program is about to accept has met the policy.
//!
//! The program may have skipped the stack that asks for the second factor, as sshd does after a
//! public key. This phase asks nothing. It sends the agent the ticket that the `auth` phase left in
//! PAM's environment, and removes it, so that it reaches no session.

use mfa_protocol::login::{Admit, AdmitParameters, Outcome};

use super::failure::{before_the_first_step, not_understood};
use super::step::Next;
use super::verified::Verified;
use super::{Host, Priority, first_call, parameters};
use crate::outcome::RelayResult;
use mfa_protocol::arguments::Arguments;

/// Asks the agent, once.
pub fn admit(arguments: &Arguments, host: &mut impl Host) -> RelayResult {
    let result = ask(arguments, host);
    // Used or not, the session must not see it.
    if host.set_ticket(None).is_err() {
        host.log(Priority::Error, "libpam did not remove the ticket");
    }
    match result {
        Ok(outcome) => RelayResult::Decided(outcome),
        Err(result) => result,
    }
}

fn ask(arguments: &Arguments, host: &mut impl Host) -> Result<Outcome, RelayResult> {
    let login = parameters(arguments, host)?;
    let mut parameters = AdmitParameters {
        user: login.user,
        service: login.service,
        rhost: login.rhost,
        ruser: login.ruser,
        tty: login.tty,
        after: login.after,
        verified_keys: login.verified_keys,
        ticket: host.ticket(),
    };
    let (_, reply) = first_call::<Admit>(arguments, &mut parameters, |parameters| {
        parameters.after = Verified::without_keys(parameters.after.take());
        parameters.verified_keys.take().is_some()
    })
    .map_err(before_the_first_step)?;
    match Next::try_from(reply.step).map_err(not_understood)? {
        Next::Ask { .. } | Next::Wait { .. } | Next::Sign { .. } => {
            Err(not_understood("it asks in the account phase"))
        }
        Next::Ended {
            messages, outcome, ..
        } => {
            if !messages.is_empty() && host.show(&messages).is_err() {
                host.log(
                    Priority::Notice,
                    "the program did not show the agent's messages",
                );
            }
            Ok(outcome)
        }
    }
}
