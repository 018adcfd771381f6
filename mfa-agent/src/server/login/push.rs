//! Requests to phones, which RADIUS servers send: what goes out, how often, and what users see that no server knows.

use std::time::Duration;

use jiff::Timestamp;
use mfa_protocol::Secret;
use mfa_radius::Challenge;

use super::super::Agent;
use super::super::error::Failure;
use super::super::push_decoy::PushEnd;
use super::super::random;
use super::following::Following;
use super::radius::ReservedGuess;
use super::{Login, QueryingRadius};
use crate::config::{Radius, Settings};
use crate::repository::After;
use mfa_core::account::{Account, Remote};
use mfa_core::login::RadiusReply;
use mfa_core::names::UserName;

impl Agent {
    /// Whether a user without an account at a RADIUS server seems to have one that asks on a phone: always the same for
    /// the same name, and as likely as the settings make it.
    pub(in crate::server) fn push_of_nobody(&self, settings: &Settings, user: &UserName) -> bool {
        let name = |radius: &Radius| radius.name.to_string();
        let names: Vec<String> = settings.radius.iter().map(name).collect();
        let picked = self.repository.pick(user, &names);
        let mut servers = settings.radius.iter();
        servers.any(|radius| radius.push && picked.is_some_and(|name| radius.name.as_str() == name))
    }

    /// Counts a question that a server asks. Returns whether it may be shown.
    pub(super) fn count_question(&self, login: &Login) -> Result<bool, Failure> {
        let requests = login.settings.request_limits();
        self.repository.change(&login.key, |account| {
            let mut account: Account = account.unwrap_or_default();
            let is_counted = account.count_request(Timestamp::now(), &requests);
            let after = match is_counted {
                true => After::Put(account.into()),
                false => After::Same,
            };
            Ok((after, is_counted))
        })
    }

    /// Notes how a query ended that was not approved, for the decoys.
    pub(super) fn note_end(&self, state: &QueryingRadius, took: Duration, end: PushEnd) {
        match state.is_push() {
            true => self.push_decoy.note(took, end),
            false => self.typical_latency.note(took, end == PushEnd::Silent),
        }
    }

    /// The question that a user sees after a push that went to no phone.
    pub(super) fn question_of_nobody(
        &self,
        login: &Login,
        state: QueryingRadius,
        guess: ReservedGuess,
    ) -> Result<Following, Failure> {
        self.settle(login, guess)?;
        let (message, echo) = self.push_decoy.question(&random()?);
        let reply = match self.count_question(login)? {
            // No server has sent it, so none gets the answer.
            true => RadiusReply::Challenged {
                challenge: Challenge {
                    server: ([0, 0, 0, 0], 0).into(),
                    state: None,
                    message: message.clone(),
                    echo,
                },
                message,
                echo,
            },
            false => RadiusReply::TooMany,
        };
        Ok(Following::due(state.replied(reply)))
    }
}

impl Login {
    /// What the server gets as the passcode: what was typed, or what starts a push.
    pub(super) fn passcode(&self, remote: &Remote, state: &QueryingRadius) -> Secret {
        let is_theirs = |radius: &&Radius| radius.name == remote.server;
        match (state.is_push(), state.follows()) {
            (true, None) => {
                let radius = self.settings.radius.iter().find(is_theirs);
                let code = radius.map(|radius| radius.push_code.as_str());
                Secret::from(code.unwrap_or_default())
            }
            _ => state.typed().clone(),
        }
    }
}
