//! What the decision needs to know in addition to the account.

use jiff::Timestamp;
use mfa_protocol::login::Authtok;

use super::FallbackSource;
use crate::account::{SessionHost, SessionScope};
use crate::factors::Factor;
use crate::factors::address::Channel;
use crate::login::{KeyReach, KeyTerms};
use crate::names::UserName;

/// What the settings say, for any user.
#[derive(Clone, Copy, Debug, Default)]
pub struct EntryFacts<'a> {
    /// Where codes go for users who have enrolled no address.
    pub fallback: Option<FallbackSource<'a>>,
    /// How codes are sent, if they are.
    pub sends: Option<Channel>,
    /// How codes would be sent, if that is turned off.
    pub turned_off: Option<Channel>,
    /// What users may set up by themselves.
    pub self_service: &'a [Factor],
    /// Whether a user must enrol a new device after a recovery code.
    pub renews_devices: bool,
    /// Which security keys count.
    pub keys: KeyTerms,
}

/// Of a login that nobody has begun.
static NO_HOST: SessionHost = SessionHost {
    name: None,
    boot: String::new(),
};

/// The login, as far as the decision needs it.
#[derive(Clone, Copy, Debug)]
pub struct EntryContext<'a> {
    /// Who logs in.
    pub user: &'a UserName,
    /// Where the code comes from if it shares one answer with the password.
    pub authtok: Authtok,
    /// Whether it guards an operation.
    pub is_operation: bool,
    /// Whether the user proves who they are before they change their own factors.
    pub is_proof: bool,
    /// Whether a program that guards logins has begun it: it has checked a password, or its stack is to blame.
    pub is_guarded: bool,
    /// Whether the record is the user's own, not the shared record of names without one.
    pub is_own_record: bool,
    /// Whether a suspension counts: it ends.
    pub counts_suspension: bool,
    /// How security keys can be met.
    pub keys: KeyReach<'a>,
    /// Where a session of it holds; none if that can't be told from other places.
    pub scope: Option<&'a SessionScope>,
    /// The host, as far as sessions depend on it.
    pub host: &'a SessionHost,
    /// When.
    pub now: Timestamp,
}

impl<'a> EntryContext<'a> {
    /// A login of a program that guards logins, which nobody has begun: for whoever says what would become of it. It has no
    /// session and counts no suspension, because both end.
    #[must_use]
    pub fn foreseen(user: &'a UserName, keys: KeyReach<'a>, now: Timestamp) -> Self {
        Self {
            user,
            authtok: Authtok::None,
            is_operation: false,
            is_proof: false,
            is_guarded: true,
            is_own_record: true,
            counts_suspension: false,
            keys,
            scope: None,
            host: &NO_HOST,
            now,
        }
    }
}
